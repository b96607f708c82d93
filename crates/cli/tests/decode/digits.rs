//! Digits of base64 and hexadecimal digits are decoded, with line breaks among them.

use ctx_key::ApiKey;

use crate::{ENCODINGS, STANDARD, URL_SAFE, assert_finds, base64, names, search, text_of};

/// Other bytes before and after the key are encoded with it, and other digits precede the encoded text.
#[test]
fn base64_is_decoded_at_each_alignment() {
    let (key, mut cases) = (ApiKey::generate(), Vec::new());
    for alphabet in [STANDARD, URL_SAFE] {
        for before in 0..7 {
            for after in 0..4 {
                let text = [&b"\xfb\xffuser:\xff"[..before], text_of(&key), &b"\n\xffx"[..after]].concat();
                for glued in 0..5 {
                    let encoded = [&b"/Ab9-"[..glued], &base64(&text, alphabet, glued % 2 == 0)].concat();
                    let offset = (glued + before * 8 / 6) as u64;
                    let found = vec![(offset, 1, offset + 1, names(&["base64"]))];
                    cases.push((format!("{before} {after} {glued}"), encoded, found));
                }
            }
        }
    }
    assert_finds(&key, &cases);
}

#[test]
fn wrapped_base64_and_hexadecimal_digits_are_decoded() {
    let (key, mut cases) = (ApiKey::generate(), Vec::new());
    for (name, encode) in [ENCODINGS[0], ENCODINGS[4]] {
        for (width, wrap) in [(76, "\r\n"), (64, "\n"), (60, "\n  "), (72, "\n\t"), (40, "\r\n    ")] {
            for before in (0..80).step_by(3) {
                let text = [&vec![b'.'; before][..], text_of(&key), &[b'.'; 40]].concat();
                let encoded = encode(&text);
                let lines: Vec<&[u8]> = encoded.chunks(width).collect();
                let wrapped = [b"k: |\n  ", &lines.join(wrap.as_bytes())[..], b"\n"].concat();
                let digit = if name == "base64" { before * 8 / 6 } else { before * 2 };
                let line = digit / width;
                let indent = if line == 0 { 2 } else { wrap.trim_start_matches(['\r', '\n']).len() };
                let offset = 7 + digit + line * wrap.len();
                let (line, column) = (line as u64 + 2, (digit % width + indent) as u64 + 1);
                let found = vec![(offset as u64, line, column, names(&[name]))];
                cases.push((format!("{name} {width} {before}"), wrapped, found));
            }
        }
    }
    assert_finds(&key, &cases);
}

/// A string in a program or in JSON contains line breaks as escapes.
#[test]
fn digits_with_escaped_line_breaks_are_decoded() {
    let key = ApiKey::generate();
    for (name, encode) in [ENCODINGS[0], ENCODINGS[4]] {
        let encoded = encode(&[&b"....."[..], text_of(&key), b"....."].concat());
        for wrap in ["\\n", "\\r\\n", "\\n\\t", "\\r\\n\\t\\t", "\\\n", "\\\r\n"] {
            let lines: Vec<&[u8]> = encoded.chunks(40).collect();
            let text = [b"\"", &lines.join(wrap.as_bytes())[..], b"\""].concat();
            let found = search(&text, &key);
            let offset = 1 + if name == "base64" { 5 * 8 / 6 } else { 10 };
            assert_eq!(found, [(offset, 1, offset + 1, names(&["javascript", name]))], "{wrap:?}");
        }
    }
}

/// No line of these digits is long enough to be found by itself. The escaped line break is near the end of the text.
#[test]
fn an_escaped_line_break_shows_that_short_lines_are_encoded() {
    let key = ApiKey::generate();
    let digits = base64(text_of(&key), STANDARD, false);
    let lines = [&digits[..16], &digits[16..42], &digits[42..68]].join(&b"\n  "[..]);
    for (wrap, name) in [("\\\n", "javascript"), ("\\\r\n", "javascript"), ("=\n", "quoted-printable")] {
        let text = [b".", &lines[..], wrap.as_bytes(), &digits[68..]].concat();
        assert_eq!(search(&text, &key), [(1, 1, 2, names(&[name, "base64"]))], "{wrap:?}");
    }
}

/// Digits of base64 that are not hexadecimal stand before, between and after two keys.
#[test]
fn hexadecimal_digits_among_digits_of_base64_are_decoded() {
    let key = ApiKey::generate();
    let hex = String::from_utf8(ENCODINGS[4].1(text_of(&key))).unwrap();
    for (before, between, after) in [("zz", "xyz", "g"), ("/", "+", ""), ("a/z", "g0g1g", "zz")] {
        let text = format!("{before}{hex}{between}{hex}{after}");
        let first = before.len() as u64;
        let second = first + 104 + between.len() as u64;
        let expected = [first, second].map(|offset| (offset, 1, offset + 1, names(&["hex"])));
        assert_eq!(search(text.as_bytes(), &key), expected, "{before} {between} {after}");
    }
}
