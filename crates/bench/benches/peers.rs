//! A valid, a malformed and a forged credential, checked by each peer, beside the limit: one SHA-256 of a key.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ctx_key_bench::each_peer;
use ctx_key_bench::peers::Peer;
use sha2::{Digest, Sha256};

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(format!("peers_{name}"));
    group.bench_function("floor", |b| b.iter(|| Sha256::digest(black_box(&KEY.as_bytes()[..46]))));
    group
}

fn check<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, text: fn(&str) -> String, is_granted: bool) {
    let (peer, valid) = P::new();
    let presented = P::present(&text(&valid));
    assert_eq!(peer.check(&presented).is_some(), is_granted, "{}", P::NAME);
    group.bench_function(P::SLUG, |b| b.iter(|| peer.check(black_box(&presented))));
}

fn forged<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>) {
    check::<P>(group, P::forge, false);
}

/// Well-formed, and none that the server knows: what an attacker sends who read the documentation.
fn other<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>) {
    check::<P>(group, P::other, false);
}

fn issue<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (peer, _) = P::new();
    group.bench_function(P::SLUG, |b| b.iter(|| peer.issue()));
}

fn peers(c: &mut Criterion) {
    let mut valid = group(c, "valid");
    each_peer!(check, &mut valid, str::to_owned, true);
    valid.finish();

    let mut malformed = group(c, "malformed");
    each_peer!(check, &mut malformed, |_| "ctx_your_api_key_here".to_owned(), false);
    malformed.finish();

    let mut changed = group(c, "forged");
    each_peer!(forged, &mut changed);
    changed.finish();

    let mut unknown = group(c, "unknown");
    each_peer!(other, &mut unknown);
    unknown.finish();

    let mut issued = group(c, "issued");
    each_peer!(issue, &mut issued);
    issued.finish();
}

fn config() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = config(); targets = peers);
criterion_main!(benches);
