//! The page that a sign-in leads to, which somebody requested before they signed in: [`Destination`].

use axum::http::{Method, Uri};

use crate::store::free_text::contains_key;

/// Maximum number of bytes of an address. The longest filter of a list is shorter.
const MAX_LENGTH: usize = 2_000;

/// The first segments of the paths that only somebody who is signed in may open.
const ROOTS: [&str; 5] = ["keys", "projects", "tokens", "audit", "account"];

/// The address of a page of the dashboard. Without an address, it is the list of keys. The address can't lead to
/// another site, because its path has only letters, digits, `-` and `_` between its slashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Destination(Option<String>);

impl Destination {
    /// Returns the page that a request asks for, if it is a GET. A form that is sent has no such page.
    pub(super) fn of_request(method: &Method, uri: &Uri) -> Self {
        let address = uri.path_and_query().filter(|_| *method == Method::GET);
        address.map_or_else(Self::default, |address| Self::parse(address.as_str()))
    }

    /// Reads an address that a client sent. A text that is not such an address is ignored.
    pub(super) fn parse(address: &str) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(is_segment_byte);
        let is_own = path.strip_prefix('/').is_some_and(|path| {
            path.split('/').all(is_segment)
                && path.split('/').next().is_some_and(|segment| ROOTS.contains(&segment))
                && !contains_key(path)
        });
        let is_short = address.len() <= MAX_LENGTH;
        let is_query = || query.bytes().all(is_query_byte) && !has_key(query);
        Self((is_short && is_own && address != "/keys" && is_query()).then(|| address.to_owned()))
    }

    pub(super) fn address(&self) -> &str {
        self.0.as_deref().unwrap_or("/keys")
    }

    /// Returns the value for the field of the form.
    pub(super) fn value(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns the address of the sign-in page that leads to this destination.
    pub(super) fn sign_in(&self) -> String {
        let mut address = "/sign-in".to_owned();
        if let Some(next) = &self.0 {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            address = format!("{address}?{query}");
        }
        address
    }
}

fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Returns whether a byte is allowed in a query (RFC 3986 §3.4), or is left there by a browser when somebody types it.
fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?[]{}|^`".contains(&byte)
}

/// Returns whether a query contains an API key, which no address may contain.
fn has_key(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| contains_key(&name) || contains_key(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_dashboard_is_a_destination() {
        for address in [
            "/keys/8aspm4G7VmSU",
            "/keys/8aspm4G7VmSU/rotate?q=web+app&page=2",
            "/keys/new",
            "/keys?q=web&page=2",
            "/audit",
            "/audit?q=%D0%BA%26&group=sign-ins&from=2027-01-15&page=2",
            "/audit?q=ada@example.com",
            "/keys?q=[web|app]{1}^`",
            "/account/password",
            "/account/sessions?page=2",
            "/tokens",
            "/projects/proj_1",
        ] {
            let found = Destination::parse(address);
            assert_eq!((found.address(), found.value()), (address, address));
            let next = found.sign_in();
            let (_, query) = next.split_once("/sign-in?").unwrap();
            let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            assert_eq!(pairs, [("next".into(), address.into())]);
        }
        let key = ctx_key::ApiKey::generate();
        let long = format!("/audit?q={}", "x".repeat(MAX_LENGTH));
        let with_key = format!("/audit?q={}", key.expose_secret());
        let with_key_as_name = format!("/audit?{}=1", key.expose_secret());
        let key_in_path = format!("/keys/{}", key.expose_secret());
        for address in [
            "",
            "/",
            "/keys",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/keys//evil.example",
            "/keys/..//evil.example",
            "/keys/../sign-out",
            "/keys/./x",
            "/keys/%2e%2e/x",
            "/%2f%2fevil.example",
            "%2F%2Fevil.example",
            "/keys/%0d%0aset-cookie:x",
            "/keys/\r\nset-cookie: x=y",
            "/\tevil.example",
            "\t//evil.example",
            " /audit",
            "/audit ",
            "/audit?q=a b",
            "/audit?q=\u{0}",
            "/audit?q=\"><script>",
            "/audit?q=é",
            "/audit#x",
            "/audit?q=a#x",
            "/audit/",
            "https://evil.example/audit",
            "https:/audit",
            "javascript:alert(1)",
            "evil.example/audit",
            "/audit@evil.example",
            "/auditing",
            "/sign-in",
            "/sign-out",
            "/set-up?link=x",
            "/assets/style",
            "/v1/key",
            "/metrics",
            &long,
            &with_key,
            &with_key_as_name,
            &key_in_path,
        ] {
            let found = Destination::parse(address);
            assert_eq!(
                (found.address(), found.value(), found.sign_in().as_str()),
                ("/keys", "", "/sign-in"),
                "{address}"
            );
        }
    }

    #[test]
    fn a_form_that_was_sent_is_not_a_destination() {
        let uri = Uri::from_static("/keys/8aspm4G7VmSU/revoke");
        for (method, address) in [
            (Method::GET, uri.path()),
            (Method::POST, "/keys"),
            (Method::HEAD, "/keys"),
            (Method::PUT, "/keys"),
        ] {
            assert_eq!(Destination::of_request(&method, &uri).address(), address, "{method}");
        }
    }
}
