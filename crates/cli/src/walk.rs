//! Files, directories and standard input.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::cli::ScanOptions;
use crate::output;
use crate::progress::Progress;
use crate::scan::Sink;
use crate::search::{Find, Searcher};

/// Searches all paths of the options.
pub(crate) fn search(options: &ScanOptions, sink: Sink, progress: &Progress) -> Result<(), String> {
    let (stdin, paths): (Vec<_>, Vec<_>) = options.paths.iter().partition(|path| **path == Path::new("-"));
    if !stdin.is_empty() {
        Worker::new(sink.clone(), progress).search(io::stdin().lock(), "stdin");
    }
    match (paths.as_slice(), stdin.is_empty()) {
        ([], false) => {}
        ([], true) => search_paths(options, &[&PathBuf::from(".")], sink, progress),
        (paths, _) => search_paths(options, paths, sink, progress),
    }
    Ok(())
}

fn search_paths(options: &ScanOptions, paths: &[&PathBuf], sink: Sink, progress: &Progress) {
    let [first, rest @ ..] = paths else { return };
    let mut walk = WalkBuilder::new(first);
    for path in rest {
        walk.add(path);
    }
    walk.standard_filters(!options.no_ignore).hidden(false).threads(options.threads);
    walk.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
    walk.build_parallel().run(|| {
        let mut worker = Worker::new(sink.clone(), progress);
        Box::new(move |entry| {
            match entry {
                Ok(entry) if is_searched(&entry) => worker.search_file(entry.path()),
                Ok(_) => {}
                Err(error) => worker.sink.failed(cannot_read(&error.to_string())),
            }
            WalkState::Continue
        })
    });
}

/// Plain files; and whatever else a path names that was given: a pipe, a device, a link to a file.
fn is_searched(entry: &DirEntry) -> bool {
    match entry.depth() {
        0 => !entry.path().is_dir(),
        _ => entry.file_type().is_some_and(|kind| kind.is_file()),
    }
}

/// One thread's part of the work.
struct Worker<'p> {
    searcher: Searcher,
    finds: Vec<Find>,
    sink: Sink,
    progress: &'p Progress,
}

impl<'p> Worker<'p> {
    fn new(sink: Sink, progress: &'p Progress) -> Self {
        Self { searcher: Searcher::new(), finds: Vec::new(), sink, progress }
    }

    fn search_file(&mut self, path: &Path) {
        match File::open(path) {
            Ok(file) => self.search(file, path),
            Err(error) => self.failed(path, &error),
        }
    }

    fn search(&mut self, reader: impl io::Read, path: impl AsRef<Path>) {
        let path = path.as_ref();
        match self.searcher.search(self.progress.counting(reader), &mut self.finds) {
            Ok(_) => self.progress.add_file(),
            Err(error) => self.failed(path, &error),
        }
        if !self.finds.is_empty() {
            self.sink.found(&output::shown(plain(path)), None, &mut self.finds);
        }
    }

    fn failed(&self, path: &Path, error: &io::Error) {
        self.sink.failed(cannot_read(&format!("{}: {error}", output::shown(plain(path)))));
    }
}

fn cannot_read(what: &str) -> String {
    format!(
        "can't read {}; it was not searched to its end: correct the path or the permissions",
        output::harmless(what)
    )
}

/// Without the `./` that stands before everything if no path is given.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}
