//! Each value has one serde form in every format. The formats here are JSON, JSON without an allocator, and a binary
//! format that is not self-describing.
#![cfg(feature = "serde")]

mod common;

use common::{EDGES, KEY, keys};
use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Writes and reads a value in each format, and returns the JSON.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(value: &T) -> Value {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    assert_eq!(&serde_json::from_reader::<_, T>(text.as_bytes()).unwrap(), value);
    let json = serde_json::to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), value);

    let mut buffer = [0; 2048];
    let length = serde_json_core::to_slice(value, &mut buffer).unwrap();
    assert_eq!(str::from_utf8(&buffer[..length]).unwrap(), text);
    assert_eq!(&serde_json_core::from_slice::<T>(&buffer[..length]).unwrap().0, value);

    let bytes = postcard::to_slice(value, &mut buffer).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(bytes).unwrap(), value);
    json
}

/// Returns the error of deserializing `json`, without the position that the parser of JSON text adds.
fn error<T: DeserializeOwned>(json: Value) -> String {
    let from_text = serde_json::from_str::<T>(&json.to_string()).map(|_| ()).unwrap_err().to_string();
    let from_value = serde_json::from_value::<T>(json).map(|_| ()).unwrap_err().to_string();
    assert!(from_text.starts_with(&from_value), "{from_text}: {from_value}");
    from_value
}

fn record() -> KeyRecord<u64> {
    let mut record =
        KeyRecord::new(&ApiKey::parse(KEY).unwrap(), 17, Scope::MEMORIES_READ | Scope::USERS_WRITE);
    record.expires_at = Some(UnixTime::MAX);
    record.retires_at = Some(UnixTime::from_secs(0));
    record
}

fn record_json() -> Value {
    json!({
        "id": "8aspm4G7VmSU",
        "digest": ApiKey::parse(KEY).unwrap().digest().to_string(),
        "project": 17,
        "scopes": ["memories:read", "users:write"],
        "not_before": null,
        "expires_at": 18_446_744_073_709_551_615_u64,
        "retires_at": 0,
        "revoked_at": null,
    })
}

#[test]
fn a_record_is_a_map_of_its_field_names() {
    assert_eq!(round_trip(&record()), record_json());
}

#[test]
fn absent_times_may_be_left_out() {
    let mut json = record_json();
    let map = json.as_object_mut().unwrap();
    map.remove("not_before");
    map.remove("revoked_at");
    assert_eq!(serde_json::from_value::<KeyRecord<u64>>(json).unwrap(), record());
}

/// No time means "absent", not even 0 or the latest one.
#[test]
fn each_time_keeps_its_field_and_value() {
    let fields = ["not_before", "expires_at", "retires_at", "revoked_at"];
    for field in fields {
        for secs in [0, 1, u64::from(u32::MAX), 1 << 63, u64::MAX] {
            let mut json = record_json();
            for other in fields {
                json[other] = if other == field { json!(secs) } else { Value::Null };
            }
            let mut expected = record();
            (expected.expires_at, expected.retires_at) = (None, None);
            let slot = match field {
                "not_before" => &mut expected.not_before,
                "expires_at" => &mut expected.expires_at,
                "retires_at" => &mut expected.retires_at,
                _ => &mut expected.revoked_at,
            };
            *slot = Some(UnixTime::from_secs(secs));
            assert_eq!(serde_json::from_value::<KeyRecord<u64>>(json.clone()).unwrap(), expected);
            assert_eq!(round_trip(&expected), json);
        }
    }
}

#[test]
fn a_record_with_a_wrong_field_is_refused() {
    let changed = |change: fn(&mut serde_json::Map<String, Value>)| {
        let mut json = record_json();
        change(json.as_object_mut().unwrap());
        error::<KeyRecord<u64>>(json)
    };
    let fields =
        "a key record has id, digest, project, scopes, not_before, expires_at, retires_at and revoked_at";
    assert_eq!(changed(|map| drop(map.insert("note".into(), json!(1)))), format!("unknown field; {fields}"));
    for field in ["id", "digest", "project", "scopes"] {
        let mut json = record_json();
        json.as_object_mut().unwrap().remove(field);
        assert_eq!(error::<KeyRecord<u64>>(json), format!("missing field `{field}`"));
    }
    let expected = "expected whole seconds since the Unix epoch, as an integer";
    for time in [json!(-1), json!(1.5), json!("1"), json!([1])] {
        for field in ["not_before", "expires_at", "retires_at", "revoked_at"] {
            let mut json = record_json();
            json[field] = time.clone();
            assert_eq!(error::<KeyRecord<u64>>(json), expected);
        }
    }
    let mut json = record_json();
    json["project"] = json!("text");
    assert_eq!(error::<KeyRecord<u64>>(json), "the field `project` is not what this service reads");
    for other in [json!(null), json!(1), json!("text"), json!([1]), json!(true)] {
        assert_eq!(error::<KeyRecord<u64>>(other), "expected a key record, as a map");
    }
    let json = record_json();
    for (name, value) in json.as_object().unwrap() {
        let twice = json.to_string().replacen('{', &format!("{{\"{name}\":{value},"), 1);
        let error = serde_json::from_str::<KeyRecord<u64>>(&twice).unwrap_err().to_string();
        assert!(error.starts_with(&format!("duplicate field `{name}`")), "{error}");
    }
}

/// The names resemble those of the eight fields.
#[test]
fn an_unknown_field_is_an_error() {
    let similar = |name: &str| {
        let changed = [name.to_uppercase(), format!("_{name}"), format!("#{name}"), format!("{name} ")];
        let separators = ["-", " ", ".", "__"].map(|separator| name.replace('_', separator));
        let one_less = (0..name.len()).map(|index| format!("{}{}", &name[..index], &name[index + 1..]));
        changed
            .into_iter()
            .chain(separators)
            .chain(one_less)
            .filter(|other| other != name)
            .collect::<Vec<_>>()
    };
    let json = record_json();
    let fields = json.as_object().unwrap().keys();
    for other in fields
        .flat_map(|name| similar(name))
        .chain(["", "$schema", "_", "key", "expiresAt"].map(String::from))
    {
        for value in [Value::Null, json!(0), json!([])] {
            let mut json = json.clone();
            json[&other] = value;
            assert!(error::<KeyRecord<u64>>(json).starts_with("unknown field"), "{other:?}");
        }
    }
}

/// Every integer type is accepted, because some formats have only signed ones.
#[test]
fn a_time_is_a_non_negative_integer() {
    use serde::de::{Deserialize, IntoDeserializer, value::Error};
    fn read<'de>(value: impl IntoDeserializer<'de, Error>) -> Result<u64, Error> {
        UnixTime::deserialize(value.into_deserializer()).map(UnixTime::as_secs)
    }
    for secs in [0, 1, u8::MAX.into(), u16::MAX.into(), u32::MAX.into()].into_iter().chain(EDGES) {
        let expected = Ok(secs);
        assert_eq!(read(secs), expected);
        i64::try_from(secs).into_iter().for_each(|secs| assert_eq!(read(secs), expected));
        i32::try_from(secs).into_iter().for_each(|secs| assert_eq!(read(secs), expected));
        u32::try_from(secs).into_iter().for_each(|secs| assert_eq!(read(secs), expected));
        u8::try_from(secs).into_iter().for_each(|secs| assert_eq!(read(secs), expected));
    }
    let expected = "expected whole seconds since the Unix epoch, as an integer";
    for secs in [-1, i64::from(i32::MIN), i64::MIN + 1, i64::MIN] {
        assert_eq!(read(secs).unwrap_err().to_string(), expected);
    }
    for other in json!([null, true, 0.0, 1.0, -0.0, "0", "", [0], {}]).as_array().unwrap() {
        assert_eq!(error::<UnixTime>(other.clone()), expected);
    }
}

#[test]
fn a_key_an_id_or_a_digest_that_is_not_a_string_is_refused() {
    use serde::de::value::{BytesDeserializer, Error};
    fn assert_refused<T: DeserializeOwned>(text: &str, expected: &str) {
        assert!(serde_json::from_value::<T>(json!(text)).is_ok(), "{text}");
        let bytes: Vec<_> = text.bytes().collect();
        for other in json!([null, true, 0, [text], bytes, { text: text }, {}]).as_array().unwrap() {
            assert_eq!(error::<T>(other.clone()), expected);
        }
        let refused = T::deserialize(BytesDeserializer::<Error>::new(text.as_bytes())).err();
        assert_eq!(refused.map(|error| error.to_string()).as_deref(), Some(expected));
    }
    assert_refused::<ApiKey>(KEY, "expected an API key, as a string");
    assert_refused::<KeyId>(&KEY[4..16], "expected a key id, as a string");
    let digest = ApiKey::parse(KEY).unwrap().digest().to_string();
    assert_refused::<KeyDigest>(&digest, "expected a key digest, as a string of hexadecimal digits");
}

#[test]
fn scopes_are_a_sequence_of_names() {
    assert_eq!(round_trip(&Scope::empty()), json!([]));
    assert_eq!(round_trip(&Scope::READ), json!(["memories:read", "chats:read", "users:read"]));
    let any_order = json!(["users:read", "memories:read", "users:read"]);
    assert_eq!(serde_json::from_value::<Scope>(any_order).unwrap(), Scope::USERS_READ | Scope::MEMORIES_READ);
    let unknown = Scope::from_bits_retain(0x8000_0041);
    assert_eq!(serde_json::to_value(unknown).unwrap(), json!(["memories:read"]));
}

#[test]
fn scopes_that_are_not_a_sequence_of_names_are_refused() {
    let expected = "expected a sequence of scope names";
    for other in [json!("memories:read"), json!(""), json!("0x3f"), json!(63), json!(null), json!({})] {
        assert_eq!(error::<Scope>(other), expected);
    }
    for name in [
        "0x3f",
        "MEMORIES_READ",
        "MEMORIES_READ | CHATS_READ",
        "memories:read chats:read",
        "memories:read ",
        "memories:re\u{430}d",
        "memories\u{ff1a}read",
        "Memories:read",
        "*",
    ] {
        let error = error::<Scope>(json!(["chats:read", name]));
        assert!(error.starts_with("unknown scope at bytes 0.."), "{error}");
    }
    assert_eq!(
        error::<Scope>(json!(["memory:read"])),
        "unknown scope at bytes 0..11; did you mean `memories:read`?"
    );
    assert_eq!(error::<Scope>(json!([1])), "expected the name of a scope, as a string");
    assert_eq!(error::<Scope>(json!([["chats:read"]])), "expected the name of a scope, as a string");
    assert!(error::<Scope>(json!([""])).starts_with("a scope name is missing"));
}

#[test]
fn writing_into_a_buffer_that_is_full_at_any_byte_is_an_error() {
    let mut buffer = [0; 512];
    let length = serde_json_core::to_slice(&record(), &mut buffer).unwrap();
    for room in 0..length {
        assert!(serde_json_core::to_slice(&record(), &mut buffer[..room]).is_err(), "{room}");
    }
}

#[test]
fn a_key_is_read_and_never_written() {
    let key = ApiKey::parse(KEY).unwrap();
    assert_eq!(serde_json::from_value::<ApiKey>(json!(KEY)).unwrap(), key);
    assert_eq!(serde_json_core::from_str::<ApiKey>(&format!("\"{KEY}\"")).unwrap().0, key);
    let mut buffer = [0; 64];
    assert_eq!(postcard::from_bytes::<ApiKey>(postcard::to_slice(KEY, &mut buffer).unwrap()).unwrap(), key);
    let error = error::<ApiKey>(json!(format!(" {KEY}")));
    assert_eq!(error, "an API key starts with `ctx_`: copy the whole key, without anything around it");
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(
        bits in 0..64u32,
        project in ".{0,40}",
        times in [(); 4].map(|()| prop::option::of(any::<u64>())),
    ) {
        let mut record = KeyRecord::new(&keys(1)[0], project, Scope::from_bits(bits).unwrap());
        let times = times.map(|time| time.map(UnixTime::from_secs));
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at] = times;
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(&serde_json::from_str::<KeyRecord<String>>(&text).unwrap(), &record);
        let mut buffer = [0; 1024];
        let bytes = postcard::to_slice(&record, &mut buffer).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<KeyRecord<String>>(bytes).unwrap(), &record);
    }

    #[test]
    fn ids_digests_times_and_scopes_are_read_as_they_were_written(id in "[0-9A-Za-z]{12}", digest in any::<[u8; 32]>(), secs in any::<u64>(), bits in 0..64u32) {
        let (digest, time) = (KeyDigest::from_bytes(digest), UnixTime::from_secs(secs));
        prop_assert_eq!(round_trip(&id.parse::<KeyId>().unwrap()), json!(id));
        prop_assert_eq!(round_trip(&digest), json!(digest.to_string()));
        prop_assert_eq!(round_trip(&time), json!(secs));
        round_trip(&Scope::from_bits(bits).unwrap());
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = serde_json::from_slice::<KeyRecord<String>>(&bytes);
        let _ = postcard::from_bytes::<KeyRecord<String>>(&bytes);
        let _ = postcard::from_bytes::<(ApiKey, KeyId, KeyDigest, Scope, UnixTime)>(&bytes);
    }
}
