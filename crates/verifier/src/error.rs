//! The reason why there is no grant: [`VerifyError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use ctx_key::{Denied, Reason};

use crate::source::SourceError;

/// Reason why a [`Verifier`](crate::Verifier) gives no grant.
///
/// ```
/// use ctx_key::{Denied, Reason};
/// use ctx_key_verifier::{SourceError, VerifyError};
///
/// assert_eq!(VerifyError::from(Denied::unknown_key()).status(), 401);
/// assert_eq!(VerifyError::from(SourceError::Busy).status(), 503);
/// ```
#[derive(Clone, Debug)]
pub enum VerifyError {
    /// The key is not valid, or lacks a scope.
    Denied(Denied),
    /// The record could not be read. Requests that waited for one look-up share its error.
    Source(Arc<SourceError>),
}

impl VerifyError {
    /// Returns the HTTP status: that of [`Denied::status`], 503 if the database is busy or unavailable (with
    /// [`RETRY_AFTER_SECS`](Self::RETRY_AFTER_SECS)), or 500.
    ///
    /// ```
    /// use ctx_key_verifier::{SourceError, VerifyError};
    ///
    /// let error = VerifyError::from(SourceError::Unexpected("no such table".into()));
    /// assert_eq!(error.status(), 500);
    /// ```
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Denied(denied) => denied.status(),
            Self::Source(error) => match **error {
                SourceError::Busy | SourceError::Unavailable(_) => 503,
                SourceError::Corrupt(_) | SourceError::Unexpected(_) => 500,
            },
        }
    }

    /// Returns the type, the code and the message of the error's body. None of them has a character that JSON escapes, and
    /// none tells the client about a database's error.
    ///
    /// ```
    /// use ctx_key_verifier::{SourceError, VerifyError};
    ///
    /// let (kind, code, message) = VerifyError::from(SourceError::Busy).body_fields();
    /// assert_eq!((kind, code), ("service_unavailable", "unavailable"));
    /// assert_eq!(message, "the service is not available at the moment: try again");
    /// ```
    #[must_use]
    pub fn body_fields(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Denied(denied) => {
                let (kind, code) = match denied.reason() {
                    Reason::MissingCredentials => ("authentication_error", "missing_credentials"),
                    Reason::MalformedHeader => ("bad_request", "invalid_request"),
                    Reason::MissingScope { .. } => ("forbidden", "insufficient_scope"),
                    _ => ("authentication_error", "invalid_token"),
                };
                (kind, code, denied.message())
            }
            Self::Source(_) if self.status() == 503 => {
                let message = "the service is not available at the moment: try again";
                ("service_unavailable", "unavailable", message)
            }
            Self::Source(_) => ("server_error", "internal", "something went wrong on the server"),
        }
    }

    /// Value of the `Retry-After` header of a 503, in seconds (RFC 9110 §10.2.3).
    ///
    /// ```
    /// assert_eq!(ctx_key_verifier::VerifyError::RETRY_AFTER_SECS, 1);
    /// ```
    pub const RETRY_AFTER_SECS: u32 = 1;
}

impl From<Denied> for VerifyError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<SourceError> for VerifyError {
    fn from(error: SourceError) -> Self {
        Self::Source(Arc::new(error))
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied(denied) => Some(denied),
            Self::Source(error) => Some(&**error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts of an error and of all its sources.
    fn chain(error: &dyn Error) -> Vec<String> {
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
    }

    #[test]
    fn an_error_has_the_whole_chain_of_its_causes() {
        let refused = Denied::unknown_key().to_string();
        assert_eq!(chain(&VerifyError::from(Denied::unknown_key())), [&*refused, &refused]);
        let id = "aaaaaaaaaaaa".parse().unwrap();
        for (error, cause) in [
            (SourceError::Busy, None),
            (SourceError::Unavailable("the host is gone".into()), Some("the host is gone")),
            (SourceError::Corrupt(id), None),
            (SourceError::Unexpected("no such table".into()), Some("no such table")),
        ] {
            let text = error.to_string();
            let expected: Vec<&str> = [&*text, &text].into_iter().chain(cause).collect();
            assert_eq!(chain(&VerifyError::from(error)), expected);
        }
    }

    #[test]
    fn the_source_is_the_error_of_the_source_and_not_its_arc() {
        let error = VerifyError::from(SourceError::Busy);
        let source = error.source().and_then(|source| source.downcast_ref());
        assert!(matches!(source, Some(SourceError::Busy)));
    }
}
