//! Signing in and out.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::assets;
use super::destination::Destination;
use super::form::{Form, form_token};
use super::page::{Mistakes, Refusal, page, without_key};
use super::session::{self, Cookie, SignedIn};
use crate::database::DatabaseError;
use crate::http::attempt::{Attempt, Reason, Refused, log_refusal, log_success};
use crate::http::state::AppState;
use crate::store::account::Verified;
use crate::store::client::Client;
use crate::store::email::Email;
use crate::store::secret::Secret;
use crate::store::sign_in_log;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    form_token: String,
    email: &'a str,
    /// The page that the sign-in leads to.
    next: &'a str,
    mistakes: Mistakes,
}

/// Shows the form, which is bound to a cookie. An existing cookie is kept, so that the form in another tab stays valid.
pub(super) async fn show(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    jar: CookieJar,
) -> Response {
    let query = query.unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let destination = next.map_or_else(Destination::default, |(_, next)| Destination::parse(&next));
    let is_secure = state.is_secure;
    let secret = Cookie::SignIn.read(is_secure, &jar).unwrap_or_else(Secret::generate);
    let form_token = form_token(&secret);
    let template =
        SignInPage { form_token, email: "", next: destination.value(), mistakes: Mistakes::default() };
    let jar = jar.add(Cookie::SignIn.with(is_secure, Some(&secret)));
    (jar, page(StatusCode::OK, &template)).into_response()
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    client: Client,
    jar: CookieJar,
    form: Result<Form, Refusal>,
) -> Result<Response, Refusal> {
    let own_form = || -> Result<_, Refusal> {
        let form = form?;
        let secret = Cookie::SignIn.read(state.is_secure, &jar).ok_or_else(Refusal::forged)?;
        form.check_token(&secret)?;
        Ok((form, secret))
    };
    let log_forged = |refusal: &Refusal| {
        if refusal.is_forged() {
            log_refusal(client.address, Reason::Forged);
        }
    };
    let (form, secret) = own_form().inspect_err(log_forged)?;
    let destination = Destination::parse(form.text("next"));
    let typed = form.text("email").trim();
    let (email, password) = (Email::new(typed), form.text("password").to_owned());
    let device = Cookie::Device.read(state.is_secure, &jar);
    let attempt =
        Attempt { email: &email, password, address: client.address, device, is_password_change: false };
    let signed_in = match attempt.check(&state).await {
        Ok(verified) => {
            begin_session(&state, jar, verified, &client, &destination).await?.ok_or(Refused::Wrong)
        }
        Err(refused) => Err(refused),
    };
    let (status, message, retry_after) = match signed_in {
        Ok(response) => return Ok(response),
        Err(Refused::Failed(error)) => return Err(error.into()),
        Err(Refused::Wrong) => {
            let message = "The e-mail address or the password is wrong.".to_owned();
            (StatusCode::UNAUTHORIZED, message, None)
        }
        Err(Refused::TooMany(seconds)) => {
            let message = format!("Too many attempts. Try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, message, Some((RETRY_AFTER, HeaderValue::from(seconds))))
        }
    };
    let wrong = if typed.is_empty() { "email" } else { "password" };
    let mistakes = Mistakes::one(wrong, message);
    let (form_token, email, next) = (form_token(&secret), without_key(typed), destination.value());
    let template = SignInPage { form_token, email, next, mistakes };
    let mut response = page(status, &template);
    response.headers_mut().extend(retry_after);
    Ok(response)
}

/// Begins a session, unless the password was changed since it was checked.
async fn begin_session(
    state: &AppState,
    jar: CookieJar,
    verified: Verified,
    client: &Client,
    destination: &Destination,
) -> Result<Option<Response>, DatabaseError> {
    let mut transaction = state.database.begin().await?;
    let jar = session::begin(&mut transaction, state, jar, verified.id(), client).await?;
    let Some(account) = verified.confirm(&mut transaction).await? else { return Ok(None) };
    transaction.commit().await?;
    log_success(state, &account, client).await;
    Ok(Some(session::welcome(state, jar, &account.id, destination)))
}

pub(super) async fn sign_out(
    signed_in: SignedIn,
    State(state): State<AppState>,
    jar: CookieJar,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let mut transaction = state.database.begin().await?;
    let act = signed_in.act(state.clock.now());
    if session::end(&mut transaction, &signed_in.session, act.now).await? {
        sign_in_log::signed_out(&mut transaction, act).await?;
    }
    transaction.commit().await?;
    let jar = jar.remove(Cookie::Session.with(state.is_secure, None));
    Ok((jar, Redirect::to("/sign-in")).into_response())
}
