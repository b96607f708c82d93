//! What the documentation says, in plain code over other crates. The tests compare the library with it.

use core::ops::Range;

use ctx_key::{ApiKey, ParseKeyError, Reason, Scope};
use sha2::{Digest, Sha256};

/// The names of the scopes, in the order of their bits.
pub(crate) const SCOPES: [(&str, Scope); 6] = [
    ("memories:read", Scope::MEMORIES_READ),
    ("memories:write", Scope::MEMORIES_WRITE),
    ("chats:read", Scope::CHATS_READ),
    ("chats:write", Scope::CHATS_WRITE),
    ("users:read", Scope::USERS_READ),
    ("users:write", Scope::USERS_WRITE),
];

/// Returns the digest of a key's text.
pub(crate) fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(&text[..46]).into()
}

/// Returns the checksum of a key's text, or of its first 46 characters.
pub(crate) fn checksum(text: &[u8]) -> String {
    let [a, b, c, d, ..] = digest(text);
    format!("{:0>6}", base62::encode(u32::from_be_bytes([a, b, c, d])))
}

/// Parses a key by the table of the specification, in its order.
pub(crate) fn parse(text: &[u8]) -> Result<(), ParseKeyError> {
    if !text.starts_with(b"ctx_") {
        return Err(ParseKeyError::Prefix);
    }
    if text.len() != 52 {
        return Err(ParseKeyError::Length { found: text.len() });
    }
    if let Some(index) = (4..52).find(|&index| !text[index].is_ascii_alphanumeric()) {
        return Err(ParseKeyError::Character { index });
    }
    if text[46..] != *checksum(text).as_bytes() {
        return Err(ParseKeyError::Checksum);
    }
    Ok(())
}

/// Reads the values of a header by the table of the documentation, in its order.
pub(crate) fn bearer(values: &[Vec<u8>]) -> Result<ApiKey, Reason> {
    let white_space = |byte: &u8| [b' ', b'\t'].contains(byte);
    let trimmed = match values {
        [] => return Err(Reason::MissingCredentials),
        [value] => {
            let start = value.iter().position(|byte| !white_space(byte)).unwrap_or(value.len());
            let end = value.iter().rposition(|byte| !white_space(byte)).map_or(start, |last| last + 1);
            &value[start..end]
        }
        _ => return Err(Reason::MalformedHeader),
    };
    let ends_scheme = |byte: &u8| white_space(byte) || *byte == b',';
    let (scheme, rest) = trimmed.split_at(trimmed.iter().position(ends_scheme).unwrap_or(trimmed.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Reason::MissingCredentials);
    }
    let token = &rest[rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len())..];
    let is_one = !token.is_empty() && token.len() < rest.len() && !token.iter().any(ends_scheme);
    if trimmed.len() > 8192 || !is_one {
        return Err(Reason::MalformedHeader);
    }
    ApiKey::parse(token).map_err(Reason::Key)
}

/// Finds everything that a key's prefix and 48 more characters are, wherever.
pub(crate) fn finds(text: &[u8]) -> Vec<Range<usize>> {
    (0..text.len().saturating_sub(51))
        .map(|at| at..at + 52)
        .filter(|at| parse(&text[at.clone()]).is_ok())
        .collect()
}

/// Returns which bytes are hidden: those after `ctx_`, twelve or more digits, and in a run of thirty.
pub(crate) fn hidden(text: &[u8]) -> Vec<bool> {
    let mut hidden = vec![false; text.len()];
    for start in 0..text.len() {
        let run = text[start..].strip_prefix(b"ctx_").unwrap_or_default();
        let length = run.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length >= 30 {
            hidden[start + 16..start + 4 + length].fill(true);
        }
    }
    hidden
}

/// Writes `***` in place of each run of hidden bytes.
pub(crate) fn redact(text: &[u8]) -> Vec<u8> {
    let hidden = hidden(text);
    let mut shown = Vec::new();
    for (index, &byte) in text.iter().enumerate() {
        match hidden[index] {
            false => shown.push(byte),
            true if index == 0 || !hidden[index - 1] => shown.extend(b"***"),
            true => {}
        }
    }
    shown
}

/// Returns whether a character has the Unicode property `White_Space`.
pub(crate) fn is_white_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}'
        | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Returns whether the repair of a pasted key trims a character.
pub(crate) fn is_trimmed(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}');
    is_white_space(c) || is_format
}
