//! The refusal of a request, [`Denied`], and its [`Reason`].

use core::fmt;

use crate::key::ParseKeyError;
use crate::scope::Scope;

/// The refusal of a request: the response's status, message and challenge, and the exact [`Reason`] for logs and
/// metrics.
///
/// Every step from the header to the scope check returns this one small `Copy` type, so `?` works throughout. `Display`
/// writes the public [`message`](Self::message). The message is the same for an unknown, wrong, revoked, expired,
/// retired or not yet valid key, so a stranger learns nothing from it. Only [`reason`](Self::reason) and `Debug`
/// show the reason.
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

    /// Creates the refusal for a key whose id is in no record.
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

    /// Returns the exact reason, for logs and metrics. Do not show it to the client.
    ///
    /// ```
    /// # use ctx_key::{Denied, Reason};
    /// assert_eq!(Denied::unknown_key().reason(), Reason::UnknownKey);
    /// ```
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.0
    }

    /// Returns the status code of the response (RFC 9110 §15.5): 400 for a malformed header, 401 without a valid key,
    /// 403 for a key that lacks a scope.
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

    /// Returns the public message, for the client.
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
            | Reason::Retired
            | Reason::NotYetValid => {
                "the API key is not valid: it is unknown, revoked or outside its validity period"
            }
        }
    }

    /// Returns the required scopes that the key lacks. The set is empty for any other reason.
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

/// Exact reason of a refusal. It holds no part of a key.
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
    /// The request has no `Authorization` header, an empty one, or one with another scheme.
    MissingCredentials,
    /// The request has several `Authorization` headers, or one that does not consist of a scheme and one token.
    MalformedHeader,
    /// The token is not a key.
    Key(ParseKeyError),
    /// No record has the key's id.
    UnknownKey,
    /// The record with that id has the digest of another key.
    DigestMismatch,
    /// The record's `revoked_at` is set, whatever its value.
    Revoked,
    /// The record's `expires_at` has come.
    Expired,
    /// The overlap after a rotation has ended: the record's `retires_at` has come.
    Retired,
    /// The record's `not_before` has not come, or is set and the time is
    /// [`UnixTime::MAX`](crate::UnixTime::MAX), which stands for an unknown time.
    NotYetValid,
    /// The key is valid, but lacks a scope.
    MissingScope {
        /// Scopes that the request requires.
        required: Scope,
        /// Required scopes that the key lacks.
        missing: Scope,
    },
}

impl Reason {
    /// Returns a stable label, for metrics and logs.
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
            Self::Retired => "retired",
            Self::NotYetValid => "not_yet_valid",
            Self::MissingScope { .. } => "missing_scope",
        }
    }

    /// Returns the error code of RFC 6750 §3.1, or `None` for a request without credentials.
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
            | Self::Retired
            | Self::NotYetValid => Some("invalid_token"),
        }
    }
}
