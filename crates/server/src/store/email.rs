//! E-mail addresses: [`Email`].

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::free_text::{contains_key, first_invisible};
use crate::database::{FromValue, Value};

/// An e-mail address in the form that accounts are found by: in lower case and in the normal form NFC, without spaces
/// around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Maximum number of bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
    const MAX_LENGTH: usize = 254;

    /// Reads an address. Texts that differ only in case or in the composition of letters are the same address.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase().nfc().collect())
    }

    /// Returns whether mail might reach this address, and the address can be shown. Only a mail to the address would
    /// show whether it exists.
    pub fn is_plausible(&self) -> bool {
        let has_both =
            self.0.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        let is_plain = !self.0.contains(char::is_whitespace) && first_invisible(&self.0).is_none();
        has_both && is_plain && self.0.len() <= Self::MAX_LENGTH && !contains_key(&self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Email> for Value {
    fn from(email: &Email) -> Self {
        email.as_str().into()
    }
}

impl FromValue for Email {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_the_same_in_any_case_and_composition() {
        for text in [" ADA\u{308}@B\u{dc}CHER.example", "ad\u{e4}@bu\u{308}cher.EXAMPLE\t"] {
            assert_eq!(Email::new(text).as_str(), "ad\u{e4}@b\u{fc}cher.example");
        }
    }

    #[test]
    fn an_address_is_plain_text_with_two_parts() {
        let key = ctx_key::ApiKey::generate();
        let longest = format!("{}@example.com", "a".repeat(242));
        let longest_of_others = format!("{}@example.com", "ä".repeat(121));
        for text in [
            "ada@example.com",
            " Ada@Example.COM ",
            "a@b",
            "o'neil+1@sub.example",
            "ädä@bücher.example",
            &longest,
            &longest_of_others,
        ] {
            assert!(Email::new(text).is_plausible(), "{text}");
        }
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example.com@",
            "a da@example.com",
            "ada@exam\u{202e}ple.com",
            "ada\u{200b}@example.com",
            "ada@example.com\u{3164}",
            "ada\n@example.com",
            &format!("a{longest}"),
            &format!("a{longest_of_others}"),
            &format!("{}@example.com", key.expose_secret()),
        ] {
            assert!(!Email::new(text).is_plausible(), "{}", text.escape_unicode());
        }
    }
}
