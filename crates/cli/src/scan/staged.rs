//! Searches what is staged: the blobs that the next commit would add or change, or the blobs of named files.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::ScanOptions;
use crate::scan::archive::{self, Receiver, Unpacker};
use crate::scan::batch::{self, Object, Visitor};
use crate::scan::exclude::{ALL_EXCLUDED, Exclude};
use crate::scan::finding::{Find, Finding, Place, Sink};
use crate::scan::object::ObjectId;
use crate::scan::progress::Progress;
use crate::scan::repository::{self, Repository};
use crate::scan::worktree;
use crate::{name, output};

/// A file of the index. Entries are ordered by path first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    path: Arc<[u8]>,
    object: ObjectId,
    is_submodule: bool,
}

pub(crate) fn search(
    options: &ScanOptions,
    exclude: &Exclude,
    sink: &Sink,
    progress: &Progress,
) -> Result<(), String> {
    let names_files = names_files(&options.paths);
    let directory = if names_files { Path::new(".") } else { repository::directory(&options.paths)? };
    let mut repository = Repository::open(directory, options.alternates)?;
    repository.use_index_of_hook();
    repository.note_unread_stores(sink);
    let mut entries = match names_files {
        true => named(&repository, &options.paths, sink)?,
        false => changed(&repository, sink)?,
    };
    let is_listed = !entries.is_empty();
    // git lists named files relative to the current directory.
    let is_excluded = if names_files { Exclude::matches } else { Exclude::matches_from_top };
    entries.retain(|entry| !is_excluded(exclude, &repository::to_path(&entry.path), false));
    // git lists a file several times if it has a conflict, or if several of the named paths match it.
    entries.sort_unstable();
    entries.dedup();
    if entries.is_empty() {
        match (is_listed, names_files) {
            (true, true) => sink.noted(ALL_EXCLUDED),
            (true, false) => sink.noted("all that is staged is excluded, so nothing was searched"),
            (false, false) => sink.noted("nothing is staged, so nothing was searched"),
            // An error names each file that is not in the index.
            (false, true) => {}
        }
    }
    search_entries(&repository, &entries, options, sink, progress)
}

/// Returns whether the paths name files of a repository. If all are directories, they name repositories.
fn names_files(paths: &[PathBuf]) -> bool {
    !paths.iter().all(|path| names_repository(path))
}

/// Returns whether the path is a directory, or a link to one that git does not track.
fn names_repository(path: &Path) -> bool {
    path.is_dir() && !(path.is_symlink() && worktree::tracks(path))
}

/// Returns the files that differ from those of the last commit.
fn changed(repository: &Repository, sink: &Sink) -> Result<Vec<Entry>, String> {
    let git = &repository.git;
    let head = git.run(&["rev-parse", "-q", "--verify", "HEAD"])?;
    // Before the first commit, all files differ from the empty tree.
    let base = if head.status.success() {
        head.stdout
    } else {
        git.output(&["hash-object", "-t", "tree", "--stdin"])?
    };
    let base = String::from_utf8_lossy(&base).trim_end().to_owned();
    let raw = git.output(&[
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-relative",
        "--ignore-submodules=none",
        &base,
    ]);
    let list =
        |option| git.output(&["ls-files", option, "--full-name", "-z", ":/"]).map(|list| parse_listed(&list));
    match raw {
        Ok(raw) => {
            let mut entries = parse_changed(&raw);
            // The index holds all versions of a file with a conflict.
            entries.extend(list("--unmerged")?);
            Ok(entries)
        }
        // Without a complete commit to compare with, all files of the index are searched.
        Err(error) => {
            sink.failed(error);
            list("--stage")
        }
    }
}

/// Parses `:<old mode> <new mode> <old id> <new id> <status>` NUL `<path>` NUL, for each file.
fn parse_changed(raw: &[u8]) -> Vec<Entry> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let (Some(change), Some(path)) = (fields.next(), fields.next()) {
        let mut words = change.split(|byte| *byte == b' ').skip(1);
        let (mode, object) = (words.next(), words.nth(1).and_then(ObjectId::parse));
        // A deleted file has no new object.
        if let Some(object) = object.filter(|object| !object.is_zero()) {
            entries.push(Entry { object, is_submodule: mode == Some(b"160000"), path: path.into() });
        }
    }
    entries
}

/// Returns the named files as the index has them, and reports names that are not in the index.
fn named(repository: &Repository, paths: &[PathBuf], sink: &Sink) -> Result<Vec<Entry>, String> {
    let list = |paths: &[PathBuf], option: &[&str]| {
        let mut command = repository.git.command(&["ls-files", "--stage", "-z"]);
        command.env("GIT_LITERAL_PATHSPECS", "1").args(option).arg("--").args(paths);
        command.output().map_err(|error| format!("can't run git: {error}; name fewer files"))
    };
    let listed = list(paths, &["--error-unmatch"])?;
    if listed.status.success() {
        return Ok(parse_listed(&listed.stdout));
    }
    let mut entries = Vec::new();
    for path in paths {
        let listed = list(std::slice::from_ref(path), &[])?;
        if listed.stdout.is_empty() {
            let path = output::shown(path);
            sink.failed(format!(
                "{path} is not in the index, so it was not searched; add it, or leave out --staged"
            ));
        }
        entries.extend(parse_listed(&listed.stdout));
    }
    Ok(entries)
}

/// Parses `<mode> <id> <stage>` TAB `<path>` NUL, for each file.
fn parse_listed(list: &[u8]) -> Vec<Entry> {
    let parse = |entry: &[u8]| {
        let tab = memchr::memchr(b'\t', entry)?;
        let (head, path) = entry.split_at(tab);
        let mut words = head.split(|byte| *byte == b' ');
        let is_submodule = words.next()? == b"160000";
        Some(Entry { object: ObjectId::parse(words.next()?)?, is_submodule, path: path[1..].into() })
    };
    list.split(|byte| *byte == 0).filter_map(parse).collect()
}

/// Searches sorted entries.
fn search_entries(
    repository: &Repository,
    entries: &[Entry],
    options: &ScanOptions,
    sink: &Sink,
    progress: &Progress,
) -> Result<(), String> {
    let mut visitor = Blobs { unpacker: Unpacker::new(options), paths: HashMap::new(), sink, progress };
    let mut ids = Vec::new();
    for versions in entries.chunk_by(|one, next| one.path == next.path) {
        let entry = &versions[0];
        visitor.search_name(entry);
        if versions.iter().any(|version| version.is_submodule) {
            let path = name::to_text(&entry.path);
            sink.noted(format!("the submodule {path} was not searched; run this in it, too"));
        }
        for version in versions.iter().filter(|version| !version.is_submodule) {
            let paths = visitor.paths.entry(version.object).or_default();
            if paths.is_empty() {
                ids.push(version.object);
            }
            paths.push(entry.path.clone());
        }
    }
    batch::visit(&repository.git, &ids, &mut visitor)
}

struct Blobs<'s> {
    unpacker: Unpacker,
    paths: HashMap<ObjectId, Vec<Arc<[u8]>>>,
    sink: &'s Sink,
    progress: &'s Progress,
}

impl Blobs<'_> {
    fn search_name(&mut self, entry: &Entry) {
        let sink = self.sink;
        // A name in memory can't fail to be read.
        let _ = self.unpacker.searcher().search(&*entry.path, |find| {
            sink.found(Finding { is_tracked: true, ..Finding::new(&entry.path, Place::Name, find) });
        });
    }
}

impl Visitor for Blobs<'_> {
    fn visit(&mut self, object: Object<'_>) -> io::Result<()> {
        let paths = self.paths.get(&object.id).map_or(&[][..], |paths| paths);
        let id: Arc<str> = object.id.to_string().into();
        let sink = self.sink;
        let mut found = |find: Find| {
            for path in paths {
                let finding = Finding::new(path, Place::Content, find.clone());
                sink.found(Finding { object: Some(id.clone()), is_tracked: true, ..finding });
            }
        };
        let mut failed = |member: &[Vec<u8>], reason: &str| {
            for path in paths {
                sink.failed(archive::describe_failure(path, member, reason));
            }
        };
        let receiver = Receiver { found: &mut found, failed: &mut failed };
        self.unpacker.search(self.progress.counting(object.content), receiver)?;
        self.progress.add_file();
        Ok(())
    }

    fn fail(&mut self, id: ObjectId, error: Option<&io::Error>) {
        for path in self.paths.get(&id).into_iter().flatten() {
            let path = name::to_text(path);
            self.sink.failed(match error {
                Some(error) => batch::describe_failure(&path, error),
                None => format!("can't read {path}: its object {id} is missing; fetch it, or run `git fsck`"),
            });
        }
    }

    fn is_stopped(&self) -> bool {
        self.sink.is_stopped()
    }
}
