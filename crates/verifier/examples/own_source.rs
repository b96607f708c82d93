//! A source of your own, over the SQLite library that your program links already.
//!
//! ```text
//! cargo run -p ctx-key-verifier --example own_source
//! ```
//!
//! It uses the table and the log of `ctx_key_verifier::sqlite`, which need no feature. Unlike `SqliteSource`, it does not
//! prune the log, and it assumes that nobody replaces the file or restores a backup while the program runs.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::sqlite::{CHANGE_LOG, SCHEMA};
use ctx_key_verifier::{
    Changed, Changes, LookedUp, Options, Source, SourceError, Verifier, record_from_columns,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

/// The program's connection. Its calls block, so they run on tokio's threads for blocking work.
#[derive(Clone)]
pub(crate) struct Keys(pub(crate) Arc<Mutex<Connection>>);

impl Keys {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SourceError> {
        let db = self.0.clone();
        let task = move || work(&mut db.lock().unwrap_or_else(PoisonError::into_inner));
        let result = tokio::task::spawn_blocking(task).await;
        result.map_err(|error| SourceError::Unexpected(error.into()))?.map_err(failure)
    }
}

/// The error is logged, and a message of SQLite can quote rows. So the error contains only the code.
fn failure(error: rusqlite::Error) -> SourceError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SourceError::Busy,
        code => SourceError::Unexpected(format!("SQLite: {code:?}").into()),
    }
}

impl Source for Keys {
    type Project = Arc<str>;
    /// Number of the last visible change. SQLite has one writer at a time, so all changes before it are visible too.
    type Cursor = i64;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, i64>, SourceError> {
        let ids = ids.to_vec();
        self.run(move |db| {
            // in one transaction, so that the records and the cursor belong to the same snapshot
            let transaction = db.transaction()?;
            let mut looked_up =
                LookedUp { records: Vec::new(), corrupt: Vec::new(), cursor: last_change(&transaction)? };
            let mut select = transaction.prepare("SELECT * FROM api_keys WHERE id = ?1")?;
            for id in ids {
                match select.query_row([id.as_str()], |row| Ok(record(id, row))).optional()? {
                    Some(Some(record)) => looked_up.records.push(record),
                    Some(None) => looked_up.corrupt.push(id),
                    None => {}
                }
            }
            Ok(looked_up)
        })
        .await
    }

    async fn changes_since(&self, cursor: Option<&i64>) -> Result<Changes<i64>, SourceError> {
        let since = cursor.copied();
        self.run(move |db| {
            let transaction = db.transaction()?;
            let cursor = last_change(&transaction)?;
            let mut select = transaction.prepare("SELECT id FROM api_key_changes WHERE seq > ?1")?;
            let ids = select.query_map([since.unwrap_or(cursor)], |row| row.get(0))?;
            let ids: Option<Vec<String>> = ids.collect::<rusqlite::Result<_>>()?;
            let changed = match ids {
                // a text that is not the id of a key is not in the cache
                Some(ids) => Changed::Keys(ids.iter().filter_map(|id| id.parse().ok()).collect()),
                // a row without an id
                None => Changed::Everything,
            };
            Ok(Changes { changed, cursor })
        })
        .await
    }

    async fn record_uses(&self, uses: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        let uses = uses.to_vec();
        self.run(move |db| {
            let transaction = db.transaction()?;
            let sql = "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
            let mut update = transaction.prepare(sql)?;
            for (id, at) in uses {
                update.execute((id.as_str(), i64::try_from(at.as_secs()).unwrap_or(i64::MAX)))?;
            }
            drop(update);
            transaction.commit()?;
            Ok(Vec::new())
        })
        .await
    }
}

fn last_change(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT coalesce(max(seq), 0) FROM api_key_changes", [], |row| row.get(0))
}

/// Returns the record of a row, or `None` if the row is not a record.
fn record(id: KeyId, row: &Row<'_>) -> Option<KeyRecord<Arc<str>>> {
    let digest: [u8; 32] = row.get("digest").ok()?;
    let project: Arc<str> = row.get("project").ok()?;
    let time = |name| row.get(name).ok();
    let times = [time("not_before")?, time("expires_at")?, time("retires_at")?, time("revoked_at")?];
    record_from_columns(id, &digest, project, row.get("scopes").ok()?, times)
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(SCHEMA)?;
    db.execute_batch(CHANGE_LOG)?;
    let keys = Keys(Arc::new(Mutex::new(db)));
    let verifier = Verifier::new(keys.clone(), Options::default());

    let [first, second] = [ApiKey::generate(), ApiKey::generate()];
    for key in [&first, &second] {
        let (id, digest) = (key.id(), *key.digest().as_bytes());
        let sql = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, ?2, 'demo', ?3)";
        let insert = move |db: &mut Connection| db.execute(sql, (id.as_str(), digest, Scope::READ.bits()));
        keys.run(insert).await?;
        let grant = verifier.verify(key, Scope::MEMORIES_READ).await?;
        println!("{}: granted to project {}", key.id().masked(), grant.project());
    }

    // this process revokes a key, and removes it from the cache
    revoke(&keys, first.id()).await?;
    verifier.invalidate(first.id());
    let refused = verifier.verify(&first, Scope::MEMORIES_READ).await.unwrap_err();
    println!("{}: {} at once", first.id().masked(), refused.status());

    // as another process would revoke a key: the trigger writes the log, and the verifier reads it
    revoke(&keys, second.id()).await?;
    while verifier.verify(&second, Scope::MEMORIES_READ).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    println!("{}: refused within the lease", second.id().masked());
    verifier.flush_uses().await?;
    Ok(())
}

async fn revoke(keys: &Keys, id: KeyId) -> Result<(), SourceError> {
    let sql = "UPDATE api_keys SET revoked_at = unixepoch() WHERE id = ?1";
    keys.run(move |db| db.execute(sql, [id.as_str()])).await.map(drop)
}
