//! Every public function that reads a value from bytes or text accepts exactly what the specification allows: inputs of
//! every length, with every byte at every index, are compared with models.

mod common;

use core::fmt::Display;

use common::models::{self, SCOPES, is_trimmed, is_white_space};
use common::{KEY, filler_lengths, lengths};
use ctx_key::{ApiKey, KeyDigest, KeyId, ParseDigestError, ParseKeyIdError, Scope, bearer};

/// All parts of the value as text, or the text of the error.
type Outcome = Result<String, String>;

/// A public function that reads one value.
struct Reader {
    /// Its line in `tests/contract/api.txt`.
    item: &'static str,
    /// An input that it accepts.
    valid: &'static [u8],
    /// Reads an input. Returns `None` if the function's argument type cannot hold this input.
    read: fn(&[u8]) -> Option<Outcome>,
    /// Returns the outcome that the specification demands.
    model: fn(&[u8]) -> Outcome,
}

const ID: &[u8] = b"8aspm4G7VmSU";
const DIGEST: &[u8] = b"0123456789abcdefABCDEF9876543210fedcba00ff00ff80a5a5c3C3e1E1f0F0";
const BEARER: &[u8] = b"Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

const READERS: &[Reader] = &[
    Reader {
        item: "pub fn ctx_key::ApiKey::parse(impl core::convert::AsRef<[u8]>) -> core::result::Result<Self, ctx_key::ParseKeyError>",
        valid: KEY.as_bytes(),
        read: |input| Some(key(ApiKey::parse(input))),
        model: key_model,
    },
    Reader {
        item: "impl core::str::traits::FromStr for ctx_key::ApiKey",
        valid: KEY.as_bytes(),
        read: |input| Some(key(text(input)?.parse::<ApiKey>())),
        model: key_model,
    },
    Reader {
        item: "impl core::convert::TryFrom<&str> for ctx_key::ApiKey",
        valid: KEY.as_bytes(),
        read: |input| Some(key(ApiKey::try_from(text(input)?))),
        model: key_model,
    },
    Reader {
        item: "impl core::convert::TryFrom<&[u8]> for ctx_key::ApiKey",
        valid: KEY.as_bytes(),
        read: |input| Some(key(ApiKey::try_from(input))),
        model: key_model,
    },
    #[cfg(feature = "serde")]
    Reader {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey",
        valid: KEY.as_bytes(),
        read: |input| Some(key(deserialized::<ApiKey>(text(input)?))),
        model: key_model,
    },
    Reader {
        item: "pub fn ctx_key::ApiKey::parse_pasted(&str) -> core::result::Result<Self, ctx_key::ParseKeyError>",
        valid: KEY.as_bytes(),
        read: |input| Some(key(ApiKey::parse_pasted(text(input)?))),
        model: pasted_model,
    },
    Reader {
        item: "impl core::clone::Clone for ctx_key::ApiKey",
        valid: KEY.as_bytes(),
        read: |input| Some(key(ApiKey::parse(input).clone())),
        model: key_model,
    },
    Reader {
        item: "pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
        valid: BEARER,
        read: |input| Some(key(bearer::parse([input]).map_err(|denied| format!("{:?}", denied.reason())))),
        model: bearer_model,
    },
    #[cfg(feature = "http")]
    Reader {
        item: "pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
        valid: BEARER,
        read: |input| {
            let value = http::HeaderValue::from_bytes(input).ok()?;
            let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
            Some(key(bearer::parse_headers(&headers).map_err(|denied| format!("{:?}", denied.reason()))))
        },
        model: bearer_model,
    },
    Reader {
        item: "pub fn ctx_key::KeyId::from_bytes([u8; 12]) -> core::result::Result<Self, ctx_key::ParseKeyIdError>",
        valid: ID,
        read: |input| Some(id(KeyId::from_bytes(input.try_into().ok()?))),
        model: id_model,
    },
    Reader {
        item: "impl core::convert::TryFrom<&[u8]> for ctx_key::KeyId",
        valid: ID,
        read: |input| Some(id(KeyId::try_from(input))),
        model: id_model,
    },
    Reader {
        item: "impl core::str::traits::FromStr for ctx_key::KeyId",
        valid: ID,
        read: |input| Some(id(text(input)?.parse::<KeyId>())),
        model: id_model,
    },
    #[cfg(feature = "serde")]
    Reader {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::KeyId",
        valid: ID,
        read: |input| Some(id(deserialized::<KeyId>(text(input)?))),
        model: id_model,
    },
    Reader {
        item: "pub const fn ctx_key::KeyDigest::from_bytes([u8; 32]) -> Self",
        valid: DIGEST.first_chunk::<32>().unwrap(),
        read: |input| Some(digest(Ok::<_, String>(KeyDigest::from_bytes(input.try_into().ok()?)))),
        model: bytes_model,
    },
    Reader {
        item: "impl core::convert::TryFrom<&[u8]> for ctx_key::KeyDigest",
        valid: DIGEST.first_chunk::<32>().unwrap(),
        read: |input| Some(digest(KeyDigest::try_from(input))),
        model: bytes_model,
    },
    Reader {
        item: "impl core::str::traits::FromStr for ctx_key::KeyDigest",
        valid: DIGEST,
        read: |input| Some(digest(text(input)?.parse::<KeyDigest>())),
        model: digest_model,
    },
    #[cfg(feature = "serde")]
    Reader {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::KeyDigest",
        valid: DIGEST,
        read: |input| Some(digest(deserialized::<KeyDigest>(text(input)?))),
        model: digest_model,
    },
    Reader {
        item: "impl core::str::traits::FromStr for ctx_key::Scope",
        valid: b"users:write memories:read chats:read memories:read",
        read: |input| Some(scopes(text(input)?.parse::<Scope>())),
        model: |input| scopes_model(input, |c| c == ' ', false),
    },
    Reader {
        item: "pub fn ctx_key::Scope::parse_list(&str) -> core::result::Result<Self, ctx_key::ParseScopeError>",
        valid: b"users:write, memories:read\tchats:read,memories:read",
        read: |input| Some(scopes(Scope::parse_list(text(input)?))),
        model: |input| scopes_model(input, |c| c == ',' || is_white_space(c), true),
    },
    #[cfg(feature = "serde")]
    Reader {
        item: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::Scope",
        valid: b"chats:write",
        read: |input| Some(scopes(serde_json::from_value::<Scope>(serde_json::json!([text(input)?])))),
        model: |input| match input {
            b"" => Err("a scope name is missing at byte 0".to_owned()),
            _ => scopes_model(input, |_| false, false),
        },
    },
];

fn text(input: &[u8]) -> Option<&str> {
    str::from_utf8(input).ok()
}

/// Deserializes a string from JSON, from a JSON value and from a binary format, and asserts that the results agree.
#[cfg(feature = "serde")]
fn deserialized<T: serde::de::DeserializeOwned + PartialEq>(text: &str) -> Result<T, String> {
    let value = serde_json::from_value::<T>(text.into()).map_err(|error| error.to_string());
    let json = serde_json::from_str::<T>(&serde_json::to_string(text).unwrap());
    let mut buffer = vec![0; text.len() + 10];
    let binary = postcard::from_bytes::<T>(postcard::to_slice(text, &mut buffer).unwrap());
    assert!(
        json.as_ref().ok() == value.as_ref().ok() && binary.as_ref().ok() == value.as_ref().ok(),
        "{text:?}"
    );
    if let (Err(value), Err(json)) = (&value, json) {
        assert!(json.to_string().starts_with(value), "{json}: {value}");
    }
    value
}

fn key(found: Result<ApiKey, impl Display>) -> Outcome {
    let whole = |key: ApiKey| format!("{} {} {}", key.expose_secret(), key.id(), key.digest());
    found.map(whole).map_err(|error| error.to_string())
}

fn key_model(input: &[u8]) -> Outcome {
    models::parse(input).map_err(|error| error.to_string())?;
    let text = text(input).unwrap();
    Ok(format!("{text} {} {}", &text[4..16], hex(&models::digest(input))))
}

/// The rules of repair that the inputs of this file can reach: trim, remove one separator at the end, and trim again.
fn pasted_model(input: &[u8]) -> Outcome {
    let trimmed = text(input).unwrap().trim_matches(is_trimmed);
    let rest = trimmed.strip_suffix([',', ';']).unwrap_or(trimmed);
    key_model(rest.trim_matches(is_trimmed).as_bytes())
}

fn bearer_model(input: &[u8]) -> Outcome {
    key(models::bearer(&[input.to_vec()]).map_err(|reason| format!("{reason:?}")))
}

fn id(found: Result<KeyId, impl Display>) -> Outcome {
    let whole = |id: KeyId| format!("{id} {} {}", id.as_str(), id.masked());
    found.map(whole).map_err(|error| error.to_string())
}

fn id_model(input: &[u8]) -> Outcome {
    let invalid = input.iter().position(|byte| !byte.is_ascii_alphanumeric());
    match (input.len(), invalid) {
        (12, None) => text(input).map(|id| format!("{id} {id} ctx_{id}***")).ok_or_else(String::new),
        (12, Some(index)) => Err(ParseKeyIdError::Character { index }.to_string()),
        (found, _) => Err(ParseKeyIdError::Length { found }.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(found: Result<KeyDigest, impl Display>) -> Outcome {
    let whole = |digest: KeyDigest| format!("{digest} {}", hex(digest.as_bytes()));
    found.map(whole).map_err(|error| error.to_string())
}

fn bytes_model(input: &[u8]) -> Outcome {
    match input.len() {
        32 => Ok(format!("{} {}", hex(input), hex(input))),
        found => Err(ParseDigestError::Size { found }.to_string()),
    }
}

fn digest_model(input: &[u8]) -> Outcome {
    let invalid = input.iter().position(|byte| !byte.is_ascii_hexdigit());
    let lower = String::from_utf8_lossy(input).to_lowercase();
    match (input.len(), invalid) {
        (64, None) => Ok(format!("{lower} {lower}")),
        (64, Some(index)) => Err(ParseDigestError::Character { index }.to_string()),
        (found, _) => Err(ParseDigestError::Length { found }.to_string()),
    }
}

/// Returns the bits of the set, or the error without its suggestion.
fn scopes(found: Result<Scope, impl Display>) -> Outcome {
    let without_suggestion = |error: String| error.split(';').next().unwrap().to_owned();
    found.map(|set| format!("{:#x}", set.bits())).map_err(|error| without_suggestion(error.to_string()))
}

fn scopes_model(input: &[u8], separates: impl Fn(char) -> bool, skips_empty: bool) -> Outcome {
    let text = text(input).unwrap();
    let mut bits = 0;
    for item in text.split(separates) {
        let start = item.as_ptr().addr() - text.as_ptr().addr();
        match SCOPES.iter().find(|(name, _)| *name == item) {
            Some((_, scope)) => bits |= scope.bits(),
            None if item.is_empty() && (skips_empty || text.is_empty()) => {}
            None if item.is_empty() => return Err(format!("a scope name is missing at byte {start}")),
            None => return Err(format!("unknown scope at bytes {start}..{}", start + item.len())),
        }
    }
    Ok(format!("{bits:#x}"))
}

impl Reader {
    fn assert_accepts_valid_input(&self) {
        let found = (self.read)(self.valid).expect("a valid input can be read");
        assert_eq!((found.is_ok(), &found), (true, &(self.model)(self.valid)), "{}", self.item);
    }

    fn assert_matches_model(&self, input: &[u8]) {
        let Some(found) = (self.read)(input) else { return };
        let start = String::from_utf8_lossy(&input[..input.len().min(100)]);
        assert!(found == (self.model)(input), "{}: {} bytes, {start:?}: {found:?}", self.item, input.len());
    }
}

/// A valid input is cut off, or extended by a filler, at either end.
#[test]
fn an_input_of_any_length_is_read_as_specified() {
    for reader in READERS {
        reader.assert_accepts_valid_input();
        for length in lengths(1) {
            let kept = length.min(reader.valid.len());
            let (start, end) = (&reader.valid[..kept], &reader.valid[reader.valid.len() - kept..]);
            for fill in ["0", "a", "_", ",", " ", "\n", "\0", "\u{feff}"] {
                let filler: Vec<_> = fill.bytes().cycle().take(length - kept).collect();
                reader.assert_matches_model(&[start, &filler].concat());
                reader.assert_matches_model(&[&filler, end].concat());
            }
        }
    }
}

/// Each byte replaces another one or is inserted, both as a raw byte and as a character in UTF-8.
#[test]
fn any_byte_at_any_index_is_read_as_specified() {
    for reader in READERS {
        for index in 0..=reader.valid.len() {
            let (before, after) = reader.valid.split_at(index);
            let rest = after.get(1..).unwrap_or_default();
            reader.assert_matches_model(&[before, rest].concat());
            for byte in 0..=u8::MAX {
                let character = char::from(byte).to_string();
                for middle in [&[byte][..], character.as_bytes()] {
                    reader.assert_matches_model(&[before, middle, rest].concat());
                    reader.assert_matches_model(&[before, middle, after].concat());
                }
            }
        }
    }
}

/// No reader removes prefixes, suffixes or brackets that people or other programs write around a value.
#[test]
fn nothing_around_a_value_is_dropped() {
    let starts =
        ["", "ctx_", "CTX_", "ctx_ctx_", "0x", "\\x", "sha256:", "id:", "key=", "urn:", "(", "[", "$"];
    let ends = ["", "***", "*", "...", "\u{2026}", "=", "==", "_", ".sig", ")", "]", "/", "#"];
    for reader in READERS {
        for (start, end) in starts.iter().flat_map(|start| ends.map(|end| (start, end))) {
            reader.assert_matches_model(&[start.as_bytes(), reader.valid, end.as_bytes()].concat());
        }
    }
}

/// No reader skips a character, such as a line break or a byte order mark, unless its rules say so.
#[test]
fn any_character_before_or_after_a_value_is_read_as_specified() {
    let characters =
        ('\0'..='\u{3100}').chain(['\u{fe00}', '\u{feff}', '\u{fffd}', '\u{1f511}', '\u{e0001}']);
    for (reader, character) in READERS.iter().flat_map(|reader| characters.clone().map(move |c| (reader, c)))
    {
        let character = character.to_string();
        reader.assert_matches_model(&[character.as_bytes(), reader.valid].concat());
        reader.assert_matches_model(&[reader.valid, character.as_bytes()].concat());
    }
}

/// White space is before the scheme, between scheme and token, or after the token. Some tokens are not keys.
#[test]
fn white_space_of_any_length_in_a_header_is_read_as_specified() {
    let readers = || READERS.iter().filter(|reader| reader.valid == BEARER);
    let lengths = || filler_lengths(BEARER.len() - 1);
    for (reader, length) in readers().flat_map(|reader| lengths().map(move |length| (reader, length))) {
        let [spaces, tabs, token] = [" ", "\t", "x"].map(|byte| byte.repeat(length));
        for value in [
            format!("{spaces}Bearer {KEY}"),
            format!("{tabs}Bearer {KEY}"),
            format!("Bearer{spaces}{KEY}"),
            format!("Bearer {tabs}{KEY}"),
            format!("Bearer {KEY}{spaces}"),
            format!("Bearer {KEY}{tabs}"),
            format!("{spaces}Bearer{spaces}{KEY}{spaces}"),
            format!("Bearer {token}"),
            format!("bearer {token} {token}"),
            format!("{token} {KEY}"),
        ] {
            reader.assert_matches_model(value.as_bytes());
        }
    }
}
