//! A find, where it stands, and the channel on which sources report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;

use ctx_key::KeyId;

use crate::scan::encoding::Encoding;

/// Names of the members in each other that hold a text. A member of gzip may have an empty name.
pub(crate) type Member = Vec<Vec<u8>>;

/// Returns `path!member`. A member without a name has that of its archive, without the extension.
pub(crate) fn join(path: &[u8], member: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = path.to_vec();
    for name in member {
        let start =
            joined.iter().rposition(|byte| matches!(byte, b'/' | b'\\' | b'!')).map_or(0, |at| at + 1);
        let archive = joined[start..].to_vec();
        joined.push(b'!');
        joined.extend_from_slice(match name.is_empty() {
            true => archive.strip_suffix(b".gz").unwrap_or(&archive),
            false => name,
        });
    }
    joined
}

/// A key, and where it stands in its text.
#[derive(Clone)]
pub(crate) struct Find {
    /// Bytes before its first character, which may be an encoded one.
    pub(crate) offset: u64,
    /// Bytes from its first character to its last.
    pub(crate) length: usize,
    pub(crate) line: u64,
    /// In bytes, or in code units of UTF-16.
    pub(crate) column: u64,
    /// In code points.
    pub(crate) character: u64,
    /// Place after its last character, in code points.
    pub(crate) end_line: u64,
    pub(crate) end_character: u64,
    pub(crate) id: KeyId,
    /// In an archive: the names of the members in each other that hold it.
    pub(crate) member: Member,
    /// How the key is encoded, the outermost encoding first. None for ASCII and UTF-16.
    pub(crate) encodings: Vec<Encoding>,
    /// A comment on its line allows it.
    pub(crate) is_allowed: bool,
}

/// The kind of text that holds a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Content,
    /// The name of a file or the target of a symbolic link.
    Name,
    /// The message or the names in a commit or a tag.
    Message,
    /// The name of a ref, or its log.
    Ref,
}

impl Place {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Name => "name",
            Self::Message => "message",
            Self::Ref => "ref",
        }
    }
}

/// A find, and the file or object that holds it.
pub(crate) struct Finding {
    pub(crate) path: Arc<[u8]>,
    pub(crate) place: Place,
    pub(crate) find: Find,
    /// In a repository: the object, and the oldest commit that has it at `path`.
    pub(crate) object: Option<Arc<str>>,
    pub(crate) commit: Option<Arc<str>>,
    /// git tracks the file, or a ref reaches the object.
    pub(crate) is_tracked: bool,
    /// git does not track the file because of an ignore rule.
    pub(crate) is_ignored: bool,
    /// Number of finds of this key at this place.
    pub(crate) count: u64,
}

impl Finding {
    pub(crate) fn new(path: &Arc<[u8]>, place: Place, find: Find) -> Self {
        let path = if find.member.is_empty() { path.clone() } else { join(path, &find.member).into() };
        Self { path, place, find, object: None, commit: None, is_tracked: false, is_ignored: false, count: 1 }
    }
}

/// A report of a source, from any thread.
pub(crate) enum Event {
    Found(Box<Finding>),
    /// Something was not searched that should have been. In lower case, with what to do.
    Failed(String),
    /// Something was not searched, as documented.
    Noted(String),
    /// The same, for `--verbose` alone.
    Detail(String),
    Interrupted,
    Done,
}

/// Where a source sends its events. The channel is bounded, so that memory is too.
#[derive(Clone)]
pub(crate) struct Sink {
    events: SyncSender<Event>,
    stopped: Arc<AtomicBool>,
}

impl Sink {
    pub(crate) fn new(events: SyncSender<Event>) -> Self {
        Self { events, stopped: Arc::default() }
    }

    pub(crate) fn found(&self, finding: Finding) {
        self.send(Event::Found(Box::new(finding)));
    }

    pub(crate) fn failed(&self, message: impl Into<String>) {
        self.send(Event::Failed(message.into()));
    }

    pub(crate) fn noted(&self, message: impl Into<String>) {
        self.send(Event::Noted(message.into()));
    }

    pub(crate) fn detail(&self, message: impl Into<String>) {
        self.send(Event::Detail(message.into()));
    }

    pub(crate) fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            // The report is written: nobody listens any more.
            self.stop();
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }
}
