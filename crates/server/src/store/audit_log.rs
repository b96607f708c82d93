//! The audit log: who did what to which key.

use ctx_key::KeyId;

use super::actor::Act;
use super::id::CompanyId;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction, Value};

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Created,
    Rotated,
    Revoked,
    Deleted,
    Changed,
    CreatedProject,
    CreatedToken,
    DeletedToken,
    Imported,
    ChangedPassword,
    ResetPassword,
}

impl From<Action> for Value {
    fn from(action: Action) -> Self {
        Self::from(match action {
            Action::Created => "created",
            Action::Rotated => "rotated",
            Action::Revoked => "revoked",
            Action::Deleted => "deleted",
            Action::Changed => "changed",
            Action::CreatedProject => "created project",
            Action::CreatedToken => "created token",
            Action::DeletedToken => "deleted token",
            Action::Imported => "imported",
            Action::ChangedPassword => "changed password",
            Action::ResetPassword => "reset password",
        })
    }
}

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
    act: Act<'_>,
    action: Action,
    key: Option<KeyId>,
    detail: &str,
) -> Result<(), DatabaseError> {
    let key: Value = key.map(|id| id.as_str().to_owned()).into();
    transaction
        .execute(
            "INSERT INTO audit_log (at, company, actor, action, key, detail) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                seconds(act.now).into(),
                act.company.into(),
                act.actor.into(),
                action.into(),
                key,
                detail.into(),
            ],
        )
        .await?;
    Ok(())
}

/// Returns the last 200 lines of a company's audit log, the newest first.
pub async fn latest(connection: &mut Connection, company: &CompanyId) -> Result<Vec<LogLine>, DatabaseError> {
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
