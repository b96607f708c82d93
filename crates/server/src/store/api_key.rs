//! The keys of a company: creation, lists, changes, rotation, revocation and deletion. Only [`create`] and [`rotate`]
//! return a whole key, as an [`ApiKey`].
//!
//! Each function does its work in the caller's transaction, writes the audit log in it, and touches only keys of the
//! given company.

use std::collections::HashMap;

use ctx_key::{ApiKey, KeyId, KeyRecord, KeyState, Scope, UnixTime};
use ctx_key_verifier::{SourceError, record_from_columns};

use super::actor::Act;
use super::audit_log::{self, Action};
use super::company;
use super::id::{CompanyId, ProjectId};
use super::idempotency_key::IdempotencyKey;
use super::name::Name;
use super::project::{self, Project};
use super::store_error::StoreError;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// Maximum number of keys of a company that have not ended.
pub const MAX_KEYS: i64 = 1_000;

/// The condition that a key `k` has not ended at the time `$2`. It agrees with [`ListedKey::has_ended`] and with the
/// index `api_keys_by_end`.
macro_rules! has_not_ended {
    () => {
        "k.revoked_at IS NULL AND coalesce(CASE WHEN k.retires_at < k.expires_at OR k.expires_at IS NULL \
         THEN k.retires_at ELSE k.expires_at END, 9223372036854775807) > $2"
    };
}

/// A key as lists show it, without its secret.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub record: KeyRecord<ProjectId>,
    pub project_name: Name,
    pub name: Name,
    pub created_at: i64,
    pub updated_at: i64,
    pub last_used_at: Option<i64>,
}

impl ListedKey {
    /// Returns the time when the key ends, if that is known: the end of its overlap after a rotation or its expiry,
    /// whichever is earlier.
    pub fn end(&self) -> Option<UnixTime> {
        self.record.expires_at.into_iter().chain(self.record.retires_at).min()
    }

    /// Returns whether the key is valid, and will end within a week.
    pub fn is_ending(&self, now: UnixTime) -> bool {
        let week = now.saturating_add(7 * 24 * 3600);
        self.record.state(now) == KeyState::Active && self.end().is_some_and(|end| end <= week)
    }

    /// Returns whether the key is not valid now, and will not be later.
    pub fn has_ended(&self, now: UnixTime) -> bool {
        !matches!(self.record.state(now), KeyState::Active | KeyState::NotYetValid)
    }
}

/// A key to be created.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: Name,
    pub project: ProjectChoice,
    pub scopes: Scope,
    pub expires_at: Option<UnixTime>,
    /// Makes the request create one key, however often it is sent.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The project of a new key.
#[derive(Clone, Debug)]
pub enum ProjectChoice {
    Existing(ProjectId),
    /// A project that is created in the same transaction as the key.
    New(Name),
}

/// Creates a key, and returns it. The key can't be read again.
pub async fn create(
    transaction: &mut Transaction,
    act: Act<'_>,
    new: &NewKey,
) -> Result<(ApiKey, ListedKey), StoreError> {
    if let Some(key) = &new.idempotency_key {
        key.spend(transaction, act.now).await?;
    }
    let project = choose(transaction, act, &new.project).await?;
    check_number(transaction, act).await?;
    let key = ApiKey::generate();
    let mut record = KeyRecord::new(&key, project.id, new.scopes);
    record.expires_at = new.expires_at;
    let now = seconds(act.now);
    let listed = ListedKey {
        record,
        project_name: project.name,
        name: new.name.clone(),
        created_at: now,
        updated_at: now,
        last_used_at: None,
    };
    insert(transaction, &listed, new.idempotency_key.as_ref()).await?;
    let detail = format!("{}; {}", new.name, new.scopes);
    audit_log::append(transaction, act, Action::Created, Some(listed.record.id), &detail).await?;
    Ok((key, listed))
}

async fn choose(
    transaction: &mut Transaction,
    act: Act<'_>,
    choice: &ProjectChoice,
) -> Result<Project, StoreError> {
    match choice {
        ProjectChoice::Existing(id) => project::find_active(transaction, act.company, id).await,
        ProjectChoice::New(name) => project::create(transaction, act, name).await,
    }
}

/// Stores a new key. This is never an upsert: if another key has the id, it fails. Each stored key has
/// the same id with a chance of 1 in 3·10²¹.
async fn insert(
    transaction: &mut Transaction,
    key: &ListedKey,
    idempotency_key: Option<&IdempotencyKey>,
) -> Result<(), DatabaseError> {
    let record = &key.record;
    transaction.announce(record.id.as_str());
    transaction
        .execute(
            "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, \
             name, created_at, updated_at, form) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
                idempotency_key.into(),
            ],
        )
        .await?;
    Ok(())
}

/// A key and its successor.
pub struct Rotated {
    /// The whole new key, which can't be read again.
    pub key: ApiKey,
    pub new: ListedKey,
    pub old: ListedKey,
}

/// Parameters of a rotation.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Seconds for which the old key stays valid.
    pub overlap: u64,
    /// The expiry of the new key. If it is `None`, the new key has the expiry of the old one.
    pub expires_at: Option<Option<UnixTime>>,
    /// Makes the request replace the key once, however often it is sent.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Creates the successor of a key. This is allowed even at the maximum number of keys, because a leaked key must be
/// replaceable.
pub async fn rotate(
    transaction: &mut Transaction,
    act: Act<'_>,
    id: KeyId,
    rotation: &Rotation,
) -> Result<Rotated, StoreError> {
    if let Some(key) = &rotation.idempotency_key {
        key.spend(transaction, act.now).await?;
    }
    let project = find(transaction, act.company, id).await?.record.project;
    // the project is locked before the key, in the order of archiving
    project::find_active(transaction, act.company, &project).await?;
    let mut old = find_for_change(transaction, act.company, id).await?;
    let key = ApiKey::generate();
    let overlap = rotation.overlap;
    let mut record = old.record.rotate(&key, act.now, overlap).map_err(|_| StoreError::HasEnded)?;
    record.expires_at = rotation.expires_at.unwrap_or(record.expires_at);
    old.updated_at = seconds(act.now);
    store_validity(transaction, &old).await?;
    let new = ListedKey { record, created_at: old.updated_at, last_used_at: None, ..old.clone() };
    insert(transaction, &new, rotation.idempotency_key.as_ref()).await?;
    let detail = format!("by {}, overlap {overlap} s", new.record.id);
    audit_log::append(transaction, act, Action::Rotated, Some(id), &detail).await?;
    Ok(Rotated { key, new, old })
}

/// New values of a key's fields. A field that is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct Change {
    pub name: Option<Name>,
    pub scopes: Option<Scope>,
}

/// Changes the name and the scopes of a key that has not ended.
pub async fn change(
    transaction: &mut Transaction,
    act: Act<'_>,
    id: KeyId,
    change: Change,
) -> Result<ListedKey, StoreError> {
    let mut key = find_for_change(transaction, act.company, id).await?;
    let name = change.name.unwrap_or_else(|| key.name.clone());
    let scopes = change.scopes.unwrap_or(key.record.scopes);
    let mut changed = Vec::new();
    if name != key.name {
        changed.push(format!("name from {} to {name}", key.name));
    }
    if scopes != key.record.scopes {
        changed.push(format!("scopes from {} to {scopes}", key.record.scopes));
    }
    if changed.is_empty() {
        return Ok(key);
    }
    if key.has_ended(act.now) {
        return Err(StoreError::HasEnded);
    }
    (key.name, key.record.scopes, key.updated_at) = (name, scopes, seconds(act.now));
    transaction.announce(id.as_str());
    transaction
        .execute(
            "UPDATE api_keys SET name = $2, scopes = $3, updated_at = $4 WHERE id = $1",
            &[id.as_str().into(), (&key.name).into(), i64::from(scopes.bits()).into(), key.updated_at.into()],
        )
        .await?;
    audit_log::append(transaction, act, Action::Changed, Some(id), &changed.join("; ")).await?;
    Ok(key)
}

/// Revokes a key. A key that is revoked stays as it is.
pub async fn revoke(transaction: &mut Transaction, act: Act<'_>, id: KeyId) -> Result<ListedKey, StoreError> {
    let mut key = find_for_change(transaction, act.company, id).await?;
    if key.record.state(act.now) != KeyState::Revoked {
        key.record.revoke(act.now);
        key.updated_at = seconds(act.now);
        store_validity(transaction, &key).await?;
        audit_log::append(transaction, act, Action::Revoked, Some(id), key.name.as_str()).await?;
    }
    Ok(key)
}

/// Revokes all keys of a project that have not ended, and returns their number.
pub(super) async fn revoke_all(
    transaction: &mut Transaction,
    act: Act<'_>,
    project: &ProjectId,
) -> Result<usize, DatabaseError> {
    let sql = concat!(
        "UPDATE api_keys AS k SET revoked_at = $2, updated_at = $2 WHERE k.project = $1 AND ",
        has_not_ended!(),
        " RETURNING id, name"
    );
    let rows = transaction.query(sql, &[project.into(), seconds(act.now).into()]).await?;
    let mut revoked = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, name): (String, Name) = (row.get("id")?, row.get("name")?);
        let id = id.parse::<KeyId>().map_err(|_| DatabaseError::Corrupt("id"))?;
        transaction.announce(id.as_str());
        revoked.push((id, name));
    }
    let lines: Vec<_> = revoked.iter().map(|(id, name)| (Some(*id), name.as_str())).collect();
    audit_log::append_all(transaction, act, Action::Revoked, &lines).await?;
    Ok(rows.len())
}

async fn store_validity(transaction: &mut Transaction, key: &ListedKey) -> Result<(), DatabaseError> {
    let record = &key.record;
    transaction.announce(record.id.as_str());
    transaction
        .execute(
            "UPDATE api_keys SET retires_at = $2, revoked_at = $3, updated_at = $4 WHERE id = $1",
            &[
                record.id.as_str().into(),
                record.retires_at.map(seconds).into(),
                record.revoked_at.map(seconds).into(),
                key.updated_at.into(),
            ],
        )
        .await?;
    Ok(())
}

/// Removes a key and all its data, except its lines in the audit log.
pub async fn delete(transaction: &mut Transaction, act: Act<'_>, id: KeyId) -> Result<(), StoreError> {
    let key = find_for_change(transaction, act.company, id).await?;
    remove(transaction, act, &key).await
}

/// Does the same as [`delete`], but only to a key that has ended.
pub async fn purge(transaction: &mut Transaction, act: Act<'_>, id: KeyId) -> Result<(), StoreError> {
    let key = find_for_change(transaction, act.company, id).await?;
    if !key.has_ended(act.now) {
        return Err(StoreError::HasNotEnded);
    }
    remove(transaction, act, &key).await
}

async fn remove(transaction: &mut Transaction, act: Act<'_>, key: &ListedKey) -> Result<(), StoreError> {
    let id = key.record.id;
    transaction.announce(id.as_str());
    transaction.execute("DELETE FROM api_keys WHERE id = $1", &[id.as_str().into()]).await?;
    Ok(audit_log::append(transaction, act, Action::Deleted, Some(id), key.name.as_str()).await?)
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

/// Returns all keys of a company, the newest first.
pub async fn list(connection: &mut Connection, company: &CompanyId) -> Result<Vec<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 ORDER BY k.created_at DESC, k.id");
    connection.query(sql, &[company.into()]).await?.into_iter().map(listed).collect()
}

/// A place in the list of a company's keys: right after the key that was created at this time and has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub created_at: i64,
    pub id: KeyId,
}

impl ListedKey {
    /// Returns the place after this key. It does not move when keys are created or deleted.
    pub fn place(&self) -> Place {
        Place { created_at: self.created_at, id: self.record.id }
    }
}

/// Returns at most `limit` keys of a company, the newest first, from the place `after` on.
pub async fn page(
    connection: &mut Connection,
    company: &CompanyId,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<ListedKey>, DatabaseError> {
    let rows = match after {
        Some(Place { created_at, id }) => {
            let sql = select!(
                "WHERE p.company = $1 AND (k.created_at < $2 OR k.created_at = $2 AND k.id > $3) \
                 ORDER BY k.created_at DESC, k.id LIMIT $4"
            );
            let parameters = [company.into(), created_at.into(), id.as_str().into(), limit.into()];
            connection.query(sql, &parameters).await?
        }
        None => {
            let sql = select!("WHERE p.company = $1 ORDER BY k.created_at DESC, k.id LIMIT $2");
            connection.query(sql, &[company.into(), limit.into()]).await?
        }
    };
    rows.into_iter().map(listed).collect()
}

/// Returns a company's key.
pub async fn find(
    connection: &mut Connection,
    company: &CompanyId,
    id: KeyId,
) -> Result<ListedKey, StoreError> {
    let sql = select!("WHERE p.company = $1 AND k.id = $2");
    let row = connection.query_opt(sql, &[company.into(), id.as_str().into()]).await?;
    Ok(listed(row.ok_or(StoreError::NotFound)?)?)
}

/// Returns the key of a company that was created with this idempotency key, unless it has been deleted since.
pub async fn find_by_idempotency_key(
    connection: &mut Connection,
    company: &CompanyId,
    key: &IdempotencyKey,
) -> Result<Option<ListedKey>, DatabaseError> {
    let sql = select!("WHERE p.company = $1 AND k.form = $2");
    connection.query_opt(sql, &[company.into(), key.into()]).await?.map(listed).transpose()
}

/// Returns the same as [`find`], and prevents others from changing the key until the end of the transaction.
async fn find_for_change(
    transaction: &mut Transaction,
    company: &CompanyId,
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

/// Returns the company that owns a key. Call it only for a request that presents the key.
pub async fn company(connection: &mut Connection, id: KeyId) -> Result<CompanyId, StoreError> {
    let sql = "SELECT p.company FROM api_keys k JOIN projects p ON p.id = k.project WHERE k.id = $1";
    let row = connection.query_opt(sql, &[id.as_str().into()]).await?.ok_or(StoreError::NotFound)?;
    Ok(row.get("company")?)
}

/// Reads the columns of a record.
fn record(row: &Row) -> Result<KeyRecord<ProjectId>, DatabaseError> {
    let id: String = row.get("id")?;
    let id = id.parse().map_err(|_| DatabaseError::Corrupt("id"))?;
    let digest: Vec<u8> = row.get("digest")?;
    let time = |column| row.get(column);
    let times = [time("not_before")?, time("expires_at")?, time("retires_at")?, time("revoked_at")?];
    let record = record_from_columns(id, &digest, row.get("project")?, row.get("scopes")?, times);
    record.ok_or_else(|| SourceError::Corrupt(id).into())
}

/// Counts the keys of a company that have not ended. It uses the index `api_keys_by_end`.
pub const COUNT: &str = concat!(
    "SELECT count(*) AS keys FROM projects p JOIN api_keys k ON k.project = p.id WHERE p.company = $1 AND ",
    has_not_ended!()
);

/// Numbers of keys of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    pub not_ended: i64,
    pub all: i64,
}

/// Counts the keys of each project of a company. A project without keys is not in the result.
pub async fn count_by_project(
    connection: &mut Connection,
    company: &CompanyId,
    now: UnixTime,
) -> Result<HashMap<ProjectId, KeyCounts>, DatabaseError> {
    let sql = concat!(
        "SELECT k.project, count(*) AS keys, count(CASE WHEN ",
        has_not_ended!(),
        " THEN 1 END) AS not_ended FROM projects p JOIN api_keys k ON k.project = p.id WHERE p.company = $1 \
         GROUP BY k.project"
    );
    let counts = |row: &Row| {
        Ok((row.get("project")?, KeyCounts { not_ended: row.get("not_ended")?, all: row.get("keys")? }))
    };
    connection.query(sql, &[company.into(), seconds(now).into()]).await?.iter().map(counts).collect()
}

async fn check_number(transaction: &mut Transaction, act: Act<'_>) -> Result<(), StoreError> {
    company::lock(transaction, act.company).await?;
    let row = transaction.query_one(COUNT, &[act.company.into(), seconds(act.now).into()]).await?;
    let keys: i64 = row.get("keys")?;
    if keys < MAX_KEYS { Ok(()) } else { Err(StoreError::TooManyKeys(MAX_KEYS)) }
}
