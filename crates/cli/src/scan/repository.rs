//! A git repository: where its parts are, whatever the environment says.
//!
//! Variables such as `GIT_DIR` never choose the repository. Two of those that git sets for hooks count if they point into
//! the repository that was named: `GIT_INDEX_FILE`, the index of a partial commit, and `GIT_QUARANTINE_PATH`, the objects
//! of a push that is not accepted yet.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::output;
use crate::scan::finding::Sink;
use crate::scan::git::Git;

pub(crate) struct Repository {
    pub(crate) git: Git,
    git_directory: PathBuf,
    /// The same, but for a linked worktree.
    common_directory: PathBuf,
    /// None in a bare repository.
    worktree: Option<PathBuf>,
    /// Folders of objects that are outside and not read.
    pub(crate) unread_stores: Vec<PathBuf>,
    /// Views of the folders of objects without their lists of alternates.
    _views: Vec<TempDir>,
}

impl Repository {
    /// Opens the repository of a directory. Objects in folders outside it are read only if `reads_outside`.
    pub(crate) fn open(directory: &Path, reads_outside: bool) -> Result<Self, String> {
        let git = Git::at(directory)?;
        let path = |argument| {
            Ok::<_, String>(to_path(&git.output(&["rev-parse", "--path-format=absolute", argument])?))
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

    /// The folders of the main worktree and of all linked ones, each with a HEAD and logs.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let linked = fs::read_dir(self.common_directory.join("worktrees")).into_iter().flatten().flatten();
        let linked = linked.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        iter::once(self.common_directory.clone()).chain(linked.map(|entry| entry.path())).collect()
    }

    /// Names the folders of objects that are not read.
    pub(crate) fn note_unread_stores(&self, sink: &Sink) {
        for store in &self.unread_stores {
            let store = output::shown(store);
            sink.noted(format!(
                "the repository borrows objects from {store}, which is outside it and was not searched; \
                 `--alternates` searches them, too"
            ));
        }
    }

    /// Returns whether git takes some commits for the first ones.
    pub(crate) fn is_shallow(&self) -> bool {
        fs::metadata(self.common_directory.join("shallow")).is_ok_and(|file| file.len() > 0)
    }

    /// Returns whether a push is waiting for a hook.
    pub(crate) fn has_quarantine(&self) -> bool {
        quarantine(&self.common_directory.join("objects")).is_some()
    }

    /// Returns whether git may leave out objects until they are needed.
    pub(crate) fn is_partial(&self) -> bool {
        let keys = "^(remote\\..*\\.(promisor|partialclonefilter)|extensions\\.partialclone)$";
        self.git.run(&["config", "--local", "--get-regexp", keys]).is_ok_and(|output| output.status.success())
    }

    /// Uses the index of the commit that is being made, if git made one for a part of what is staged.
    pub(crate) fn use_index_of_hook(&mut self) {
        let Some(file) = env::var_os("GIT_INDEX_FILE") else { return };
        // Relative to the top of the worktree, where git starts hooks.
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
            for store in &inside {
                let view = view(store).map_err(|error| {
                    format!(
                        "can't leave out the objects of others: {error}; `--alternates` searches them, too"
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

    /// The worktree does not count: the repository's configuration may name any folder as that.
    fn contains(&self, path: &Path) -> bool {
        self.common_directory.canonicalize().is_ok_and(|own| path.starts_with(own))
    }
}

/// Returns the objects of the push that a hook is asked about.
fn quarantine(objects: &Path) -> Option<PathBuf> {
    let objects = objects.canonicalize().ok()?;
    let named = ["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY"].into_iter().filter_map(env::var_os);
    let folders = named.filter_map(|folder| Path::new(&folder).canonicalize().ok());
    folders.into_iter().find(|folder| folder.parent() == Some(&*objects))
}

/// Returns the folders that a folder of objects borrows from.
fn alternates(store: &Path) -> Vec<PathBuf> {
    let list = fs::read(store.join("info/alternates")).unwrap_or_default();
    let lines = list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let paths = lines.map(|line| store.join(to_path(line)));
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

/// Joins paths as `GIT_ALTERNATE_OBJECT_DIRECTORIES` has them.
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

/// Returns the path that git prints, with or without a line feed.
#[cfg(unix)]
pub(crate) fn to_path(text: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(text.strip_suffix(b"\n").unwrap_or(text)).into()
}

#[cfg(not(unix))]
pub(crate) fn to_path(text: &[u8]) -> PathBuf {
    let text = String::from_utf8_lossy(text);
    OsStr::new(text.trim_end_matches('\n')).into()
}

/// Returns the one repository that is named.
pub(crate) fn directory(paths: &[PathBuf]) -> Result<&Path, String> {
    match paths {
        [] => Ok(Path::new(".")),
        [path] => Ok(path),
        [first, ..] => {
            Err(format!("name one repository, not more: {} and others were named", output::shown(first)))
        }
    }
}
