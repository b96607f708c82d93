//! Import of keys that another system created: [`import`].

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, BufRead};

use ctx_key::{KeyRecord, UnixTime};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::actor::{Act, Actor};
use super::audit_log::{self, Action};
use super::id::CompanyId;
use super::name::Name;
use crate::clock::seconds;
use crate::database::{Database, DatabaseError, Transaction, Value};

/// Number of keys in a statement. The change log of PostgreSQL reports so many new keys as one change of all keys.
const BATCH: usize = 20_000;

/// A line of the file.
struct Line {
    name: Name,
    record: KeyRecord<String>,
}

/// The fields of a line. An unknown field is an error, because a misspelled one could be the end of a key. So is a field that
/// occurs twice.
#[derive(Deserialize)]
struct Fields {
    name: Json,
    #[serde(flatten)]
    record: KeyRecord<String>,
}

/// Reason why nothing was imported.
#[derive(Debug)]
pub enum ImportError {
    Database(DatabaseError),
    /// The file can't be read.
    File(io::ErrorKind),
    /// This line, counted from 1, is not a key that can be stored.
    Line(usize, String),
}

impl From<DatabaseError> for ImportError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => write!(f, "nothing was imported: {error}"),
            Self::File(kind) => write!(f, "nothing was imported: the file can't be read: {kind}"),
            Self::Line(line, mistake) => write!(f, "nothing was imported: line {line}: {mistake}"),
        }
    }
}

impl std::error::Error for ImportError {}

/// Stores the keys of all lines in one transaction, and returns their number. Each line is the JSON of a
/// [`KeyRecord`] with an additional `name`. The project of the record must exist.
///
/// # Errors
///
/// - A line is not a record with a name, or names no project or an archived one.
/// - The id of a line's key is stored already, or is on an earlier line.
/// - The lines can't be read, or the database fails.
pub async fn import(database: &Database, lines: impl BufRead, now: UnixTime) -> Result<u64, ImportError> {
    let mut transaction = database.begin_without_limits().await?;
    let mut import = Import { companies: HashMap::new(), counts: Vec::new() };
    let mut batch = Vec::with_capacity(BATCH);
    for (number, text) in (1..).zip(lines.lines()) {
        let text = text.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => ImportError::Line(number, "it is not UTF-8".into()),
            kind => ImportError::File(kind),
        })?;
        let line = parse(&text).map_err(|mistake| ImportError::Line(number, mistake))?;
        import.count(&mut transaction, number, &line.record.project).await?;
        batch.push((number, line));
        if batch.len() == BATCH {
            insert(&mut transaction, &batch, now).await?;
            batch.clear();
        }
    }
    insert(&mut transaction, &batch, now).await?;
    for (company, count) in &import.counts {
        let detail = format!("{count} keys");
        let act = Act { company, actor: Actor::Import, now, address: None };
        audit_log::append(&mut transaction, act, Action::Imported, None, &detail).await?;
    }
    transaction.commit().await?;
    Ok(import.counts.iter().map(|(_, count)| count).sum())
}

/// The companies and the numbers of the keys that have been read so far.
struct Import {
    /// The company of each project.
    companies: HashMap<String, CompanyId>,
    /// Number of keys of each company.
    counts: Vec<(CompanyId, u64)>,
}

impl Import {
    async fn count(
        &mut self,
        transaction: &mut Transaction,
        number: usize,
        project: &str,
    ) -> Result<(), ImportError> {
        if !self.companies.contains_key(project) {
            // so that nobody archives the project before the end of the import
            let sql = if transaction.is_postgres() {
                "SELECT company, archived_at FROM projects WHERE id = $1 FOR SHARE"
            } else {
                "SELECT company, archived_at FROM projects WHERE id = $1"
            };
            let row = transaction.query_opt(sql, &[project.into()]).await?;
            let mistake = |text: &str| ImportError::Line(number, text.into());
            let row = row.ok_or_else(|| mistake("there is no such project: create it first"))?;
            if row.get::<Option<i64>>("archived_at")?.is_some() {
                return Err(mistake("the project is archived, so it gets no new keys: use another project"));
            }
            self.companies.insert(project.to_owned(), row.get("company")?);
        }
        let company = &self.companies[project];
        match self.counts.iter_mut().find(|(other, _)| other == company) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((company.clone(), 1)),
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Line, String> {
    let mistake = |error: serde_json::Error| {
        // the position counts within this one line, and for some mistakes is only the end of it
        let text = error.to_string();
        text.split(" at line ").next().unwrap_or_default().to_owned()
    };
    let Fields { name, record } = serde_json::from_str(text).map_err(mistake)?;
    let name = Name::parse(name.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    if record.project.contains('\0') {
        return Err("the project has a NUL character".into());
    }
    Ok(Line { name, record })
}

async fn insert(
    transaction: &mut Transaction,
    batch: &[(usize, Line)],
    now: UnixTime,
) -> Result<(), ImportError> {
    let time = |time: Option<UnixTime>| time.map(seconds);
    let rows: Vec<_> = batch
        .iter()
        .map(|(_, Line { name, record })| {
            json!({
                "id": record.id,
                "digest": record.digest,
                "project": record.project,
                "scopes": record.scopes.bits(),
                "not_before": time(record.not_before),
                "expires_at": time(record.expires_at),
                "retires_at": time(record.retires_at),
                "revoked_at": time(record.revoked_at),
                "name": name,
            })
        })
        .collect();
    let sql = if transaction.is_postgres() {
        "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, name, \
         created_at, updated_at) \
         SELECT id, decode(digest, 'hex'), project, scopes, not_before, expires_at, retires_at, revoked_at, name, $2, $2 \
         FROM json_to_recordset($1::json) AS r (id text, digest text, project text, scopes integer, not_before bigint, \
         expires_at bigint, retires_at bigint, revoked_at bigint, name text) ON CONFLICT DO NOTHING RETURNING id"
    } else {
        "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, name, \
         created_at, updated_at) \
         SELECT value->>'id', unhex(value->>'digest'), value->>'project', value->>'scopes', value->>'not_before', \
         value->>'expires_at', value->>'retires_at', value->>'revoked_at', value->>'name', $2, $2 \
         FROM json_each($1) WHERE true ON CONFLICT DO NOTHING RETURNING id"
    };
    let parameters: [Value; 2] = [json!(rows).to_string().into(), seconds(now).into()];
    let inserted = transaction.query(sql, &parameters).await?;
    if inserted.len() == batch.len() {
        return Ok(());
    }
    let ids = inserted.into_iter().map(|row| row.get("id"));
    let mut ids: HashSet<String> = ids.collect::<Result<_, _>>()?;
    let duplicate = batch.iter().find(|(_, line)| !ids.remove(line.record.id.as_str()));
    let number = duplicate.map_or(0, |(number, _)| *number);
    Err(ImportError::Line(
        number,
        "a key with this id is stored already, or stands on an earlier line".into(),
    ))
}
