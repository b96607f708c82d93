//! The files of a directory that git tracks, and those that it ignores.
//!
//! Only git's own rules count. Files such as `.ignore` have no effect.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::scan::finding::Sink;
use crate::scan::git::Git;
use crate::scan::repository::to_path;
use crate::{name, output};

/// A directory in the worktree of a repository.
pub(crate) struct Worktree {
    root: PathBuf,
    /// Hashes of the paths of tracked files.
    tracked: HashSet<u64>,
    /// Hashes of the paths of files that are not tracked because of an ignore rule.
    ignored: HashSet<u64>,
    /// Directories that an ignore rule excludes as a whole.
    skipped: HashSet<PathBuf>,
}

impl Worktree {
    /// Asks git about a directory. Returns nothing if the directory is in no worktree. With `keeps_ignored`, no file
    /// counts as ignored.
    pub(crate) fn read(root: &Path, keeps_ignored: bool, sink: &Sink) -> Option<Self> {
        let git = Git::at(root).ok()?;
        let (tracked, (ignored, skipped)) = std::thread::scope(|scope| {
            let ignored = (!keeps_ignored).then(|| scope.spawn(|| list_ignored(&git)));
            let tracked = git
                .output(&["ls-files", "--stage", "-t", "-z"])
                .map(|index| list_tracked(root, &index, sink));
            let ignored = ignored.and_then(|ignored| ignored.join().ok().flatten());
            (tracked, ignored.unwrap_or_default())
        });
        Some(Self { root: root.to_owned(), tracked: tracked.ok()?, ignored, skipped })
    }

    /// Returns the depth of the root if the path is in this worktree.
    pub(crate) fn depth_for(&self, path: &Path) -> Option<usize> {
        path.starts_with(&self.root).then(|| self.root.as_os_str().len())
    }

    pub(crate) fn skips(&self, directory: &Path) -> bool {
        directory.strip_prefix(&self.root).is_ok_and(|directory| self.skipped.contains(directory))
    }

    pub(crate) fn is_tracked(&self, path: &Path) -> bool {
        self.tracked.contains(&self.hash(path))
    }

    pub(crate) fn ignores(&self, path: &Path) -> bool {
        !self.ignored.is_empty() && self.ignored.contains(&self.hash(path))
    }

    fn hash(&self, path: &Path) -> u64 {
        let path = path.strip_prefix(&self.root).unwrap_or(path).as_os_str().as_encoded_bytes();
        if cfg!(windows) {
            hash(&path.iter().map(|byte| slash(*byte)).collect::<Vec<_>>())
        } else {
            hash(path)
        }
    }
}

/// Parses `<letter> <mode> <id> <stage>` TAB `<path>` NUL, for each file of the index.
fn list_tracked(root: &Path, index: &[u8], sink: &Sink) -> HashSet<u64> {
    let mut tracked = HashSet::new();
    let mut absent = 0_u64;
    let mut submodule = None;
    for entry in index.split(|byte| *byte == 0) {
        let Some(tab) = memchr::memchr(b'\t', entry) else { continue };
        let path = &entry[tab + 1..];
        tracked.insert(hash(path));
        // A user can also set this mark for a file that is there.
        let is_absent = entry.starts_with(b"S ") && root.join(to_path(path)).symlink_metadata().is_err();
        absent += u64::from(is_absent);
        let is_submodule = entry.get(2..).is_some_and(|entry| entry.starts_with(b"160000 "));
        // The index holds several commits of a submodule with a conflict.
        let is_new = is_submodule && submodule.replace(path) != Some(path);
        if is_new && !root.join(to_path(path)).join(".git").exists() {
            let path = name::to_text(path);
            sink.noted(format!("the submodule {path} is not checked out, so it was not searched"));
        }
    }
    if absent > 0 {
        sink.noted(output::counted(
            absent,
            "tracked file is not in the sparse worktree and was not searched; `--history` searches it",
            "tracked files are not in the sparse worktree and were not searched; `--history` searches them",
        ));
    }
    tracked
}

/// Returns the untracked files that an ignore rule matches, and the directories that a rule excludes as a whole.
fn list_ignored(git: &Git) -> Option<(HashSet<u64>, HashSet<PathBuf>)> {
    // If the named directory is itself ignored, nothing in it counts as ignored.
    if git.run(&["check-ignore", "-q", "."]).is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut git = git.clone();
    git.use_global_excludes();
    let list =
        git.output(&["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]).ok()?;
    let paths = list.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let (directories, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.ends_with(b"/"));
    // git also lists directories whose files are all ignored by themselves. Only rules for directories count here.
    let skipped = check_ignore(&git, &directories).unwrap_or_default();
    let skipped = skipped.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let skipped = skipped.map(|path| to_path(path.strip_suffix(b"/").unwrap_or(path))).collect();
    Some((files.into_iter().map(hash).collect(), skipped))
}

fn slash(byte: u8) -> u8 {
    if byte == b'\\' { b'/' } else { byte }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Returns the paths that an ignore rule matches.
fn check_ignore(git: &Git, paths: &[&[u8]]) -> Option<Vec<u8>> {
    if paths.is_empty() {
        return None;
    }
    let mut command = git.command(&["check-ignore", "-z", "--stdin"]);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut input, mut request) = (process.stdin.take()?, paths.join(&0));
    request.push(0);
    std::thread::scope(|scope| {
        // git writes answers before it has read all paths, so both pipes must be served at the same time.
        scope.spawn(move || drop(input.write_all(&request)));
        process.wait_with_output().ok()
    })
    .map(|output| output.stdout)
}

/// Returns whether git tracks a file that is in no known worktree.
pub(crate) fn tracks(path: &Path) -> bool {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let parent = if parent == Path::new("") { Path::new(".") } else { parent };
    let Ok(git) = Git::at(parent) else { return false };
    let mut command = git.command(&["ls-files", "-z", "--"]);
    let listed = command.arg(name).env("GIT_LITERAL_PATHSPECS", "1").output();
    listed.is_ok_and(|output| !output.stdout.is_empty())
}
