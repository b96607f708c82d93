//! The message that something was done, on the next page and once: [`Done`].

use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use ctx_key::KeyId;

use super::session::Cookie;
use crate::http::state::AppState;

/// What was done, to a key or else.
#[derive(Clone, Copy)]
pub(super) enum Done {
    Changed,
    Revoked,
    Deleted,
    EndedToken,
    EndedSession,
    EndedOthers,
}

const NAMES: [(&str, Done); 6] = [
    ("changed", Done::Changed),
    ("revoked", Done::Revoked),
    ("deleted", Done::Deleted),
    ("ended_token", Done::EndedToken),
    ("ended_session", Done::EndedSession),
    ("ended_others", Done::EndedOthers),
];

impl Done {
    /// Leads to a page, which says what was done.
    pub(super) fn redirect(self, state: &AppState, key: Option<KeyId>, address: &str) -> Response {
        let (name, _) = NAMES[self as usize];
        let key = key.map(|id| id.as_str().to_owned()).unwrap_or_default();
        let cookie = Cookie::Done.with_text(state.is_secure, &format!("{name}-{key}"));
        (CookieJar::new().add(cookie), Redirect::to(address)).into_response()
    }

    /// Returns the message, and removes its cookie.
    pub(super) fn take(state: &AppState, jar: CookieJar) -> (CookieJar, Option<String>) {
        let Some(text) = Cookie::Done.read_text(state.is_secure, &jar) else { return (jar, None) };
        let message = message(text);
        (jar.remove(Cookie::Done.with_text(state.is_secure, "")), message)
    }
}

/// Returns the message for a cookie. One that the server did not write has none.
fn message(text: &str) -> Option<String> {
    let (name, id) = text.split_once('-')?;
    let (_, done) = NAMES.iter().find(|(known, _)| *known == name)?;
    let key = || Some(id.parse::<KeyId>().ok()?.masked());
    Some(match done {
        Done::Changed => "The changes are saved.".to_owned(),
        Done::Revoked => format!("The key {} is revoked. Whatever uses it is refused from now on.", key()?),
        Done::Deleted => format!("The key {} is deleted. Whatever uses it is refused from now on.", key()?),
        Done::EndedToken => "The access token is ended. Whatever uses it is refused from now on.".to_owned(),
        Done::EndedSession => "The session is ended.".to_owned(),
        Done::EndedOthers => "All other sessions are ended.".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_cookie_says_no_more_than_the_kind_and_the_id() {
        assert!(message("revoked-8aspm4G7VmSU").unwrap().contains("ctx_8aspm4G7VmSU***"));
        for text in
            ["", "revoked", "revoked-", "revoked-8aspm4G7VmS", "paid-8aspm4G7VmSU", "revoked-<b>4G7VmSU00"]
        {
            assert_eq!(message(text), None, "{text}");
        }
    }
}
