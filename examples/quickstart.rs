//! The lifecycle of an API key: it is issued, shown once, stored as a digest, checked, rotated and revoked.
//!
//! ```text
//! cargo run --example quickstart            shows the lifecycle, with a database
//! cargo run --example quickstart -- KEY     explains what is wrong with a key
//! ```

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use ctx_key::{ApiKey, Denied, Grant, KeyId, KeyRecord, Reason, Scope, UnixTime, bearer};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// The README has the table for PostgreSQL. The primary key has SQLite's default collation, BINARY.
const TABLE: &str = "\
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 12), digest BLOB NOT NULL CHECK (length(digest) = 32),
    project TEXT NOT NULL, scopes INTEGER NOT NULL,
    not_before INTEGER, expires_at INTEGER, retires_at INTEGER, revoked_at INTEGER
) STRICT, WITHOUT ROWID;
";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(key) = std::env::args().nth(1) {
        return Ok(examine(&key));
    }
    let path = std::env::temp_dir().join(format!("ctx-key-quickstart-{}.sqlite", std::process::id()));
    let result = show_lifecycle(&path);
    let removed = std::fs::remove_file(&path);
    // If there is no file to remove, the first error is the reason.
    result?;
    removed?;
    Ok(ExitCode::SUCCESS)
}

fn show_lifecycle(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut db = Connection::open(path)?;
    db.execute_batch(TABLE)?;
    let now = UnixTime::now();

    let scopes = Scope::parse_list("memories:read, chats:read, chats:write")?;
    println!("1. A key for the project `demo`, with {scopes}, valid for 90 days\n");
    let key = ApiKey::generate();
    let mut record = KeyRecord::new(&key, "demo".to_owned(), scopes);
    record.expires_at = Some(now.saturating_add(90 * DAY));
    insert(&db, &record)?;
    println!("   shown once      {}", key.expose_secret());
    println!("   shown later     {}", key.id().masked());
    println!("   stored          {}", path.display());
    println!("     id            {}", record.id);
    println!("     digest        {}", record.digest);
    println!("     scopes        {}\n", record.scopes.bits());

    println!("2. Requests with that key\n");
    let text = key.expose_secret();
    show_check(&db, "memories:read", text, now, Scope::MEMORIES_READ)?;
    show_check(&db, "chats:write", text, now, Scope::CHATS_WRITE)?;
    show_check(&db, "memories:write", text, now, Scope::MEMORIES_WRITE)?;

    println!("\n3. What else is refused\n");
    let typo = if text.ends_with('0') { '1' } else { '0' };
    show_check(&db, "a typo", &format!("{}{typo}", &text[..51]), now, Scope::CHATS_READ)?;
    show_check(&db, "cut off", &text[..40], now, Scope::CHATS_READ)?;
    show_check(&db, "a placeholder", "ctx_your_api_key_here", now, Scope::CHATS_READ)?;
    show_check(&db, "a wrong key", ApiKey::generate().expose_secret(), now, Scope::CHATS_READ)?;
    show_check(&db, "90 days later", text, now.saturating_add(90 * DAY), Scope::CHATS_READ)?;

    println!("\n4. Rotation, with an hour in which both keys work\n");
    let new_key = ApiKey::generate();
    let new_text = new_key.expose_secret();
    let mut old = find(&db, key.id())?.ok_or("the record is gone")?;
    let new = old.rotate(&new_key, now, HOUR)?;
    let transaction = db.transaction()?;
    insert(&transaction, &new)?;
    update(&transaction, &old)?;
    transaction.commit()?;
    println!("   shown once      {new_text}\n");
    let in_an_hour = now.saturating_add(HOUR);
    show_check(&db, "old key now", text, now, Scope::CHATS_READ)?;
    show_check(&db, "new key now", new_text, now, Scope::CHATS_READ)?;
    show_check(&db, "old key later", text, in_an_hour, Scope::CHATS_READ)?;
    show_check(&db, "new key later", new_text, in_an_hour, Scope::CHATS_READ)?;

    println!("\n5. Revocation, at once and for good\n");
    let mut new = find(&db, new_key.id())?.ok_or("the record is gone")?;
    new.revoke(now);
    update(&db, &new)?;
    show_check(&db, "new key now", new_text, now, Scope::CHATS_READ)?;
    show_check(&db, "by a slow clock", new_text, UnixTime::from_secs(0), Scope::CHATS_READ)?;
    Ok(())
}

/// Checks a key as a server does, and prints the client's view and the log line.
fn show_check(
    db: &Connection,
    title: &str,
    text: &str,
    now: UnixTime,
    required: Scope,
) -> rusqlite::Result<()> {
    let denied = match check(db, &[&format!("Bearer {text}")], now, required) {
        Ok(grant) => {
            println!("   {title:15} granted to {} of project `{}`", grant.key_id().masked(), grant.project());
            return Ok(());
        }
        Err(Refused::Denied(denied)) => denied,
        Err(Refused::Store(error)) => return Err(error),
    };
    println!("   {title:15} {} {denied}", denied.status());
    println!("{:18} WWW-Authenticate: {}", "", denied.challenge("MemoryKit"));
    match denied.reason() {
        // An SDK shows the exact error before it sends a request.
        Reason::Key(error) => println!("{:18} SDK: {error}", ""),
        Reason::MissingScope { missing, .. } => println!("{:18} log: missing_scope {missing}", ""),
        reason => println!("{:18} log: {}", "", reason.as_str()),
    }
    Ok(())
}

/// Checks a request as a server does, from all values of its `Authorization` header.
fn check(
    db: &Connection,
    authorization: &[&str],
    now: UnixTime,
    required: Scope,
) -> Result<Grant<String>, Refused> {
    let key = bearer::parse(authorization)?;
    let record = find(db, key.id())?.ok_or(Denied::unknown_key())?;
    let grant = record.verify(&key, now)?;
    grant.require(required)?;
    Ok(grant.cloned())
}

/// The reason why a request is not granted.
enum Refused {
    /// The client gets the status of the refusal.
    Denied(Denied),
    /// The client gets 500.
    Store(rusqlite::Error),
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

/// Inserts a record, and never replaces one. If the id exists, generate another key.
fn insert(db: &Connection, record: &KeyRecord<String>) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            record.id.as_str(),
            record.digest.as_bytes(),
            record.project,
            record.scopes.bits(),
            record.not_before.map(column),
            record.expires_at.map(column),
            record.retires_at.map(column),
            record.revoked_at.map(column),
        ],
    )?;
    Ok(())
}

/// Stores the fields that rotation and revocation change.
fn update(db: &Connection, record: &KeyRecord<String>) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE api_keys SET retires_at = ?2, revoked_at = ?3 WHERE id = ?1",
        params![record.id.as_str(), record.retires_at.map(column), record.revoked_at.map(column)],
    )?;
    Ok(())
}

fn find(db: &Connection, id: KeyId) -> rusqlite::Result<Option<KeyRecord<String>>> {
    db.prepare("SELECT * FROM api_keys WHERE id = ?1")?.query_row([id.as_str()], record).optional()
}

/// Reads a row. A row that this service cannot read is an error of the service, not of the client. A negative time is such
/// an error: if it became "no time", the key would never expire.
fn record(row: &Row<'_>) -> rusqlite::Result<KeyRecord<String>> {
    fn unreadable<E: Error + Send + Sync + 'static>(column: usize) -> impl Fn(E) -> rusqlite::Error {
        move |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Null, Box::new(error))
    }
    let time = |column| -> rusqlite::Result<Option<UnixTime>> {
        let secs = row.get::<_, Option<i64>>(column)?.map(u64::try_from).transpose();
        Ok(secs.map_err(unreadable(column))?.map(UnixTime::from_secs))
    };
    let id = row.get_ref(0)?.as_str()?.parse().map_err(unreadable(0))?;
    let digest = row.get_ref(1)?.as_blob()?.try_into().map_err(unreadable(1))?;
    let bits = row.get(3)?;
    let scopes = Scope::from_bits(bits).ok_or(rusqlite::Error::IntegralValueOutOfRange(3, bits.into()))?;
    let mut record = KeyRecord::from_parts(id, digest, row.get(2)?, scopes);
    (record.not_before, record.expires_at) = (time(4)?, time(5)?);
    (record.retires_at, record.revoked_at) = (time(6)?, time(7)?);
    Ok(record)
}

fn column(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn examine(text: &str) -> ExitCode {
    eprintln!("Note: other users see the arguments of a command, and the shell's history keeps them.");
    match ApiKey::parse_pasted(text) {
        Ok(key) => {
            println!("{} is well-formed: its checksum is right.", key.id().masked());
            println!("Only the server knows whether it is valid.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("This is not an API key: {error}.");
            ExitCode::FAILURE
        }
    }
}
