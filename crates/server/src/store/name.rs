//! Names of keys, projects and companies: [`Name`].

use std::fmt;

use serde::Serialize;

use super::free_text::{contains_key, first_invisible, is_space, is_visible};
use crate::database::{FromValue, Value};

/// A name of 1 to 100 characters on one line, without spaces around it.
///
/// The OpenAPI document gives the rule as a pattern for the text that a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name(String);

/// Reason why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The text has no visible character, or too many characters.
    Length,
    /// The character at this position of the text, counted from 1, shows nothing or changes the direction of the text.
    Invisible(usize),
    /// The text contains an API key, which would be shown again.
    Key,
}

impl Name {
    /// Maximum number of characters.
    pub const MAX_LENGTH: usize = 100;

    /// Reads a name as it was sent. The maximum length includes spaces around it.
    ///
    /// # Errors
    ///
    /// - No visible character.
    /// - More than [`Self::MAX_LENGTH`] characters.
    /// - A control, format or separator character other than the space, or a filler, such as a line feed or U+202E. U+200C
    ///   and U+200D are allowed between visible characters, and a variation selector is allowed after one.
    /// - An API key.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim_matches(is_space);
        if text.chars().nth(Self::MAX_LENGTH).is_some() {
            return Err(NameError::Length);
        }
        if contains_key(name) {
            return Err(NameError::Key);
        }
        if let Some(position) = first_invisible(name) {
            let before = text.chars().take_while(|&character| is_space(character)).count();
            return Err(NameError::Invisible(before + position));
        }
        if !name.chars().any(is_visible) {
            return Err(NameError::Length);
        }
        Ok(Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Name> for Value {
    fn from(name: &Name) -> Self {
        name.as_str().into()
    }
}

/// A stored name is not checked: an invalid one from another program must not make a whole list fail.
impl FromValue for Name {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => {
                write!(
                    f,
                    "not a name: send 1 to {} characters on one line, and not only spaces",
                    Name::MAX_LENGTH
                )
            }
            Self::Invisible(position) => write!(
                f,
                "not a name: remove character {position}, which can't be seen or changes the direction of the text"
            ),
            Self::Key => f.write_str(
                "not a name: it contains an API key. Revoke that key, since others may have read it",
            ),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_around_a_name_are_dropped_and_counted() {
        let longest = "ß".repeat(100);
        for (text, name) in [
            ("staging", "staging"),
            ("  a name ", "a name"),
            ("\u{3000}\u{a0} staging\u{2003}", "staging"),
            ("\u{2800}a", "\u{2800}a"),
            (&longest, &longest),
        ] {
            assert_eq!(Name::parse(text).map(|name| name.0).as_deref(), Ok(name), "{text:?}");
        }
        for text in ["", " ", "\u{3000}\u{a0}", "\u{2800} \u{2800}", &format!("{longest} "), &"a".repeat(101)]
        {
            assert_eq!(Name::parse(text), Err(NameError::Length), "{text:?}");
        }
    }

    #[test]
    fn each_mistake_has_its_error() {
        let key = ctx_key::ApiKey::generate();
        for (text, error) in [
            ("a\nb", NameError::Invisible(2)),
            ("\tstaging", NameError::Invisible(1)),
            ("staging\n", NameError::Invisible(8)),
            ("a\u{2028}b", NameError::Invisible(2)),
            ("a\u{2029}", NameError::Invisible(2)),
            ("\u{2028}a", NameError::Invisible(1)),
            ("a\u{200b}", NameError::Invisible(2)),
            (" a\u{202e}b", NameError::Invisible(3)),
            ("\u{3000} a\u{202e}b\u{2003}", NameError::Invisible(4)),
            ("\u{200d}", NameError::Invisible(1)),
            ("\u{3164}", NameError::Invisible(1)),
            (key.expose_secret(), NameError::Key),
            (&format!("prod {}", key.expose_secret()), NameError::Key),
            (&format!("{}\u{202e}", key.expose_secret()), NameError::Key),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{}", text.escape_unicode());
        }
    }
}
