//! Sessions and their cookies: [`SignedIn`].

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{self, SameSite};
use ctx_key::UnixTime;
use time::Duration;

use super::destination::Destination;
use super::draft::Draft;
use super::form::Form;
use super::page::Refusal;
use crate::database::{DatabaseError, Transaction};
use crate::http::last_use::{LastUse, Used};
use crate::http::state::AppState;
use crate::store::account::{self, Account};
use crate::store::actor::Act;
use crate::store::client::Client;
use crate::store::credential::{self, Kind, SignIn};
use crate::store::id::AccountId;
use crate::store::secret::Secret;

/// The purpose of a cookie.
#[derive(Clone, Copy)]
pub(super) enum Cookie {
    /// The secret of a session.
    Session,
    /// The secret that the sign-in form is bound to, so that no other site signs a browser in to its own account.
    SignIn,
    /// The secret of a browser that signed in before, which has a quota of attempts of its own.
    Device,
    /// The action that was completed, for the message on the next page.
    Done,
    /// A form that was sent after the end of the session, to be filled in again.
    Draft,
}

impl Cookie {
    /// Returns the name. Because of the prefix, a cookie can't be set by another host, for another path, or without
    /// TLS.
    const fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Self::Session, true) => "__Host-ctx-key-session",
            (Self::Session, false) => "ctx-key-session",
            (Self::SignIn, true) => "__Host-ctx-key-sign-in",
            (Self::SignIn, false) => "ctx-key-sign-in",
            (Self::Device, true) => "__Host-ctx-key-device",
            (Self::Device, false) => "ctx-key-device",
            (Self::Done, true) => "__Host-ctx-key-done",
            (Self::Done, false) => "ctx-key-done",
            (Self::Draft, true) => "__Host-ctx-key-draft",
            (Self::Draft, false) => "ctx-key-draft",
        }
    }

    /// Returns the cookie with this value. Without a value, it is for removing the cookie.
    pub(super) fn with(self, is_secure: bool, value: Option<&Secret>) -> cookie::Cookie<'static> {
        self.with_text(is_secure, value.map_or("", Secret::expose))
    }

    pub(super) fn with_text(self, is_secure: bool, value: &str) -> cookie::Cookie<'static> {
        let cookie = cookie::Cookie::build((self.name(is_secure), value.to_owned()));
        let mut cookie = cookie.http_only(true).same_site(SameSite::Lax).path("/").build();
        if is_secure {
            cookie.set_secure(true);
        }
        if let Self::Device = self {
            cookie.set_max_age(Duration::seconds(Kind::Device.lifetime().cast_signed()));
        }
        cookie
    }

    /// Reads the cookie. A value that is not a secret is ignored.
    pub(super) fn read(self, is_secure: bool, jar: &CookieJar) -> Option<Secret> {
        Secret::parse(self.read_text(is_secure, jar)?)
    }

    pub(super) fn read_text(self, is_secure: bool, jar: &CookieJar) -> Option<&str> {
        Some(jar.get(self.name(is_secure))?.value())
    }
}

/// Ends a session, and returns whether it was still valid.
pub(super) async fn end(
    transaction: &mut Transaction,
    session: &Secret,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    Ok(credential::take(transaction, Kind::Session, session, now).await?.is_some())
}

/// Begins a session, and ends the previous session of the browser. From now on, the browser counts as one that signed
/// in before.
pub(super) async fn begin(
    transaction: &mut Transaction,
    state: &AppState,
    jar: CookieJar,
    account: &AccountId,
    client: &Client,
) -> Result<CookieJar, DatabaseError> {
    let (now, is_secure) = (state.clock.now(), state.is_secure);
    if let Some(before) = Cookie::Session.read(is_secure, &jar) {
        end(transaction, &before, now).await?;
    }
    let sign_in = SignIn::new(account, client, now);
    let session = credential::issue(transaction, Kind::Session, Some(&sign_in), now).await?;
    let device =
        new_device(transaction, Cookie::Device.read(is_secure, &jar), account, &sign_in, now).await?;
    let jar =
        jar.add(Cookie::Session.with(is_secure, Some(&session))).remove(Cookie::SignIn.with(is_secure, None));
    Ok(match device {
        Some(device) => jar.add(Cookie::Device.with(is_secure, Some(&device))),
        None => jar,
    })
}

/// Returns the response after a sign-in. It leads to the page of a form that was kept, or else to the requested page.
pub(super) fn welcome(
    state: &AppState,
    jar: CookieJar,
    account: &AccountId,
    destination: &Destination,
) -> Response {
    let draft = Cookie::Draft.read_text(state.is_secure, &jar).and_then(Draft::parse);
    // the page of a key or a project exists only for the account that sent the form
    let draft = draft.filter(|draft| draft.is_of(account) || draft.path().ends_with("/new"));
    let address = draft.map_or_else(|| destination.address().to_owned(), |draft| draft.address());
    (jar, Redirect::to(&address)).into_response()
}

/// Returns the form that was kept for the page at this path and for this account, and removes its cookie.
pub(super) fn take_draft(
    state: &AppState,
    jar: CookieJar,
    path: &str,
    account: &AccountId,
) -> (CookieJar, Option<Form>) {
    let draft = Cookie::Draft.read_text(state.is_secure, &jar).and_then(Draft::parse);
    match draft.filter(|draft| draft.path() == path) {
        Some(draft) => {
            let form = draft.is_of(account).then(|| draft.into_form());
            (jar.remove(Cookie::Draft.with_text(state.is_secure, "")), form)
        }
        None => (jar, None),
    }
}

/// Returns the response if the page of a form that was kept can't be shown. If the page does not exist, the cookie is
/// removed, so that no later sign-in leads there. `jar` comes from [`take_draft`].
pub(super) fn refuse_draft(jar: CookieJar, refusal: Refusal) -> Result<Response, Refusal> {
    if refusal.is_no_page() { Ok((jar, refusal).into_response()) } else { Err(refusal) }
}

/// Issues a device cookie, unless the browser has a valid one of this account. Ends the cookie of another account.
async fn new_device(
    transaction: &mut Transaction,
    before: Option<Secret>,
    account: &AccountId,
    sign_in: &SignIn,
    now: UnixTime,
) -> Result<Option<Secret>, DatabaseError> {
    if let Some(before) = before {
        let known = credential::find(transaction, Kind::Device, &before, now).await?;
        if known.is_some_and(|known| known.account.as_ref() == Some(account)) {
            return Ok(None);
        }
        credential::take(transaction, Kind::Device, &before, now).await?;
    }
    credential::issue(transaction, Kind::Device, Some(sign_in), now).await.map(Some)
}

/// The account of the request's session. A handler with this argument runs only for somebody who is signed in.
pub(super) struct SignedIn {
    pub(super) account: Account,
    pub(super) session: Secret,
    pub(super) client: Client,
}

impl SignedIn {
    /// Returns the [`Act`] of a change, for the audit log.
    pub(super) fn act(&self, now: UnixTime) -> Act<'_> {
        self.account.act(now, self.client.address)
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NotSignedIn> {
        let stranger = || NotSignedIn::Stranger(Destination::of_request(&parts.method, &parts.uri));
        let jar = CookieJar::from_headers(&parts.headers);
        let session = Cookie::Session.read(state.is_secure, &jar).ok_or_else(stranger)?;
        let found = find(state, &session).await.map_err(|error| NotSignedIn::Unknown(error.into()))?;
        let (account, is_use_due) = found.ok_or_else(stranger)?;
        if is_use_due {
            LastUse::note(parts, Used::Credential(session.clone()));
        }
        let client = Client::from_request_parts(parts, state)
            .await
            .map_err(|_| NotSignedIn::Unknown(Refusal::internal()))?;
        Ok(Self { account, session, client })
    }
}

async fn find(state: &AppState, session: &Secret) -> Result<Option<(Account, bool)>, DatabaseError> {
    let mut connection = state.database.acquire().await?;
    account::of_credential(&mut connection, Kind::Session, session, state.clock.now()).await
}

pub(super) enum NotSignedIn {
    /// Nobody is signed in. The request was for this page.
    Stranger(Destination),
    /// The session can't be looked up.
    Unknown(Refusal),
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        match self {
            Self::Stranger(destination) => Redirect::to(&destination.sign_in()).into_response(),
            Self::Unknown(refusal) => refusal.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_bound_to_its_host_if_there_is_tls() {
        for (cookie, name, age) in [
            (Cookie::Session, "session", ""),
            (Cookie::SignIn, "sign-in", ""),
            (Cookie::Device, "device", "; Max-Age=15552000"),
            (Cookie::Done, "done", ""),
            (Cookie::Draft, "draft", ""),
        ] {
            let [secure, plain] =
                [true, false].map(|is_secure| cookie.with_text(is_secure, "text").to_string());
            let attributes = "; HttpOnly; SameSite=Lax";
            assert_eq!(secure, format!("__Host-ctx-key-{name}=text{attributes}; Secure; Path=/{age}"));
            assert_eq!(plain, format!("ctx-key-{name}=text{attributes}; Path=/{age}"));
        }
    }
}
