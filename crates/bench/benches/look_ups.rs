//! Measures whole requests, which look up a record by its key's id in one of three stores, and verifications alone.
//!
//! `RECORDS` is the largest number of records, 1,000 by default. Each power of ten from 1,000 up to it is measured.
//! `DATABASE_URL` names a PostgreSQL database. Without it, PostgreSQL is left out.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;
use std::{env, fs};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_bench::records::records;
use postgres::{Client, NoTls, Statement};
use rusqlite::Connection;
use tempfile::NamedTempFile;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

type Record = KeyRecord<u64>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

trait Store: Sized {
    const NAME: &'static str;
    fn of(records: Vec<Record>) -> Result<Self>;
    /// Reads all columns of a record.
    fn find(&mut self, id: KeyId) -> Result<Record>;
    /// Returns the size of the store in memory or on disk in bytes, if it is known.
    fn size(&mut self) -> Result<Option<u64>>;
}

fn grant(key: &ApiKey, record: &Record) {
    record.verify(key, NOW).expect("its record").require(Scope::MEMORIES_READ).expect("the scope");
}

fn measure<S: Store>(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) -> Result<()> {
    let (records, texts) = records(count);
    let mut store = S::of(records)?;
    let size = store.size()?.map(|bytes| format!("{} bytes", bytes / count as u64));
    println!("{}/{count}: {}", S::NAME, size.as_deref().unwrap_or("–"));
    let mut texts = texts.iter().cycle();
    group.bench_function(BenchmarkId::new(S::NAME, count), |b| {
        b.iter(|| {
            let key = ApiKey::parse(black_box(texts.next().expect("a cycle"))).expect("a key");
            grant(&key, &store.find(key.id()).expect("a record"));
        });
    });
    Ok(())
}

/// Measures the verification of keys without a look-up.
fn verification(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) -> Result<()> {
    let (records, texts) = records(count);
    let mut store = Memory::of(records)?;
    let found = texts.iter().map(|text| store.find(ApiKey::parse(text)?.id())).collect::<Result<Vec<_>>>()?;
    let mut both = texts.iter().zip(&found).cycle();
    group.bench_function(BenchmarkId::new("verification", count), |b| {
        b.iter(|| {
            let (text, record) = both.next().expect("a cycle");
            grant(&ApiKey::parse(black_box(text)).expect("a key"), black_box(record));
        });
    });
    Ok(())
}

struct Memory {
    records: HashMap<KeyId, Record>,
    size: u64,
}

impl Store for Memory {
    const NAME: &'static str = "HashMap";

    fn of(records: Vec<Record>) -> Result<Self> {
        let before = resident()?;
        let map = records.iter().map(|record| (record.id, record.clone())).collect();
        Ok(Self { records: map, size: resident()?.saturating_sub(before) })
    }

    fn find(&mut self, id: KeyId) -> Result<Record> {
        Ok(self.records.get(&id).ok_or("no such key")?.clone())
    }

    fn size(&mut self) -> Result<Option<u64>> {
        // a small map may fit into pages that the allocator already had
        Ok((self.records.len() >= 100_000).then_some(self.size))
    }
}

/// Returns the resident size of this process in bytes.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<u64>()? * 1024)
}

/// A database in a file. Fields are dropped in order, so the connection is closed before the file is removed.
struct Sqlite {
    db: Connection,
    file: NamedTempFile,
}

impl Store for Sqlite {
    const NAME: &'static str = "SQLite";

    fn of(mut records: Vec<Record>) -> Result<Self> {
        let file = NamedTempFile::new()?;
        let mut db = Connection::open(file.path())?;
        db.execute_batch(&table("STRICT")?)?;
        // ten million records take a minute in the order of the primary key, and an hour in another order
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
        Ok(Self { db, file })
    }

    fn find(&mut self, id: KeyId) -> Result<Record> {
        let mut select = self.db.prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?;
        let mut rows = select.query([id.as_str()])?;
        let row = rows.next()?.ok_or("no such key")?;
        let columns = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_str()?);
        record(columns, row.get(3)?, [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?])
    }

    fn size(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.file.as_file().metadata()?.len()))
    }
}

struct PostgreSql {
    client: Client,
    select: Statement,
}

impl Store for PostgreSql {
    const NAME: &'static str = "PostgreSQL";

    fn of(records: Vec<Record>) -> Result<Self> {
        let mut client = Client::connect(&env::var("DATABASE_URL")?, NoTls)?;
        client.batch_execute("DROP TABLE IF EXISTS api_keys")?;
        client.batch_execute(&table("bytea")?)?;
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

    fn find(&mut self, id: KeyId) -> Result<Record> {
        let row = self.client.query_one(&self.select, &[&id.as_str()])?;
        let columns = (row.get(0), row.get(1), row.get(2));
        record(columns, row.get::<_, i32>(3).try_into()?, [row.get(4), row.get(5), row.get(6), row.get(7)])
    }

    fn size(&mut self) -> Result<Option<u64>> {
        let row = self.client.query_one("SELECT pg_total_relation_size('api_keys')", &[])?;
        Ok(Some(row.get::<_, i64>(0).try_into()?))
    }
}

fn record(
    (id, digest, project): (&str, &[u8], &str),
    scopes: u32,
    times: [Option<i64>; 4],
) -> Result<Record> {
    let [not_before, expires_at, retires_at, revoked_at] =
        times.map(|time| time.and_then(|secs| u64::try_from(secs).ok()).map(UnixTime::from_secs));
    let scopes = Scope::from_bits(scopes).ok_or("unknown scopes")?;
    let mut record =
        KeyRecord::from_parts(id.parse()?, KeyDigest::try_from(digest)?, project.parse()?, scopes);
    (record.not_before, record.expires_at) = (not_before, expires_at);
    (record.retires_at, record.revoked_at) = (retires_at, revoked_at);
    Ok(record)
}

/// Returns the definition of a table in README.md that contains `word`.
fn table(word: &str) -> Result<String> {
    let blocks = include_str!("../../../README.md").split("```sql\n").skip(1);
    let mut tables = blocks.filter_map(|block| block.split("```").next());
    Ok(tables.find(|sql| sql.contains(word)).ok_or("no such table in README.md")?.to_owned())
}

fn look_ups(c: &mut Criterion) {
    let largest = env::var("RECORDS").map_or(1_000, |number| number.parse().expect("RECORDS is a number"));
    let mut group = c.benchmark_group("look_ups");
    for count in (3..).map(|exponent| 10_usize.pow(exponent)).take_while(|count| *count <= largest) {
        verification(&mut group, count).unwrap();
        measure::<Memory>(&mut group, count).unwrap();
        measure::<Sqlite>(&mut group, count).unwrap();
        if env::var_os("DATABASE_URL").is_some() {
            measure::<PostgreSql>(&mut group, count).unwrap();
        }
    }
}

fn config() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = config(); targets = look_ups);
criterion_main!(benches);
