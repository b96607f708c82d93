//! The page with the list of a company's keys.

use std::collections::HashSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use ctx_key::{KeyId, KeyState, Scope, UnixTime};

use super::assets;
use super::done::Done;
use super::frame::{Frame, Moment};
use super::list_query::{Back, ListQuery, MAX_LINKS, STATES};
use super::page::{Refusal, page};
use super::pager::Pager;
use super::session::SignedIn;
use crate::clock::seconds;
use crate::http::state::AppState;
use crate::store::api_key::{self, ListedKey};
use crate::store::audit_log::{self, Replacement};
use crate::store::name::Name;
use crate::store::project::{self, Project};

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    /// True if the company has keys, even if the filter shows none.
    has_keys: bool,
    projects: Vec<Project>,
    query: ListQuery,
    rows: Vec<Row>,
    /// The part after the path in the links of the rows.
    back: String,
    pager: Pager,
    done: Option<String>,
}

/// Maximum number of bytes of a name in a row, which shows three lines of a name.
const MAX_IN_ROW: usize = 200;

/// Maximum number of bytes of a project's name in the filter.
const MAX_IN_FILTER: usize = 320;

impl KeysPage {
    fn in_row(name: &Name) -> String {
        truncated(name, MAX_IN_ROW)
    }

    fn in_filter(name: &Name) -> String {
        truncated(name, MAX_IN_FILTER)
    }
}

/// Cuts a name so that it takes at most `max` bytes of a page, to limit the size of the page.
fn truncated(name: &Name, max: usize) -> String {
    let mut length = 0;
    let escaped =
        |character: char| if "&<>\"'".contains(character) { "&#38;".len() } else { character.len_utf8() };
    let fits = |(_, character): &(usize, char)| {
        length += escaped(*character);
        length > max
    };
    let text = name.as_str();
    let cut = text.char_indices().find(fits);
    cut.map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}

/// A key with its predecessor and its successor.
struct Row {
    key: ShownKey,
    replaces: Option<Neighbor>,
    replaced_by: Option<Neighbor>,
}

/// The predecessor of a key or its successor.
pub(super) struct Neighbor {
    pub(super) id: KeyId,
    /// True if it has not been deleted.
    pub(super) exists: bool,
}

/// A key in words.
pub(super) struct ShownKey {
    pub(super) id: KeyId,
    pub(super) masked: String,
    pub(super) name: Name,
    pub(super) project: Name,
    pub(super) scopes: Vec<&'static str>,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
    /// The end of the key, if one is known.
    pub(super) end: Option<Moment>,
    pub(super) state: &'static str,
    /// The class in the style sheet.
    pub(super) class: &'static str,
    /// True if the key can't be rotated or changed.
    pub(super) has_ended: bool,
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
            // this includes a state that this program does not know
            _ => ("Expired", "ended"),
        };
        Self {
            id: record.id,
            masked: record.id.masked().to_string(),
            name: key.name.clone(),
            project: key.project_name.clone(),
            scopes: record.scopes.iter().filter_map(|scope| scope.name()).collect(),
            created: Moment::new(key.created_at, now),
            last_used: key.last_used_at.map(|at| Moment::new(at, now)),
            end: key.end().map(|at| Moment::new(seconds(at), now)),
            state,
            class,
            has_ended: key.has_ended(now),
            can_revoke: record.state(now) != KeyState::Revoked,
        }
    }
}

pub(super) async fn list(
    signed_in: SignedIn,
    State(state): State<AppState>,
    query: ListQuery,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    if query.has_key {
        // a redirect, so that the address with the key does not stay in the browser's history
        return Ok(Redirect::to(&query.address()).into_response());
    }
    let (company, now) = (&signed_in.account.company.id, state.clock.now());
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, company).await?;
    let query = query.of_projects(&projects);
    let keys = api_key::list(&mut connection, company).await?;
    let existing: HashSet<_> = keys.iter().map(|key| key.record.id).collect();
    let listed = query.filter.apply(keys, now);
    let pager = Pager::new(query.page, listed.len(), |page| query.with_page(page).address());
    let query = query.with_page(pager.page());
    let listed = &listed[pager.rows()];
    let ids: Vec<_> = listed.iter().map(|key| key.record.id).collect();
    let replacements = audit_log::replacements(&mut connection, company, &ids).await?;
    let rows = listed.iter().map(|key| Row::new(key, &replacements, &existing, now)).collect();
    let (jar, done) = Done::take(&state, jar);
    let (frame, has_keys, back) =
        (Frame::new(&signed_in, "/keys"), !existing.is_empty(), back(&query, listed.len()));
    let template = KeysPage { frame, has_keys, projects, query, rows, back, pager, done };
    Ok((jar, page(StatusCode::OK, &template)).into_response())
}

/// Returns the part after the path in the links of the rows, for this number of rows. It is the filter, without its
/// text if that would make the page too large.
fn back(query: &ListQuery, rows: usize) -> String {
    let whole = Back::List(query.clone()).query();
    let links = 3 * rows;
    if whole.len() * links <= MAX_LINKS { whole } else { Back::List(query.without_text()).query() }
}

impl Row {
    fn new(key: &ListedKey, replacements: &[Replacement], existing: &HashSet<KeyId>, now: UnixTime) -> Self {
        let neighbor = |id: KeyId| Neighbor { id, exists: existing.contains(&id) };
        let id = key.record.id;
        let replaces = replacements.iter().find(|pair| pair.new == id).map(|pair| neighbor(pair.old));
        // a key can be replaced again during its overlap, so the last replacement counts
        let replaced_by = replacements.iter().rfind(|pair| pair.old == id).map(|pair| neighbor(pair.new));
        Self { key: ShownKey::new(key, now), replaces, replaced_by }
    }
}
