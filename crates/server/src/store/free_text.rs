//! Rules for texts that people write, such as names.

use std::borrow::Cow;

use ctx_key::scan::redact_str;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Characters that join or separate the characters around them (Unicode 16, §23.2). Names in several scripts need them.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Returns whether a text contains an API key or a part of one that `redact` hides. Such a text must not be stored,
/// because the dashboard would show it.
pub fn contains_key(text: &str) -> bool {
    let is_redacted = |text: &str| matches!(redact_str(text), Cow::Owned(_));
    is_redacted(text) || (text.contains(is_attached) && is_redacted(&text.replace(is_attached, "")))
}

/// Returns the position, counted from 1, of the first character that shows nothing or changes the direction of the
/// text: a control, format or separator character other than the space, or a filler. Joiners and variation selectors
/// are allowed beside visible characters.
pub(super) fn first_invisible(text: &str) -> Option<usize> {
    let characters: Vec<char> = text.chars().collect();
    let is_visible_at = |index: Option<usize>| {
        index.and_then(|index| characters.get(index)).is_some_and(|&character| is_visible(character))
    };
    let position = (0..characters.len()).find(|&index| {
        let character = characters[index];
        let (before, after) = (index.checked_sub(1), Some(index + 1));
        if JOINERS.contains(&character) {
            // an emoji may be followed by a variation selector
            let is_selected = before.is_some_and(|before| is_selector(characters[before]));
            !(is_selected || is_visible_at(before)) || !is_visible_at(after)
        } else if is_selector(character) {
            !is_visible_at(before)
        } else {
            character != ' ' && is_invisible(character)
        }
    });
    position.map(|index| index + 1)
}

/// Returns the form of a text for comparison: texts that look the same are equal.
pub(super) fn comparable(text: &str) -> String {
    let seen = text.replace(is_attached, "");
    let words: Vec<_> = seen.split_whitespace().collect();
    words.join(" ").to_lowercase().nfc().collect()
}

/// Returns the form of a text for searches. In every script, letters that differ only in case are the same: `ß` and
/// `SS`, `ς` and `Σ`.
pub(super) fn searchable(text: &str) -> String {
    comparable(text).to_uppercase().nfc().collect()
}

/// Returns whether a character is a space of any width.
pub(super) fn is_space(character: char) -> bool {
    character.general_category() == GeneralCategory::SpaceSeparator
}

/// Returns whether a character shows something. The braille pattern without dots shows nothing on its own.
pub(super) fn is_visible(character: char) -> bool {
    !(is_invisible(character) || is_selector(character) || matches!(character, ' ' | '\u{2800}'))
}

fn is_invisible(character: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator};
    let category = character.general_category();
    matches!(category, Control | Format | LineSeparator | ParagraphSeparator | SpaceSeparator)
        || is_filler(character)
}

/// Returns whether a character is another `Default_Ignorable_Code_Point` of Unicode: a Hangul filler, a Khmer
/// inherent vowel, or one that is not assigned.
fn is_filler(character: char) -> bool {
    matches!(
        character,
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2065}' | '\u{3164}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// Returns whether a character shows nothing on its own, but is allowed beside visible characters.
fn is_attached(character: char) -> bool {
    JOINERS.contains(&character) || is_selector(character)
}

/// Returns whether a character is a variation selector or the grapheme joiner.
pub(super) fn is_selector(character: char) -> bool {
    matches!(
        character,
        '\u{34f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// The characters that a name may not have, or only in some places, as ranges of a regular expression. The space is not
/// among them.
pub const RESTRICTED: &str = "\\u0000-\\u001f\\u007f-\\u00a0\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890-\\u0891\\u08e2\\u115f-\\u1160\
     \\u1680\\u17b4-\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\
     \\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}";

/// Returns the id of a masked key that was copied from a list, such as `8aspm4G7VmSU` for `ctx_8aspm4G7VmSU***`.
/// Returns any other text as it is.
pub(super) fn id_of_masked(text: &str) -> &str {
    text.trim().strip_prefix("ctx_").map_or(text, |id| id.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use ctx_key::ApiKey;

    use super::*;

    #[test]
    fn texts_that_look_the_same_are_the_same() {
        for (text, other) in [
            ("Example, Inc.", "EXAMPLE, INC."),
            ("B\u{fc}ro", "Bu\u{308}RO"),
            ("Two Words", "two  words"),
            ("a\u{200d}b", "AB"),
            ("Acme\u{34f}", "acme"),
            ("❤\u{fe0f} prod", "❤ prod"),
            ("葛\u{e0100}", "葛"),
        ] {
            assert_eq!(comparable(text), comparable(other));
        }
        assert_ne!(comparable("Example Inc"), comparable("Example, Inc"));
    }

    #[test]
    fn a_search_knows_the_letters_of_every_script() {
        for (name, text) in [
            ("Москва", "МОСКВА"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "ΟΔΟΣ"),
            ("Straße", "STRASSE"),
            ("GRO\u{1e9e}", "groß"),
            ("Հայ", "ՀԱՅ"),
            ("e\u{301}cole", "ÉCOLE"),
            ("東京", "東京"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("❤\u{fe0f} prod", "❤ PROD"),
        ] {
            assert_eq!(searchable(name), searchable(text));
        }
        assert_ne!(searchable("ecole"), searchable("école"));
    }

    #[test]
    fn a_key_is_found_anywhere_in_a_text() {
        let key = ApiKey::generate();
        let key = key.expose_secret();
        for text in [
            key.to_owned(),
            format!("my key {key}"),
            format!("x{key}x"),
            format!("a name with {key}, and more"),
            key[..51].to_owned(),
            format!("{}…", &key[..40]),
            format!("{}\u{200d}{}", &key[..20], &key[20..]),
            format!("{}\u{200c}{}", &key[..2], &key[2..]),
            format!("{}\u{fe0f}{}\u{34f}{}", &key[..20], &key[20..30], &key[30..]),
        ] {
            assert!(contains_key(&text), "{text}");
        }
        for text in
            ["", "ctx_", "ctx_key", "Production", &key[..16], &format!("{}***", &key[..16]), &key[4..]]
        {
            assert!(!contains_key(text), "{text}");
        }
    }

    #[test]
    fn characters_that_are_invisible_or_change_the_direction_are_found() {
        for (text, position) in [
            ("Büro – 東京 2", None),
            ("", None),
            (" ", None),
            ("नमस्ते क्\u{200d}ष", None),
            ("می\u{200c}خواهم", None),
            ("❤\u{fe0f} prod", None),
            ("👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥", None),
            ("葛\u{e0100}", None),
            ("e\u{301}", None),
            ("a\tb", Some(2)),
            ("a\u{85}b", Some(2)),
            ("a\u{a0}b", Some(2)),
            ("a\u{3000}b", Some(2)),
            ("a\u{2028}", Some(2)),
            ("a\u{2029}", Some(2)),
            ("a\u{ad}b", Some(2)),
            ("\u{feff}a", Some(1)),
            ("a\u{200b}b", Some(2)),
            ("a\u{2060}b", Some(2)),
            ("live\u{202e}tset", Some(5)),
            ("a\u{2066}b\u{2069}", Some(2)),
            ("a\u{61c}b", Some(2)),
            ("a\u{e0041}", Some(2)),
            ("a\u{3164}", Some(2)),
            ("\u{200d}a", Some(1)),
            ("a\u{200d}", Some(2)),
            ("a\u{200d} b", Some(2)),
            ("a \u{200c}b", Some(3)),
            ("a\u{200d}\u{200d}b", Some(2)),
            (" \u{fe0f}", Some(2)),
            ("\u{fe0f}\u{200d}a", Some(1)),
            ("a\u{fe0f}\u{fe0f}", Some(3)),
        ] {
            assert_eq!(first_invisible(text), position, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn the_ranges_have_each_restricted_character() {
        let is_restricted =
            |character| character != ' ' && !(is_visible(character) || character == '\u{2800}');
        let mut ranges = Vec::<(u32, u32)>::new();
        for character in (char::MIN..=char::MAX).filter(|character| is_restricted(*character)) {
            let code = u32::from(character);
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == code => *last = code,
                _ => ranges.push((code, code)),
            }
        }
        let written = |code: u32| match code {
            ..0x1_0000 => format!(r"\u{code:04x}"),
            _ => char::from_u32(code).expect("a character").to_string(),
        };
        let ranges = ranges.into_iter().map(|(first, last)| match first == last {
            true => written(first),
            false => format!("{}-{}", written(first), written(last)),
        });
        assert_eq!(ranges.collect::<String>(), RESTRICTED);
    }
}
