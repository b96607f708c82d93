//! A source of records in PostgreSQL 13 or later, directly or through a pooler in transaction mode.
//!
//! Apply [`SCHEMA`] and [`CHANGE_LOG`] once, for example as a migration:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ctx_key_verifier::postgres::{CHANGE_LOG, Config, Options, PostgresSource, SCHEMA};
//!
//! let config = Config::new("postgres://app@localhost/app")?;
//! let client = config.pool(1).get().await?;
//! client.batch_execute(&format!("{SCHEMA}{CHANGE_LOG}")).await?;
//!
//! let source = PostgresSource::new(&config, &Options::default());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! An application that has connections of its own can describe their errors in the same words: [`SourceError`] converts
//! from the errors of `tokio_postgres` and of the pool. Its texts contain neither data nor the URL.
//!
//! ```no_run
//! # async fn example(config: &ctx_key_verifier::postgres::Config) -> Result<(), ctx_key_verifier::SourceError> {
//! let client = config.pool(8).get().await?;
//! let row = client.query_typed_one("SELECT count(*) FROM users", &[]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Privileges
//!
//! The source's user needs only these privileges. A user that changes keys needs no privilege on the log.
//!
//! ```sql
//! GRANT SELECT, UPDATE (last_used_at) ON api_keys TO app;
//! GRANT SELECT, DELETE ON api_key_changes TO app;
//! GRANT SELECT, INSERT, UPDATE ON api_key_log TO app;
//! ```
//!
//! Set a time-out, so that no statement waits long for a lock of the table. Set it for the user, because the source
//! changes no settings of its sessions:
//!
//! ```sql
//! ALTER ROLE app SET statement_timeout = '5s';
//! ```
//!
//! # Poolers
//!
//! Behind a pooler, give the source a user or a database entry of its own. A pooler shares its server connections among
//! all clients of one user and database, so other queries of that user could make the source wait.
//!
//! A process has at most [`Options::connections`] + 1 connections, one of them for the log. Give the pool of that entry
//! (PgBouncer: `default_pool_size`) as many server connections for each process. With fewer, statements wait in the pooler.
//! Answers stay correct, but the cache is not used while a read of the log waits longer than the lease, and a look-up that
//! waits longer than its time-out is an error (503).
//!
//! PgBouncer 1.18 crashes on some requests to cancel a statement whose client hangs up too early. The source never sends
//! such a request, but other clients of the pooler may.
//!
//! # Dumps
//!
//! Leave the rows of `api_key_changes` and `api_key_log` out of a dump (`pg_dump --exclude-table-data='api_key_*'`),
//! because they hold numbers of the old cluster's transactions. If these rows are restored nevertheless, the source notices
//! it, and deletes those whose numbers the new cluster has not reached.
//!
//! # Limits
//!
//! - An old primary that was not fenced off still answers.
//! - A failover to an asynchronous standby can undo a revocation that was committed. `synchronous_commit` with a
//!   synchronous standby prevents that.
//! - Deleting rows of the log by hand hides those changes.
//! - `api_keys` is an ordinary table. Changes made directly in a partition or a child table are not logged.

mod connect;
mod connections;
mod error;
mod pruner;
mod snapshot;
mod statements;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ctx_key::{KeyId, KeyRecord, UnixTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub use connect::{Config, ConfigError};
pub use snapshot::Snapshot;

use crate::record::record_from_columns;
use crate::{Changed, Changes, LookedUp, Source, SourceError};
use connections::{Connections, Parameters};
use error::{no_change_log, standby, unexpected};
use pruner::Pruner;

/// The table of the records. The application may add columns.
pub const SCHEMA: &str = include_str!("postgres/schema.sql");

/// The log of changes, and the triggers on `api_keys` that write it.
///
/// Apply it in one transaction, in the schema of `api_keys`, as the owner of that table. Applying it again is allowed, and
/// makes each process drop its cache once.
pub const CHANGE_LOG: &str = include_str!("postgres/change_log.sql");

/// Maximum number of changes that are reported one by one. More are reported as a change of all keys.
const MAX_CHANGES: usize = 20_000;

/// Maximum time that a look-up keeps its connection after its caller gave up. A read of the log gives up its connection
/// at once: if that one hangs, the next read, which renews the lease, needs another.
const LINGER: Duration = Duration::from_secs(10);

/// Number of triggers in [`CHANGE_LOG`].
const TRIGGERS: i64 = 5;

/// Options of a [`PostgresSource`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Maximum number of connections for look-ups and uses. One more is reserved for reads of the change log. Default: 8.
    pub connections: usize,
    /// Minimum age at which rows of the change log are deleted. A process that did not read the log for this time drops
    /// its cache. Default: 5 minutes.
    pub retention: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, retention: Duration::from_secs(300) }
    }
}

/// Key records in the table `api_keys`.
#[derive(Clone, Debug)]
pub struct PostgresSource {
    connections: Connections,
    /// A pool of one connection.
    log_connection: Connections,
    pruner: Arc<Pruner>,
}

impl PostgresSource {
    /// Creates a source. It connects when it is first used.
    pub fn new(config: &Config, options: &Options) -> Self {
        let connections = Connections::new(config.pool(options.connections), LINGER);
        let pruner = Arc::new(Pruner::new(connections.clone(), options.retention));
        Self { connections, log_connection: Connections::new(config.pool(1), Duration::ZERO), pruner }
    }

    /// Deletes the rows of the change log that this process saw at least [`Options::retention`] ago, so that every process
    /// has read them. Does nothing until this process has read the log for that time since the last attempt, even if that
    /// one failed. [`Source::changes_since`] calls it in the background.
    ///
    /// # Errors
    ///
    /// - The database can't be reached or is busy.
    /// - The user may not delete rows of the log.
    pub async fn prune(&self) -> Result<(), SourceError> {
        self.pruner.prune().await
    }

    async fn repair(&self) -> Result<(), SourceError> {
        self.log_connection.query(statements::REPAIR, &[]).await?;
        tracing::warn!("the change log was restored from another cluster: its history starts again");
        Ok(())
    }
}

impl Source for PostgresSource {
    type Project = Arc<str>;
    type Cursor = Snapshot;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, Snapshot>, SourceError> {
        let ids: Vec<_> = ids.iter().map(KeyId::as_str).collect();
        let rows = self.connections.query(statements::LOOK_UP, &[(&ids, Type::TEXT_ARRAY)]).await?;
        let (mut cursor, mut records, mut corrupt) = (None, Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            let Some(id) = row.try_get::<_, Option<&str>>("id")? else {
                require_primary(row)?;
                cursor = Some(snapshot(row, None)?);
                continue;
            };
            let id = id.parse().map_err(|_| unexpected("a row has an id that was not looked up"))?;
            match record(id, row)? {
                Some(record) => records.push(record),
                None => corrupt.push(id),
            }
        }
        Ok(LookedUp { records, corrupt, cursor: cursor.ok_or_else(no_change_log)? })
    }

    async fn changes_since(&self, last: Option<&Snapshot>) -> Result<Changes<Snapshot>, SourceError> {
        let unseen = last.into_iter().flat_map(Snapshot::unseen);
        let (low, high): (Vec<_>, Vec<_>) =
            unseen.map(|(low, high)| (low.to_string(), high.map(|high| high.to_string()))).unzip();
        let history = last.map(Snapshot::history);
        let parameters: Parameters<'_> =
            &[(&low, Type::TEXT_ARRAY), (&high, Type::TEXT_ARRAY), (&history, Type::TEXT)];
        let rows = self.log_connection.query(statements::CHANGES, parameters).await?;
        let row = rows.first().ok_or_else(no_change_log)?;
        require_primary(row)?;
        if row.try_get::<_, i64>("triggers")? != TRIGGERS {
            return Err(no_change_log());
        }
        let cursor = snapshot(row, Some(row.try_get("log")?))?;
        if row.try_get("is_foreign")? {
            self.repair().await?;
            return Ok(Changes { changed: Changed::History, cursor });
        }
        if self.pruner.is_due(&cursor) {
            let pruner = self.pruner.clone();
            tokio::spawn(async move {
                if let Err(error) = pruner.prune().await {
                    tracing::warn!(?error, "the change log can't be pruned");
                }
            });
        }
        let changed = match last {
            Some(last) => changed(last, &cursor, row)?,
            None => Changed::Keys(Vec::new()),
        };
        Ok(Changes { changed, cursor })
    }

    async fn record_uses(&self, uses: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        let mut latest = HashMap::with_capacity(uses.len());
        for (id, at) in uses {
            let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
            let time = latest.entry(id.as_str()).or_insert(seconds);
            *time = seconds.max(*time);
        }
        let (ids, times): (Vec<_>, Vec<_>) = latest.into_iter().unzip();
        let parameters: Parameters<'_> = &[(&ids, Type::TEXT_ARRAY), (&times, Type::INT8_ARRAY)];
        let rows = self.connections.query(statements::RECORD_USES, parameters).await?;
        let skipped = rows.iter().map(|row| {
            let id: &str = row.try_get("id")?;
            id.parse().map_err(|_| unexpected("a row has an id that was not written"))
        });
        skipped.collect()
    }
}

fn require_primary(row: &Row) -> Result<(), SourceError> {
    if row.try_get("standby")? { Err(standby()) } else { Ok(()) }
}

fn snapshot(row: &Row, log: Option<&str>) -> Result<Snapshot, SourceError> {
    let snapshot = Snapshot::new(row.try_get("transactions")?, row.try_get("history")?, log);
    snapshot.ok_or_else(|| unexpected("the server's snapshot can't be read"))
}

/// Returns the changes that became visible between two reads of the log.
fn changed(last: &Snapshot, cursor: &Snapshot, row: &Row) -> Result<Changed, SourceError> {
    let pruned_below = row.try_get::<_, &str>("pruned_below")?.parse();
    let pruned_below = pruned_below.map_err(|_| unexpected("the mark of the pruned log can't be read"))?;
    let ids: Vec<Option<&str>> = row.try_get("ids")?;
    Ok(judge(last, cursor, pruned_below, &ids))
}

/// Returns `ids` as the changed keys, if both snapshots are of one history and no id is missing.
fn judge(last: &Snapshot, cursor: &Snapshot, pruned_below: u64, ids: &[Option<&str>]) -> Changed {
    let is_later = last <= cursor;
    if !is_later || last.log != cursor.log {
        return Changed::History;
    }
    let is_complete = last.first_unseen() >= pruned_below && ids.len() <= MAX_CHANGES;
    if !is_complete || ids.contains(&None) {
        return Changed::Everything;
    }
    // a text that is not the id of a key belongs to no record
    Changed::Keys(ids.iter().flatten().filter_map(|id| id.parse().ok()).collect())
}

/// Returns the record of a row, or `None` if the row is not a record.
fn record(id: KeyId, row: &Row) -> Result<Option<KeyRecord<Arc<str>>>, SourceError> {
    let digest: Option<&[u8]> = row.try_get("digest")?;
    let project: Option<&str> = row.try_get("project")?;
    let scopes: Option<i64> = row.try_get("scopes")?;
    let times = ["not_before", "expires_at", "retires_at", "revoked_at"];
    let [not_before, expires_at, retires_at, revoked_at] = times.map(|column| row.try_get(column));
    let times = [not_before?, expires_at?, retires_at?, revoked_at?];
    let (Some(digest), Some(project), Some(scopes)) = (digest, project, scopes) else { return Ok(None) };
    Ok(record_from_columns(id, digest, project.into(), scopes, times))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Changed, Options, Snapshot, judge};

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let Options { connections, retention } = Options::default();
        assert_eq!((connections, retention), (8, Duration::from_secs(300)));
    }

    fn snapshot(transactions: &str) -> Snapshot {
        Snapshot::new(transactions, "a history", Some("a log")).expect("a snapshot")
    }

    #[test]
    fn ids_are_reported_only_if_none_is_missing() {
        let (last, next) = (snapshot("10:20:10,15"), snapshot("15:30:15"));
        let ids = [Some("key000000001"), Some("not a key's"), Some("key000000002")];
        let keys = |ids: &[&str]| Changed::Keys(ids.iter().map(|id| id.parse().expect("an id")).collect());
        let found = keys(&["key000000001", "key000000002"]);
        let histories = |history, log| Snapshot::new("15:30:15", history, log).expect("a snapshot");
        for (cursor, pruned_below, ids, expected) in [
            (&next, 0, &ids[..], &found),
            (&next, 10, &ids, &found),
            (&next, 11, &ids, &Changed::Everything),
            (&next, 0, &[], &keys(&[])),
            (&next, 0, &[None], &Changed::Everything),
            (&next, 0, &[ids[0], None], &Changed::Everything),
            (&next, 0, &[ids[0]; 20_000], &keys(&["key000000001"; 20_000])),
            (&next, 0, &[ids[0]; 20_001], &Changed::Everything),
            (&last, 0, &ids, &found),
            // snapshots that do not see all that the last one saw
            (&snapshot("10:19:10,15"), 0, &ids, &Changed::History),
            (&snapshot("10:30:10,15,16"), 0, &ids, &Changed::History),
            (&histories("another", Some("a log")), 0, &ids, &Changed::History),
            (&histories("a history", Some("another")), 0, &ids, &Changed::History),
            (&histories("a history", None), 0, &ids, &Changed::History),
        ] {
            assert_eq!(judge(&last, cursor, pruned_below, ids), *expected, "{cursor:?} {pruned_below}");
        }
    }
}
