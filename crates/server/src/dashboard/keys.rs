//! The list of a company's keys, which is also shown under each dialog.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ctx_key::{KeyState, UnixTime};

use super::assets;
use super::frame::{Frame, Moment};
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::clock::seconds;
use crate::http::state::AppState;
use crate::store::api_key::{self, ListedKey};
use crate::store::name::Name;

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
    pub(super) name: Name,
    pub(super) project: Name,
    pub(super) scopes: Vec<&'static str>,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) state: &'static str,
    /// The class in the style sheet.
    pub(super) class: &'static str,
    pub(super) can_rotate: bool,
    pub(super) can_revoke: bool,
}

impl ShownKey {
    pub(super) fn new(key: &ListedKey, now: UnixTime) -> Self {
        let record = &key.record;
        let (state, class) = match record.state(now) {
            KeyState::Active if key.is_ending(now) => ("Ending soon", "ending"),
            KeyState::Active => ("Active", "active"),
            KeyState::NotYetValid => ("Not yet valid", "active"),
            KeyState::Retired => ("Retired", "ended"),
            KeyState::Revoked => ("Revoked", "ended"),
            // also a state that this program does not know
            _ => ("Expired", "ended"),
        };
        Self {
            id: record.id.to_string(),
            masked: record.id.masked().to_string(),
            name: key.name.clone(),
            project: key.project_name.clone(),
            scopes: record.scopes.iter().filter_map(|scope| scope.name()).collect(),
            created: Moment::new(key.created_at),
            last_used: key.last_used_at.map(Moment::new),
            expires: key.end().map(|at| Moment::new(seconds(at))),
            state,
            class,
            can_rotate: !key.has_ended(now),
            can_revoke: record.state(now) != KeyState::Revoked,
        }
    }
}

pub(super) async fn list(signed_in: SignedIn, State(state): State<AppState>) -> Result<Response, Refusal> {
    let keys = shown_keys(&state, &signed_in).await?;
    Ok(page(StatusCode::OK, &KeysPage { frame: Frame::new(&signed_in, "/keys"), keys }))
}

pub(super) async fn shown_keys(state: &AppState, signed_in: &SignedIn) -> Result<Vec<ShownKey>, Refusal> {
    let mut connection = state.database.acquire().await?;
    let keys = api_key::list(&mut connection, &signed_in.account.company.id).await?;
    let now = state.clock.now();
    Ok(keys.iter().map(|key| ShownKey::new(key, now)).collect())
}
