//! Measures how long each peer takes to check a valid, a malformed, a forged and an unknown credential, and to issue one. The
//! floor is one SHA-256 of a key.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ctx_key_bench::each_peer;
use ctx_key_bench::peers::Peer;
use sha2::{Digest, Sha256};

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn check<P: Peer>(group: &mut Group<'_>, text: fn(&str) -> String, is_granted: bool) {
    let (peer, valid) = P::new();
    let presented = P::Presented::from(&text(&valid));
    assert_eq!(peer.check(&presented).is_some(), is_granted, "{}", P::NAME);
    group.bench_function(P::NAME, |b| b.iter(|| peer.check(black_box(&presented))));
}

fn forged<P: Peer>(group: &mut Group<'_>) {
    check::<P>(group, P::forge, false);
}

/// Measures well-formed credentials that are unknown, which an attacker who has read the documentation can send.
fn unknown<P: Peer>(group: &mut Group<'_>) {
    check::<P>(group, P::other, false);
}

fn issued<P: Peer>(group: &mut Group<'_>) {
    let (peer, _) = P::new();
    let (text, stored) = peer.issue();
    println!("{}: {} bytes, {stored} stored", P::NAME, text.len());
    group.bench_function(P::NAME, |b| b.iter(|| peer.issue()));
}

fn peers(c: &mut Criterion) {
    let mut with_floor = |name: &str, each: fn(&mut Group<'_>)| {
        let mut group = c.benchmark_group(name);
        group.bench_function("floor", |b| b.iter(|| Sha256::digest(black_box(&KEY.as_bytes()[..46]))));
        each(&mut group);
    };
    with_floor("valid", |group| {
        each_peer!(check, group, str::to_owned, true);
    });
    with_floor("malformed", |group| {
        each_peer!(check, group, |_| "ctx_your_api_key_here".to_owned(), false);
    });
    with_floor("forged", |group| {
        each_peer!(forged, group);
    });
    with_floor("unknown", |group| {
        each_peer!(unknown, group);
    });
    with_floor("issued", |group| {
        each_peer!(issued, group);
    });
}

fn config() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = config(); targets = peers);
criterion_main!(benches);
