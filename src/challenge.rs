//! The `WWW-Authenticate` header of a refusal: [`Challenge`].

use core::fmt::{self, Write};

use crate::denied::{Denied, Reason};

/// The value of a `WWW-Authenticate` header (RFC 6750 §3). [`Denied::challenge`] creates it, and `Display` writes it.
///
/// It is one well-formed value of visible ASCII and spaces, whatever the realm: `"` and `\` in the realm are escaped,
/// and each character outside U+0020 to U+007E is written as `?`.
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime, bearer};
///
/// let denied = bearer::parse(["Bearer a b"]).unwrap_err();
/// assert_eq!(denied.challenge("MemoryKit").to_string(), r#"Bearer realm="MemoryKit", error="invalid_request""#);
///
/// let key = ApiKey::generate();
/// let record = KeyRecord::new(&key, "demo", Scope::READ);
/// let denied = record.verify(&key, UnixTime::now())?.require(Scope::CHATS_WRITE).unwrap_err();
/// assert_eq!(
///     denied.challenge("MemoryKit").to_string(),
///     r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="chats:write""#,
/// );
/// # Ok::<(), ctx_key::Denied>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'r> {
    reason: Reason,
    realm: &'r str,
}

impl Denied {
    /// Returns the value of the response's `WWW-Authenticate` header, which a 401 must have (RFC 9110 §15.5.2).
    ///
    /// ```
    /// # use ctx_key::Denied;
    /// let challenge = Denied::unknown_key().challenge("MemoryKit");
    /// assert_eq!(challenge.to_string(), r#"Bearer realm="MemoryKit", error="invalid_token""#);
    /// ```
    #[must_use]
    pub const fn challenge<'r>(&self, realm: &'r str) -> Challenge<'r> {
        Challenge { reason: self.reason(), realm }
    }
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer realm=\"")?;
        for character in self.realm.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                ' '..='~' => f.write_char(character)?,
                _ => f.write_char('?')?,
            }
        }
        f.write_char('"')?;
        if let Some(error) = self.reason.error_code() {
            write!(f, ", error=\"{error}\"")?;
        }
        match self.reason {
            // the grammar does not allow an empty scope parameter (RFC 6749 §3.3)
            Reason::MissingScope { required, .. } if required.names().next().is_some() => {
                write!(f, ", scope=\"{required}\"")
            }
            _ => Ok(()),
        }
    }
}
