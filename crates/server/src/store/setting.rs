//! Settings of the servers, for the commands that run beside them.

use crate::database::{Connection, DatabaseError, Transaction};

/// The URL under which people reach the servers.
const PUBLIC_URL: &str = "public-url";

/// Stores the public URL of a server that starts.
pub async fn set_public_url(transaction: &mut Transaction, url: &str) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.execute(sql, &[PUBLIC_URL.into(), url.into()]).await.map(drop)
}

/// Returns the public URL of the server that started last.
pub async fn public_url(connection: &mut Connection) -> Result<Option<String>, DatabaseError> {
    let row =
        connection.query_opt("SELECT value FROM settings WHERE name = $1", &[PUBLIC_URL.into()]).await?;
    row.map(|row| row.get("value")).transpose()
}
