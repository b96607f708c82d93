//! The credentials of people and their programs: set-up links, sessions, devices, access tokens and refresh tokens.
//!
//! Each is a [`Secret`]. API keys are not credentials of this kind.

use ctx_key::UnixTime;

use super::client::{Client, canonical};
use super::id::AccountId;
use super::secret::Secret;
use crate::clock::seconds;
use crate::database::{Connection, Database, DatabaseError, Row, Transaction, Value};

/// Minimum seconds between two recorded uses of a credential.
const USE_GRANULARITY: i64 = 60;

/// The purpose of a credential, which determines its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The link that a server issues at its start. It creates one account.
    SetUp,
    /// The link that the command `invite` issues. It creates one account.
    Invitation,
    /// A browser that is signed in.
    Session,
    /// A browser that signed in before. It is not a session: it does not sign anybody in.
    Device,
    /// A program that acts for an account.
    Access,
    /// A program's right to get its next access token, once.
    Refresh,
    /// An idempotency key that was used. It is stored an hour longer than its session, because clocks may differ.
    Idempotency,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::Invitation => "invitation",
            Self::Session => "session",
            Self::Device => "device",
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Idempotency => "idempotency",
        }
    }

    /// Returns the number of seconds for which a credential is valid.
    pub const fn lifetime(self) -> u64 {
        match self {
            Self::SetUp | Self::Invitation => 24 * 3600,
            Self::Session => 12 * 3600,
            Self::Device => 180 * 24 * 3600,
            Self::Idempotency => 13 * 3600,
            Self::Access => 3600,
            Self::Refresh => 30 * 24 * 3600,
        }
    }
}

/// The sign-in that a credential belongs to: its account, its time and its client.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub(super) account: AccountId,
    /// The family of the tokens, if a program signed in.
    pub(super) family: Option<String>,
    /// The time of the sign-in. Older versions did not store it.
    pub(super) created_at: Option<i64>,
    pub(super) address: Option<String>,
    pub(super) agent: Option<String>,
}

impl SignIn {
    /// Returns a new sign-in.
    pub fn new(account: &AccountId, client: &Client, now: UnixTime) -> Self {
        Self {
            account: account.clone(),
            family: None,
            created_at: Some(seconds(now)),
            address: Some(canonical(client.address)),
            agent: client.agent.clone(),
        }
    }
}

/// Creates a credential, and returns its secret. Only the digest is stored.
pub async fn issue(
    transaction: &mut Transaction,
    kind: Kind,
    sign_in: Option<&SignIn>,
    now: UnixTime,
) -> Result<Secret, DatabaseError> {
    let secret = Secret::generate();
    insert(transaction, kind, secret.digest(), sign_in, now).await?;
    Ok(secret)
}

/// Stores a credential, unless its digest is stored already. Returns whether it was new.
pub(super) async fn insert(
    transaction: &mut Transaction,
    kind: Kind,
    digest: [u8; 32],
    sign_in: Option<&SignIn>,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    let sql = "INSERT INTO credentials \
               (digest, kind, account, expires_at, family, created_at, last_used_at, address, agent) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let parameters = [
        digest.into(),
        kind.name().into(),
        sign_in.map(|sign_in| &sign_in.account).into(),
        seconds(now.saturating_add(kind.lifetime())).into(),
        sign_in.and_then(|sign_in| sign_in.family.clone()).into(),
        sign_in.and_then(|sign_in| sign_in.created_at).into(),
        sign_in.map(|_| seconds(now)).into(),
        sign_in.and_then(|sign_in| sign_in.address.clone()).into(),
        sign_in.and_then(|sign_in| sign_in.agent.clone()).into(),
    ];
    Ok(transaction.execute(sql, &parameters).await? == 1)
}

/// Returns the statement that deletes at most 500 expired credentials. Without the limit, it could hold SQLite's lock
/// for seconds. With `IN`, PostgreSQL would read the whole table.
pub const fn sweep_statement(is_postgres: bool) -> &'static str {
    if is_postgres {
        "DELETE FROM credentials WHERE digest = ANY (ARRAY \
            (SELECT digest FROM credentials WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500))"
    } else {
        "DELETE FROM credentials WHERE digest IN \
            (SELECT digest FROM credentials WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
    }
}

/// Deletes at most 500 credentials that have expired, and returns whether there may be more.
pub async fn sweep(database: &Database, now: UnixTime) -> Result<bool, DatabaseError> {
    let mut transaction = database.begin().await?;
    let sql = sweep_statement(transaction.is_postgres());
    let deleted = transaction.execute(sql, &[seconds(now).into()]).await?;
    transaction.commit().await?;
    Ok(deleted > 0)
}

/// A credential that is known and has not expired.
pub struct Found {
    /// The account of the credential. A set-up link has none.
    pub account: Option<AccountId>,
    /// True if this use must be recorded.
    pub is_use_due: bool,
}

/// Finds a credential by its secret.
pub async fn find(
    connection: &mut Connection,
    kind: Kind,
    secret: &Secret,
    now: UnixTime,
) -> Result<Option<Found>, DatabaseError> {
    let sql =
        "SELECT account, last_used_at FROM credentials WHERE digest = $1 AND kind = $2 AND expires_at > $3";
    let row = connection.query_opt(sql, &parameters(kind, secret, now)).await?;
    let found = |row: Row| {
        let last: Option<i64> = row.get("last_used_at")?;
        let is_use_due = last.is_none_or(|last| last <= seconds(now) - USE_GRANULARITY);
        Ok(Found { account: row.get("account")?, is_use_due })
    };
    row.map(found).transpose()
}

/// Records a use of a credential, unless a later one was recorded, or one less than a minute earlier.
pub async fn record_use(
    transaction: &mut Transaction,
    secret: &Secret,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE credentials SET last_used_at = $2 \
        WHERE digest = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
    let now = seconds(now);
    let parameters = [secret.digest().into(), now.into(), (now - USE_GRANULARITY).into()];
    transaction.execute(sql, &parameters).await.map(drop)
}

/// Ends a credential, and returns its account. A set-up link has none.
pub async fn take(
    transaction: &mut Transaction,
    kind: Kind,
    secret: &Secret,
    now: UnixTime,
) -> Result<Option<Option<AccountId>>, DatabaseError> {
    let taken = transaction
        .query_opt(
            "DELETE FROM credentials WHERE digest = $1 AND kind = $2 AND expires_at > $3 RETURNING account",
            &parameters(kind, secret, now),
        )
        .await?;
    taken.map(|row| row.get("account")).transpose()
}

/// Ends all credentials of a kind.
pub(super) async fn end_all(transaction: &mut Transaction, kind: Kind) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM credentials WHERE kind = $1";
    transaction.execute(sql, &[kind.name().into()]).await.map(drop)
}

/// Ends all sign-ins of an account: its sessions, access tokens and refresh tokens.
///
/// With PostgreSQL, another transaction may be issuing such a credential. If it exchanges a token, the first deletion
/// waits for it. If it inserts a credential, the lock waits for it, and the second deletion finds the credential.
pub(super) async fn end_sign_ins(
    transaction: &mut Transaction,
    account: &AccountId,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM credentials WHERE account = $1 AND kind IN ('session', 'access', 'refresh')";
    transaction.execute(sql, &[account.into()]).await?;
    if transaction.is_postgres() {
        transaction.query("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", &[account.into()]).await?;
        transaction.execute(sql, &[account.into()]).await?;
    }
    Ok(())
}

fn parameters(kind: Kind, secret: &Secret, now: UnixTime) -> [Value; 3] {
    [secret.digest().into(), kind.name().into(), seconds(now).into()]
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::database::Location;
    use crate::store::migration::{STEPS, migrate};

    const KINDS: [Kind; 7] = [
        Kind::SetUp,
        Kind::Invitation,
        Kind::Session,
        Kind::Device,
        Kind::Access,
        Kind::Refresh,
        Kind::Idempotency,
    ];

    /// The database has the credentials that servers of other versions issued.
    #[test]
    fn each_kind_is_stored_by_its_name() {
        let names = ["set-up", "invitation", "session", "device", "access", "refresh", "idempotency"];
        assert_eq!(KINDS.map(Kind::name), names);
    }

    #[test]
    fn an_idempotency_key_outlives_its_session_by_an_hour() {
        assert_eq!(Kind::Idempotency.lifetime(), Kind::Session.lifetime() + 3600);
    }

    #[tokio::test]
    async fn a_credential_is_of_one_kind_and_ends_at_its_second() {
        let folder = TempDir::new().unwrap();
        let database = Database::open(Location::Sqlite(folder.path().join("database"))).unwrap();
        migrate(&database, STEPS).await.unwrap();
        let start = UnixTime::from_secs(1_800_000_000);
        let mut transaction = database.begin().await.unwrap();
        for kind in KINDS {
            let secret = issue(&mut transaction, kind, None, start).await.unwrap();
            let end = start.saturating_add(kind.lifetime());
            let last = start.saturating_add(kind.lifetime() - 1);
            for (other, now) in KINDS.into_iter().map(|other| (other, last)).chain([(kind, end)]) {
                let is_valid = (other, now) == (kind, last);
                let found = find(&mut transaction, other, &secret, now).await.unwrap();
                assert_eq!(found.is_some(), is_valid, "{kind:?} as {other:?}");
                if !is_valid {
                    let taken = take(&mut transaction, other, &secret, now).await.unwrap();
                    assert_eq!(taken, None, "{kind:?} as {other:?}");
                }
            }
            assert_eq!(take(&mut transaction, kind, &secret, last).await.unwrap(), Some(None), "{kind:?}");
            assert_eq!(take(&mut transaction, kind, &secret, last).await.unwrap(), None, "{kind:?}");
        }
    }
}
