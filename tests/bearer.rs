//! A request's `Authorization` header is read as specified: to one key, or to the documented refusal.

mod common;

use chacha20::ChaCha20Rng;
use common::{KEY, keys, latin_1, models, vectors};
use ctx_key::{ApiKey, Denied, KeyRecord, ParseKeyError, Reason, Scope, UnixTime, bearer};
use proptest::prelude::*;
use rand_core::Rng;

#[test]
fn headers_are_read_as_the_vectors_say() {
    let cases = vectors("bearer");
    for case in &cases {
        let values: Vec<Vec<u8>> = case["values"].as_array().unwrap().iter().map(latin_1).collect();
        let found = bearer::parse(&values);
        let status = found.as_ref().map_or_else(Denied::status, |_| 200);
        assert_eq!(status, case["status"], "{case}");
        match found {
            Ok(key) => assert_eq!(key.id().as_str(), case["id"], "{case}"),
            Err(denied) => {
                let error = case["error"].as_str().map(|error| format!(", error=\"{error}\""));
                let expected = format!("Bearer realm=\"r\"{}", error.unwrap_or_default());
                assert_eq!(denied.challenge("r").to_string(), expected, "{case}");
            }
        }
    }
    assert_eq!(cases.len(), 156);
}

fn assert_matches_model(values: &[Vec<u8>]) {
    assert_eq!(bearer::parse(values).map_err(|denied| denied.reason()), models::bearer(values));
}

#[test]
fn a_value_of_more_than_8192_bytes_is_malformed() {
    for (before, spaces, after) in
        [(0, 8134, 0), (0, 8135, 0), (9000, 8134, 9000), (3, 8135, 3), (0, 1, 8192)]
    {
        let value = [&" ".repeat(before), "Bearer", &" ".repeat(spaces), KEY, &"\t".repeat(after)].concat();
        let is_key = bearer::parse([&value]).is_ok();
        assert_eq!(is_key, spaces <= 8134, "{before} {spaces} {after}");
        assert_matches_model(&[value.into_bytes()]);
    }
    for length in [8185, 8186, 100_000] {
        assert_matches_model(&[[b"Bearer ", &vec![b'x'; length][..]].concat()]);
        assert_matches_model(&[[b"Bearer ", KEY.as_bytes(), &vec![b'x'; length][..]].concat()]);
    }
}

#[test]
fn a_value_with_one_byte_changed_inserted_or_removed_is_read_as_specified() {
    let valid = format!("Bearer {KEY}").into_bytes();
    for index in 0..=valid.len() {
        for byte in 0..=u8::MAX {
            let mut inserted = valid.clone();
            inserted.insert(index, byte);
            assert_matches_model(&[inserted]);
            if index < valid.len() {
                let mut changed = valid.clone();
                changed[index] = byte;
                assert_matches_model(&[changed]);
            }
        }
        if index < valid.len() {
            let mut shorter = valid.clone();
            shorter.remove(index);
            assert_matches_model(&[shorter]);
        }
    }
}

#[test]
fn the_key_that_was_sent_is_the_key_that_is_read() {
    for key in keys(100) {
        assert_eq!(bearer::parse([format!("bearer  {}\t", key.expose_secret())]), Ok(key));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_specified(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3)) {
        assert_matches_model(&values);
    }

    #[test]
    fn any_order_of_the_parts_of_a_value_is_read_as_specified(
        parts in prop::collection::vec(prop::sample::select(&[
            "Bearer", "bearer", "BEARER", "Basic", " ", " ", "  ", "\t", ",", KEY, "ctx_", "x", "\"", "\r\n", "\u{b}", "\u{e9}",
        ][..]), 0..7),
    ) {
        assert_matches_model(&[parts.concat().into_bytes()]);
    }
}

#[test]
#[ignore = "exhaustive: a million requests"]
fn no_request_without_the_key_is_granted() {
    let key = &keys(1)[0];
    let record = KeyRecord::new(key, (), Scope::all());
    let secret = key.expose_secret().as_bytes();
    let mut rng = common::rng(9);
    let mut mismatches = [0; 5];
    for round in 0..1_000_000_u32 {
        let mut token = secret.to_vec();
        let below = |rng: &mut ChaCha20Rng, bound: usize| rng.next_u32() as usize % bound;
        match round % 5 {
            // some bytes are changed
            0 => {
                for _ in 0..=below(&mut rng, 4) {
                    let index = below(&mut rng, 52);
                    token[index] = secret[index].wrapping_add(1 + below(&mut rng, 255) as u8);
                }
            }
            // the token is too short, or too long
            1 => token.truncate(below(&mut rng, 52)),
            2 => token.extend((0..=below(&mut rng, 20)).map(|_| b'0')),
            // random bytes
            3 => rng.fill_bytes(&mut token),
            // the right id and checksum, with another secret
            _ => {
                token[16..46]
                    .copy_from_slice(&ApiKey::generate_from_rng(&mut rng).expose_secret().as_bytes()[16..46]);
                let checksum = models::checksum(&token);
                token[46..].copy_from_slice(checksum.as_bytes());
            }
        }
        let value = [b"Bearer ", &token[..]].concat();
        let denied = bearer::parse([value]).and_then(|key| record.verify(&key, UnixTime::MAX).map(drop));
        let denied = denied.expect_err("a request without the key is refused");
        mismatches[round as usize % 5] += u32::from(denied.reason() == Reason::DigestMismatch);
    }
    assert_eq!(mismatches, [0, 0, 0, 0, 200_000], "only well-formed keys reach the comparison of digests");
}

#[test]
fn values_may_be_strings_or_bytes_in_any_iterator() {
    assert!(bearer::parse([format!("Bearer {KEY}")].iter()).is_ok());
    assert!(bearer::parse(Some(format!("Bearer {KEY}").as_bytes())).is_ok());
    assert!(bearer::parse(None::<&str>).is_err());
    let wrong = bearer::parse(["Bearer ctx_"]).unwrap_err();
    assert_eq!(wrong.reason(), Reason::Key(ParseKeyError::Length { found: 4 }));
}

#[cfg(feature = "http")]
mod headers {
    use super::*;
    use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

    /// A function that reads headers: its line in `tests/contract/api.txt`, and a call of it.
    type Reader = (&'static str, fn(&HeaderMap) -> Result<ApiKey, Denied>);

    const READERS: &[Reader] = &[
        (
            "pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
            bearer::parse_headers,
        ),
        (
            "pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
            |headers| bearer::parse(headers.get_all(AUTHORIZATION)),
        ),
    ];

    /// Returns headers in which other programs send keys, and names that resemble `Authorization`.
    fn other_names() -> Vec<HeaderName> {
        let mut names: Vec<String> =
            "proxy-authorization x-authorization x-forwarded-authorization x-original-authorization \
            x-api-key api-key apikey x-apikey x-key key x-memorykit-api-key memorykit-api-key \
            memorykit_api_key x-ctx-key ctx-key x-access-token access-token x-auth-token auth-token \
            token x-token bearer auth x-auth x-auth-key authentication authentication-info \
            www-authenticate proxy-authenticate cookie set-cookie sec-websocket-protocol x-goog-api-key \
            x-amz-security-token ocp-apim-subscription-key private-token from referer forwarded \
            x-forwarded-uri x-original-url user-agent host te trailer via"
                .split(' ')
                .map(String::from)
                .collect();
        let name = AUTHORIZATION.as_str();
        names.extend((0..name.len()).flat_map(|index| {
            let (before, after) = name.split_at(index);
            let rest = &after[1..];
            [
                format!("{before}{rest}"),
                format!("{before}-{rest}"),
                format!("{before}x{rest}"),
                format!("{before}-{after}"),
            ]
        }));
        names.extend(["-", "_", "s", "x", "-key", "2"].map(|end| format!("{name}{end}")));
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A key in another header changes nothing, whether `Authorization` is missing, is malformed or has a key itself.
    #[test]
    fn no_other_header_is_read() {
        let [other, sent] = &keys(2)[..] else { unreachable!() };
        let value = |text: String| HeaderValue::try_from(text).unwrap();
        let elsewhere = [
            other.to_header_value(),
            value(other.expose_secret().to_owned()),
            value(format!("key={}", other.expose_secret())),
        ];
        let cases = [
            (None, Err(Reason::MissingCredentials)),
            (Some(value(String::new())), Err(Reason::MissingCredentials)),
            (Some(value("Basic x".to_owned())), Err(Reason::MissingCredentials)),
            (Some(value("Bearer".to_owned())), Err(Reason::MalformedHeader)),
            (Some(value("Bearer x".to_owned())), Err(Reason::Key(ParseKeyError::Prefix))),
            (Some(sent.to_header_value()), Ok(sent.clone())),
        ];
        for (authorization, expected) in &cases {
            let mut all = HeaderMap::new();
            for (name, value) in
                other_names().iter().flat_map(|name| elsewhere.iter().map(move |value| (name, value)))
            {
                let mut one = HeaderMap::new();
                for headers in [&mut one, &mut all] {
                    headers.append(name, value.clone());
                    authorization.iter().for_each(|value| drop(headers.insert(AUTHORIZATION, value.clone())));
                    for (item, read) in READERS {
                        let found = read(headers).map_err(|denied| denied.reason());
                        assert_eq!(found, *expected, "{item}: {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn several_values_are_refused_whatever_they_are() {
        let key = format!("Bearer {KEY}");
        let values = [&key, "", " ", "Basic x", "Bearer", "Bearer x", KEY]
            .map(|value| HeaderValue::from_str(value).unwrap());
        let assert_refused = |values: &[&HeaderValue]| {
            let mut headers = HeaderMap::new();
            headers.extend(values.iter().map(|value| (AUTHORIZATION, (*value).clone())));
            for (item, read) in READERS {
                let reason = read(&headers).map_err(|denied| denied.reason());
                assert_eq!(reason, Err(Reason::MalformedHeader), "{item}: {} values", values.len());
            }
        };
        for (one, two) in values.iter().flat_map(|one| values.iter().map(move |two| (one, two))) {
            assert_refused(&[one, two]);
            values.iter().for_each(|three| assert_refused(&[one, two, three]));
        }
        (2..=200).for_each(|count| assert_refused(&vec![&values[0]; count]));
    }

    #[test]
    fn all_values_of_a_map_are_read() {
        for case in vectors("bearer") {
            let values: Vec<Vec<u8>> = case["values"].as_array().unwrap().iter().map(latin_1).collect();
            let mut map = HeaderMap::new();
            let is_representable = values.iter().all(|value| {
                HeaderValue::from_bytes(value).is_ok_and(|value| {
                    map.append(AUTHORIZATION, value);
                    true
                })
            });
            if is_representable {
                assert_eq!(bearer::parse_headers(&map), bearer::parse(&values), "{case}");
            }
        }
    }

    #[test]
    fn the_header_value_of_a_key_is_sensitive() {
        for key in keys(20) {
            let value = key.to_header_value();
            assert!(value.is_sensitive());
            assert_eq!(format!("{value:?}"), "Sensitive");
            assert_eq!(value, format!("Bearer {}", key.expose_secret()));
            assert_eq!(bearer::parse([value]), Ok(key));
        }
    }

    #[test]
    fn the_header_value_of_a_refusal_is_its_challenge_for_any_realm() {
        for realm in ["", "MemoryKit", "a \"b\" \\", "\r\nSet-Cookie: a=b", "\u{0}\u{7f}\u{80}é漢\u{1f511}"]
        {
            let denied = Denied::unknown_key();
            assert_eq!(denied.to_header_value(realm), denied.challenge(realm).to_string());
        }
    }
}
