//! Names in addresses: [`slug`].

use super::name::Name;

/// Returns the letters and digits of a name in lower case, with `-` between its words. It is empty for a name without an
/// ASCII letter or digit.
pub(super) fn slug(name: &Name) -> String {
    let dashed: String = name
        .as_str()
        .to_lowercase()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}
