//! Accounts. Each belongs to a person who can sign in, and owns one company.

use std::fmt;
use std::net::IpAddr;

use ctx_key::UnixTime;

use super::actor::{Act, Actor};
use super::company::{self, Company};
use super::credential::{self, Kind};
use super::email::Email;
use super::hash_queue::Busy;
use super::id::{AccountId, CompanyId};
use super::name::Name;
use super::new_password::NewPassword;
use super::secret::Secret;
use super::store_error::StoreError;
use super::{password, project, set_up_link};
use crate::clock::seconds;
use crate::database::{Connection, Database, DatabaseError, Row, Transaction};

/// The first project of a company.
const FIRST_PROJECT: &str = "Development";

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub email: Email,
    pub company: Company,
}

impl Account {
    /// Returns the [`Act`] of a change that this account makes, for the audit log.
    pub fn act(&self, now: UnixTime, address: IpAddr) -> Act<'_> {
        Act { company: &self.company.id, actor: Actor::Account(&self.email), now, address: Some(address) }
    }
}

/// An account to be created.
pub struct NewAccount {
    pub email: Email,
    pub password: NewPassword,
    pub company: Name,
}

/// Reason why an account is not created.
#[derive(Debug)]
pub enum NewAccountError {
    Database(DatabaseError),
    /// Too many passwords wait to be hashed.
    Busy,
    /// The link was used, has expired or never existed.
    Link,
    /// There is an account with this address.
    Email,
    /// There is a company of this name.
    Company,
}

impl From<DatabaseError> for NewAccountError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<Busy> for NewAccountError {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

impl fmt::Display for NewAccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Busy => f.write_str("too many passwords are being checked: try again in a few seconds"),
            Self::Link => {
                f.write_str("the set-up link was used, has expired or is incomplete: ask for a new one")
            }
            Self::Email => f.write_str("there is an account with this email address: use another address"),
            Self::Company => {
                f.write_str("there is a company of this name, with an account of its own: use another name")
            }
        }
    }
}

impl std::error::Error for NewAccountError {}

/// Creates the account that a set-up link is for, with its company and a first project.
pub async fn set_up(
    database: &Database,
    link: &Secret,
    new: NewAccount,
    now: UnixTime,
    address: IpAddr,
) -> Result<Account, NewAccountError> {
    // hashing is slow, so the link is checked first: a stranger can't make the server hash passwords
    let mut connection = database.acquire().await?;
    if !set_up_link::is_valid(&mut connection, link, now).await? {
        return Err(NewAccountError::Link);
    }
    drop(connection);
    let hash = password::hash(new.password).await?;
    let mut transaction = database.begin().await?;
    set_up_link::lock_accounts(&mut transaction).await?;
    if !set_up_link::take(&mut transaction, link, now).await? {
        return Err(NewAccountError::Link);
    }
    let account = insert(&mut transaction, new.email, hash, new.company, now).await?;
    first_project(&mut transaction, account.act(now, address)).await?;
    transaction.commit().await?;
    Ok(account)
}

/// Creates an account without a link, for the operator.
pub async fn add(database: &Database, new: NewAccount, now: UnixTime) -> Result<Account, NewAccountError> {
    let hash = password::hash(new.password).await?;
    let mut transaction = database.begin_without_limits().await?;
    set_up_link::lock_accounts(&mut transaction).await?;
    let account = insert(&mut transaction, new.email, hash, new.company, now).await?;
    let act = Act { company: &account.company.id, actor: Actor::Operator, now, address: None };
    first_project(&mut transaction, act).await?;
    transaction.commit().await?;
    Ok(account)
}

/// Stores an account with its company, and ends the set-up links that servers issued at their start. The transaction
/// must have locked the accounts.
async fn insert(
    transaction: &mut Transaction,
    email: Email,
    hash: String,
    company: Name,
    now: UnixTime,
) -> Result<Account, NewAccountError> {
    let (id, created_at) = (AccountId::generate(), seconds(now));
    let inserted = transaction.execute(
        "INSERT INTO accounts (id, email, password, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&id).into(), (&email).into(), hash.into(), created_at.into()],
    ).await?;
    if inserted == 0 {
        return Err(NewAccountError::Email);
    }
    let slug = company::free_slug(transaction, &company).await?.ok_or(NewAccountError::Company)?;
    let company = Company { id: CompanyId::generate(), name: company, slug };
    transaction
        .execute(
            "INSERT INTO companies (id, account, name, slug, created_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                (&company.id).into(),
                (&id).into(),
                (&company.name).into(),
                (&company.slug).into(),
                created_at.into(),
            ],
        )
        .await?;
    set_up_link::end_of_starts(transaction).await?;
    Ok(Account { id, email, company })
}

async fn first_project(transaction: &mut Transaction, act: Act<'_>) -> Result<(), DatabaseError> {
    let name = Name::parse(FIRST_PROJECT).expect("the name of the first project is a name");
    match project::create(transaction, act, &name).await {
        Ok(_) => Ok(()),
        Err(StoreError::Database(error)) => Err(error),
        // a new company has no project of this name
        Err(error) => Err(DatabaseError::Unexpected(error.to_string())),
    }
}

macro_rules! select {
    () => {
        "SELECT a.id, a.email, a.password, c.id AS company, c.name, c.slug FROM accounts a \
         JOIN companies c ON c.account = a.id"
    };
}

/// An account whose password was right when it was checked. The password may have been changed since.
pub struct Verified {
    account: Account,
    hash: String,
}

impl Verified {
    pub fn id(&self) -> &AccountId {
        &self.account.id
    }

    /// Returns the account, unless its password was changed since it was checked. Call this after the transaction has
    /// issued the credential of the sign-in. Then a change of the password can't be missed: if it comes later, it ends
    /// the credential, and if it came earlier, this finds it.
    pub async fn confirm(self, transaction: &mut Transaction) -> Result<Option<Account>, DatabaseError> {
        let sql = "SELECT id FROM accounts WHERE id = $1 AND password = $2";
        let Self { account, hash } = self;
        let found = transaction.query_opt(sql, &[(&account.id).into(), hash.into()]).await?;
        Ok(found.map(|_| account))
    }
}

/// Returns the account with this address and password. The check of an unknown address takes as long as that of a wrong
/// password.
pub async fn sign_in(
    database: &Database,
    email: &Email,
    password: String,
) -> Result<Option<Verified>, StoreError> {
    let sql = concat!(select!(), " WHERE a.email = $1");
    let found = database.acquire().await?.query_opt(sql, &[email.into()]).await?;
    let hash: Option<String> = found.as_ref().map(|row| row.get("password")).transpose()?;
    let is_right = password::is_right(password, hash.clone()).await?;
    let verified = found.filter(|_| is_right).zip(hash);
    Ok(verified
        .map(|(row, hash)| Ok::<_, DatabaseError>(Verified { account: account(&row)?, hash }))
        .transpose()?)
}

/// Returns the account of a credential, and whether this use is to be recorded.
pub async fn of_credential(
    connection: &mut Connection,
    kind: Kind,
    secret: &Secret,
    now: UnixTime,
) -> Result<Option<(Account, bool)>, DatabaseError> {
    let found = credential::find(connection, kind, secret, now).await?;
    let Some((id, is_use_due)) = found.and_then(|found| Some((found.account?, found.is_use_due))) else {
        return Ok(None);
    };
    Ok(find(connection, &id).await?.map(|account| (account, is_use_due)))
}

/// Returns the account with this address.
pub async fn of_email(connection: &mut Connection, email: &Email) -> Result<Option<Account>, DatabaseError> {
    let sql = concat!(select!(), " WHERE a.email = $1");
    connection.query_opt(sql, &[email.into()]).await?.as_ref().map(account).transpose()
}

pub(super) async fn find(
    connection: &mut Connection,
    id: &AccountId,
) -> Result<Option<Account>, DatabaseError> {
    let sql = concat!(select!(), " WHERE a.id = $1");
    connection.query_opt(sql, &[id.into()]).await?.as_ref().map(account).transpose()
}

/// Prevents other transactions from issuing or ending credentials of this account until the end of this one.
pub(super) async fn lock(transaction: &mut Transaction, id: &AccountId) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        let sql = "SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
        transaction.query(sql, &[id.into()]).await?;
    }
    Ok(())
}

fn account(row: &Row) -> Result<Account, DatabaseError> {
    let company = Company { id: row.get("company")?, name: row.get("name")?, slug: row.get("slug")? };
    Ok(Account { id: row.get("id")?, email: row.get("email")?, company })
}

/// Replaces the hash of an account's password.
pub(super) async fn set_password(
    transaction: &mut Transaction,
    id: &AccountId,
    new: String,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE accounts SET password = $2 WHERE id = $1";
    transaction.execute(sql, &[id.into(), new.into()]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tempfile::TempDir;
    use tokio::sync::Mutex;

    use super::*;
    use crate::database::Location;
    use crate::store::migration::{STEPS, migrate};

    const PASSWORD: &str = "a long enough password";

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    /// Lets only one test at a time fill the queue.
    static TURN: Mutex<()> = Mutex::const_new(());

    async fn database() -> (TempDir, Database) {
        let folder = TempDir::new().unwrap();
        let database = Database::open(Location::Sqlite(folder.path().join("database"))).unwrap();
        migrate(&database, STEPS).await.unwrap();
        (folder, database)
    }

    fn new(email: &Email) -> NewAccount {
        let company = Name::parse("Example, Inc.").unwrap();
        let password = NewPassword::new(PASSWORD, email, Some(&company)).unwrap();
        NewAccount { email: email.clone(), password, company }
    }

    /// An unknown address costs a hash, as a known one does, so that nobody learns which accounts exist. The queue
    /// shows that: without a place in it, the sign-in of either is refused.
    #[tokio::test]
    async fn an_unknown_address_costs_a_hash_as_a_known_one() {
        let _turn = TURN.lock().await;
        let (_folder, database) = database().await;
        let [known, unknown] = ["ada@example.com", "eve@example.com"].map(Email::new);
        add(&database, new(&known), NOW).await.unwrap();
        let sign_in = async |email, password: &str| {
            sign_in(&database, email, password.to_owned()).await.map(|account| account.is_some())
        };
        let filled = password::QUEUE.fill();
        for email in [&known, &unknown] {
            assert!(matches!(sign_in(email, PASSWORD).await, Err(StoreError::Busy)), "{email}");
        }
        drop(filled);
        for (email, password, expected) in
            [(&known, PASSWORD, true), (&known, "another long password", false), (&unknown, PASSWORD, false)]
        {
            assert_eq!(sign_in(email, password).await.unwrap(), expected, "{email} {password}");
        }
    }

    /// A request without a valid link is refused before a hash, even while the queue is full.
    #[tokio::test]
    async fn only_a_valid_link_costs_a_hash() {
        let _turn = TURN.lock().await;
        let (_folder, database) = database().await;
        let mut transaction = database.begin().await.unwrap();
        let link = set_up_link::invite(&mut transaction, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        let set_up = async |link: &Secret, now| {
            let new = new(&Email::new("ada@example.com"));
            set_up(&database, link, new, now, Ipv4Addr::LOCALHOST.into()).await.map(drop)
        };
        let day = Kind::Invitation.lifetime();
        let filled = password::QUEUE.fill();
        let last = NOW.saturating_add(day - 1);
        assert!(matches!(set_up(&link, last).await, Err(NewAccountError::Busy)));
        for (link, now) in [(&Secret::generate(), NOW), (&link, NOW.saturating_add(day))] {
            assert!(matches!(set_up(link, now).await, Err(NewAccountError::Link)));
        }
        drop(filled);
        assert!(matches!(set_up(&link, last).await, Ok(())));
        assert!(matches!(set_up(&link, last).await, Err(NewAccountError::Link)));
    }

    /// A request that kept its connection while it waits for another could wait for itself.
    #[tokio::test]
    async fn a_set_up_needs_one_connection_at_a_time() {
        let _turn = TURN.lock().await;
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("database"));
        let database = Database::open_with(location, 1).unwrap();
        migrate(&database, STEPS).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let link = set_up_link::invite(&mut transaction, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        let email = Email::new("ada@example.com");
        let made = set_up(&database, &link, new(&email), NOW, Ipv4Addr::LOCALHOST.into()).await;
        assert_eq!(made.map(|account| account.email).ok(), Some(email));
    }
}
