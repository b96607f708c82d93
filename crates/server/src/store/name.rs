//! Names of keys, projects and companies: [`Name`].

use std::fmt;

use serde::Serialize;

use crate::database::{FromValue, Value};

/// A name of 1 to 100 characters on one line, without spaces around it.
///
/// The OpenAPI document states the rule as a pattern of the text as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name(String);

/// The text is empty, too long, or not one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError;

impl Name {
    /// Maximum number of characters.
    pub const MAX_LENGTH: usize = 100;

    /// Reads a name as it was sent. The maximum length includes spaces around it.
    ///
    /// # Errors
    ///
    /// - Nothing but white space.
    /// - More than [`Self::MAX_LENGTH`] characters.
    /// - A control character, such as a line feed.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        let is_long = text.chars().count() > Self::MAX_LENGTH;
        if name.is_empty() || is_long || text.chars().any(char::is_control) {
            return Err(NameError);
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

/// A stored name is taken as it is, so that one that another program wrote does not hide the others in a list.
impl FromValue for Name {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a name: send 1 to {} characters on one line", Name::MAX_LENGTH)
    }
}

impl std::error::Error for NameError {}
