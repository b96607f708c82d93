//! One set of records, read by one to all threads: verifications a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, Denied, KeyId, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};

use crate::records::records;

/// How many records the threads share.
const RECORDS: usize = 100_000;

type Store = HashMap<KeyId, KeyRecord<u64>>;

/// Key text to grant, look-up included.
fn check(store: &Store, text: &str) -> Result<u64, Denied> {
    let key = ApiKey::parse(text)?;
    let record = store.get(&key.id()).ok_or(Denied::unknown_key())?;
    let grant = record.verify(&key, UnixTime::from_secs(1_800_000_000))?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(**grant.project())
}

/// Verifications a second for each number of threads.
pub fn measure() -> Result<Value, std::io::Error> {
    let (records, texts) = records(RECORDS);
    let store: Store = records.into_iter().map(|record| (record.id, record)).collect();
    let rows = (1..=thread::available_parallelism()?.get()).map(|threads| {
        let each_second = (0..3).map(|_| each_second(&store, &texts, threads)).fold(0.0, f64::max);
        println!("{threads} threads: {:.1} million a second", each_second / 1e6);
        json!({ "threads": threads, "each_second": each_second })
    });
    Ok(rows.collect())
}

fn each_second(store: &Store, texts: &[String], threads: usize) -> f64 {
    let stop = AtomicBool::new(false);
    let work = |first: usize| {
        let mut done = 0_u64;
        // in another place of the texts than the other threads
        for batch in texts.chunks(100).cycle().skip(first * texts.len() / 100 / threads) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            for text in batch {
                assert!(check(store, text).is_ok());
            }
            done += batch.len() as u64;
        }
        done
    };
    thread::scope(|scope| {
        let start = Instant::now();
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn(move || work(first))).collect();
        thread::sleep(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
        let done: u64 = workers.into_iter().map(|worker| worker.join().expect("no panic")).sum();
        done as f64 / start.elapsed().as_secs_f64()
    })
}
