//! Families of tokens. A family has the tokens of one sign-in of a program, which end together.
//!
//! A refresh token is exchanged for the next pair of tokens once, and is then *spent*. If a spent token is sent
//! again, it or its successor was stolen, so the family ends (RFC 9700 §4.14.2). The access tokens of earlier pairs
//! stay valid until they expire, so that requests that are in progress during a refresh do not fail.

use std::net::IpAddr;

use ctx_key::UnixTime;
use tracing::warn;

use super::actor::{Act, Actor};
use super::audit_log::{self, Action};
use super::credential::{self, Kind, SignIn};
use super::id::AccountId;
use super::secret::Secret;
use super::{account, new_id};
use crate::clock::seconds;
use crate::database::{Connection, Database, DatabaseError, Row, Transaction};

/// Maximum number of refreshes of a family within [`PERIOD`].
const MAX_REFRESHES: i64 = 10;

/// Length of the period, in seconds.
const PERIOD: i64 = 60;

/// An access token, and the refresh token for the next one.
pub struct Pair {
    pub access: Secret,
    pub refresh: Secret,
}

/// The outcome of a refresh.
pub enum Refreshed {
    Pair(Pair),
    /// The token is unknown, was used or has expired.
    Refused,
    /// The family was refreshed too often. It can be refreshed again after so many seconds. The token stays valid.
    TooMany(u64),
}

/// Issues the first tokens of a sign-in.
pub async fn begin(
    transaction: &mut Transaction,
    sign_in: SignIn,
    now: UnixTime,
) -> Result<Pair, DatabaseError> {
    issue(transaction, &SignIn { family: Some(new_id("fam")), ..sign_in }, now).await
}

async fn issue(
    transaction: &mut Transaction,
    sign_in: &SignIn,
    now: UnixTime,
) -> Result<Pair, DatabaseError> {
    let pair = Pair { access: Secret::generate(), refresh: Secret::generate() };
    for (kind, secret) in [(Kind::Access, &pair.access), (Kind::Refresh, &pair.refresh)] {
        credential::insert(transaction, kind, secret.digest(), Some(sign_in), now).await?;
    }
    Ok(pair)
}

/// Exchanges a refresh token for the next pair. If the token is unknown or its family has ended, this costs only one
/// read.
pub async fn refresh(
    database: &Database,
    token: &Secret,
    address: IpAddr,
    now: UnixTime,
) -> Result<Refreshed, DatabaseError> {
    let mut connection = database.acquire().await?;
    let found = find(&mut connection, token, now).await?;
    drop(connection);
    let Some(found) = found else { return Ok(Refreshed::Refused) };
    if found.is_spent && !found.is_living {
        return Ok(Refreshed::Refused);
    }
    if let Some(wait) = found.wait.filter(|_| !found.is_spent) {
        return Ok(Refreshed::TooMany(wait));
    }
    exchange(database, token, &found.account, address, now).await
}

/// Exchanges a refresh token that was found. If it is spent by now, it was sent twice, unless its family has ended.
async fn exchange(
    database: &Database,
    token: &Secret,
    account: &AccountId,
    address: IpAddr,
    now: UnixTime,
) -> Result<Refreshed, DatabaseError> {
    let mut transaction = database.begin().await?;
    account::lock(&mut transaction, account).await?;
    let refreshed = match spend(&mut transaction, token, now).await? {
        Some(sign_in) => Refreshed::Pair(issue(&mut transaction, &sign_in, now).await?),
        None => {
            if end_family(&mut transaction, token).await? {
                warn!(%account, "a refresh token was sent twice: all tokens of its sign-in end");
                if let Some(account) = account::find(&mut transaction, account).await? {
                    let company = &account.company.id;
                    let act = Act { company, actor: Actor::Stranger, now, address: Some(address) };
                    let detail = "its refresh token was sent twice";
                    audit_log::append(&mut transaction, act, Action::EndedSession, None, detail).await?;
                }
            }
            Refreshed::Refused
        }
    };
    transaction.commit().await?;
    Ok(refreshed)
}

/// A refresh token that has not expired.
struct Found {
    account: AccountId,
    is_spent: bool,
    /// True if the family has a token that is not spent.
    is_living: bool,
    /// Seconds until the family can be refreshed again, if it was refreshed too often.
    wait: Option<u64>,
}

/// Finds a refresh token by its digest, and the state of its family by the index `credentials_of_family`. A refresh of a
/// later time does not count: it was made before the clock was set back.
pub const FIND: &str = "SELECT c.account, c.spent_at, \
    (SELECT 1 FROM credentials o WHERE o.family = c.family AND o.spent_at IS NULL LIMIT 1) AS living, \
    (SELECT count(*) FROM credentials o WHERE o.family = c.family AND o.spent_at > $3 AND o.spent_at <= $2) \
    AS refreshes, \
    (SELECT min(o.spent_at) FROM credentials o WHERE o.family = c.family AND o.spent_at > $3) AS earliest \
    FROM credentials c WHERE c.digest = $1 AND c.kind = 'refresh' AND c.expires_at > $2";

async fn find(
    connection: &mut Connection,
    token: &Secret,
    now: UnixTime,
) -> Result<Option<Found>, DatabaseError> {
    let now = seconds(now);
    let parameters = [token.digest().into(), now.into(), (now - PERIOD).into()];
    let Some(row) = connection.query_opt(FIND, &parameters).await? else { return Ok(None) };
    let refreshes: i64 = row.get("refreshes")?;
    let earliest: Option<i64> = row.get("earliest")?;
    Ok(Some(Found {
        account: row.get("account")?,
        is_spent: row.get::<Option<i64>>("spent_at")?.is_some(),
        is_living: row.get::<Option<i64>>("living")?.is_some(),
        wait: earliest
            .filter(|_| refreshes >= MAX_REFRESHES)
            .map(|earliest| u64::try_from(earliest + PERIOD - now).unwrap_or(1)),
    }))
}

/// Spends a refresh token that is not spent, and returns its sign-in. A token of an older version starts a family.
pub const SPEND: &str = "UPDATE credentials SET spent_at = $2, family = coalesce(family, $3) \
    WHERE digest = $1 AND kind = 'refresh' AND spent_at IS NULL AND expires_at > $2 RETURNING account, family, created_at, address, agent";

async fn spend(
    transaction: &mut Transaction,
    token: &Secret,
    now: UnixTime,
) -> Result<Option<SignIn>, DatabaseError> {
    let parameters = [token.digest().into(), seconds(now).into(), new_id("fam").into()];
    let row = transaction.query_opt(SPEND, &parameters).await?;
    let sign_in = |row: Row| {
        Ok(SignIn {
            account: row.get("account")?,
            family: row.get("family")?,
            created_at: row.get("created_at")?,
            address: row.get("address")?,
            agent: row.get("agent")?,
        })
    };
    row.map(sign_in).transpose()
}

/// Deletes the tokens of a family that are not spent.
pub const END: &str = "DELETE FROM credentials \
    WHERE family = (SELECT family FROM credentials WHERE digest = $1) AND spent_at IS NULL";

async fn end_family(transaction: &mut Transaction, token: &Secret) -> Result<bool, DatabaseError> {
    transaction.execute(END, &[token.digest().into()]).await.map(|ended| ended > 0)
}

/// Ends the sign-in of an access token: the token itself and all tokens of its family. Returns whether it was still
/// valid.
pub async fn end(
    transaction: &mut Transaction,
    account: &AccountId,
    access: &Secret,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    account::lock(transaction, account).await?;
    let has_ended = end_family(transaction, access).await?;
    // a token of an older version has no family
    let taken = credential::take(transaction, Kind::Access, access, now).await?;
    Ok(has_ended || taken.is_some())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;
    use crate::database::Location;
    use crate::store::client::Client;
    use crate::store::migration::{STEPS, migrate};

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    /// Prepares an empty database, and returns its one account.
    async fn account(database: &Database) -> AccountId {
        migrate(database, STEPS).await.unwrap();
        let account = AccountId::generate();
        let mut transaction = database.begin().await.unwrap();
        let sql =
            "INSERT INTO accounts (id, email, password, created_at) VALUES ($1, 'ada@example.com', '', 0)";
        transaction.execute(sql, &[(&account).into()]).await.unwrap();
        transaction.commit().await.unwrap();
        account
    }

    /// A sign-out or a new password may end the family after [`find`]. Then nobody has sent the token twice.
    #[tokio::test]
    async fn a_token_whose_family_has_ended_is_not_logged_as_sent_twice() {
        let folder = TempDir::new().unwrap();
        let log = folder.path().join("log");
        let subscriber = tracing_subscriber::fmt().with_writer(Mutex::new(File::create(&log).unwrap()));
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let database = Database::open(Location::Sqlite(folder.path().join("database"))).unwrap();
        let account = account(&database).await;
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        for (is_sign_out, logged) in [(true, 0), (false, 1)] {
            let mut transaction = database.begin().await.unwrap();
            let sign_in = SignIn::new(&account, &Client::new(address, None), NOW);
            let Pair { access, refresh } = begin(&mut transaction, sign_in, NOW).await.unwrap();
            let found = find(&mut transaction, &refresh, NOW).await.unwrap().unwrap();
            if is_sign_out {
                assert!(end(&mut transaction, &account, &access, NOW).await.unwrap());
            }
            transaction.commit().await.unwrap();
            let exchange =
                async || exchange(&database, &refresh, &found.account, address, NOW).await.unwrap();
            if !is_sign_out {
                assert!(matches!(exchange().await, Refreshed::Pair(_)));
            }
            assert!(matches!(exchange().await, Refreshed::Refused));
            assert_eq!(fs::read_to_string(&log).unwrap().matches("sent twice").count(), logged);
        }
    }

    /// A request that kept its connection while it waits for another could wait for itself.
    #[tokio::test]
    async fn a_refresh_needs_one_connection_at_a_time() {
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("database"));
        let database = Database::open_with(location, 1).unwrap();
        let account = account(&database).await;
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let sign_in = SignIn::new(&account, &Client::new(address, None), NOW);
        let mut transaction = database.begin().await.unwrap();
        let first = begin(&mut transaction, sign_in, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        let refreshed = refresh(&database, &first.refresh, address, NOW).await;
        assert!(matches!(refreshed, Ok(Refreshed::Pair(_))));
    }
}
