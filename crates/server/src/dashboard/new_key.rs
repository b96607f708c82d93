//! The page that shows a new key once, and the refusal of a form that was sent before.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use ctx_key::{ApiKey, KeyId, Scope, UnixTime};

use super::assets;
use super::frame::{Frame, Moment};
use super::keys::ShownKey;
use super::list_query::{Back, ListQuery};
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::clock::seconds;
use crate::http::state::AppState;
use crate::store::api_key::{self, ListedKey};
use crate::store::idempotency_key::IdempotencyKey;
use crate::store::secret::Secret;

#[derive(Template)]
#[template(path = "new-key.html")]
struct NewKeyPage<'a> {
    frame: Frame,
    key: &'a ApiKey,
    shown: ShownKey,
    request: Request<'a>,
    replaced: Option<Replaced>,
    done: String,
}

/// The key that the new one replaces.
pub(super) struct Replaced {
    masked: String,
    /// The time when it ends, unless it has ended already.
    until: Option<Moment>,
}

impl Replaced {
    pub(super) fn new(old: &ListedKey, now: UnixTime) -> Self {
        let until = old.end().filter(|_| !old.has_ended(now));
        Self {
            masked: old.record.id.masked().to_string(),
            until: until.map(|at| Moment::new(seconds(at), now)),
        }
    }
}

/// Returns the only page that shows a whole key. The key comes from the [`ApiKey`], which erases itself when the caller
/// drops it. The buffer of the response also contains the key, and is freed without being erased.
pub(super) fn show_once(
    state: &AppState,
    signed_in: &SignedIn,
    key: &ApiKey,
    listed: &ListedKey,
    replaced: Option<Replaced>,
    back: &Back,
) -> Response {
    let id = listed.record.id;
    let template = NewKeyPage {
        frame: Frame::new(signed_in, "/keys"),
        key,
        shown: ShownKey::new(listed, state.clock.now()),
        request: Request::for_scopes(listed.record.scopes, &state.public_url),
        replaced,
        done: match back {
            Back::List(list) => row_address(list, id),
            Back::Key => back.address(id),
        },
    };
    page(StatusCode::OK, &template)
}

/// Returns the address of a row of the list. It must differ from the address of this page in more than the fragment,
/// because a click would otherwise not load the list.
fn row_address(list: &ListQuery, id: KeyId) -> String {
    let address = list.address();
    let query = if address.contains('?') { "" } else { "?page=1" };
    format!("{address}{query}#key-{id}")
}

/// Refuses a form that was sent before. The refusal names the key that the form created, masked.
pub(super) async fn sent_before(
    state: &AppState,
    signed_in: &SignedIn,
    form: &Secret,
) -> Result<Response, Refusal> {
    let company = &signed_in.account.company.id;
    let key = IdempotencyKey::new(&signed_in.session, form);
    let mut connection = state.database.acquire().await?;
    let created = api_key::find_by_idempotency_key(&mut connection, company, &key).await?;
    Err(Refusal::sent_before(created.map(|key| key.record.id.masked().to_string())))
}

/// A request that tries out a key.
struct Request<'a> {
    url: &'a str,
    path: &'static str,
    body: Option<&'static str>,
}

impl<'a> Request<'a> {
    /// Returns a request that the scopes allow, and if possible one that only reads.
    fn for_scopes(scopes: Scope, url: &'a str) -> Self {
        let choices = [
            (Scope::MEMORIES_READ, "/v1/memories", None),
            (Scope::CHATS_READ, "/v1/chats", None),
            // there is no list of users
            (Scope::USERS_READ, "/v1/key", None),
            (Scope::MEMORIES_WRITE, "/v1/memories", Some(r#"{"content":"Ada likes tea."}"#)),
            (Scope::CHATS_WRITE, "/v1/chats", Some(r#"{"title":"A first chat"}"#)),
        ];
        let choice = choices.into_iter().find(|(scope, ..)| scopes.contains(*scope));
        let (_, path, body) = choice.unwrap_or((Scope::USERS_WRITE, "/v1/users", Some(r#"{"id":"ada"}"#)));
        Self { url, path, body }
    }
}
