//! Lists commits, and reads from `git diff-tree` which files they added or changed.

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStdout;
use std::thread;

use crate::scan::batch;
use crate::scan::finding::Sink;
use crate::scan::git::Git;
use crate::scan::object::ObjectId;

/// A file that a commit added or changed. For a merge, a file that differs from all parents.
pub(crate) struct Change<'l> {
    pub(crate) commit: ObjectId,
    pub(crate) object: ObjectId,
    pub(crate) path: &'l [u8],
}

/// Lists commits, the oldest first and each after its parents. git reads the `extra` commits from its input, as there
/// may be too many for a command line.
pub(crate) fn list_commits(
    git: &Git,
    arguments: &[&str],
    extra: &[ObjectId],
) -> Result<Vec<ObjectId>, String> {
    let mut all = vec!["rev-list", "--date-order", "--reverse"];
    all.extend(arguments);
    let mut process = git.spawn(&all)?;
    let (input, output) =
        process.stdin.take().zip(process.stdout.take()).ok_or("git has no input or output")?;
    let commits = thread::scope(|scope| {
        scope.spawn(move || batch::write_ids(input, extra));
        read_ids(output)
    });
    match process.wait() {
        Ok(status) if status.success() => Ok(commits),
        _ => Err("git can't list commits; run `git fsck` to find out why".to_owned()),
    }
}

/// Reads the names of objects from lines that hold nothing else.
pub(crate) fn read_ids(output: impl Read) -> Vec<ObjectId> {
    let lines = BufReader::with_capacity(64 * 1024, output).split(b'\n');
    lines.map_while(Result::ok).filter_map(|line| ObjectId::parse(&line)).collect()
}

/// Calls `visit` for each change in the commits, in their order, until `sink` is stopped. Returns the commits whose
/// trees git can't read.
pub(crate) fn visit(
    git: &Git,
    commits: &[ObjectId],
    sink: &Sink,
    mut visit: impl FnMut(Change<'_>),
) -> Result<Vec<ObjectId>, String> {
    let mut broken = Vec::new();
    let mut rest = commits;
    while !rest.is_empty() && !sink.is_stopped() {
        let Some(last) = visit_until_broken(git, rest, sink, &mut visit)? else { break };
        // git prints a commit after it has read its trees, so it stopped at the next one.
        let stopped =
            last.and_then(|last| rest.iter().position(|commit| *commit == last)).map_or(0, |last| last + 1);
        let Some(commit) = rest.get(stopped) else { break };
        broken.push(*commit);
        rest = &rest[stopped + 1..];
    }
    Ok(broken)
}

/// Returns nothing if git read all commits, or else the last commit that it printed, if it printed any.
fn visit_until_broken(
    git: &Git,
    commits: &[ObjectId],
    sink: &Sink,
    visit: &mut impl FnMut(Change<'_>),
) -> Result<Option<Option<ObjectId>>, String> {
    let mut process = git.spawn(&[
        "diff-tree",
        "--stdin",
        "--always",
        "--root",
        "-r",
        "-c",
        "-z",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--ignore-submodules=none",
    ])?;
    let (input, output) =
        process.stdin.take().zip(process.stdout.take()).ok_or("git has no input or output")?;
    let last = thread::scope(|scope| {
        scope.spawn(move || batch::write_ids(input, commits));
        read_changes(BufReader::with_capacity(64 * 1024, output), sink, visit)
    });
    let succeeded = process.wait().is_ok_and(|status| status.success());
    Ok(if succeeded { None } else { Some(last) })
}

/// Reads `<commit>` NUL and, for each file of it, `:<old mode> <new mode> <old id> <new id> <status>` NUL `<path>`
/// NUL. For a merge, a colon, an old mode and an old id stand there for each parent.
fn read_changes(
    mut output: BufReader<ChildStdout>,
    sink: &Sink,
    visit: &mut impl FnMut(Change<'_>),
) -> Option<ObjectId> {
    let mut commit = None;
    let (mut field, mut path) = (Vec::new(), Vec::new());
    while !sink.is_stopped() && read_field(&mut output, &mut field).is_ok() {
        let parents = field.iter().take_while(|byte| **byte == b':').count();
        if parents == 0 {
            commit = ObjectId::parse(field.trim_ascii()).or(commit);
        } else if read_field(&mut output, &mut path).is_ok()
            && let Some((commit, object)) = commit.zip(parse_object(&field, parents))
        {
            visit(Change { commit, object, path: &path });
        }
    }
    commit
}

/// Reads up to the next NUL. Without one, the output is cut off.
fn read_field(output: &mut impl BufRead, field: &mut Vec<u8>) -> io::Result<()> {
    field.clear();
    output.read_until(0, field)?;
    field.pop().filter(|byte| *byte == 0).map(|_| ()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Returns the new object of a file, unless the file was deleted or is a submodule.
fn parse_object(field: &[u8], parents: usize) -> Option<ObjectId> {
    let mut words = field.split(|byte| *byte == b' ');
    let mode = words.nth(parents)?;
    let object = ObjectId::parse(words.nth(parents)?)?;
    (mode != b"160000" && !object.is_zero()).then_some(object)
}

/// Lists all commits that the repository has, oldest first.
pub(crate) fn list_all_commits(git: &Git) -> Result<Vec<ObjectId>, String> {
    let format = "--batch-check=%(objectname) %(objecttype)";
    let mut process = git.spawn(&["cat-file", "--batch-all-objects", format, "--unordered", "--buffer"])?;
    let output = process.stdout.take().ok_or("git has no output")?;
    let lines = BufReader::with_capacity(64 * 1024, output).split(b'\n').map_while(Result::ok);
    let commits: Vec<_> = lines.filter_map(|line| ObjectId::parse(line.strip_suffix(b" commit")?)).collect();
    let _ = process.wait();
    list_commits(git, &["--stdin"], &commits).or_else(|_| list_by_time(git, &commits))
}

/// Sorts commits by their times only, which works without their parents.
fn list_by_time(git: &Git, commits: &[ObjectId]) -> Result<Vec<ObjectId>, String> {
    let mut process = git.spawn(&["rev-list", "--no-walk=unsorted", "--timestamp", "--stdin"])?;
    let (input, output) =
        process.stdin.take().zip(process.stdout.take()).ok_or("git has no input or output")?;
    let mut timed = thread::scope(|scope| {
        scope.spawn(move || batch::write_ids(input, commits));
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines.filter_map(|line| parse_timed(&line)).collect::<Vec<_>>()
    });
    let _ = process.wait();
    timed.sort();
    Ok(timed.into_iter().map(|(_, commit)| commit).collect())
}

/// Parses `<seconds> <commit>`.
fn parse_timed(line: &[u8]) -> Option<(u64, ObjectId)> {
    let (seconds, commit) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some((seconds.parse().ok()?, ObjectId::parse(commit.as_bytes())?))
}
