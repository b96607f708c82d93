//! Keys and challenges as headers of the `http` crate.

use std::string::ToString;

use http::HeaderValue;

use crate::denied::Denied;
use crate::key::ApiKey;

impl ApiKey {
    /// Returns `Bearer ` and the key, for the `Authorization` header of a request.
    ///
    /// The value is marked as sensitive, so that `Debug` hides it and HTTP/2 keeps it out of its compression table. It
    /// is a copy of the key, and is not erased on drop.
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
    /// Returns the [`challenge`](Self::challenge), for the `WWW-Authenticate` header of a response. It works with every
    /// realm.
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

/// Converts text of visible ASCII and spaces, which is always a valid header value.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("Bearer"))
}
