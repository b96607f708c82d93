//! Finds the commit and the path with which an object came into a repository.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ctx_key::KeyId;

use crate::scan::changes::{self, Change};
use crate::scan::decode::KEY;
use crate::scan::exclude::Exclude;
use crate::scan::finding::{Find, Sink, join};
use crate::scan::git::Git;
use crate::scan::object::{Kind, ObjectId};
use crate::scan::repository::{self, Repository};
use crate::scan::searcher::Searcher;

/// A path of an object, and the oldest commit that has the object at this path.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) path: Arc<[u8]>,
    pub(crate) commit: Option<ObjectId>,
    /// True if a ref reaches the commit, or if the object is in the index.
    pub(crate) is_reached: bool,
    /// Position in the history, which grows from the oldest commit to the latest.
    pub(crate) age: u32,
}

impl Origin {
    /// Returns the origin of a member, if this is the origin of an archive.
    pub(crate) fn within(self, member: &[Vec<u8>]) -> Self {
        if member.is_empty() { self } else { Self { path: join(&self.path, member).into(), ..self } }
    }

    /// Returns the origin of an object without a path, which is named by its type and id.
    pub(crate) fn of_object(id: ObjectId, kind: Kind) -> Self {
        let path = format!("{} {id}", kind.as_str()).into_bytes().into();
        Self { path, commit: None, is_reached: false, age: u32::MAX }
    }
}

/// A key in the name of a file.
pub(crate) struct NameFind {
    pub(crate) find: Find,
    pub(crate) origin: Origin,
    pub(crate) object: ObjectId,
}

/// The origins of objects.
pub(crate) struct Origins {
    /// The paths of each blob.
    blobs: HashMap<ObjectId, BTreeMap<Arc<[u8]>, Origin>>,
    /// True if a tree has a key in a name. Then all commits are searched, because a name can have many paths.
    has_trees: bool,
    /// Blobs at an excluded path.
    excluded: HashSet<ObjectId>,
    /// Ids of keys in excluded paths.
    pub(crate) excluded_names: HashSet<KeyId>,
    exclude: Exclude,
    /// Commits that a ref reaches.
    reached: HashSet<ObjectId>,
    pub(crate) names: Vec<NameFind>,
    searcher: Searcher,
    changes: u32,
}

impl Origins {
    /// Begins with the objects with keys, and blobs of which a part can't be searched.
    pub(crate) fn new(
        found: &[(ObjectId, Kind)],
        failed_blobs: impl Iterator<Item = ObjectId>,
        exclude: Exclude,
        decodes: bool,
    ) -> Self {
        let blobs = found.iter().filter(|(_, kind)| *kind == Kind::Blob).map(|(id, _)| *id);
        Self {
            blobs: blobs.chain(failed_blobs).map(|id| (id, BTreeMap::new())).collect(),
            has_trees: found.iter().any(|(_, kind)| *kind == Kind::Tree),
            excluded: HashSet::new(),
            excluded_names: HashSet::new(),
            exclude,
            reached: HashSet::new(),
            names: Vec::new(),
            searcher: Searcher::new(decodes),
            changes: 0,
        }
    }

    /// Searches the commits that refs reach, then all others, then the index, until every object has an origin.
    pub(crate) fn find_all(&mut self, repository: &Repository, sink: &Sink) -> Result<(), String> {
        let git = &repository.git;
        // If git can't walk a broken history, the list is empty, and all commits count as reached by a ref.
        let commits = changes::list_commits(git, &["--all"], &[]).unwrap_or_default();
        self.find_in(git, &commits, true, sink)?;
        if self.is_complete() {
            return Ok(());
        }
        let mut others = changes::list_all_commits(git)?;
        others.retain(|commit| !self.reached.contains(commit));
        let is_reached = commits.is_empty();
        self.find_in(git, &others, is_reached, sink)?;
        if !self.is_complete() {
            self.find_in_index(git)?;
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        // A blob at an excluded path may have a second path that is not excluded.
        !self.has_trees && !self.blobs.values().any(BTreeMap::is_empty)
    }

    /// Searches commits, which must be sorted with the oldest first.
    pub(crate) fn find_in(
        &mut self,
        git: &Git,
        commits: &[ObjectId],
        is_reached: bool,
        sink: &Sink,
    ) -> Result<(), String> {
        if is_reached {
            self.reached.extend(commits);
        }
        changes::visit(git, commits, sink, |change| self.add(&change, is_reached)).map(|_| ())
    }

    fn add(&mut self, change: &Change<'_>, is_reached: bool) {
        self.changes = self.changes.saturating_add(1);
        let origin = |path| Origin { path, commit: Some(change.commit), is_reached, age: self.changes };
        if change.path.len() >= KEY {
            let is_excluded = self.is_excluded(change.path);
            let (origin, object) = (origin(change.path.into()), change.object);
            // A name in memory can't fail to be read.
            let _ = self.searcher.search(change.path, |find| {
                if is_excluded {
                    self.excluded_names.insert(find.id);
                } else {
                    self.names.push(NameFind { find, origin: origin.clone(), object });
                }
            });
        }
        if !self.blobs.contains_key(&change.object) {
            return;
        }
        if self.is_excluded(change.path) {
            self.excluded.insert(change.object);
        } else if let Some(paths) = self.blobs.get_mut(&change.object)
            && !paths.contains_key(change.path)
        {
            let path: Arc<[u8]> = change.path.into();
            let origin =
                Origin { path: path.clone(), commit: Some(change.commit), is_reached, age: self.changes };
            paths.insert(path, origin);
        }
    }

    fn is_excluded(&self, path: &[u8]) -> bool {
        self.exclude.matches_from_top(&repository::to_path(path), false)
    }

    /// Finds the paths of blobs that were staged and not committed.
    fn find_in_index(&mut self, git: &Git) -> Result<(), String> {
        let list = git.output(&["ls-files", "--stage", "--full-name", "-z", ":/"]).unwrap_or_default();
        for entry in list.split(|byte| *byte == 0) {
            let Some(tab) = memchr::memchr(b'\t', entry) else { continue };
            let Some(id) = entry.split(|byte| *byte == b' ').nth(1).and_then(ObjectId::parse) else {
                continue;
            };
            let path: Arc<[u8]> = entry[tab + 1..].into();
            if self.is_excluded(&path) {
                self.excluded.insert(id);
            } else if let Some(paths) = self.blobs.get_mut(&id)
                && paths.values().all(|origin| origin.commit.is_none())
            {
                let origin = Origin { path: path.clone(), commit: None, is_reached: true, age: u32::MAX };
                paths.insert(path, origin);
            }
        }
        Ok(())
    }

    /// Returns the origins of an object: those of its paths, or the object itself if it has no path.
    pub(crate) fn of(&self, id: ObjectId, kind: Kind) -> impl Iterator<Item = Origin> {
        let paths = self.blobs.get(&id);
        let alone = match kind {
            Kind::Commit => Some(Origin {
                commit: Some(id),
                is_reached: self.reached.contains(&id),
                ..Origin::of_object(id, kind)
            }),
            Kind::Tag => Some(Origin { is_reached: true, ..Origin::of_object(id, kind) }),
            _ if self.excluded.contains(&id) || paths.is_some_and(|paths| !paths.is_empty()) => None,
            _ => Some(Origin::of_object(id, kind)),
        };
        paths.into_iter().flat_map(|paths| paths.values().cloned()).chain(alone)
    }
}
