//! Reads records, and writes uses.

use std::sync::Arc;

use ctx_key::{KeyId, KeyRecord, UnixTime};
use rusqlite::{Connection, Row, TransactionBehavior};

use crate::record::record_from_columns;
use crate::source::{LookedUp, SourceError};
use crate::sqlite::connection::{Session, failure, unexpected};
use crate::sqlite::cursor::Cursor;

/// `CROSS JOIN` fixes the order of the join, whatever SQLite's planner assumes about the tables.
const LOOK_UP: &str = "\
SELECT key.id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at
FROM json_each(?1) AS wanted CROSS JOIN api_keys AS key ON key.id = wanted.value
";

const RECORD_USE: &str = "\
UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)
";

impl Session {
    pub(super) fn look_up(&mut self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, Cursor>, SourceError> {
        let transaction = self.connection.unchecked_transaction().map_err(failure)?;
        let cursor = self.cursor()?;
        let mut looked_up = LookedUp { records: Vec::with_capacity(ids.len()), corrupt: Vec::new(), cursor };
        read_records(&self.connection, ids, &mut looked_up)?;
        transaction.commit().map_err(failure)?;
        Ok(looked_up)
    }

    pub(super) fn record_uses(&mut self, uses: &[(KeyId, UnixTime)]) -> Result<(), SourceError> {
        self.write_uses(uses).map_err(failure)
    }

    fn write_uses(&mut self, uses: &[(KeyId, UnixTime)]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut statement = transaction.prepare_cached(RECORD_USE)?;
        for (id, at) in uses {
            statement.execute((id.as_str(), i64::try_from(at.as_secs()).unwrap_or(i64::MAX)))?;
        }
        drop(statement);
        transaction.commit()
    }
}

fn read_records(
    connection: &Connection,
    ids: &[KeyId],
    looked_up: &mut LookedUp<Arc<str>, Cursor>,
) -> Result<(), SourceError> {
    let mut statement = connection.prepare_cached(LOOK_UP).map_err(failure)?;
    let mut rows = statement.query([json(ids)]).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        let id =
            id(row).ok_or_else(|| unexpected("SQLite: the id of a row is not the one that was asked for"))?;
        match record(id, row) {
            Some(record) => looked_up.records.push(record),
            None => looked_up.corrupt.push(id),
        }
    }
    Ok(())
}

/// Writes the ids as an array. They are letters and digits.
fn json(ids: &[KeyId]) -> String {
    let ids: Vec<&str> = ids.iter().map(KeyId::as_str).collect();
    format!("[\"{}\"]", ids.join("\",\""))
}

fn id(row: &Row<'_>) -> Option<KeyId> {
    row.get_ref(0).ok()?.as_bytes().ok()?.try_into().ok()
}

/// Returns the record of a row, or `None` if the row is not a record.
fn record(id: KeyId, row: &Row<'_>) -> Option<KeyRecord<Arc<str>>> {
    let digest = row.get_ref(1).ok()?.as_blob().ok()?;
    let project = row.get_ref(2).ok()?.as_str().ok()?;
    let scopes = row.get_ref(3).ok()?.as_i64().ok()?;
    let time = |column| row.get_ref(column).ok()?.as_i64_or_null().ok();
    record_from_columns(id, digest, project.into(), scopes, [time(4)?, time(5)?, time(6)?, time(7)?])
}
