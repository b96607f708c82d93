//! Finding and redacting keys, compared with a search for only the prefix in the same text; and hostile texts.
//!
//! Each text is 1 MiB long, so that a time is easily converted into a throughput.

use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ctx_key::scan::{self, RedactingWriter};
use memchr::memmem;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const LEN: usize = 1 << 20;

fn repeated(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(LEN).collect()
}

/// Returns the library's own source, in which the prefix is common. The keys in its examples are redacted.
fn source_code() -> Vec<u8> {
    let source = [
        include_str!("../src/key.rs"),
        include_str!("../src/scope.rs"),
        include_str!("../src/record.rs"),
        include_str!("../src/serde.rs"),
        include_str!("../src/digest.rs"),
        include_str!("../src/bearer.rs"),
    ];
    repeated(&scan::redact_str(&source.concat()))
}

fn find(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes(LEN as u64));
    let text = source_code();
    assert_eq!(scan::find_iter(&text).count(), 0);
    group.bench_function("floor", |b| b.iter(|| memmem::find_iter(black_box(&text), b"ctx_").count()));
    group.bench_function("find_iter", |b| b.iter(|| scan::find_iter(black_box(&text)).count()));
    group.bench_function("redact", |b| b.iter(|| scan::redact(black_box(&text)).len()));
    group.bench_function("writer", |b| {
        b.iter(|| {
            let mut writer = RedactingWriter::new(std::io::sink());
            black_box(&text).chunks(4096).for_each(|chunk| writer.write_all(chunk).unwrap());
            writer.finish().unwrap()
        });
    });
    group.finish();
}

fn hostile(c: &mut Criterion) {
    let wrong_checksum = KEY.replacen("n9", "n8", 1);
    for (name, text) in [
        ("prefixes", repeated("ctx_")),
        ("near_keys", repeated(&wrong_checksum)),
        ("near_characters", repeated(&KEY.replacen("n9", "n-", 1))),
        ("one_run", repeated("ctx_").into_iter().take(4).chain(repeated("a").into_iter().skip(4)).collect()),
        ("keys", repeated(KEY)),
    ] {
        let mut group = c.benchmark_group(format!("scan_{name}"));
        group.throughput(Throughput::Bytes(LEN as u64));
        group.bench_function("find_iter", |b| b.iter(|| scan::find_iter(black_box(&text)).count()));
        group.bench_function("redact", |b| b.iter(|| scan::redact(black_box(&text)).len()));
        group.bench_function("writer", |b| {
            b.iter(|| {
                let mut writer = RedactingWriter::new(std::io::sink());
                writer.write_all(black_box(&text)).unwrap();
                writer.finish().unwrap()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, find, hostile);
criterion_main!(benches);
