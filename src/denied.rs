//! Why a request is refused: [`Denied`], and inside it the [`Reason`].

use core::fmt;

use crate::challenge::Challenge;
use crate::key::ParseKeyError;
use crate::scope::Scope;

/// A request was refused. What to answer, and the exact [`Reason`] for logs and metrics.
///
/// One small `Copy` type from the header to the scope check, so that `?` carries it. `Display` is the
/// public [`message`](Self::message), the same for a key that is unknown, wrong, revoked, expired or not yet
/// valid: a stranger learns nothing from it. The reason is in [`reason`](Self::reason) and `Debug` alone.
///
/// ```
/// use ctx_key::{Denied, Reason};
///
/// let denied = Denied::unknown_key();
/// assert_eq!(denied.status(), 401);
/// assert_eq!(denied.to_string(), "the API key is not valid: it is unknown, revoked or outside its validity period");
/// assert_eq!(denied.reason(), Reason::UnknownKey);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied(Reason);

impl Denied {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self(reason)
    }

    /// No record has the key's id.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, Denied, KeyId, KeyRecord};
    /// # fn find(id: KeyId) -> Option<KeyRecord<String>> { None }
    /// # let key = ApiKey::generate();
    /// let record = find(key.id()).ok_or(Denied::unknown_key());
    /// assert!(record.is_err());
    /// ```
    #[must_use]
    pub const fn unknown_key() -> Self {
        Self(Reason::UnknownKey)
    }

    /// The exact reason, for logs and metrics. Not for whoever sent the request.
    ///
    /// ```
    /// # use ctx_key::{Denied, Reason};
    /// assert_eq!(Denied::unknown_key().reason(), Reason::UnknownKey);
    /// ```
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.0
    }

    /// The status code of the answer (RFC 9110 §15.5): 400 for a malformed header, 401 for no valid key, 403 for a
    /// key without the scope.
    ///
    /// ```
    /// # use ctx_key::Denied;
    /// assert_eq!(Denied::unknown_key().status(), 401);
    /// ```
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.0 {
            Reason::MalformedHeader => 400,
            Reason::MissingScope { .. } => 403,
            _ => 401,
        }
    }

    /// What to tell whoever sent the request.
    ///
    /// ```
    /// # use ctx_key::{Denied, ParseKeyError};
    /// let denied = Denied::from(ParseKeyError::Checksum);
    /// assert_eq!(denied.message(), "the API key is not well-formed: copy the whole key, and nothing else");
    /// ```
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self.0 {
            Reason::MissingCredentials => "an API key is required: send it as `Authorization: Bearer <key>`",
            Reason::MalformedHeader => "the Authorization header is malformed: send one, as `Bearer <key>`",
            Reason::Key(_) => "the API key is not well-formed: copy the whole key, and nothing else",
            Reason::MissingScope { .. } => "the API key lacks a scope that this request requires",
            Reason::UnknownKey
            | Reason::DigestMismatch
            | Reason::Revoked
            | Reason::Expired
            | Reason::NotYetValid => {
                "the API key is not valid: it is unknown, revoked or outside its validity period"
            }
        }
    }

    /// The scopes that the key lacks, empty if that is not the reason.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// let key = ApiKey::generate();
    /// let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?;
    ///
    /// let denied = grant.require(Scope::CHATS_READ | Scope::CHATS_WRITE).unwrap_err();
    /// assert_eq!(denied.missing(), Scope::CHATS_WRITE);
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub const fn missing(&self) -> Scope {
        match self.0 {
            Reason::MissingScope { missing, .. } => missing,
            _ => Scope::empty(),
        }
    }

    /// What the answer says in its `WWW-Authenticate` header, which 401 requires (RFC 9110 §15.5.2).
    ///
    /// ```
    /// # use ctx_key::Denied;
    /// let challenge = Denied::unknown_key().challenge("MemoryKit");
    /// assert_eq!(challenge.to_string(), r#"Bearer realm="MemoryKit", error="invalid_token""#);
    /// ```
    #[must_use]
    pub const fn challenge<'r>(&self, realm: &'r str) -> Challenge<'r> {
        Challenge { reason: self.0, realm }
    }
}

impl From<ParseKeyError> for Denied {
    fn from(error: ParseKeyError) -> Self {
        Self(Reason::Key(error))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Denied {}

/// The exact reason of a refusal. It holds no part of a key.
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, Reason, Scope, UnixTime};
///
/// let key = ApiKey::generate();
/// let mut record = KeyRecord::new(&key, "demo", Scope::READ);
/// record.revoke(UnixTime::now());
/// let denied = record.verify(&key, UnixTime::now()).unwrap_err();
/// assert_eq!(denied.reason(), Reason::Revoked);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The request has no `Authorization` header, an empty one, or one of another scheme.
    MissingCredentials,
    /// The request has several `Authorization` headers, or one that is no scheme and one token.
    MalformedHeader,
    /// What was presented is no key.
    Key(ParseKeyError),
    /// No record has the key's id.
    UnknownKey,
    /// The record of that id holds another key's digest.
    DigestMismatch,
    /// The record was revoked, whenever that was.
    Revoked,
    /// The record's `expires_at` has come.
    Expired,
    /// The record's `not_before` has not come.
    NotYetValid,
    /// The key is valid, but lacks a scope.
    MissingScope {
        /// What the request requires.
        required: Scope,
        /// What of it the key lacks.
        missing: Scope,
    },
}

impl Reason {
    /// A stable label, for metrics and logs.
    ///
    /// ```
    /// # use ctx_key::{ParseKeyError, Reason};
    /// assert_eq!(Reason::Expired.as_str(), "expired");
    /// assert_eq!(Reason::Key(ParseKeyError::Checksum).as_str(), "key_checksum");
    /// ```
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "missing_credentials",
            Self::MalformedHeader => "malformed_header",
            Self::Key(ParseKeyError::Prefix) => "key_prefix",
            Self::Key(ParseKeyError::Length { .. }) => "key_length",
            Self::Key(ParseKeyError::Character { .. }) => "key_character",
            Self::Key(ParseKeyError::Checksum) => "key_checksum",
            Self::UnknownKey => "unknown_key",
            Self::DigestMismatch => "digest_mismatch",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::MissingScope { .. } => "missing_scope",
        }
    }

    /// The `error` of RFC 6750 §3.1. A request without credentials gets none.
    pub(crate) const fn error_code(&self) -> Option<&'static str> {
        match self {
            Self::MissingCredentials => None,
            Self::MalformedHeader => Some("invalid_request"),
            Self::MissingScope { .. } => Some("insufficient_scope"),
            Self::Key(_)
            | Self::UnknownKey
            | Self::DigestMismatch
            | Self::Revoked
            | Self::Expired
            | Self::NotYetValid => Some("invalid_token"),
        }
    }
}
