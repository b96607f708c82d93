//! `new`: makes a key for its holder and a record for the server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use ctx_key::{ApiKey, ParseScopeError, Scope};
use serde_json::{Value, json};

use crate::cli::{KeyFormat, NewOptions};
use crate::outcome::Outcome;
use crate::output;

pub(crate) fn run(options: &NewOptions) -> Outcome {
    let scopes = parse_scopes(&options.scopes)?;
    let key = ApiKey::try_generate()
        .map_err(|error| format!("{error}; no key was made: try again when the system is up"))?;
    let record = record(&key, scopes, options.project.as_deref());
    // The record is written first, since a key without its record is useless.
    match &options.record {
        Some(path) => write_new(path, &record)?,
        None => output::write_message(&record.to_string()).map_err(|error| {
            format!("can't write the record to standard error: {error}; no key was shown")
        })?,
    }
    print(&key, options.format).map_err(|error| format!("{error}; the key is lost: throw its record away"))
}

fn print(key: &ApiKey, format: KeyFormat) -> Outcome {
    let key = key.expose_secret();
    let mut stdout = io::stdout().lock();
    let written = match format {
        KeyFormat::Text => writeln!(stdout, "{key}"),
        KeyFormat::Json => writeln!(stdout, r#"{{"key":"{key}"}}"#),
        KeyFormat::Env => writeln!(stdout, "MEMORYKIT_API_KEY={key}"),
    };
    output::require_written(written.and_then(|()| stdout.flush()))
}

fn record(key: &ApiKey, scopes: Scope, project: Option<&str>) -> Value {
    let names: Vec<_> = scopes.iter().filter_map(Scope::name).collect();
    let mut record = json!({ "id": key.id().as_str(), "digest": key.digest().to_string(), "scopes": names });
    if let Some(project) = project {
        record["project"] = json!(project);
    }
    record
}

/// Writes the record to a new file that only its owner may read.
fn write_new(path: &Path, record: &Value) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|file| {
        // A file that stayed would make a second run with the same name fail.
        fill(file, record).inspect_err(|_| drop(fs::remove_file(path)))
    });
    written.map_err(|error| {
        let path = output::shown(path);
        match error.kind() {
            ErrorKind::AlreadyExists => format!("{path} exists and is not overwritten; name a new file"),
            _ => format!("can't write the record to {path}: {error}; no key was shown"),
        }
    })
}

/// Writes the record to an open file, and closes the file.
fn fill(mut file: File, record: &Value) -> io::Result<()> {
    writeln!(file, "{record}")?;
    file.sync_all()
}

fn parse_scopes(list: &str) -> Result<Scope, String> {
    let scopes = Scope::parse_list(list).map_err(|error| mark_error(list, &error))?;
    if scopes.is_empty() {
        return Err(format!("a key without scopes may do nothing; the scopes are: {}", Scope::all()));
    }
    Ok(scopes)
}

/// Returns the error, and the list with the place of the error marked.
fn mark_error(list: &str, error: &ParseScopeError) -> String {
    // A list with characters that no scope has is not printed: it may be a key.
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || b":, -".contains(byte);
    if !list.as_bytes().iter().all(is_name) {
        return error.to_string();
    }
    let (before, marked) = (error.range().start, error.range().len());
    format!("{error}\n  {list}\n  {:before$}{:^<marked$}", "", "")
}
