//! Forward-only migrations of the schema. One process at a time applies all missing steps, in one transaction.
//!
//! During an upgrade, servers of two versions run side by side. So each step names the oldest version whose servers can
//! still use the database after it. The database stores this number, and an older server refuses the database. At its
//! start, a server applies a step only if servers of the database's current version can go on after it. All other steps
//! are left to the command `migrate`.

use std::time::Duration;

use ctx_key_verifier::{postgres, sqlite};
use tokio::time::timeout;
use tracing::info;

use crate::database::{Database, DatabaseError, Transaction};

/// A step from one version of the schema to the next.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub sqlite: &'static [&'static str],
    pub postgres: &'static [&'static str],
    /// The oldest version whose servers can use the schema after this step.
    pub oldest_server: i64,
}

/// All steps. A released step is never changed. Every change is a new step at the end, even a change of the
/// verifier's change log.
pub const STEPS: &[Step] = &[
    Step {
        sqlite: &[include_str!("../../migrations/sqlite/1-schema.sql"), sqlite::CHANGE_LOG],
        postgres: &[include_str!("../../migrations/postgres/1-schema.sql"), postgres::CHANGE_LOG],
        oldest_server: 1,
    },
    Step {
        sqlite: &[include_str!("../../migrations/sqlite/2-sign-ins.sql")],
        postgres: &[include_str!("../../migrations/postgres/2-sign-ins.sql")],
        oldest_server: 1,
    },
    Step {
        sqlite: &[include_str!("../../migrations/sqlite/3-words.sql")],
        postgres: &[include_str!("../../migrations/postgres/3-words.sql")],
        oldest_server: 1,
    },
    Step {
        sqlite: &[include_str!("../../migrations/sqlite/4-sessions-and-projects.sql")],
        postgres: &[include_str!("../../migrations/postgres/4-sessions-and-projects.sql")],
        oldest_server: 1,
    },
];

/// Time after which a process logs that it waits for the migration of another process.
const WAIT_NOTICE_DELAY: Duration = Duration::from_secs(1);

/// Reason why the schema can't be brought up to date.
#[derive(Debug)]
pub enum MigrationError {
    Database(DatabaseError),
    /// The schema is too new for this server.
    Newer {
        version: i64,
        oldest_server: i64,
        known: i64,
    },
    /// Servers of the database's version can't go on after a step.
    NotBeside {
        version: i64,
        known: i64,
    },
    /// A step took longer than a server may wait at its start.
    Slow,
}

impl From<DatabaseError> for MigrationError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl std::fmt::Display for MigrationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(error) => write!(f, "the database can't be prepared: {error}"),
            Self::Newer { version, oldest_server, known } => write!(
                f,
                "the database has version {version}, which needs a server that knows version {oldest_server}, and this \
                 server knows version {known}: start a newer server"
            ),
            Self::NotBeside { version, known } => write!(
                f,
                "servers of version {version} can't use the database after its upgrade to version {known}: stop all of \
                 them, then run `ctx-key-server migrate`"
            ),
            Self::Slow => write!(
                f,
                "the upgrade of the database takes longer than a start may wait for it: run `ctx-key-server migrate`, \
                 which has no time limit"
            ),
        }
    }
}

impl std::error::Error for MigrationError {}

/// Applies the missing steps at the start of a server. Waits for a migration in progress, however long it takes.
///
/// # Errors
///
/// - A later version of the server applied a step after which this version can't use the database.
/// - Servers of the database's version can't go on after a step.
/// - A statement takes longer than `statement_timeout`, including its wait for a lock.
/// - The database fails.
pub async fn prepare(
    database: &Database,
    steps: &[Step],
    statement_timeout: Duration,
) -> Result<(), MigrationError> {
    run(database, steps, Some(statement_timeout)).await
}

/// Applies the missing steps, however long they take. Stop all servers that can't use the new schema before.
///
/// # Errors
///
/// - A later version of the server applied a step after which this version can't use the database.
/// - The database fails.
pub async fn migrate(database: &Database, steps: &[Step]) -> Result<(), MigrationError> {
    run(database, steps, None).await
}

async fn run(database: &Database, steps: &[Step], start: Option<Duration>) -> Result<(), MigrationError> {
    let mut pending = Box::pin(begin(database));
    let mut transaction = match timeout(WAIT_NOTICE_DELAY, &mut pending).await {
        Ok(transaction) => transaction?,
        Err(_) => {
            info!("waiting for the migration of another process");
            pending.await?
        }
    };
    let create = "CREATE TABLE IF NOT EXISTS schema_version \
                  (version bigint NOT NULL PRIMARY KEY, oldest_server bigint NOT NULL)";
    transaction.execute_batch(create).await?;
    let sql = "SELECT max(version) AS version, max(oldest_server) AS oldest_server FROM schema_version";
    let row = transaction.query_one(sql, &[]).await?;
    let number = |column| row.get::<Option<i64>>(column).map(Option::unwrap_or_default);
    let (version, oldest_server) = (number("version")?, number("oldest_server")?);
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if oldest_server > known {
        return Err(MigrationError::Newer { version, oldest_server, known });
    }
    let missing = || (1..).zip(steps).filter(|(number, _)| *number > version);
    if let Some(limit) = start {
        // an empty database has no servers
        if version > 0 && missing().any(|(_, step)| step.oldest_server > version) {
            return Err(MigrationError::NotBeside { version, known });
        }
        transaction.limit_statements(limit).await?;
    }
    for (number, step) in missing() {
        let done = apply(&mut transaction, number, step).await;
        done.map_err(|error| match error {
            DatabaseError::Busy if start.is_some() => MigrationError::Slow,
            error => error.into(),
        })?;
    }
    Ok(transaction.commit().await?)
}

/// Begins the transaction of a migration. Only one process has one at a time.
async fn begin(database: &Database) -> Result<Transaction, DatabaseError> {
    let mut transaction = database.begin_without_limits().await?;
    if transaction.is_postgres() {
        transaction.query("SELECT pg_advisory_xact_lock(4127063)::text", &[]).await?;
    }
    Ok(transaction)
}

async fn apply(transaction: &mut Transaction, number: i64, step: &Step) -> Result<(), DatabaseError> {
    for statements in if transaction.is_postgres() { step.postgres } else { step.sqlite } {
        transaction.execute_batch(statements).await?;
    }
    let sql = "INSERT INTO schema_version (version, oldest_server) VALUES ($1, $2)";
    transaction.execute(sql, &[number.into(), step.oldest_server.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::STEPS;

    /// Databases with a released step do not get a later change of the step.
    #[test]
    fn released_steps_do_not_change() {
        let start =
            |texts: &[&str]| u32::from_be_bytes(*Sha256::digest(texts.concat()).first_chunk().unwrap());
        // the first step is released with the first version of the server
        let released: [[u32; 2]; 0] = [];
        let starts: Vec<_> = STEPS.iter().map(|step| [start(step.sqlite), start(step.postgres)]).collect();
        assert!(starts.starts_with(&released), "{starts:x?}");
    }

    #[test]
    fn a_step_asks_for_no_server_that_does_not_exist() {
        for (number, step) in (1..).zip(STEPS) {
            assert!((1..=number).contains(&step.oldest_server), "step {number}");
        }
    }
}
