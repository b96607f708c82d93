//! UTF-16 and UTF-32 are decoded in and around other encodings.

use ctx_key::ApiKey;

use crate::{ENCODINGS, assert_finds, names, search, search_all, text_of};

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
fn utf_32_is_found_at_each_offset() {
    let key = ApiKey::generate();
    let (mut texts, mut expected) = (Vec::new(), Vec::new());
    for before in 0..8 {
        for (utf_32, lead) in [(ENCODINGS[22].1, 0), (ENCODINGS[23].1, 3)] {
            texts.push([&vec![b'.'; before][..], &utf_32(text_of(&key)), b"..."].concat());
            expected.push(vec![(before as u64 + lead, 1, names(&["utf-32"]))]);
        }
    }
    let found: Vec<Vec<_>> = search_all(texts.iter(), &key)
        .into_iter()
        .map(|found| {
            found.into_iter().map(|(offset, line, _, encodings)| (offset, line, encodings)).collect()
        })
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
