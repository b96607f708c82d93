//! Reads objects through `git cat-file --batch`, on several threads, in the order in which they are given.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::Mutex;
use std::thread;

use crate::name;
use crate::scan::git::Git;
use crate::scan::object::{Kind, ObjectId};

/// Maximum number of objects for one process of git. It is large because git stores many objects as differences from
/// others, and a process keeps those in its cache.
const MAX_CHUNK: usize = 8192;
/// Minimum number of objects for one process of git. One process reads fewer objects than this, such as those of one
/// commit, in less time than a second process needs to start.
const MIN_CHUNK: usize = 32;

/// An object that is being read.
pub(crate) struct Object<'r> {
    pub(crate) id: ObjectId,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) content: &'r mut dyn Read,
}

/// Receives objects. Each thread has its own visitor.
pub(crate) trait Visitor {
    /// Reads the whole content of an object. An error means that git did not yield all of it, or that the content could
    /// not be searched.
    fn visit(&mut self, object: Object<'_>) -> io::Result<()>;
    /// Reports an object that was not searched because of this error, or else because it is missing or broken.
    fn fail(&mut self, id: ObjectId, error: Option<&io::Error>);
    fn is_stopped(&self) -> bool;
}

/// Describes an error of this machine, which kept an object from being searched.
pub(crate) fn describe_failure(object: &str, error: &io::Error) -> String {
    let error = name::to_message(&error.to_string());
    format!("can't search {object}: {error}; free disk space, or name another folder in TMPDIR")
}

/// Passes each object to one of the visitors, and returns the visitors.
pub(crate) fn visit_all<V: Visitor + Send>(
    git: &Git,
    ids: &[ObjectId],
    visitors: Vec<V>,
) -> Result<Vec<V>, String> {
    let threads = visitors.len().max(1);
    let chunk = ids.len().div_ceil(threads).clamp(MIN_CHUNK, MAX_CHUNK);
    let chunks = Mutex::new(ids.chunks(chunk));
    let next = || chunks.lock().ok().and_then(|mut chunks| chunks.next());
    thread::scope(|scope| {
        let next = &next;
        let spawn = |mut visitor: V| {
            scope.spawn(move || {
                while let Some(ids) = next() {
                    visit(git, ids, &mut visitor)?;
                }
                Ok(visitor)
            })
        };
        let threads: Vec<_> = visitors.into_iter().map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread of the search failed; report this as a bug")?)
            .collect()
    })
}

/// Passes objects to one visitor. If git stops at an object, that object is broken, and a new process reads the rest.
pub(crate) fn visit(git: &Git, ids: &[ObjectId], visitor: &mut impl Visitor) -> Result<(), String> {
    let mut rest = ids;
    while !rest.is_empty() && !visitor.is_stopped() {
        let read = visit_until_broken(git, rest, visitor)?;
        rest = &rest[read..];
        if let ([broken, others @ ..], false) = (rest, visitor.is_stopped()) {
            visitor.fail(*broken, None);
            rest = others;
        }
    }
    Ok(())
}

/// Passes objects from one process of git to the visitor, and returns their number.
fn visit_until_broken(git: &Git, ids: &[ObjectId], visitor: &mut impl Visitor) -> Result<usize, String> {
    let mut process = git.spawn(&["cat-file", "--batch", "--buffer"])?;
    let (input, output) =
        process.stdin.take().zip(process.stdout.take()).ok_or("git has no input or output")?;
    let read = thread::scope(|scope| {
        // git writes answers before it has read all names, so both pipes must be served at the same time.
        scope.spawn(move || write_ids(input, ids));
        let mut answers = BufReader::with_capacity(256 * 1024, output);
        let mut read = 0;
        while let (Some(id), false) = (ids.get(read), visitor.is_stopped()) {
            if read_answer(&mut answers, *id, visitor).is_err() {
                break;
            }
            read += 1;
        }
        // The return drops `answers`, which closes the pipe. So git ends, and then the thread that writes to it.
        read
    });
    let _ = process.kill();
    let _ = process.wait();
    Ok(read)
}

/// Writes names of objects, one on each line.
pub(crate) fn write_ids(input: ChildStdin, ids: &[ObjectId]) {
    let mut input = BufWriter::new(input);
    // If git has stopped, the reader of the answers notices.
    let _ = ids.iter().try_for_each(|id| writeln!(input, "{id}")).and_then(|()| input.flush());
}

/// Reads `<id> <kind> <size>` LF `<content>` LF, or `<id> missing` LF.
fn read_answer(
    answers: &mut BufReader<ChildStdout>,
    id: ObjectId,
    visitor: &mut impl Visitor,
) -> io::Result<()> {
    let mut header = String::new();
    if answers.read_line(&mut header)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut words = header.split_ascii_whitespace().skip(1);
    let (kind, size) = (words.next().and_then(Kind::parse), words.next().and_then(|size| size.parse().ok()));
    let Some((kind, size)) = kind.zip(size) else {
        visitor.fail(id, None);
        return Ok(());
    };
    let mut content = answers.take(size);
    let visited = visitor.visit(Object { id, kind, size, content: &mut content });
    if visited.is_err() {
        io::copy(&mut content, &mut io::sink())?;
    }
    if content.limit() > 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // git yields the whole object, so the object is not the cause of the error.
    if let Err(error) = visited {
        visitor.fail(id, Some(&error));
    }
    answers.read_exact(&mut [0])
}
