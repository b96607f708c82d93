//! Finds objects that others refer to, but that the repository does not have.

use std::collections::{BTreeSet, HashSet};

use crate::output;
use crate::scan::finding::Sink;
use crate::scan::object::{Kind, ObjectId};
use crate::scan::refs::Refs;
use crate::scan::repository::Repository;

/// Calls `link` for each object that a tree, a commit or a tag refers to, except for commits of submodules.
pub(crate) fn for_each_link(kind: Kind, id_length: usize, content: &[u8], link: impl FnMut(ObjectId)) {
    match kind {
        Kind::Tree => tree_links(id_length, content, link),
        _ => header_links(content).for_each(link),
    }
}

/// Parses `<mode> <name>` NUL `<id>`, for each entry.
fn tree_links(id_length: usize, mut content: &[u8], mut link: impl FnMut(ObjectId)) {
    while let Some(nul) = memchr::memchr(0, content) {
        let (entry, rest) = (&content[..nul], &content[nul + 1..]);
        let Some((id, rest)) = rest.split_at_checked(id_length) else { return };
        if !entry.starts_with(b"160000 ") {
            link(ObjectId::from_bytes(id));
        }
        content = rest;
    }
}

/// Parses `tree <id>`, `parent <id>` and `object <id>` in the header, which ends at the first empty line.
fn header_links(content: &[u8]) -> impl Iterator<Item = ObjectId> {
    let lines = content.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    lines.filter_map(|line| {
        let id = [&b"tree "[..], b"parent ", b"object "].iter().find_map(|name| line.strip_prefix(*name))?;
        ObjectId::parse(id)
    })
}

/// Reports the absent objects if a ref reaches at least one of them. git may have deleted those that no ref reaches.
pub(crate) fn report(
    repository: &Repository,
    absent: HashSet<ObjectId>,
    refs: &Refs,
    sink: &Sink,
) -> Result<(), String> {
    if absent.is_empty() || sink.is_stopped() {
        return Ok(());
    }
    let tips: HashSet<_> = refs.targets().collect();
    let listed = repository.git.run(&["rev-list", "--objects", "--missing=print", "--all"])?;
    let is_reached = !listed.status.success()
        || listed.stdout.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"?"))
        || absent.iter().any(|id| tips.contains(id));
    // Links can't be followed through a missing object, so any of the others may be reachable, too.
    let missing: BTreeSet<_> = if is_reached { absent.into_iter().collect() } else { BTreeSet::new() };
    let count = missing.len() as u64;
    if count > 0 && repository.is_partial() {
        sink.failed(output::counted(
            count,
            "object of this partial clone is not here and was not searched; clone the repository without `--filter`",
            "objects of this partial clone are not here and were not searched; clone the repository without `--filter`",
        ));
    } else if count > 0 && !repository.unread_stores.is_empty() {
        sink.failed(output::counted(
            count,
            "object of this repository is in the folders that it borrows from and was not searched; `--alternates` \
             searches it",
            "objects of this repository are in the folders that it borrows from and were not searched; \
             `--alternates` searches them",
        ));
    } else {
        for id in missing {
            sink.failed(format!("object {id} is missing and was not searched; fetch it, or run `git fsck`"));
        }
    }
    Ok(())
}
