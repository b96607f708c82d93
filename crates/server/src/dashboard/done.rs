//! Messages about completed actions, which the next page shows once: [`Done`].

use std::fmt::Display;

use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use ctx_key::KeyId;

use super::session::Cookie;
use crate::http::state::AppState;

/// A completed action.
#[derive(Clone, Copy)]
pub(super) enum Done {
    Changed,
    Revoked,
    Deleted,
    CreatedProject,
    RenamedProject,
    ArchivedProject,
    EndedToken,
    EndedSession,
    EndedOthers,
}

const NAMES: [(&str, Done); 9] = [
    ("changed", Done::Changed),
    ("revoked", Done::Revoked),
    ("deleted", Done::Deleted),
    ("created_project", Done::CreatedProject),
    ("renamed_project", Done::RenamedProject),
    ("archived_project", Done::ArchivedProject),
    ("ended_token", Done::EndedToken),
    ("ended_session", Done::EndedSession),
    ("ended_others", Done::EndedOthers),
];

impl Done {
    /// Redirects to a page that shows the message. `about` is the id of the key, the number of revoked keys, or empty.
    pub(super) fn redirect(self, state: &AppState, about: impl Display, address: &str) -> Response {
        let (name, _) = NAMES[self as usize];
        let cookie = Cookie::Done.with_text(state.is_secure, &format!("{name}-{about}"));
        (CookieJar::new().add(cookie), Redirect::to(address)).into_response()
    }

    /// Returns the message for the cookie, and removes the cookie.
    pub(super) fn take(state: &AppState, jar: CookieJar) -> (CookieJar, Option<String>) {
        let Some(text) = Cookie::Done.read_text(state.is_secure, &jar) else { return (jar, None) };
        let message = message(text);
        (jar.remove(Cookie::Done.with_text(state.is_secure, "")), message)
    }
}

/// Returns the message for the text of a cookie, or `None` if the server does not write such a text.
fn message(text: &str) -> Option<String> {
    let (name, about) = text.split_once('-')?;
    let (_, done) = NAMES.iter().find(|(known, _)| *known == name)?;
    let key = || Some(about.parse::<KeyId>().ok()?.masked());
    Some(match done {
        Done::Changed => "The changes are saved.".to_owned(),
        Done::Revoked => format!("The key {} is revoked. Whatever uses it is refused from now on.", key()?),
        Done::Deleted => format!("The key {} is deleted. Whatever uses it is refused from now on.", key()?),
        Done::CreatedProject => "The project is created.".to_owned(),
        Done::RenamedProject => "The new name is saved.".to_owned(),
        Done::ArchivedProject => match about.parse::<usize>().ok()? {
            0 => "The project is archived.".to_owned(),
            1 => "The project is archived, and its key is revoked. Whatever uses it is refused from now on."
                .to_owned(),
            keys => format!(
                "The project is archived, and {keys} keys are revoked. Whatever uses them is refused from now on."
            ),
        },
        Done::EndedToken => "The access token is ended. Whatever uses it is refused from now on.".to_owned(),
        Done::EndedSession => "The session is ended.".to_owned(),
        Done::EndedOthers => "All other sessions are ended.".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn each_action_has_its_message() {
        for (text, expected) in [
            ("changed-8aspm4G7VmSU", "The changes are saved."),
            (
                "revoked-8aspm4G7VmSU",
                "The key ctx_8aspm4G7VmSU*** is revoked. Whatever uses it is refused from now on.",
            ),
            (
                "deleted-8aspm4G7VmSU",
                "The key ctx_8aspm4G7VmSU*** is deleted. Whatever uses it is refused from now on.",
            ),
            ("created_project-", "The project is created."),
            ("renamed_project-", "The new name is saved."),
            ("archived_project-0", "The project is archived."),
            (
                "archived_project-1",
                "The project is archived, and its key is revoked. Whatever uses it is refused from now on.",
            ),
            (
                "archived_project-2",
                "The project is archived, and 2 keys are revoked. Whatever uses them is refused from now on.",
            ),
            ("ended_token-", "The access token is ended. Whatever uses it is refused from now on."),
            ("ended_session-", "The session is ended."),
            ("ended_others-", "All other sessions are ended."),
        ] {
            assert_eq!(message(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_cookie_says_no_more_than_the_kind_and_the_id() {
        assert!(message("revoked-8aspm4G7VmSU").unwrap().contains("ctx_8aspm4G7VmSU***"));
        for text in [
            "",
            "revoked",
            "revoked-",
            "archived_project-many",
            "revoked-8aspm4G7VmS",
            "paid-8aspm4G7VmSU",
            "revoked-<b>4G7VmSU00",
        ] {
            assert_eq!(message(text), None, "{text}");
        }
    }
}
