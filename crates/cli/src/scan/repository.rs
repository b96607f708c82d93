//! A git repository: the folders of its parts, which the environment can't redirect.
//!
//! Variables such as `GIT_DIR` never choose the repository. Two variables that git sets for hooks are used, but only
//! if they point into the repository that was named: `GIT_INDEX_FILE`, the index of a partial commit, and
//! `GIT_QUARANTINE_PATH`, the objects of a push that is not accepted yet.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::iter;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::output;
use crate::scan::alternates;
use crate::scan::finding::Sink;
use crate::scan::git::Git;

pub(crate) struct Repository {
    pub(crate) git: Git,
    git_directory: PathBuf,
    /// The git directory of the main worktree. A linked worktree has its own `git_directory`.
    common_directory: PathBuf,
    /// None in a bare repository.
    worktree: Option<PathBuf>,
    /// Folders of objects outside the repository, which are not read.
    pub(crate) unread_stores: Vec<PathBuf>,
    /// Temporary folders that stand in for folders of objects, without their lists of alternates.
    _views: Vec<TempDir>,
}

impl Repository {
    /// Opens the repository of a directory. With `reads_outside`, objects in folders outside it are read, too.
    pub(crate) fn open(directory: &Path, reads_outside: bool) -> Result<Self, String> {
        let git = Git::at(directory)?;
        let path = |argument| {
            let line = git.output(&["rev-parse", "--path-format=absolute", argument])?;
            Ok::<_, String>(to_path(line.strip_suffix(b"\n").unwrap_or(&line)))
        };
        let (git_directory, common_directory) = (path("--git-dir")?, path("--git-common-dir")?);
        let worktree = path("--show-toplevel").ok();
        let objects = common_directory.join("objects");
        let (unread_stores, _views) = (Vec::new(), Vec::new());
        let mut repository = Self { git, git_directory, common_directory, worktree, unread_stores, _views };
        repository.choose_stores(objects, reads_outside)?;
        Ok(repository)
    }

    pub(crate) fn worktree(&self) -> Option<&Path> {
        self.worktree.as_deref()
    }

    pub(crate) fn common_directory(&self) -> &Path {
        &self.common_directory
    }

    /// Returns the git directories of the main worktree and of all linked ones. Each holds a HEAD and logs.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let linked = fs::read_dir(self.common_directory.join("worktrees")).into_iter().flatten().flatten();
        let linked = linked.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        iter::once(self.common_directory.clone()).chain(linked.map(|entry| entry.path())).collect()
    }

    /// Reports the folders of objects that are not read.
    pub(crate) fn note_unread_stores(&self, sink: &Sink) {
        for store in &self.unread_stores {
            let store = output::shown(store);
            sink.noted(format!(
                "the repository borrows objects from {store}, which is outside it and was not searched; \
                 `--alternates` searches them, too"
            ));
        }
    }

    /// Returns whether the clone is shallow: git takes some commits for the first ones.
    pub(crate) fn is_shallow(&self) -> bool {
        fs::metadata(self.common_directory.join("shallow")).is_ok_and(|file| file.len() > 0)
    }

    /// Returns whether a push is waiting for a hook.
    pub(crate) fn has_quarantine(&self) -> bool {
        quarantine(&self.common_directory.join("objects")).is_some()
    }

    /// Returns whether this is a partial clone: git may leave out objects until they are needed.
    pub(crate) fn is_partial(&self) -> bool {
        let keys = "^(remote\\..*\\.(promisor|partialclonefilter)|extensions\\.partialclone)$";
        self.git.run(&["config", "--local", "--get-regexp", keys]).is_ok_and(|output| output.status.success())
    }

    /// Uses the index that git made for the hook that runs this command, if only a part of the changes is committed.
    pub(crate) fn use_index_of_hook(&mut self) {
        let Some(file) = env::var_os("GIT_INDEX_FILE") else { return };
        // A relative path starts at the top of the worktree, where git runs hooks.
        let places = [env::current_dir().ok(), self.worktree.clone()];
        let files = places.into_iter().flatten().map(|place| place.join(&file));
        let own = self.git_directory.canonicalize().ok();
        let belongs = |file: &PathBuf| file.is_file() && own.is_some() && canonical_parent(file) == own;
        if let Some(file) = files.into_iter().find(belongs) {
            self.git.variables.push(("GIT_INDEX_FILE", file.into()));
        }
    }

    /// Chooses the folders of objects that git reads.
    fn choose_stores(&mut self, objects: PathBuf, reads_outside: bool) -> Result<(), String> {
        let quarantine = quarantine(&objects);
        let mut inside = vec![objects];
        let mut outside = Vec::new();
        let mut next = 0;
        while let Some(store) = inside.get(next) {
            for alternate in alternates(store) {
                let is_new = !inside.contains(&alternate) && !outside.contains(&alternate);
                match self.contains(&alternate) {
                    _ if !is_new => {}
                    true => inside.push(alternate),
                    false => outside.push(alternate),
                }
            }
            next += 1;
        }
        let mut stores: Vec<_> = quarantine.into_iter().collect();
        if outside.is_empty() || reads_outside {
            // git itself follows the lists of alternates.
            stores.extend(inside.into_iter().take(1));
        } else {
            // git ignores a path that is not a folder.
            for store in inside.iter().filter(|store| store.is_dir()) {
                let view = view(store).map_err(|error| {
                    format!(
                        "can't leave out objects outside the repository: {error}; `--alternates` searches them, too"
                    )
                })?;
                stores.push(view.path().to_owned());
                self._views.push(view);
            }
            self.unread_stores = outside;
        }
        if let [first, rest @ ..] = stores.as_slice() {
            self.git.variables.push(("GIT_OBJECT_DIRECTORY", first.into()));
            self.git.variables.push(("GIT_ALTERNATE_OBJECT_DIRECTORIES", join_quoted(rest)));
        }
        Ok(())
    }

    /// Returns whether the path lies in the git directory. The worktree does not count, because the configuration of
    /// the repository may name any folder as the worktree.
    fn contains(&self, path: &Path) -> bool {
        let Ok(own) = self.common_directory.canonicalize() else { return false };
        match path.canonicalize() {
            Ok(path) => path.starts_with(own),
            // A path that does not exist holds no objects. After another error, such as a path that is too long, git may
            // still read the folder, so it counts as outside.
            Err(error) => error.kind() == ErrorKind::NotFound && path.starts_with(own),
        }
    }
}

/// Returns the folder with the objects of a push, if this runs in a hook that decides about it.
fn quarantine(objects: &Path) -> Option<PathBuf> {
    let objects = objects.canonicalize().ok()?;
    let named = ["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY"].into_iter().filter_map(env::var_os);
    let folders = named.filter_map(|folder| Path::new(&folder).canonicalize().ok());
    folders.into_iter().find(|folder| folder.parent() == Some(&*objects))
}

/// Returns the folders that a folder of objects borrows from.
fn alternates(store: &Path) -> Vec<PathBuf> {
    let list = fs::read(store.join("info/alternates")).unwrap_or_default();
    let paths = alternates::parse(&list).into_iter().map(|path| store.join(to_path(&path)));
    paths.map(|path| path.canonicalize().unwrap_or(path)).collect()
}

/// Returns a folder with links to all objects of `store`, but without its list of alternates.
#[cfg(unix)]
fn view(store: &Path) -> std::io::Result<TempDir> {
    let view = tempfile::tempdir()?;
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        if name == "pack" || name.len() == 2 {
            std::os::unix::fs::symlink(store.join(&name), view.path().join(&name))?;
        }
    }
    Ok(view)
}

#[cfg(not(unix))]
fn view(_: &Path) -> std::io::Result<TempDir> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Joins paths in the syntax of `GIT_ALTERNATE_OBJECT_DIRECTORIES`.
fn join_quoted(paths: &[PathBuf]) -> OsString {
    let mut joined = Vec::new();
    for path in paths {
        if !joined.is_empty() {
            joined.push(if cfg!(windows) { b';' } else { b':' });
        }
        joined.push(b'"');
        for byte in path.as_os_str().as_encoded_bytes() {
            if matches!(byte, b'"' | b'\\') {
                joined.push(b'\\');
            }
            joined.push(*byte);
        }
        joined.push(b'"');
    }
    to_path(&joined).into()
}

fn canonical_parent(file: &Path) -> Option<PathBuf> {
    file.parent()?.canonicalize().ok()
}

/// Makes a path from git's output.
#[cfg(unix)]
pub(crate) fn to_path(text: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(text).into()
}

#[cfg(not(unix))]
pub(crate) fn to_path(text: &[u8]) -> PathBuf {
    OsStr::new(&*String::from_utf8_lossy(text)).into()
}

/// Returns the only path, which names the repository, or an error if there are several.
pub(crate) fn directory(paths: &[PathBuf]) -> Result<&Path, String> {
    match paths {
        [] => Ok(Path::new(".")),
        [path] => Ok(path),
        [first, ..] => {
            Err(format!("name one repository, not more: {} and others were named", output::shown(first)))
        }
    }
}
