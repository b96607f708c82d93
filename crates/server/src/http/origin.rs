//! The origin of a request, as browsers send it.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Treatment of the origin `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullOrigin {
    /// Accepts it, because our pages send no referrer, so browsers send their forms with this origin. The token in the
    /// form then decides.
    Allowed,
    /// Refuses it.
    Refused,
}

/// Returns whether no header names another site. A program sends no such header.
pub fn is_own(headers: &HeaderMap, public_url: &str, null: NullOrigin) -> bool {
    let host = headers.get(HOST).map(|host| host.as_bytes());
    let is_own_origin = |origin: &[u8]| {
        let named =
            [b"http://".as_slice(), b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        (origin == b"null" && null == NullOrigin::Allowed)
            || origin == public_url.as_bytes()
            || (named.is_some() && named == host)
    };
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    sites.all(|site| site == "same-origin" || site == "none")
        && origins.all(|origin| is_own_origin(origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_origin_is_that_of_the_host_or_of_the_public_url() {
        const PUBLIC: &str = "https://keys.example.com";
        for (lines, is_own_page, is_own_request) in [
            (&[][..], true, true),
            (&[("origin", PUBLIC)], true, true),
            (&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")], true, true),
            (&[("origin", "https://localhost:8080")], true, true),
            (&[("sec-fetch-site", "none")], true, true),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], true, false),
            (&[("origin", "null"), ("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "same-site")], false, false),
            (&[("sec-fetch-site", "")], false, false),
            (&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], false, false),
            (&[("origin", PUBLIC), ("origin", "https://evil.example")], false, false),
            (&[("origin", "")], false, false),
            (&[("origin", "http://")], false, false),
            (&[("origin", "localhost:8080")], false, false),
            (&[("origin", "ftp://localhost:8080")], false, false),
            (&[("origin", "http://localhost")], false, false),
            (&[("origin", "http://localhost:80800")], false, false),
            (&[("origin", "https://keys.example.com.evil.example")], false, false),
            (&[("origin", "https://keys.example.com/")], false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:8080"));
            for &(name, value) in lines {
                headers.append(name, HeaderValue::from_static(value));
            }
            let found = [NullOrigin::Allowed, NullOrigin::Refused].map(|null| is_own(&headers, PUBLIC, null));
            assert_eq!(found, [is_own_page, is_own_request], "{lines:?}");
        }
        for origin in ["http://", "https://", "ftp://evil.example", "localhost:8080", "evil", ""] {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            assert!(!is_own(&headers, PUBLIC, NullOrigin::Allowed), "without a host: {origin}");
        }
    }
}
