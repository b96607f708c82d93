//! Who is signed in, by a cookie.

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use ctx_key::UnixTime;

use super::page::Refusal;
use crate::database::{DatabaseError, Transaction};
use crate::http::state::AppState;
use crate::store::account::{self, Account};
use crate::store::credential::{self, Kind};
use crate::store::secret::Secret;

/// What a cookie is for.
#[derive(Clone, Copy)]
pub(super) enum Cookie {
    /// The secret of a session.
    Session,
    /// The secret that the sign-in form is bound to, so that no other site signs a browser in to its own account.
    SignIn,
}

impl Cookie {
    /// With the prefix, no other host or path, and nothing without TLS, can set it.
    const fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Self::Session, true) => "__Host-ctx-key-session",
            (Self::Session, false) => "ctx-key-session",
            (Self::SignIn, true) => "__Host-ctx-key-sign-in",
            (Self::SignIn, false) => "ctx-key-sign-in",
        }
    }

    /// Returns the header that sets the cookie, or removes it.
    pub(super) fn set(self, is_secure: bool, value: Option<&Secret>) -> HeaderValue {
        let name = self.name(is_secure);
        let secure = if is_secure { "; Secure" } else { "" };
        let end = if value.is_none() { "; Max-Age=0" } else { "" };
        let value = value.map_or("", Secret::expose);
        HeaderValue::try_from(format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/{secure}{end}"))
            .expect("hexadecimal digits")
    }

    /// Reads the cookie. A value that is not a secret is ignored.
    pub(super) fn read(self, is_secure: bool, headers: &HeaderMap) -> Option<Secret> {
        let name = self.name(is_secure);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(found, _)| *found == name).find_map(|(_, value)| Secret::parse(value))
    }
}

pub(super) async fn end(
    transaction: &mut Transaction,
    session: &Secret,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    credential::take(transaction, Kind::Session, session, now).await.map(drop)
}

/// Begins a session, ends the one before, and leads to the keys.
pub(super) async fn sign_in(
    state: &AppState,
    headers: &HeaderMap,
    account: Account,
) -> Result<Response, Refusal> {
    let now = state.clock.now();
    let mut transaction = state.database.begin().await?;
    if let Some(before) = Cookie::Session.read(state.is_secure, headers) {
        end(&mut transaction, &before, now).await?;
    }
    let session = credential::issue(&mut transaction, Kind::Session, Some(&account.id), now).await?;
    transaction.commit().await?;
    let cookies =
        [Cookie::Session.set(state.is_secure, Some(&session)), Cookie::SignIn.set(state.is_secure, None)];
    let cookies = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
    Ok((cookies, Redirect::to("/keys")).into_response())
}

/// The account whose session the request carries. Handlers that take it run for nobody else.
pub(super) struct SignedIn {
    pub(super) account: Account,
    pub(super) session: Secret,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NotSignedIn> {
        let session = Cookie::Session.read(state.is_secure, &parts.headers).ok_or(NotSignedIn::Stranger)?;
        let found = find(state, &session).await.map_err(|error| NotSignedIn::Unknown(error.into()))?;
        Ok(Self { account: found.ok_or(NotSignedIn::Stranger)?, session })
    }
}

async fn find(state: &AppState, session: &Secret) -> Result<Option<Account>, DatabaseError> {
    let mut connection = state.database.acquire().await?;
    account::of_credential(&mut connection, Kind::Session, session, state.clock.now()).await
}

pub(super) enum NotSignedIn {
    Stranger,
    /// The session can't be looked up.
    Unknown(Refusal),
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        match self {
            Self::Stranger => Redirect::to("/sign-in").into_response(),
            Self::Unknown(refusal) => refusal.into_response(),
        }
    }
}
