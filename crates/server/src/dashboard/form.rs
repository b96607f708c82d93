//! What a browser sends with a form, if it sends it from one of our pages.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use subtle::ConstantTimeEq;

use super::page::Refusal;
use crate::http::state::AppState;
use crate::store::credential;

/// The largest form, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// The fields of a form, in order; one name may stand more than once.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// A field, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// All fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether the form stood on a page that this secret's owner was given.
    pub(super) fn check_token(&self, secret: &str) -> Result<(), Refusal> {
        let expected = credential::form_token(secret);
        let is_ours = expected.as_bytes().ct_eq(self.text("form_token").as_bytes());
        if is_ours.into() { Ok(()) } else { Err(Refusal::forged()) }
    }

    /// The token with which this form is good for once.
    pub(super) fn one_time_token(&self) -> Result<&str, Refusal> {
        let token = self.text("form");
        if token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(token)
        } else {
            Err(Refusal::unreadable("Its one-time token is missing. Open the page again."))
        }
    }
}

impl FromRequest<AppState> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refusal> {
        if !is_from_us(request.headers(), &state.public_url) {
            return Err(Refusal::forged());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::too_large()
            } else {
                Refusal::unreadable("It did not arrive as a whole.")
            }
        })?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}

/// Browsers say where a form stood. As our pages send no referrer, the origin may be `null`; then, and where a browser
/// says nothing, the token decides.
fn is_from_us(headers: &HeaderMap, public_url: &str) -> bool {
    let site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let origin = headers.get(ORIGIN).is_none_or(|origin| {
        let host = headers.get(HOST).map(|host| host.as_bytes());
        let origin = origin.as_bytes();
        let named =
            [b"http://".as_slice(), b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        origin == b"null" || origin == public_url.as_bytes() || (named.is_some() && named == host)
    });
    site && origin
}
