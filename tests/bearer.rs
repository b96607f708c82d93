//! From the `Authorization` header to a key, or to the right answer.

mod common;

use chacha20::ChaCha20Rng;
use common::{KEY, keys, models, vectors};
use ctx_key::{ApiKey, Denied, KeyRecord, ParseKeyError, Reason, Scope, UnixTime, bearer};
use proptest::prelude::*;
use rand_core::Rng;

#[test]
fn headers_parse_as_written() {
    let cases = vectors("bearer");
    for case in &cases {
        let values: Vec<Vec<u8>> = case["values"].as_array().unwrap().iter().map(bytes).collect();
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

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn assert_as_modelled(values: &[Vec<u8>]) {
    assert_eq!(bearer::parse(values).map_err(|denied| denied.reason()), models::bearer(values));
}

#[test]
fn the_longest_value() {
    for (before, spaces, after) in
        [(0, 8134, 0), (0, 8135, 0), (9000, 8134, 9000), (3, 8135, 3), (0, 1, 8192)]
    {
        let value = [&" ".repeat(before), "Bearer", &" ".repeat(spaces), KEY, &"\t".repeat(after)].concat();
        let is_key = bearer::parse([&value]).is_ok();
        assert_eq!(is_key, spaces <= 8134, "{before} {spaces} {after}");
        assert_as_modelled(&[value.into_bytes()]);
    }
    for length in [8185, 8186, 100_000] {
        assert_as_modelled(&[[b"Bearer ", &vec![b'x'; length][..]].concat()]);
        assert_as_modelled(&[[b"Bearer ", KEY.as_bytes(), &vec![b'x'; length][..]].concat()]);
    }
}

/// Every way to change, insert or take out one byte of a good value.
#[test]
fn one_byte_off() {
    let good = format!("Bearer {KEY}").into_bytes();
    for index in 0..=good.len() {
        for byte in 0..=u8::MAX {
            let mut inserted = good.clone();
            inserted.insert(index, byte);
            assert_as_modelled(&[inserted]);
            if index < good.len() {
                let mut changed = good.clone();
                changed[index] = byte;
                assert_as_modelled(&[changed]);
            }
        }
        if index < good.len() {
            let mut shorter = good.clone();
            shorter.remove(index);
            assert_as_modelled(&[shorter]);
        }
    }
}

/// The key of a value is not one from elsewhere: each comes back as it was sent.
#[test]
fn every_key_is_read() {
    for key in keys(100) {
        assert_eq!(bearer::parse([format!("bearer  {}\t", key.expose_secret())]), Ok(key));
    }
}

proptest! {
    #[test]
    fn any_values(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3)) {
        assert_as_modelled(&values);
    }

    #[test]
    fn any_value_made_of_the_right_parts(
        parts in prop::collection::vec(prop::sample::select(&[
            "Bearer", "bearer", "BEARER", "Basic", " ", " ", "  ", "\t", ",", KEY, "ctx_", "x", "\"", "\r\n", "\u{b}", "\u{e9}",
        ][..]), 0..7),
    ) {
        assert_as_modelled(&[parts.concat().into_bytes()]);
    }
}

/// Requests of someone who does not have the key. None is granted anything, and none panics.
#[test]
#[ignore = "exhaustive: a million requests"]
fn a_million_hostile_requests() {
    let key = &keys(1)[0];
    let record = KeyRecord::new(key, (), Scope::all());
    let secret = key.expose_secret().as_bytes();
    let mut rng = common::rng(9);
    let mut mismatches = [0; 5];
    for round in 0..1_000_000_u32 {
        let mut token = secret.to_vec();
        let below = |rng: &mut ChaCha20Rng, bound: usize| rng.next_u32() as usize % bound;
        match round % 5 {
            // characters changed
            0 => {
                for _ in 0..=below(&mut rng, 4) {
                    let index = below(&mut rng, 52);
                    token[index] = secret[index].wrapping_add(1 + below(&mut rng, 255) as u8);
                }
            }
            // cut off, or longer
            1 => token.truncate(below(&mut rng, 52)),
            2 => token.extend((0..=below(&mut rng, 20)).map(|_| b'0')),
            // nothing but bytes
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
        let denied = denied.expect_err("no key, no grant");
        mismatches[round as usize % 5] += u32::from(denied.reason() == Reason::DigestMismatch);
    }
    assert_eq!(mismatches, [0, 0, 0, 0, 200_000], "the last kind gets as far as the digest, and no further");
}

#[test]
fn any_kind_of_values() {
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

    /// A function that reads headers, as its line in `tests/contract/api.txt`.
    type ReadHeaders = (&'static str, fn(&HeaderMap) -> Result<ApiKey, Denied>);

    const HEADERS: &[ReadHeaders] = &[
        (
            "pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
            bearer::parse_headers,
        ),
        (
            "pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
            |headers| bearer::parse(headers.get_all(AUTHORIZATION)),
        ),
    ];

    /// Headers in which other programs send keys, and names that resemble the right one.
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

    /// A key in any other header is not read, also if the right one is not there, is malformed, or has another key.
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
                    for (reader, read) in HEADERS {
                        let found = read(headers).map_err(|denied| denied.reason());
                        assert_eq!(found, *expected, "{reader}: {name}");
                    }
                }
            }
        }
    }

    /// Several values are refused, whatever they are.
    #[test]
    fn only_one_value_is_read() {
        let key = format!("Bearer {KEY}");
        let values = [&key, "", " ", "Basic x", "Bearer", "Bearer x", KEY]
            .map(|value| HeaderValue::from_str(value).unwrap());
        let assert_refused = |values: &[&HeaderValue]| {
            let mut headers = HeaderMap::new();
            headers.extend(values.iter().map(|value| (AUTHORIZATION, (*value).clone())));
            for (reader, read) in HEADERS {
                let reason = read(&headers).map_err(|denied| denied.reason());
                assert_eq!(reason, Err(Reason::MalformedHeader), "{reader}: {} values", values.len());
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
            let values: Vec<Vec<u8>> = case["values"].as_array().unwrap().iter().map(bytes).collect();
            let mut map = HeaderMap::new();
            let sent = values.iter().all(|value| {
                HeaderValue::from_bytes(value).is_ok_and(|value| {
                    map.append(AUTHORIZATION, value);
                    true
                })
            });
            if sent {
                assert_eq!(bearer::parse_headers(&map), bearer::parse(&values), "{case}");
            }
        }
    }

    #[test]
    fn a_key_is_sent_in_a_sensitive_value() {
        for key in keys(20) {
            let value = key.to_header_value();
            assert!(value.is_sensitive());
            assert_eq!(format!("{value:?}"), "Sensitive");
            assert_eq!(value, format!("Bearer {}", key.expose_secret()));
            assert_eq!(bearer::parse([value]), Ok(key));
        }
    }

    #[test]
    fn every_realm_gives_the_challenge() {
        for realm in ["", "MemoryKit", "a \"b\" \\", "\r\nSet-Cookie: a=b", "\u{0}\u{7f}\u{80}é漢\u{1f511}"]
        {
            let denied = Denied::unknown_key();
            assert_eq!(denied.to_header_value(realm), denied.challenge(realm).to_string());
        }
    }
}
