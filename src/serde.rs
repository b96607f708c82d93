//! One serde form for every format: ids and digests are strings, times are integers, scopes are a sequence of names,
//! and a record is a map of its field names.
//!
//! Formats, and serde's own helpers, quote the input that they refuse ("invalid type: string \"ctx_…\""), and people
//! paste whole keys where something else belongs. So this module never passes such an error on. A visitor returns a
//! parse error as a value. An error that occurs before a visitor is reached is replaced by a message that names the
//! expected type. An error of the caller's project type is replaced too, because it may quote the input.
//!
//! Each value is requested by its type (`deserialize_str`, not `deserialize_any`). Formats that are not self-describing
//! need that, and so do the JSON readers that work without an allocator.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde_core::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::alphabet::ascii;
use crate::digest::KeyDigest;
use crate::id::KeyId;
use crate::key::ApiKey;
use crate::record::KeyRecord;
use crate::scope::{ParseScopeError, Scope, by_name};
use crate::time::UnixTime;

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(ascii(&self.to_hex()))
    }
}

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_secs())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(Some(self.names().count()))?;
        for name in self.names() {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

impl<P: Serialize> Serialize for KeyRecord<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Field::NAMES.len()))?;
        for (name, field) in Field::NAMES {
            match field {
                Field::Id => map.serialize_entry(name, &self.id),
                Field::Digest => map.serialize_entry(name, &self.digest),
                Field::Project => map.serialize_entry(name, &self.project),
                Field::Scopes => map.serialize_entry(name, &self.scopes),
                Field::NotBefore => map.serialize_entry(name, &self.not_before),
                Field::ExpiresAt => map.serialize_entry(name, &self.expires_at),
                Field::RetiresAt => map.serialize_entry(name, &self.retires_at),
                Field::RevokedAt => map.serialize_entry(name, &self.revoked_at),
            }?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ApiKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "expected an API key, as a string")
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "expected a key id, as a string")
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "expected a key digest, as a string of hexadecimal digits")
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_u64(Seconds)
            .map(Self::from_secs)
            .map_err(|_| D::Error::custom("expected whole seconds since the Unix epoch, as an integer"))
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reached = Cell::new(false);
        let scopes = deserializer.deserialize_seq(Names { reached: &reached });
        scopes.map_err(|error| replace_format_error(error, &reached, "expected a sequence of scope names"))
    }
}

impl<'de, P: Deserialize<'de>> Deserialize<'de> for KeyRecord<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reached = Cell::new(false);
        let record = deserializer.deserialize_map(Fields { reached: &reached, record: PhantomData });
        record.map_err(|error| replace_format_error(error, &reached, "expected a key record, as a map"))
    }
}

/// Reads a value that parses from a string.
fn from_text<'de, T, D>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    match deserializer.deserialize_str(Text(PhantomData)) {
        Ok(parsed) => parsed.map_err(D::Error::custom),
        Err(_) => Err(D::Error::custom(expected)),
    }
}

/// Returns the error if it occurred after the visitor was reached. An earlier error comes from the format and may quote
/// the input, so `expected` replaces it.
fn replace_format_error<E: Error>(error: E, reached: &Cell<bool>, expected: &'static str) -> E {
    if reached.get() { error } else { E::custom(expected) }
}

/// Visitor that parses a string. A parse error is part of its value, so that the format cannot change it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr> Visitor<'_> for Text<T> {
    type Value = Result<T, T::Err>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.parse())
    }
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_u64<E: Error>(self, secs: u64) -> Result<u64, E> {
        Ok(secs)
    }

    /// Accepts the integers of formats that have only signed ones.
    fn visit_i64<E: Error>(self, secs: i64) -> Result<u64, E> {
        secs.try_into().map_err(E::custom)
    }
}

struct Names<'r> {
    /// Set to true when the visitor is reached.
    reached: &'r Cell<bool>,
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = Scope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Scope, A::Error> {
        self.reached.set(true);
        let mut scopes = Scope::empty();
        while let Some(Name(scope)) = names.next_element()? {
            scopes |= scope;
        }
        Ok(scopes)
    }
}

/// Exactly one scope, read from its name.
struct Name(Scope);

impl FromStr for Name {
    type Err = ParseScopeError;

    fn from_str(name: &str) -> Result<Self, ParseScopeError> {
        by_name(name).map(Self).ok_or_else(|| ParseScopeError::unknown(0, name))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "expected the name of a scope, as a string")
    }
}

/// The fields of a record.
#[derive(Clone, Copy)]
enum Field {
    Id,
    Digest,
    Project,
    Scopes,
    NotBefore,
    ExpiresAt,
    RetiresAt,
    RevokedAt,
}

impl Field {
    const NAMES: [(&'static str, Self); 8] = [
        ("id", Self::Id),
        ("digest", Self::Digest),
        ("project", Self::Project),
        ("scopes", Self::Scopes),
        ("not_before", Self::NotBefore),
        ("expires_at", Self::ExpiresAt),
        ("retires_at", Self::RetiresAt),
        ("revoked_at", Self::RevokedAt),
    ];
}

impl FromStr for Field {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        named.map(|(_, field)| field).ok_or(
            "unknown field; a key record has id, digest, project, scopes, not_before, expires_at, retires_at and \
             revoked_at",
        )
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "expected the name of a field, as a string")
    }
}

struct Fields<'r, P> {
    /// Set to true when the visitor is reached.
    reached: &'r Cell<bool>,
    record: PhantomData<KeyRecord<P>>,
}

impl<'de, P: Deserialize<'de>> Visitor<'de> for Fields<'_, P> {
    type Value = KeyRecord<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyRecord<P>, A::Error> {
        self.reached.set(true);
        let (mut id, mut digest, mut project, mut scopes) = (None, None, None, None);
        let (mut not_before, mut expires_at, mut retires_at, mut revoked_at) = (None, None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Id => fill(&mut id, "id", map.next_value())?,
                Field::Digest => fill(&mut digest, "digest", map.next_value())?,
                Field::Project => {
                    let unreadable = "the field `project` is not what this service reads";
                    let value = map.next_value().map_err(|_| A::Error::custom(unreadable));
                    fill(&mut project, "project", value)?;
                }
                Field::Scopes => fill(&mut scopes, "scopes", map.next_value())?,
                Field::NotBefore => fill(&mut not_before, "not_before", map.next_value())?,
                Field::ExpiresAt => fill(&mut expires_at, "expires_at", map.next_value())?,
                Field::RetiresAt => fill(&mut retires_at, "retires_at", map.next_value())?,
                Field::RevokedAt => fill(&mut revoked_at, "revoked_at", map.next_value())?,
            }
        }
        let missing = A::Error::missing_field;
        Ok(KeyRecord {
            id: id.ok_or_else(|| missing("id"))?,
            digest: digest.ok_or_else(|| missing("digest"))?,
            project: project.ok_or_else(|| missing("project"))?,
            scopes: scopes.ok_or_else(|| missing("scopes"))?,
            not_before: not_before.flatten(),
            expires_at: expires_at.flatten(),
            retires_at: retires_at.flatten(),
            revoked_at: revoked_at.flatten(),
        })
    }
}

fn fill<T, E: Error>(slot: &mut Option<T>, field: &'static str, value: Result<T, E>) -> Result<(), E> {
    match slot.replace(value?) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(field)),
    }
}
