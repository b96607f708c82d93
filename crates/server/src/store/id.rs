//! Ids of accounts, companies, tokens and projects. Each has a type of its own, so that none is taken for another.

use std::fmt;

use serde::Serialize;

use super::new_id;
use crate::database::{FromValue, Value};

macro_rules! id {
    ($name:ident, $prefix:literal, $of:literal) => {
        #[doc = concat!("The id of ", $of, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// Returns a new id. Nobody can guess it.
            pub fn generate() -> Self {
                Self(new_id($prefix))
            }

            /// Reads an id that a client sent. Every id consists of letters, digits and `_`.
            pub fn parse(text: &str) -> Option<Self> {
                let is_id =
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                is_id.then(|| Self(text.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&$name> for Value {
            fn from(id: &$name) -> Self {
                id.as_str().into()
            }
        }

        impl FromValue for $name {
            fn from_value(value: Value) -> Option<Self> {
                String::from_value(value).map(Self)
            }
        }
    };
}

id!(AccountId, "acc", "an account");
id!(CompanyId, "org", "a company");
id!(TokenId, "tok", "an access token of a program");
id!(ProjectId, "proj", "a project");

#[cfg(test)]
mod tests {
    use super::*;

    /// PostgreSQL fails on a text with a NUL.
    #[test]
    fn an_id_has_only_letters_digits_and_underscores() {
        for text in ["", "proj_\0", "proj-1", " proj_1", "proj_ä"] {
            assert_eq!(ProjectId::parse(text), None, "{text:?}");
        }
        assert_eq!(ProjectId::parse("proj_1aZ"), Some(ProjectId("proj_1aZ".to_owned())));
    }
}
