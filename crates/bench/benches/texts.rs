//! Measures the search for keys in texts of 1 KiB to 1 GiB. The time for each byte must not grow with the length.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ctx_key::scan;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

fn texts(c: &mut Criterion) {
    let source = concat!(include_str!("../../../src/key.rs"), include_str!("../../../src/scope.rs"));
    let mut group = c.benchmark_group("texts");
    for (kind, piece) in [
        ("source code", scan::redact_str(source).into_owned()),
        ("keys, one a line", format!("{KEY}\n")),
        ("keys with a wrong checksum", KEY.replacen("n9", "n8", 1)),
        ("prefixes", "ctx_".to_owned()),
    ] {
        for length in [1 << 10, 1 << 20, 1 << 30] {
            group.throughput(Throughput::Bytes(length));
            group.bench_with_input(BenchmarkId::new(kind, length), &length, |b, &length| {
                let mut text = piece.as_bytes().repeat(length as usize / piece.len() + 1);
                text.truncate(length as usize);
                b.iter(|| scan::find_iter(black_box(&text)).count());
            });
        }
    }
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = config(); targets = texts);
criterion_main!(benches);
