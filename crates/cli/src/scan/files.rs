//! Searches files, directories and standard input.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::cli::ScanOptions;
use crate::scan::archive::{self, Receiver, Unpacker};
use crate::scan::decode::KEY;
use crate::scan::exclude::Exclude;
use crate::scan::finding::{Find, Finding, Place, Sink};
use crate::scan::progress::Progress;
use crate::scan::root::is_git_directory;
use crate::scan::worktree::Worktree;
use crate::{name, output};

/// Time without input after which a note says that the command is waiting.
const INPUT_DELAY: Duration = Duration::from_secs(2);

/// Searches all paths of the options, but not the temporary file that holds the report.
pub(crate) fn search(
    options: &ScanOptions,
    exclude: Exclude,
    temporary: Option<OsString>,
    threads: usize,
    sink: &Sink,
    progress: &Progress,
) -> Result<(), String> {
    let (stdin, mut paths): (Vec<_>, Vec<_>) =
        options.paths.iter().cloned().partition(|path| path == Path::new("-"));
    let input = match (options.paths.is_empty(), stdin.is_empty()) {
        (true, _) => piped(),
        (_, false) => Some(Vec::new()),
        _ => None,
    };
    let tree = Arc::new(Tree::new(options, exclude, temporary, &paths, sink));
    let mut worker =
        Worker { unpacker: Unpacker::new(options), tree: tree.clone(), sink: sink.clone(), progress };
    match input {
        Some(start) => worker.search_stdin(&start),
        None if paths.is_empty() => paths.push(PathBuf::from(".")),
        None => {}
    }
    if !paths.is_empty() {
        search_paths(options, &tree, &paths, threads, sink, progress);
    }
    tree.note_skipped();
    Ok(())
}

/// Returns the first bytes of standard input, if something is piped or redirected there. There are none if it can't be read:
/// the search reads it again, and reports the error.
fn piped() -> Option<Vec<u8>> {
    if io::stdin().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut start = vec![0; 64 * 1024];
        let read = io::stdin().lock().read(&mut start);
        start.truncate(*read.as_ref().unwrap_or(&0));
        sender.send(read.map_or(true, |read| read > 0).then_some(start))
    });
    let mut received = receiver.recv_timeout(INPUT_DELAY).map_err(|error| {
        if error == RecvTimeoutError::Timeout {
            output::print_message("note: waiting for standard input; to search files, name a path");
        }
    });
    if received.is_err() {
        received = receiver.recv().map_err(|_| ());
    }
    received.ok().flatten()
}

fn search_paths(
    options: &ScanOptions,
    tree: &Arc<Tree>,
    paths: &[PathBuf],
    threads: usize,
    sink: &Sink,
    progress: &Progress,
) {
    let [first, rest @ ..] = paths else { return };
    let mut walk = WalkBuilder::new(first);
    for path in rest {
        walk.add(path);
    }
    let filter = tree.clone();
    walk.standard_filters(false).threads(threads).filter_entry(move |entry| filter.includes(entry));
    walk.build_parallel().run(|| {
        let (tree, sink) = (tree.clone(), sink.clone());
        let mut worker = Worker { unpacker: Unpacker::new(options), tree, sink, progress };
        Box::new(move |entry| {
            match entry {
                Ok(entry) => worker.search_entry(&entry),
                Err(error) => worker.sink.failed(cannot_read(&name::to_message(&error.to_string()))),
            }
            if worker.sink.is_stopped() { WalkState::Quit } else { WalkState::Continue }
        })
    });
}

/// The state that all threads share: the paths that are searched, and what git says about them.
struct Tree {
    /// The directories that are searched, as canonical paths.
    roots: Vec<PathBuf>,
    worktrees: RwLock<Vec<Arc<Worktree>>>,
    exclude: Exclude,
    /// Name of the temporary file that holds the report.
    temporary: Option<OsString>,
    no_ignore: bool,
    skipped: AtomicU64,
    excluded: AtomicU64,
    sink: Sink,
}

impl Tree {
    fn new(
        options: &ScanOptions,
        exclude: Exclude,
        temporary: Option<OsString>,
        paths: &[PathBuf],
        sink: &Sink,
    ) -> Self {
        let current = [PathBuf::from(".")];
        let paths = if options.paths.is_empty() { &current } else { paths };
        let directories: Vec<_> = paths.iter().filter(|path| path.is_dir()).collect();
        let tree = Self {
            roots: directories.iter().filter_map(|path| path.canonicalize().ok()).collect(),
            worktrees: RwLock::default(),
            exclude,
            temporary,
            no_ignore: options.no_ignore,
            skipped: AtomicU64::new(0),
            excluded: AtomicU64::new(0),
            sink: sink.clone(),
        };
        for directory in directories {
            tree.enter(directory);
        }
        tree
    }

    /// Adds a named directory, which may be anywhere in a repository.
    fn enter(&self, directory: &Path) {
        if is_git_directory(directory) {
            let directory = output::shown(directory);
            self.sink.noted(format!(
                "{directory} is a git repository, whose objects are packed: search it with --history"
            ));
        }
        let is_inside = |path: PathBuf| path.ancestors().any(|folder| folder.join(".git").exists());
        if directory.canonicalize().is_ok_and(is_inside) {
            self.add_worktree(directory);
        }
    }

    fn add_worktree(&self, root: &Path) {
        if let Some(worktree) = Worktree::read(root, self.no_ignore, &self.sink) {
            self.worktrees.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(worktree));
        }
    }

    /// Returns the innermost worktree of a path.
    fn worktree(&self, path: &Path) -> Option<Arc<Worktree>> {
        let worktrees = self.worktrees.read().unwrap_or_else(PoisonError::into_inner);
        let depths = worktrees.iter().filter_map(|worktree| Some((worktree.depth_for(path)?, worktree)));
        depths.max_by_key(|(depth, _)| *depth).map(|(_, worktree)| worktree.clone())
    }

    fn includes(&self, entry: &DirEntry) -> bool {
        if entry.depth() == 0 {
            return true;
        }
        let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
        if entry.file_name() == ".git" || Some(entry.file_name()) == self.temporary.as_deref() {
            return false;
        }
        if self.is_excluded(entry.path(), is_directory) {
            self.excluded.fetch_add(1, Relaxed);
            self.sink.detail(format!("excluded: {}", output::shown(strip_dot_prefix(entry.path()))));
            return false;
        }
        if !is_directory {
            return true;
        }
        if self.worktree(entry.path()).is_some_and(|worktree| worktree.skips(entry.path())) {
            self.skipped.fetch_add(1, Relaxed);
            self.sink.detail(format!("skipped: {}", output::shown(strip_dot_prefix(entry.path()))));
            return false;
        }
        if entry.path().join(".git").exists() {
            self.add_worktree(entry.path());
        }
        true
    }

    fn is_excluded(&self, path: &Path, is_directory: bool) -> bool {
        self.exclude.matches(strip_dot_prefix(path), is_directory)
    }

    fn is_outside(&self, target: &Path) -> bool {
        let is_inside = self.roots.iter().any(|root| target.starts_with(root));
        !is_inside || target.iter().any(|part| part == ".git")
    }

    fn note_skipped(&self) {
        let (skipped, excluded) = (self.skipped.load(Relaxed), self.excluded.load(Relaxed));
        if skipped > 0 {
            self.sink.noted(output::counted(
                skipped,
                "directory that git ignores was not searched; `--no-ignore` searches it",
                "directories that git ignores were not searched; `--no-ignore` searches them",
            ));
        }
        if excluded > 0 {
            let (one, many) = ("file or directory was excluded", "files and directories were excluded");
            self.sink.detail(output::counted(excluded, one, many));
        }
    }
}

/// The source of a text, which decides what git may know about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A file, which git may track.
    Plain,
    /// A file that git does not track because of an ignore rule.
    Ignored,
    /// Standard input.
    Input,
}

/// One thread's part of the work.
struct Worker<'p> {
    unpacker: Unpacker,
    tree: Arc<Tree>,
    sink: Sink,
    progress: &'p Progress,
}

impl Worker<'_> {
    /// Searches a plain file. A path that was named may also be a pipe, a device or a link to a file.
    fn search_entry(&mut self, entry: &DirEntry) {
        let path = entry.path();
        self.search_name(entry);
        let Some(kind) = entry.file_type() else { return };
        match entry.depth() {
            0 if path.is_dir() => {}
            0 if self.tree.is_excluded(path, false) => {
                self.progress.add_excluded();
                self.sink.detail(format!("excluded: {}", output::shown(path)));
            }
            0 => self.search_file(path, Standing::Plain),
            _ if kind.is_symlink() => self.search_link(path),
            _ if kind.is_file() => {
                let is_ignored = self.tree.worktree(path).is_some_and(|worktree| worktree.ignores(path));
                self.search_file(path, if is_ignored { Standing::Ignored } else { Standing::Plain });
            }
            _ => {}
        }
    }

    fn search_file(&mut self, path: &Path, standing: Standing) {
        match File::open(path) {
            Ok(file) => self.search(path, standing, |unpacker, progress, receiver| {
                unpacker.search_file(&file, progress, receiver)
            }),
            Err(error) => self.failed(path, &error),
        }
    }

    fn search_stdin(&mut self, start: &[u8]) {
        self.search(Path::new("stdin"), Standing::Input, |unpacker, progress, receiver| {
            unpacker.search(progress.counting(start.chain(io::stdin().lock())), receiver)
        });
    }

    fn search(
        &mut self,
        path: &Path,
        standing: Standing,
        search: impl FnOnce(&mut Unpacker, &Progress, Receiver<'_>) -> io::Result<()>,
    ) {
        let (sink, tree) = (&self.sink, &self.tree);
        let mut file: Option<(Arc<[u8]>, bool)> = None;
        let mut found = |find: Find| {
            let (name, is_tracked) = file.get_or_insert_with(|| {
                (to_name(path), standing == Standing::Plain && is_tracked(tree, path))
            });
            let (is_tracked, is_ignored) = (*is_tracked, standing == Standing::Ignored);
            sink.found(Finding { is_tracked, is_ignored, ..Finding::new(name, Place::Content, find) });
        };
        let mut failed = |member: &[Vec<u8>], reason: &str| {
            sink.failed(archive::describe_failure(&to_name(path), member, reason));
        };
        let receiver = Receiver { found: &mut found, failed: &mut failed };
        match search(&mut self.unpacker, self.progress, receiver) {
            Ok(()) => self.progress.add_file(),
            Err(error) => self.failed(path, &error),
        }
    }

    /// Searches the name of an entry: the whole path if the user named it, or else only the last part of the path.
    fn search_name(&mut self, entry: &DirEntry) {
        let text = if entry.depth() == 0 { entry.path().as_os_str() } else { entry.file_name() };
        self.search_text(text.as_encoded_bytes(), entry.path());
    }

    fn search_text(&mut self, text: &[u8], path: &Path) {
        if text.len() < KEY {
            return;
        }
        let (sink, tree) = (&self.sink, &self.tree);
        // A text in memory can't fail to be read.
        let _ = self.unpacker.searcher().search(text, |find| {
            let finding = Finding::new(&to_name(path), Place::Name, find);
            let is_ignored = tree.worktree(path).is_some_and(|worktree| worktree.ignores(path));
            sink.found(Finding { is_tracked: is_tracked(tree, path), is_ignored, ..finding });
        });
    }

    /// Searches the target path of a symbolic link as text, and reports the link if it leads outside.
    fn search_link(&mut self, path: &Path) {
        if let Ok(target) = fs::read_link(path) {
            self.search_text(target.as_os_str().as_encoded_bytes(), path);
        }
        if fs::canonicalize(path).is_ok_and(|target| self.tree.is_outside(&target)) {
            let path = output::shown(strip_dot_prefix(path));
            self.sink.noted(format!("the symbolic link {path} leads outside and was not followed"));
        }
    }

    fn failed(&self, path: &Path, error: &io::Error) {
        let path = output::shown(strip_dot_prefix(path));
        self.sink.failed(cannot_read(&format!("{path}: {error}")));
    }
}

fn is_tracked(tree: &Tree, path: &Path) -> bool {
    match tree.worktree(path) {
        Some(worktree) => worktree.is_tracked(path),
        None => crate::scan::worktree::tracks(path),
    }
}

fn to_name(path: &Path) -> Arc<[u8]> {
    strip_dot_prefix(path).as_os_str().as_encoded_bytes().into()
}

fn cannot_read(what: &str) -> String {
    format!("can't read {what}; it was not searched to its end: correct the path or the permissions")
}

/// Removes the `./` that every path begins with if none was named.
fn strip_dot_prefix(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}
