//! What a server pays for a request: the look-up of the record by its id, and the verification's share of it.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;

use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
use postgres::{Client, NoTls, Statement};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::clock::fastest;
use crate::records::records;
use crate::results::target;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A place for records.
trait Store {
    const NAME: &'static str;
    /// Holds these records.
    fn of(records: Vec<KeyRecord<u64>>) -> Result<Self, Box<dyn Error>>
    where
        Self: Sized;
    /// Reads one back, all of its columns.
    fn find(&mut self, id: KeyId) -> Result<KeyRecord<u64>, Box<dyn Error>>;
    /// What it takes of memory or of disk, in bytes, if that can be told.
    fn size(&mut self) -> Result<Option<u64>, Box<dyn Error>>;
}

/// Nanoseconds and bytes for each record, for each store and 10³ to `largest` records.
pub fn measure(largest: usize) -> Result<Value, Box<dyn Error>> {
    let mut rows = Vec::new();
    for count in (3..).map(|exponent| 10_usize.pow(exponent)).take_while(|count| *count <= largest) {
        rows.push(row::<Memory>(count)?);
        rows.push(row::<Sqlite>(count)?);
        rows.push(row::<PostgreSql>(count)?);
    }
    Ok(Value::Array(rows))
}

fn row<S: Store>(count: usize) -> Result<Value, Box<dyn Error>> {
    let (records, texts) = records(count);
    let mut store = S::of(records)?;
    let mut found = Vec::new();
    for text in &texts {
        found.push(store.find(ApiKey::parse(text)?.id())?);
    }
    let key = |text: &String| ApiKey::parse(black_box(text)).expect("a key");
    let grants = |key: &ApiKey, record: &KeyRecord<u64>| {
        let grant = record.verify(key, NOW).expect("its record");
        grant.require(Scope::MEMORIES_READ).expect("the scope");
    };
    let verification = fastest(texts.len(), || {
        for (text, record) in texts.iter().zip(&found) {
            grants(&key(text), black_box(record));
        }
    });
    // a database takes microseconds: fewer do
    let presented = if S::NAME == Memory::NAME { &texts[..] } else { &texts[..texts.len().min(2_000)] };
    let whole = fastest(presented.len(), || {
        for text in presented {
            let key = key(text);
            grants(&key, &store.find(key.id()).expect("a record"));
        }
    });
    let bytes = store.size()?.map(|size| size as f64 / count as f64);
    println!(
        "{count} records in {}: {whole:.0} ns, verification {verification:.0} ns, {bytes:.0?} bytes each",
        S::NAME
    );
    Ok(
        json!({ "store": S::NAME, "records": count, "whole_ns": whole, "verification_ns": verification, "bytes": bytes }),
    )
}

struct Memory {
    records: HashMap<KeyId, KeyRecord<u64>>,
    size: u64,
}

impl Store for Memory {
    const NAME: &'static str = "HashMap";

    fn of(records: Vec<KeyRecord<u64>>) -> Result<Self, Box<dyn Error>> {
        let before = resident()?;
        let mut map = HashMap::new();
        for record in &records {
            map.insert(record.id, record.clone());
        }
        Ok(Self { records: map, size: resident()?.saturating_sub(before) })
    }

    fn find(&mut self, id: KeyId) -> Result<KeyRecord<u64>, Box<dyn Error>> {
        Ok(self.records.get(&id).ok_or("no such key")?.clone())
    }

    fn size(&mut self) -> Result<Option<u64>, Box<dyn Error>> {
        // of a small map, the pages that the allocator had already are not seen
        Ok((self.records.len() >= 100_000).then_some(self.size))
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? * 1024)
}

/// Fields are dropped in their order: the file goes when SQLite has closed it, and taken away what lay beside it.
struct Sqlite {
    db: Connection,
    file: Temporary,
}

struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Store for Sqlite {
    const NAME: &'static str = "SQLite";

    fn of(mut records: Vec<KeyRecord<u64>>) -> Result<Self, Box<dyn Error>> {
        let file = target().join("performance/records.sqlite");
        fs::create_dir_all(file.parent().ok_or("a folder")?)?;
        let _ = fs::remove_file(&file);
        let mut db = Connection::open(&file)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.execute_batch(&table("SQLite")?)?;
        // in the order of the primary key, ten million are a minute's work, and else an hour's
        records.sort_by_key(|record| record.id);
        let transaction = db.transaction()?;
        let mut insert =
            transaction.prepare("INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, NULL, NULL, NULL, NULL)")?;
        for record in &records {
            let (id, digest) = (record.id.as_str(), record.digest.as_bytes());
            insert.execute((id, digest, record.project.to_string(), record.scopes.bits()))?;
        }
        drop(insert);
        transaction.commit()?;
        db.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
        Ok(Self { db, file: Temporary(file) })
    }

    fn find(&mut self, id: KeyId) -> Result<KeyRecord<u64>, Box<dyn Error>> {
        let mut select = self.db.prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?;
        let mut rows = select.query([id.as_str()])?;
        let row = rows.next()?.ok_or("no such key")?;
        let time = |column| row.get::<_, Option<i64>>(column);
        record(
            row.get_ref(0)?.as_str()?,
            row.get_ref(1)?.as_blob()?,
            row.get_ref(2)?.as_str()?,
            row.get(3)?,
            [time(4)?, time(5)?, time(6)?, time(7)?],
        )
    }

    fn size(&mut self) -> Result<Option<u64>, Box<dyn Error>> {
        Ok(Some(fs::metadata(&self.file.0)?.len()))
    }
}

struct PostgreSql {
    client: Client,
    select: Statement,
}

impl Store for PostgreSql {
    const NAME: &'static str = "PostgreSQL";

    fn of(records: Vec<KeyRecord<u64>>) -> Result<Self, Box<dyn Error>> {
        let url = std::env::var("DATABASE_URL")
            .map_err(|_| "DATABASE_URL names no database: use cargo xtask bench")?;
        let mut client = Client::connect(&url, NoTls)?;
        client.batch_execute("DROP TABLE IF EXISTS api_keys")?;
        client.batch_execute(&table("PostgreSQL")?)?;
        let mut copy = client.copy_in("COPY api_keys (id, digest, project, scopes) FROM STDIN")?;
        for record in &records {
            let scopes = record.scopes.bits();
            writeln!(copy, "{}\t\\\\x{}\t{}\t{scopes}", record.id, record.digest, record.project)?;
        }
        copy.finish()?;
        client.batch_execute("VACUUM ANALYZE api_keys")?;
        let select = client.prepare("SELECT * FROM api_keys WHERE id = $1")?;
        Ok(Self { client, select })
    }

    fn find(&mut self, id: KeyId) -> Result<KeyRecord<u64>, Box<dyn Error>> {
        let row = self.client.query_one(&self.select, &[&id.as_str()])?;
        record(
            row.get(0),
            row.get(1),
            row.get(2),
            row.get::<_, i32>(3).try_into()?,
            [row.get(4), row.get(5), row.get(6), row.get(7)],
        )
    }

    fn size(&mut self) -> Result<Option<u64>, Box<dyn Error>> {
        let row = self.client.query_one("SELECT pg_total_relation_size('api_keys')", &[])?;
        Ok(Some(row.get::<_, i64>(0).try_into()?))
    }
}

/// A row as a record.
fn record(
    id: &str,
    digest: &[u8],
    project: &str,
    scopes: u32,
    [not_before, expires_at, retires_at, revoked_at]: [Option<i64>; 4],
) -> Result<KeyRecord<u64>, Box<dyn Error>> {
    let time =
        |secs: Option<i64>| secs.map(u64::try_from).transpose().map(|secs| secs.map(UnixTime::from_secs));
    let scopes = Scope::from_bits(scopes).ok_or("unknown scopes")?;
    let mut record =
        KeyRecord::from_parts(id.parse()?, KeyDigest::try_from(digest)?, project.parse()?, scopes);
    record.not_before = time(not_before)?;
    record.expires_at = time(expires_at)?;
    record.retires_at = time(retires_at)?;
    record.revoked_at = time(revoked_at)?;
    Ok(record)
}

/// The table definition that README gives for a database.
fn table(database: &str) -> Result<String, Box<dyn Error>> {
    let readme = include_str!("../../../README.md");
    let begin = readme.find(&format!("In {database}:\n")).ok_or("no such database in README")?;
    let code = readme[begin..].split("```sql\n").nth(1).ok_or("no table in README")?;
    Ok(code.split("```").next().unwrap_or_default().to_owned())
}
