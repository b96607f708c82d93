//! A table of requests of every kind that the library distinguishes, each in several spellings.

use std::collections::BTreeMap;

use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_integrations::Store;

use super::{latin_1, vectors};

/// The header lines of a request for `GET /v1/memories`, which requires `memories:read`, and the label of its result.
///
/// Each character is one byte. `{name}` stands for a text of the [`Fixture`], and `{9 x}` for nine times `x`.
pub(crate) struct Row {
    pub(crate) label: &'static str,
    pub(crate) lines: &'static [&'static str],
}

impl Row {
    pub(crate) const fn is_granted(&self) -> bool {
        matches!(self.label.as_bytes(), b"granted")
    }

    pub(crate) fn status(&self) -> u16 {
        match self.label {
            "granted" => 200,
            "malformed_header" => 400,
            "missing_scope" => 403,
            _ => 401,
        }
    }

    pub(crate) fn challenge(&self) -> Option<&'static str> {
        match self.label {
            "granted" => None,
            "missing_credentials" => Some(r#"Bearer realm="MemoryKit""#),
            "malformed_header" => Some(r#"Bearer realm="MemoryKit", error="invalid_request""#),
            "missing_scope" => {
                Some(r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="memories:read""#)
            }
            _ => Some(r#"Bearer realm="MemoryKit", error="invalid_token""#),
        }
    }
}

const fn row(label: &'static str, lines: &'static [&'static str]) -> Row {
    Row { label, lines }
}

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("granted", &["Authorization: Bearer {key}"]),
    row("granted", &["Authorization: bearer {key}"]),
    row("granted", &["Authorization: bEaReR {key}"]),
    row("granted", &["Authorization: Bearer{4 spaces}{key}"]),
    row("granted", &["Authorization:Bearer {key}"]),
    row("granted", &["Authorization: \tBearer {key}{2 spaces}\t"]),
    row("granted", &["AUTHORIZATION: BEARER {key}"]),
    row("granted", &["aUtHoRiZaTiOn: Bearer {key}"]),
    row("granted", &["Authorization: Bearer{8134 spaces}{key}"]),
    row("granted", &["Authorization:{9000 spaces}Bearer {key}"]),
    row("granted", &["Authorization: Bearer {valid from now}"]),

    // no value
    row("missing_credentials", &[]),
    row("missing_credentials", &["X-Authorization: Bearer {key}"]),
    row("missing_credentials", &["Proxy-Authorization: Bearer {key}"]),
    row("missing_credentials", &["X-Api-Key: {key}"]),

    // several values
    row("malformed_header", &["Authorization: Bearer {key}", "Authorization: Bearer {key}"]),
    row("malformed_header", &["Authorization: Bearer {key}", "Authorization: Bearer {unknown}"]),
    row("malformed_header", &["Authorization: Bearer {unknown}", "Authorization: Bearer {key}"]),
    row("malformed_header", &["Authorization: Bearer {key}", "AUTHORIZATION: Basic dTpw"]),
    row("malformed_header", &["authorization: Basic dTpw", "Authorization: Bearer {key}"]),
    row("malformed_header", &["Authorization: Bearer {key}", "Authorization:"]),
    row("malformed_header", &["Authorization:", "Authorization: Bearer {key}"]),
    row("malformed_header", &["Authorization:", "Authorization:"]),
    row("malformed_header", &["Authorization: Basic dTpw", "Authorization: Basic dTpw"]),

    // an empty value
    row("missing_credentials", &["Authorization:"]),
    row("missing_credentials", &["Authorization: \t{3 spaces}\t"]),

    // another scheme
    row("missing_credentials", &["Authorization: {key}"]),
    row("missing_credentials", &["Authorization: Basic dTpw"]),
    row("missing_credentials", &["Authorization: Basic {key}"]),
    row("missing_credentials", &["Authorization: Token {key}"]),
    row("missing_credentials", &["Authorization: Bearers {key}"]),
    row("missing_credentials", &["Authorization: Bear {key}"]),
    row("missing_credentials", &["Authorization: Bearer{key}"]),
    row("missing_credentials", &["Authorization: Bearer:{key}"]),
    row("missing_credentials", &["Authorization: Bearer\u{a0}{key}"]),
    row("missing_credentials", &["Authorization: \"Bearer {key}\""]),
    row("missing_credentials", &["Authorization: ,Bearer {key}"]),
    row("missing_credentials", &["Authorization: \u{ff}\u{fe}"]),
    row("missing_credentials", &["Authorization: Negotiate {9000 x}"]),

    // more than 8,192 bytes, or anything but spaces and one token after the scheme
    row("malformed_header", &["Authorization: Bearer"]),
    row("malformed_header", &["Authorization: Bearer{3 spaces}"]),
    row("malformed_header", &["Authorization: Bearer \t"]),
    row("malformed_header", &["Authorization: Bearer\t{key}"]),
    row("malformed_header", &["Authorization: Bearer \t{key}"]),
    row("malformed_header", &["Authorization: Bearer {key} x"]),
    row("malformed_header", &["Authorization: Bearer {key}\tx"]),
    row("malformed_header", &["Authorization: Bearer Bearer {key}"]),
    row("malformed_header", &["Authorization: Bearer {key},"]),
    row("malformed_header", &["Authorization: Bearer ,{key}"]),
    row("malformed_header", &["Authorization: Bearer,{key}"]),
    row("malformed_header", &["Authorization: Bearer {key}, Bearer {key}"]),
    row("malformed_header", &["Authorization: Bearer {key}, Basic dTpw"]),
    row("malformed_header", &["Authorization: Bearer{8135 spaces}{key}"]),
    row("malformed_header", &["Authorization: Bearer {8186 x}"]),
    row("malformed_header", &["Authorization: Bearer {key}{100000 x}"]),

    // a token that is not a key
    row("key_prefix", &["Authorization: Bearer \"{key}\""]),
    row("key_prefix", &["Authorization: Bearer '{key}'"]),
    row("key_prefix", &["Authorization: Bearer <{key}>"]),
    row("key_prefix", &["Authorization: Bearer token={key}"]),
    row("key_prefix", &["Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc"]),
    row("key_prefix", &["Authorization: Bearer ="]),
    row("key_prefix", &["Authorization: Bearer \u{ff}"]),
    row("key_prefix", &["Authorization: Bearer {8185 x}"]),
    row("key_length", &["Authorization: Bearer ctx_"]),
    row("key_length", &["Authorization: Bearer ctx_your_api_key_here"]),
    row("key_length", &["Authorization: Bearer {key}x"]),
    row("key_length", &["Authorization: Bearer {cut off}"]),
    row("key_character", &["Authorization: Bearer {with Latin-1}"]),
    row("key_checksum", &["Authorization: Bearer {mistyped}"]),

    // no record with the id, or one with another digest
    row("unknown_key", &["Authorization: Bearer {unknown}"]),
    row("unknown_key", &["authorization:bearer{2 spaces}{unknown}\t"]),
    row("digest_mismatch", &["Authorization: Bearer {other digest}"]),
    row("digest_mismatch", &["Authorization: Bearer {other digest, revoked}"]),

    // not valid at this time
    row("revoked", &["Authorization: Bearer {revoked}"]),
    row("revoked", &["Authorization: Bearer {revoked in the future}"]),
    row("revoked", &["Authorization: Bearer {revoked, expired}"]),
    row("expired", &["Authorization: Bearer {expired}"]),
    row("expired", &["Authorization: Bearer {expired, not yet valid}"]),
    row("not_yet_valid", &["Authorization: Bearer {not yet valid}"]),

    // valid, but without the scope
    row("missing_scope", &["Authorization: Bearer {write only}"]),
    row("missing_scope", &["Authorization: Bearer {no scope}"]),
];

/// A store with records of the keys that the rows name.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    keys: BTreeMap<&'static str, ApiKey>,
    texts: BTreeMap<&'static str, String>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let mut fixture = Self { store: super::store(), keys: BTreeMap::new(), texts: BTreeMap::new() };
        fixture.add_all();
        fixture
    }

    fn add_all(&mut self) {
        let (now, hour) = (UnixTime::now(), 60 * 60);
        let earlier = UnixTime::from_secs(now.as_secs() - hour);
        let later = now.saturating_add(hour);
        self.add("key", |_| {});
        self.add("valid from now", |record| {
            record.not_before = Some(now);
            record.expires_at = Some(later);
        });
        self.add("revoked", |record| record.revoke(earlier));
        self.add("revoked in the future", |record| record.revoke(later));
        self.add("revoked, expired", |record| {
            record.revoke(earlier);
            record.expires_at = Some(earlier);
        });
        self.add("expired", |record| record.expires_at = Some(now));
        self.add("expired, not yet valid", |record| {
            record.expires_at = Some(earlier);
            record.not_before = Some(later);
        });
        self.add("not yet valid", |record| record.not_before = Some(later));
        self.add("write only", |record| record.scopes = Scope::WRITE);
        self.add("no scope", |record| record.scopes = Scope::empty());
        self.next_key("unknown");
        self.add_with_other_digest("other digest", |_| {});
        self.add_with_other_digest("other digest, revoked", |record| record.revoke(earlier));
        self.add_invalid_texts();
    }

    /// Names the next key of the vectors. Parts of a random key would now and then be words of a log.
    fn next_key(&mut self, name: &'static str) -> ApiKey {
        let mut keys = vectors("keys").into_iter().filter(|case| case["ok"].is_object());
        let case = keys.nth(self.keys.len()).unwrap();
        let key = ApiKey::parse(case["input"].as_str().unwrap()).unwrap();
        self.texts.insert(name, key.expose_secret().to_owned());
        self.keys.insert(name, key.clone());
        key
    }

    fn add(&mut self, name: &'static str, change: impl FnOnce(&mut KeyRecord<String>)) {
        let key = self.next_key(name);
        let mut record = KeyRecord::new(&key, "demo".to_owned(), Scope::READ);
        change(&mut record);
        self.store.put(record);
    }

    fn add_with_other_digest(&mut self, name: &'static str, change: impl FnOnce(&mut KeyRecord<String>)) {
        let digest = *self.key("key").digest();
        let id = self.next_key(name).id();
        let mut record = KeyRecord::from_parts(id, digest, "demo".to_owned(), Scope::READ);
        change(&mut record);
        self.store.put(record);
    }

    /// Adds texts that resemble the valid key.
    fn add_invalid_texts(&mut self) {
        let key = self.key("key").expose_secret();
        let (start, last) = key.split_at(51);
        let mistyped = format!("{start}{}", if last == "0" { '1' } else { '0' });
        let with_latin_1 = format!("{}\u{e9}{}", &key[..20], &key[21..]);
        let cut_off = start.to_owned();
        self.texts.extend([("cut off", cut_off), ("mistyped", mistyped), ("with Latin-1", with_latin_1)]);
    }

    pub(crate) fn key(&self, name: &str) -> &ApiKey {
        &self.keys[name]
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// Returns the bytes of a row's header lines.
    pub(crate) fn lines(&self, row: &Row) -> Vec<Vec<u8>> {
        row.lines.iter().map(|line| self.line(line)).collect()
    }

    /// Returns the bytes that a line stands for.
    pub(crate) fn line(&self, line: &str) -> Vec<u8> {
        let mut parts = line.split('{');
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            text += &self.text(name);
            text += rest;
        }
        latin_1(&text)
    }

    fn text(&self, name: &str) -> String {
        if let Some(text) = self.texts.get(name) {
            return text.clone();
        }
        let (count, what) = name.split_once(' ').unwrap();
        let repeated = if what == "spaces" { " " } else { what };
        repeated.repeat(count.parse().unwrap_or_else(|_| panic!("no text has the name {name}")))
    }

    /// Returns the id of the key that the application reads from a row, if it reads one.
    pub(crate) fn id_read(&self, row: &Row) -> Option<KeyId> {
        let is_unread = ["missing_credentials", "malformed_header"].contains(&row.label);
        if is_unread || row.label.starts_with("key_") {
            return None;
        }
        let mut parts = row.lines.first()?.split(['{', '}']);
        parts.find_map(|name| self.keys.get(name)).map(ApiKey::id)
    }
}
