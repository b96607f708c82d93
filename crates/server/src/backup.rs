//! Backups of the SQLite database while servers run: [`back_up`].

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, absolute};

use crate::config::Config;
use crate::database::Location;
use crate::server::{open_unprepared, require_database};

/// Copies a snapshot of the configured SQLite database into a new file that only its owner can read.
///
/// # Errors
///
/// - The database is PostgreSQL, or does not exist.
/// - The file exists, or can't be created.
/// - The database can't be read, or the file can't be written.
pub async fn back_up(config: &Config, file: &Path) -> Result<(), Box<dyn Error>> {
    let Location::Sqlite(_) = config.database.location()? else {
        return Err("backup copies an SQLite database: use pg_dump or pg_basebackup for PostgreSQL".into());
    };
    require_database(config)?;
    // SQLite reads a relative name that begins with `file:` as a URL
    let file = absolute(file)?;
    let path = file.to_str().ok_or("the name of the file is not UTF-8: choose another name")?.to_owned();
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    let new = new.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => format!("the file {path} exists: choose another name"),
        kind => format!("can't create the file {path}: {kind}"),
    })?;
    let copied = async {
        open_unprepared(config)?.copy_to(path).await?;
        new.sync_all()?;
        let folder = file.parent().unwrap_or(&file);
        Ok::<_, Box<dyn Error>>(File::open(folder)?.sync_all()?)
    };
    copied.await.inspect_err(|_| _ = fs::remove_file(&file))
}
