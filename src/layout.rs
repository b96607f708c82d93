//! The layout of a key's text, version 1 of the format (`docs/key-format.md`).
//!
//! ```text
//! ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9
//! └┬─┘└────┬─────┘└─────────────┬──────────────┘└─┬──┘
//! 0   4   id (12)  16       secret (30)    46  checksum (6)   52
//! ```

/// Length of a key in bytes.
pub(crate) const LEN: usize = 52;

/// Start of every key.
pub(crate) const PREFIX: &[u8; 4] = b"ctx_";

/// Length of the id, which follows the prefix.
pub(crate) const ID_LEN: usize = 12;

/// Length of the checksum, which ends a key. The characters before it are hashed.
pub(crate) const CHECKSUM_LEN: usize = 6;

/// Length of the part that is hashed: prefix, id and secret.
pub(crate) const HASHED_LEN: usize = LEN - CHECKSUM_LEN;
