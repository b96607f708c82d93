//! The sign-ins of an account: the sessions of browsers, and the sign-ins of programs.

use std::collections::HashMap;
use std::fmt;

use ctx_key::UnixTime;

use super::account;
use super::actor::Act;
use super::audit_log::{self, Action};
use super::id::AccountId;
use super::secret::Secret;
use super::store_error::StoreError;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction, Value};

/// Number of bytes of a digest that identify a credential. Nobody can guess them, and they give no access.
const NAMED: usize = 16;

/// The name of a session, which does not reveal its secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    /// The first bytes of the digest of a session, or of a token of an older version.
    Digest([u8; NAMED]),
    /// The tokens of a program's sign-in.
    Family(String),
}

impl Handle {
    /// Reads a name that a client sent.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = text.strip_prefix("fam_") {
            let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            return is_id.then(|| Self::Family(text.to_owned()));
        }
        let mut bytes = [0; NAMED];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self::Digest(bytes))
    }

    /// Returns whether this names the session with this secret.
    pub fn is_of(&self, session: &Secret) -> bool {
        Self::of(&session.digest()).as_ref() == Some(self)
    }

    fn of(digest: &[u8]) -> Option<Self> {
        digest.first_chunk().copied().map(Self::Digest)
    }

    /// Returns the parameters of [`named`]: the first and the last digest of a range, and the family.
    fn values(&self) -> [Value; 3] {
        match self {
            Self::Digest(bytes) => {
                let [mut first, mut last] = [[0; 32], [0xff; 32]];
                first[..NAMED].copy_from_slice(bytes);
                last[..NAMED].copy_from_slice(bytes);
                [first.into(), last.into(), "".into()]
            }
            // no digest lies between these
            Self::Family(id) => [[0xff; 32].into(), [0; 32].into(), id.into()],
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(bytes) => f.write_str(&hex::encode(bytes)),
            Self::Family(id) => f.write_str(id),
        }
    }
}

/// A session of a browser, or a sign-in of a program.
#[derive(Clone, Debug)]
pub struct Session {
    pub handle: Handle,
    pub is_program: bool,
    /// True if the request comes from this session.
    pub is_current: bool,
    /// Older versions stored neither the time, the address and the agent of a sign-in nor its last use.
    pub created_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub expires_at: i64,
    pub address: Option<String>,
    pub agent: Option<String>,
}

/// Returns the sessions of an account: first the one that the request comes from, then the others by their last use,
/// the latest first.
pub async fn list(
    connection: &mut Connection,
    account: &AccountId,
    current: &Secret,
    now: UnixTime,
) -> Result<Vec<Session>, DatabaseError> {
    let sql = "SELECT digest, kind, family, created_at, last_used_at, expires_at, address, agent FROM credentials \
               WHERE account = $1 AND kind IN ('session', 'access', 'refresh') AND spent_at IS NULL AND expires_at > $2";
    let rows = connection.query(sql, &[account.into(), seconds(now).into()]).await?;
    let mut sessions: HashMap<Handle, Session> = HashMap::new();
    for row in &rows {
        let session = session(row, current)?;
        let known = sessions.entry(session.handle.clone()).or_insert_with(|| session.clone());
        known.last_used_at = known.last_used_at.max(session.last_used_at);
        known.expires_at = known.expires_at.max(session.expires_at);
    }
    let mut sessions: Vec<_> = sessions.into_values().collect();
    let order = |session: &Session| {
        (session.is_current, session.last_used_at, session.created_at, session.handle.to_string())
    };
    sessions.sort_by_cached_key(|session| std::cmp::Reverse(order(session)));
    Ok(sessions)
}

fn session(row: &Row, current: &Secret) -> Result<Session, DatabaseError> {
    let (digest, family): (Vec<u8>, Option<String>) = (row.get("digest")?, row.get("family")?);
    let handle = family.map(Handle::Family).or_else(|| Handle::of(&digest));
    let handle = handle.ok_or(DatabaseError::Corrupt("digest"))?;
    Ok(Session {
        is_program: row.get::<String>("kind")? != "session",
        is_current: handle.is_of(current),
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
        address: row.get("address")?,
        agent: row.get("agent")?,
        handle,
    })
}

/// The rows of the session with this name.
macro_rules! named {
    ($rest:literal) => {
        concat!(
            "FROM credentials WHERE (digest BETWEEN $1 AND $2 OR family = $3) \
             AND kind IN ('session', 'access', 'refresh')",
            $rest
        )
    };
}

/// Ends a session. If it has ended already, nothing happens. A session of another account is not found.
pub async fn end(
    transaction: &mut Transaction,
    act: Act<'_>,
    account: &AccountId,
    handle: &Handle,
) -> Result<(), StoreError> {
    account::lock(transaction, account).await?;
    let [first, last, family] = handle.values();
    // spent tokens stay: if one is sent again, there is nothing left to end
    let sql = concat!(
        "DELETE ",
        named!(" AND account = $4 AND spent_at IS NULL AND expires_at > $5 RETURNING kind, address, agent")
    );
    let now = seconds(act.now).into();
    let parameters = [first.clone(), last.clone(), family.clone(), account.into(), now];
    let ended = transaction.query(sql, &parameters).await?;
    if let Some(row) = ended.first() {
        let detail = detail(row)?;
        return Ok(audit_log::append(transaction, act, Action::EndedSession, None, &detail).await?);
    }
    let sql = concat!("SELECT kind ", named!(" AND account <> $4 LIMIT 1"));
    let others = transaction.query_opt(sql, &[first, last, family, account.into()]).await?;
    if others.is_some() { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Returns the detail for the audit log about a session that was ended: the agent and the address of its sign-in.
fn detail(row: &Row) -> Result<String, DatabaseError> {
    let (agent, address): (Option<String>, Option<String>) = (row.get("agent")?, row.get("address")?);
    let is_browser = row.get::<String>("kind")? == "session";
    let kind = if is_browser { "a browser" } else { "a program" };
    let agent = agent.unwrap_or_else(|| kind.to_owned());
    Ok(match address {
        Some(address) => format!("{agent}, begun at {address}"),
        None => agent,
    })
}

/// Ends all sign-ins of an account except this session.
pub async fn end_others(
    transaction: &mut Transaction,
    act: Act<'_>,
    account: &AccountId,
    current: &Secret,
) -> Result<(), StoreError> {
    account::lock(transaction, account).await?;
    let sql = "DELETE FROM credentials WHERE account = $1 AND kind IN ('session', 'access', 'refresh') \
               AND spent_at IS NULL AND expires_at > $3 AND digest <> $2";
    let parameters = [account.into(), current.digest().into(), seconds(act.now).into()];
    let ended = transaction.execute(sql, &parameters).await?;
    if ended > 0 {
        audit_log::append(transaction, act, Action::EndedSession, None, "all others").await?;
    }
    Ok(())
}
