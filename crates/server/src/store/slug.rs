//! Forms of names for URLs: `slug`.

/// Returns the letters and digits of a name in lower case, with `-` between its words. It is empty for a name without an
/// ASCII letter or digit.
pub(super) fn slug(name: &str) -> String {
    let name = name.to_lowercase();
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}
