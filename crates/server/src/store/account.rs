//! Accounts: who may sign in, and the one company that is theirs.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use ctx_key::UnixTime;
use tokio::sync::Semaphore;

use super::credential::{self, Kind};
use super::store_error::StoreError;
use super::{new_id, project};
use crate::clock::seconds;
use crate::database::{Connection, Database, DatabaseError, Row, Transaction};

/// The shortest password that is taken, in characters; NIST SP 800-63B-4 §3.1.1.2 asks for 15 where it is the only factor.
pub const SHORTEST_PASSWORD: usize = 15;

/// The longest, in bytes: hashing takes time for each.
pub const LONGEST_PASSWORD: usize = 1024;

/// What a company begins with.
const FIRST_PROJECT: &str = "Development";

/// Each takes 19 MiB and 20 ms of a core; more wait.
static HASHES: Semaphore = Semaphore::const_new(2);

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub email: String,
    pub company: Company,
}

/// What owns projects and keys.
#[derive(Clone, Debug)]
pub struct Company {
    pub id: String,
    pub name: String,
    pub slug: String,
}

/// Why an account can't be made.
#[derive(Debug)]
pub enum SetUpError {
    Database(DatabaseError),
    /// The link was used, has expired or never was.
    Link,
    /// There is an account with this address.
    Email,
}

impl From<DatabaseError> for SetUpError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Whether nobody can sign in yet.
pub async fn is_empty(connection: &mut Connection) -> Result<bool, DatabaseError> {
    Ok(connection.query_opt("SELECT id FROM accounts LIMIT 1", &[]).await?.is_none())
}

/// Makes the account that a set-up link is for, with its company and a first project.
pub async fn set_up(
    database: &Database,
    link: String,
    email: String,
    password: String,
    company: String,
) -> Result<Account, SetUpError> {
    // a stranger without a link doesn't get a password hashed, which takes long
    let mut connection = database.acquire().await?;
    let known = credential::find(&mut connection, Kind::SetUp, &link, UnixTime::now()).await?;
    known.ok_or(SetUpError::Link)?;
    drop(connection);
    let password = hash(password).await;
    let email = normalized(&email);
    let mut transaction = database.begin().await?;
    let now = UnixTime::now();
    credential::take(&mut transaction, Kind::SetUp, &link, now).await?.ok_or(SetUpError::Link)?;
    let account = Account {
        id: new_id("acc"),
        email,
        company: Company { id: new_id("org"), slug: slug(&company), name: company },
    };
    insert(&mut transaction, &account, password, now).await?;
    first_project(&mut transaction, &account).await?;
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

async fn first_project(transaction: &mut Transaction, account: &Account) -> Result<(), DatabaseError> {
    match project::create(transaction, &account.company.id, &account.email, FIRST_PROJECT).await {
        Ok(_) => Ok(()),
        Err(StoreError::Database(error)) => Err(error),
        // a new company has no project of this name
        Err(_) => Err(DatabaseError::Unexpected("a new company has a project".into())),
    }
}

macro_rules! select {
    () => {
        "SELECT a.id, a.email, a.password, c.id AS company, c.name, c.slug FROM accounts a \
         JOIN companies c ON c.account = a.id"
    };
}

/// The account with this address and password. An unknown address takes as long as a wrong password.
pub async fn sign_in(
    database: &Database,
    email: &str,
    password: String,
) -> Result<Option<Account>, DatabaseError> {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password"));
    let email = normalized(email);
    let sql = concat!(select!(), " WHERE a.email = $1");
    let found = database.acquire().await?.query_opt(sql, &[email.into()]).await?;
    let (account, stored) = match found {
        Some(row) => (Some(account(&row)?), row.get("password")?),
        None => (None, NOBODY.clone()),
    };
    let _turn = HASHES.acquire().await;
    let is_right = tokio::task::spawn_blocking(move || {
        let stored = PasswordHash::new(&stored);
        stored.is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
    });
    let is_right = is_right.await.unwrap_or(false);
    Ok(account.filter(|_| is_right))
}

/// The account of a credential.
pub async fn of_credential(
    connection: &mut Connection,
    kind: Kind,
    text: &str,
) -> Result<Option<Account>, DatabaseError> {
    match credential::find(connection, kind, text, UnixTime::now()).await? {
        Some(Some(id)) => find(connection, &id).await,
        _ => Ok(None),
    }
}

pub async fn find(connection: &mut Connection, id: &str) -> Result<Option<Account>, DatabaseError> {
    let sql = concat!(select!(), " WHERE a.id = $1");
    connection.query_opt(sql, &[id.into()]).await?.as_ref().map(account).transpose()
}

fn account(row: &Row) -> Result<Account, DatabaseError> {
    let company = Company { id: row.get("company")?, name: row.get("name")?, slug: row.get("slug")? };
    Ok(Account { id: row.get("id")?, email: row.get("email")?, company })
}

async fn hash(password: String) -> String {
    let _turn = HASHES.acquire().await;
    match tokio::task::spawn_blocking(move || hash_now(&password)).await {
        Ok(hash) => hash,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}

fn hash_now(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the password is not too long, and the system has randomness").to_string()
}

/// Addresses that differ in case alone are one person's. PostgreSQL takes no U+0000, and no address has one.
fn normalized(email: &str) -> String {
    email.trim().to_lowercase().replace('\0', "\u{fffd}")
}

fn slug(name: &str) -> String {
    let dashed: String = name
        .to_lowercase()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}
