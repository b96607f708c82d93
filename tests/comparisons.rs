//! Every public comparison depends on every bit, character and field of the values that it compares.

mod common;

use core::cmp::Ordering;
use core::fmt::Debug;
use core::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::hash::DefaultHasher;

use common::{EDGES, KEY, key_of, keys, rng};
use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Reason, RotateError, Scope, UnixTime};

/// A comparison of digests or keys: its line in `tests/contract/api.txt`, and a call of it.
type Comparison = (&'static str, Compare);

enum Compare {
    /// Compares a key, or its digest, with a digest.
    Digest(fn(&ApiKey, KeyDigest) -> bool),
    Keys(fn(&ApiKey, &ApiKey) -> bool),
}

const COMPARISONS: &[Comparison] = &[
    (
        "impl core::cmp::PartialEq for ctx_key::KeyDigest",
        Compare::Digest(|key, digest| equal(key.digest(), &digest)),
    ),
    (
        "pub fn ctx_key::KeyDigest::matches(&self, &ctx_key::ApiKey) -> bool",
        Compare::Digest(|key, digest| digest.matches(key)),
    ),
    (
        "pub fn ctx_key::KeyRecord<P>::verify(&self, &ctx_key::ApiKey, ctx_key::UnixTime) -> core::result::Result<ctx_key::Grant<&P>, ctx_key::Denied>",
        Compare::Digest(|key, digest| {
            let record = KeyRecord::from_parts(key.id(), digest, (), Scope::READ);
            let reason = record.verify(key, UnixTime::from_secs(0)).err().map(|denied| denied.reason());
            assert!(matches!(reason, None | Some(Reason::DigestMismatch)), "{reason:?}");
            reason.is_none()
        }),
    ),
    (
        "impl<P: core::cmp::PartialEq> core::cmp::PartialEq for ctx_key::KeyRecord<P>",
        Compare::Digest(|key, digest| {
            let record = |digest| KeyRecord::from_parts(key.id(), digest, (), Scope::READ);
            equal(&record(*key.digest()), &record(digest))
        }),
    ),
    // `src/key.rs` also tests it with changed digests. Only that module can create such keys.
    ("impl core::cmp::PartialEq for ctx_key::ApiKey", Compare::Keys(equal)),
];

/// Compares with `==` and `!=` in both directions, and asserts that the results agree.
fn equal<T: PartialEq>(one: &T, two: &T) -> bool {
    let equal = one == two;
    assert_eq!((two == one, one != two, two != one), (equal, !equal, !equal));
    equal
}

/// Asserts that every comparison of digests distinguishes the key's digest from `digest`.
fn assert_differs(key: &ApiKey, digest: [u8; 32]) {
    for (item, compare) in COMPARISONS {
        if let Compare::Digest(equals) = compare {
            assert!(!equals(key, KeyDigest::from_bytes(digest)), "{item}: {:?}, {digest:02x?}", key.digest());
        }
    }
}

fn equals(compare: &Compare, one: &ApiKey, two: &ApiKey) -> bool {
    match compare {
        Compare::Digest(equals) => equals(one, *two.digest()),
        Compare::Keys(equals) => equals(one, two),
    }
}

/// Asserts that every comparison distinguishes the two keys.
fn assert_keys_differ(one: &ApiKey, two: &ApiKey) {
    for (item, compare) in COMPARISONS {
        assert!(!equals(compare, one, two) && !equals(compare, two, one), "{item}: {one:?}, {two:?}");
    }
}

#[test]
fn a_key_equals_itself() {
    for key in keys(100) {
        let again = ApiKey::parse(key.expose_secret()).unwrap();
        for (item, compare) in COMPARISONS {
            assert!(equals(compare, &key, &key) && equals(compare, &key, &again), "{item}");
        }
    }
}

#[test]
fn every_bit_of_a_digest_is_compared() {
    for key in keys(20) {
        for bit in 0..256 {
            let mut digest = *key.digest().as_bytes();
            digest[bit / 8] ^= 1 << (bit % 8);
            assert_differs(&key, digest);
        }
    }
}

/// The two changes are in any two bits, or are equal or opposite changes of any two bytes.
#[test]
fn two_changes_of_a_digest_do_not_cancel_out() {
    let key = ApiKey::parse(KEY).unwrap();
    let assert_differs_after = |one: usize, two: usize, change: fn(&mut u8, u8), by: [u8; 2]| {
        let mut digest = *key.digest().as_bytes();
        change(&mut digest[one], by[0]);
        change(&mut digest[two], by[1]);
        assert_differs(&key, digest);
    };
    for (one, two) in (0..256).flat_map(|one| (0..one).map(move |two| (one, two))) {
        let bits = [one, two].map(|bit| 1 << (bit % 8));
        assert_differs_after(one / 8, two / 8, |byte, by| *byte ^= by, bits);
    }
    for (one, two) in (0..32).flat_map(|one| (0..one).map(move |two| (one, two))) {
        for by in 1..=u8::MAX {
            assert_differs_after(one, two, |byte, by| *byte ^= by, [by, by]);
            assert_differs_after(one, two, |byte, by| *byte = byte.wrapping_add(by), [by, by.wrapping_neg()]);
        }
    }
}

/// All words of a digest are changed in the same way, the bytes are rotated or reversed, or they are constant.
#[test]
fn changes_of_whole_words_do_not_cancel_out() {
    for key in keys(20) {
        let digest = *key.digest().as_bytes();
        for (length, by) in
            [4, 8, 16].into_iter().flat_map(|length| (1..=u8::MAX).map(move |by| (length, by)))
        {
            for index in 0..length {
                let mut changed = digest;
                changed.iter_mut().skip(index).step_by(length).for_each(|byte| *byte ^= by);
                assert_differs(&key, changed);
            }
        }
        for by in 1..32 {
            let mut rotated = digest;
            rotated.rotate_left(by);
            assert_differs(&key, rotated);
        }
        let mut reversed = digest;
        reversed.reverse();
        for other in [[0; 32], [0xff; 32], digest.map(|byte| !byte), reversed] {
            assert_differs(&key, other);
        }
    }
}

/// The first two keys with the same checksum that `keys_that_share_four_bytes_of_their_digests_differ` finds.
const SAME_CHECKSUM: [&str; 2] = [
    "ctx_NuBhRa2kv62tGa7oZVDbSh5UiwlHdh7byhXNQQdSrD0AdPuz",
    "ctx_EanDBBKDxWCU68UTGDVlUOmmX24Az4RK2zhVrjkpE20AdPuz",
];

#[test]
fn keys_with_the_same_checksum_differ() {
    let [one, two] = SAME_CHECKSUM.map(|text| ApiKey::parse(text).unwrap());
    assert_keys_differ(&one, &two);
}

/// Among 2¹⁹ keys, about 32 pairs share any four bytes of their digests. The first four are the checksum.
#[test]
#[ignore = "takes 4 s"]
fn keys_that_share_four_bytes_of_their_digests_differ() {
    let mut rng = rng(19);
    let mut keys: Vec<_> = (0..1 << 19).map(|_| ApiKey::generate_from_rng(&mut rng)).collect();
    let found = [0, 4, 8, 12, 16, 20, 24, 28].map(|start| {
        let four =
            |key: &ApiKey| u32::from_be_bytes(*key.digest().as_bytes()[start..].first_chunk().unwrap());
        keys.sort_by_key(four);
        let pairs: Vec<_> = keys.windows(2).filter(|pair| four(&pair[0]) == four(&pair[1])).collect();
        pairs.iter().for_each(|pair| assert_keys_differ(&pair[0], &pair[1]));
        (pairs.len(), [0, 1].map(|index| pairs[0][index].clone()))
    });
    assert_eq!(found.each_ref().map(|(pairs, _)| *pairs), [38, 20, 28, 31, 24, 36, 33, 28]);
    assert_eq!(found[0].1.each_ref().map(ApiKey::expose_secret), SAME_CHECKSUM);
}

/// A comparison of ids: its line in `tests/contract/api.txt`, and a call of it.
type IdComparison = (&'static str, fn(KeyId, KeyId) -> bool);

const ID_COMPARISONS: &[IdComparison] = &[
    ("impl core::cmp::PartialEq for ctx_key::KeyId", |one, two| equal(&one, &two)),
    ("impl core::hash::Hash for ctx_key::KeyId", |one, two| hash(one) == hash(two)),
    ("impl core::cmp::PartialEq for ctx_key::MaskedId", |one, two| equal(&one.masked(), &two.masked())),
    ("impl core::hash::Hash for ctx_key::MaskedId", |one, two| hash(one.masked()) == hash(two.masked())),
    ("impl<P: core::cmp::PartialEq> core::cmp::PartialEq for ctx_key::KeyRecord<P>", |one, two| {
        let record = |id| KeyRecord::from_parts(id, KeyDigest::from_bytes([7; 32]), (), Scope::READ);
        equal(&record(one), &record(two))
    }),
    (
        "pub fn ctx_key::KeyRecord<P>::rotate(&mut self, &ctx_key::ApiKey, ctx_key::UnixTime, u64) -> core::result::Result<Self, ctx_key::RotateError> where P: core::clone::Clone",
        |one, two| {
            let mut record = KeyRecord::from_parts(one, KeyDigest::from_bytes([7; 32]), (), Scope::READ);
            let error =
                record.rotate(&key_of(&format!("ctx_{two}{:0>30}", "")), UnixTime::from_secs(0), 0).err();
            assert!(matches!(error, None | Some(RotateError::SameKey)), "{error:?}");
            error.is_some()
        },
    ),
];

fn hash(value: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Each character is changed, and each pair of characters is swapped.
#[test]
fn every_character_of_an_id_is_compared() {
    let text = *b"8aspm4G7VmSU";
    let mut texts = vec![text];
    for index in 0..12 {
        let digits = (0..=u8::MAX).filter(|byte| byte.is_ascii_alphanumeric() && *byte != text[index]);
        texts.extend(digits.map(|digit| {
            let mut changed = text;
            changed[index] = digit;
            changed
        }));
        texts.extend((0..index).map(|other| {
            let mut swapped = text;
            swapped.swap(index, other);
            swapped
        }));
    }
    let id = KeyId::from_bytes(text).unwrap();
    for other in texts {
        let other_id = KeyId::from_bytes(other).unwrap();
        for (item, equals) in ID_COMPARISONS {
            assert_eq!(equals(id, other_id), text == other, "{item}: {id}, {other_id}");
        }
        assert_order(id, other_id, text.cmp(&other));
    }
}

fn assert_order<T: Ord + Debug>(one: T, two: T, order: Ordering) {
    assert_eq!((one.cmp(&two), two.cmp(&one)), (order, order.reverse()), "{one:?}, {two:?}");
    assert_eq!((one.partial_cmp(&two), one < two, one <= two), (Some(order), order.is_lt(), order.is_le()));
}

#[test]
fn times_are_ordered_by_their_seconds() {
    let near = |secs: u64| [secs.saturating_sub(1), secs, secs.saturating_add(1)];
    let times: Vec<_> = EDGES.into_iter().flat_map(near).chain((0..64).map(|bit| 1 << bit)).collect();
    for (&one, &two) in times.iter().flat_map(|one| times.iter().map(move |two| (one, two))) {
        let [a, b] = [one, two].map(UnixTime::from_secs);
        assert_order(a, b, one.cmp(&two));
        assert_eq!((equal(&a, &b), hash(a) == hash(b)), (one == two, one == two), "{one}, {two}");
    }
}

#[test]
fn scopes_are_equal_only_if_their_bits_are() {
    let sets = || (0..128_u32).chain((6..32).map(|bit| 1 << bit)).chain([u32::MAX]);
    for (one, two) in sets().flat_map(|one| sets().map(move |two| (one, two))) {
        let [a, b] = [one, two].map(Scope::from_bits_retain);
        assert_eq!((equal(&a, &b), hash(a) == hash(b)), (one == two, one == two), "{a:?}, {b:?}");
    }
}

#[test]
fn records_that_differ_in_one_field_are_not_equal() {
    let [key, other] = &keys(2)[..] else { unreachable!() };
    let times = || EDGES.map(UnixTime::from_secs).map(Some).into_iter().chain([None]);
    for common in times() {
        let mut record = KeyRecord::new(key, 1, Scope::READ);
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at] = [common; 4];
        assert!(equal(&record, &record.clone()));
        let assert_compares = |change: &dyn Fn(&mut KeyRecord<u32>)| {
            let mut changed = record.clone();
            change(&mut changed);
            assert!(!equal(&record, &changed), "{record:?}, {changed:?}");
        };
        assert_compares(&|record| record.id = other.id());
        assert_compares(&|record| record.digest = *other.digest());
        assert_compares(&|record| record.project = 2);
        assert_compares(&|record| record.scopes = Scope::from_bits_retain(record.scopes.bits() | 1 << 31));
        for one in times().filter(|time| *time != common) {
            assert_compares(&|record| record.not_before = one);
            assert_compares(&|record| record.expires_at = one);
            assert_compares(&|record| record.retires_at = one);
            assert_compares(&|record| record.revoked_at = one);
        }
    }
}
