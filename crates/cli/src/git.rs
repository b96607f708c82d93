//! What is staged, and all of the history: read through git's own commands for scripts.
//!
//! Objects come from one `git cat-file --batch`, whatever their number. A hook's environment (`GIT_INDEX_FILE`, when
//! only a part of what is staged is committed) reaches git as it is.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Sender};

use crate::output;
use crate::progress::Progress;
use crate::report::Report;
use crate::scan::Sink;
use crate::search::Searcher;

/// A repository, by a directory in it.
struct Repository {
    directory: PathBuf,
}

impl Repository {
    fn open(paths: &[PathBuf]) -> Result<Self, String> {
        let directory = match paths {
            [] => PathBuf::from("."),
            [path] => path.clone(),
            _ => return Err("name one repository with --staged and --history, not more".to_owned()),
        };
        let repository = Self { directory };
        repository.output(&["rev-parse", "--git-dir"])?;
        Ok(repository)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.directory).args(arguments);
        command
    }

    /// All that git prints, or what it says is wrong.
    fn output(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.command(arguments).stdin(Stdio::null()).output().map_err(cannot_run)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("nothing");
        let directory = output::shown(&self.directory);
        Err(output::harmless(&format!(
            "git can't read a repository at {directory} and says: {said}; run this in a repository, or name one"
        )))
    }

    fn spawn(&self, arguments: &[&str], stdin: Stdio) -> Result<Child, String> {
        self.command(arguments).stdin(stdin).stdout(Stdio::piped()).spawn().map_err(cannot_run)
    }
}

fn cannot_run(error: io::Error) -> String {
    format!("can't run git: {error}; install it, or put it on the PATH")
}

/// An object to search, and the name to report it under.
struct Object {
    hash: String,
    path: String,
    /// Whether its hash tells something: a staged file is known by its path.
    is_history: bool,
}

pub(crate) fn search_staged(paths: &[PathBuf], sink: Sink, progress: &Progress) -> Result<(), String> {
    let repository = Repository::open(paths)?;
    let staged = repository.output(&[
        "diff",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-ext-diff",
        "--no-relative",
        "--diff-filter=ACMRT",
    ])?;
    let objects = parse_staged(&staged);
    search_objects(&repository, &sink, progress, |requests| {
        objects.into_iter().try_for_each(|object| requests.ask(object))
    })
}

/// `:<old mode> <new mode> <old hash> <new hash> <status>` NUL `<path>` NUL, for each file.
fn parse_staged(raw: &[u8]) -> Vec<Object> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut objects = Vec::new();
    while let (Some(change), Some(path)) = (fields.next(), fields.next()) {
        let change = String::from_utf8_lossy(change);
        let mut change = change.split(' ').skip(1);
        let (mode, hash) = (change.next(), change.nth(1));
        // A submodule is a commit of another repository.
        if let (Some(hash), true) = (hash, mode != Some("160000")) {
            objects.push(Object { hash: hash.to_owned(), path: shown(path), is_history: false });
        }
    }
    objects
}

pub(crate) fn search_history(paths: &[PathBuf], sink: Sink, progress: &Progress) -> Result<(), String> {
    let repository = Repository::open(paths)?;
    if repository.output(&["rev-parse", "--is-shallow-repository"])?.starts_with(b"true") {
        output::tell(
            "note: this clone is shallow, and older commits are not searched; `git fetch --unshallow` gets them",
        );
    }
    let mut list = repository.spawn(&["rev-list", "--objects", "--all"], Stdio::null())?;
    let lines = BufReader::new(list.stdout.take().ok_or("git has no output")?);
    search_objects(&repository, &sink, progress, |requests| {
        for line in lines.split(b'\n') {
            requests.ask(parse_listed(&line?))?;
        }
        Ok(())
    })?;
    must_succeed(list, "rev-list")
}

/// `<hash>` of a commit; `<hash> <path>` of anything else.
fn parse_listed(line: &[u8]) -> Object {
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let hash = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let path = match parts.next() {
        Some(path) => shown(path),
        None => format!("commit {hash}"),
    };
    Object { hash, path, is_history: true }
}

fn shown(path: &[u8]) -> String {
    output::shown(Path::new(&*String::from_utf8_lossy(path)))
}

/// Asks `git cat-file` for objects, and tells the reader in what order.
struct Requests {
    git: BufWriter<ChildStdin>,
    asked: Sender<Object>,
}

impl Requests {
    fn ask(&mut self, object: Object) -> io::Result<()> {
        writeln!(self.git, "{}", object.hash)?;
        // The reader is gone only if git is.
        let _ = self.asked.send(object);
        Ok(())
    }
}

/// Searches the objects that `ask` asks for, on a thread of its own: git answers while it is asked.
fn search_objects(
    repository: &Repository,
    sink: &Sink,
    progress: &Progress,
    ask: impl FnOnce(&mut Requests) -> io::Result<()> + Send,
) -> Result<(), String> {
    let mut git = repository.spawn(&["cat-file", "--batch", "--buffer"], Stdio::piped())?;
    let (stdin, stdout) = git.stdin.take().zip(git.stdout.take()).ok_or("git has no input or output")?;
    let (asked, objects) = mpsc::channel();
    let mut requests = Requests { git: BufWriter::new(stdin), asked };
    let mut answers =
        Answers { git: BufReader::with_capacity(256 * 1024, stdout), searcher: Searcher::new() };
    let (asked, answered) = std::thread::scope(|scope| {
        // The closure owns the requests: at its end git's input is closed.
        let asking = scope.spawn(move || ask(&mut requests).and_then(|()| requests.git.flush()));
        let answered = objects.into_iter().try_for_each(|object| answers.search(&object, sink, progress));
        drop(answers);
        (asking.join().unwrap_or_else(|_| Err(io::Error::other("stopped"))), answered)
    });
    answered.and(asked).map_err(|error| format!("git cat-file stopped: {error}; `git fsck` may say why"))?;
    must_succeed(git, "cat-file")
}

fn must_succeed(mut git: Child, command: &str) -> Result<(), String> {
    match git.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("git {command} failed: {status}; `git fsck` may say why")),
        Err(error) => Err(format!("can't wait for git {command}: {error}; try again")),
    }
}

/// What `git cat-file` says: `<hash> <type> <size>` LF `<content>` LF, or `<hash> missing` LF.
struct Answers {
    git: BufReader<ChildStdout>,
    searcher: Searcher,
}

impl Answers {
    fn search(&mut self, object: &Object, sink: &Sink, progress: &Progress) -> io::Result<()> {
        let mut header = String::new();
        if self.git.read_line(&mut header)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut words = header.split_ascii_whitespace().skip(1);
        let (kind, size) = (words.next(), words.next().and_then(|size| size.parse::<u64>().ok()));
        let Some(size) = size else {
            let path = output::harmless(&object.path);
            sink.failed(format!("can't read {path}: its object {} is missing; fetch it", object.hash));
            return Ok(());
        };
        // A tree holds names and hashes.
        if kind == Some("tree") {
            return skip(&mut self.git, size + 1);
        }
        let mut finds = Vec::new();
        let length = self.searcher.search(progress.counting((&mut self.git).take(size)), &mut finds)?;
        if length < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        skip(&mut self.git, 1)?;
        progress.add_file();
        sink.found(&object.path, object.is_history.then_some(&object.hash), &mut finds);
        Ok(())
    }
}

fn skip(reader: &mut impl BufRead, count: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(count), &mut io::sink())? {
        skipped if skipped < count => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Names the oldest commit that brought each found object. One walk over the history, and none if nothing was found.
pub(crate) fn name_commits(paths: &[PathBuf], report: &mut Report) -> Result<(), String> {
    let mut wanted: HashSet<String> =
        report.findings.iter().filter_map(|found| found.object.clone()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let repository = Repository::open(paths)?;
    let mut log = repository.spawn(
        &[
            "log",
            "--all",
            "--reverse",
            "--topo-order",
            "--root",
            "-m",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-color",
            "--no-show-signature",
            "--format=%H",
        ],
        Stdio::null(),
    )?;
    let lines = BufReader::new(log.stdout.take().ok_or("git has no output")?);
    let commits = oldest_commits(lines, &mut wanted)
        .map_err(|error| format!("can't read git log: {error}; try again"))?;
    if wanted.is_empty() {
        // There is no more to learn: git may stop.
        let _ = log.kill();
    }
    let _ = log.wait();
    for finding in &mut report.findings {
        finding.commit = finding.object.as_ref().and_then(|object| commits.get(object).cloned());
    }
    Ok(())
}

/// Reads `<commit>` and, for each file of it, `:<old mode> <new mode> <old hash> <new hash> <status>` TAB `<path>`.
fn oldest_commits(log: impl BufRead, wanted: &mut HashSet<String>) -> io::Result<HashMap<String, String>> {
    let mut commits = HashMap::new();
    let mut commit = String::new();
    for line in log.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let object = match line.strip_prefix(':') {
            Some(change) => change.split(' ').nth(3).unwrap_or_default(),
            None if line.is_empty() => continue,
            None => {
                commit = line.into_owned();
                &commit
            }
        };
        // A commit whose message holds the key is its own.
        if wanted.remove(object) {
            commits.insert(object.to_owned(), commit.clone());
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(commits)
}
