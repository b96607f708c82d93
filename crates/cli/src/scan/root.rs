//! The root of a named path: the repository or the folder that it belongs to.

use std::path::{Component, Path, PathBuf};

/// The root of a named path, and the place of the path in it.
#[derive(Clone)]
pub(crate) struct Root {
    /// The top of the worktree, or outside of git the directory that is named or holds the named file.
    pub(crate) folder: PathBuf,
    /// The path from `folder` to the named path.
    inside: PathBuf,
}

impl Root {
    /// Finds the root of a path. There is none if the path does not exist or lies in a repository without a worktree.
    pub(crate) fn of(named: &Path) -> Option<Self> {
        // A link to a file belongs to the root in which the link itself lies.
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

    /// Takes a path relative to the named path, and returns it relative to `folder`.
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
