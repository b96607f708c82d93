//! The library passes the cases of `tests/vectors`, which an independent program wrote. `bearer.json` and `leaks.json` are
//! in `bearer.rs`, `scan.rs` and `redacting_writer.rs`.

mod common;

use common::{KEY, keys, latin_1, vectors};
use ctx_key::{ApiKey, KeyRecord, ParseKeyError, Scope, UnixTime};
use serde_json::Value;

#[test]
fn keys_parse_as_the_vectors_say() {
    let cases = vectors("keys");
    for case in &cases {
        let input = latin_1(&case["input"]);
        assert_parsed(case, ApiKey::parse(&input));
        assert_eq!(ApiKey::try_from(&input[..]), ApiKey::parse(&input));
        if let Ok(input) = str::from_utf8(&input) {
            assert_eq!(input.parse(), ApiKey::parse(input));
            assert_eq!(ApiKey::try_from(input), ApiKey::parse(input));
        }
    }
    assert_eq!(cases.len(), 289);
}

#[test]
fn pasted_keys_are_repaired_as_the_vectors_say() {
    let cases = vectors("pasted");
    for case in &cases {
        assert_parsed(case, ApiKey::parse_pasted(text(case, "input")));
    }
    assert_eq!(cases.len(), 246);
}

fn assert_parsed(case: &Value, found: Result<ApiKey, ParseKeyError>) {
    let detail = || usize::try_from(case["detail"].as_u64().unwrap()).unwrap();
    let expected = match case["error"].as_str() {
        None => {
            let key = found.unwrap_or_else(|error| panic!("{error}: {case}"));
            assert_eq!(key.id().as_str(), case["ok"]["id"], "{case}");
            assert_eq!(key.digest().to_string(), case["ok"]["digest"], "{case}");
            assert!(text(case, "input").contains(key.expose_secret()), "{case}");
            return;
        }
        Some("prefix") => ParseKeyError::Prefix,
        Some("length") => ParseKeyError::Length { found: detail() },
        Some("character") => ParseKeyError::Character { index: detail() },
        Some("checksum") => ParseKeyError::Checksum,
        Some(other) => panic!("{other}"),
    };
    assert_eq!(found, Err(expected), "{case}");
}

#[test]
fn scopes_are_written_read_and_granted_as_the_vectors_say() {
    let mut kinds = [0; 4];
    for case in vectors("scopes") {
        let bits = case["bits"].as_u64().map(|bits| u32::try_from(bits).unwrap());
        if let Some(text) = case["text"].as_str() {
            let scope = Scope::from_bits(bits.unwrap()).unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(text.parse(), Ok(scope));
            kinds[0] += 1;
        } else if let Some(input) = case["input"].as_str() {
            assert_eq!(input.parse::<Scope>().ok().map(|scope| scope.bits()), bits, "{case}");
            kinds[1] += 1;
        } else if let Some(list) = case["list"].as_str() {
            assert_eq!(Scope::parse_list(list).ok().map(|scope| scope.bits()), bits, "{case}");
            kinds[2] += 1;
        } else {
            let set =
                |name: &str| Scope::from_bits_retain(u32::try_from(case[name].as_u64().unwrap()).unwrap());
            assert_eq!(set("granted").grants(set("required")), case["grants"], "{case}");
            assert_eq!(set("granted").missing(set("required")), set("missing"), "{case}");
            kinds[3] += 1;
        }
    }
    assert_eq!(kinds[0], 64, "the text of each set of the six scopes is a case");
    assert!(kinds.into_iter().all(|kind| kind > 8), "{kinds:?}");
}

#[test]
fn records_change_as_the_vectors_say() {
    let key = ApiKey::parse(KEY).unwrap();
    let other = &keys(1)[0];
    let secs = |value: &Value| value.as_u64().map(UnixTime::from_secs);
    let record = |value: &Value| {
        let mut record = KeyRecord::new(&key, "project", Scope::READ);
        record.not_before = secs(&value["not_before"]);
        record.expires_at = secs(&value["expires_at"]);
        record.retires_at = secs(&value["retires_at"]);
        record.revoked_at = secs(&value["revoked_at"]);
        record
    };
    let mut kinds = [0; 4];
    for case in vectors("records") {
        let mut old = record(&case["record"]);
        let now = secs(&case["now"]);
        let presented = if case["same_key"] == true { &key } else { other };
        if let Some(state) = case["state"].as_str() {
            let verified = match old.verify(presented, now.unwrap()) {
                Ok(grant) => (None, grant.expires_at()),
                Err(denied) => (Some(format!("{:?}", denied.reason())), None),
            };
            assert_eq!(
                verified,
                (case["reason"].as_str().map(str::to_owned), secs(&case["grant_ends"])),
                "{case}"
            );
            assert_eq!(format!("{:?}", old.state(now.unwrap())), state, "{case}");
            kinds[0] += 1;
        } else if let Some(ops) = case["ops"].as_array() {
            for op in ops {
                match op[0].as_str().unwrap() {
                    "retire_at" => old.retire_at(secs(&op[1]).unwrap()),
                    "revoke" => old.revoke(secs(&op[1]).unwrap()),
                    op => panic!("{op}"),
                }
            }
            assert_eq!(old, record(&case["after"]), "{case}");
            kinds[1] += 1;
        } else {
            let before = old.clone();
            let rotated = old.rotate(presented, now.unwrap(), case["overlap"].as_u64().unwrap());
            if let Some(error) = case["rotate_error"].as_str() {
                assert_eq!(format!("{:?}", rotated.unwrap_err()), error, "{case}");
                assert_eq!(old, before, "a refused rotation changes nothing: {case}");
                kinds[2] += 1;
            } else {
                let mut new = record(&case["new"]);
                (new.id, new.digest) = (other.id(), *other.digest());
                assert_eq!(rotated, Ok(new), "{case}");
                assert_eq!(old, record(&case["old"]), "{case}");
                kinds[3] += 1;
            }
        }
    }
    assert!(kinds.into_iter().all(|kind| kind > 8), "{kinds:?}");
    assert_eq!(kinds.iter().sum::<u32>(), 210);
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}
