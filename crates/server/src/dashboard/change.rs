//! Rotate, revoke and delete: a dialog asks before each.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use ctx_key::{ApiKey, KeyId, UnixTime};

use super::assets;
use super::create::{Replaced, sent_before, show_once, spend};
use super::form::Form;
use super::keys::{Frame, Moment, ShownKey, shown_keys};
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::clock::seconds;
use crate::http::state::AppState;
use crate::store::account::Account;
use crate::store::api_key::{self, ListedKey};
use crate::store::credential;
use crate::store::store_error::StoreError;

/// For how many seconds the old key may stay good.
const OVERLAPS: [(&str, &str); 4] =
    [("0", "Now"), ("3600", "After 1 hour"), ("86400", "After 24 hours"), ("604800", "After 7 days")];

#[derive(Template)]
#[template(path = "rotate.html")]
struct RotatePage {
    frame: Frame,
    keys: Vec<ShownKey>,
    key: ShownKey,
    form: String,
}

impl RotatePage {
    /// A day: time to deploy the new key.
    fn is_usual(overlap: &str) -> bool {
        overlap == "86400"
    }
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct RevokePage {
    frame: Frame,
    keys: Vec<ShownKey>,
    key: ShownKey,
}

#[derive(Template)]
#[template(path = "delete.html")]
struct DeletePage {
    frame: Frame,
    keys: Vec<ShownKey>,
    key: ShownKey,
}

pub(super) async fn ask_rotate(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
) -> Result<Response, Refusal> {
    let key = shown_key(&state, &signed_in, id).await?;
    let keys = shown_keys(&state, &signed_in).await?;
    let form = credential::random();
    Ok(page(StatusCode::OK, &RotatePage { frame: Frame::new(&signed_in, "/keys"), keys, key, form }))
}

pub(super) async fn ask_revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
) -> Result<Response, Refusal> {
    let key = shown_key(&state, &signed_in, id).await?;
    let keys = shown_keys(&state, &signed_in).await?;
    Ok(page(StatusCode::OK, &RevokePage { frame: Frame::new(&signed_in, "/keys"), keys, key }))
}

pub(super) async fn ask_delete(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
) -> Result<Response, Refusal> {
    let key = shown_key(&state, &signed_in, id).await?;
    let keys = shown_keys(&state, &signed_in).await?;
    Ok(page(StatusCode::OK, &DeletePage { frame: Frame::new(&signed_in, "/keys"), keys, key }))
}

async fn shown_key(state: &AppState, signed_in: &SignedIn, id: KeyId) -> Result<ShownKey, Refusal> {
    let mut connection = state.database.acquire().await?;
    let key = api_key::find(&mut connection, &signed_in.account.company.id, id).await?;
    Ok(ShownKey::new(&key, UnixTime::now()))
}

/// The id in the path. What is none is answered as an id that no key has.
pub(super) struct KeyOfPath(KeyId);

impl FromRequestParts<AppState> for KeyOfPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(Refusal::no_page)
    }
}

pub(super) async fn rotate(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let overlap = overlap(form.text("overlap"))?;
    let token = form.one_time_token()?.to_owned();
    match replace(&state, &signed_in.account, id, overlap, &token).await {
        Ok((key, new, old)) => Ok(show_once(&state, &signed_in, &key, &new, Some(replaced(&old)))),
        Err(StoreError::FormUsed) => sent_before(&state, &signed_in, token).await,
        Err(error) => Err(error.into()),
    }
}

fn overlap(choice: &str) -> Result<u64, Refusal> {
    let found = OVERLAPS.iter().find(|(value, _)| *value == choice);
    let overlap = found.and_then(|(value, _)| value.parse().ok());
    overlap.ok_or_else(|| Refusal::unreadable("Choose when the old key shall end."))
}

/// The new key, and what became of the old one.
async fn replace(
    state: &AppState,
    account: &Account,
    id: KeyId,
    overlap: u64,
    form: &str,
) -> Result<(ApiKey, ListedKey, ListedKey), StoreError> {
    let company = &account.company.id;
    let mut transaction = state.database.begin().await?;
    spend(&mut transaction, form).await?;
    let (key, new) = api_key::rotate(&mut transaction, company, &account.email, id, overlap, form).await?;
    let old = api_key::find(&mut transaction, company, id).await?;
    transaction.commit().await?;
    Ok((key, new, old))
}

fn replaced(old: &ListedKey) -> Replaced {
    let until = old.end().filter(|end| *end > UnixTime::now());
    Replaced { masked: old.record.id.masked().to_string(), until: until.map(|at| Moment::new(seconds(at))) }
}

pub(super) async fn revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    form: Form,
) -> Result<Redirect, Refusal> {
    form.check_token(&signed_in.session)?;
    let account = signed_in.account;
    let mut transaction = state.database.begin().await?;
    api_key::revoke(&mut transaction, &account.company.id, &account.email, id).await?;
    transaction.commit().await?;
    Ok(Redirect::to("/keys"))
}

pub(super) async fn delete(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let account = signed_in.account;
    let mut transaction = state.database.begin().await?;
    api_key::delete(&mut transaction, &account.company.id, &account.email, id).await?;
    transaction.commit().await?;
    Ok(Redirect::to("/keys").into_response())
}
