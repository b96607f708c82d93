//! The part of a list that one statement reads: [`Window`].

/// Maximum number of `rows`, the newest first, whose `seq` is lower than `before`.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub before: i64,
    pub rows: i64,
}
