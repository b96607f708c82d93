//! Both parsers of `Scope` on any text, and its checks on any bits, compared with a list of names and plain integers.

#![no_main]

use std::ops::Range;

use ctx_key::{ParseScopeError, Scope};
use ctx_key_fuzz::{assert_secret, expand, hashed_key};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] =
    ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];

fuzz_target!(|input: (u32, u32, &str)| {
    let (granted, required, text) = input;
    check_bits(granted, required);

    // Names contain no digits, so digits can stand for names.
    let key = hashed_key(text.as_bytes());
    let [a, b, c, d, e, f] = NAMES;
    let text = expand(text, &[('#', &*key), ('0', a), ('1', b), ('2', c), ('3', d), ('4', e), ('5', f)]);

    let items = if text.is_empty() { Vec::new() } else { items(&text, |c| c == ' ') };
    check_read(text.parse(), &text, &key, &items);

    let mut items = self::items(&text, |c| c == ',' || c.is_whitespace());
    items.retain(|item| !item.is_empty());
    check_read(Scope::parse_list(&text), &text, &key, &items);
});

/// Returns the ranges of the items between separators.
fn items(text: &str, separates: fn(char) -> bool) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let mut start = 0;
    for (index, character) in text.char_indices() {
        if separates(character) {
            items.push(start..index);
            start = index + character.len_utf8();
        }
    }
    items.push(start..text.len());
    items
}

fn check_read(result: Result<Scope, ParseScopeError>, text: &str, key: &str, items: &[Range<usize>]) {
    let mut bits = 0;
    for item in items {
        match NAMES.iter().position(|name| *name == &text[item.clone()]) {
            Some(bit) => bits |= 1 << bit,
            None => return check_error(result.unwrap_err(), text, key, item),
        }
    }
    assert_eq!(result.unwrap().bits(), bits);
}

fn check_error(error: ParseScopeError, text: &str, key: &str, item: &Range<usize>) {
    assert_eq!(error.range(), *item);
    assert_secret(key, &format!("{error} {error:?}"));

    let suggested = error.suggestion().map(|scope| scope.name().expect("one scope"));
    let spelled = text[item.clone()].to_ascii_lowercase().replace(['.', '_'], ":");
    if NAMES.contains(&&*spelled) {
        assert_eq!(suggested, Some(&*spelled));
    }
}

fn check_bits(granted: u32, required: u32) {
    let missing = required & !(granted & 0b11_1111);
    let (set, requirement) = (Scope::from_bits_retain(granted), Scope::from_bits_retain(required));
    assert_eq!(set.missing(requirement).bits(), missing);
    assert_eq!(set.grants(requirement), required != 0 && missing == 0);

    let known = Scope::from_bits(granted & 0b11_1111).expect("no unknown bits");
    assert_eq!(Scope::from_bits(granted), (granted < 64).then_some(known));

    let names: Vec<_> = NAMES
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| granted >> bit & 1 == 1)
        .map(|(_, name)| name)
        .collect();
    assert_eq!(set.to_string(), names.join(" "));
    assert_eq!(set.to_string().parse(), Ok(known));
    assert_eq!(known.name(), (names.len() == 1).then(|| names[0]));
}
