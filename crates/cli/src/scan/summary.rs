//! The part of a report that is not a find.

/// Counts, and messages in lower case with what to do.
#[derive(Default)]
pub(crate) struct Summary {
    /// Something was not searched that should have been.
    pub(crate) errors: Vec<String>,
    /// Something was not searched, as documented.
    pub(crate) notes: Vec<String>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Finds in files that git tracks or no ignore rule names.
    pub(crate) found: u64,
    /// Finds in files that git does not track because of an ignore rule.
    pub(crate) ignored: u64,
    /// Finds that a comment on the line allows.
    pub(crate) allowed: u64,
    /// Finds whose keys the baseline lists.
    pub(crate) known: u64,
}
