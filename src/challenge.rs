//! What a refused request is told in its `WWW-Authenticate` header: [`Challenge`].

use core::fmt::{self, Write};

use crate::denied::Reason;

/// The value of a `WWW-Authenticate` header (RFC 6750 §3), made by [`Denied::challenge`](crate::Denied::challenge):
/// `Display` writes it.
///
/// One well-formed value of visible ASCII and spaces, whatever the realm: `"` and `\` in it are escaped, and
/// each character outside U+0020..U+007E is written `?`.
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
    pub(crate) reason: Reason,
    pub(crate) realm: &'r str,
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
            // an empty scope parameter is against the grammar (RFC 6749 §3.3)
            Reason::MissingScope { required, .. } if required.names().next().is_some() => {
                write!(f, ", scope=\"{required}\"")
            }
            _ => Ok(()),
        }
    }
}
