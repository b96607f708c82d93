//! The keys of a company: made, listed, rotated, revoked, deleted. What is secret in them comes and goes as [`ApiKey`].
//!
//! Each function is one transaction's work, writes the audit log in it, and touches the given company's keys alone.

use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, KeyState, Scope, UnixTime};

use crate::account::new_id;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Value};

/// The longest name of a key or project, in characters.
pub const LONGEST_NAME: usize = 100;

/// How many keys a company may have.
const MOST_KEYS: i64 = 1_000;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: String,
    pub name: String,
}

/// A key as lists show it: nothing of its secret.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub record: KeyRecord<String>,
    pub project_name: String,
    pub name: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub last_used_at: Option<i64>,
}

impl ListedKey {
    /// Returns the end of the key, if one is known: of its overlap after a rotation, or its expiry.
    pub fn end(&self) -> Option<UnixTime> {
        self.record.expires_at.into_iter().chain(self.record.retires_at).min()
    }

    /// Returns whether the key is valid, and will end within a week.
    pub fn is_ending(&self, now: UnixTime) -> bool {
        let week = now.saturating_add(7 * 24 * 3600);
        self.record.state(now) == KeyState::Active && self.end().is_some_and(|end| end <= week)
    }
}

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub project: String,
    pub scopes: Scope,
    pub expires_at: Option<UnixTime>,
    /// The one-time token of the form, if it came by one.
    pub form: Option<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum KeyError {
    Database(DatabaseError),
    /// No such project or key, or another company's.
    NotFound,
    /// This form has made its key already.
    FormUsed,
    /// The key has ended, so it has no successor.
    NotActive,
    /// The company has as many keys as it may have.
    TooMany,
    /// There is a project of this name.
    NameTaken,
}

impl From<DatabaseError> for KeyError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Makes a key, and gives it away once.
pub fn create(
    connection: &mut Connection,
    company: &str,
    actor: &str,
    new: &NewKey,
) -> Result<(ApiKey, ListedKey), KeyError> {
    let project = project(connection, company, &new.project)?;
    limit(connection, company)?;
    let key = ApiKey::generate();
    let mut record = KeyRecord::new(&key, project.id, new.scopes);
    record.expires_at = new.expires_at;
    let now = seconds(UnixTime::now());
    let listed = ListedKey {
        record,
        project_name: project.name,
        name: new.name.clone(),
        created_at: now,
        updated_at: now,
        last_used_at: None,
    };
    insert(connection, &listed, new.form.as_deref())?;
    let detail = format!("{}; {}", new.name, new.scopes);
    log(connection, company, actor, "created", Some(listed.record.id), &detail)?;
    Ok((key, listed))
}

/// Never an upsert: an id that is taken, one in 10²¹, is an error.
fn insert(connection: &mut Connection, key: &ListedKey, form: Option<&str>) -> Result<(), KeyError> {
    let record = &key.record;
    connection.changes(record.id);
    let inserted = connection.execute(
        "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, name, \
         created_at, updated_at, form) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (form) DO NOTHING",
        &[
            record.id.as_str().into(),
            (*record.digest.as_bytes()).into(),
            (&record.project).into(),
            i64::from(record.scopes.bits()).into(),
            record.not_before.map(seconds).into(),
            record.expires_at.map(seconds).into(),
            record.retires_at.map(seconds).into(),
            record.revoked_at.map(seconds).into(),
            (&key.name).into(),
            key.created_at.into(),
            key.updated_at.into(),
            form.into(),
        ],
    )?;
    if inserted == 0 { Err(KeyError::FormUsed) } else { Ok(()) }
}

/// Creates the successor of a key. The key itself stays valid for `overlap` seconds.
pub fn rotate(
    connection: &mut Connection,
    company: &str,
    actor: &str,
    id: KeyId,
    overlap: u64,
    form: &str,
) -> Result<(ApiKey, ListedKey), KeyError> {
    let now = UnixTime::now();
    if form_is_used(connection, form)? {
        return Err(KeyError::FormUsed);
    }
    let mut old = find_for_change(connection, company, id)?;
    limit(connection, company)?;
    let key = ApiKey::generate();
    let record = old.record.rotate(&key, now, overlap).map_err(|_| KeyError::NotActive)?;
    store_validity(connection, &old, now)?;
    let new =
        ListedKey { record, created_at: seconds(now), updated_at: seconds(now), last_used_at: None, ..old };
    insert(connection, &new, Some(form))?;
    let detail = format!("by {}, overlap {overlap} s", new.record.id);
    log(connection, company, actor, "rotated", Some(id), &detail)?;
    Ok((key, new))
}

fn form_is_used(connection: &mut Connection, form: &str) -> Result<bool, DatabaseError> {
    Ok(connection.query_one("SELECT id FROM api_keys WHERE form = $1", &[form.into()])?.is_some())
}

/// Revokes a key from now on; once is enough.
pub fn revoke(
    connection: &mut Connection,
    company: &str,
    actor: &str,
    id: KeyId,
) -> Result<ListedKey, KeyError> {
    let now = UnixTime::now();
    let mut key = find_for_change(connection, company, id)?;
    if key.record.revoked_at.is_none_or(|at| at > now) {
        key.record.revoke(now);
        key.updated_at = seconds(now);
        store_validity(connection, &key, now)?;
        log(connection, company, actor, "revoked", Some(id), &key.name)?;
    }
    Ok(key)
}

fn store_validity(connection: &mut Connection, key: &ListedKey, now: UnixTime) -> Result<(), DatabaseError> {
    let record = &key.record;
    connection.changes(record.id);
    connection.execute(
        "UPDATE api_keys SET retires_at = $2, revoked_at = $3, updated_at = $4 WHERE id = $1",
        &[
            record.id.as_str().into(),
            record.retires_at.map(seconds).into(),
            record.revoked_at.map(seconds).into(),
            seconds(now).into(),
        ],
    )?;
    Ok(())
}

/// Removes a key with all that is known of it, but what the audit log says.
pub fn delete(connection: &mut Connection, company: &str, actor: &str, id: KeyId) -> Result<(), KeyError> {
    let key = find_for_change(connection, company, id)?;
    connection.changes(id);
    connection.execute("DELETE FROM api_keys WHERE id = $1", &[id.as_str().into()])?;
    Ok(log(connection, company, actor, "deleted", Some(id), &key.name)?)
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.digest, k.project, k.scopes, k.not_before, k.expires_at, k.retires_at, \
             k.revoked_at, p.name, k.name, k.created_at, k.updated_at, k.last_used_at \
             FROM api_keys k JOIN projects p ON p.id = k.project ",
            $rest
        )
    };
}

/// All keys of a company, the newest first.
pub fn list(connection: &mut Connection, company: &str) -> Result<Vec<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 ORDER BY k.created_at DESC, k.id");
    connection.query(sql, &[company.into()])?.into_iter().map(listed).collect()
}

/// A company's key.
pub fn find(connection: &mut Connection, company: &str, id: KeyId) -> Result<ListedKey, KeyError> {
    let sql = select!("WHERE p.company = $1 AND k.id = $2");
    let row = connection.query_one(sql, &[company.into(), id.as_str().into()])?;
    Ok(listed(row.ok_or(KeyError::NotFound)?)?)
}

/// A company's key that a form made.
pub fn find_by_form(
    connection: &mut Connection,
    company: &str,
    form: &str,
) -> Result<Option<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 AND k.form = $2");
    connection.query_one(sql, &[company.into(), form.into()])?.map(listed).transpose()
}

/// The same as [`find`], and nobody else changes it until the end of the transaction.
fn find_for_change(connection: &mut Connection, company: &str, id: KeyId) -> Result<ListedKey, KeyError> {
    if connection.is_postgres() {
        connection.query("SELECT id FROM api_keys WHERE id = $1 FOR UPDATE", &[id.as_str().into()])?;
    }
    find(connection, company, id)
}

fn listed(mut row: Row) -> Result<ListedKey, DatabaseError> {
    Ok(ListedKey {
        record: record(&mut row)?,
        project_name: row.get(8)?,
        name: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
        last_used_at: row.get(12)?,
    })
}

/// The record of a key, whoever's it is, and the company: for whoever presents the key.
pub fn lookup(
    connection: &mut Connection,
    id: KeyId,
) -> Result<Option<(KeyRecord<String>, String)>, DatabaseError> {
    let found = connection.query_one(
        "SELECT k.id, k.digest, k.project, k.scopes, k.not_before, k.expires_at, k.retires_at, \
         k.revoked_at, p.company FROM api_keys k JOIN projects p ON p.id = k.project WHERE k.id = $1",
        &[id.as_str().into()],
    )?;
    found.map(|mut row| Ok((record(&mut row)?, row.get(8)?))).transpose()
}

/// The columns that every select above begins with.
fn record(row: &mut Row) -> Result<KeyRecord<String>, DatabaseError> {
    let id: String = row.get(0)?;
    let digest: Vec<u8> = row.get(1)?;
    let bits = u32::try_from(row.get::<i64>(3)?).map_err(|_| DatabaseError::unexpected())?;
    let mut record = KeyRecord::from_parts(
        id.parse().map_err(|_| DatabaseError::unexpected())?,
        KeyDigest::try_from(&digest[..]).map_err(|_| DatabaseError::unexpected())?,
        row.get(2)?,
        // a bit that this version doesn't know is an error of the service
        Scope::from_bits(bits).ok_or_else(DatabaseError::unexpected)?,
    );
    (record.not_before, record.expires_at) = (time(row, 4)?, time(row, 5)?);
    (record.retires_at, record.revoked_at) = (time(row, 6)?, time(row, 7)?);
    Ok(record)
}

/// Reads a time. A negative one is an error: read as absent, it would make a key that never ends.
fn time(row: &mut Row, column: usize) -> Result<Option<UnixTime>, DatabaseError> {
    let seconds = row.get::<Option<i64>>(column)?.map(u64::try_from).transpose();
    Ok(seconds.map_err(|_| DatabaseError::unexpected())?.map(UnixTime::from_secs))
}

/// Notes when keys were last used.
pub fn store_uses(connection: &mut Connection, uses: &[(KeyId, UnixTime)]) -> Result<(), DatabaseError> {
    for (id, at) in uses {
        connection.execute(
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            &[id.as_str().into(), seconds(*at).into()],
        )?;
    }
    Ok(())
}

fn limit(connection: &mut Connection, company: &str) -> Result<(), KeyError> {
    let row = connection.query_one(
        "SELECT count(*) FROM api_keys k JOIN projects p ON p.id = k.project WHERE p.company = $1",
        &[company.into()],
    )?;
    let keys: i64 = row.ok_or_else(DatabaseError::unexpected)?.get(0)?;
    if keys < MOST_KEYS { Ok(()) } else { Err(KeyError::TooMany) }
}

/// The projects of a company, by name.
pub fn projects(connection: &mut Connection, company: &str) -> Result<Vec<Project>, DatabaseError> {
    let sql = "SELECT id, name FROM projects WHERE company = $1 ORDER BY name";
    let rows = connection.query(sql, &[company.into()])?;
    rows.into_iter().map(|mut row| Ok(Project { id: row.get(0)?, name: row.get(1)? })).collect()
}

fn project(connection: &mut Connection, company: &str, id: &str) -> Result<Project, KeyError> {
    let sql = "SELECT id, name FROM projects WHERE company = $1 AND id = $2";
    let mut row = connection.query_one(sql, &[company.into(), id.into()])?.ok_or(KeyError::NotFound)?;
    Ok(Project { id: row.get(0)?, name: row.get(1)? })
}

/// Makes a project.
pub fn create_project(
    connection: &mut Connection,
    company: &str,
    actor: &str,
    name: &str,
) -> Result<Project, KeyError> {
    let project = Project { id: new_id("proj"), name: name.to_owned() };
    let inserted = connection.execute(
        "INSERT INTO projects (id, company, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&project.id).into(), company.into(), name.into(), seconds(UnixTime::now()).into()],
    )?;
    if inserted == 0 {
        return Err(KeyError::NameTaken);
    }
    log(connection, company, actor, "created project", None, name)?;
    Ok(project)
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

fn log(
    connection: &mut Connection,
    company: &str,
    actor: &str,
    action: &str,
    key: Option<KeyId>,
    detail: &str,
) -> Result<(), DatabaseError> {
    let key: Value = key.map(|id| id.as_str().to_owned()).into();
    connection.execute(
        "INSERT INTO audit_log (at, company, actor, action, key, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        &[seconds(UnixTime::now()).into(), company.into(), actor.into(), action.into(), key, detail.into()],
    )?;
    Ok(())
}

/// The last lines of a company's audit log, the newest first.
pub fn audit_log(connection: &mut Connection, company: &str) -> Result<Vec<LogLine>, DatabaseError> {
    let sql =
        "SELECT at, actor, action, key, detail FROM audit_log WHERE company = $1 ORDER BY seq DESC LIMIT 200";
    let rows = connection.query(sql, &[company.into()])?;
    let line = |mut row: Row| {
        Ok(LogLine {
            at: row.get(0)?,
            actor: row.get(1)?,
            action: row.get(2)?,
            key: row.get(3)?,
            detail: row.get(4)?,
        })
    };
    rows.into_iter().map(line).collect()
}
