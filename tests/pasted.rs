//! `ApiKey::parse_pasted` removes exactly what its rules name, and nothing else.

mod common;

use common::models::{is_trimmed, is_white_space};
use common::{KEY, lengths};
use ctx_key::{ApiKey, ParseKeyError};
use proptest::prelude::*;

#[test]
fn white_space_of_any_length_may_stand_between_the_removed_parts() {
    let key = ApiKey::parse(KEY).unwrap();
    for length in lengths(1).filter(|length| *length > 0) {
        for white in [" ", "\t", "\n", "\u{a0}", "\u{3000}"].map(|white| white.repeat(length)) {
            let parts = ["", "export", "MEMORYKIT_API_KEY", "=", "\"", "Bearer", KEY, "\"", ";", ""];
            assert_eq!(ApiKey::parse_pasted(&parts.join(&white)).as_ref(), Ok(&key), "{length}");
        }
    }
}

/// Tries each character of Unicode at either end, and at both ends each pair of ASCII characters and other quotes.
#[test]
fn only_white_space_quotes_and_separators_around_a_key_are_removed() {
    for c in '\0'..=char::MAX {
        let after = ApiKey::parse_pasted(&format!("{KEY}{c}")).is_ok();
        assert_eq!(after, is_trimmed(c) || [',', ';'].contains(&c), "{c:?}");
        let before = ApiKey::parse_pasted(&format!("{c}{KEY}")).is_ok();
        assert_eq!(before, is_trimmed(c), "{c:?}");
    }
    let pairs = ["\"\"", "''", "``", "“”", "‘’", "<>"];
    let characters = || ('\0'..='\u{7f}').chain("“”‘’„‚«»‹›「」（）\u{feff}\u{2003}".chars());
    for (c, d) in characters().flat_map(|c| characters().map(move |d| (c, d))) {
        let found = ApiKey::parse_pasted(&format!("{c}{KEY}{d}")).is_ok();
        let trimmed = is_trimmed(c) && (is_trimmed(d) || [',', ';'].contains(&d));
        assert_eq!(found, trimmed || pairs.contains(&&*format!("{c}{d}")), "{c:?} {d:?}");
    }
}

/// Each case resembles a rule of the repair, or would need one rule twice.
#[test]
fn nothing_else_is_removed_from_a_pasted_key() {
    for around in [
        "\"\"…\"\"",
        "\"'…'\"",
        "“\"…\"”",
        "<<…>>",
        "\"…'",
        "”…“",
        ">…<",
        "(…)",
        "[…]",
        "{…}",
        "«…»",
        "…,,",
        "…;;",
        "…,;",
        "….",
        "…:",
        "…\\n",
        "…\\",
        ",…",
        "=…",
        ":…",
        "Bearer Bearer …",
        "Bearer:…",
        "Bearer=…",
        "Bearer…",
        "Bearer\u{200b}…",
        "Basic …",
        "Token …",
        "MEMORYKIT_API_KEY=MEMORYKIT_API_KEY=…",
        "MEMORYKIT_API_KEY: Authorization: …",
        "Authorization: MEMORYKIT_API_KEY=…",
        "MEMORYKIT_API_KEY==…",
        "MEMORYKIT_API_KEY …",
        "MEMORYKIT_API_KEY…",
        "MEMORYKIT_API_KEYS=…",
        "MEMORYKIT_KEY=…",
        "memorykit_api_key=…",
        "Memorykit_Api_Key=…",
        "API_KEY=…",
        "exportMEMORYKIT_API_KEY=…",
        "EXPORT MEMORYKIT_API_KEY=…",
        "export export MEMORYKIT_API_KEY=…",
        "export …",
        "export Authorization: …",
        "set MEMORYKIT_API_KEY=…",
        "setx MEMORYKIT_API_KEY …",
        "$MEMORYKIT_API_KEY=…",
        "# MEMORYKIT_API_KEY=…",
        "Authorization=…",
        "Authorization …",
        "Authorization::…",
        "Authorization\u{200b}:…",
        "Proxy-Authorization: …",
        "X-Api-Key: …",
        "Cookie: key=…",
        "https://example.com/?key=…",
        "… # comment",
        "…&page=2",
        "… …",
    ] {
        let pasted = around.replace('…', KEY);
        assert!(ApiKey::parse_pasted(&pasted).is_err(), "{pasted}");
    }
}

/// Format characters are trimmed at the ends, but inside a removed name only white space is allowed.
#[test]
fn only_white_space_may_stand_inside_a_removed_name() {
    let key = ApiKey::parse(KEY).unwrap();
    for c in (0..=0xffff).filter_map(char::from_u32).filter(|&c| is_trimmed(c)) {
        let expected = if is_white_space(c) { Ok(key.clone()) } else { Err(ParseKeyError::Prefix) };
        for text in [
            format!("MEMORYKIT_API_KEY{c}={KEY}"),
            format!("export{c}MEMORYKIT_API_KEY={KEY}"),
            format!("Authorization{c}:{KEY}"),
            format!("Bearer{c}{KEY}"),
        ] {
            assert_eq!(ApiKey::parse_pasted(&text), expected, "{text:?}");
        }
        for text in
            [format!("{c}{KEY}{c}"), format!("MEMORYKIT_API_KEY={c}{KEY}"), format!("'{c}{KEY}{c}'{c}")]
        {
            assert_eq!(ApiKey::parse_pasted(&text).as_ref(), Ok(&key), "{text:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_pasted_text_panics(text in ".*") {
        let _ = ApiKey::parse_pasted(&text);
    }

    #[test]
    fn a_key_is_read_whatever_people_copy_along_with_it(
        before in "[ \t\r\n\u{a0}\u{feff}\u{200b}\u{3000}]{0,5}",
        scheme in "(?i:bearer)[ \t\u{2003}]{1,3}|",
        quote in "[\"'`]?",
        after in "[ \t\r\n\u{a0}\u{feff}\u{200b}\u{3000}]{0,5}",
        quote_outside in any::<bool>(),
    ) {
        let pasted = if quote_outside {
            format!("{before}{quote}{scheme}{KEY}{after}{quote}{after}")
        } else {
            format!("{before}{scheme}{quote}{before}{KEY}{quote}{after}")
        };
        prop_assert_eq!(ApiKey::parse_pasted(&pasted), ApiKey::parse(KEY));
    }
}
