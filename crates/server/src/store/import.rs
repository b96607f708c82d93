//! Keys that another system made: [`import`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::{self, BufRead};

use ctx_key::{KeyRecord, UnixTime};
use serde::Deserialize;
use serde_json::json;

use super::api_key::LONGEST_NAME;
use super::audit_log;
use crate::clock::seconds;
use crate::database::{Database, DatabaseError, Transaction, Value};

/// Number of keys in a statement. The change log reports a statement with so many keys as one change.
const BATCH: usize = 20_000;

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    name: String,
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

/// Stores the keys of all lines in one transaction, and returns their number. Each line is the JSON of a [`KeyRecord`] with a
/// `name`. Its project must exist.
///
/// # Errors
///
/// - A line is not a record with a name, or names no project.
/// - The id of a line's key is stored already, or stands on an earlier line.
/// - The lines can't be read, or the database fails.
pub async fn import(database: &Database, lines: impl BufRead) -> Result<u64, ImportError> {
    let mut transaction = database.begin_without_limits().await?;
    let mut import = Import { companies: HashMap::new(), counts: BTreeMap::new() };
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
            insert(&mut transaction, &batch).await?;
            batch.clear();
        }
    }
    insert(&mut transaction, &batch).await?;
    for (company, count) in &import.counts {
        let detail = format!("{count} keys");
        audit_log::append(&mut transaction, company, "import", "imported", None, &detail).await?;
    }
    transaction.commit().await?;
    Ok(import.counts.values().sum())
}

/// What was read until now.
struct Import {
    /// The company of each project.
    companies: HashMap<String, String>,
    /// Number of keys of each company.
    counts: BTreeMap<String, u64>,
}

impl Import {
    async fn count(
        &mut self,
        transaction: &mut Transaction,
        number: usize,
        project: &str,
    ) -> Result<(), ImportError> {
        if !self.companies.contains_key(project) {
            let sql = "SELECT company FROM projects WHERE id = $1";
            let row = transaction.query_opt(sql, &[project.into()]).await?;
            let missing = || ImportError::Line(number, "there is no such project: create it first".into());
            self.companies.insert(project.to_owned(), row.ok_or_else(missing)?.get("company")?);
        }
        let company = self.companies.get(project).cloned().unwrap_or_default();
        *self.counts.entry(company).or_default() += 1;
        Ok(())
    }
}

fn parse(text: &str) -> Result<Line, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| {
        // the position is that within this one line, and for some mistakes its end
        let text = error.to_string();
        text.split(" at line ").next().unwrap_or_default().to_owned()
    })?;
    let length = line.name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || line.name.contains(char::is_control) {
        return Err(format!("the name must have 1 to {LONGEST_NAME} characters, without control characters"));
    }
    if line.record.project.contains('\0') {
        return Err("the project has a NUL character".into());
    }
    Ok(line)
}

async fn insert(transaction: &mut Transaction, batch: &[(usize, Line)]) -> Result<(), ImportError> {
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
    let now = seconds(UnixTime::now());
    let parameters: [Value; 2] = [json!(rows).to_string().into(), now.into()];
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
