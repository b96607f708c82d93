//! The folder of the SQLite database, which only its owner can read: [`DataFolder`].

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

const FILE: &str = "ctx-key.sqlite";

/// Endings of the files of a database. SQLite creates the others with the mode of the first.
const ENDINGS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The bit of a folder that all users share, such as `/tmp`. Restricting such a folder would break the machine.
const STICKY: u32 = 0o1000;

/// The folder of the database.
pub struct DataFolder<'a>(pub &'a Path);

impl DataFolder<'_> {
    /// Returns the path of the database.
    pub fn database(&self) -> PathBuf {
        self.0.join(FILE)
    }

    /// Returns whether there is a database. An empty file does not count, because a server that was killed during its
    /// start may leave one.
    pub fn has_database(&self) -> bool {
        fs::metadata(self.database()).is_ok_and(|file| file.is_file() && file.len() > 0)
    }

    /// Creates the folder and an empty database if they are missing. Other users never have access to them.
    ///
    /// # Errors
    ///
    /// - The folder or the file can't be created.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(self.0)?;
        // an existing file must not be opened: closing it would release the locks of SQLite in this process
        match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(self.database()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            created => created.map(drop),
        }
    }

    /// Restricts the folder and the files of the database to their owner. Logs a warning if that fails, for example
    /// for the file of another user.
    pub fn restrict(&self) {
        // if the database is a symbolic link, SQLite creates the other files beside the target of the link
        let database = fs::canonicalize(self.database()).unwrap_or_else(|_| self.database());
        let files = ENDINGS.iter().map(|ending| {
            let mut name = OsString::from(&database);
            name.push(ending);
            PathBuf::from(name)
        });
        let folder = if self.0.as_os_str().is_empty() { Path::new(".") } else { self.0 };
        restrict(folder, FOLDER_MODE);
        files.for_each(|file| restrict(&file, FILE_MODE));
    }
}

fn restrict(path: &Path, mode: u32) {
    let found = match fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o7777,
        // the last connection removes two of the files
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => return warn_of(path, mode, &error),
    };
    if mode == FOLDER_MODE && found & STICKY != 0 {
        return warn!(path = %path.display(), "other users share the data folder: use a folder of its own");
    }
    if found != mode
        && let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode))
    {
        warn_of(path, mode, &error);
    }
}

fn warn_of(path: &Path, mode: u32, error: &io::Error) {
    let (path, reason) = (path.display(), error.kind());
    warn!(%path, %reason, "others may read the data: make its owner the user of the server, and its mode {mode:o}");
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// New files and folders are restricted even before [`DataFolder::restrict`].
    #[test]
    fn new_files_are_restricted_from_the_first_moment() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("a/folder");
        let folder = DataFolder(&path);
        folder.create().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!([&path, &folder.database()].map(|path| mode(path)), [FOLDER_MODE, FILE_MODE]);
        fs::write(folder.database(), "kept").unwrap();
        folder.create().unwrap();
        assert_eq!(fs::read_to_string(folder.database()).unwrap(), "kept");
    }

    #[test]
    fn only_files_of_sqlite_are_restricted() {
        let parent = TempDir::new().unwrap();
        let folder = DataFolder(parent.path());
        let names = ["", "-wal", "-shm", "-journal", "-copy"].map(|ending| format!("{FILE}{ending}"));
        let paths = names.map(|name| parent.path().join(name));
        for path in &paths {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
        folder.restrict();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(paths.map(|path| mode(&path)), [0o600, 0o600, 0o600, 0o600, 0o644]);
        assert_eq!(mode(parent.path()), 0o700);
    }
}
