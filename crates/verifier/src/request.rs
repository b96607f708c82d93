//! Verifies the key in the headers of a request, and builds the response to a request that is refused.

use ctx_key::{ApiKey, Grant, Scope, bearer};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tracing::{error, info, warn};

use crate::error::VerifyError;
use crate::source::{Source, SourceError};
use crate::verifier::Verifier;

/// Name of the protected space in challenges (RFC 9110 §11.5).
pub(crate) const REALM: &str = "MemoryKit";

/// The requirements on a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Required {
    /// The key has to be valid, whatever its scopes are.
    Validity,
    Scopes(Scope),
}

/// Verifies the key in the headers. Logs the reason for a refusal and the key's id, neither of which is secret.
pub(crate) async fn verify<S: Source>(
    verifier: &Verifier<S>,
    headers: &HeaderMap,
    required: Required,
) -> Result<Grant<S::Project>, VerifyError> {
    let key = bearer::parse_headers(headers)
        .inspect_err(|denied| info!(reason = denied.reason().as_str(), "refused"))?;
    let verified = match required {
        Required::Validity => verifier.verify_any(&key).await,
        Required::Scopes(scopes) => verifier.verify(&key, scopes).await,
    };
    verified.inspect_err(|error| log(error, &key))
}

impl<S: Source> Verifier<S> {
    /// Returns the grant of the one valid key in the headers, if it has the required scopes (feature `tower` or `axum`).
    ///
    /// Logs the reason for a refusal and the key's id, neither of which is secret.
    ///
    #[cfg_attr(feature = "sqlite", doc = "```")]
    #[cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
    /// use ctx_key::{Grant, Scope};
    /// use ctx_key_verifier::{Verifier, VerifyError, sqlite::SqliteSource};
    /// use http::HeaderMap;
    ///
    /// async fn check(verifier: &Verifier<SqliteSource>, headers: &HeaderMap) -> Result<(), VerifyError> {
    ///     let grant = verifier.verify_headers(headers, Scope::MEMORIES_READ).await?;
    ///     println!("granted for {}", grant.project());
    ///     Ok(())
    /// }
    /// # let _: fn(_, _) -> _ = check;
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify), and [`VerifyError::Denied`] if the headers do not hold exactly one key.
    pub async fn verify_headers(
        &self,
        headers: &HeaderMap,
        required: Scope,
    ) -> Result<Grant<S::Project>, VerifyError> {
        verify(self, headers, Required::Scopes(required)).await
    }
}

fn log(error: &VerifyError, key: &ApiKey) {
    let key = key.id();
    match error {
        VerifyError::Denied(denied) => info!(reason = denied.reason().as_str(), %key, "refused"),
        VerifyError::Source(error) => match **error {
            SourceError::Busy | SourceError::Unavailable(_) => warn!(%error, %key, "not verified"),
            SourceError::Corrupt(_) | SourceError::Unexpected(_) => error!(%error, %key, "not verified"),
        },
    }
}

impl VerifyError {
    /// Returns the response to a refused request (feature `tower` or `axum`).
    ///
    /// It has the [`status`](Self::status), the challenge of a refusal (`WWW-Authenticate`) or the `Retry-After` of a 503,
    /// and a small JSON body. It does not tell the client about a database's error.
    ///
    /// ```
    /// use ctx_key::Denied;
    /// use ctx_key_verifier::VerifyError;
    ///
    /// let response: http::Response<String> = VerifyError::from(Denied::unknown_key()).to_response("MemoryKit");
    /// assert_eq!(response.status(), 401);
    /// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="MemoryKit", error="invalid_token""#);
    /// assert!(response.body().starts_with(r#"{"error":{"type":"authentication_error","code":"invalid_token","#));
    /// ```
    #[must_use]
    pub fn to_response<B: From<String>>(&self, realm: &str) -> Response<B> {
        let (kind, code, message) = self.body_fields();
        let body = format!(r#"{{"error":{{"type":"{kind}","code":"{code}","message":"{message}"}}}}"#);
        let mut response = Response::new(B::from(body));
        let status = StatusCode::from_u16(self.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::Denied(denied) => _ = headers.insert(WWW_AUTHENTICATE, denied.to_header_value(realm)),
            Self::Source(_) if self.status() == 503 => {
                headers.insert(RETRY_AFTER, Self::RETRY_AFTER_SECS.into());
            }
            Self::Source(_) => {}
        }
        response
    }
}
