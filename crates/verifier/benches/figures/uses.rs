//! Writing uses of keys, by one node and by four at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, KeyId, UnixTime};
use ctx_key_verifier::{Options, Source};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::database::Database;
use crate::report::Report;
use crate::requests::verify_all;
use crate::{Error, Sizes};

const NODES: usize = 4;

/// Number of uses that a verifier writes at once.
const BATCH: usize = 10_000;

const WRITE_ONE: &str =
    "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(sizes.keys).await?.into();
    let mut ids: Vec<KeyId> = keys.iter().map(ApiKey::id).collect();
    ids.sort_unstable();

    // a day between two writes, so that the verifier does not write the uses before the measurement
    let verifier = database
        .verifier(Options { use_interval: Duration::from_secs(86_400), ..Options::default() })
        .await?;
    verify_all(&verifier, &keys).await?;
    let start = Instant::now();
    verifier.flush_uses().await?;
    let batches = start.elapsed().as_secs_f64();
    require_written(&database, sizes.keys).await?;

    let (count, one) = (sizes.single_uses, database.client().await?);
    let start = Instant::now();
    write_each(&one, &ids[..count], 4_000_000_000).await?;
    let each = start.elapsed().as_secs_f64() / count as f64 * sizes.keys as f64;
    report.title(&format!("uses of {} keys that are written down", sizes.keys));
    report.figure(&format!("one UPDATE per key in a transaction, by a sample of {count}"), each, "s");
    report.figure(&format!("the verifier, {BATCH} in a statement"), batches, "s");
    report.figure("one UPDATE per key / the verifier", each / batches, "");
    report.at_most("seconds of the verifier", batches, 5.0);

    let ids: Arc<[KeyId]> = ids.into();
    let old = four_nodes(&database, |node| {
        let (url, ids) = (database.url(), ids[..count].to_vec());
        async move {
            let client = crate::database::connect(&url).await?;
            write_each(&client, &ids, 4_000_000_001 + node).await
        }
    })
    .await?;
    let new = four_nodes(&database, |node| {
        let (source, ids) = (database.source(), ids.clone());
        async move { write_batches(&source?, &ids, 4_100_000_000 + u64::from(node)).await }
    })
    .await?;
    require_latest(&database, 4_100_000_000 + NODES as i64 - 1).await?;
    report.title(&format!("{NODES} nodes write uses of the same keys at once"));
    report.figure(&format!("one UPDATE per key, {count} in a transaction: time"), old.seconds, "s");
    report.figure("the same: samples in which a node waits for a lock", old.waits, "%");
    report.figure("the same: failures", old.failures as f64, "");
    report.figure(&format!("batches, {} uses of each node: time", ids.len()), new.seconds, "s");
    report.figure("the same: samples", new.samples as f64, "");
    report.none("the same: samples in which a node waits for another's row", new.row_waits);
    report.none("the same: failures", new.failures);
    Ok(())
}

/// Measurements of four nodes.
struct Outcome {
    seconds: f64,
    failures: u64,
    samples: u64,
    row_waits: u64,
    /// Share of the samples with a wait for any lock, in per cent.
    waits: f64,
}

/// Runs four writers at once, and checks every few milliseconds which connections wait for a lock.
async fn four_nodes<F>(database: &Database, write: impl Fn(u32) -> F) -> Result<Outcome, Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let observer = database.client().await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn(watch(observer, is_over.clone()));
    let start = Instant::now();
    let mut nodes = JoinSet::new();
    for node in 0..NODES {
        nodes.spawn(write(u32::try_from(node)?));
    }
    let mut failures = 0;
    while let Some(node) = nodes.join_next().await {
        if let Err(error) = node? {
            println!("  a node: {error}");
            failures += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    is_over.store(true, Ordering::Relaxed);
    let (samples, with_wait, row_waits) = watch.await??;
    let waits = 100.0 * with_wait as f64 / samples.max(1) as f64;
    Ok(Outcome { seconds, failures, samples, row_waits, waits })
}

/// Returns three counts: of all samples, of those with a wait for any lock, and of those with a wait for the lock of a row.
async fn watch(observer: Client, is_over: Arc<AtomicBool>) -> Result<(u64, u64, u64), Error> {
    const WAITING: &str = "SELECT count(*), count(*) FILTER (WHERE wait_event IN ('transactionid', 'tuple')) \
        FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = observer.prepare(WAITING).await?;
    let (mut samples, mut waits, mut row_waits) = (0, 0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let row = observer.query_one(&waiting, &[]).await?;
        samples += 1;
        waits += u64::from(row.get::<_, i64>(0) > 0);
        row_waits += u64::from(row.get::<_, i64>(1) > 0);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok((samples, waits, row_waits))
}

/// Writes uses with a statement each, all in one transaction.
async fn write_each(client: &Client, ids: &[KeyId], at: u32) -> Result<(), Error> {
    let statement = client.prepare(WRITE_ONE).await?;
    client.batch_execute("BEGIN").await?;
    for id in ids {
        client.execute(&statement, &[&id.as_str(), &i64::from(at)]).await?;
    }
    Ok(client.batch_execute("COMMIT").await?)
}

/// Writes uses as a verifier does: those that were skipped are written again.
async fn write_batches(source: &impl Source, ids: &[KeyId], at: u64) -> Result<(), Error> {
    let mut left: Vec<_> = ids.iter().map(|&id| (id, UnixTime::from_secs(at))).collect();
    while !left.is_empty() {
        let mut skipped = Vec::new();
        for batch in left.chunks(BATCH) {
            skipped.extend(source.record_uses(batch).await?);
        }
        left = skipped.into_iter().map(|id| (id, UnixTime::from_secs(at))).collect();
    }
    Ok(())
}

async fn require_written(database: &Database, count: usize) -> Result<(), Error> {
    let written = "SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL";
    let written: i64 = database.client().await?.query_one(written, &[]).await?.get(0);
    if usize::try_from(written)? == count {
        Ok(())
    } else {
        Err(format!("{written} uses are written").into())
    }
}

async fn require_latest(database: &Database, at: i64) -> Result<(), Error> {
    let older = "SELECT count(*) FROM api_keys WHERE last_used_at <> $1";
    let older: i64 = database.client().await?.query_one(older, &[&at]).await?.get(0);
    if older == 0 { Ok(()) } else { Err(format!("{older} keys do not have their latest use").into()) }
}
