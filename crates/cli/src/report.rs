//! What was found, in the three forms that it is written in. None holds a key.

use std::io::{self, BufWriter, Write};

use ctx_key::scan::redact_str;
use serde_json::{Value, json};

use crate::cli::ReportFormat;
use crate::output;
use crate::progress::Progress;
use crate::scan::Finding;

pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) errors: Vec<String>,
    files: u64,
    bytes: u64,
}

impl Report {
    pub(crate) fn new(progress: &Progress) -> Self {
        let (files, bytes) = (progress.files(), progress.bytes());
        Self { findings: Vec::new(), errors: Vec::new(), files, bytes }
    }

    /// Threads report in any order; reports of the same tree are the same.
    pub(crate) fn sort(&mut self) {
        self.findings
            .sort_by(|a, b| (&a.path, &a.object, a.find.offset).cmp(&(&b.path, &b.object, b.find.offset)));
        self.errors.sort();
    }
}

pub(crate) fn write(report: &Report, format: ReportFormat) -> io::Result<()> {
    let colours = output::takes_colours(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        ReportFormat::Text => write_text(report, colours, &mut out)?,
        ReportFormat::Json => writeln!(out, "{:#}", to_json(report))?,
        ReportFormat::Sarif => writeln!(out, "{:#}", to_sarif(report))?,
    }
    out.flush()
}

fn write_text(report: &Report, colours: bool, out: &mut impl Write) -> io::Result<()> {
    let (mut bold, mut red) = (anstyle::Style::new(), anstyle::Style::new());
    if colours {
        (bold, red) = (bold.bold(), anstyle::AnsiColor::Red.on_default());
    }
    for Finding { path, find, commit, .. } in &report.findings {
        let (line, column, key, path) = (find.line, find.column, find.id.masked(), output::harmless(path));
        write!(out, "{bold}{path}{bold:#}:{line}:{column}: {red}{key}{red:#}")?;
        match commit {
            Some(commit) => writeln!(out, " (commit {commit})")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn to_json(report: &Report) -> Value {
    let findings: Vec<_> = report.findings.iter().map(finding_to_json).collect();
    let errors: Vec<_> = report.errors.iter().map(|error| redact_str(error)).collect();
    json!({ "findings": findings, "errors": errors, "files": report.files, "bytes": report.bytes })
}

fn finding_to_json(Finding { path, find, object, commit }: &Finding) -> Value {
    let mut json = json!({
        "path": path,
        "line": find.line,
        "column": find.column,
        "offset": find.offset,
        "id": find.id.as_str(),
        "key": find.id.masked().to_string(),
    });
    for (name, value) in [("object", object), ("commit", commit)] {
        if let Some(value) = value {
            json[name] = json!(value);
        }
    }
    json
}

const RULE: &str = "memorykit-api-key";

fn to_sarif(report: &Report) -> Value {
    let results: Vec<_> = report.findings.iter().map(finding_to_sarif).collect();
    let notifications: Vec<_> = report
        .errors
        .iter()
        .map(|error| json!({ "level": "error", "message": { "text": redact_str(error) } }))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ctx-key",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": [{
                    "id": RULE,
                    "shortDescription": { "text": "MemoryKit API key" },
                    "fullDescription": { "text": "A MemoryKit API key with the right checksum stands in this text." },
                    "help": { "text": "Revoke the key in the dashboard under API Keys, and create a new one. Taking \
                        it out of the text is not enough." },
                    "defaultConfiguration": { "level": "error" },
                    "properties": { "tags": ["security"], "security-severity": "9.0" },
                }],
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.errors.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

fn finding_to_sarif(Finding { path, find, object, commit }: &Finding) -> Value {
    let region = json!({
        "startLine": find.line,
        "startColumn": find.character,
        "endColumn": find.character + 52,
        "byteOffset": find.offset,
        "byteLength": find.length,
    });
    let properties = json!({ "keyId": find.id.as_str(), "object": object, "commit": commit });
    json!({
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": { "text": format!("The MemoryKit API key {} is readable here.", find.id.masked()) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": to_uri(path) }, "region": region } }],
        "partialFingerprints": { "keyId/v1": find.id.as_str() },
        "properties": properties,
    })
}

/// A relative reference, or a file's URI if the path is absolute (RFC 3986, RFC 8089).
fn to_uri(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let is_drive = cfg!(windows) && path.as_bytes().get(1) == Some(&b':');
    let mut uri = String::from(match (path.starts_with('/'), is_drive) {
        (true, _) => "file://",
        (_, true) => "file:///",
        _ => "",
    });
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
