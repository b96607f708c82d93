//! A new password for the account that is signed in.

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::response::Response;

use super::assets;
use super::form::Form;
use super::frame::Frame;
use super::page::{Mistakes, page};
use super::session::{Cookie, NotSignedIn, SignedIn};
use crate::http::extract::ClientAddress;
use crate::http::state::AppState;
use crate::store::account::Account;
use crate::store::new_password::{MIN_LENGTH, NewPassword};
use crate::store::password_change::{self, ChangeError};

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
    ClientAddress(address): ClientAddress,
    form: Form,
) -> Result<Response, NotSignedIn> {
    form.check_token(&signed_in.session).map_err(NotSignedIn::Unknown)?;
    let account = &signed_in.account;
    let mut mistakes = Mistakes::default();
    let new = NewPassword::new(form.text("new_password"), &account.email, Some(&account.company.name));
    let Some(new) = mistakes.new_password("new_password", new) else {
        return Ok(respond(&signed_in, StatusCode::BAD_REQUEST, false, mistakes));
    };
    if let Err(seconds) = count_attempt(&state, account, address) {
        mistakes.add("current_password", format!("Too many attempts. Try again in {seconds} seconds."));
        let mut response = respond(&signed_in, StatusCode::TOO_MANY_REQUESTS, false, mistakes);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(response);
    }
    let (current, now) = (form.text("current_password").to_owned(), state.clock.now());
    match password_change::change(&state.database, account, &signed_in.session, current, new, now).await {
        Ok(session) => {
            let cookie = Cookie::Session.set(state.is_secure, Some(&session));
            let signed_in = SignedIn { session, ..signed_in };
            let mut response = respond(&signed_in, StatusCode::OK, true, mistakes);
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(ChangeError::WrongPassword) => {
            mistakes.add("current_password", "The current password is wrong.");
            Ok(respond(&signed_in, StatusCode::BAD_REQUEST, false, mistakes))
        }
        Err(ChangeError::SessionEnded) => Err(NotSignedIn::Stranger),
        Err(ChangeError::Database(error)) => Err(NotSignedIn::Unknown(error.into())),
    }
}

/// Counts an attempt like one to sign in: whoever finds a browser signed in must not guess the password there.
fn count_attempt(state: &AppState, account: &Account, address: IpAddr) -> Result<(), u64> {
    state.sign_ins.check(&account.email, address)
}
