//! Patterns of what is not searched, in the form of lines in .gitignore.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::name;
use crate::scan::root::Root;

#[derive(Clone)]
pub(crate) struct Exclude {
    patterns: Gitignore,
    /// Where paths that are named lie, if the patterns begin at the top.
    roots: HashMap<PathBuf, Root>,
}

impl Exclude {
    /// Takes patterns that match paths as they are shown.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        Self::below(HashMap::new(), patterns)
    }

    /// Takes patterns that match paths from the top of the root.
    pub(crate) fn below(roots: HashMap<PathBuf, Root>, patterns: &[String]) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let added = builder.add_line(None, pattern);
            added.map_err(|error| invalid(pattern, &error))?;
        }
        let patterns = builder.build().map_err(|error| invalid("", &error))?;
        Ok(Self { patterns, roots })
    }

    /// Returns whether a pattern matches a path as it is shown, which is relative or absolute, or a directory above it.
    pub(crate) fn matches(&self, path: &Path, is_directory: bool) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        match self.locate(path) {
            Some(path) => self.matches_from_top(&path, is_directory),
            None => self.matches_from_top(path, is_directory),
        }
    }

    /// Returns whether a pattern matches a path that git names, or a directory above it.
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
    name::escape_control(&text)
}
