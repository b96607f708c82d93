//! Names of files and refs as reports show them: with keys masked, on one line, and different for different names.
//!
//! A name is a sequence of bytes. Bytes that are not UTF-8 become `\xNN`. Where a name could itself hold these four
//! characters, backslashes are doubled, so that the two stay different.

use std::fmt::Write;

use ctx_key::scan;

use crate::scan::decode::Decoder;

/// Returns the name for a string of JSON. Control characters stay, because JSON has its own escapes for them.
pub(crate) fn to_json(name: &[u8]) -> String {
    escape(&redact(name), |_| false, has_hex_escape(name))
}

/// Returns the name for a line of text.
pub(crate) fn to_text(name: &[u8]) -> String {
    escape(&redact(name), is_unsafe, cfg!(not(windows)))
}

/// Returns a message for a line of text, with keys masked. It may be the error of a library, which can repeat names.
pub(crate) fn to_message(text: &str) -> String {
    escape(&redact(text.as_bytes()), is_unsafe, false)
}

/// Returns a relative reference (RFC 3986), or a `file` URI if the path is absolute (RFC 8089).
pub(crate) fn to_uri(name: &[u8]) -> String {
    let name = redact(name);
    let is_drive = cfg!(windows) && name.get(1) == Some(&b':');
    let mut uri = String::from(match (name.first(), is_drive) {
        (Some(b'/'), _) => "file://",
        (_, true) => "file:///",
        _ => "",
    });
    for byte in name.iter() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b'!' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte));
            }
            _ => push(&mut uri, format_args!("%{byte:02X}")),
        }
    }
    uri
}

/// Masks the keys in a name: plain ones after the id, and encoded ones as a whole.
fn redact(name: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(name.len());
    let mut rest = 0;
    for hidden in Decoder::default().ranges(name) {
        masked.extend_from_slice(&name[rest..hidden.start.max(rest)]);
        masked.extend_from_slice(b"***");
        rest = rest.max(hidden.end);
    }
    masked.extend_from_slice(&name[rest..]);
    scan::redact(&masked).into_owned()
}

fn escape(name: &[u8], is_escaped: fn(char) -> bool, doubles_backslash: bool) -> String {
    let mut escaped = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' if doubles_backslash => escaped.push_str("\\\\"),
                _ if is_escaped(character) => escaped.extend(character.escape_default()),
                _ => escaped.push(character),
            }
        }
        for byte in chunk.invalid() {
            push(&mut escaped, format_args!("\\x{byte:02X}"));
        }
    }
    escaped
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = text.write_fmt(arguments);
}

/// Returns whether the name looks as if bytes in it were escaped, or has bytes that need such an escape.
fn has_hex_escape(name: &[u8]) -> bool {
    let is_escape =
        |window: &[u8]| window.starts_with(b"\\x") && window[2..].iter().all(u8::is_ascii_hexdigit);
    name.windows(4).any(is_escape) || std::str::from_utf8(name).is_err()
}

/// Returns whether this is a control character, a line separator, or a character that changes the direction of text
/// or has no width.
pub(crate) fn is_unsafe(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_and_distinct() {
        let names: [&[u8]; 9] = [
            b"plain",
            b"a\nb",
            b"a\\nb",
            b"a\xffb",
            b"a\xfeb",
            b"a\\xFFb",
            b"a\\\\xFFb",
            "a\u{202e}b".as_bytes(),
            "a\u{fffd}b".as_bytes(),
        ];
        for form in [to_text, to_json, to_uri] {
            let shown: std::collections::HashSet<_> = names.iter().map(|name| form(name)).collect();
            assert_eq!(shown.len(), names.len());
        }
        assert_eq!(to_text("ä b".as_bytes()), "ä b");
        assert_eq!(to_text(b"a\nb\xff"), "a\\nb\\xFF");
        assert_eq!(to_text("\u{202e}".as_bytes()), "\\u{202e}");
        // In a message, a backslash is not a part of a name.
        assert_eq!(to_message("a\\b\n\\xFF"), "a\\b\\n\\xFF");
        // If no byte needs an escape and nothing looks like one, a backslash stays as it is in JSON.
        assert_eq!(to_json(b"a\\b\nc"), "a\\b\nc");
        assert_eq!(to_json(b"a\\xFGa\\xG0\\XFF"), "a\\xFGa\\xG0\\XFF");
        assert_eq!(to_json(b"\xff\\b"), "\\xFF\\\\b");
        assert_eq!(to_json(b"\\x0a\\b"), "\\\\x0a\\\\b");
        assert_eq!(to_json(b"a\xff"), "a\\xFF");
        assert_eq!(to_uri("ä b%".as_bytes()), "%C3%A4%20b%25");
        assert_eq!(
            to_uri(b"a:b\t!c\\-._~"),
            if cfg!(windows) { "a%3Ab%09!c/-._~" } else { "a%3Ab%09!c%5C-._~" }
        );
        assert_eq!(to_uri(b"/a"), "file:///a");
    }

    /// Tries control characters of both ranges, line separators, and characters that have no width or change the
    /// direction of text.
    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        let unsafe_characters: [char; 22] = [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{80}',
            '\u{9b}',
            '\u{9f}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{206f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{e0000}',
            '\u{e0001}',
            '\u{e0fff}',
        ];
        for character in unsafe_characters {
            let text = format!("a{character}b");
            assert_eq!(to_message(&text), format!("a{}b", character.escape_default()));
            assert_eq!(to_text(text.as_bytes()), to_message(&text));
        }
        let safe_characters = [
            ' ',
            '~',
            '\u{a0}',
            '\u{200a}',
            '\u{2010}',
            '\u{2027}',
            '\u{202f}',
            '\u{205f}',
            '\u{2070}',
            '\u{fff8}',
            '\u{fffc}',
            '\u{fffd}',
            '𝒳',
            '\u{e1000}',
        ];
        for character in safe_characters {
            assert!(!is_unsafe(character), "{character:?}");
        }
    }
}
