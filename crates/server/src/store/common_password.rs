//! The passwords that people choose most often, and patterns on the keyboard: [`is_common`].

use std::collections::HashSet;
use std::sync::LazyLock;

/// Common passwords in lower case. `assets/common-passwords.md` names their source.
static LIST: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../../assets/common-passwords.txt").lines().collect());

/// Sequences that people type. Each is cyclic, and is recognised forward and backward.
const SEQUENCES: [&str; 17] = [
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "147258369",
    "!@#$%^&*()",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "qweasdzxcrtyfghvbnuiojklm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

/// Minimum length of a text whose repetition can be safe. A repeated shorter text is as easy to guess as the text
/// alone.
const MIN_UNIT: usize = 8;

/// Minimum number of characters of a sequence.
const MIN_SEQUENCE: usize = 3;
/// Minimum number of characters of a run, which repeats one character.
const MIN_RUN: usize = 2;

/// Maximum number of characters that are examined for one sequence, so that a long password does not take long.
const MAX_SEQUENCE: usize = 64;

/// Maximum number of characters outside of all pieces, such as the `1` of `passwordpassword1`.
const MAX_FURTHER: usize = 2;

/// Returns whether a password is common. It is if it is listed, repeats a short text or a listed password, or
/// consists of sequences, at most one listed password, and at most [`MAX_FURTHER`] further characters. Case, spaces
/// and ASCII punctuation do not count.
pub(super) fn is_common(password: &str) -> bool {
    let whole: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    let is_separator = |character: &char| character.is_whitespace() || character.is_ascii_punctuation();
    let letters: Vec<char> = whole.iter().copied().filter(|character| !is_separator(character)).collect();
    is_simple(&whole) || is_simple(&letters)
}

fn is_simple(text: &[char]) -> bool {
    // so few letters remain if a password is made of punctuation
    if text.len() < MIN_UNIT {
        return false;
    }
    let is_repeated = |length: usize| text.iter().zip(&text[length..]).all(|(before, after)| before == after);
    is_listed(text)
        || (1..=text.len() / 2)
            .any(|length| is_repeated(length) && (length < MIN_UNIT || is_listed(&text[..length])))
        || consists_of_pieces(text)
}

fn is_listed(text: &[char]) -> bool {
    LIST.contains(text.iter().collect::<String>().as_str())
}

/// Returns whether a text consists of sequences and at most one listed password, with few characters between them.
fn consists_of_pieces(text: &[char]) -> bool {
    let steps: Vec<_> = (0..text.len()).map(|start| sequence(&text[start..])).collect();
    let without = further_characters(&steps, text, &[]);
    if without.last().is_some_and(|further| *further <= MAX_FURTHER) {
        return true;
    }
    let longest = LIST.iter().map(|listed| listed.len()).max().unwrap_or_default();
    // before the listed password, there are only sequences and few characters
    let starts = (0..text.len()).filter(|start| without[*start] <= MAX_FURTHER);
    let candidates =
        starts.flat_map(|start| (4..=longest).filter_map(move |length| text.get(start..start + length)));
    let listed: HashSet<_> = candidates.filter(|word| is_listed(word)).collect();
    listed.into_iter().any(|word| {
        further_characters(&steps, text, word).last().is_some_and(|further| *further <= MAX_FURTHER)
    })
}

/// Returns, for each position, the minimum number of characters before it that belong to no piece.
fn further_characters(sequences: &[(usize, usize)], text: &[char], word: &[char]) -> Vec<usize> {
    let mut further = vec![usize::MAX; text.len() + 1];
    further[0] = 0;
    for (start, (shortest, longest)) in sequences.iter().enumerate() {
        let before = further[start];
        further[start + 1] = further[start + 1].min(before.saturating_add(1));
        for length in *shortest..=*longest {
            further[start + length] = further[start + length].min(before);
        }
        if !word.is_empty() && text[start..].starts_with(word) {
            further[start + word.len()] = further[start + word.len()].min(before);
        }
    }
    further
}

/// Returns the shortest and the longest length of a sequence or run at the start of a text.
fn sequence(text: &[char]) -> (usize, usize) {
    // a longer sequence counts as several
    let text = &text[..text.len().min(MAX_SEQUENCE)];
    let run = text.iter().take_while(|character| **character == text[0]).count();
    if run >= MIN_RUN {
        return (MIN_RUN, run);
    }
    let lengths = SEQUENCES.iter().flat_map(|sequence| {
        let place = |character| sequence.chars().position(|other| other == character);
        let distance = move |pair: &[char]| {
            let (from, to) = (place(pair[0])?, place(pair[1])?);
            Some((to + sequence.len() - from) % sequence.len())
        };
        [1, sequence.len() - 1]
            .map(|step| 1 + text.windows(2).take_while(|pair| distance(pair) == Some(step)).count())
    });
    (MIN_SEQUENCE, lengths.max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_and_patterns_are_found() {
        for password in [
            "passwordpassword",
            "PasswordPassword",
            "password password",
            "passwordpasswor",
            "passwordpassword1",
            "1Password1234567!",
            "P@ssw0rdP@ssw0rd",
            "password12345678",
            "qwerty123password",
            "letmein-letmein-letmein",
            "123456789012345",
            "012345678901234",
            "987654321098765",
            "abcdefghijklmno",
            "zyxwvutsrqponml",
            "abc123def456ghi",
            // a listed password of four letters, and one whose first letter continues the sequence before it
            "1234567890123love",
            "abcdragon1234567",
            "qwertyuiopasdfg",
            "qwertyuiopasdfghjklzxcvbnm",
            "poiuytrewqlkjhgfdsa",
            "1qaz2wsx3edc4rfv",
            "1q2w3e4r5t6y7u8i",
            "q1w2e3r4t5y6u7i8",
            "147258369147258",
            "!@#$%^&*()!@#$%",
            "aaaaaaaaaaaaaaa",
            "................",
            "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
            "112233445566778899",
            "xy7xy7xy7xy7xy7",
            "x7.k2!ax7.k2!ax7.k2!a",
            "momsanaladventure",
            "Lhbjkjubz2957704",
        ] {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn others_are_not() {
        for password in [
            "a long enough password",
            "another long password",
            "the new password 2026",
            "correct horse battery staple",
            "horse battery staple 123456789",
            "password monkey dragon sunshine",
            "correcthorse correcthorse",
            "Zm9vYmFyYmF6cXV4",
            "x7.k2!aqzwx7.k2!aqzw",
            "🌳🌲🦊🐝🍎🍊🍋🍌🍉🍇🍓🫐123",
            "東京大阪名古屋札幌福岡神戸京都川崎",
            "#$;:,.-_<>|+*~'`",
        ] {
            assert!(!is_common(password), "{password}");
        }
    }

    #[test]
    fn two_further_characters_and_a_unit_of_seven_are_too_few() {
        for (common, other) in [
            ("abcdefghk9", "abcdefghk9z"),
            ("passwordk9", "passwordk9z"),
            ("k9password", "k9zpassword"),
            ("gk3vz9qgk3vz9q", "gk3vz9qmgk3vz9qm"),
            ("p.a.s.s.w.o.r.d", "p.a.s.s.w.o.d.r"),
        ] {
            assert!(is_common(common) && !is_common(other), "{common} {other}");
        }
    }

    #[test]
    fn the_list_is_in_lower_case_and_small() {
        assert_eq!((LIST.len(), LIST.iter().filter(|listed| listed.len() >= 15).count()), (10_035, 41));
        assert!(
            LIST.iter()
                .all(|listed| listed.is_ascii() && *listed == listed.to_lowercase() && listed.len() >= 4)
        );
    }
}
