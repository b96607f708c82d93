//! Parses `info/alternates`, the list of folders that a folder of objects borrows from.
//!
//! git itself follows this list. If this parser read it in another way, git could read folders that were not checked.

/// Returns the paths of a list. A path ends at a line feed, or is quoted as in C. A line that begins with `#` is a
/// comment.
pub(crate) fn parse(list: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = until_nul(list);
    let mut paths = Vec::new();
    while !rest.is_empty() {
        let (path, after) = unquote(rest).unwrap_or_else(|| split_line(rest));
        if !path.is_empty() && !rest.starts_with(b"#") {
            paths.push(until_nul(&path).to_vec());
        }
        // git skips one byte after a path. After a quoted path, it may be any byte.
        rest = after.get(1..).unwrap_or_default();
    }
    paths
}

/// Returns the bytes before the first NUL, where a string of C ends.
fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |nul| &text[..nul])
}

fn split_line(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let (line, after) = text.split_at(memchr::memchr(b'\n', text).unwrap_or(text.len()));
    (line.to_vec(), after)
}

/// Parses the quoted path at the start of the text. Returns it and the bytes after it, or nothing if
/// there is none, or its quotes or escapes are broken.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        let (byte, after) = match byte {
            b'"' => return Some((path, after)),
            b'\\' => unescape(after)?,
            _ => (*byte, after),
        };
        path.push(byte);
        rest = after;
    }
}

/// Parses the part of an escape after the backslash. Returns the escaped byte and the bytes after it.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    if let [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..] = text {
        return Some(((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'), after));
    }
    let (letter, after) = text.split_first()?;
    let byte = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b'"' | b'\\' => *letter,
        _ => return None,
    };
    Some((byte, after))
}
