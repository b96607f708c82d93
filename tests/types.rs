//! Properties of the public types that a change could remove without a compile error: traits, sizes and alignment of
//! texts.

mod common;

use core::error::Error;
use core::fmt::Debug;
use core::panic::{RefUnwindSafe, UnwindSafe};

use ctx_key::{
    ApiKey, Challenge, Denied, Grant, KeyDigest, KeyId, KeyRecord, KeyState, MaskedId, ParseDigestError,
    ParseKeyError, ParseKeyIdError, ParseScopeError, Reason, RotateError, Scope, UnixTime,
};

/// Asserts the auto traits of each type, and its size in bytes on a 64-bit target.
macro_rules! assert_traits_and_sizes {
    ($($ty:ty: $size:literal)*) => {
        #[test]
        fn types_have_the_auto_traits() {
            fn has<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug + Clone + 'static>() {}
            $(has::<$ty>();)*
        }

        #[cfg(target_pointer_width = "64")]
        #[test]
        fn types_have_these_sizes() {
            $(assert_eq!(size_of::<$ty>(), $size, stringify!($ty));)*
        }
    };
}

assert_traits_and_sizes! {
    ApiKey: 88
    Result<ApiKey, ParseKeyError>: 96
    KeyId: 12
    MaskedId: 12
    KeyDigest: 32
    Scope: 4
    UnixTime: 8
    KeyRecord<u64>: 120
    KeyState: 1
    Grant<&'static u64>: 40
    Denied: 16
    Challenge<'static>: 32
    Reason: 16
    Result<(), Denied>: 16
    ParseKeyError: 16
    ParseKeyIdError: 16
    ParseDigestError: 16
    ParseScopeError: 24
    RotateError: 1
}

#[test]
fn errors_have_the_usual_traits() {
    fn has<E: Error + Debug + Clone + PartialEq + Eq + Send + Sync + 'static>() {}
    has::<Denied>();
    has::<ParseKeyError>();
    has::<ParseKeyIdError>();
    has::<ParseDigestError>();
    has::<ParseScopeError>();
    has::<RotateError>();
    #[cfg(feature = "std")]
    has::<ctx_key::EnvKeyError>();
    #[cfg(feature = "std")]
    has::<ctx_key::BeforeUnixEpochError>();
    #[cfg(feature = "getrandom")]
    has::<ctx_key::OsRngError>();
}

#[test]
fn a_key_is_zeroize_on_drop() {
    fn has<T: zeroize::ZeroizeOnDrop>() {}
    has::<ApiKey>();
}

#[test]
fn small_types_are_copy_and_ids_and_times_are_ordered() {
    fn has<T: Copy>() {}
    has::<(ParseKeyError, Reason, Denied, RotateError, KeyState)>();
    has::<(KeyId, MaskedId, KeyDigest, Scope, UnixTime)>();
    fn ordered<T: Ord + core::hash::Hash>() {}
    ordered::<(KeyId, UnixTime)>();
}

#[test]
fn width_alignment_fill_and_precision_apply_to_the_whole_text() {
    use common::KEY;
    fn assert_pads(value: impl core::fmt::Display) {
        let text = value.to_string();
        assert_eq!(format!("{value:<90}|"), format!("{text:<90}|"));
        assert_eq!(format!("{value:>90}|"), format!("{text:>90}|"));
        assert_eq!(format!("{value:*^90}|"), format!("{text:*^90}|"));
        assert_eq!(format!("{value:.5}|"), format!("{text:.5}|"));
    }
    let key = ApiKey::parse(KEY).unwrap();
    assert_pads(key.id());
    assert_pads(key.id().masked());
    assert_pads(key.digest());
    for bits in 0..64 {
        assert_pads(Scope::from_bits(bits).unwrap());
    }
}
