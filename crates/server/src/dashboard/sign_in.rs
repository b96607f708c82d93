//! Signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::assets;
use super::form::{Form, form_token};
use super::page::{Mistakes, Refusal, page};
use super::session::{self, Cookie, SignedIn};
use crate::http::extract::ClientAddress;
use crate::http::state::AppState;
use crate::store::account;
use crate::store::email::Email;
use crate::store::secret::Secret;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    form_token: String,
    email: &'a str,
    mistakes: Mistakes,
}

/// Shows the form, bound to a cookie. A cookie that is there is kept, for the form in another tab.
pub(super) async fn show(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let is_secure = state.is_secure;
    let secret = Cookie::SignIn.read(is_secure, &headers).unwrap_or_else(Secret::generate);
    let form_token = form_token(&secret);
    let template = SignInPage { form_token, email: "", mistakes: Mistakes::default() };
    let mut response = page(StatusCode::OK, &template);
    response.headers_mut().insert(SET_COOKIE, Cookie::SignIn.set(is_secure, Some(&secret)));
    response
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let secret = Cookie::SignIn.read(state.is_secure, &headers).ok_or_else(Refusal::forged)?;
    form.check_token(&secret)?;
    let typed = form.text("email").trim();
    let email = Email::new(typed);
    let refuse = |status, message| {
        let form_token = form_token(&secret);
        page(status, &SignInPage { form_token, email: typed, mistakes: Mistakes::one("email", message) })
    };
    if let Err(seconds) = state.sign_ins.check(&email, address) {
        let message = format!("Too many attempts. Try again in {seconds} seconds.");
        let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, message);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(response);
    }
    match account::sign_in(&state.database, &email, form.text("password").to_owned()).await? {
        Some(account) => session::sign_in(&state, &headers, account).await,
        None => {
            Ok(refuse(StatusCode::UNAUTHORIZED, "The e-mail address or the password is wrong.".to_owned()))
        }
    }
}

pub(super) async fn sign_out(
    signed_in: SignedIn,
    State(state): State<AppState>,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let mut transaction = state.database.begin().await?;
    session::end(&mut transaction, &signed_in.session, state.clock.now()).await?;
    transaction.commit().await?;
    let cookies = AppendHeaders([(SET_COOKIE, Cookie::Session.set(state.is_secure, None))]);
    Ok((cookies, Redirect::to("/sign-in")).into_response())
}
