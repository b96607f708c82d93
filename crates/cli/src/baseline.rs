//! Keys that are known already: an earlier report.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::output;

/// Ids alone: a key that is out is out, wherever else it appears, and a file that moves stays known.
pub(crate) struct Baseline {
    ids: HashSet<String>,
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = output::shown(path);
        let text =
            std::fs::read(path).map_err(|error| format!("can't read the baseline {shown}: {error}"))?;
        let ids = parse(&text).ok_or_else(|| {
            format!("{shown} is no baseline; write one with `ctx-key scan --format json > FILE`")
        })?;
        Ok(Self { ids })
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

fn parse(text: &[u8]) -> Option<HashSet<String>> {
    let report: Value = serde_json::from_slice(text).ok()?;
    let findings = report.get("findings")?.as_array()?;
    findings.iter().map(|finding| Some(finding.get("id")?.as_str()?.to_owned())).collect()
}
