//! Forms that were sent after the end of the session, kept for who filled them in: [`Draft`].

use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::destination::Destination;
use super::form::Form;
use super::page::without_key;
use super::session::{Cookie, NotSignedIn};
use crate::http::state::AppState;
use crate::store::account::Account;
use crate::store::name::Name;

/// A form that is kept in a cookie of its own.
#[derive(Clone, Copy)]
pub(super) enum Draft {
    Key,
    Token,
}

impl Draft {
    const ALL: [Self; 2] = [Self::Key, Self::Token];

    fn cookie(self) -> Cookie {
        match self {
            Self::Key => Cookie::Draft,
            Self::Token => Cookie::TokenDraft,
        }
    }

    /// Returns the page with the form.
    fn address(self) -> &'static str {
        match self {
            Self::Key => "/keys/new",
            Self::Token => "/tokens/new",
        }
    }

    /// Returns the page with the form that was kept, if one was.
    pub(super) fn kept(state: &AppState, jar: &CookieJar) -> Option<&'static str> {
        let is_kept = |draft: &Self| draft.cookie().read_text(state.is_secure, jar).is_some();
        Self::ALL.into_iter().find(is_kept).map(Self::address)
    }

    /// Asks to sign in, and keeps these fields with the account that the form was for. A cookie holds them, without texts that
    /// contain a key or are longer than a name.
    pub(super) fn keep<'a>(
        self,
        state: &AppState,
        jar: CookieJar,
        form: &'a Form,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Response {
        let is_short = |text: &str| text.chars().count() <= Name::MAX_LENGTH;
        let account = ("account", form.text("account"));
        let fields = fields.into_iter().chain([account]).map(|(name, text)| (name, without_key(text)));
        let fields: Vec<_> = fields.filter(|(_, text)| is_short(text)).collect();
        let jar = match serde_json::to_string(&fields) {
            Ok(draft) => jar.add(self.cookie().with_text(state.is_secure, &draft)),
            Err(_) => jar,
        };
        (jar, NotSignedIn::Stranger(Destination::default())).into_response()
    }

    /// Returns the fields that were kept, if this account filled them in, and removes them.
    pub(super) fn take(
        self,
        state: &AppState,
        jar: CookieJar,
        account: &Account,
    ) -> (CookieJar, Option<Form>) {
        let Some(text) = self.cookie().read_text(state.is_secure, &jar) else { return (jar, None) };
        let form = Form(serde_json::from_str(text).unwrap_or_default());
        let own = Some(form).filter(|form| form.text("account") == account.id.as_str());
        (jar.remove(self.cookie().with_text(state.is_secure, "")), own)
    }
}
