//! Reports in JSON: one document, with each finding on its own line. The schema is `report.schema.json`.

use std::io::{self, Write};

use ctx_key::scan::redact_str;
use serde_json::{Value, json};

use crate::name;
use crate::scan::finding::Finding;
use crate::scan::summary::Summary;

/// Version of the format. It changes when a field is removed or changes its meaning.
const VERSION: u32 = 1;

pub(crate) fn write_head(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\"version\":{VERSION},\n\"findings\":[")
}

pub(crate) fn write_finding(out: &mut impl Write, finding: &Finding, is_first: bool) -> io::Result<()> {
    out.write_all(if is_first { b"\n" } else { b",\n" })?;
    write_value(out, &to_json(finding))
}

pub(crate) fn write_tail(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let errors: Vec<_> = summary.errors.iter().map(|error| redact_str(error)).collect();
    let notes: Vec<_> = summary.notes.iter().map(|note| redact_str(note)).collect();
    out.write_all(b"\n],\n\"errors\":")?;
    write_value(out, &json!(errors))?;
    out.write_all(b",\n\"notes\":")?;
    write_value(out, &json!(notes))?;
    writeln!(out, ",\n\"files\":{},\"bytes\":{}}}", summary.files, summary.bytes)
}

fn to_json(finding: &Finding) -> Value {
    let find = &finding.find;
    let mut value = json!({
        "path": name::to_json(&finding.path),
        "place": finding.place.as_str(),
        "line": find.line,
        "column": find.column,
        "offset": find.offset,
        "id": find.id.as_str(),
        "key": find.id.masked().to_string(),
        "object": finding.object.as_deref(),
        "commit": finding.commit.as_deref(),
        "tracked": finding.is_tracked,
        "ignored": finding.is_ignored,
        "count": finding.count,
    });
    if !find.encodings.is_empty() {
        let encodings = find.encodings.iter().map(|encoding| encoding.as_str());
        value["encodings"] = encodings.collect();
    }
    value
}

/// Writes a value on one line. Characters that control a terminal or are invisible become escapes of JSON.
pub(crate) fn write_value(out: &mut impl Write, value: &Value) -> io::Result<()> {
    let text = value.to_string();
    if !text.chars().any(name::is_unsafe) {
        return out.write_all(text.as_bytes());
    }
    for character in text.chars() {
        match name::is_unsafe(character) {
            true => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}"))?,
            false => write!(out, "{character}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An escape of JSON has four digits, and a character beyond U+FFFF takes two escapes.
    #[test]
    fn unsafe_characters_are_escaped() {
        let write = |text: &str| {
            let mut out = Vec::new();
            write_value(&mut out, &json!(text)).unwrap();
            let written = String::from_utf8(out).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), json!(text));
            written
        };
        assert_eq!(write("ä 𝒳 \"\\\n\u{1b}"), r#""ä 𝒳 \"\\\n\u001b""#);
        assert_eq!(write("a\u{7f}b\u{9b}𝒳\u{202e}"), r#""a\u007fb\u009b𝒳\u202e""#);
        assert_eq!(write("a\u{7f}b"), r#""a\u007fb""#);
        assert_eq!(write("a\u{e0001}"), r#""a\udb40\udc01""#);
    }
}
