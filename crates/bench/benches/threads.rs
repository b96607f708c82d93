//! Measures verifications on one thread up to one thread for each core. The threads share one map of records.

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ctx_key::{ApiKey, Denied, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_bench::records::records;

/// Number of records that the threads share.
const RECORDS: usize = 100_000;

type Store = HashMap<KeyId, KeyRecord<u64>>;

/// Parses a key, looks up its record, verifies the key, and requires a scope.
fn check(store: &Store, text: &str) -> Result<u64, Denied> {
    let key = ApiKey::parse(text)?;
    let record = store.get(&key.id()).ok_or(Denied::unknown_key())?;
    let grant = record.verify(&key, UnixTime::from_secs(1_800_000_000))?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(**grant.project())
}

fn threads(c: &mut Criterion) {
    let (records, texts) = records(RECORDS);
    let store: Store = records.into_iter().map(|record| (record.id, record)).collect();
    let mut group = c.benchmark_group("threads");
    for threads in 1..=thread::available_parallelism().map_or(1, usize::from) {
        group.throughput(Throughput::Elements(threads as u64));
        group.bench_function(BenchmarkId::from_parameter(threads), |b| {
            b.iter_custom(|count| {
                let work = |first| {
                    let texts = texts.iter().cycle().skip(first);
                    for (_, text) in (0..count).zip(texts) {
                        assert!(check(&store, text).is_ok());
                    }
                };
                let start = Instant::now();
                thread::scope(|scope| {
                    for thread in 0..threads {
                        // each thread starts with another text
                        let (work, first) = (&work, thread * texts.len() / threads);
                        scope.spawn(move || work(first));
                    }
                });
                start.elapsed()
            });
        });
    }
}

criterion_group!(benches, threads);
criterion_main!(benches);
