//! The audit log: who did what to which key.

use ctx_key::{KeyId, UnixTime};

use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction, Value};

/// One line of the audit log.
#[derive(Clone, Debug)]
pub struct LogLine {
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub key: Option<String>,
    pub detail: String,
}

pub(super) async fn append(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    action: &str,
    key: Option<KeyId>,
    detail: &str,
) -> Result<(), DatabaseError> {
    let key: Value = key.map(|id| id.as_str().to_owned()).into();
    transaction
        .execute(
            "INSERT INTO audit_log (at, company, actor, action, key, detail) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                seconds(UnixTime::now()).into(),
                company.into(),
                actor.into(),
                action.into(),
                key,
                detail.into(),
            ],
        )
        .await?;
    Ok(())
}

/// The last lines of a company's audit log, the newest first.
pub async fn latest(connection: &mut Connection, company: &str) -> Result<Vec<LogLine>, DatabaseError> {
    let sql =
        "SELECT at, actor, action, key, detail FROM audit_log WHERE company = $1 ORDER BY seq DESC LIMIT 200";
    let rows = connection.query(sql, &[company.into()]).await?;
    let line = |row: Row| {
        Ok(LogLine {
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            key: row.get("key")?,
            detail: row.get("detail")?,
        })
    };
    rows.into_iter().map(line).collect()
}
