//! Reads and prunes the change log.

use std::time::{Duration, Instant};

use ctx_key::KeyId;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::source::{Changed, Changes, SourceError};
use crate::sqlite::connection::{Session, check, failure, schema_version, unexpected};
use crate::sqlite::cursor::Cursor;

/// Maximum number of changes that are reported one by one.
const MAX_CHANGES: i64 = 20_000;

/// Maximum number of rows that are deleted in one transaction, which other writers wait for.
const MAX_PRUNED: i64 = 10_000;

/// The cursor of the log's last change, and the number below which the log is pruned.
struct Head {
    cursor: Cursor,
    pruned_below: i64,
}

impl Session {
    pub(super) fn changes_since(&mut self, since: Option<Cursor>) -> Result<Changes<Cursor>, SourceError> {
        if let Some(cursor) = since.filter(|since| self.is_last(since)) {
            return Ok(Changes { changed: Changed::Keys(Vec::new()), cursor });
        }
        self.read_log(since)
    }

    /// Returns whether nothing was committed since the cursor was read.
    fn is_last(&self, since: &Cursor) -> bool {
        let Some((version, last)) = self.polled.last else { return false };
        last == *since && data_version(&self.connection).is_ok_and(|now| now == version)
    }

    fn read_log(&mut self, since: Option<Cursor>) -> Result<Changes<Cursor>, SourceError> {
        let transaction = self.connection.unchecked_transaction().map_err(failure)?;
        let Head { cursor, pruned_below } = self.head()?;
        if cursor.schema != self.schema {
            check(&self.connection)?;
        }
        let changed = match since {
            None => Changed::Keys(Vec::new()),
            Some(since) if since <= cursor => match since.seq < pruned_below.saturating_sub(1) {
                true => Changed::Everything,
                false => changed_after(&self.connection, since.seq).map_err(failure)?,
            },
            Some(_) => Changed::History,
        };
        let version = data_version(&self.connection).map_err(failure)?;
        transaction.commit().map_err(failure)?;
        self.schema = cursor.schema;
        self.polled.last = Some((version, cursor));
        Ok(Changes { changed, cursor })
    }

    /// Returns the cursor of the last change that the connection's transaction sees.
    pub(super) fn cursor(&self) -> Result<Cursor, SourceError> {
        self.head().map(|head| head.cursor)
    }

    fn head(&self) -> Result<Head, SourceError> {
        let schema = schema_version(&self.connection).map_err(failure)?;
        let sql = "SELECT history, pruned_below, (SELECT max(seq) FROM api_key_changes) FROM api_key_log";
        let head = self.connection.prepare_cached(sql).and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| {
                let (history, pruned_below, seq) = (row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?);
                let cursor = Cursor { file: self.file, schema, history, seq: seq.unwrap_or(0) };
                Ok(Head { cursor, pruned_below })
            };
            statement.query_row([], read).optional()
        });
        head.map_err(failure)?.ok_or_else(|| unexpected("api_key_log has no row: apply CHANGE_LOG"))
    }

    /// Returns the number up to which rows of the log are old enough to be deleted. Each number is returned once.
    pub(super) fn prunable(&mut self, retention: Duration) -> Option<i64> {
        let (_, last) = self.polled.last?;
        let (read_at, seq) = *self.polled.mark.get_or_insert((Instant::now(), last.seq));
        (read_at.elapsed() >= retention).then(|| {
            self.polled.mark = None;
            seq
        })
    }

    /// Deletes rows up to a number, in several transactions. The newest row stays, so that no number is used again.
    pub(super) fn prune(&mut self, mark: i64) -> Result<(), SourceError> {
        while self.prune_some(mark).map_err(failure)? {}
        Ok(())
    }

    fn prune_some(&mut self, mark: i64) -> rusqlite::Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bounds = "SELECT min(seq), min(min(seq) + ?1, ?2 + 1, max(seq)) FROM api_key_changes";
        let bounds = transaction.query_row(bounds, [MAX_PRUNED, mark], |row| row.try_into())?;
        let (Some(first), Some(below)): (Option<i64>, Option<i64>) = bounds else { return Ok(false) };
        if first >= below {
            return Ok(false);
        }
        // another process may have pruned further
        transaction.execute("UPDATE api_key_log SET pruned_below = max(pruned_below, ?1)", [below])?;
        transaction.execute("DELETE FROM api_key_changes WHERE seq < ?1", [below])?;
        transaction.commit()?;
        Ok(true)
    }
}

fn changed_after(connection: &Connection, seq: i64) -> rusqlite::Result<Changed> {
    let sql = "SELECT id FROM api_key_changes WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((seq, MAX_CHANGES + 1))?;
    let (mut ids, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        count += 1;
        let Some(id) = row.get_ref(0)?.as_bytes_or_null()? else { return Ok(Changed::Everything) };
        // an id that no key can have is not cached
        ids.extend(KeyId::try_from(id));
    }
    Ok(if count > MAX_CHANGES { Changed::Everything } else { Changed::Keys(ids) })
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connection::Database;

    /// A file whose log has the numbers 1 to `rows`, and one connection to it.
    fn session(rows: i64) -> (tempfile::TempDir, Session) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("keys.sqlite"), Duration::ZERO).unwrap();
        database.create().unwrap();
        let session = Session::open(&database).unwrap();
        append(&session, rows);
        (folder, session)
    }

    fn append(session: &Session, rows: i64) {
        let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
                   INSERT INTO api_key_changes (id) SELECT 'an id' FROM n";
        session.connection.execute(sql, [rows]).unwrap();
    }

    /// Returns the first and the last number of the log, and its mark.
    fn bounds(session: &Session) -> (i64, i64, i64) {
        let sql = "SELECT min(seq), max(seq), (SELECT pruned_below FROM api_key_log) FROM api_key_changes";
        session.connection.query_row(sql, [], |row| row.try_into()).unwrap()
    }

    #[test]
    fn rows_that_were_read_before_the_retention_are_prunable_once() {
        let (_folder, mut session) = session(10);
        let retention = Duration::from_secs(60);
        assert_eq!(session.prunable(Duration::ZERO), None, "nothing was read");
        session.changes_since(None).unwrap();
        assert_eq!(session.prunable(retention), None);
        append(&session, 5);
        session.changes_since(None).unwrap();
        let age = |session: &mut Session, seconds| {
            let (read_at, seq) = session.polled.mark.unwrap();
            session.polled.mark = Some((read_at - Duration::from_secs(seconds), seq));
        };
        age(&mut session, 50);
        assert_eq!(session.prunable(retention), None);
        age(&mut session, 10);
        assert_eq!(session.prunable(retention), Some(10), "not the rows that were read later");
        assert_eq!(session.prunable(retention), None);
        age(&mut session, 60);
        assert_eq!(session.prunable(retention), Some(15), "the next mark");
    }

    #[test]
    fn rows_are_pruned_up_to_the_mark() {
        let (_folder, mut session) = session(10);
        for (mark, expected) in [
            (0, (1, 10, 0)),
            (1, (2, 10, 2)),
            (4, (5, 10, 5)),
            // the mark of a process that lags
            (3, (5, 10, 5)),
            (9, (10, 10, 10)),
            // the newest row stays
            (10, (10, 10, 10)),
            (99, (10, 10, 10)),
        ] {
            session.prune(mark).unwrap();
            assert_eq!(bounds(&session), expected, "up to {mark}");
        }
        // another process has pruned further than the rows show
        append(&session, 5);
        session.connection.execute("UPDATE api_key_log SET pruned_below = 14", []).unwrap();
        session.prune(11).unwrap();
        assert_eq!(bounds(&session), (12, 15, 14));
    }

    /// Other writers wait for each transaction.
    #[test]
    fn many_rows_are_pruned_in_parts() {
        let (_folder, mut session) = session(25_000);
        for (is_pruned, first) in [(true, 10_001), (true, 20_001), (true, 24_001), (false, 24_001)] {
            assert_eq!(session.prune_some(24_000).unwrap(), is_pruned);
            assert_eq!(bounds(&session), (first, 25_000, if is_pruned { first } else { 24_001 }));
        }
    }

    /// After a read, the session knows its cursor as the last one, so the next read is cheap if nothing was written.
    #[test]
    fn a_read_remembers_its_cursor() {
        let (_folder, mut session) = session(1);
        for rows in 2..5 {
            append(&session, 1);
            let cursor = session.read_log(None).unwrap().cursor;
            assert_eq!((cursor.seq, session.schema), (rows, cursor.schema));
            assert!(session.is_last(&cursor));
        }
    }
}
