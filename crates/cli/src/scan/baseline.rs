//! An earlier report, whose keys are known and not reported again.

use std::collections::HashSet;
use std::path::Path;

use ctx_key::KeyId;
use serde_json::Value;

use crate::output;

/// The ids of known keys. Their places do not count, so a key stays known when its file moves.
pub(crate) struct Baseline {
    ids: HashSet<KeyId>,
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = output::shown(path);
        let text =
            std::fs::read(path).map_err(|error| format!("can't read the baseline {shown}: {error}"))?;
        if text.is_empty() {
            return Err(format!(
                "the baseline {shown} is empty; `> {shown}` on the same command line empties it first: restore it, \
                 and write reports with `--output`"
            ));
        }
        let ids = decode(&text).and_then(|text| parse(&text)).ok_or_else(|| {
            format!("{shown} is not a baseline; write one with `ctx-key scan --format json --output FILE`")
        })?;
        Ok(Self { ids })
    }

    pub(crate) fn knows(&self, id: KeyId) -> bool {
        self.ids.contains(&id)
    }
}

/// Decodes UTF-8 with or without a byte order mark, and UTF-16 with one. Windows PowerShell writes redirected output
/// with a mark in either.
fn decode(text: &[u8]) -> Option<String> {
    let units = |to_unit: fn([u8; 2]) -> u16, text: &[u8]| {
        let (pairs, rest) = text.as_chunks();
        let units: Vec<u16> = pairs.iter().map(|pair| to_unit(*pair)).collect();
        if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    match text {
        [0xff, 0xfe, text @ ..] => units(u16::from_le_bytes, text),
        [0xfe, 0xff, text @ ..] => units(u16::from_be_bytes, text),
        [0xef, 0xbb, 0xbf, text @ ..] => String::from_utf8(text.to_vec()).ok(),
        text => String::from_utf8(text.to_vec()).ok(),
    }
}

fn parse(text: &str) -> Option<HashSet<KeyId>> {
    let report: Value = serde_json::from_str(text).ok()?;
    let findings = report.get("findings")?.as_array()?;
    findings.iter().map(parse_id).collect()
}

/// Parses a whole id, since a part of one would match many keys.
fn parse_id(finding: &Value) -> Option<KeyId> {
    let id = finding.get("id")?.as_str()?.as_bytes();
    KeyId::from_bytes(id.try_into().ok()?).ok()
}
