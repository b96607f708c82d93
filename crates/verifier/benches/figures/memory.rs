//! Memory of cached records.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use ctx_key::{ApiKey, KeyId, KeyRecord};
use ctx_key_verifier::{Options, Source};

use crate::database::Database;
use crate::report::Report;
use crate::requests::verify_all;
use crate::{Error, Sizes};

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let count = sizes.records;
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(count).await?.into();
    // the keys are revoked, so that no uses of keys, which are not part of the cache, take up memory
    database.client().await?.batch_execute("UPDATE api_keys SET revoked_at = 1").await?;
    let verifier = database.verifier(Options { max_records: count, ..Options::default() }).await?;

    let before = resident()?;
    verify_all(&verifier, &keys).await?;
    let filled = resident()?;

    let source = database.source()?;
    let mut map: HashMap<KeyId, Arc<KeyRecord<Arc<str>>>> = HashMap::new();
    for keys in keys.chunks(500) {
        let ids: Vec<_> = keys.iter().map(ApiKey::id).collect();
        let records = source.look_up(&ids).await?.records;
        map.extend(records.into_iter().map(|record| (record.id, Arc::new(record))));
    }
    let with_map = resident()?;

    let misses = verifier.stats().cache_misses;
    verify_all(&verifier, &keys).await?;
    let cached = count as u64 - (verifier.stats().cache_misses - misses);

    let bytes = |from, to: u64| to.saturating_sub(from) as f64;
    report
        .title(&format!("memory of {count} records with a project each, by the resident set of the process"));
    report.figure(
        "a record, without the text of its project",
        size_of::<KeyRecord<Arc<str>>>() as f64,
        "bytes",
    );
    report.figure("each in a `HashMap` of `Arc`s", bytes(filled, with_map) / map.len() as f64, "bytes");
    report.figure("records that the cache of that size kept", cached as f64, "");
    report.at_most("each of those in the cache", bytes(before, filled) / cached as f64, 300.0);
    Ok(())
}

/// Returns the bytes of this process that are in memory.
fn resident() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
