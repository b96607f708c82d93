//! Searches the names of refs, and their logs.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::output;
use crate::scan::finding::{Find, Finding, Place, Sink};
use crate::scan::object::ObjectId;
use crate::scan::repository::Repository;
use crate::scan::searcher::Searcher;
use crate::scan::tally::Tally;

pub(crate) struct Refs {
    refs: Vec<(ObjectId, Arc<[u8]>)>,
    head: Option<ObjectId>,
    /// Annotated tags, each with the object that it tags.
    tags: Vec<(ObjectId, ObjectId)>,
}

pub(crate) fn list(repository: &Repository) -> Result<Refs, String> {
    let git = &repository.git;
    let list = git.output(&["for-each-ref", "--format=%(objectname) %(refname)"])?;
    let refs = list.split(|byte| *byte == b'\n').filter_map(parse).collect();
    let head = git.run(&["rev-parse", "-q", "--verify", "HEAD"])?;
    let head = ObjectId::parse(head.stdout.trim_ascii());
    let tags = git.run(&["for-each-ref", "--format=%(objectname) %(*objectname)", "refs/tags"])?;
    let tags = tags.stdout.split(|byte| *byte == b'\n').filter_map(parse);
    let tags = tags.filter_map(|(tag, peeled)| Some((tag, ObjectId::parse(&peeled)?))).collect();
    Ok(Refs { refs, head, tags })
}

/// Parses `<id> <name>`.
fn parse(line: &[u8]) -> Option<(ObjectId, Arc<[u8]>)> {
    let space = memchr::memchr(b' ', line)?;
    Some((ObjectId::parse(&line[..space])?, line[space + 1..].into()))
}

impl Refs {
    /// Returns the objects that refs point to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = ObjectId> {
        self.refs.iter().map(|(id, _)| *id).chain(self.head).filter(|id| !id.is_zero())
    }

    /// Returns the annotated tags of these commits.
    pub(crate) fn tags_of(&self, commits: &HashSet<ObjectId>) -> impl Iterator<Item = ObjectId> {
        self.tags.iter().filter(|(_, peeled)| commits.contains(peeled)).map(|(tag, _)| *tag)
    }

    /// Searches the names of refs. In logs, only keys that were not found elsewhere are reported, because a log
    /// repeats the messages of commits.
    pub(crate) fn search(
        &self,
        repository: &Repository,
        decodes: bool,
        sink: &Sink,
        tally: &Tally,
    ) -> Result<(), String> {
        let mut searcher = Searcher::new(decodes);
        let mut seen = HashSet::new();
        for (id, name) in &self.refs {
            let object: Arc<str> = id.to_string().into();
            // A name in memory can't fail to be read.
            let _ = searcher.search(&**name, |find| {
                seen.insert(find.group());
                let finding = Finding::new(name, Place::Ref, find);
                sink.found(Finding { object: Some(object.clone()), is_tracked: true, ..finding });
            });
        }
        let mut logs = Logs {
            searcher,
            repository,
            sink,
            is_new: |find: &Find| !tally.has(find.group()) && seen.insert(find.group()),
        };
        for directory in repository.directories() {
            logs.search_file(&directory.join("HEAD"));
            logs.search_directory(&directory.join("logs"));
        }
        Ok(())
    }
}

struct Logs<'s, F> {
    searcher: Searcher,
    repository: &'s Repository,
    sink: &'s Sink,
    is_new: F,
}

impl<F: FnMut(&Find) -> bool> Logs<'_, F> {
    fn search_directory(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.search_directory(&entry.path()),
                Ok(kind) if kind.is_file() => self.search_file(&entry.path()),
                _ => {}
            }
        }
    }

    fn search_file(&mut self, path: &Path) {
        let root = self.repository.worktree().unwrap_or(self.repository.common_directory());
        let shown = path.strip_prefix(root).unwrap_or(path);
        let name: Arc<[u8]> = shown.as_os_str().as_encoded_bytes().into();
        let (sink, is_new) = (self.sink, &mut self.is_new);
        let searched = File::open(path).and_then(|file| {
            self.searcher.search(file, |find| {
                if is_new(&find) {
                    sink.found(Finding { is_tracked: true, ..Finding::new(&name, Place::Ref, find) });
                }
            })
        });
        // A file that was removed in the meantime holds no key.
        if let Err(error) = searched
            && error.kind() != ErrorKind::NotFound
        {
            sink.failed(format!("can't read {}: {error}; correct the permissions", output::shown(shown)));
        }
    }
}
