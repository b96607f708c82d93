//! The list of a company's keys, which is also behind every dialog.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ctx_key::{KeyState, UnixTime};

use super::assets;
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::clock::{for_people, seconds};
use crate::http::state::AppState;
use crate::store::account::Account;
use crate::store::api_key::{self, ListedKey};
use crate::store::credential;

/// What stands around each page of somebody who is signed in.
pub(super) struct Frame {
    pub(super) account: Account,
    pub(super) form_token: String,
    /// The address that the navigation marks.
    pub(super) here: &'static str,
}

impl Frame {
    pub(super) fn new(signed_in: &SignedIn, here: &'static str) -> Self {
        let form_token = credential::form_token(&signed_in.session);
        Self { account: signed_in.account.clone(), form_token, here }
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<ShownKey>,
}

/// A key in words.
pub(super) struct ShownKey {
    pub(super) id: String,
    pub(super) masked: String,
    pub(super) name: String,
    pub(super) project: String,
    pub(super) scopes: Vec<&'static str>,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) state: &'static str,
    /// For the style sheet.
    pub(super) class: &'static str,
    pub(super) can_rotate: bool,
    pub(super) can_revoke: bool,
}

impl ShownKey {
    pub(super) fn new(key: &ListedKey, now: UnixTime) -> Self {
        let (state, class) = match key.record.state(now) {
            _ if key.is_ending(now) => ("Ending soon", "ending"),
            KeyState::Active => ("Active", "active"),
            KeyState::NotYetValid => ("Not yet valid", "active"),
            KeyState::Retired => ("Retired", "ended"),
            KeyState::Revoked => ("Revoked", "ended"),
            // also a state that this program does not know
            _ => ("Expired", "ended"),
        };
        Self {
            id: key.record.id.to_string(),
            masked: key.record.id.masked().to_string(),
            name: key.name.clone(),
            project: key.project_name.clone(),
            scopes: key.record.scopes.iter().filter_map(|scope| scope.name()).collect(),
            created: Moment::new(key.created_at),
            last_used: key.last_used_at.map(Moment::new),
            expires: key.end().map(|at| Moment::new(seconds(at))),
            state,
            class,
            can_rotate: class != "ended",
            can_revoke: state != "Revoked",
        }
    }
}

/// A time, to the minute.
pub(super) struct Moment(String);

impl Moment {
    pub(super) fn new(seconds: i64) -> Self {
        Self(for_people(seconds))
    }

    pub(super) fn date(&self) -> &str {
        self.0.split_once(' ').map_or(&self.0, |(date, _)| date)
    }

    pub(super) fn time(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, time)| time)
    }
}

pub(super) async fn list(signed_in: SignedIn, State(state): State<AppState>) -> Result<Response, Refusal> {
    let keys = shown_keys(&state, &signed_in).await?;
    Ok(page(StatusCode::OK, &KeysPage { frame: Frame::new(&signed_in, "/keys"), keys }))
}

pub(super) async fn shown_keys(state: &AppState, signed_in: &SignedIn) -> Result<Vec<ShownKey>, Refusal> {
    let mut connection = state.database.acquire().await?;
    let keys = api_key::list(&mut connection, &signed_in.account.company.id).await?;
    let now = UnixTime::now();
    Ok(keys.iter().map(|key| ShownKey::new(key, now)).collect())
}
