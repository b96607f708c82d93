//! Properties of the public types that a change could lose unseen.

mod common;

use core::error::Error;
use core::fmt::Debug;
use core::panic::{RefUnwindSafe, UnwindSafe};

use ctx_key::{
    ApiKey, Challenge, Denied, Grant, KeyDigest, KeyId, KeyRecord, KeyState, MaskedId, ParseDigestError,
    ParseKeyError, ParseKeyIdError, ParseScopeError, Reason, RotateError, Scope, UnixTime,
};

/// Auto traits, and the size in bytes on a 64-bit target.
macro_rules! pin {
    ($($ty:ty: $size:literal)*) => {
        #[test]
        fn auto_traits() {
            fn has<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug + Clone + 'static>() {}
            $(has::<$ty>();)*
        }

        #[cfg(target_pointer_width = "64")]
        #[test]
        fn sizes() {
            $(assert_eq!(size_of::<$ty>(), $size, stringify!($ty));)*
        }
    };
}

pin! {
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
fn errors_have_what_errors_have() {
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
fn a_key_promises_that_drop_erases_it() {
    fn has<T: zeroize::ZeroizeOnDrop>() {}
    has::<ApiKey>();
}

#[test]
fn small_types_are_copied() {
    fn has<T: Copy>() {}
    has::<(ParseKeyError, Reason, Denied, RotateError, KeyState)>();
    has::<(KeyId, MaskedId, KeyDigest, Scope, UnixTime)>();
    fn ordered<T: Ord + core::hash::Hash>() {}
    ordered::<(KeyId, UnixTime)>();
}

/// Width, alignment, fill and precision hold for the whole text.
#[test]
fn texts_can_be_aligned() {
    use common::KEY;
    fn check(value: impl core::fmt::Display) {
        let text = value.to_string();
        assert_eq!(format!("{value:<90}|"), format!("{text:<90}|"));
        assert_eq!(format!("{value:>90}|"), format!("{text:>90}|"));
        assert_eq!(format!("{value:*^90}|"), format!("{text:*^90}|"));
        assert_eq!(format!("{value:.5}|"), format!("{text:.5}|"));
    }
    let key = ApiKey::parse(KEY).unwrap();
    check(key.id());
    check(key.id().masked());
    check(key.digest());
    for bits in 0..64 {
        check(Scope::from_bits(bits).unwrap());
    }
}
