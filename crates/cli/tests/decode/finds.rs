//! A find of an encoded key has its place and its encodings.

use std::fs;

use ctx_key::ApiKey;
use serde_json::json;

use crate::common::{masked, run_in, run_with};
use crate::{ENCODINGS, STANDARD, URL_SAFE, assert_finds, base64, each, names, search, search_all, text_of};

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

/// A digit of base64 has six bits of the text, so a key can begin and end within a digit.
#[test]
fn a_region_in_base64_covers_the_digits_with_bits_of_the_key() {
    let key = ApiKey::generate();
    for (before, after) in (0..4).flat_map(|before| (0..4).map(move |after| (before, after))) {
        let text = [&vec![b'<'; before][..], text_of(&key), &vec![b'>'; after]].concat();
        let report =
            run_with(&base64(&text, STANDARD, true), &["scan", "-", "--format", "sarif"]).exits(1).json();
        let (start, end) = (before * 8 / 6, ((before + 52) * 8).div_ceil(6));
        let expected = json!({
            "startLine": 1, "startColumn": start + 1, "endColumn": end + 1,
            "byteOffset": start, "byteLength": end - start,
        });
        let region = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(*region, expected, "{before} bytes before and {after} after");
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
    let percent = each(&json_in_base64, |byte| format!("%{byte:02x}"));
    let three = run_with(&percent, &["scan", "-"]).exits(1).hides(&key);
    let encodings = "encoded as javascript in base64 in percent";
    assert_eq!(three.stdout, format!("stdin:1:1: {} ({encodings})\n", masked(&key)));
    let twice = base64(&base64(text_of(&key), STANDARD, true), STANDARD, true);
    let twice = run_with(&twice, &["scan", "-"]).exits(1).hides(&key);
    assert_eq!(twice.stdout, format!("stdin:1:1: {} (encoded as base64 in base64)\n", masked(&key)));
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
