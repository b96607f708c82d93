//! The repository or folder that a named path belongs to.

use std::path::{Component, Path, PathBuf};

/// Where a path that is named lies in its repository or folder.
#[derive(Clone)]
pub(crate) struct Root {
    /// The top of the worktree; outside of git, the directory that is named.
    pub(crate) folder: PathBuf,
    /// From `folder` to the path.
    inside: PathBuf,
}

impl Root {
    /// Returns nothing if the path does not exist, or is in a repository without a worktree.
    pub(crate) fn of(named: &Path) -> Option<Self> {
        // Of a link to a file, its own place counts.
        let file = if named.is_dir() { None } else { Some(named.file_name()?) };
        let directory = match (file, named.parent()) {
            (Some(_), Some(parent)) if parent == Path::new("") => Path::new("."),
            (Some(_), parent) => parent?,
            (None, _) => named,
        };
        let directory = directory.canonicalize().ok()?;
        let mut folder = directory.clone();
        for above in directory.ancestors() {
            let git = above.join(".git");
            if git.is_file() || git.join("HEAD").exists() {
                folder = above.to_owned();
                break;
            }
            if is_git_directory(above) {
                return None;
            }
        }
        let mut inside = directory.strip_prefix(&folder).ok()?.to_owned();
        inside.extend(file);
        Some(Self { folder, inside })
    }

    /// Returns the path from `folder` to what `path` leads to from the path that is named.
    pub(crate) fn join(&self, path: &Path) -> PathBuf {
        let mut inside = self.inside.clone();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(inside.pop()),
                part => inside.push(part),
            }
        }
        inside
    }
}

/// Returns whether the folder looks like the one in which git keeps a repository.
pub(crate) fn is_git_directory(folder: &Path) -> bool {
    ["HEAD", "objects", "refs"].iter().all(|name| folder.join(name).exists())
}
