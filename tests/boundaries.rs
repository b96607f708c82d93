//! Every length, and every byte at every index, of what is read, found or redacted.

mod common;

use core::fmt::Display;

use common::KEY;
use common::models::{self, SCOPES, is_trimmed, is_white_space};
use ctx_key::{ApiKey, KeyDigest, KeyId, ParseDigestError, ParseKeyIdError, Scope, bearer};

/// The whole value as text, or the text of the error.
type Outcome = Result<String, String>;

/// A public function that reads one value.
struct Reader {
    /// Its line in `tests/contract/api.txt`.
    item: &'static str,
    /// An input that it accepts.
    valid: &'static [u8],
    /// Reads an input. `None` if the function cannot be called with it.
    read: fn(&[u8]) -> Option<Outcome>,
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

/// Deserializes a string from each format. The formats agree.
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

/// Trims, removes one separator at the end and trims again, where nothing else is to be removed.
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

/// The bits of the set, or the error without its suggestion.
fn scopes(found: Result<Scope, impl Display>) -> Outcome {
    let place = |error: String| error.split(';').next().unwrap().to_owned();
    found.map(|set| format!("{:#x}", set.bits())).map_err(|error| place(error.to_string()))
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
    fn assert_reads_valid(&self) {
        let found = (self.read)(self.valid).expect("a valid input can be read");
        assert_eq!((found.is_ok(), &found), (true, &(self.model)(self.valid)), "{}", self.item);
    }

    fn assert_reads_as_modelled(&self, input: &[u8]) {
        let Some(found) = (self.read)(input) else { return };
        let start = String::from_utf8_lossy(&input[..input.len().min(100)]);
        assert!(found == (self.model)(input), "{}: {} bytes, {start:?}: {found:?}", self.item, input.len());
    }
}

/// The lengths 0 to 200, and those around each power of two up to 128 KiB.
fn lengths(around: usize) -> impl Iterator<Item = usize> {
    let powers = (8..=17).map(|power| 1 << power);
    (0..=200).chain(powers.flat_map(move |length| length - around..=length + around))
}

/// The lengths of a filling for which it, or the text of it and a part of this length, has one of the `lengths`.
fn filling_lengths(part: usize) -> impl Iterator<Item = usize> {
    lengths(4).chain(lengths(4).filter_map(move |whole| whole.checked_sub(part)))
}

/// A valid input that is cut off, or filled up, at either end.
#[test]
fn every_length() {
    for reader in READERS {
        reader.assert_reads_valid();
        for length in lengths(1) {
            let kept = length.min(reader.valid.len());
            let (start, end) = (&reader.valid[..kept], &reader.valid[reader.valid.len() - kept..]);
            for fill in ["0", "a", "_", ",", " ", "\n", "\0", "\u{feff}"] {
                let filling: Vec<_> = fill.bytes().cycle().take(length - kept).collect();
                reader.assert_reads_as_modelled(&[start, &filling].concat());
                reader.assert_reads_as_modelled(&[&filling, end].concat());
            }
        }
    }
}

/// Every byte instead of another one, between two, and as a character.
#[test]
fn every_byte_at_every_index() {
    for reader in READERS {
        for index in 0..=reader.valid.len() {
            let (before, after) = reader.valid.split_at(index);
            let rest = after.get(1..).unwrap_or_default();
            reader.assert_reads_as_modelled(&[before, rest].concat());
            for byte in 0..=u8::MAX {
                let character = char::from(byte).to_string();
                for middle in [&[byte][..], character.as_bytes()] {
                    reader.assert_reads_as_modelled(&[before, middle, rest].concat());
                    reader.assert_reads_as_modelled(&[before, middle, after].concat());
                }
            }
        }
    }
}

/// No reader takes off what people or other programs write around a value.
#[test]
fn nothing_around_a_value_is_dropped() {
    let starts =
        ["", "ctx_", "CTX_", "ctx_ctx_", "0x", "\\x", "sha256:", "id:", "key=", "urn:", "(", "[", "$"];
    let ends = ["", "***", "*", "...", "\u{2026}", "=", "==", "_", ".sig", ")", "]", "/", "#"];
    for reader in READERS {
        for (start, end) in starts.iter().flat_map(|start| ends.map(|end| (start, end))) {
            reader.assert_reads_as_modelled(&[start.as_bytes(), reader.valid, end.as_bytes()].concat());
        }
    }
}

/// No reader skips or repairs what it does not say: a line break, a space, a byte order mark.
#[test]
fn every_character_before_and_after() {
    let characters =
        ('\0'..='\u{3100}').chain(['\u{fe00}', '\u{feff}', '\u{fffd}', '\u{1f511}', '\u{e0001}']);
    for (reader, character) in READERS.iter().flat_map(|reader| characters.clone().map(move |c| (reader, c)))
    {
        let character = character.to_string();
        reader.assert_reads_as_modelled(&[character.as_bytes(), reader.valid].concat());
        reader.assert_reads_as_modelled(&[reader.valid, character.as_bytes()].concat());
    }
}

/// White space before the scheme, between scheme and token, and after the token, and tokens that are not keys.
#[test]
fn every_length_of_white_space_in_a_header() {
    let readers = || READERS.iter().filter(|reader| reader.valid == BEARER);
    let lengths = || filling_lengths(BEARER.len() - 1);
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
            reader.assert_reads_as_modelled(value.as_bytes());
        }
    }
}

/// White space of every length may stand between the parts that people copy along.
#[test]
fn every_length_of_white_space_in_a_pasted_key() {
    for length in lengths(1).filter(|length| *length > 0) {
        for white in [" ", "\t", "\n", "\u{a0}", "\u{3000}"].map(|white| white.repeat(length)) {
            let parts = ["", "export", "MEMORYKIT_API_KEY", "=", "\"", "Bearer", KEY, "\"", ";", ""];
            assert_eq!(key(ApiKey::parse_pasted(&parts.join(&white))), key_model(KEY.as_bytes()), "{length}");
        }
    }
}

/// Every character at either end of a pasted key, and every two of the Basic Latin block and of the other quotes.
#[test]
fn every_character_around_a_pasted_key() {
    for c in '\0'..=char::MAX {
        let after = ApiKey::parse_pasted(&format!("{KEY}{c}")).is_ok();
        assert_eq!(after, is_trimmed(c) || [',', ';'].contains(&c), "{c:?}");
        let before = ApiKey::parse_pasted(&format!("{c}{KEY}")).is_ok();
        assert_eq!(before, is_trimmed(c), "{c:?}");
    }
    let pairs = ["\"\"", "''", "``", "“”", "‘’", "<>"];
    let characters = || ('\0'..='\u{7f}').chain("“”‘’„‚«»‹›「」（）\u{feff}\u{2003}".chars());
    for (c, d) in characters().flat_map(|c| characters().map(move |d| (c, d))) {
        let found = ApiKey::parse_pasted(&format!("{c}{KEY}{d}")).is_ok();
        let trimmed = is_trimmed(c) && (is_trimmed(d) || [',', ';'].contains(&d));
        assert_eq!(found, trimmed || pairs.contains(&&*format!("{c}{d}")), "{c:?} {d:?}");
    }
}

/// What resembles a rule of the repair, and what fits one twice.
#[test]
fn nothing_else_is_removed_from_a_pasted_key() {
    for around in [
        "\"\"…\"\"",
        "\"'…'\"",
        "“\"…\"”",
        "<<…>>",
        "\"…'",
        "”…“",
        ">…<",
        "(…)",
        "[…]",
        "{…}",
        "«…»",
        "…,,",
        "…;;",
        "…,;",
        "….",
        "…:",
        "…\\n",
        "…\\",
        ",…",
        "=…",
        ":…",
        "Bearer Bearer …",
        "Bearer:…",
        "Bearer=…",
        "Bearer…",
        "Bearer\u{200b}…",
        "Basic …",
        "Token …",
        "MEMORYKIT_API_KEY=MEMORYKIT_API_KEY=…",
        "MEMORYKIT_API_KEY: Authorization: …",
        "Authorization: MEMORYKIT_API_KEY=…",
        "MEMORYKIT_API_KEY==…",
        "MEMORYKIT_API_KEY …",
        "MEMORYKIT_API_KEY…",
        "MEMORYKIT_API_KEYS=…",
        "MEMORYKIT_KEY=…",
        "memorykit_api_key=…",
        "Memorykit_Api_Key=…",
        "API_KEY=…",
        "exportMEMORYKIT_API_KEY=…",
        "EXPORT MEMORYKIT_API_KEY=…",
        "export export MEMORYKIT_API_KEY=…",
        "export …",
        "export Authorization: …",
        "set MEMORYKIT_API_KEY=…",
        "setx MEMORYKIT_API_KEY …",
        "$MEMORYKIT_API_KEY=…",
        "# MEMORYKIT_API_KEY=…",
        "Authorization=…",
        "Authorization …",
        "Authorization::…",
        "Authorization\u{200b}:…",
        "Proxy-Authorization: …",
        "X-Api-Key: …",
        "Cookie: key=…",
        "https://example.com/?key=…",
        "… # comment",
        "…&page=2",
        "… …",
    ] {
        let pasted = around.replace('…', KEY);
        assert!(ApiKey::parse_pasted(&pasted).is_err(), "{pasted}");
    }
}

#[cfg(feature = "std")]
mod texts {
    use super::*;
    use ctx_key::scan::{self, RedactingWriter};
    use std::io::Write;

    /// A function that redacts a text, as its line in `tests/contract/api.txt`. `None` if it cannot be called with it.
    type Redactor = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

    const REDACTORS: &[Redactor] = &[
        ("pub fn ctx_key::scan::redact(&[u8]) -> alloc::borrow::Cow<'_, [u8]>", |input| {
            Some(scan::redact(input).into_owned())
        }),
        (
            "pub fn ctx_key::scan::redacted_ranges(&[u8]) -> impl core::iter::traits::iterator::Iterator<Item = core::ops::range::Range<usize>>",
            |input| Some(copied(input)),
        ),
        ("pub fn ctx_key::scan::redact_str(&str) -> alloc::borrow::Cow<'_, str>", |input| {
            Some(scan::redact_str(text(input)?).into_owned().into_bytes())
        }),
        (
            "pub fn ctx_key::scan::RedactingWriter<W>::write(&mut self, &[u8]) -> std::io::error::Result<usize>",
            |input| Some(written(input, input.len().max(1))),
        ),
    ];

    /// Copies a text without the ranges that are redacted.
    fn copied(text: &[u8]) -> Vec<u8> {
        let (mut copy, mut rest) = (Vec::new(), 0);
        for hidden in scan::redacted_ranges(text) {
            copy.extend([&text[rest..hidden.start], b"***"].concat());
            rest = hidden.end;
        }
        copy.extend(&text[rest..]);
        copy
    }

    /// Writes pieces of this length.
    fn written(text: &[u8], length: usize) -> Vec<u8> {
        let mut writer = RedactingWriter::new(Vec::new());
        text.chunks(length).for_each(|piece| writer.write_all(piece).unwrap());
        writer.finish().unwrap()
    }

    fn assert_redacts(input: &[u8], expected: &[u8], case: &dyn core::fmt::Debug) {
        for (item, redact) in REDACTORS {
            assert!(redact(input).is_none_or(|redacted| redacted == expected), "{item}: {case:?}");
        }
    }

    /// Returns where the finds start. Each is whole, and none follows the last.
    fn finds(text: &[u8]) -> Vec<usize> {
        let mut finds = scan::find_iter(text);
        let found: Vec<_> = finds.by_ref().collect();
        assert!(finds.next().is_none() && finds.clone().next().is_none());
        for found in &found {
            let bytes = &text[found.range()];
            assert_eq!((found.as_bytes(), found.id().as_str().as_bytes()), (bytes, &bytes[4..16]));
            assert_eq!(
                (found.key().expose_secret().as_bytes(), Ok(found.key())),
                (bytes, ApiKey::parse(bytes))
            );
        }
        found.iter().map(|found| found.range().start).collect()
    }

    /// A key at the end, and at the start, of a text of any length.
    #[test]
    fn a_key_after_and_before_every_length() {
        for fill in ["x", " ", "ctx_"] {
            for length in filling_lengths(KEY.len()) {
                let filling: Vec<_> = fill.bytes().cycle().take(length).collect();
                for (start, text) in
                    [(length, [&filling, KEY.as_bytes()].concat()), (0, [KEY.as_bytes(), &filling].concat())]
                {
                    assert_eq!(finds(&text), [start], "{length} of {fill:?}");
                    assert_redacts(&text, &models::redact(&text), &(fill, length));
                }
            }
        }
    }

    /// A run is hidden from 30 digits on, however long it is, and whatever follows.
    #[test]
    fn a_run_of_every_length() {
        for (length, after) in filling_lengths(5).flat_map(|length| ["", "%"].map(|after| (length, after))) {
            let text = format!("=ctx_{}{after}", "a".repeat(length));
            let redacted = format!("=ctx_aaaaaaaaaaaa***{after}");
            let expected = if length < 30 { &text } else { &redacted };
            assert_redacts(text.as_bytes(), expected.as_bytes(), &(length, after));
        }
    }

    #[test]
    fn every_number_of_keys() {
        for count in lengths(1).take_while(|count| *count <= 1025) {
            for between in ["", " ", "a", "_"] {
                let text = [KEY].repeat(count).join(between).into_bytes();
                let starts = (0..count).map(|index| index * (52 + between.len()));
                assert_eq!(finds(&text), starts.collect::<Vec<_>>());
                assert_redacts(&text, &models::redact(&text), &(count, between));
            }
        }
    }

    /// The writer takes the same text in pieces of every length.
    #[test]
    fn pieces_of_every_length() {
        let line = format!("GET /?key%3D{KEY}&page=2 ctx_ c ct ctx {}\n{KEY}{}", &KEY[..33], &KEY[..34]);
        let text = line.repeat(140_000 / line.len()).into_bytes();
        let expected = models::redact(&text);
        for length in lengths(1).skip(1) {
            assert!(written(&text, length) == expected, "{length}");
        }
    }

    /// Every two bytes before a key, every two after it, and every one on both sides.
    #[test]
    fn every_byte_before_and_after_a_key() {
        let (shown, hidden) = KEY.as_bytes().split_at(16);
        for (a, b) in (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b))) {
            for (before, after) in [(&[a, b][..], &[][..]), (&[], &[a, b]), (&[a], &[b])] {
                let text = [before, shown, hidden, after].concat();
                assert_eq!(finds(&text), [before.len()], "{before:?}, {after:?}");
                let rest = after.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(after.len());
                let expected = [before, shown, b"***", &after[rest..]].concat();
                assert_redacts(&text, &expected, &(before, after));
            }
        }
    }

    /// Every character before and after a key that is cut off: 30 of its characters follow `ctx_`.
    #[test]
    fn every_character_around_a_cut_off_key() {
        for c in '\0'..='\u{2ffff}' {
            let text = format!("{c}{}{c}", &KEY[..34]);
            let rest = if c.is_ascii_alphanumeric() { String::new() } else { c.to_string() };
            assert_eq!(scan::redact_str(&text), format!("{c}{}***{rest}", &KEY[..16]));
        }
    }

    /// A key with another byte, or without one, is not found.
    #[test]
    fn every_byte_at_every_index_of_a_key_in_a_text() {
        for (index, original) in KEY.bytes().enumerate() {
            let (before, after) = KEY.as_bytes().split_at(index);
            for byte in 0..=u8::MAX {
                let text = [b"=", before, &[byte], &after[1..], b"="].concat();
                let expected = if byte == original { vec![1] } else { vec![] };
                assert_eq!(finds(&text), expected, "{index}, {byte:#x}");
                assert_redacts(&text, &models::redact(&text), &(index, byte));
            }
            assert!(finds(&[b"=", before, &after[1..], b"="].concat()).is_empty(), "{index}");
        }
    }
}
