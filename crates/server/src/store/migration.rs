//! The schema, forward only: each step is done once, in the transaction that notes it.

use ctx_key_verifier::{postgres, sqlite};

use crate::database::{Database, DatabaseError, Transaction};

/// Statements of a step for SQLite, and those for PostgreSQL.
type Step = [&'static [&'static str]; 2];

/// A step that was released is never changed. The next one is added after it, also if a change log of the verifier changes.
const STEPS: [Step; 4] = [
    [
        &[include_str!("../../migrations/sqlite/1-keys.sql")],
        &[include_str!("../../migrations/postgres/1-keys.sql")],
    ],
    [
        &[include_str!("../../migrations/sqlite/2-records.sql")],
        &[include_str!("../../migrations/postgres/2-records.sql")],
    ],
    [
        &[include_str!("../../migrations/sqlite/3-retirement.sql")],
        &[include_str!("../../migrations/postgres/3-retirement.sql")],
    ],
    [
        &[sqlite::CHANGE_LOG],
        &[include_str!("../../migrations/postgres/4-change-log.sql"), postgres::CHANGE_LOG],
    ],
];

/// The newest version of the schema.
pub const LATEST: usize = STEPS.len();

/// Why the schema can't be brought up to date.
#[derive(Debug)]
pub enum MigrationError {
    Database(DatabaseError),
    /// A later version of the server made it.
    Newer(i64),
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
            Self::Newer(version) => write!(
                f,
                "the database has version {version}, and this server knows {LATEST} at most: start the server that \
                 made it, or a later one"
            ),
        }
    }
}

impl std::error::Error for MigrationError {}

/// Brings the schema to a version, or leaves a later one alone if it is known.
pub async fn migrate(database: &Database, to: usize) -> Result<(), MigrationError> {
    let mut transaction = database.begin().await?;
    migrate_to(&mut transaction, to).await?;
    Ok(transaction.commit().await?)
}

async fn migrate_to(transaction: &mut Transaction, to: usize) -> Result<(), MigrationError> {
    if transaction.is_postgres() {
        // one process at a time, until the end of the transaction
        transaction.query("SELECT pg_advisory_xact_lock(4127063)::text", &[]).await?;
    }
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)").await?;
    let row = transaction.query_one("SELECT max(version) AS version FROM schema_version", &[]).await?;
    let version = row.get::<Option<i64>>("version")?.unwrap_or(0);
    let done = usize::try_from(version).map_err(|_| MigrationError::Newer(version))?;
    if done > LATEST {
        return Err(MigrationError::Newer(version));
    }
    let is_postgres = transaction.is_postgres();
    for (step, [sqlite, postgres]) in (1_i64..).zip(STEPS).take(to).skip(done) {
        for statements in if is_postgres { postgres } else { sqlite } {
            transaction.execute_batch(statements).await?;
        }
        transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", &[step.into()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::STEPS;

    /// Databases have done these steps: one that changes would leave them without the change.
    #[test]
    fn released_steps_do_not_change() {
        let start =
            |texts: &[&str]| u32::from_be_bytes(*Sha256::digest(texts.concat()).first_chunk().unwrap());
        let starts = STEPS.map(|step| step.map(start));
        assert_eq!(
            starts,
            [
                [0x510e_1a09, 0xcf70_934b],
                [0x45a9_e393, 0xd60b_dbed],
                [0xb42c_2132, 0xf679_78e1],
                [0x97b0_6506, 0xf79a_eac3]
            ]
        );
    }
}
