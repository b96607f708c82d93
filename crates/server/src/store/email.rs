//! E-mail addresses: [`Email`].

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::database::{FromValue, Value};

/// An e-mail address as accounts are found by it: in lower case and in the normal form NFC, without spaces around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Maximum number of bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
    const MAX_LENGTH: usize = 254;

    /// Reads an address. Texts that differ in case alone, or in how they compose letters, are one person's address.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase().nfc().collect())
    }

    /// Returns whether mail might reach this address. Only sending a mail would tell.
    pub fn is_plausible(&self) -> bool {
        let has_both =
            self.0.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        let is_plain = !self.0.chars().any(|character| character.is_control() || character.is_whitespace());
        has_both && is_plain && self.0.len() <= Self::MAX_LENGTH
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
