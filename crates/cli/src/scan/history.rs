//! Searches all objects of a repository, or those that some commits added.
//!
//! 1. Every object is searched, and the ids of objects with a key are kept. Trees are searched, too, as they hold the
//!    names of files. Failures to unpack an object are kept, too.
//! 2. `git diff-tree` shows in which commit, and at which path, each of these objects first appeared. A failure
//!    counts only at a path that is not excluded.
//! 3. The objects with a key are read two more times: once to count the finds by key and place, and once to report
//!    them. So memory holds only a hash of each find.

use std::collections::HashSet;
use std::io::{self, Read};
use std::mem;

use crate::cli::ScanOptions;
use crate::name;
use crate::scan::archive::{self, Receiver, Unpacker};
use crate::scan::batch::{self, Object, Visitor};
use crate::scan::changes;
use crate::scan::exclude::Exclude;
use crate::scan::finding::{Find, Finding, Place, Sink};
use crate::scan::missing;
use crate::scan::object::{Kind, ObjectId, Prefixes};
use crate::scan::origin::{Origin, Origins};
use crate::scan::progress::Progress;
use crate::scan::refs;
use crate::scan::repository::{self, Repository};
use crate::scan::revisions::{self, Selected};
use crate::scan::tally::Tally;

/// Maximum size of trees, commits and tags whose links are followed. Larger ones are only searched.
const MAX_PARSED: u64 = 64 << 20;

/// Maximum number of processes of git. Each has a cache of 96 MiB.
const MAX_PROCESSES: usize = 8;

pub(crate) fn search(
    options: &ScanOptions,
    exclude: Exclude,
    threads: usize,
    sink: &Sink,
    progress: &Progress,
) -> Result<(), String> {
    let directory = repository::directory(&options.paths)?;
    let repository = Repository::open(directory, options.alternates)?;
    repository.note_unread_stores(sink);
    note_submodules(&repository, sink);
    if repository.is_shallow() && !options.shallow_ok {
        sink.failed(
            "this clone is shallow, and older commits are not searched; `git fetch --unshallow` gets them, and \
             `--shallow-ok` does without them",
        );
    }
    let history = History { repository: &repository, exclude, options, sink, progress };
    match revisions::selected(&repository, options)? {
        None => history.search_all(threads),
        Some(selected) => history.search_selected(selected, threads),
    }
}

fn note_submodules(repository: &Repository, sink: &Sink) {
    let list = repository.git.output(&["ls-files", "--stage", "--full-name", "-z", ":/"]).unwrap_or_default();
    let entries = list.split(|byte| *byte == 0).filter(|entry| entry.starts_with(b"160000 "));
    let mut paths: Vec<_> =
        entries.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1)).collect();
    // The index holds several commits of a submodule with a conflict.
    paths.dedup();
    for path in paths {
        let path = name::to_text(path);
        sink.noted(format!("the history of the submodule {path} was not searched; run this in it, too"));
    }
}

struct History<'s> {
    repository: &'s Repository,
    exclude: Exclude,
    options: &'s ScanOptions,
    sink: &'s Sink,
    progress: &'s Progress,
}

impl History<'_> {
    fn search_all(&self, threads: usize) -> Result<(), String> {
        let git = &self.repository.git;
        // A ref that is created between the two lists would seem to lack its object if the objects were listed first.
        let refs = refs::list(self.repository)?;
        let mut list = git.spawn(&[
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname)",
            "--unordered",
            "--buffer",
        ])?;
        let ids = changes::read_ids(list.stdout.take().ok_or("git has no output")?);
        if !list.wait().is_ok_and(|status| status.success()) {
            self.sink.failed("git can't list all objects; run `git fsck` to find out why");
        }
        let known: Prefixes = ids.iter().map(ObjectId::prefix).collect();
        let mut searched = self.search_objects(&ids, Some(&known), threads)?;
        drop(ids);
        let mut absent = mem::take(&mut searched.absent);
        absent.extend(refs.targets().filter(|id| !known.contains(&id.prefix())));
        let mut result = missing::report(self.repository, absent, &refs, self.sink);
        drop(known);
        let mut origins = self.origins(&searched);
        let has_objects = !searched.found.is_empty() || !searched.failures.is_empty();
        if has_objects && !self.sink.is_stopped() {
            result = result.and(origins.find_all(self.repository, self.sink));
        }
        self.report_failures(&searched.failures, &origins);
        result?;
        let tally = self.report(&searched.found, &origins)?;
        refs.search(self.repository, !self.options.no_decode, self.sink, &tally)
    }

    fn search_selected(&self, selected: Selected, threads: usize) -> Result<(), String> {
        let git = &self.repository.git;
        let Selected { commits, others } = selected;
        let refs = refs::list(self.repository)?;
        let brought: HashSet<_> = commits.iter().copied().collect();
        let mut others: HashSet<_> = others.into_iter().collect();
        others.extend(refs.tags_of(&brought));
        let broken = changes::visit(git, &commits, self.sink, |change| {
            others.insert(change.object);
        })?;
        for commit in broken {
            self.sink
                .failed(format!("can't read the files of commit {commit}; fetch them, or run `git fsck`"));
        }
        let mut ids = commits.clone();
        ids.extend(others);
        if ids.is_empty() {
            self.sink.noted("no commit is in this range, so nothing was searched");
        }
        let searched = self.search_objects(&ids, None, threads)?;
        let mut origins = self.origins(&searched);
        let result = origins.find_in(git, &commits, true, self.sink);
        self.report_failures(&searched.failures, &origins);
        result?;
        self.report(&searched.found, &origins)?;
        Ok(())
    }

    fn origins(&self, searched: &Searched) -> Origins {
        let failed = searched.failures.iter().filter(|failure| failure.kind == Kind::Blob);
        let failed = failed.map(|failure| failure.object);
        Origins::new(&searched.found, failed, self.exclude.clone(), !self.options.no_decode)
    }

    fn search_objects(
        &self,
        ids: &[ObjectId],
        known: Option<&Prefixes>,
        threads: usize,
    ) -> Result<Searched, String> {
        let visitor = || FirstSearch {
            unpacker: Unpacker::new(self.options),
            content: Vec::new(),
            known,
            sink: self.sink,
            progress: self.progress,
            searched: Searched::default(),
        };
        let visitors = (0..threads.clamp(1, MAX_PROCESSES)).map(|_| visitor()).collect();
        let visitors = batch::visit_all(&self.repository.git, ids, visitors)?;
        let mut all = Searched::default();
        for visitor in visitors {
            all.found.extend(visitor.searched.found);
            all.failures.extend(visitor.searched.failures);
            all.absent.extend(visitor.searched.absent);
        }
        Ok(all)
    }

    /// Reports each failure at one path of its object, with the oldest commit that has the object there. A failure at
    /// excluded paths alone does not count.
    fn report_failures(&self, failures: &[Failure], origins: &Origins) {
        for Failure { object, kind, member, reason } in failures {
            if let Some(origin) = origins.of(*object, *kind).next() {
                let failure = archive::describe_failure(&origin.path, member, reason);
                self.sink.failed(match origin.commit {
                    Some(commit) => format!("in commit {commit}: {failure}"),
                    None => failure,
                });
            }
        }
    }

    /// Reads the objects with keys again, and reports each key once at each place.
    fn report(&self, found: &[(ObjectId, Kind)], origins: &Origins) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let (trees, others): (Vec<_>, Vec<_>) = found.iter().partition(|(_, kind)| *kind == Kind::Tree);
        let ids = |found: &[&(ObjectId, Kind)]| found.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let (trees, others) = (ids(&trees), ids(&others));
        origins.names.iter().for_each(|name| tally.add(name.find.group(), &name.origin));
        self.visit(&others, |object, find| {
            let origins = origins.of(object.id, object.kind).map(|origin| origin.within(&find.member));
            origins.for_each(|origin| tally.add(find.group(), &origin));
        })?;
        tally.seal();
        for name in &origins.names {
            self.send(
                name.object,
                Place::Name,
                &name.find,
                &name.origin,
                tally.take(name.find.group(), &name.origin),
            );
        }
        self.visit(&others, |object, find| {
            let place = if object.kind == Kind::Blob { Place::Content } else { Place::Message };
            let (member, find) = (find.member.clone(), Find { member: Vec::new(), ..find });
            for origin in origins.of(object.id, object.kind).map(|origin| origin.within(&member)) {
                self.send(object.id, place, &find, &origin, tally.take(find.group(), &origin));
            }
        })?;
        self.report_unnamed(&trees, origins)?;
        Ok(tally)
    }

    /// Reports keys in names of files that are in no commit. Each key is reported once, for one tree.
    fn report_unnamed(&self, trees: &[ObjectId], origins: &Origins) -> Result<(), String> {
        let mut seen: HashSet<_> = origins.names.iter().map(|name| name.find.group()).collect();
        self.visit(trees, |object, find| {
            if !origins.excluded_names.contains(&find.id) && seen.insert(find.group()) {
                let origin = Origin::of_object(object.id, Kind::Tree);
                self.send(object.id, Place::Name, &find, &origin, Some(1));
            }
        })
    }

    fn visit(&self, ids: &[ObjectId], found: impl FnMut(&Object<'_>, Find)) -> Result<(), String> {
        let mut visitor = RepeatedSearch { unpacker: Unpacker::new(self.options), sink: self.sink, found };
        batch::visit(&self.repository.git, ids, &mut visitor)
    }

    /// Reports a find, unless it is counted in the report of another one.
    fn send(&self, object: ObjectId, place: Place, find: &Find, origin: &Origin, count: Option<u64>) {
        let Some(count) = count else { return };
        let finding = Finding::new(&origin.path, place, find.clone());
        let object = Some(object.to_string().into());
        let commit = origin.commit.map(|commit| commit.to_string().into());
        self.sink.found(Finding { object, commit, is_tracked: origin.is_reached, count, ..finding });
    }
}

/// The result of the first search.
#[derive(Default)]
struct Searched {
    /// The objects that hold a key.
    found: Vec<(ObjectId, Kind)>,
    failures: Vec<Failure>,
    /// The objects that others refer to, but git does not have.
    absent: HashSet<ObjectId>,
}

/// A part of an object that can't be unpacked.
struct Failure {
    object: ObjectId,
    kind: Kind,
    /// The names of the members around the part, from the outermost to the part itself.
    member: Vec<Vec<u8>>,
    reason: String,
}

/// One thread's part of the first search.
struct FirstSearch<'s> {
    unpacker: Unpacker,
    /// Buffer for the content of a tree, a commit or a tag.
    content: Vec<u8>,
    known: Option<&'s Prefixes>,
    sink: &'s Sink,
    progress: &'s Progress,
    searched: Searched,
}

impl Visitor for FirstSearch<'_> {
    fn visit(&mut self, object: Object<'_>) -> io::Result<()> {
        let mut has_key = false;
        let mut found = |_: Find| has_key = true;
        let mut failed = |member: &[Vec<u8>], reason: &str| {
            let (member, reason) = (member.to_vec(), reason.to_owned());
            self.searched.failures.push(Failure { object: object.id, kind: object.kind, member, reason });
        };
        match self.known {
            Some(known) if object.kind != Kind::Blob && object.size <= MAX_PARSED => {
                self.content.clear();
                self.progress.counting(object.content).read_to_end(&mut self.content)?;
                missing::for_each_link(object.kind, object.id.length(), &self.content, |id| {
                    if !known.contains(&id.prefix()) {
                        self.searched.absent.insert(id);
                    }
                });
                self.unpacker.searcher().search(&*self.content, found)?;
            }
            _ => {
                let receiver = Receiver { found: &mut found, failed: &mut failed };
                self.unpacker.search(self.progress.counting(object.content), receiver)?;
            }
        }
        self.progress.add_file();
        if has_key {
            self.searched.found.push((object.id, object.kind));
        }
        Ok(())
    }

    fn fail(&mut self, id: ObjectId, error: Option<&io::Error>) {
        self.sink.failed(match error {
            Some(error) => batch::describe_failure(&format!("object {id}"), error),
            None => format!("can't read object {id}: it is missing or broken; fetch it, or run `git fsck`"),
        });
    }

    fn is_stopped(&self) -> bool {
        self.sink.is_stopped()
    }
}

/// A repeated search of objects in which keys were found.
struct RepeatedSearch<'s, F> {
    unpacker: Unpacker,
    sink: &'s Sink,
    found: F,
}

impl<F: FnMut(&Object<'_>, Find)> Visitor for RepeatedSearch<'_, F> {
    fn visit(&mut self, object: Object<'_>) -> io::Result<()> {
        let Object { id, kind, size, content } = object;
        let object = Object { id, kind, size, content: &mut io::empty() };
        let mut found = |find| (self.found)(&object, find);
        // The first search has reported failures.
        let receiver = Receiver { found: &mut found, failed: &mut |_, _| {} };
        self.unpacker.search(content, receiver)
    }

    fn fail(&mut self, id: ObjectId, error: Option<&io::Error>) {
        self.sink.failed(match error {
            Some(error) => batch::describe_failure(&format!("object {id}"), error),
            None => format!("can't read object {id} again; run this again"),
        });
    }

    /// Returns false, so that finds from before an interrupt are still reported.
    fn is_stopped(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn an_interrupt_ends_the_first_search_and_not_the_one_that_reports() {
        let Command::Scan(options) = Cli::parse_from(["ctx-key", "scan"]).command else { panic!() };
        let (events, _received) = mpsc::sync_channel(1);
        let (sink, progress) = (&Sink::new(events), &Progress::default());
        let unpacker = || Unpacker::new(&options);
        let (content, known, searched) = (Vec::new(), None, Searched::default());
        let first = FirstSearch { unpacker: unpacker(), content, known, sink, progress, searched };
        let repeated = RepeatedSearch { unpacker: unpacker(), sink, found: |_: &Object<'_>, _: Find| {} };
        assert_eq!((first.is_stopped(), repeated.is_stopped()), (false, false));
        sink.stop();
        assert_eq!((first.is_stopped(), repeated.is_stopped()), (true, false));
    }
}
