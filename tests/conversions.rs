//! Every conversion of a record keeps every field that it must keep, for the smallest and largest values of each field.

mod common;

use std::sync::LazyLock;

use common::models::SCOPES;
use common::{EDGES, keys};
use ctx_key::{ApiKey, Grant, KeyDigest, KeyId, KeyRecord, Scope, UnixTime};

/// The fields of a record, in types of the standard library.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    id: String,
    digest: [u8; 32],
    project: String,
    scopes: u32,
    /// `not_before`, `expires_at`, `retires_at` and `revoked_at`.
    times: [Option<u64>; 4],
}

/// A function that converts a record or its fields, or turns a record into a grant.
struct Conversion {
    /// Its line in `tests/contract/api.txt`.
    item: &'static str,
    /// Converts at a time. Returns `None` if the conversion is refused.
    convert: fn(&Fields, u64) -> Option<Fields>,
    /// Returns the fields that the conversion must return.
    model: fn(Fields, u64) -> Option<Fields>,
}

/// The key of the records, and the key that replaces it.
static KEYS: LazyLock<Vec<ApiKey>> = LazyLock::new(|| keys(2));

const CONVERSIONS: &[Conversion] = &[
    Conversion {
        item: "pub const fn ctx_key::KeyRecord<P>::from_parts(ctx_key::KeyId, ctx_key::KeyDigest, P, ctx_key::Scope) -> Self",
        convert: |fields, _| Some(Fields::of(&fields.parts())),
        model: |fields, _| Some(Fields { times: [None; 4], ..fields }),
    },
    Conversion {
        item: "pub fn ctx_key::KeyRecord<P>::new(&ctx_key::ApiKey, P, ctx_key::Scope) -> Self",
        convert: |fields, _| {
            let scopes = Scope::from_bits_retain(fields.scopes);
            Some(Fields::of(&KeyRecord::new(&KEYS[1], fields.project.clone(), scopes)))
        },
        model: |fields, _| Some(Fields { times: [None; 4], ..fields.with_key(&KEYS[1]) }),
    },
    Conversion {
        item: "impl<P: core::clone::Clone> core::clone::Clone for ctx_key::KeyRecord<P>",
        convert: |fields, _| Some(Fields::of(&fields.record().clone())),
        model: unchanged,
    },
    Conversion {
        item: "pub fn ctx_key::KeyRecord<P>::retire_at(&mut self, ctx_key::UnixTime)",
        convert: |fields, time| {
            let mut record = fields.record();
            record.retire_at(UnixTime::from_secs(time));
            Some(Fields::of(&record))
        },
        model: |mut fields, time| {
            fields.times[2] = Some(fields.times[2].unwrap_or(time).min(time));
            Some(fields)
        },
    },
    Conversion {
        item: "pub fn ctx_key::KeyRecord<P>::revoke(&mut self, ctx_key::UnixTime)",
        convert: |fields, time| {
            let mut record = fields.record();
            record.revoke(UnixTime::from_secs(time));
            Some(Fields::of(&record))
        },
        model: |mut fields, time| {
            fields.times[3] = Some(fields.times[3].unwrap_or(time).min(time));
            Some(fields)
        },
    },
    // the successor that `rotate` returns
    Conversion {
        item: ROTATE,
        convert: |fields, now| {
            let successor = fields.record().rotate(&KEYS[1], UnixTime::from_secs(now), now);
            Some(Fields::of(&successor.ok()?))
        },
        model: |fields, now| {
            let [not_before, expires_at, ..] = fields.times;
            let times = [not_before, expires_at, None, None];
            fields.can_rotate(now).then(|| Fields { times, ..fields.with_key(&KEYS[1]) })
        },
    },
    // the old record, which `rotate` changes unless it refuses
    Conversion {
        item: ROTATE,
        convert: |fields, now| {
            let mut record = fields.record();
            let _ = record.rotate(&KEYS[1], UnixTime::from_secs(now), now);
            Some(Fields::of(&record))
        },
        model: |mut fields, now| {
            if fields.can_rotate(now) {
                let end = now.saturating_add(now);
                fields.times[2] = Some(fields.times[2].unwrap_or(end).min(end));
            }
            Some(fields)
        },
    },
    Conversion {
        item: "pub fn ctx_key::KeyRecord<P>::verify(&self, &ctx_key::ApiKey, ctx_key::UnixTime) -> core::result::Result<ctx_key::Grant<&P>, ctx_key::Denied>",
        convert: |fields, now| fields.verify(now, |grant| Fields::granted(&grant, grant.project())),
        model: grant,
    },
    Conversion {
        item: "impl<P: core::clone::Clone> core::clone::Clone for ctx_key::Grant<P>",
        convert: |fields, now| fields.verify(now, |grant| Fields::granted(&grant.clone(), grant.project())),
        model: grant,
    },
    Conversion {
        item: "pub fn ctx_key::Grant<&P>::cloned(self) -> ctx_key::Grant<P>",
        convert: |fields, now| {
            fields.verify(now, |grant| {
                let cloned = grant.clone().cloned();
                Fields::granted(&cloned, cloned.project())
            })
        },
        model: grant,
    },
    Conversion {
        item: "pub const fn ctx_key::UnixTime::from_secs(u64) -> Self",
        convert: |fields, _| Some(fields.with_times(|secs| UnixTime::from_secs(secs).as_secs())),
        model: unchanged,
    },
    Conversion {
        item: "pub const fn ctx_key::UnixTime::saturating_add(self, u64) -> Self",
        convert: |fields, time| {
            Some(fields.with_times(|secs| UnixTime::from_secs(time).saturating_add(secs).as_secs()))
        },
        model: |fields, time| Some(fields.with_times(|secs| time.saturating_add(secs))),
    },
    #[cfg(feature = "std")]
    Conversion {
        item: "impl core::convert::TryFrom<std::time::SystemTime> for ctx_key::UnixTime",
        convert: |fields, _| {
            use std::time::{Duration, SystemTime};
            // The latest `SystemTime` is earlier than the latest `UnixTime`.
            let system_time = |secs| SystemTime::UNIX_EPOCH.checked_add(Duration::new(secs, 999_999_999));
            let convert = |time| UnixTime::try_from(time).unwrap().as_secs();
            Some(fields.with_times(|secs| system_time(secs).map_or(secs, convert)))
        },
        model: unchanged,
    },
    Conversion {
        item: "pub const fn ctx_key::Scope::from_bits(u32) -> core::option::Option<Self>",
        convert: |fields, _| Some(fields.with_scopes(Scope::from_bits(fields.scopes)?)),
        model: |fields, _| (fields.scopes < 64).then_some(fields),
    },
    Conversion {
        item: "pub const fn ctx_key::Scope::from_bits_retain(u32) -> Self",
        convert: |fields, _| Some(fields.with_scopes(Scope::from_bits_retain(fields.scopes))),
        model: unchanged,
    },
    Conversion {
        item: "pub const fn ctx_key::Scope::from_bits_truncate(u32) -> Self",
        convert: |fields, _| Some(fields.with_scopes(Scope::from_bits_truncate(fields.scopes))),
        model: without_unknown_scopes,
    },
    Conversion {
        item: "impl core::fmt::Display for ctx_key::Scope",
        convert: |fields, _| {
            let text = Scope::from_bits_retain(fields.scopes).to_string();
            Some(Fields { scopes: bits(text.split_terminator(' ')), ..fields.clone() })
        },
        model: without_unknown_scopes,
    },
    Conversion {
        item: "impl core::str::traits::FromStr for ctx_key::Scope",
        convert: |fields, _| Some(fields.with_scopes(names(fields.scopes).join(" ").parse().ok()?)),
        model: without_unknown_scopes,
    },
    Conversion {
        item: "pub fn ctx_key::Scope::parse_list(&str) -> core::result::Result<Self, ctx_key::ParseScopeError>",
        convert: |fields, _| {
            Some(fields.with_scopes(Scope::parse_list(&names(fields.scopes).join(",")).ok()?))
        },
        model: without_unknown_scopes,
    },
    Conversion {
        item: "impl core::iter::traits::collect::FromIterator<ctx_key::Scope> for ctx_key::Scope",
        convert: |fields, _| {
            Some(fields.with_scopes(Scope::from_bits_retain(fields.scopes).iter().collect()))
        },
        model: unchanged,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl<P: serde_core::ser::Serialize> serde_core::ser::Serialize for ctx_key::KeyRecord<P>",
        convert: |fields, _| Some(json::read(&serde_json::to_value(fields.record()).unwrap())),
        model: without_unknown_scopes,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl<'de, P: serde_core::de::Deserialize<'de>> serde_core::de::Deserialize<'de> for ctx_key::KeyRecord<P>",
        convert: |fields, _| Some(Fields::of(&json::deserialized(&json::written(fields)))),
        model: without_unknown_scopes,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl serde_core::ser::Serialize for ctx_key::UnixTime",
        convert: |fields, _| {
            let written = |secs| serde_json::to_value(UnixTime::from_secs(secs)).unwrap();
            Some(fields.with_times(|secs| written(secs).as_u64().unwrap()))
        },
        model: unchanged,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::UnixTime",
        convert: |fields, _| {
            Some(fields.with_times(|secs| json::deserialized::<UnixTime>(&secs.into()).as_secs()))
        },
        model: unchanged,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl serde_core::ser::Serialize for ctx_key::Scope",
        convert: |fields, _| {
            let written = serde_json::to_value(Scope::from_bits_retain(fields.scopes)).unwrap();
            Some(Fields { scopes: json::bits(&written), ..fields.clone() })
        },
        model: without_unknown_scopes,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::Scope",
        convert: |fields, _| Some(fields.with_scopes(json::deserialized(&names(fields.scopes).into()))),
        model: without_unknown_scopes,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl serde_core::ser::Serialize for ctx_key::KeyId",
        convert: |fields, _| {
            let written = serde_json::to_value(fields.parts().id).unwrap();
            Some(Fields { id: written.as_str()?.to_owned(), ..fields.clone() })
        },
        model: unchanged,
    },
    #[cfg(feature = "serde")]
    Conversion {
        item: "impl serde_core::ser::Serialize for ctx_key::KeyDigest",
        convert: |fields, _| {
            let written = serde_json::to_value(fields.parts().digest).unwrap();
            Some(Fields { digest: json::digest(&written), ..fields.clone() })
        },
        model: unchanged,
    },
];

const ROTATE: &str = "pub fn ctx_key::KeyRecord<P>::rotate(&mut self, &ctx_key::ApiKey, ctx_key::UnixTime, u64) -> core::result::Result<Self, ctx_key::RotateError> where P: core::clone::Clone";

fn unchanged(fields: Fields, _: u64) -> Option<Fields> {
    Some(fields)
}

fn without_unknown_scopes(fields: Fields, _: u64) -> Option<Fields> {
    Some(Fields { scopes: fields.scopes & 0b11_1111, ..fields })
}

/// Returns the fields of the grant, if the record is valid: the verified key, the known scopes and the earlier end.
fn grant(fields: Fields, now: u64) -> Option<Fields> {
    let [not_before, expires_at, retires_at, revoked_at] = fields.times;
    let is_valid = fields.digest == *KEYS[0].digest().as_bytes()
        && revoked_at.is_none()
        && expires_at.is_none_or(|end| now < end)
        && retires_at.is_none_or(|end| now < end)
        && not_before.is_none_or(|start| start <= now && now < u64::MAX);
    let end = expires_at.into_iter().chain(retires_at).min();
    let scopes = fields.scopes & 0b11_1111;
    is_valid.then(|| Fields { scopes, times: [None, end, None, None], ..fields.with_key(&KEYS[0]) })
}

impl Fields {
    fn of(record: &KeyRecord<String>) -> Self {
        let times = [record.not_before, record.expires_at, record.retires_at, record.revoked_at];
        Self {
            id: record.id.as_str().to_owned(),
            digest: *record.digest.as_bytes(),
            project: record.project.clone(),
            scopes: record.scopes.bits(),
            times: times.map(|time| time.map(UnixTime::as_secs)),
        }
    }

    /// Returns the fields of a grant. A grant has no digest, so this is the digest of its key.
    fn granted<P>(grant: &Grant<P>, project: &str) -> Self {
        Self {
            id: grant.key_id().as_str().to_owned(),
            digest: *KEYS[0].digest().as_bytes(),
            project: project.to_owned(),
            scopes: grant.scopes().bits(),
            times: [None, grant.expires_at().map(UnixTime::as_secs), None, None],
        }
    }

    /// Returns a record without times.
    fn parts(&self) -> KeyRecord<String> {
        let id = KeyId::try_from(self.id.as_bytes()).unwrap();
        let (digest, scopes) = (KeyDigest::from_bytes(self.digest), Scope::from_bits_retain(self.scopes));
        KeyRecord::from_parts(id, digest, self.project.clone(), scopes)
    }

    fn record(&self) -> KeyRecord<String> {
        let mut record = self.parts();
        let times = self.times.map(|time| time.map(UnixTime::from_secs));
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at] = times;
        record
    }

    fn verify(&self, now: u64, then: fn(Grant<&String>) -> Self) -> Option<Self> {
        self.record().verify(&KEYS[0], UnixTime::from_secs(now)).ok().map(then)
    }

    fn can_rotate(&self, now: u64) -> bool {
        let [_, expires_at, retires_at, revoked_at] = self.times;
        let is_after = |end: Option<u64>| end.is_none_or(|end| now < end);
        let is_live = revoked_at.is_none() && is_after(expires_at) && is_after(retires_at);
        is_live && now < u64::MAX && self.id != KEYS[1].id().as_str()
    }

    fn with_key(self, key: &ApiKey) -> Self {
        Self { id: key.expose_secret()[4..16].to_owned(), digest: *key.digest().as_bytes(), ..self }
    }

    fn with_times(&self, convert: impl Fn(u64) -> u64) -> Self {
        Self { times: self.times.map(|time| time.map(&convert)), ..self.clone() }
    }

    fn with_scopes(&self, scopes: Scope) -> Self {
        Self { scopes: scopes.bits(), ..self.clone() }
    }
}

/// Returns the names of the scopes with these bits, in reverse order.
fn names(bits: u32) -> Vec<&'static str> {
    let named = SCOPES.iter().enumerate().rev().filter(|(index, _)| bits >> index & 1 == 1);
    named.map(|(_, (name, _))| *name).collect()
}

fn bits<'n>(names: impl Iterator<Item = &'n str>) -> u32 {
    names.map(|name| 1 << SCOPES.iter().position(|(known, _)| *known == name).unwrap()).sum()
}

#[cfg(feature = "serde")]
mod json {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    pub(super) fn written(fields: &Fields) -> Value {
        let [not_before, expires_at, retires_at, revoked_at] = fields.times;
        json!({
            "id": fields.id,
            "digest": fields.digest.map(|byte| format!("{byte:02x}")).concat(),
            "project": fields.project,
            "scopes": names(fields.scopes),
            "not_before": not_before,
            "expires_at": expires_at,
            "retires_at": retires_at,
            "revoked_at": revoked_at,
        })
    }

    pub(super) fn read(json: &Value) -> Fields {
        let time = |name| (!json[name].is_null()).then(|| json[name].as_u64().unwrap());
        Fields {
            id: json["id"].as_str().unwrap().to_owned(),
            digest: digest(&json["digest"]),
            project: json["project"].as_str().unwrap().to_owned(),
            scopes: bits(&json["scopes"]),
            times: ["not_before", "expires_at", "retires_at", "revoked_at"].map(time),
        }
    }

    pub(super) fn bits(names: &Value) -> u32 {
        super::bits(names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()))
    }

    pub(super) fn digest(hex: &Value) -> [u8; 32] {
        let hex = hex.as_str().unwrap();
        core::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..][..2], 16).unwrap())
    }

    /// Deserializes from JSON, from a JSON value and from a binary format, and asserts that the results agree.
    pub(super) fn deserialized<T: DeserializeOwned + Serialize + PartialEq>(json: &Value) -> T {
        let value: T = serde_json::from_value(json.clone()).unwrap();
        let text: T = serde_json::from_str(&json.to_string()).unwrap();
        let mut buffer = [0; 1024];
        let binary: T = postcard::from_bytes(postcard::to_slice(&value, &mut buffer).unwrap()).unwrap();
        assert!(value == text && value == binary, "{json}");
        value
    }
}

fn assert_match_models(fields: &Fields, time: u64) {
    for Conversion { item, convert, model } in CONVERSIONS {
        assert_eq!(convert(fields, time), model(fields.clone(), time), "{item}: {fields:?} at {time}");
    }
}

fn fields(scopes: u32, times: [Option<u64>; 4]) -> Fields {
    let (id, digest) = (KEYS[0].id().to_string(), *KEYS[0].digest().as_bytes());
    Fields { id, digest, project: "project".to_owned(), scopes, times }
}

#[test]
fn every_time_keeps_its_field_and_value() {
    let times = || EDGES.into_iter().map(Some).chain([None]);
    for (not_before, expires_at) in times().flat_map(|one| times().map(move |two| (one, two))) {
        for (retires_at, revoked_at) in times().flat_map(|one| times().map(move |two| (one, two))) {
            let fields = fields(0b10_0101, [not_before, expires_at, retires_at, revoked_at]);
            EDGES.into_iter().for_each(|time| assert_match_models(&fields, time));
        }
    }
}

/// The sets include unknown bits.
#[test]
fn every_set_of_scopes_keeps_its_bits() {
    let unknown = (6..32).flat_map(|bit| [1 << bit, 1 << bit | 0b10_0101]);
    for scopes in (0..64).chain(unknown).chain([u32::MAX, !0b11_1111]) {
        for times in [[None; 4], [Some(1), Some(3), Some(4), None], [Some(5), Some(6), Some(7), Some(8)]] {
            assert_match_models(&fields(scopes, times), 2);
        }
    }
}

#[test]
fn every_id_digest_and_project_is_kept() {
    let counted = core::array::from_fn(|index| index as u8);
    for id in ["000000000000", "zzzzzzzzzzzz", "09AZaz90ZAza", KEYS[1].id().as_str()] {
        for digest in
            [[0; 32], [0xff; 32], counted, *KEYS[0].digest().as_bytes(), *KEYS[1].digest().as_bytes()]
        {
            for project in ["", "0", "\0\"\n\u{7f}\u{e9}\u{1f511}", &"p".repeat(200)] {
                let (id, project) = (id.to_owned(), project.to_owned());
                let times = [Some(1), Some(3), Some(4), None];
                assert_match_models(&Fields { id, digest, project, scopes: 0b10_0101, times }, 2);
            }
        }
    }
}
