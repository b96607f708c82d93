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
    /// The client's address. Changes by older versions and by the operator have none.
    pub address: Option<String>,
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
            "INSERT INTO audit_log (at, company, actor, action, key, detail, address) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                seconds(act.now).into(),
                act.company.into(),
                act.actor.into(),
                action.into(),
                key,
                detail.into(),
                act.address.into(),
            ],
        )
        .await?;
    Ok(())
}

/// Returns the last 200 lines of a company's audit log, the newest first.
pub async fn latest(connection: &mut Connection, company: &CompanyId) -> Result<Vec<LogLine>, DatabaseError> {
    let sql = "SELECT at, actor, action, key, detail, address FROM audit_log WHERE company = $1 ORDER BY seq DESC LIMIT 200";
    connection.query(sql, &[company.into()]).await?.iter().map(line).collect()
}

fn line(row: &Row) -> Result<LogLine, DatabaseError> {
    Ok(LogLine {
        at: row.get("at")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        key: row.get("key")?,
        detail: row.get("detail")?,
        address: row.get("address")?,
    })
}

/// Lines that are about a key: its own, and that of the rotation which made it. A rotation is logged with the key that was
/// replaced; the detail begins with `by`, a space and the id of the successor.
macro_rules! of_key {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM audit_log WHERE company = $1 AND (key = $2 OR action = 'rotated' AND substr(detail, 4, 12) = $2)",
            $rest
        )
    };
}

/// Returns the lines about a key, the newest first.
pub async fn of_key(
    connection: &mut Connection,
    company: &CompanyId,
    key: KeyId,
    limit: i64,
    offset: i64,
) -> Result<Vec<LogLine>, DatabaseError> {
    let sql =
        of_key!("SELECT at, actor, action, key, detail, address", " ORDER BY seq DESC LIMIT $3 OFFSET $4");
    let parameters = [company.into(), key.as_str().into(), limit.into(), offset.into()];
    connection.query(sql, &parameters).await?.iter().map(line).collect()
}

/// Returns the number of lines about a key.
pub async fn count_of_key(
    connection: &mut Connection,
    company: &CompanyId,
    key: KeyId,
) -> Result<i64, DatabaseError> {
    let sql = of_key!("SELECT count(*) AS lines", "");
    connection.query_one(sql, &[company.into(), key.as_str().into()]).await?.get("lines")
}

/// A rotation: a key, and the one that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    pub at: i64,
    pub old: KeyId,
    pub new: KeyId,
}

/// Returns the rotations that one of these keys had a part in, the oldest first.
pub async fn replacements(
    connection: &mut Connection,
    company: &CompanyId,
    keys: &[KeyId],
) -> Result<Vec<Replacement>, DatabaseError> {
    // one statement for both databases, which have no array in common; ids have no character that LIKE reads
    let sql = "SELECT at, key, substr(detail, 4, 12) AS successor FROM audit_log WHERE company = $1 AND action = 'rotated' \
               AND ($2 LIKE '%' || key || '%' OR $2 LIKE '%' || substr(detail, 4, 12) || '%') ORDER BY seq";
    let ids: Vec<_> = keys.iter().map(KeyId::as_str).collect();
    let rows = connection.query(sql, &[company.into(), ids.join(" ").into()]).await?;
    let id = |row: &Row, column| {
        let id: String = row.get(column)?;
        id.parse().map_err(|_| DatabaseError::Corrupt(column))
    };
    let pair =
        |row: &Row| Ok(Replacement { at: row.get("at")?, old: id(row, "key")?, new: id(row, "successor")? });
    let pairs: Vec<Replacement> = rows.iter().map(pair).collect::<Result<_, DatabaseError>>()?;
    // LIKE of SQLite takes a for A
    Ok(pairs.into_iter().filter(|pair| keys.contains(&pair.old) || keys.contains(&pair.new)).collect())
}
