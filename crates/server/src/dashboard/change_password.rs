//! The page that changes the password of the account that is signed in.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::assets;
use super::destination::Destination;
use super::form::Form;
use super::frame::Frame;
use super::page::{Mistakes, page};
use super::session::{Cookie, NotSignedIn, SignedIn};
use crate::http::attempt::{Attempt, Refused};
use crate::http::state::AppState;
use crate::store::new_password::{MIN_LENGTH, NewPassword};
use crate::store::password_change;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    is_changed: bool,
    mistakes: Mistakes,
}

pub(super) async fn show(signed_in: SignedIn) -> Response {
    respond(&signed_in, StatusCode::OK, false, Mistakes::default())
}

fn respond(signed_in: &SignedIn, status: StatusCode, is_changed: bool, mistakes: Mistakes) -> Response {
    page(status, &PasswordPage { frame: Frame::new(signed_in, "/account/password"), is_changed, mistakes })
}

pub(super) async fn change(
    signed_in: SignedIn,
    State(state): State<AppState>,
    jar: CookieJar,
    form: Form,
) -> Result<Response, NotSignedIn> {
    form.check_token(&signed_in.session).map_err(NotSignedIn::Unknown)?;
    let SignedIn { account, client, .. } = &signed_in;
    let mut mistakes = Mistakes::default();
    let new = NewPassword::new(form.text("new_password"), &account.email, Some(&account.company.name));
    let Some(new) = mistakes.new_password("new_password", new) else {
        return Ok(respond(&signed_in, StatusCode::BAD_REQUEST, false, mistakes));
    };
    let (email, password) = (&account.email, form.text("current_password").to_owned());
    // rate limits apply, because somebody who finds a signed-in browser must not guess the password there
    let device = Cookie::Device.read(state.is_secure, &jar);
    let refuse = |status, message: String| {
        respond(&signed_in, status, false, Mistakes::one("current_password", message))
    };
    match (Attempt { email, password, address: client.address, device, is_password_change: true })
        .check(&state)
        .await
    {
        Ok(_) => {}
        Err(Refused::Wrong) => {
            return Ok(refuse(StatusCode::BAD_REQUEST, "The current password is wrong.".to_owned()));
        }
        Err(Refused::TooMany(seconds)) => {
            let message = format!("Too many attempts. Try again in {seconds} seconds.");
            let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, message);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(response);
        }
        Err(Refused::Failed(error)) => return Err(NotSignedIn::Unknown(error.into())),
    }
    let now = state.clock.now();
    let changed =
        password_change::change(&state.database, account, &signed_in.session, new, now, client).await;
    let session = changed
        .map_err(|error| NotSignedIn::Unknown(error.into()))?
        .ok_or_else(|| NotSignedIn::Stranger(Destination::default()))?;
    let jar = jar.add(Cookie::Session.with(state.is_secure, Some(&session)));
    let signed_in = SignedIn { session, ..signed_in };
    Ok((jar, respond(&signed_in, StatusCode::OK, true, Mistakes::default())).into_response())
}
