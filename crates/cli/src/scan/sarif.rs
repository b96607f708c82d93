//! Reports in SARIF 2.1.0: one document, with each result on its own line.

use std::io::{self, Write};

use ctx_key::scan::redact_str;
use serde_json::{Value, json};

use crate::name;
use crate::scan::encoding::encoded_as;
use crate::scan::finding::Finding;
use crate::scan::json::write_value;
use crate::scan::summary::Summary;

const RULE: &str = "memorykit-api-key";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(crate) fn write_head(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\n\"tool\":")?;
    write_value(out, &tool())?;
    out.write_all(b",\n\"columnKind\":\"unicodeCodePoints\",\n\"results\":[")
}

pub(crate) fn write_finding(out: &mut impl Write, finding: &Finding, is_first: bool) -> io::Result<()> {
    out.write_all(if is_first { b"\n" } else { b",\n" })?;
    write_value(out, &to_result(finding))
}

pub(crate) fn write_tail(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let notification =
        |level, text: &String| json!({ "level": level, "message": { "text": redact_str(text) } });
    let errors = summary.errors.iter().map(|error| notification("error", error));
    let notes = summary.notes.iter().map(|note| notification("note", note));
    let invocation = json!({
        "executionSuccessful": summary.errors.is_empty(),
        "toolExecutionNotifications": errors.chain(notes).collect::<Vec<_>>(),
    });
    out.write_all(b"\n],\n\"invocations\":[")?;
    write_value(out, &invocation)?;
    out.write_all(b"]\n}]}\n")
}

fn tool() -> Value {
    json!({ "driver": {
        "name": "ctx-key",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": [{
            "id": RULE,
            "shortDescription": { "text": "MemoryKit API key" },
            "fullDescription": { "text": "This text holds a MemoryKit API key with the right checksum." },
            "help": { "text": "Revoke the key in the dashboard under API Keys, and create a new one. Removing it from \
                the text is not enough." },
            "defaultConfiguration": { "level": "error" },
            "properties": { "tags": ["security"], "security-severity": "9.0" },
        }],
    } })
}

fn to_result(finding: &Finding) -> Value {
    let find = &finding.find;
    let mut region = json!({
        "startLine": find.line,
        "startColumn": find.character,
        "endColumn": find.end_character,
        "byteOffset": find.offset,
        "byteLength": find.length,
    });
    // Only an encoded key can stand on several lines.
    if find.end_line > find.line {
        region["endLine"] = find.end_line.into();
    }
    let encodings: Vec<_> = find.encodings.iter().map(|encoding| encoding.as_str()).collect();
    let remark =
        if encodings.is_empty() { String::new() } else { format!(", {}", encoded_as(&find.encodings)) };
    let location = json!({ "artifactLocation": { "uri": name::to_uri(&finding.path) }, "region": region });
    let mut result = json!({
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": if finding.is_ignored { "warning" } else { "error" },
        "message": { "text": format!("The MemoryKit API key {} is readable here{remark}.", find.id.masked()) },
        "locations": [{ "physicalLocation": location }],
        "occurrenceCount": finding.count,
        "partialFingerprints": { "keyId/v1": find.id.as_str() },
        "properties": {
            "keyId": find.id.as_str(),
            "place": finding.place.as_str(),
            "object": finding.object.as_deref(),
            "commit": finding.commit.as_deref(),
            "tracked": finding.is_tracked,
            "ignored": finding.is_ignored,
        },
    });
    if !encodings.is_empty() {
        result["properties"]["encodings"] = encodings.into();
    }
    result
}
