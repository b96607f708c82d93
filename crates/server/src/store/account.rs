//! Accounts: who may sign in, and the one company that is theirs.

use ctx_key::UnixTime;

use super::actor::{Act, Actor};
use super::credential::{self, Kind};
use super::email::Email;
use super::hash_queue::Busy;
use super::id::{AccountId, CompanyId};
use super::name::Name;
use super::secret::Secret;
use super::slug::slug;
use super::store_error::StoreError;
use super::{password, project};
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
    /// Returns what the audit log says of a change that this account makes.
    pub fn act(&self, now: UnixTime) -> Act<'_> {
        Act { company: &self.company.id, actor: Actor::Account(&self.email), now }
    }
}

/// The owner of projects and keys.
#[derive(Clone, Debug)]
pub struct Company {
    pub id: CompanyId,
    pub name: Name,
    pub slug: String,
}

/// An account to be created.
pub struct NewAccount {
    pub link: Secret,
    pub email: Email,
    pub password: String,
    pub company: Name,
}

/// Reason why an account is not created.
#[derive(Debug)]
pub enum SetUpError {
    Database(DatabaseError),
    /// Too many passwords wait to be hashed.
    Busy,
    /// The link was used, has expired or never existed.
    Link,
    /// There is an account with this address.
    Email,
}

impl From<DatabaseError> for SetUpError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<Busy> for SetUpError {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

/// Returns whether nobody can sign in yet.
pub async fn is_empty(connection: &mut Connection) -> Result<bool, DatabaseError> {
    Ok(connection.query_opt("SELECT id FROM accounts LIMIT 1", &[]).await?.is_none())
}

/// Creates the account that a set-up link is for, with its company and a first project.
pub async fn set_up(database: &Database, new: NewAccount, now: UnixTime) -> Result<Account, SetUpError> {
    // hashing takes long, so a stranger without a link gets no password hashed
    let mut connection = database.acquire().await?;
    let known = credential::find(&mut connection, Kind::SetUp, &new.link, now).await?;
    known.ok_or(SetUpError::Link)?;
    drop(connection);
    let password = password::hash(new.password).await?;
    let mut transaction = database.begin().await?;
    credential::take(&mut transaction, Kind::SetUp, &new.link, now).await?.ok_or(SetUpError::Link)?;
    let slug = slug(&new.company);
    let account = Account {
        id: AccountId::generate(),
        email: new.email,
        company: Company { id: CompanyId::generate(), name: new.company, slug },
    };
    insert(&mut transaction, &account, password, now).await?;
    first_project(&mut transaction, account.act(now)).await?;
    transaction.commit().await?;
    Ok(account)
}

async fn insert(
    transaction: &mut Transaction,
    account: &Account,
    password: String,
    now: UnixTime,
) -> Result<(), SetUpError> {
    let now = seconds(now);
    let inserted = transaction.execute(
        "INSERT INTO accounts (id, email, password, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&account.id).into(), (&account.email).into(), password.into(), now.into()],
    ).await?;
    if inserted == 0 {
        return Err(SetUpError::Email);
    }
    let company = &account.company;
    transaction
        .execute(
            "INSERT INTO companies (id, account, name, slug, created_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                (&company.id).into(),
                (&account.id).into(),
                (&company.name).into(),
                (&company.slug).into(),
                now.into(),
            ],
        )
        .await?;
    Ok(())
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

/// Returns the account with this address and password. An unknown address takes as long as a wrong password.
pub async fn sign_in(
    database: &Database,
    email: &Email,
    password: String,
) -> Result<Option<Account>, StoreError> {
    let sql = concat!(select!(), " WHERE a.email = $1");
    let found = database.acquire().await?.query_opt(sql, &[email.into()]).await?;
    let hash = found.as_ref().map(|row| row.get("password")).transpose()?;
    let is_right = password::is_right(password, hash).await?;
    Ok(found.filter(|_| is_right).as_ref().map(account).transpose()?)
}

/// Returns the account of a credential.
pub async fn of_credential(
    connection: &mut Connection,
    kind: Kind,
    secret: &Secret,
    now: UnixTime,
) -> Result<Option<Account>, DatabaseError> {
    match credential::find(connection, kind, secret, now).await? {
        Some(Some(id)) => find(connection, &id).await,
        _ => Ok(None),
    }
}

async fn find(connection: &mut Connection, id: &AccountId) -> Result<Option<Account>, DatabaseError> {
    let sql = concat!(select!(), " WHERE a.id = $1");
    connection.query_opt(sql, &[id.into()]).await?.as_ref().map(account).transpose()
}

/// Lets nobody else count what this company has until the end of the transaction. SQLite has one writer at a time.
pub(super) async fn lock_company(
    transaction: &mut Transaction,
    company: &CompanyId,
) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        let sql = "SELECT id FROM companies WHERE id = $1 FOR NO KEY UPDATE";
        transaction.query(sql, &[company.into()]).await?;
    }
    Ok(())
}

/// Lets nobody else begin or end credentials of this account until the end of the transaction.
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::database::Location;
    use crate::store::migration::{STEPS, migrate};

    /// An unknown address is answered after a hash, like a known one, so that nobody learns which accounts there are. The
    /// queue shows that: without a place in it, neither is answered.
    #[tokio::test]
    async fn an_unknown_address_costs_a_hash_as_a_known_one() {
        const PASSWORD: &str = "a long enough password";
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("database"));
        let database = Database::open(location).unwrap();
        migrate(&database, STEPS).await.unwrap();
        let now = UnixTime::from_secs(1_800_000_000);
        let mut transaction = database.begin().await.unwrap();
        let link = credential::issue(&mut transaction, Kind::SetUp, None, now).await.unwrap();
        transaction.commit().await.unwrap();
        let company = Name::parse("Example, Inc.").unwrap();
        let [known, unknown] = ["ada@example.com", "eve@example.com"].map(Email::new);
        let new = NewAccount { link, email: known.clone(), password: PASSWORD.to_owned(), company };
        set_up(&database, new, now).await.unwrap();
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
}
