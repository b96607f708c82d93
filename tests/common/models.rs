//! The rules of the documentation, written plainly and with none of the library's own code. The tests compare the
//! library with these models.

use core::ops::Range;

use ctx_key::{ApiKey, ParseKeyError, Reason, Scope};
use sha2::{Digest, Sha256};

/// The scopes and their names, in the order of their bits.
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

/// Makes the checks of the specification's table for parsing, in the order of the table.
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

/// Reads the key from header values by the documentation's table, in the order of the table.
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

/// Returns the range of each key in `text`: every place at which the next 52 bytes parse.
pub(crate) fn key_ranges(text: &[u8]) -> Vec<Range<usize>> {
    (0..text.len().saturating_sub(51))
        .map(|start| start..start + 52)
        .filter(|range| parse(&text[range.clone()]).is_ok())
        .collect()
}

/// Returns for each byte whether redaction hides it: in a run of at least 30 digits after `ctx_`, all digits but the
/// first 12 are hidden.
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

/// Replaces each run of hidden bytes by `***`.
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

/// Returns whether the repair of a pasted key trims this character.
pub(crate) fn is_trimmed(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}');
    is_white_space(c) || is_format
}
