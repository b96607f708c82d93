//! Each form of an escape is decoded, and nothing else is.

use ctx_key::ApiKey;

use crate::{ENCODINGS, Encode, assert_finds, names, search, text_of};

#[test]
fn a_key_with_a_single_escaped_character_is_found() {
    let key = ApiKey::generate();
    let escapes: [(&str, Encode); 9] = [
        ("percent", ENCODINGS[7].1),
        ("javascript", ENCODINGS[10].1),
        ("javascript", ENCODINGS[13].1),
        ("html", ENCODINGS[16].1),
        ("html", ENCODINGS[18].1),
        ("quoted-printable", ENCODINGS[20].1),
        ("quoted-printable", |text| [b"=\r\n", text].concat()),
        ("quoted-printable", |text| [b"=\n", text].concat()),
        ("javascript", |text| [b"\\\n", text].concat()),
    ];
    let mut cases = Vec::new();
    for (name, encode) in escapes {
        // A line break before the first character is not a part of the key.
        let first = usize::from(encode(b"a").ends_with(b"a"));
        for place in first..52 {
            let (head, tail) = text_of(&key).split_at(place);
            let text = [b"x=", head, &encode(&tail[..1]), &tail[1..], b"&y=1"].concat();
            cases.push((format!("{name} {place}"), text, vec![(2, 1, 3, names(&[name]))]));
        }
    }
    // Escapes before and after a key do not count as its encoding.
    let text = format!("%41=\n{}&#65;", key.expose_secret().replacen('_', "%5F", 1));
    cases.push(("around".to_owned(), text.into(), vec![(5, 2, 1, names(&["percent"]))]));
    for (name, escape) in [
        ("markdown", "\\_"),
        ("html", "&lowbar;"),
        ("html", "&UnderBar;"),
        ("html", "&#95"),
        ("html", "&#x5F;"),
        ("percent", "%5f"),
    ] {
        let text = format!("key {}", key.expose_secret().replacen('_', escape, 1));
        let is_ambiguous = escape == "&#95" && key.expose_secret().as_bytes()[4].is_ascii_digit();
        if !is_ambiguous {
            cases.push((escape.to_owned(), text.into(), vec![(4, 1, 5, names(&[name]))]));
        }
    }
    assert_finds(&key, &cases);
}

/// Tries each form of an escape in the README with `_`, the only character of a key that is not a letter or digit.
#[test]
fn each_form_of_an_escape_is_decoded() {
    let key = ApiKey::generate();
    let cases: [(&str, &str, &[&str]); 25] = [
        ("html", "&lowbar;", &["html"]),
        ("html", "&UnderBar;", &["html"]),
        ("html", "&#95;", &["html"]),
        ("html", "&#00000095;", &["html"]),
        ("html", "&#x5f;", &["html"]),
        ("html", "&#X0000005F;", &["html"]),
        ("html", "&amp;#95;", &["html", "html"]),
        ("html", "&AMP;#95;", &["html", "html"]),
        ("html", "&&num;95;", &["html", "html"]),
        ("html", "&amp;#95&semi;", &["html", "html"]),
        ("html", "&percnt;5F", &["html", "percent"]),
        ("html", "&bsol;x5f", &["html", "javascript"]),
        ("html", "&equals;5F", &["html", "quoted-printable"]),
        ("percent", "%5F", &["percent"]),
        ("percent", "%u005F", &["percent"]),
        ("percent", "%U005f", &["percent"]),
        ("javascript", "\\u005f", &["javascript"]),
        ("javascript", "\\u{5f}", &["javascript"]),
        ("javascript", "\\u{0000005f}", &["javascript"]),
        ("javascript", "\\x5F", &["javascript"]),
        ("javascript", "\\x{5F}", &["javascript"]),
        ("javascript", "\\U0000005f", &["javascript"]),
        ("javascript", "\\137", &["javascript"]),
        ("markdown", "\\_", &["markdown"]),
        ("quoted-printable", "=5F", &["quoted-printable"]),
    ];
    let cases = cases.map(|(kind, escape, encodings)| {
        let text = format!("key {}\n", key.expose_secret().replacen('_', escape, 1));
        (format!("{kind} {escape}"), text.into(), vec![(4, 1, 5, names(encodings))])
    });
    assert_finds(&key, &cases);
    // An octal number has at most three digits, so the next digit is a character of the key.
    for digit in '0'..='7' {
        let mut keys = std::iter::repeat_with(ApiKey::generate);
        let key = keys.find(|key| key.id().as_str().starts_with(digit)).unwrap();
        let text = key.expose_secret().replacen('_', "\\137", 1);
        assert_eq!(search(text.as_bytes(), &key), [(0, 1, 1, names(&["javascript"]))], "{digit}");
    }
    // A line break may have one character or two.
    for (wrap, encoding) in [
        ("=\r\n", "quoted-printable"),
        ("=\n", "quoted-printable"),
        ("\\\r\n", "javascript"),
        ("\\\n", "javascript"),
    ] {
        let text = [&key.expose_secret()[..30], wrap, &key.expose_secret()[30..]].concat();
        assert_eq!(search(text.as_bytes(), &key), [(0, 1, 1, names(&[encoding]))], "{wrap:?}");
    }
    // Encodings of several kinds in one key are listed in their order.
    let text = key.expose_secret().replacen('_', "%5F", 1);
    let last = text.len() - 1;
    let text = format!("{}\\x{:02x}", &text[..last], text.as_bytes()[last]);
    assert_eq!(search(text.as_bytes(), &key), [(0, 1, 1, names(&["percent", "javascript"]))]);
}

/// Tries characters that only share a byte with one in a key, escapes without an end, and texts that are not escapes.
#[test]
fn a_text_that_is_not_an_escape_of_the_character_is_not_decoded() {
    let (key, mut cases) = (ApiKey::generate(), Vec::new());
    for escape in [
        "%u015F",
        "\\u015f",
        "\\u{15f}",
        "\\U0001005f",
        "&#351;",
        "&#x15f;",
        "&#x1005f;",
        "\\537",
        "\\u{5f",
        "\\x{5f",
        "%5",
        "%5G",
        "\\u05f",
        "\\x5",
        "=5",
        "=5f ",
        "&lowbar",
        "&#;",
        "&#x;",
        "\\u{}",
        "&under;",
        "&#000000095;",
    ] {
        let text = format!("key {}\n", key.expose_secret().replacen('_', escape, 1));
        cases.push((escape.to_owned(), text.into(), vec![]));
    }
    // The digits end at the first other character, which is the second character of the key.
    for escape in ["\\u{63", "\\x{63", "&#x163", "&#355", "%u0163", "\\u0163", "\\543"] {
        let text = format!("key {escape}{}\n", &key.expose_secret()[1..]);
        cases.push((escape.to_owned(), text.into(), vec![]));
    }
    assert_finds(&key, &cases);
}
