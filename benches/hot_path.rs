//! The functions that every request calls, each compared with its floor.
//!
//! docs/performance.md gives limits as multiples of the floor, and `cargo xtask bench paths` fails if one is exceeded. Each group
//! measures its own floor, because a machine's speed changes between groups.
//!
//! The floor of a check is one call of SHA-256's compression function on a padded block: a server must hash the key, and every
//! key fits one block. `Sha256::digest` is not a floor, because it copies through a buffer.

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

/// Returns the padded block whose hash is the key's digest.
fn block() -> [u8; 64] {
    let mut block = [0; 64];
    block[..46].copy_from_slice(&KEY.as_bytes()[..46]);
    (block[46], block[62], block[63]) = (0x80, 1, 0x70);
    block
}

fn compress(block: &[u8; 64]) -> u32 {
    let mut state = black_box([0; 8]);
    compress256(&mut state, std::slice::from_ref(block));
    black_box(state)[0]
}

/// Returns a group whose floor is one compression.
fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    let block = block();
    group.bench_function("compress", |b| b.iter(|| compress(black_box(&block))));
    group
}

fn check_text(record: &KeyRecord<u64>, text: &str, now: UnixTime) -> Result<u64, Denied> {
    grant(record, &ApiKey::parse(text)?, now)
}

fn check_header(record: &KeyRecord<u64>, value: &str, now: UnixTime) -> Result<u64, Denied> {
    grant(record, &bearer::parse([value])?, now)
}

#[inline]
fn grant(record: &KeyRecord<u64>, key: &ApiKey, now: UnixTime) -> Result<u64, Denied> {
    let grant = record.verify(key, now)?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(**grant.project())
}

fn record() -> KeyRecord<u64> {
    KeyRecord::new(&ApiKey::parse(KEY).unwrap(), 17, Scope::READ)
}

/// The throughput of a check: the processor executes several calls at the same time.
fn check(c: &mut Criterion) {
    let (record, now) = (record(), UnixTime::now());
    let mut group = group(c, "check");
    group.bench_function("digest", |b| b.iter(|| Sha256::digest(black_box(&KEY.as_bytes()[..46]))));
    for (name, text) in [
        ("granted", KEY.to_owned()),
        ("prefix", KEY.replacen("ctx_", "sk__", 1)),
        ("length", KEY[..51].to_owned()),
        ("character", KEY.replacen("n9", "n-", 1)),
        ("checksum", KEY.replacen("n9", "n8", 1)),
    ] {
        assert_eq!(check_text(&record, &text, now).is_ok(), name == "granted");
        group.bench_function(name, |b| b.iter(|| check_text(&record, black_box(&text), black_box(now))));
    }
    for (name, value) in [
        ("header", format!("Bearer {KEY}")),
        ("header_malformed", format!("Bearer {KEY},")),
        ("header_checksum", format!("Bearer {}", KEY.replacen("n9", "n8", 1))),
    ] {
        assert_eq!(check_header(&record, &value, now).is_ok(), name == "header");
        group.bench_function(name, |b| b.iter(|| check_header(&record, black_box(&value), black_box(now))));
    }
}

/// The latency of a check: the address of each input depends on the last result, so each call waits for the one before.
fn latency(c: &mut Criterion) {
    let (record, now) = (record(), UnixTime::now());
    let (blocks, texts, values) = ([block()], [KEY], [format!("Bearer {KEY}")]);
    // The compiler does not know that this is zero.
    let mask = black_box(0);
    let mut last = 0;
    let mut group = c.benchmark_group("latency");
    group.bench_function("compress", |b| b.iter(|| last = compress(&blocks[last as usize & mask])));
    let mut last = 0;
    group.bench_function("granted", |b| {
        b.iter(|| last = check_text(&record, texts[last as usize & mask], now).unwrap_or_default());
    });
    group.bench_function("header", |b| {
        b.iter(|| last = check_header(&record, &values[last as usize & mask], now).unwrap_or_default());
    });
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

criterion_group!(benches, check, latency, generation, scope);
criterion_main!(benches);
