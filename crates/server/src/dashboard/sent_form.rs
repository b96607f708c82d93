//! A form of somebody who is signed in: [`SentForm`].

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::draft::Draft;
use super::form::Form;
use super::session::{Cookie, NotSignedIn, SignedIn};
use crate::http::state::AppState;

/// A form that was sent from a page of the session. If the session has ended, the form is kept in a cookie until its
/// sender has signed in.
pub(super) struct SentForm {
    pub(super) signed_in: SignedIn,
    pub(super) form: Form,
}

impl FromRequest<AppState> for SentForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, state).await;
        // a form that creates something is sent to another path than that of its page
        let (path, query) = match parts.uri.path() {
            path @ ("/keys" | "/projects" | "/tokens") => (format!("{path}/new"), String::new()),
            path => (path.to_owned(), parts.uri.query().unwrap_or_default().to_owned()),
        };
        let jar = CookieJar::from_headers(&parts.headers);
        let form = Form::from_request(Request::from_parts(parts, body), state).await;
        match (signed_in, form) {
            (Ok(signed_in), Ok(form)) => {
                form.check_token(&signed_in.session).map_err(IntoResponse::into_response)?;
                Ok(Self { signed_in, form })
            }
            (Ok(_), Err(refusal)) => Err(refusal.into_response()),
            (Err(stranger @ NotSignedIn::Stranger(_)), Ok(form)) => {
                let draft = Draft::of(&path, &query, &form).to_text();
                let jar = jar.add(Cookie::Draft.with_text(state.is_secure, &draft));
                Err((jar, stranger).into_response())
            }
            (Err(refusal), _) => Err(refusal.into_response()),
        }
    }
}
