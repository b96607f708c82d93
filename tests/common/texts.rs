//! Random texts. They need proptest, which the tests with the lowest versions of dependencies do without.

use proptest::prelude::*;

use crate::common::KEY;

/// Generates texts that consist of keys, parts of keys, and other bytes.
pub(crate) fn texts_with_parts_of_keys() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(KEY.as_bytes().to_vec()),
        Just(KEY.as_bytes()[..51].to_vec()),
        (0..52usize).prop_map(|length| KEY.as_bytes()[..length].to_vec()),
        Just(b"ctx_".to_vec()),
        Just(b"ctx".to_vec()),
        Just(b"_".to_vec()),
        Just(b"c".to_vec()),
        (0..40usize).prop_map(|length| vec![b'a'; length]),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}
