//! Finds, their places, and the channel on which sources report them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;

use ctx_key::KeyId;

use crate::scan::encoding::Encoding;

/// The names that lead through nested archives to a text, the outermost first. A member of gzip may lack a name.
pub(crate) type Member = Vec<Vec<u8>>;

/// Returns `path!member`. A member without a name gets the name of its archive, without `.gz`.
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

/// A key, and its place in a text.
#[derive(Clone)]
pub(crate) struct Find {
    /// Number of bytes before the key, which may be encoded.
    pub(crate) offset: u64,
    /// Number of bytes of the key in the text.
    pub(crate) length: usize,
    pub(crate) line: u64,
    /// Column from 1, in bytes or in code units of UTF-16.
    pub(crate) column: u64,
    /// Column from 1, in code points.
    pub(crate) character: u64,
    /// Line of the last character of the key.
    pub(crate) end_line: u64,
    /// Column after the last character, in code points.
    pub(crate) end_character: u64,
    pub(crate) id: KeyId,
    /// The member that holds the key, if the text is an archive.
    pub(crate) member: Member,
    /// The encodings of the key, the outermost first. None for ASCII and UTF-16.
    pub(crate) encodings: Vec<Encoding>,
    /// True if a comment on the line allows this key.
    pub(crate) is_allowed: bool,
}

/// A key, and whether a comment allows it. Of the finds of a group at one place, only one is reported. A comment allows
/// only the finds on its line, so an allowed find never stands for one that is not allowed.
pub(crate) type Group = (KeyId, bool);

impl Find {
    pub(crate) const fn group(&self) -> Group {
        (self.id, self.is_allowed)
    }
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
    /// The object of git that holds the key, if any.
    pub(crate) object: Option<Arc<str>>,
    /// The oldest commit that has the object at `path`.
    pub(crate) commit: Option<Arc<str>>,
    /// True if git tracks the file, or a ref reaches the object.
    pub(crate) is_tracked: bool,
    /// True if git does not track the file because of an ignore rule.
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

/// A message from a source, which any of its threads may send.
pub(crate) enum Event {
    Found(Box<Finding>),
    /// Something was not searched, though it should have been. The text is in lower case and says what to do.
    Failed(String),
    /// Something was not searched, as documented.
    Noted(String),
    /// Something was not searched, as documented. The text is written only with `--verbose`.
    Detail(String),
    Interrupted,
    Done,
}

/// The sender of events. The channel has a limited capacity, so memory is limited, too.
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
            // The report is written, and nothing receives events after it.
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
