//! No error, `Debug` or `Display` contains a piece of a secret, whatever reads or holds a key.

mod common;

use core::fmt::{Debug, Display};

use common::{KEY, keys};
use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Scope, UnixTime};

/// Asserts that a text contains no four consecutive characters of the secret and the checksum.
fn assert_holds_no_secret(text: &str, key: &str) {
    for piece in key.as_bytes()[16..].windows(4) {
        let piece = str::from_utf8(piece).unwrap();
        assert!(!text.contains(piece), "{piece:?} of {key} in {text:?}");
    }
}

fn assert_error_holds_no_secret<T>(key: &str, result: Result<T, impl Debug + Display>) {
    if let Err(error) = result {
        assert_holds_no_secret(&format!("{error} {error:?} {error:#?}"), key);
    }
}

#[test]
fn debug_and_display_show_no_secret() {
    for key in keys(50) {
        let text = key.expose_secret().to_owned();
        assert_holds_no_secret(&format!("{key:?} {key:#?} {:?} {}", key.id(), key.id().masked()), &text);
        let masked = key.id().masked();
        assert_eq!(format!("{key:?} {masked:?}"), format!("ApiKey({masked}) {masked}"));
        let (id, digest) = (key.id(), key.digest());
        assert_eq!(format!("{id:?} {digest:?}"), format!("KeyId({id}) KeyDigest({digest})"));
        let mut record = KeyRecord::new(&key, "project", Scope::READ);
        assert_holds_no_secret(&format!("{record:?} {record:#?} {:?}", key.digest()), &text);
        let grant = record.verify(&key, UnixTime::MAX).unwrap();
        assert_holds_no_secret(&format!("{grant:?}"), &text);
        let denied = grant.require(Scope::WRITE).unwrap_err();
        assert_holds_no_secret(&format!("{denied} {denied:?}"), &text);
        record.revoke(UnixTime::MAX);
        let denied = record.verify(&key, UnixTime::MAX).unwrap_err();
        assert_holds_no_secret(&format!("{denied} {denied:?}"), &text);
    }
}

/// Returns the key itself, parts of it, and the key with other characters around or inside it.
fn variants(key: &str) -> Vec<String> {
    let mut all =
        vec![key.to_owned(), key.repeat(2), key.to_lowercase(), format!("\"{key}"), format!("x{key}")];
    for index in 4..52 {
        all.push(key[..index].to_owned());
        all.push(key[index..].to_owned());
        all.push(format!("{} {}", &key[..index], &key[index..]));
        all.push(format!("{}\u{e9}{}", &key[..index], &key[index + 1..]));
    }
    // as long as an id or a digest is
    all.extend((4..40).map(|index| key[index..index + 12].to_owned()));
    all.push(format!("{key}{}", &key[..12]));
    all
}

#[test]
fn no_error_of_a_parser_repeats_its_input() {
    for input in variants(KEY) {
        assert_error_holds_no_secret(KEY, ApiKey::parse(&input));
        assert_error_holds_no_secret(KEY, ApiKey::parse(&input).map_err(ctx_key::Denied::from));
        assert_error_holds_no_secret(KEY, ApiKey::parse_pasted(&input));
        assert_error_holds_no_secret(KEY, input.parse::<KeyId>());
        assert_error_holds_no_secret(KEY, KeyId::try_from(input.as_bytes()));
        assert_error_holds_no_secret(KEY, input.parse::<KeyDigest>());
        assert_error_holds_no_secret(KEY, KeyDigest::try_from(input.as_bytes()));
        assert_error_holds_no_secret(KEY, input.parse::<Scope>());
        assert_error_holds_no_secret(KEY, Scope::parse_list(&input));
    }
}

#[cfg(feature = "serde")]
#[test]
fn no_error_of_serde_repeats_a_key() {
    assert_serde_errors_hold_no_secret([KEY.to_owned()]);
}

#[cfg(feature = "serde")]
#[test]
#[ignore = "exhaustive: each part of a key, in each field"]
fn no_error_of_serde_repeats_a_part_of_a_key() {
    assert_serde_errors_hold_no_secret(variants(KEY));
}

/// Puts each input where another value belongs. Formats and serde itself quote the input that they refuse.
#[cfg(feature = "serde")]
fn assert_serde_errors_hold_no_secret(inputs: impl IntoIterator<Item = String>) {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    fn read<T: DeserializeOwned>(json: &Value) {
        assert_error_holds_no_secret(KEY, serde_json::from_value::<T>(json.clone()));
        assert_error_holds_no_secret(KEY, serde_json::from_str::<T>(&json.to_string()));
        assert_error_holds_no_secret(KEY, serde_json::from_reader::<_, T>(json.to_string().as_bytes()));
        if let Value::String(text) = json {
            let mut buffer = [0; 256];
            let bytes = postcard::to_slice(text, &mut buffer).unwrap();
            assert_error_holds_no_secret(KEY, postcard::from_bytes::<T>(bytes));
        }
    }

    let record = serde_json::to_value(KeyRecord::new(&keys(1)[0], 1, Scope::READ)).unwrap();
    for input in inputs {
        let mut jsons = vec![
            json!(input),
            json!([input]),
            json!(["chats:read", input]),
            json!({ &input: 1 }),
            json!({ "id": input }),
            json!({ "key": [{ "nested": input }] }),
        ];
        for field in [
            "id",
            "digest",
            "project",
            "scopes",
            "not_before",
            "expires_at",
            "retires_at",
            "revoked_at",
            &input,
        ] {
            for value in [json!(input), json!([input]), json!({ &input: input })] {
                let mut record = record.clone();
                record[field] = value;
                jsons.push(record);
            }
        }
        for json in &jsons {
            read::<ApiKey>(json);
            read::<KeyId>(json);
            read::<KeyDigest>(json);
            read::<Scope>(json);
            read::<UnixTime>(json);
            read::<KeyRecord<u64>>(json);
            read::<KeyRecord<serde::de::IgnoredAny>>(json);
            read::<Vec<KeyRecord<bool>>>(&json!([json]));
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn no_error_of_serde_repeats_a_number() {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    fn errors<T: DeserializeOwned>(json: &serde_json::Value) -> String {
        let value = serde_json::from_value::<T>(json.clone()).err().map(|error| error.to_string());
        let text =
            serde_json::from_slice::<T>(json.to_string().as_bytes()).err().map(|error| error.to_string());
        format!("{value:?} {text:?}")
    }

    for json in [json!(4_711_071), json!(-4_711_071), json!(4_711_071.5), json!([4_711_071])] {
        for errors in [
            errors::<ApiKey>(&json),
            errors::<KeyId>(&json),
            errors::<KeyDigest>(&json),
            errors::<Scope>(&json),
            errors::<KeyRecord<()>>(&json),
        ] {
            assert!(!errors.contains("4711071") && errors.contains("expected"), "{errors}");
        }
    }
}
