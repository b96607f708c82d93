//! The paths that every request takes, each beside the floor that nothing could be below.
//!
//! Ratios, not nanoseconds, are what the README promises: `cargo xtask bench` makes its tables of them. Each group measures its
//! floor itself, next to the path, as machines change their speed in between.

use std::fmt::Write;
use std::hint::black_box;

use chacha20::ChaCha8Rng;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ctx_key::{ApiKey, Denied, KeyRecord, Scope, UnixTime, bearer};
use rand_core::{Rng, SeedableRng};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// A group whose floor is one hash of what a key's digest is the hash of.
fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.bench_function("floor", |b| b.iter(|| Sha256::digest(black_box(&KEY.as_bytes()[..46]))));
    group
}

/// What a request costs, by the text that it presents.
fn check(c: &mut Criterion) {
    let record = KeyRecord::new(&ApiKey::parse(KEY).unwrap(), 17_u64, Scope::READ);
    let check = |text: &str, now| -> Result<u64, Denied> {
        let key = ApiKey::parse(text)?;
        let grant = record.verify(&key, now)?;
        grant.require(Scope::MEMORIES_READ)?;
        Ok(**grant.project())
    };
    let check_header = |value: &str, now| -> Result<u64, Denied> {
        let key = bearer::parse([value])?;
        let grant = record.verify(&key, now)?;
        grant.require(Scope::MEMORIES_READ)?;
        Ok(**grant.project())
    };
    let mut group = group(c, "check");
    // The part of it that nobody can do without: the block is ready, and the result is words.
    let mut block = [0; 64];
    block[..46].copy_from_slice(&KEY.as_bytes()[..46]);
    (block[46], block[62], block[63]) = (0x80, 1, 0x70);
    group.bench_function("compress", |b| {
        b.iter(|| {
            let mut state = black_box([0_u32; 8]);
            compress256(&mut state, black_box(&[block]));
            state
        });
    });
    for (name, text) in [
        ("granted", KEY.to_owned()),
        ("prefix", KEY.replacen("ctx_", "sk__", 1)),
        ("length", KEY[..51].to_owned()),
        ("character", KEY.replacen("n9", "n-", 1)),
        ("checksum", KEY.replacen("n9", "n8", 1)),
    ] {
        let now = UnixTime::now();
        assert_eq!(check(&text, now).is_ok(), name == "granted");
        group.bench_function(name, |b| b.iter(|| check(black_box(&text), black_box(now))));
    }
    for (name, value) in [
        ("header", format!("Bearer {KEY}")),
        ("header_malformed", format!("Bearer {KEY},")),
        ("header_checksum", format!("Bearer {}", KEY.replacen("n9", "n8", 1))),
    ] {
        let now = UnixTime::now();
        assert_eq!(check_header(&value, now).is_ok(), name == "header");
        group.bench_function(name, |b| b.iter(|| check_header(black_box(&value), black_box(now))));
    }
}

fn generation(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::from_seed([7; 32]);
    let mut group = c.benchmark_group("generation");
    group.bench_function("floor", |b| {
        b.iter(|| {
            let mut bytes = [0; 64];
            rng.fill_bytes(black_box(&mut bytes));
            Sha256::digest(black_box(&bytes[..46]))
        });
    });
    group.bench_function("from_rng", |b| b.iter(|| ApiKey::generate_from_rng(black_box(&mut rng))));
}

fn scope(c: &mut Criterion) {
    let mut group = group(c, "scope");
    let all = Scope::all().to_string();
    group.bench_function("parse_six", |b| b.iter(|| black_box(&all[..]).parse::<Scope>()));
    let mut text = String::with_capacity(128);
    group.bench_function("format_six", |b| {
        b.iter(|| {
            text.clear();
            write!(text, "{}", black_box(Scope::all()))
        });
    });
    let required = Scope::CHATS_READ | Scope::USERS_READ;
    group.bench_function("check", |b| b.iter(|| black_box(Scope::READ).grants(black_box(required))));
}

criterion_group!(benches, check, generation, scope);
criterion_main!(benches);
