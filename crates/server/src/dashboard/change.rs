//! Rotate, revoke and delete: a dialog asks before each.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Redirect, Response};
use ctx_key::{KeyId, UnixTime};

use super::assets;
use super::form::Form;
use super::frame::Frame;
use super::keys::{ShownKey, shown_keys};
use super::new_key::{Replaced, sent_before, show_once};
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::account::Account;
use crate::store::api_key::{self, Rotated, Rotation};
use crate::store::idempotency_key::IdempotencyKey;
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

/// Seconds for which the old key may stay valid.
const OVERLAPS: [(&str, &str); 4] =
    [("0", "Now"), ("3600", "After 1 hour"), ("86400", "After 24 hours"), ("604800", "After 7 days")];

#[derive(Template)]
#[template(path = "rotate.html")]
struct RotatePage {
    frame: Frame,
    keys: Vec<ShownKey>,
    key: ShownKey,
    form: Secret,
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
    let form = Secret::generate();
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
    Ok(ShownKey::new(&key, state.clock.now()))
}

/// The id in the path. A text that is not an id is answered like an id that no key has.
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
    let (now, form) = (state.clock.now(), form.nonce()?);
    let idempotency_key = Some(IdempotencyKey::new(&signed_in.session, &form));
    let rotation = Rotation { overlap, expires_at: None, idempotency_key };
    match replace(&state, &signed_in.account, id, &rotation, now).await {
        Ok(Rotated { key, new, old }) => {
            Ok(show_once(&state, &signed_in, &key, &new, Some(Replaced::new(&old, now))))
        }
        Err(StoreError::Repeated) => sent_before(&state, &signed_in, &form).await,
        Err(error) => Err(error.into()),
    }
}

fn overlap(choice: &str) -> Result<u64, Refusal> {
    let found = OVERLAPS.iter().find(|(value, _)| *value == choice);
    let overlap = found.and_then(|(value, _)| value.parse().ok());
    overlap.ok_or_else(|| Refusal::unreadable("Choose when the old key ends."))
}

async fn replace(
    state: &AppState,
    account: &Account,
    id: KeyId,
    rotation: &Rotation,
    now: UnixTime,
) -> Result<Rotated, StoreError> {
    let mut transaction = state.database.begin().await?;
    let rotated = api_key::rotate(&mut transaction, account.act(now), id, rotation).await?;
    transaction.commit().await?;
    Ok(rotated)
}

pub(super) async fn revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    form: Form,
) -> Result<Redirect, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.account.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    api_key::revoke(&mut transaction, act, id).await?;
    transaction.commit().await?;
    Ok(Redirect::to("/keys"))
}

pub(super) async fn delete(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    form: Form,
) -> Result<Redirect, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.account.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    api_key::delete(&mut transaction, act, id).await?;
    transaction.commit().await?;
    Ok(Redirect::to("/keys"))
}
