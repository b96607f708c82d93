//! Forms that a browser sends from one of our pages: [`Form`].

use axum::extract::{FromRequest, Request};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::page::Refusal;
use crate::http::extract::{Encoding, Unread, has_content_type, has_nul, read};
use crate::http::origin::{self, NullOrigin};
use crate::http::state::AppState;
use crate::store::secret::Secret;

/// Maximum number of bytes of a form.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The fields of a form, in order. A name may occur more than once.
pub(super) struct Form(pub(super) Vec<(String, String)>);

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

    /// Refuses a form that does not come from a page for the owner of this secret.
    pub(super) fn check_token(&self, secret: &Secret) -> Result<(), Refusal> {
        let expected = form_token(secret);
        let is_ours = expected.as_bytes().ct_eq(self.text("form_token").as_bytes());
        if is_ours.into() { Ok(()) } else { Err(Refusal::forged()) }
    }

    /// Returns the random text that identifies this form.
    pub(super) fn nonce(&self) -> Result<Secret, Refusal> {
        let missing = || Refusal::unreadable("Its one-time token is missing. Open the page again.");
        Secret::parse(self.text("form")).ok_or_else(missing)
    }
}

/// Returns the token in the forms of this session. Only somebody who can read the page knows it.
pub(super) fn form_token(session: &Secret) -> String {
    hex::encode(Sha256::new().chain_update("form\0").chain_update(session.expose()).finalize())
}

impl FromRequest<AppState> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refusal> {
        if !origin::is_own(request.headers(), &state.public_url, NullOrigin::Allowed) {
            return Err(Refusal::forged());
        }
        if !has_content_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(Refusal::no_form());
        }
        let bytes = read(request, state, MAX_BYTES).await.map_err(|unread| match unread {
            Unread::TooLarge => Refusal::too_large(),
            Unread::Interrupted => Refusal::unreadable("It did not arrive as a whole."),
        })?;
        if has_nul(&bytes, Encoding::Url) {
            return Err(Refusal::unreadable("It has a NUL character, which can't be stored."));
        }
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}
