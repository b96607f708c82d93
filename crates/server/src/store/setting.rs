//! Settings that the servers of a database and its commands share.

use super::secret::Secret;
use crate::database::{Connection, DatabaseError, Transaction};

/// The URL under which people reach the servers.
const PUBLIC_URL: &str = "public-url";

/// The secret with which the servers of this database encrypt cursors of lists.
const CURSOR_SECRET: &str = "cursor-secret";

/// Stores the public URL of a server at its start.
pub async fn set_public_url(transaction: &mut Transaction, url: &str) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.execute(sql, &[PUBLIC_URL.into(), url.into()]).await.map(drop)
}

/// Returns the secret for cursors, which all servers of the database share. If none is stored, this stores a new one.
pub async fn cursor_secret(transaction: &mut Transaction) -> Result<Secret, DatabaseError> {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = settings.value \
               RETURNING value";
    let row = transaction.query_one(sql, &[CURSOR_SECRET.into(), Secret::generate().expose().into()]).await?;
    Secret::parse(&row.get::<String>("value")?).ok_or(DatabaseError::Corrupt("value"))
}

/// Returns the public URL of the server that started last.
pub async fn public_url(connection: &mut Connection) -> Result<Option<String>, DatabaseError> {
    let row =
        connection.query_opt("SELECT value FROM settings WHERE name = $1", &[PUBLIC_URL.into()]).await?;
    row.map(|row| row.get("value")).transpose()
}
