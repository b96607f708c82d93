//! Forms: what a browser sends, if it sends it from one of our pages.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::page::Refusal;
use crate::http::extract::{Encoding, has_nul};
use crate::http::state::AppState;
use crate::store::secret::Secret;

/// Maximum number of bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The fields of a form, in order. A name may occur more than once.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Returns a field, or an empty text.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Returns all fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Refuses a form that was not on a page for the owner of this secret.
    pub(super) fn check_token(&self, secret: &Secret) -> Result<(), Refusal> {
        let expected = form_token(secret);
        let is_ours = expected.as_bytes().ct_eq(self.text("form_token").as_bytes());
        if is_ours.into() { Ok(()) } else { Err(Refusal::forged()) }
    }

    /// Returns the random text that makes this form another one than the next.
    pub(super) fn nonce(&self) -> Result<Secret, Refusal> {
        let missing = || Refusal::unreadable("Its one-time token is missing. Open the page again.");
        Secret::parse(self.text("form")).ok_or_else(missing)
    }
}

/// Returns what a form of this session carries. Whoever can't read the page can't know it.
pub(super) fn form_token(session: &Secret) -> String {
    hex::encode(Sha256::new().chain_update("form\0").chain_update(session.expose()).finalize())
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
        if has_nul(&bytes, Encoding::Url) {
            return Err(Refusal::unreadable("It has a NUL character, which can't be stored."));
        }
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}

/// Browsers name the page of a form. Our pages send no referrer, so the origin may be `null`; then, and if a browser
/// names nothing, the token decides.
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
