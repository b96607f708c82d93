//! The keys of a company: made, listed, rotated, revoked, deleted. What is secret in them comes and goes as [`ApiKey`].
//!
//! Each function is one transaction's work, writes the audit log in it, and touches the given company's keys alone.

use ctx_key::{ApiKey, KeyId, KeyRecord, KeyState, Scope, UnixTime};
use ctx_key_verifier::{SourceError, record_from_columns};

use super::store_error::StoreError;
use super::{audit_log, project};
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// The longest name of a key or project, in characters.
pub const LONGEST_NAME: usize = 100;

/// How many keys a company may have.
const MOST_KEYS: i64 = 1_000;

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

/// Makes a key, and gives it away once.
pub async fn create(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    new: &NewKey,
) -> Result<(ApiKey, ListedKey), StoreError> {
    let project = project::find(transaction, company, &new.project).await?;
    limit(transaction, company).await?;
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
    insert(transaction, &listed, new.form.as_deref()).await?;
    let detail = format!("{}; {}", new.name, new.scopes);
    audit_log::append(transaction, company, actor, "created", Some(listed.record.id), &detail).await?;
    Ok((key, listed))
}

/// Never an upsert: an id that is taken, one in 10²¹, is an error.
async fn insert(
    transaction: &mut Transaction,
    key: &ListedKey,
    form: Option<&str>,
) -> Result<(), StoreError> {
    let record = &key.record;
    transaction.announce(record.id.as_str());
    let inserted = transaction.execute(
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
    ).await?;
    if inserted == 0 { Err(StoreError::FormUsed) } else { Ok(()) }
}

/// Creates the successor of a key. The key itself stays valid for `overlap` seconds.
pub async fn rotate(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    id: KeyId,
    overlap: u64,
    form: &str,
) -> Result<(ApiKey, ListedKey), StoreError> {
    let now = UnixTime::now();
    if form_is_used(transaction, form).await? {
        return Err(StoreError::FormUsed);
    }
    let mut old = find_for_change(transaction, company, id).await?;
    limit(transaction, company).await?;
    let key = ApiKey::generate();
    let record = old.record.rotate(&key, now, overlap).map_err(|_| StoreError::NotActive)?;
    store_validity(transaction, &old, now).await?;
    let new =
        ListedKey { record, created_at: seconds(now), updated_at: seconds(now), last_used_at: None, ..old };
    insert(transaction, &new, Some(form)).await?;
    let detail = format!("by {}, overlap {overlap} s", new.record.id);
    audit_log::append(transaction, company, actor, "rotated", Some(id), &detail).await?;
    Ok((key, new))
}

async fn form_is_used(connection: &mut Connection, form: &str) -> Result<bool, DatabaseError> {
    Ok(connection.query_opt("SELECT id FROM api_keys WHERE form = $1", &[form.into()]).await?.is_some())
}

/// Revokes a key from now on; once is enough.
pub async fn revoke(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    id: KeyId,
) -> Result<ListedKey, StoreError> {
    let now = UnixTime::now();
    let mut key = find_for_change(transaction, company, id).await?;
    if key.record.revoked_at.is_none_or(|at| at > now) {
        key.record.revoke(now);
        key.updated_at = seconds(now);
        store_validity(transaction, &key, now).await?;
        audit_log::append(transaction, company, actor, "revoked", Some(id), &key.name).await?;
    }
    Ok(key)
}

async fn store_validity(
    transaction: &mut Transaction,
    key: &ListedKey,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let record = &key.record;
    transaction.announce(record.id.as_str());
    transaction
        .execute(
            "UPDATE api_keys SET retires_at = $2, revoked_at = $3, updated_at = $4 WHERE id = $1",
            &[
                record.id.as_str().into(),
                record.retires_at.map(seconds).into(),
                record.revoked_at.map(seconds).into(),
                seconds(now).into(),
            ],
        )
        .await?;
    Ok(())
}

/// Removes a key with all that is known of it, but what the audit log says.
pub async fn delete(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    id: KeyId,
) -> Result<(), StoreError> {
    let key = find_for_change(transaction, company, id).await?;
    transaction.announce(id.as_str());
    transaction.execute("DELETE FROM api_keys WHERE id = $1", &[id.as_str().into()]).await?;
    Ok(audit_log::append(transaction, company, actor, "deleted", Some(id), &key.name).await?)
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.digest, k.project, k.scopes, k.not_before, k.expires_at, k.retires_at, \
             k.revoked_at, p.name AS project_name, k.name, k.created_at, k.updated_at, k.last_used_at \
             FROM api_keys k JOIN projects p ON p.id = k.project ",
            $rest
        )
    };
}

/// All keys of a company, the newest first.
pub async fn list(connection: &mut Connection, company: &str) -> Result<Vec<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 ORDER BY k.created_at DESC, k.id");
    connection.query(sql, &[company.into()]).await?.into_iter().map(listed).collect()
}

/// A company's key.
pub async fn find(connection: &mut Connection, company: &str, id: KeyId) -> Result<ListedKey, StoreError> {
    let sql = select!("WHERE p.company = $1 AND k.id = $2");
    let row = connection.query_opt(sql, &[company.into(), id.as_str().into()]).await?;
    Ok(listed(row.ok_or(StoreError::NotFound)?)?)
}

/// A company's key that a form made.
pub async fn find_by_form(
    connection: &mut Connection,
    company: &str,
    form: &str,
) -> Result<Option<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 AND k.form = $2");
    connection.query_opt(sql, &[company.into(), form.into()]).await?.map(listed).transpose()
}

/// The same as [`find`], and nobody else changes it until the end of the transaction.
async fn find_for_change(
    transaction: &mut Transaction,
    company: &str,
    id: KeyId,
) -> Result<ListedKey, StoreError> {
    if transaction.is_postgres() {
        transaction.query("SELECT id FROM api_keys WHERE id = $1 FOR UPDATE", &[id.as_str().into()]).await?;
    }
    find(transaction, company, id).await
}

fn listed(row: Row) -> Result<ListedKey, DatabaseError> {
    Ok(ListedKey {
        record: record(&row)?,
        project_name: row.get("project_name")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

/// Returns the company that owns a key, for whoever presents the key.
pub async fn company(connection: &mut Connection, id: KeyId) -> Result<String, StoreError> {
    let sql = "SELECT p.company FROM api_keys k JOIN projects p ON p.id = k.project WHERE k.id = $1";
    let row = connection.query_opt(sql, &[id.as_str().into()]).await?.ok_or(StoreError::NotFound)?;
    Ok(row.get("company")?)
}

/// Reads the columns of a record.
fn record(row: &Row) -> Result<KeyRecord<String>, DatabaseError> {
    let id: String = row.get("id")?;
    let id = id.parse().map_err(|_| DatabaseError::Corrupt("id"))?;
    let digest: Vec<u8> = row.get("digest")?;
    let time = |column| row.get(column);
    let times = [time("not_before")?, time("expires_at")?, time("retires_at")?, time("revoked_at")?];
    let record = record_from_columns(id, &digest, row.get("project")?, row.get("scopes")?, times);
    record.ok_or_else(|| SourceError::Corrupt(id).into())
}

async fn limit(connection: &mut Connection, company: &str) -> Result<(), StoreError> {
    let row = connection.query_one(
        "SELECT count(*) AS keys FROM api_keys k JOIN projects p ON p.id = k.project WHERE p.company = $1",
        &[company.into()],
    ).await?;
    let keys: i64 = row.get("keys")?;
    if keys < MOST_KEYS { Ok(()) } else { Err(StoreError::TooMany) }
}
