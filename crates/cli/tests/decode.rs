//! `ctx-key scan` finds encoded keys.

mod common;

use std::fs;

use common::{masked, run_in, run_with};
use ctx_key::ApiKey;
use serde_json::{Value, json};

type Encode = fn(&[u8]) -> Vec<u8>;

/// The encodings, each with its name in reports.
const ENCODINGS: [(&str, Encode); 24] = [
    ("base64", |text| base64(text, STANDARD, true)),
    ("base64", |text| base64(text, STANDARD, false)),
    ("base64", |text| base64(text, URL_SAFE, true)),
    ("base64", |text| base64(text, URL_SAFE, false)),
    ("hex", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hex", |text| each(text, |byte| format!("{byte:02X}"))),
    ("hex", |text| each(text, |byte| format!("{:x}{:X}", byte >> 4, byte & 15))),
    ("percent", |text| each(text, |byte| format!("%{byte:02X}"))),
    ("percent", |text| each(text, |byte| format!("%{byte:02x}"))),
    ("percent", |text| each(text, |byte| format!("%u{byte:04x}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{byte:04X}"))),
    ("javascript", |text| each(text, |byte| format!("\\u{{{byte:x}}}"))),
    ("javascript", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    ("javascript", |text| each(text, |byte| format!("\\{byte:03o}"))),
    ("javascript", |text| each(text, |byte| format!("\\U{byte:08x}"))),
    ("html", |text| each(text, |byte| format!("&#{byte};"))),
    ("html", |text| each(text, |byte| format!("&#{byte:05};"))),
    ("html", |text| each(text, |byte| format!("&#x{byte:x};"))),
    ("html", |text| each(text, |byte| format!("&#X{byte:04X};"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02X}"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02x}"))),
    ("utf-32", |text| text.iter().flat_map(|byte| u32::from(*byte).to_le_bytes()).collect()),
    ("utf-32", |text| text.iter().flat_map(|byte| u32::from(*byte).to_be_bytes()).collect()),
];

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bit by bit, and so independently of how the command decodes.
fn base64(text: &[u8], alphabet: &[u8; 64], is_padded: bool) -> Vec<u8> {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |bits: &[u8]| {
        alphabet[(0..6).fold(0, |value, bit| value << 1 | usize::from(*bits.get(bit).unwrap_or(&0)))]
    };
    let mut encoded: Vec<u8> = bits.chunks(6).map(digit).collect();
    while is_padded && !encoded.len().is_multiple_of(4) {
        encoded.push(b'=');
    }
    encoded
}

fn each(text: &[u8], encode: fn(u8) -> String) -> Vec<u8> {
    text.iter().flat_map(|byte| encode(*byte).into_bytes()).collect()
}

fn text_of(key: &ApiKey) -> &[u8] {
    key.expose_secret().as_bytes()
}

/// The offset, the line, the column and the encodings of a find.
type Find = (u64, u64, u64, Vec<String>);

fn find(finding: &Value, key: &ApiKey) -> Find {
    assert_eq!(finding["id"], key.id().as_str());
    let number = |value: &Value| value.as_u64().unwrap();
    let encodings = finding["encodings"].as_array().cloned().unwrap_or_default();
    let encodings = encodings.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    (number(&finding["offset"]), number(&finding["line"]), number(&finding["column"]), encodings)
}

fn search(text: &[u8], key: &ApiKey) -> Vec<Find> {
    let report = run_with(text, &["scan", "-", "--format", "json"]).hides(key).json();
    report["findings"].as_array().unwrap().iter().map(|finding| find(finding, key)).collect()
}

/// Searches many texts in one run, as members of an archive. Writing that many files would take longer.
fn search_all<'t>(texts: impl ExactSizeIterator<Item = &'t Vec<u8>>, key: &ApiKey) -> Vec<Vec<Find>> {
    let (mut archive, mut found) = (tar::Builder::new(Vec::new()), vec![Vec::new(); texts.len()]);
    for (index, text) in texts.enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, index.to_string(), &text[..]).unwrap();
    }
    let run = run_with(&archive.into_inner().unwrap(), &["scan", "-", "--format", "json"]).hides(key);
    let report = run.json();
    assert_eq!(report["errors"], json!([]));
    for finding in report["findings"].as_array().unwrap() {
        let index = finding["path"].as_str().unwrap().strip_prefix("stdin!").unwrap();
        found[index.parse::<usize>().unwrap()].push(find(finding, key));
    }
    found
}

/// Asserts the finds in each text.
#[track_caller]
fn assert_finds(key: &ApiKey, cases: &[(String, Vec<u8>, Vec<Find>)]) {
    let found = search_all(cases.iter().map(|(_, text, _)| text), key);
    for ((case, _, expected), found) in cases.iter().zip(&found) {
        assert_eq!(found, expected, "{case}");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_encoded_key_is_found_at_the_start_in_the_middle_and_at_the_end() {
    let key = ApiKey::generate();
    let mut cases = Vec::new();
    for (index, (name, encode)) in ENCODINGS.into_iter().enumerate() {
        let encoded = encode(text_of(&key));
        let lead = encoded.iter().take_while(|byte| **byte == 0).count() as u64;
        let (before, after) = ("a: 1\nkey: \"", "\"\nb: 2\n");
        let wide = |text: &str| if name == "utf-32" { encode(text.as_bytes()) } else { text.into() };
        let offset = wide(before).len() as u64 + lead;
        let found = vec![(offset, 2, 7, names(&[name]))];
        let case = format!("{index} {name}");
        cases.push((case.clone(), [wide(before), encoded.clone(), wide(after)].concat(), found.clone()));
        cases.push((case.clone(), [wide(before), encoded.clone()].concat(), found));
        cases.push((case, encoded, vec![(lead, 1, 1, names(&[name]))]));
    }
    assert_finds(&key, &cases);
}

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

/// The region covers exactly the encoded key.
#[test]
fn a_region_covers_the_encoded_key() {
    let key = ApiKey::generate();
    let (before, after) = ("ä: 1\n𝒳: \"", "\"\nb: 2\n");
    for (index, (name, encode)) in ENCODINGS.into_iter().enumerate() {
        let encoded = encode(text_of(&key));
        // The region of a wide text ends at the low byte of the last character, without the zeros around it.
        let lead = encoded.iter().take_while(|byte| **byte == 0).count();
        let trail = encoded.iter().rev().take_while(|byte| **byte == 0).count();
        let is_wide = name == "utf-32";
        let wide = |text: &str| match (is_wide, lead) {
            (false, _) => text.as_bytes().to_vec(),
            (true, 0) => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            (true, _) => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<_>>(),
        };
        let padding = if name == "base64" { encoded.iter().filter(|byte| **byte == b'=').count() } else { 0 };
        let text = [wide(before), encoded.clone(), wide(after)].concat();
        let report = run_with(&text, &["scan", "-", "--format", "sarif"]).exits(1).hides(&key).json();
        let region = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        let length = encoded.len() - lead - trail - padding;
        let characters = if is_wide { 52 } else { length };
        let expected = json!({
            "startLine": 2, "startColumn": 5, "endColumn": 5 + characters,
            "byteOffset": wide(before).len() + lead, "byteLength": length,
        });
        assert_eq!(*region, expected, "{index} {name}");
        // Here, only the last character is escaped.
        if !matches!(name, "base64" | "hex" | "utf-32") {
            let last = encode(&text_of(&key)[51..]);
            let text = [before.as_bytes(), &text_of(&key)[..51], &last, after.as_bytes()].concat();
            let report = run_with(&text, &["scan", "-", "--format", "sarif"]).exits(1).hides(&key).json();
            let region = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
            let length = 51 + last.len();
            let expected = json!({
                "startLine": 2, "startColumn": 5, "endColumn": 5 + length,
                "byteOffset": before.len(), "byteLength": length,
            });
            assert_eq!(*region, expected, "{index} {name}");
        }
    }
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

/// UTF-32 counts towards the maximum of three encodings.
#[test]
fn encodings_in_utf_32_are_decoded() {
    let key = ApiKey::generate();
    let base64 = ENCODINGS[0].1;
    for (utf_32, lead) in [(ENCODINGS[22].1, 0), (ENCODINGS[23].1, 3)] {
        let twice = utf_32(&base64(&base64(text_of(&key))));
        assert_eq!(search(&twice, &key), [(lead, 1, 1, names(&["utf-32", "base64", "base64"]))]);
        assert_eq!(search(&utf_32(&base64(&base64(&base64(text_of(&key))))), &key), []);
        assert_eq!(search(&base64(&base64(&utf_32(text_of(&key)))), &key).len(), 1);
        assert_eq!(search(&base64(&base64(&base64(&utf_32(text_of(&key))))), &key), []);
    }
}

#[test]
fn three_nested_encodings_are_decoded_and_four_are_not() {
    let (key, mut cases) = (ApiKey::generate(), Vec::new());
    for (outer, encode_outer) in ENCODINGS {
        for (inner, encode_inner) in
            ENCODINGS.into_iter().filter(|(inner, _)| (outer, *inner) != ("utf-32", "utf-32"))
        {
            cases.push((encode_outer(&encode_inner(text_of(&key))), vec![names(&[outer, inner])]));
        }
    }
    for index in [0, 4, 7, 10, 18, 20] {
        let (name, encode) = ENCODINGS[index];
        let three = encode(&encode(&encode(text_of(&key))));
        cases.push((encode(&three), vec![]));
        cases.push((three, vec![names(&[name; 3])]));
    }
    let found = search_all(cases.iter().map(|(text, _)| text), &key);
    for ((_, expected), found) in cases.iter().zip(found) {
        assert_eq!(found.into_iter().map(|find| find.3).collect::<Vec<_>>(), *expected);
    }
    let mixed = ENCODINGS[7].1(&ENCODINGS[0].1(&ENCODINGS[10].1(text_of(&key))));
    assert_eq!(search(&mixed, &key), [(0, 1, 1, names(&["percent", "base64", "javascript"]))]);
}

#[test]
fn utf_16_in_an_encoding_and_around_it_is_decoded() {
    let (key, mut cases) = (ApiKey::generate(), Vec::new());
    let little = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let big = |text: &[u8]| text.iter().flat_map(|byte| [0, *byte]).collect::<Vec<u8>>();
    for (name, encode) in &ENCODINGS[..22] {
        let mut add = |text, found| cases.push(((*name).to_owned(), text, vec![found]));
        let zero = if *name == "base64" { 1 } else { encode(b"\0").len() as u64 };
        add(encode(&little(text_of(&key))), (0, 1, 1, names(&[name])));
        add(encode(&big(text_of(&key))), (zero, 1, zero + 1, names(&[name])));
        let text = [b"a\nkey ", &encode(text_of(&key))[..]].concat();
        add([&b"\xff\xfe"[..], &little(&text)].concat(), (14, 2, 5, names(&[name])));
        add([&b"\xfe\xff"[..], &big(&text)].concat(), (15, 2, 5, names(&[name])));
    }
    assert_finds(&key, &cases);
}

/// The text is searched in blocks of 16 bytes. The shortest encoded key has only five whole blocks, if it begins just
/// after the start of a block.
#[test]
fn the_shortest_encoded_key_in_utf_16_is_found_at_each_offset() {
    let key = ApiKey::generate();
    let text = key.expose_secret().replacen('_', "\\_", 1);
    let (mut texts, mut expected) = (Vec::new(), Vec::new());
    for before in 0..32 {
        for (to_bytes, zero_first) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
            let wide: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
            texts.push([&vec![b'.'; before][..], &wide[..], &[b'.'; 20][..]].concat());
            expected.push(vec![(before as u64 + zero_first, names(&["markdown"]))]);
        }
    }
    let found: Vec<Vec<_>> = search_all(texts.iter(), &key)
        .into_iter()
        .map(|found| found.into_iter().map(|(offset, _, _, encodings)| (offset, encodings)).collect())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn lines_and_columns_of_utf_32_are_counted() {
    let key = ApiKey::generate();
    // Ċ is U+010A and 上 is U+4E0A, so each contains the byte of a line feed.
    let text = format!("\u{feff}Ċ上\n𝒳 {}” {0}", key.expose_secret());
    for (to_bytes, lead) in [(u32::to_le_bytes as fn(u32) -> [u8; 4], 0), (u32::to_be_bytes, 3)] {
        let text: Vec<u8> = text.chars().flat_map(|character| to_bytes(character.into())).collect();
        let found = search(&text, &key);
        let encodings = names(&["utf-32"]);
        let expected = [(24 + lead, 2, 3, encodings.clone()), (240 + lead, 2, 57, encodings)];
        assert_eq!(found, expected);
        let first = search(&[&text[..4], &text[24..]].concat(), &key);
        assert_eq!((first[0].1, first[0].2), (1, 1));
    }
}

#[test]
fn a_key_is_reported_once_at_each_place() {
    let key = ApiKey::generate();
    let plain = key.expose_secret();
    let text = format!("%41{plain}\\u0041\nx%3D{plain}\n{plain}{plain}\n");
    let places: Vec<_> =
        search(text.as_bytes(), &key).into_iter().map(|find| (find.1, find.2, find.3)).collect();
    let expected = [(1, 4), (2, 5), (3, 1), (3, 53)].map(|(line, column)| (line, column, Vec::new()));
    assert_eq!(places, expected);
    // Two adjacent keys in base64 share a digit. Both are found.
    let twice = base64(format!("{plain}{plain}").as_bytes(), STANDARD, true);
    let starts: Vec<_> = search(&twice, &key).into_iter().map(|find| find.0).collect();
    assert_eq!(starts, [0, 69]);
}

#[test]
fn all_keys_in_one_encoded_text_are_found() {
    let tree = tempfile::tempdir().unwrap();
    let keys: Vec<ApiKey> = (0..40).map(|_| ApiKey::generate()).collect();
    let mut text = String::new();
    let mut expected = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        text.push_str(&"#".repeat(index));
        expected.push((text.len() * 8 / 6, key.id().as_str().to_owned()));
        text.push_str(key.expose_secret());
    }
    fs::write(tree.path().join("a"), base64(text.as_bytes(), STANDARD, true)).unwrap();
    let report = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).json();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (finding["offset"].as_u64().unwrap() as usize, finding["id"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn reports_name_the_encodings() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let json_in_base64 = base64(&each(text_of(&key), |byte| format!("\\u{byte:04x}")), STANDARD, true);
    let wrapped = json_in_base64.chunks(60).collect::<Vec<_>>().join(&b'\n');
    fs::write(tree.path().join("a"), [b"\xc3\xa4 ", &wrapped[..]].concat()).unwrap();
    let text = run_in(tree.path(), &["scan"]).exits(1).hides(&key);
    assert_eq!(text.stdout, format!("a:1:4: {} (encoded as javascript in base64)\n", masked(&key)));
    let report = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).hides(&key).json();
    assert_eq!(report["findings"][0]["encodings"], json!(["base64", "javascript"]));
    let sarif = run_in(tree.path(), &["scan", "--format", "sarif"]).exits(1).hides(&key).json();
    let result = &sarif["runs"][0]["results"][0];
    // The 312 characters become 416 digits on seven lines.
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"],
        json!({ "startLine": 1, "startColumn": 3, "endLine": 7, "endColumn": 57, "byteOffset": 3, "byteLength": 422 })
    );
    assert_eq!(result["properties"]["encodings"], json!(["base64", "javascript"]));
    let message =
        format!("The MemoryKit API key {} is readable here, encoded as javascript in base64.", masked(&key));
    assert_eq!(result["message"]["text"], message);
    let plain = run_in(tree.path(), &["scan", "--no-decode"]).exits(0);
    assert_eq!((plain.stdout, plain.stderr), Default::default());
}

#[test]
fn encoded_keys_in_names_are_hidden_and_comments_allow_them() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let encoded = String::from_utf8(base64(text_of(&key), URL_SAFE, false)).unwrap();
    fs::write(tree.path().join(&encoded), "").unwrap();
    fs::write(tree.path().join("a"), format!("{encoded} ctx-key:allow\n")).unwrap();
    let scan = run_in(tree.path(), &["scan"]).exits(1).hides(&key);
    assert_eq!(scan.stdout, format!("***:1:1: {} (in the name, encoded as base64)\n", masked(&key)));
    assert!(scan.stderr.contains("note: 1 key is allowed by a comment on its line\n"), "{scan:?}");
    // These two keys share a digit.
    let twice = [text_of(&key), text_of(&key)].concat();
    let twice = String::from_utf8(base64(&twice, URL_SAFE, false)).unwrap();
    fs::rename(tree.path().join(&encoded), tree.path().join(format!("x-{twice}"))).unwrap();
    let scan = run_in(tree.path(), &["scan", "--format", "json"]).exits(1).hides(&key).json();
    let found = scan["findings"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|found| (found["path"].as_str(), found["column"].as_u64())).collect();
    assert_eq!(found, [(Some("x-******"), Some(3)), (Some("x-******"), Some(72))]);
}

/// Searches 10 MB of the sources that the build has downloaded. `crates/cli/README.md` describes how to try more.
#[test]
fn real_sources_cause_no_false_alarm() {
    const SIZE: u64 = 10_000_000;
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::path::PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
        std::path::PathBuf::from,
    );
    let (tree, mut size, mut count) = (tempfile::tempdir().unwrap(), 0, 0);
    let mut folders = vec![home.join("registry/src")];
    while let Some(folder) = folders.pop().filter(|_| size < SIZE) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            // Published versions of this library contain keys in their examples.
            if kind.is_dir() && !entry.file_name().to_string_lossy().contains("ctx-key") {
                folders.push(entry.path());
            } else if kind.is_file() {
                size += fs::copy(entry.path(), tree.path().join(count.to_string())).unwrap();
                count += 1;
            }
        }
    }
    assert!(size >= SIZE, "the registry of cargo has only {size} bytes of sources");
    let report = run_in(tree.path(), &["scan", "--no-archives", "--format", "json"]).exits(0).json();
    assert_eq!((&report["findings"], &report["bytes"]), (&json!([]), &json!(size)));
}

/// Tries each row of the table in `crates/cli/README.md` that lists what is missed.
#[test]
fn encodings_that_the_readme_lists_as_missed_are_missed() {
    let key = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    let (head, tail) = key.split_at(20);
    let bytes = |separator: &str, format: fn(u8) -> String| {
        key.bytes().map(format).collect::<Vec<_>>().join(separator).into_bytes()
    };
    let digits = String::from_utf8(base64(key.as_bytes(), STANDARD, true)).unwrap();
    let rows: [(&str, Vec<u8>); 15] = [
        ("strings that are joined", format!("key = \"{head}\" + \"{tail}\"").into()),
        ("markup in a key", format!("{head}<wbr>{tail}").into()),
        ("colours in a key", format!("{head}\x1b[0m{tail}").into()),
        ("a line break in a key", format!("{head}\n{tail}").into()),
        ("quoted lines of base64", format!("> {}\n> {}", &digits[..60], &digits[60..]).into()),
        ("short lines of base64", digits.as_bytes().chunks(12).collect::<Vec<_>>().join(&b'\n')),
        ("lists of numbers", bytes(", ", |byte| byte.to_string())),
        ("dumps of bytes", bytes(" ", |byte| format!("{byte:02x}"))),
        ("other letters for the same digits", key.bytes().map(|byte| byte ^ 1).collect()),
        (
            "four encodings in each other",
            (0..4).fold(key.into(), |text: Vec<u8>, _| base64(&text, STANDARD, true)),
        ),
        ("a stream of a PDF, zlib", PDF.to_vec()),
        ("bzip2", BZIP2.to_vec()),
        ("xz", XZ.to_vec()),
        ("a compressed text in base64", base64(GZIP, STANDARD, true)),
        ("a zip archive after a program", [b"MZ\x90\0", ZIP].concat()),
    ];
    for (row, text) in rows {
        let run = run_with(&text, &["scan", "-"]).exits(0);
        assert_eq!((run.stdout, run.stderr), Default::default(), "{row}");
    }
}

const PDF: &[u8] = b"%PDF-1.4\x0a1 0 obj\x0a<< /Length 84 /Filter /FlateDecode >>\x0astream\x0ax\xdaSVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5h\xe0\x0d2\x16\x00<\xe8\x16\xe9\x0aendstream\x0aendobj\x0a";

const BZIP2: &[u8] = b"BZh91AY&SY\x8b\x93Hw\x00\x00d\xdf\x80\x00\x10H\x00u\xe2\x06\xc8\x9b \xbb+\xddp \x00j\x12\x944\x98\x09\xa7\xa0\xd0\x08\xc8\xda\x9b \x95&\x80\x00\x00\x1a44\x02v\x80 \xa0\x04\x22\x00C\x8b%0\x7f\xdd\xed{6\x9fnim\xfe\xdc\xbe\xbc\xfc\xfe\xb94R\xfeZx\xd4\x01\x06\xf4D\x00\x81L\xdd\x96\xad\xe0\x04\x18\x00 \xed<\xf8\x00\x83\x14\x00\x83\x9f\xab\xb7\x00B<\x97\xd3\xd5\xd8\xbb\x92)\xc2\x84\x84\x5c\x9aC\xb8";

const XZ: &[u8] = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\xe0\x03X\x00R]\x00\x11\x88\x08\xe7\xd9\xe1)O\x01\xea\x82\x91\x83g\xaf\x05\xb6\xa0V\x84%Pu\x0b\x9aB\x22k\x90\x83e\xd2\xd8ae\xaf\x9d?\xb0\xfc\xb2\xb5\x04\x1569\xa2QP\xa1\x9fbp\xd3<\x01\xf39-\xef\xd6@-!\xcbG\xd8\x00.\xaay\xbe\xaaY/j\xefM\xef;\xa3\x00\x00\x00\x00\x83\xdd\x87L\x04\xb3\xffK\x00\x01n\xd9\x06\x00\x00\x00\x03\xf8%P\xb1\xc4g\xfb\x02\x00\x00\x00\x00\x04YZ";

const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03SVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5h\xe0\x0d2\x16\x00\xfd\xee\xfb&Y\x03\x00\x00";

const ZIP: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xdca|]\xfd\xee\xfb&P\x00\x00\x00Y\x03\x00\x00\x01\x00\x00\x00aSVH\xce\xcf\xcdM\xcd+\xe1R\x1ee\x0d\x02\x96\xb7k\xa4mrIE\xbcEbqA\xae\x89\xbbyXnph\x9a\x7f\xbe\x8bY\x98aY\x91\x7fPrn\x9eAf\xb0Gv\x81kR\xa5Y\x99\xb7\xa1\xa1a\x9aIr\x95Q\x9e\xe5 p\xfa(\x0b\x99\x05\x00PK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\xdca|]\xfd\xee\xfb&P\x00\x00\x00Y\x03\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00aPK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00/\x00\x00\x00o\x00\x00\x00\x00\x00";
