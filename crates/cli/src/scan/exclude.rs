//! Patterns of paths that are not searched, written as lines of .gitignore.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::name;
use crate::scan::root::Root;

/// The note of a search without files. It is not an error, because a commit that changes only excluded files must pass a
/// hook that names them.
pub(crate) const ALL_EXCLUDED: &str = "all named files are excluded, so nothing was searched";

#[derive(Clone)]
pub(crate) struct Exclude {
    patterns: Gitignore,
    /// The root of each named path, if the patterns apply from the top of the root.
    roots: HashMap<PathBuf, Root>,
}

impl Exclude {
    /// Makes patterns that match paths as they are shown.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        Self::with_roots(HashMap::new(), patterns)
    }

    /// Makes patterns that match paths from the top of their root.
    pub(crate) fn with_roots(roots: HashMap<PathBuf, Root>, patterns: &[String]) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let added = builder.add_line(None, pattern);
            added.map_err(|error| invalid(pattern, &error))?;
        }
        let patterns = builder.build().map_err(|error| invalid("", &error))?;
        Ok(Self { patterns, roots })
    }

    /// Returns whether a pattern matches this path, as reports show it, or a directory above it.
    pub(crate) fn matches(&self, path: &Path, is_directory: bool) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        match self.locate(path) {
            Some(path) => self.matches_from_top(&path, is_directory),
            None => self.matches_from_top(path, is_directory),
        }
    }

    /// Returns whether a pattern matches this path, from the top of the worktree, or a directory above it.
    pub(crate) fn matches_from_top(&self, path: &Path, is_directory: bool) -> bool {
        let path = path.strip_prefix("/").unwrap_or(path);
        !self.patterns.is_empty() && self.patterns.matched_path_or_any_parents(path, is_directory).is_ignore()
    }

    fn locate(&self, path: &Path) -> Option<PathBuf> {
        let (named, root) = path.ancestors().find_map(|above| self.roots.get_key_value(above))?;
        path.strip_prefix(named).ok().map(|rest| root.join(rest))
    }
}

fn invalid(pattern: &str, error: &ignore::Error) -> String {
    let text = format!("--exclude {pattern} is not a pattern: {error}; write it as a line of .gitignore");
    name::to_message(&text)
}
