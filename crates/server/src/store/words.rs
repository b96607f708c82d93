//! Splits texts into words for searches. Words that differ only in case, accents, width or English inflection are the
//! same.
//!
//! - Accents are dropped, and letters such as `ł` and `ß` are replaced by basic Latin ones.
//! - The parts of a compound such as `node.js`, `e-mail` or `user_id` are words, and so is the compound without its joiners.
//! - Text without spaces (Chinese, Japanese, Korean, Thai and others) is cut into single characters and pairs of
//!   adjacent ones.
//! - An emoji is a word.

use std::collections::HashMap;
use std::mem;

use snowball_stemmers_rs::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::free_text::is_selector;

/// English words that say little about the subject of a text. Some are parts of contractions, such as `didn` and `t`.
#[rustfmt::skip]
const STOP_WORDS: [&str; 110] = [
    "a", "about", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "d", "did",
    "didn", "do", "does", "doesn", "don", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if",
    "in", "into", "is", "isn", "it", "its", "ll", "m", "me", "my", "no", "not", "of", "on", "or", "our", "please", "re",
    "s", "shall", "she", "should", "so", "some", "t", "tell", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "too", "us", "ve", "very", "was", "wasn", "we", "were", "what", "when",
    "where", "whether", "which", "who", "whom", "whose", "why", "will", "with", "won", "would", "wouldn", "you", "your",
    "yours", "aren", "couldn", "also", "being", "doing", "done", "having", "just", "many", "much", "only", "such", "shouldn",
];

/// Maximum length of a word that is stemmed, in bytes. Longer words are hardly ever English.
const MAX_STEMMED: usize = 32;

/// Maximum number of parts of a compound. A chain of more parts is not a name.
const MAX_PARTS: usize = 6;

/// The words of a text, with the number of times that each occurs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub counts: HashMap<String, u32>,
    /// Number of words. Compounds and pairs of characters do not count.
    pub length: u32,
}

/// A word of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A word, and the compounds that it is a part of, if any. A text needs one of them.
    Word(Vec<String>),
    /// A part that a [`normalized`] text must contain: text without spaces, or stop words with the spaces around them.
    Together(String),
}

/// Counts the words of a text.
pub fn count(text: &str) -> Counted {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut counted = Counted::default();
    let mut add = |word: String| *counted.counts.entry(word).or_default() += 1;
    for piece in pieces(text) {
        match piece {
            Piece::Word(parts) => {
                counted.length =
                    counted.length.saturating_add(u32::try_from(parts.len()).unwrap_or(u32::MAX));
                if let Some(compound) = compound(&parts) {
                    add(stem(&stemmer, &compound));
                }
                parts.iter().for_each(|part| add(stem(&stemmer, part)));
            }
            Piece::Marked { word, mark } => {
                counted.length = counted.length.saturating_add(1);
                add(format!("{word}{mark}"));
                add(stem(&stemmer, &word));
            }
            Piece::Run(run) => {
                let characters: Vec<char> = run.chars().collect();
                let length = u32::try_from(characters.len()).unwrap_or(u32::MAX);
                counted.length = counted.length.saturating_add(length);
                characters.iter().for_each(|&character| add(character.to_string()));
                characters.windows(2).for_each(|pair| add(pair.iter().collect()));
            }
        }
    }
    counted
}

/// Returns the words of a query without repetitions, in the order of the query. Stop words are left out if the query
/// has other words. The query ends at the first word after `max` different ones. A repeated word gets the compounds of all
/// its occurrences, so that their order does not matter. All words together get at most `max` such further compounds.
pub fn wanted(query: &str, max: usize) -> Vec<Wanted> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut all: Vec<(Wanted, bool)> = Vec::new();
    for piece in pieces(query) {
        match piece {
            Piece::Word(parts) => {
                let compound = compound(&parts).map(|compound| stem(&stemmer, &compound));
                all.extend(parts.iter().map(|part| {
                    let words = [Some(stem(&stemmer, part)), compound.clone()];
                    (Wanted::Word(words.into_iter().flatten().collect()), STOP_WORDS.contains(&part.as_str()))
                }));
            }
            Piece::Marked { word, mark } => all.push((Wanted::Word(vec![format!("{word}{mark}")]), false)),
            Piece::Run(run) => {
                let characters: Vec<char> = run.chars().collect();
                let parts = if characters.len() == 1 { characters.windows(1) } else { characters.windows(2) };
                all.extend(parts.map(|part| {
                    (Wanted::Word(vec![part.iter().collect()]), part.iter().all(|&c| is_hiragana(c)))
                }));
                if characters.len() > 2 {
                    let is_stop = characters.iter().all(|&c| is_hiragana(c));
                    all.push((Wanted::Together(run), is_stop));
                }
            }
        }
    }
    let has_others = all.iter().any(|(_, is_stop)| !is_stop);
    let is_of_words = all.iter().all(|(wanted, _)| matches!(wanted, Wanted::Word(_)));
    if !has_others && is_of_words && all.len() > 1 {
        all.push((Wanted::Together(normalized(query)), true));
    }
    let (mut kept, mut further) = (Vec::new(), 0);
    let mut places = HashMap::new();
    for (wanted, is_stop) in all {
        if is_stop && has_others {
            continue;
        }
        let key = match &wanted {
            Wanted::Word(words) => words.first(),
            Wanted::Together(text) => Some(text),
        };
        let place = *places.entry(key.cloned()).or_insert(kept.len());
        if place == max {
            break;
        }
        if place == kept.len() {
            kept.push(wanted);
        } else if let (Wanted::Word(known), Wanted::Word(words)) = (&mut kept[place], wanted) {
            for word in words {
                if !known.contains(&word) && further < max {
                    known.push(word);
                    further += 1;
                }
            }
        }
    }
    kept
}

/// Returns the words of a text, not stemmed, with one space before, between and after them. Characters that belong to
/// no word are left out.
pub fn normalized(text: &str) -> String {
    let words = pieces(text).into_iter().map(|piece| match piece {
        Piece::Word(parts) => parts.join(" "),
        Piece::Marked { word, mark } => word + &mark,
        Piece::Run(run) => run,
    });
    words.fold(" ".to_owned(), |text, word| text + &word + " ")
}

/// A piece of a folded text.
enum Piece {
    /// A word, or the parts of a compound.
    Word(Vec<String>),
    /// A name with signs after it, such as `C++` or `F#`.
    Marked { word: String, mark: String },
    /// Text without spaces.
    Run(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    let characters: Vec<char> = folded(text).collect();
    let class_at = |index: usize| characters.get(index).map_or(Class::Other, |&c| class(c));
    let mut pieces = Vec::new();
    let (mut parts, mut index) = (Vec::new(), 0);
    while index < characters.len() {
        let start = index;
        let own = class_at(index);
        index += 1;
        match own {
            Class::Letter => {
                while matches!(class_at(index), Class::Letter | Class::Mark) {
                    index += 1;
                }
                parts.push(characters[start..index].iter().collect());
                let is_joined = joins(&characters, index) && class_at(index + 1) == Class::Letter;
                if is_joined {
                    index += 1;
                    continue;
                }
                let mark = mark(&characters[start..]);
                index += mark.len();
                let marked = parts.last().filter(|_| !mark.is_empty()).cloned();
                if parts.len() > 1 || marked.is_none() {
                    pieces.push(Piece::Word(mem::take(&mut parts)));
                }
                parts.clear();
                pieces.extend(marked.map(|word| Piece::Marked { word, mark }));
            }
            Class::Unspaced => {
                while matches!(class_at(index), Class::Unspaced | Class::Mark) {
                    index += 1;
                }
                pieces.push(Piece::Run(characters[start..index].iter().collect()));
            }
            Class::Symbol => pieces.push(Piece::Word(vec![characters[start].into()])),
            Class::Mark | Class::Other => {}
        }
    }
    pieces
}

/// Returns whether the character between two letters joins them.
fn joins(characters: &[char], index: usize) -> bool {
    match characters.get(index) {
        Some('.' | '_' | '-' | '\u{2010}' | '@' | '&' | '\'' | '\u{2019}') => true,
        Some(',') => [index.wrapping_sub(1), index + 1]
            .iter()
            .all(|&side| characters.get(side).is_some_and(char::is_ascii_digit)),
        _ => false,
    }
}

/// Returns the signs after a name: `++` after any name, and `+` or `#` after a name of at most two letters.
fn mark(characters: &[char]) -> String {
    let length = characters.iter().take_while(|&&c| matches!(class(c), Class::Letter | Class::Mark)).count();
    let signs: String = characters[length..].iter().take_while(|&&c| matches!(c, '+' | '#')).collect();
    let next = characters.get(length + signs.len()).map_or(Class::Other, |&c| class(c));
    let is_mark = signs == "++" || (length <= 2 && matches!(signs.as_str(), "+" | "#"));
    if is_mark && next == Class::Other { signs } else { String::new() }
}

fn compound(parts: &[String]) -> Option<String> {
    (2..=MAX_PARTS).contains(&parts.len()).then(|| parts.concat())
}

fn stem(stemmer: &Stemmer, word: &str) -> String {
    if word.len() > MAX_STEMMED || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word.to_owned();
    }
    stemmer.stem(word).into_owned()
}

/// Returns the characters of a text without case, accents and differences of width.
fn folded(text: &str) -> impl Iterator<Item = char> {
    // the signs ℠ and ™ would become letters of the word before them
    let shown = text.chars().filter(|c| !is_ignored(*c) && !matches!(c, '\u{2120}' | '\u{2122}'));
    shown.nfkd().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase).flat_map(latin).nfc()
}

/// Replaces a letter that has no decomposition by basic Latin letters, and a final sigma by a sigma.
fn latin(letter: char) -> impl Iterator<Item = char> {
    let pair = match letter {
        'ß' => ['s', 's'],
        'æ' => ['a', 'e'],
        'œ' => ['o', 'e'],
        'þ' => ['t', 'h'],
        letter => [
            match letter {
                'ł' => 'l',
                'đ' | 'ð' | 'ɖ' => 'd',
                'ø' => 'o',
                'ı' => 'i',
                'ħ' => 'h',
                'ŧ' => 't',
                'ŋ' => 'n',
                'ĸ' => 'k',
                'ƒ' => 'f',
                'ς' => 'σ',
                other => other,
            },
            '\0',
        ],
    };
    pair.into_iter().filter(|&letter| letter != '\0')
}

/// Returns whether a mark is an accent, or a vowel that Hebrew and Arabic mostly leave out. Marks of other scripts are
/// significant.
fn is_accent(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5c7}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    ) && is_combining_mark(character)
}

/// Returns whether a character only changes how other characters are shown.
fn is_ignored(character: char) -> bool {
    is_selector(character)
        || matches!(character, '\u{1f3fb}'..='\u{1f3ff}')
        || character.general_category() == GeneralCategory::Format
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    /// A mark that belongs to the letter before it.
    Mark,
    /// A letter of a script that is written without spaces, or whose words have endings that we can't stem.
    Unspaced,
    Symbol,
    Other,
}

fn class(character: char) -> Class {
    use GeneralCategory::{EnclosingMark, NonspacingMark, OtherSymbol, SpacingMark};
    if character.is_ascii() {
        return if character.is_ascii_alphanumeric() { Class::Letter } else { Class::Other };
    }
    match character.general_category() {
        NonspacingMark | SpacingMark | EnclosingMark => Class::Mark,
        OtherSymbol => Class::Symbol,
        _ if !character.is_alphanumeric() => Class::Other,
        _ if is_unspaced(character) => Class::Unspaced,
        _ => Class::Letter,
    }
}

fn is_hiragana(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{309f}')
}

/// Returns whether a letter is Thai, Lao, Tibetan, Myanmar, Khmer, kana, Bopomofo, Hangul or Han.
fn is_unspaced(character: char) -> bool {
    matches!(
        character,
        '\u{e00}'..='\u{fff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{2e80}'..='\u{318f}'
            | '\u{31a0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7ff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words: Vec<_> = count(text).counts.into_keys().collect();
        words.sort();
        words
    }

    fn wants(query: &str) -> Vec<String> {
        let name = |wanted| match wanted {
            Wanted::Word(words) => words.join("|"),
            Wanted::Together(text) => format!("[{text}]"),
        };
        wanted(query, 32).into_iter().map(name).collect()
    }

    #[test]
    fn texts_that_look_alike_are_one_word() {
        for (text, expected) in [
            ("Café", "cafe"),
            ("CAFE\u{301}", "cafe"),
            ("Łódź", "lodz"),
            ("đường", "duong"),
            ("Đorđe", "dord"),
            ("İstanbul", "istanbul"),
            ("ISTANBUL", "istanbul"),
            ("ısı", "isi"),
            ("Straße", "strass"),
            ("STRASSE", "strass"),
            ("STRAẞE", "strass"),
            ("smørrebrød", "smorrebrod"),
            ("Ærø", "aero"),
            ("œuvre", "oeuvr"),
            ("Þór", "thor"),
            ("garðar", "gardar"),
            ("Ħal", "hal"),
            ("ruoŧŧa", "ruotta"),
            ("Ŋ", "n"),
            ("ĸ", "k"),
            ("ƒ", "f"),
            ("Ɖ", "d"),
            ("ｆｕｌｌ", "full"),
            ("ﬁsh", "fish"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("Ёлка", "елка"),
            ("co\u{ad}operate", "cooper"),
            ("Rust™", "rust"),
            // a digit with the signs of a key on a phone
            ("1\u{fe0f}\u{20e3}", "1"),
            ("\u{845b}\u{e0100}", "\u{845b}"),
            ("\u{182d}\u{180b}", "\u{182d}"),
            ("m²", "m2"),
            ("running", "run"),
            ("runs", "run"),
            ("בְּרֵאשִׁית", "בראשית"),
            ("\u{645}\u{64f}\u{62d}\u{64e}\u{645}\u{651}\u{62f}", "\u{645}\u{62d}\u{645}\u{62f}"),
            ("\u{647}\u{670}\u{630}\u{627}", "\u{647}\u{630}\u{627}"),
        ] {
            assert_eq!(words(text), [expected], "{text}");
        }
    }

    #[test]
    fn inflected_forms_share_a_stem() {
        for forms in [
            &["create", "created", "creates", "creating"][..],
            &["library", "libraries", "library's"],
            &["plan", "planned", "planning", "plans"],
            &["connect", "connected", "connection", "connections"],
        ] {
            let first = wants(forms[0]);
            for form in forms {
                let found = words(form);
                assert!(first.iter().all(|word| found.contains(word)), "{form}: {found:?}");
            }
        }
    }

    #[test]
    fn only_a_word_of_at_most_32_bytes_is_stemmed() {
        let long = format!("{}ings", "ab".repeat(14));
        assert_eq!((long.len(), words(&long)), (32, vec!["ab".repeat(14)]));
        let longer = format!("b{long}");
        assert_eq!(words(&longer), [longer]);
    }

    #[test]
    fn names_with_signs_keep_them() {
        for (text, expected) in [
            ("C++", &["c", "c++"][..]),
            ("C#", &["c", "c#"]),
            ("C", &["c"]),
            ("notepad++", &["notepad", "notepad++"]),
            ("blood type A+.", &["a", "a+", "blood", "type"]),
            ("tea+", &["tea"]),
            ("go+", &["go", "go+"]),
            ("a+b", &["a", "b"]),
            ("visual-c++", &["c", "c++", "visual", "visualc"]),
            ("#tag", &["tag"]),
            ("node.js", &["js", "node", "nodej"]),
            ("e-mail", &["e", "email", "mail"]),
            ("e\u{2010}mail", &["e", "email", "mail"]),
            ("AT&T", &["at", "att", "t"]),
            ("l'eau", &["eau", "l", "leau"]),
            ("user_id", &["id", "user", "userid"]),
            ("ada@example.com", &["ada", "adaexamplecom", "com", "exampl"]),
            ("O’Brien's", &["brien", "o", "obrien", "s"]),
            ("3.14 and 10,000", &["000", "10", "10000", "14", "3", "314", "and"]),
            ("one,two", &["one", "two"]),
            ("2,beta", &["2", "beta"]),
            ("v,2", &["2", "v"]),
            ("v1.2.", &["2", "v1", "v12"]),
            ("B12", &["b12"]),
            ("end. Begin", &["begin", "end"]),
            ("a.b.c.d.e.f", &["a", "abcdef", "b", "c", "d", "e", "f"]),
            ("a.b.c.d.e.f.g", &["a", "b", "c", "d", "e", "f", "g"]),
            ("go 🚀👩\u{200d}💻!", &["go", "👩", "💻", "🚀"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(wants("C++ or C#"), ["c++", "c#"]);
        assert_eq!(wants("node.js e-mail"), ["node|nodej", "js|nodej", "e|email", "mail|email"]);
    }

    #[test]
    fn text_without_spaces_is_cut_into_pairs() {
        assert_eq!(words("東京塔"), ["京", "京塔", "塔", "東", "東京"]);
        assert_eq!(words("ガ"), words("ｶﾞ"));
        assert_ne!(words("が"), words("か"));
        assert_eq!(words("한국"), ["국", "한", "한국"]);
        assert_eq!(words("กาแฟ").len(), 7);
        // Lao, Tibetan, Myanmar, Khmer, Bopomofo, and rare Han
        for text in [
            "\u{ea5}\u{ea7}",
            "\u{f56}\u{f51}",
            "\u{1019}\u{1014}",
            "\u{1780}\u{1781}",
            "\u{3105}\u{3106}",
            "\u{3400}\u{3401}",
            "\u{20000}\u{20001}",
        ] {
            assert_eq!(words(text).len(), 3, "{text}");
        }
        assert_eq!(words("東京,大"), ["京", "大", "東", "東京"]);
        assert_eq!(wants("東"), ["東"]);
        assert_eq!(wants("東京"), ["東京"]);
        assert_eq!(wants("東京塔"), ["東京", "京塔", "[東京塔]"]);
        assert_eq!(wants("寿司です"), ["寿司", "司で", "[寿司です]"]);
        assert_eq!(wants("ありがとう"), ["あり", "りが", "がと", "とう", "[ありがとう]"]);
        assert_eq!(wants("Rustで書く"), ["rust", "で書", "書く", "[で書く]"]);
        for (text, is_there) in
            [("新しい東京塔の", true), ("東京、京塔", false), ("東京", false), ("", false)]
        {
            assert_eq!(normalized(text).contains("東京塔"), is_there, "{text}");
        }
    }

    #[test]
    fn stop_words_count_only_alone() {
        assert_eq!(wants("Who created the TypeScript?"), ["creat", "typescript"]);
        assert_eq!(wants("The Who"), ["the", "who", "[ the who ]"]);
        assert_eq!(wants("To be, or not to be?"), ["to", "be", "or", "not", "[ to be or not to be ]"]);
        assert_eq!(wants("who"), ["who"]);
        assert_eq!(wants("run running RUNS"), ["run"]);
        // a word of several compounds has all of them, in whatever order they come
        assert_eq!(wants("mail e-mail"), ["mail|email", "e|email"]);
        assert_eq!(wants("e-mail mail e-mail"), ["e|email", "mail|email"]);
        assert_eq!(wants("e-mail mail-box"), ["e|email", "mail|email|mailbox", "box|mailbox"]);
        let words = |query: &str, max| -> Vec<usize> {
            let count = |wanted| if let Wanted::Word(words) = wanted { words.len() } else { 0 };
            wanted(query, max).into_iter().map(count).collect()
        };
        let numbers: String = (10..99).map(|number| format!("x-{number} ")).collect();
        assert_eq!(words(&numbers, 4), [5, 2, 2, 2]);
        assert_eq!(words("w-x x-z z-w w-x-v v-z", 3), [3, 3, 3]);
        assert_eq!(words("w-x x-w w-w x-x w-x-w x-w-x", 2), [3, 3]);
        for nothing in ["", " ", "?!\u{3002}", "%_*\"'\\", "+ # ++", "\u{301}", "\u{200d}"] {
            assert_eq!(wants(nothing), [""; 0], "{nothing}");
        }
        let mut sorted = STOP_WORDS;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]), "a stop word is listed twice");
    }

    /// Each word of a query is among the words of a text that contains the query.
    #[test]
    fn a_text_has_the_words_of_itself() {
        for text in
            ["Node.js & C++ for O'Brien", "東京タワーのC#", "re-re-re.a_b 1,2 ½ ǅ", "क्षत्रिय हिन्दी", "ﷺ ㍿ 🇫🇷"]
        {
            let counted = count(text);
            for wanted in wanted(text, 32) {
                let is_there = match &wanted {
                    Wanted::Word(words) => words.iter().all(|word| counted.counts.contains_key(word)),
                    Wanted::Together(together) => normalized(text).contains(together),
                };
                assert!(is_there, "{text}: {wanted:?}");
            }
        }
    }

    #[test]
    fn numbers_of_words_are_those_of_the_text() {
        let counted = count("tea, Tea and e-mail: 茶茶");
        let of = |word: &str| counted.counts.get(word).copied();
        assert_eq!([of("tea"), of("email"), of("茶"), of("茶茶"), of("mail")], [2, 1, 2, 1, 1].map(Some));
        assert_eq!(counted.length, 7);
        assert_eq!(count("C++ and C#").length, 3);
    }
}
