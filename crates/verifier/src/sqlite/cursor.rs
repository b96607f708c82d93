//! Points in the history of a file: [`Cursor`].

use std::cmp::Ordering;
use std::io;
use std::path::Path;
use std::time::Instant;

/// A point in the history of a file: its last change.
///
/// Cursors of one file, schema and log are in the order of their changes. Others are not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) file: FileId,
    /// Version of the schema. `VACUUM` changes it too, as does a copy that is written into the file.
    pub(super) schema: i64,
    pub(super) history: [u8; 16],
    pub(super) seq: i64,
}

impl Cursor {
    fn is_of_one_history(&self, other: &Self) -> bool {
        (self.file, self.schema, self.history) == (other.file, other.schema, other.history)
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.is_of_one_history(other).then(|| self.seq.cmp(&other.seq))
    }
}

/// State of a connection that reads the log.
#[derive(Default)]
pub(super) struct Polled {
    /// The `data_version` at the last read, which changes with each commit of another connection, and the cursor.
    pub(super) last: Option<(i64, Cursor)>,
    /// The time at which a mark for pruning was set, and the last number of the log that had been read by then.
    pub(super) mark: Option<(Instant, i64)>,
}

/// Identifies a file, whatever its name is. A file that was moved to the same path has another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;

        let metadata = path.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// Windows does not move a file over one that SQLite has open.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|_| Self {})
    }
}
