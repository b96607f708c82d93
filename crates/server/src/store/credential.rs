//! Secrets of people, not of programs: set-up links, sessions of browsers, access and refresh tokens.
//!
//! Each is 32 random bytes, of which the database keeps the SHA-256. API keys are not made here.

use ctx_key::UnixTime;
use sha2::{Digest, Sha256};

use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Transaction, Value};

/// What a credential is for, and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Makes one account.
    SetUp,
    /// A browser that is signed in.
    Session,
    /// A program that acts for an account.
    Access,
    /// What a program gets its next access token with, once.
    Refresh,
    /// A form that was sent: it is not taken again as long as its session could be open.
    Form,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::Session => "session",
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Form => "form",
        }
    }

    /// Seconds.
    pub const fn lifetime(self) -> u64 {
        match self {
            Self::SetUp => 24 * 3600,
            Self::Session | Self::Form => 12 * 3600,
            Self::Access => 3600,
            Self::Refresh => 30 * 24 * 3600,
        }
    }
}

/// 64 random hexadecimal digits.
///
/// # Panics
///
/// If the operating system has no randomness to give.
pub fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    hex::encode(bytes)
}

/// A new credential; the text is nowhere else.
pub async fn issue(
    transaction: &mut Transaction,
    kind: Kind,
    account: Option<&str>,
    now: UnixTime,
) -> Result<String, DatabaseError> {
    let text = random();
    insert(transaction, kind, &text, account, now).await?;
    Ok(text)
}

/// Notes that a form was sent. `false` if it was sent before.
pub async fn spend_form(
    transaction: &mut Transaction,
    text: &str,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    insert(transaction, Kind::Form, text, None, now).await
}

/// Whether the text is a new one.
async fn insert(
    transaction: &mut Transaction,
    kind: Kind,
    text: &str,
    account: Option<&str>,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    let expires_at = now.saturating_add(kind.lifetime());
    transaction.execute("DELETE FROM credentials WHERE expires_at <= $1", &[seconds(now).into()]).await?;
    let inserted = transaction.execute(
        "INSERT INTO credentials (digest, kind, account, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[digest(text).into(), kind.name().into(), account.into(), seconds(expires_at).into()],
    ).await?;
    Ok(inserted == 1)
}

/// The account of a credential that is known and has not expired; `None` in it for a set-up link.
pub async fn find(
    connection: &mut Connection,
    kind: Kind,
    text: &str,
    now: UnixTime,
) -> Result<Option<Option<String>>, DatabaseError> {
    let found = connection
        .query_opt(
            "SELECT account FROM credentials WHERE digest = $1 AND kind = $2 AND expires_at > $3",
            &parameters(kind, text, now),
        )
        .await?;
    found.map(|row| row.get("account")).transpose()
}

/// The same, and it is good no more.
pub async fn take(
    transaction: &mut Transaction,
    kind: Kind,
    text: &str,
    now: UnixTime,
) -> Result<Option<Option<String>>, DatabaseError> {
    let taken = transaction
        .query_opt(
            "DELETE FROM credentials WHERE digest = $1 AND kind = $2 AND expires_at > $3 RETURNING account",
            &parameters(kind, text, now),
        )
        .await?;
    taken.map(|row| row.get("account")).transpose()
}

fn parameters(kind: Kind, text: &str, now: UnixTime) -> [Value; 3] {
    [digest(text).into(), kind.name().into(), seconds(now).into()]
}

/// What is stored of a secret.
fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// What a form of this session has to carry: whoever can't read the page can't know it.
pub fn form_token(session: &str) -> String {
    hex::encode(Sha256::new().chain_update("form\0").chain_update(session).finalize())
}
