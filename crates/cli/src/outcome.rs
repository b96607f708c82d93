//! How a command ends.

/// The command did its work: `scan` found nothing, `inspect` found a well-formed key.
pub const SUCCESS: u8 = 0;
/// `scan` found keys, or the text for `inspect` is not a key.
pub const FOUND: u8 = 1;
/// The command could not do its work, or not all of it, or the command line is wrong.
pub const FAILED: u8 = 2;
/// `scan` found keys only in files that git ignores and does not track.
pub const IGNORED: u8 = 3;

/// The exit code of a command, or an error: what is wrong, in lower case, and what to do.
pub type Outcome = Result<u8, String>;
