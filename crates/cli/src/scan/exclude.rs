//! Patterns of `--exclude`, in the form of lines in .gitignore.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::name;

#[derive(Clone)]
pub(crate) struct Exclude {
    patterns: Gitignore,
}

impl Exclude {
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let added = builder.add_line(None, pattern);
            added.map_err(|error| invalid(pattern, &error))?;
        }
        let patterns = builder.build().map_err(|error| invalid("", &error))?;
        Ok(Self { patterns })
    }

    /// Returns whether a pattern matches the path, which is relative, or a directory above it.
    pub(crate) fn matches(&self, path: &Path, is_directory: bool) -> bool {
        let path = path.strip_prefix("/").unwrap_or(path);
        !self.patterns.is_empty() && self.patterns.matched_path_or_any_parents(path, is_directory).is_ignore()
    }
}

fn invalid(pattern: &str, error: &ignore::Error) -> String {
    let text = format!("--exclude {pattern} is not a pattern: {error}; write it as a line of .gitignore");
    name::escape_control(&text)
}
