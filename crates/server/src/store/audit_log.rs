//! The audit log: who did what, to which key, when and from where.

use ctx_key::KeyId;
use serde_json::{Value as Json, json};

use super::actor::Act;
use super::client::canonical;
use super::free_text::{id_of_masked, searchable};
use super::id::CompanyId;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction, Value};

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Created,
    Rotated,
    Revoked,
    Deleted,
    Changed,
    Imported,
    CreatedProject,
    RenamedProject,
    ArchivedProject,
    CreatedToken,
    DeletedToken,
    SignedIn,
    FailedToSignIn,
    SignedOut,
    EndedSession,
    ChangedPassword,
    FailedToChangePassword,
    ResetPassword,
}

/// A group of actions that lines can be filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Keys,
    Projects,
    Tokens,
    SignIns,
    Passwords,
}

/// The group and the stored name of each action, in the order of [`Action`].
const ACTIONS: [(Action, Group, &str); 18] = [
    (Action::Created, Group::Keys, "created"),
    (Action::Rotated, Group::Keys, "rotated"),
    (Action::Revoked, Group::Keys, "revoked"),
    (Action::Deleted, Group::Keys, "deleted"),
    (Action::Changed, Group::Keys, "changed"),
    (Action::Imported, Group::Keys, "imported"),
    (Action::CreatedProject, Group::Projects, "created project"),
    (Action::RenamedProject, Group::Projects, "renamed project"),
    (Action::ArchivedProject, Group::Projects, "archived project"),
    (Action::CreatedToken, Group::Tokens, "created token"),
    (Action::DeletedToken, Group::Tokens, "deleted token"),
    (Action::SignedIn, Group::SignIns, "signed in"),
    (Action::FailedToSignIn, Group::SignIns, "failed to sign in"),
    (Action::SignedOut, Group::SignIns, "signed out"),
    (Action::EndedSession, Group::SignIns, "ended session"),
    (Action::ChangedPassword, Group::Passwords, "changed password"),
    (Action::FailedToChangePassword, Group::Passwords, "failed to change password"),
    (Action::ResetPassword, Group::Passwords, "reset password"),
];

impl From<Action> for Value {
    fn from(action: Action) -> Self {
        let (_, _, name) = ACTIONS[action as usize];
        name.into()
    }
}

/// A filter for the lines of a company's audit log. The default shows all lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// A part of the actor, the key, the detail or the address, in upper or lower case.
    pub text: String,
    pub group: Option<Group>,
    /// The first second whose lines are shown.
    pub since: Option<i64>,
    /// The second after the last one whose lines are shown.
    pub before: Option<i64>,
}

impl LogFilter {
    /// Returns the first parameters of [`filtered`].
    fn parameters(&self, company: &CompanyId) -> [Value; 5] {
        let names = ACTIONS.iter().filter(|(_, group, _)| self.group == Some(*group));
        let names: String = names.map(|(_, _, name)| format!("{name}|")).collect();
        let names = if names.is_empty() { names } else { format!("|{names}") };
        let mut pattern = String::from("%");
        for character in searchable(id_of_masked(&self.text)).chars() {
            if ['%', '_', '\\'].contains(&character) {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
        let (since, before) = (self.since.unwrap_or(i64::MIN), self.before.unwrap_or(i64::MAX));
        [company.into(), names.into(), pattern.into(), since.into(), before.into()]
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
    append_all(transaction, act, action, &[(key, detail)]).await
}

/// Appends a line for each key and detail, in this order.
pub(super) async fn append_all(
    transaction: &mut Transaction,
    act: Act<'_>,
    action: Action,
    lines: &[(Option<KeyId>, &str)],
) -> Result<(), DatabaseError> {
    let actor = act.actor.name();
    let address = act.address.map(canonical);
    let line = |(key, detail): &(Option<KeyId>, &str)| {
        let key = key.as_ref().map(KeyId::as_str);
        let texts = [Some(actor.as_str()), key, Some(*detail), address.as_deref()];
        // `searchable` removes line breaks from each text, so no search matches across two texts
        let search = texts.map(|text| searchable(text.unwrap_or_default())).join("\n");
        json!([key, detail, search])
    };
    let lines: Json = lines.iter().map(line).collect();
    let sql = if transaction.is_postgres() {
        "INSERT INTO audit_log (at, company, actor, action, key, detail, address, search) \
         SELECT $1, $2, $3, $4, value->>0, value->>1, $5::text, value->>2 \
         FROM json_array_elements($6::text::json) WITH ORDINALITY AS lines (value, place) ORDER BY place"
    } else {
        "INSERT INTO audit_log (at, company, actor, action, key, detail, address, search) \
         SELECT $1, $2, $3, $4, value->>0, value->>1, $5, value->>2 FROM json_each($6) ORDER BY json_each.key"
    };
    let parameters = [
        seconds(act.now).into(),
        act.company.into(),
        actor.into(),
        action.into(),
        address.into(),
        lines.to_string().into(),
    ];
    transaction.execute(sql, &parameters).await.map(drop)
}

/// The lines that a filter shows. Lines of older versions have no `search`.
macro_rules! filtered {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM audit_log WHERE company = $1 AND ($2 = '' OR $2 LIKE '%|' || action || '|%') \
              AND ($3 = '%%' OR coalesce(search, upper(actor || '\n' || coalesce(key, '') || '\n' || detail)) \
                   LIKE $3 ESCAPE '\\') AND at >= $4 AND at < $5",
            $rest
        )
    };
}

/// Returns lines of a company's audit log, the newest first, and whether the company still has the key of each.
pub async fn page(
    connection: &mut Connection,
    company: &CompanyId,
    filter: &LogFilter,
    limit: i64,
    offset: i64,
) -> Result<Vec<(LogLine, bool)>, DatabaseError> {
    // the inner statement skips the offset, so that keys are looked up only for the lines of the page
    let sql = filtered!(
        "SELECT seq, at, actor, action, key, detail, address, (SELECT count(*) FROM api_keys k \
         JOIN projects p ON p.id = k.project WHERE k.id = l.key AND p.company = $1) AS keys FROM \
         (SELECT seq, at, actor, action, key, detail, address",
        " ORDER BY seq DESC LIMIT $6 OFFSET $7) l ORDER BY seq DESC"
    );
    let parameters: Vec<_> =
        filter.parameters(company).into_iter().chain([limit.into(), offset.into()]).collect();
    let rows = connection.query(sql, &parameters).await?;
    rows.iter().map(|row| Ok((line(row)?, row.get::<i64>("keys")? > 0))).collect()
}

/// Returns the number of lines that a filter shows.
pub async fn count(
    connection: &mut Connection,
    company: &CompanyId,
    filter: &LogFilter,
) -> Result<i64, DatabaseError> {
    let sql = filtered!("SELECT count(*) AS lines", "");
    connection.query_one(sql, &filter.parameters(company)).await?.get("lines")
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

/// The lines about a key: the lines with its id, and the line of the rotation that created it. A rotation is logged
/// with the key that was replaced. The detail begins with `by`, a space and the id of the successor. Each half of the
/// statement has an index.
macro_rules! of_key {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM (SELECT seq, at, actor, action, key, detail, address FROM audit_log WHERE company = $1 AND key = $2 \
              UNION ALL SELECT seq, at, actor, action, key, detail, address FROM audit_log \
              WHERE company = $1 AND action = 'rotated' AND substr(detail, 4, 12) = $2) l",
            $rest
        )
    };
}

/// Selects the lines about a key, the newest first.
pub const OF_KEY: &str =
    of_key!("SELECT at, actor, action, key, detail, address", " ORDER BY seq DESC LIMIT $3 OFFSET $4");

/// Returns the lines about a key, the newest first.
pub async fn of_key(
    connection: &mut Connection,
    company: &CompanyId,
    key: KeyId,
    limit: i64,
    offset: i64,
) -> Result<Vec<LogLine>, DatabaseError> {
    let parameters = [company.into(), key.as_str().into(), limit.into(), offset.into()];
    connection.query(OF_KEY, &parameters).await?.iter().map(line).collect()
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

/// A rotation: a key and its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    pub at: i64,
    pub old: KeyId,
    pub new: KeyId,
}

/// Returns the rotations with one of these keys as the old or the new one, the oldest first.
pub async fn replacements(
    connection: &mut Connection,
    company: &CompanyId,
    keys: &[KeyId],
) -> Result<Vec<Replacement>, DatabaseError> {
    // the two databases have no common type for arrays, so all ids are in one text; an id has no wildcard of LIKE
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
    // in SQLite, LIKE ignores the case of ASCII letters
    Ok(pairs.into_iter().filter(|pair| keys.contains(&pair.old) || keys.contains(&pair.new)).collect())
}

#[cfg(test)]
mod tests {
    use ctx_key::{ApiKey, UnixTime};
    use tempfile::TempDir;

    use super::*;
    use crate::database::{Database, Location};
    use crate::store::actor::Actor;
    use crate::store::migration::{STEPS, migrate};

    #[test]
    fn each_action_is_found_by_its_place() {
        for (place, (action, ..)) in ACTIONS.iter().enumerate() {
            assert_eq!(*action as usize, place, "{action:?}");
        }
    }

    #[tokio::test]
    async fn lines_are_appended_in_their_order() {
        let folder = TempDir::new().unwrap();
        let database = Database::open(Location::Sqlite(folder.path().join("database"))).unwrap();
        migrate(&database, STEPS).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let sql = "INSERT INTO accounts (id, email, password, created_at) VALUES ('acc_1', '', '', 0)";
        transaction.execute(sql, &[]).await.unwrap();
        let company = CompanyId::generate();
        let sql =
            "INSERT INTO companies (id, account, name, slug, created_at) VALUES ($1, 'acc_1', '', '', 0)";
        transaction.execute(sql, &[(&company).into()]).await.unwrap();
        let now = UnixTime::from_secs(1_800_000_000);
        let act = Act { company: &company, actor: Actor::Operator, now, address: None };
        let expected: Vec<_> = (0..12)
            .map(|number| ((number > 0).then(|| ApiKey::generate().id()), format!("{number} \"\u{e9}\\")))
            .collect();
        let lines: Vec<_> = expected.iter().map(|(key, detail)| (*key, detail.as_str())).collect();
        append_all(&mut transaction, act, Action::Revoked, &lines).await.unwrap();
        append_all(&mut transaction, act, Action::Revoked, &[]).await.unwrap();
        let page = page(&mut transaction, &company, &LogFilter::default(), 50, 0).await.unwrap();
        let id = |key: Option<String>| key.map(|id| id.parse::<KeyId>().unwrap());
        let found: Vec<_> = page.into_iter().rev().map(|(line, _)| (id(line.key), line.detail)).collect();
        assert_eq!(found, expected);
    }
}
