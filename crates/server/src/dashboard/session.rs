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

/// What a cookie is for.
#[derive(Clone, Copy)]
pub(super) enum Cookie {
    /// The secret of a session.
    Session,
    /// What the sign-in form is bound to: nobody can be signed in to another's account by another site.
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

    /// Sets it; to nothing, if it shall be forgotten.
    pub(super) fn set(self, is_secure: bool, value: &str) -> HeaderValue {
        let name = self.name(is_secure);
        let secure = if is_secure { "; Secure" } else { "" };
        let end = if value.is_empty() { "; Max-Age=0" } else { "" };
        HeaderValue::try_from(format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/{secure}{end}"))
            .expect("hexadecimal digits")
    }

    /// Its value, if it is one of ours.
    pub(super) fn read(self, is_secure: bool, headers: &HeaderMap) -> Option<String> {
        let name = self.name(is_secure);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
        let is_ours = |value: &&str| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        values.find(is_ours).map(str::to_owned)
    }
}

/// A new session; the one before ends.
pub(super) async fn begin(
    transaction: &mut Transaction,
    account: &str,
    before: Option<&str>,
) -> Result<String, DatabaseError> {
    end(transaction, before).await?;
    credential::issue(transaction, Kind::Session, Some(account), UnixTime::now()).await
}

pub(super) async fn end(transaction: &mut Transaction, session: Option<&str>) -> Result<(), DatabaseError> {
    if let Some(session) = session {
        credential::take(transaction, Kind::Session, session, UnixTime::now()).await?;
    }
    Ok(())
}

/// Who has just made an account need not type the password again.
pub(super) async fn sign_in(
    state: &AppState,
    headers: &HeaderMap,
    account: Account,
) -> Result<Response, Refusal> {
    let before = Cookie::Session.read(state.is_secure, headers);
    let mut transaction = state.database.begin().await?;
    let session = begin(&mut transaction, &account.id, before.as_deref()).await?;
    transaction.commit().await?;
    let cookies = [Cookie::Session.set(state.is_secure, &session), Cookie::SignIn.set(state.is_secure, "")];
    let cookies = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
    Ok((cookies, Redirect::to("/keys")).into_response())
}

/// The account whose session the request carries. Handlers that take it run for nobody else.
pub(super) struct SignedIn {
    pub(super) account: Account,
    pub(super) session: String,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NotSignedIn> {
        let session = Cookie::Session.read(state.is_secure, &parts.headers).ok_or(NotSignedIn::Stranger)?;
        let found = find(state, &session).await.map_err(|error| NotSignedIn::Unknown(error.into()))?;
        Ok(Self { account: found.ok_or(NotSignedIn::Stranger)?, session })
    }
}

async fn find(state: &AppState, session: &str) -> Result<Option<Account>, DatabaseError> {
    let mut connection = state.database.acquire().await?;
    account::of_credential(&mut connection, Kind::Session, session).await
}

pub(super) enum NotSignedIn {
    Stranger,
    /// The database can't tell.
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
