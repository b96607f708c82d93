//! Well-formed keys, ids and digests parse, and nothing else does.

mod common;

use common::{KEY, keys, models};
use ctx_key::{ApiKey, KeyDigest, KeyId, ParseKeyError};
use proptest::prelude::*;

#[test]
fn every_substitution_of_one_byte_is_refused() {
    for key in keys(4) {
        let whole = key.expose_secret().as_bytes();
        for index in 0..52 {
            for byte in (0..=u8::MAX).filter(|byte| *byte != whole[index]) {
                let mut changed = whole.to_owned();
                changed[index] = byte;
                let error = ApiKey::parse(&changed).unwrap_err();
                let expected = match index {
                    0..4 => ParseKeyError::Prefix,
                    _ if !byte.is_ascii_alphanumeric() => ParseKeyError::Character { index },
                    _ => ParseKeyError::Checksum,
                };
                assert_eq!(error, expected, "index {index}, byte {byte:#x}");
            }
        }
    }
}

#[test]
fn every_swap_of_neighbours_is_refused() {
    for key in keys(100) {
        let whole = key.expose_secret().as_bytes();
        for index in 0..51 {
            let mut swapped = whole.to_owned();
            swapped.swap(index, index + 1);
            assert_eq!(ApiKey::parse(&swapped).is_ok(), swapped == whole);
        }
    }
}

/// A checksum has one spelling: a value above 2³² - 1 is not taken modulo 2³².
#[test]
fn a_checksum_beyond_32_bits_is_refused() {
    let (body, checksum) = KEY.split_at(46);
    let number = base62::decode(checksum).unwrap();
    for multiple in 1..=13 {
        let alias = base62::encode(number + (multiple << 32));
        if alias.len() == 6 {
            assert_eq!(ApiKey::parse(format!("{body}{alias}")), Err(ParseKeyError::Checksum));
        }
    }
}

#[test]
fn two_keys_are_equal_only_if_their_texts_are() {
    for (a, one) in keys(20).iter().enumerate() {
        for (b, two) in keys(20).iter().enumerate() {
            assert_eq!(one == two, a == b);
            assert_eq!(one.digest().matches(two), a == b);
        }
        assert_eq!(one.clone(), *one);
    }
}

proptest! {
    #[test]
    fn any_bytes_parse_as_modelled(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(ApiKey::parse(&bytes).map(|_| ()), models::parse(&bytes));
    }

    #[test]
    fn any_bytes_after_the_prefix_parse_as_modelled(bytes in prop::collection::vec(any::<u8>(), 40..56)) {
        let text = [b"ctx_", &bytes[..]].concat();
        prop_assert_eq!(ApiKey::parse(&text).map(|_| ()), models::parse(&text));
    }

    #[test]
    fn a_text_of_the_right_shape_is_a_key_only_with_its_checksum(text in "ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}") {
        prop_assert_eq!(ApiKey::parse(&text).map(|_| ()), models::parse(text.as_bytes()));
        let digest = KeyDigest::from_bytes(models::digest(text.as_bytes()));
        let key = ApiKey::parse(format!("{}{}", &text[..46], models::checksum(text.as_bytes())));
        prop_assert_eq!(key.as_ref().map(ApiKey::digest), Ok(&digest));
    }

    #[test]
    fn the_text_of_a_key_parses_to_the_same_key(seed in any::<u8>()) {
        let key = ApiKey::generate_from_rng(&mut common::rng(seed));
        let again = ApiKey::parse(key.expose_secret()).unwrap();
        prop_assert_eq!(again.expose_secret(), key.expose_secret());
        prop_assert_eq!(again.digest(), key.digest());
        prop_assert_eq!(again.id(), key.id());
        prop_assert_eq!(key.id().to_string(), &key.expose_secret()[4..16]);
    }

    #[test]
    fn an_id_is_written_as_it_was_read(text in "[0-9A-Za-z]{12}") {
        let id: KeyId = text.parse().unwrap();
        prop_assert_eq!(id.to_string(), &text[..]);
        prop_assert_eq!(KeyId::try_from(text.as_bytes()), Ok(id));
        prop_assert_eq!(id.masked().to_string(), format!("ctx_{text}***"));
    }

    #[test]
    fn an_id_is_12_letters_and_digits(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let is_id = bytes.len() == 12 && bytes.iter().all(u8::is_ascii_alphanumeric);
        prop_assert_eq!(KeyId::try_from(&bytes[..]).is_ok(), is_id);
    }

    #[test]
    fn a_digest_is_written_as_it_was_read(bytes in any::<[u8; 32]>()) {
        let digest = KeyDigest::from_bytes(bytes);
        prop_assert_eq!(digest.to_string(), bytes.map(|byte| format!("{byte:02x}")).concat());
        prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        prop_assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        prop_assert_eq!(KeyDigest::try_from(&bytes[..]), Ok(digest));
        prop_assert_eq!(digest.as_bytes(), &bytes);
    }

    #[test]
    fn a_digest_in_text_is_64_hexadecimal_digits(text in "[0-9a-fA-Fg]{63,65}|.{0,70}") {
        let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        prop_assert_eq!(text.parse::<KeyDigest>().is_ok(), is_digest);
    }
}

/// Each pair of bytes has the same change, which a comparison by exclusive or could cancel out.
#[test]
fn two_digests_are_equal_only_if_all_their_bytes_are() {
    let digest = KeyDigest::from_bytes([0; 32]);
    for (one, two) in (0..32).flat_map(|one| (0..one).map(move |two| (one, two))) {
        let mut bytes = [0; 32];
        (bytes[one], bytes[two]) = (1, 1);
        assert_ne!(digest, KeyDigest::from_bytes(bytes), "{one} and {two}");
    }
}

/// Tables show ids and digests, so width and alignment apply to both.
#[test]
fn ids_and_digests_can_be_aligned() {
    let key = ApiKey::parse(KEY).unwrap();
    assert_eq!(format!("{:>14}|", key.id()), "  8aspm4G7VmSU|");
    assert_eq!(format!("{:<66}|", key.digest()), format!("{}  |", key.digest()));
}
