//! `rules`: prints the rule files for other scanners, which are part of this program.

use crate::outcome::Outcome;
use crate::output;

/// The tools, each with the text of its rule file.
const RULES: [(&str, &str); 7] = [
    ("betterleaks", include_str!("../rules/betterleaks/betterleaks.toml")),
    ("detect-secrets", include_str!("../rules/detect-secrets/memorykit_api_key.py")),
    ("gitleaks", include_str!("../rules/gitleaks/gitleaks.toml")),
    ("kingfisher", include_str!("../rules/kingfisher/memorykit.yml")),
    ("ripgrep", include_str!("../rules/ripgrep/memorykit-api-key.regex")),
    ("secretlint", include_str!("../rules/secretlint/index.js")),
    ("semgrep", include_str!("../rules/semgrep/memorykit.yaml")),
];

pub(crate) fn tools() -> [&'static str; RULES.len()] {
    RULES.map(|(tool, _)| tool)
}

pub(crate) fn run(tool: &str) -> Outcome {
    // The command line accepts only these tools.
    let rule = RULES.iter().find(|(name, _)| *name == tool).map_or("", |(_, rule)| rule);
    output::print(rule.as_bytes())
}
