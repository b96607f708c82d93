//! JSON objects that the client defines: [`JsonObject`].

use std::fmt;
use std::hash::RandomState;

use hashlink::LinkedHashMap;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object in the order in which it was sent. Each value is the text that was sent, because numbers in JSON can
/// have any size and precision.
#[derive(Clone, Debug, Default)]
pub struct JsonObject(LinkedHashMap<String, Box<RawValue>, RandomState>);

impl JsonObject {
    pub fn entries(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// Merges a change: null deletes a name, and any other value replaces the whole value of its name. New names come
    /// last.
    pub fn merge(&mut self, change: Self) {
        for (name, value) in change.0 {
            if value.get() == "null" {
                self.0.remove(&name);
            } else {
                self.0.replace(name, value);
            }
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names and raw JSON can be written as JSON")
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

/// Reads JSON only, and refuses an object with a name that occurs twice, because parsers differ in the value that they
/// take.
impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = JsonObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
        let mut object = JsonObject::default();
        while let Some(name) = map.next_key::<String>()? {
            if object.0.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the name `{name}` occurs twice in an object")));
            }
            object.0.insert(name, map.next_value()?);
        }
        Ok(object)
    }
}
