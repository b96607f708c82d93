//! The ids of git's objects, which are SHA-1 or SHA-256, and sets of them.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// The id of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    bytes: [u8; 32],
    length: u8,
}

impl ObjectId {
    /// Parses hexadecimal digits.
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() || !matches!(pairs.len(), 20 | 32) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self { bytes, length: pairs.len() as u8 })
    }

    pub(crate) fn from_bytes(raw: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let length = raw.len().min(bytes.len());
        bytes[..length].copy_from_slice(&raw[..length]);
        Self { bytes, length: length as u8 }
    }

    /// Number of bytes.
    pub(crate) const fn length(&self) -> usize {
        self.length as usize
    }

    /// Returns whether this is the id of zeros, which stands for no object.
    pub(crate) fn is_zero(&self) -> bool {
        self.bytes == [0; 32]
    }

    /// Returns the first eight bytes, which are practically unique in a repository.
    pub(crate) fn prefix(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes[..self.length()].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The type of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Blob,
    Tree,
    Commit,
    Tag,
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "blob" => Self::Blob,
            "tree" => Self::Tree,
            "commit" => Self::Commit,
            "tag" => Self::Tag,
            _ => return None,
        })
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }
}

/// A set of prefixes of ids. These are hashes already, so they are not hashed again.
pub(crate) type Prefixes = HashSet<u64, BuildHasherDefault<Identity>>;

#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
