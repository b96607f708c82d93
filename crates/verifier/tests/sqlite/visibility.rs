//! A reader gets each committed change exactly once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use ctx_key::{KeyId, KeyRecord, UnixTime};
use ctx_key_verifier::{Changed, Source};
use rusqlite::{Connection, params};

use crate::{File, Reader, id, insert, keys, record};

/// A generator of numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

type Records = BTreeMap<usize, KeyRecord<Arc<str>>>;

/// A transaction that is not committed yet.
struct Transaction {
    writer: usize,
    /// The records that the transaction sees.
    records: Records,
    /// Numbers of the keys that the transaction changed.
    changed: Vec<usize>,
}

impl Transaction {
    /// Inserts, changes or deletes a key.
    fn change(&mut self, db: &Connection, number: usize, time: u32, is_deletion: bool) {
        match self.records.get_mut(&number) {
            None => {
                insert(db, &record(number));
                self.records.insert(number, record(number));
            }
            Some(_) if is_deletion => {
                db.execute("DELETE FROM api_keys WHERE id = ?1", [id(number).as_str()]).unwrap();
                self.records.remove(&number);
            }
            Some(known) => {
                let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1";
                db.execute(sql, params![id(number).as_str(), time]).unwrap();
                known.revoked_at = Some(UnixTime::from_secs(time.into()));
            }
        }
        self.changed.push(number);
    }
}

/// Four connections write, in transactions that stay open while the log and records are read.
#[tokio::test]
async fn exactly_the_committed_changes_are_read() {
    for seed in 0..20 {
        let file = File::new();
        let mut random = Random(seed);
        let connections: Vec<Connection> = (0..4).map(|_| file.connect()).collect();
        let mut reader = Reader::new(file.source().await).await;
        let (mut committed, mut unread) = (Records::new(), Vec::new());
        let mut open: Option<Transaction> = None;
        for step in 0..400 {
            match (random.below(10), &mut open) {
                (0..2, None) => {
                    let writer = random.below(4);
                    connections[writer].execute_batch("BEGIN IMMEDIATE").unwrap();
                    open = Some(Transaction { writer, records: committed.clone(), changed: Vec::new() });
                }
                (0..5, Some(transaction)) => {
                    let db = &connections[transaction.writer];
                    transaction.change(db, random.below(12), step, random.below(2) == 0);
                }
                (5, Some(_)) => {
                    let Transaction { writer, records, changed } = open.take().unwrap();
                    connections[writer].execute_batch("COMMIT").unwrap();
                    committed = records;
                    unread.extend(changed);
                }
                (6, Some(_)) => {
                    let writer = open.take().unwrap().writer;
                    connections[writer].execute_batch("ROLLBACK").unwrap();
                }
                (7..9, _) => {
                    assert_eq!(reader.changed().await, keys(&unread), "seed {seed}, step {step}");
                    unread.clear();
                }
                _ => {
                    let looked_up =
                        reader.source.look_up(&(0..12).map(id).collect::<Vec<_>>()).await.unwrap();
                    let expected: Vec<_> = committed.values().cloned().collect();
                    assert_eq!(looked_up.records, expected, "seed {seed}, step {step}");
                    assert_eq!(looked_up.cursor > reader.cursor, !unread.is_empty());
                    assert!(looked_up.cursor >= reader.cursor);
                }
            }
        }
    }
}

/// Threads write at once. A copy that looks up each reported id again ends up the same as the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_follows_the_log_equals_the_table() {
    let file = File::new();
    let mut reader = Reader::new(file.source().await).await;
    let writers: Vec<_> = (0..4)
        .map(|seed| {
            let db = file.connect();
            thread::spawn(move || {
                let mut random = Random(seed);
                let mut count = 0;
                for _ in 0..150 {
                    db.execute_batch("BEGIN IMMEDIATE").unwrap();
                    let mut changes = 0;
                    for _ in 0..=random.below(5) {
                        let number = random.below(50);
                        let put = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, zeroblob(32), 'demo', 1)
                                   ON CONFLICT (id) DO UPDATE SET scopes = (scopes + 1) % 64";
                        let delete = "DELETE FROM api_keys WHERE id = ?1";
                        let sql = if random.below(4) == 0 { delete } else { put };
                        changes += db.execute(sql, [id(number).as_str()]).unwrap();
                    }
                    let is_undone = random.below(4) == 0;
                    db.execute_batch(if is_undone { "ROLLBACK" } else { "COMMIT" }).unwrap();
                    count += if is_undone { 0 } else { changes };
                }
                count
            })
        })
        .collect();
    let mut copy: BTreeMap<KeyId, KeyRecord<Arc<str>>> = BTreeMap::new();
    let mut reported = 0;
    let is_running =
        |writers: &[thread::JoinHandle<usize>]| writers.iter().any(|writer| !writer.is_finished());
    loop {
        let was_running = is_running(&writers);
        let Changed::Keys(ids) = reader.changed().await else { panic!("the log is short") };
        reported += ids.len();
        let looked_up = reader.source.look_up(&ids).await.unwrap();
        assert!(looked_up.cursor >= reader.cursor);
        ids.iter().for_each(|id| _ = copy.remove(id));
        copy.extend(looked_up.records.into_iter().map(|record| (record.id, record)));
        if !was_running {
            break;
        }
    }
    let changed: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(reported, changed);
    let all = reader.source.look_up(&(0..50).map(id).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(copy.into_values().collect::<Vec<_>>(), all.records);
}
