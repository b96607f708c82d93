//! Access tokens of programs, which manage the keys of a company.

use ctx_key::UnixTime;

use super::actor::Act;
use super::audit_log::{self, Action};
use super::company::{self, Company};
use super::id::{CompanyId, TokenId};
use super::idempotency_key::IdempotencyKey;
use super::name::Name;
use super::secret::Secret;
use super::store_error::StoreError;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// Maximum number of tokens of a company that have not expired.
pub const MAX_TOKENS: i64 = 100;

/// Minimum seconds between two recorded uses of a token.
const USE_GRANULARITY: i64 = 60;

/// A token as lists show it, without its secret.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub id: TokenId,
    pub name: Name,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// A token to be created.
pub struct NewToken {
    pub name: Name,
    pub expires_at: Option<UnixTime>,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Creates a token, and returns it with its secret, which can't be read again.
pub async fn create(
    transaction: &mut Transaction,
    act: Act<'_>,
    new: NewToken,
) -> Result<(Secret, AccessToken), StoreError> {
    let NewToken { name, expires_at, idempotency_key } = new;
    if let Some(key) = idempotency_key {
        key.spend(transaction, act.now).await?;
    }
    check_number(transaction, act).await?;
    let secret = Secret::generate();
    let token = AccessToken {
        id: TokenId::generate(),
        name,
        created_at: seconds(act.now),
        expires_at: expires_at.map(seconds),
        last_used_at: None,
    };
    transaction
        .execute(
            "INSERT INTO access_tokens (id, digest, company, name, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                (&token.id).into(),
                secret.digest().into(),
                act.company.into(),
                (&token.name).into(),
                token.created_at.into(),
                token.expires_at.into(),
            ],
        )
        .await?;
    audit_log::append(transaction, act, Action::CreatedToken, None, token.name.as_str()).await?;
    Ok((secret, token))
}

async fn check_number(transaction: &mut Transaction, act: Act<'_>) -> Result<(), StoreError> {
    company::lock(transaction, act.company).await?;
    let row = transaction
        .query_one(
            "SELECT count(*) AS tokens FROM access_tokens WHERE company = $1 AND (expires_at IS NULL OR expires_at > $2)",
            &[act.company.into(), seconds(act.now).into()],
        )
        .await?;
    let tokens: i64 = row.get("tokens")?;
    if tokens < MAX_TOKENS { Ok(()) } else { Err(StoreError::TooManyTokens(MAX_TOKENS)) }
}

/// Returns the tokens of a company, the newest first.
pub async fn list(
    connection: &mut Connection,
    company: &CompanyId,
) -> Result<Vec<AccessToken>, DatabaseError> {
    let sql = "SELECT id, name, created_at, expires_at, last_used_at FROM access_tokens WHERE company = $1 \
        ORDER BY created_at DESC, id";
    connection.query(sql, &[company.into()]).await?.iter().map(token).collect()
}

fn token(row: &Row) -> Result<AccessToken, DatabaseError> {
    Ok(AccessToken {
        id: row.get("id")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

/// Ends a token.
pub async fn delete(transaction: &mut Transaction, act: Act<'_>, id: &TokenId) -> Result<(), StoreError> {
    let sql = "DELETE FROM access_tokens WHERE company = $1 AND id = $2 RETURNING name";
    let row = transaction.query_opt(sql, &[act.company.into(), id.into()]).await?;
    let name: Name = row.ok_or(StoreError::NotFound)?.get("name")?;
    Ok(audit_log::append(transaction, act, Action::DeletedToken, None, name.as_str()).await?)
}

/// Returns the token with this secret and its company, unless it has expired.
pub async fn find(
    connection: &mut Connection,
    secret: &Secret,
    now: UnixTime,
) -> Result<Option<(AccessToken, Company)>, DatabaseError> {
    let sql = "SELECT t.id, t.name, t.created_at, t.expires_at, t.last_used_at, c.id AS company, \
        c.name AS company_name, c.slug FROM access_tokens t JOIN companies c ON c.id = t.company \
        WHERE t.digest = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)";
    let row = connection.query_opt(sql, &[secret.digest().into(), seconds(now).into()]).await?;
    let found = row.map(|row| {
        let company =
            Company { id: row.get("company")?, name: row.get("company_name")?, slug: row.get("slug")? };
        Ok((token(&row)?, company))
    });
    found.transpose()
}

impl AccessToken {
    /// Returns whether a use at `now` is to be recorded.
    pub fn is_use_due(&self, now: UnixTime) -> bool {
        self.last_used_at.is_none_or(|last| last <= seconds(now) - USE_GRANULARITY)
    }
}

/// Records a use, unless a later one was recorded, or one less than a minute earlier.
pub async fn record_use(
    transaction: &mut Transaction,
    id: &TokenId,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE access_tokens SET last_used_at = $2 \
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
    let now = seconds(now);
    transaction.execute(sql, &[id.into(), now.into(), (now - USE_GRANULARITY).into()]).await.map(drop)
}
