//! The part of a report besides the finds.

/// Counts, and messages, which are in lower case and say what to do.
#[derive(Default)]
pub(crate) struct Summary {
    /// Messages about what was not searched, though it should have been.
    pub(crate) errors: Vec<String>,
    /// Messages about what was not searched, as documented.
    pub(crate) notes: Vec<String>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Number of finds in files that git tracks or that no ignore rule matches.
    pub(crate) found: u64,
    /// Number of finds in files that git does not track because of an ignore rule.
    pub(crate) ignored: u64,
    /// Number of finds that a comment on the line allows.
    pub(crate) allowed: u64,
    /// Number of finds of keys in the baseline.
    pub(crate) known: u64,
}
