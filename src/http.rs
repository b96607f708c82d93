//! Keys and challenges as header values of the `http` crate.

use std::string::ToString;

use http::HeaderValue;

use crate::denied::Denied;
use crate::key::ApiKey;

impl ApiKey {
    /// `Bearer ` and the key, for the `Authorization` header of a request. Marked as sensitive, so that `Debug` hides
    /// it and HTTP/2 does not put it into its table. The value is a copy that is not zeroed.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, bearer};
    /// # let key = ApiKey::generate();
    /// let mut headers = http::HeaderMap::new();
    /// headers.insert(http::header::AUTHORIZATION, key.to_header_value());
    ///
    /// assert_eq!(format!("{headers:?}"), r#"{"authorization": Sensitive}"#);
    /// assert_eq!(bearer::parse_headers(&headers), Ok(key));
    /// ```
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let text = zeroize::Zeroizing::new(std::format!("Bearer {}", self.expose_secret()));
        let mut value = header_value(&text);
        value.set_sensitive(true);
        value
    }
}

impl Denied {
    /// The [`challenge`](Self::challenge), for the `WWW-Authenticate` header of a response. Every realm gives a value.
    ///
    /// ```
    /// # use ctx_key::Denied;
    /// let value = Denied::unknown_key().to_header_value("MemoryKit");
    /// assert_eq!(value, r#"Bearer realm="MemoryKit", error="invalid_token""#);
    /// ```
    #[must_use]
    pub fn to_header_value(&self, realm: &str) -> HeaderValue {
        header_value(&self.challenge(realm).to_string())
    }
}

/// Text of visible ASCII and spaces as a value. There is no other case.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("Bearer"))
}
