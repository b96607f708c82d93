//! Opens the file, and notices if another one was moved to its path.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::source::SourceError;
use crate::sqlite::cursor::{FileId, Polled};
use crate::sqlite::{CHANGE_LOG, SCHEMA};

/// Flags of each connection. A commit of a connection does not change the `data_version` of others that share its cache,
/// so the cache is private even if the program shares caches by default. The path is never read as a URI.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    .union(OpenFlags::SQLITE_OPEN_PRIVATE_CACHE);

/// Time between two attempts to switch a file to the WAL mode.
const WAL_RETRY: Duration = Duration::from_millis(2);

const COLUMNS: [&str; 9] = [
    "id",
    "digest",
    "project",
    "scopes",
    "not_before",
    "expires_at",
    "retires_at",
    "revoked_at",
    "last_used_at",
];

/// Counts what [`CHANGE_LOG`] creates.
const LOG_PARTS: &str = "\
SELECT count(*) FROM sqlite_schema
WHERE type = 'table' AND name IN ('api_key_changes', 'api_key_log')
   OR type = 'trigger' AND tbl_name = 'api_keys' COLLATE NOCASE
       AND name IN ('api_key_inserted', 'api_key_updated', 'api_key_deleted')
   OR type = 'trigger' AND tbl_name = 'api_key_changes' AND name = 'api_key_change_kept'
";

/// The path of the file, and the time-out for its locks.
pub(super) struct Database {
    path: PathBuf,
    busy_timeout: Duration,
}

impl Database {
    pub(super) fn new(path: &Path, busy_timeout: Duration) -> Result<Arc<Self>, SourceError> {
        // the current directory of the program can change later
        let path = std::path::absolute(path).map_err(unavailable)?;
        Ok(Arc::new(Self { path, busy_timeout }))
    }

    /// Returns the identity of the file at the path.
    pub(super) fn file(&self) -> Result<FileId, SourceError> {
        FileId::of(&self.path).map_err(unavailable)
    }

    /// Creates what is missing: the file, the tables and the triggers.
    pub(super) fn create(&self) -> Result<(), SourceError> {
        let connection = self.connect(FLAGS | OpenFlags::SQLITE_OPEN_CREATE)?;
        if check(&connection).is_err() {
            let batch = format!("BEGIN IMMEDIATE; {SCHEMA} {CHANGE_LOG} COMMIT;");
            connection.execute_batch(&batch).map_err(failure)?;
        }
        Ok(())
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, SourceError> {
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failure)?;
        connection.busy_timeout(self.busy_timeout).map_err(failure)?;
        // a power failure may undo recorded uses of keys: they are not worth a wait for the disk
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(failure)?;
        Ok(connection)
    }
}

/// An open file.
pub(super) struct Session {
    pub(super) file: FileId,
    pub(super) connection: Connection,
    /// The version of the schema that was checked.
    pub(super) schema: i64,
    pub(super) polled: Polled,
}

impl Session {
    pub(super) fn open(database: &Database) -> Result<Self, SourceError> {
        let file = database.file()?;
        let connection = database.connect(FLAGS)?;
        let schema = schema_version(&connection).map_err(failure)?;
        check(&connection)?;
        use_wal(&connection, database.busy_timeout)?;
        // while the file is open, no other file gets its inode
        if database.file()? != file {
            return Err(SourceError::Unavailable("the file was replaced while it was opened".into()));
        }
        Ok(Self { file, connection, schema, polled: Polled::default() })
    }
}

/// Switches the file to the WAL mode, for this and later connections of all programs. If several connections do so at
/// the same time, SQLite reports that the file is busy, without waiting.
fn use_wal(connection: &Connection, busy_timeout: Duration) -> Result<(), SourceError> {
    let start = Instant::now();
    let mode: String = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failure) {
            Err(SourceError::Busy) if start.elapsed() < busy_timeout => thread::sleep(WAL_RETRY),
            result => break result?,
        }
    };
    if mode == "wal" { Ok(()) } else { Err(unexpected("the file can't be switched to the WAL mode")) }
}

pub(super) fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))
}

/// Checks that the tables, their columns and the triggers exist.
pub(super) fn check(connection: &Connection) -> Result<(), SourceError> {
    let columns = columns(connection).map_err(failure)?;
    if columns.is_empty() {
        return Err(unexpected("the table api_keys is missing: apply SCHEMA, then CHANGE_LOG"));
    }
    let column = |name: &str| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    if let Some(missing) = COLUMNS.iter().find(|name| column(name).is_none()) {
        return Err(unexpected(&format!(
            "the table api_keys has no column {missing}: add it as SCHEMA has it"
        )));
    }
    // SQLite fires `UPDATE OF` only for columns that the statement itself sets
    if let Some(generated) =
        COLUMNS.iter().find(|name| column(name).is_some_and(|column| column.is_generated))
    {
        return Err(unexpected(&format!(
            "the column {generated} of the table api_keys is generated, and no trigger notices its changes: make it an \
             ordinary column"
        )));
    }
    let parts: i64 = connection.query_row(LOG_PARTS, [], |row| row.get(0)).map_err(failure)?;
    if parts != 6 {
        return Err(unexpected("the change log or a trigger of it is missing: apply CHANGE_LOG"));
    }
    Ok(())
}

struct Column {
    name: String,
    is_generated: bool,
}

fn columns(connection: &Connection) -> rusqlite::Result<Vec<Column>> {
    let mut statement = connection.prepare("SELECT name, hidden > 1 FROM pragma_table_xinfo('api_keys')")?;
    let columns =
        statement.query_map([], |row| Ok(Column { name: row.get(0)?, is_generated: row.get(1)? }))?;
    columns.collect()
}

fn unavailable(error: io::Error) -> SourceError {
    let text = match error.kind() {
        io::ErrorKind::NotFound => "there is no file at the path of the database".to_owned(),
        _ => format!("the file of the database can't be examined: {error}"),
    };
    SourceError::Unavailable(text.into())
}

pub(super) fn unexpected(text: &str) -> SourceError {
    SourceError::Unexpected(text.into())
}

/// Describes an error of SQLite by its code alone, because messages can quote rows.
pub(super) fn failure(error: rusqlite::Error) -> SourceError {
    let Some(error) = error.sqlite_error() else {
        return unexpected("SQLite: a row has an unexpected type or number of columns");
    };
    let cause = format!("SQLite: {error}").into();
    match error.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            SourceError::Busy
        }
        ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::OutOfMemory => SourceError::Unavailable(cause),
        _ => SourceError::Unexpected(cause),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// The message of an error can quote a row.
    #[test]
    fn an_error_is_described_by_its_code_alone() {
        let describe = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("a secret".into()));
            match failure(error) {
                SourceError::Busy => "busy".to_owned(),
                SourceError::Unavailable(cause) => format!("unavailable: {cause}"),
                SourceError::Unexpected(cause) => format!("unexpected: {cause}"),
                SourceError::Corrupt(id) => format!("corrupt: {id}"),
            }
        };
        for (code, expected) in [
            (ffi::SQLITE_BUSY, "busy"),
            (ffi::SQLITE_LOCKED, "busy"),
            (ffi::SQLITE_PROTOCOL, "busy"),
            (ffi::SQLITE_CANTOPEN, "unavailable: SQLite: Error code 14: unable to open database file"),
            (ffi::SQLITE_PERM, "unavailable: SQLite: Error code 3: access permission denied"),
            (ffi::SQLITE_IOERR, "unavailable: SQLite: Error code 10: disk I/O error"),
            (ffi::SQLITE_FULL, "unavailable: SQLite: Error code 13: database or disk is full"),
            (ffi::SQLITE_NOMEM, "unavailable: SQLite: Error code 7: out of memory"),
            (ffi::SQLITE_CONSTRAINT, "unexpected: SQLite: Error code 19: constraint failed"),
            (ffi::SQLITE_CORRUPT, "unexpected: SQLite: Error code 11: database disk image is malformed"),
        ] {
            assert_eq!(describe(code), expected);
        }
    }

    #[test]
    fn the_path_does_not_depend_on_a_later_current_directory() {
        let database = Database::new(Path::new("keys.sqlite"), Duration::ZERO).unwrap();
        assert_eq!(database.path, std::env::current_dir().unwrap().join("keys.sqlite"));
    }

    #[test]
    fn a_connection_has_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let busy_timeout = Duration::from_millis(1_234);
        let database = Database::new(&folder.path().join("keys.sqlite"), busy_timeout).unwrap();
        database.create().unwrap();
        let session = Session::open(&database).unwrap();
        let sql = "SELECT timeout, journal_mode, synchronous
                   FROM pragma_busy_timeout, pragma_journal_mode, pragma_synchronous";
        let settings: (i64, String, i64) =
            session.connection.query_row(sql, [], |row| row.try_into()).unwrap();
        assert_eq!(settings, (1_234, "wal".into(), 1));
    }
}
