//! The dialogs that rotate, revoke and delete a key.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use ctx_key::{KeyId, UnixTime};

use super::assets;
use super::done::Done;
use super::expiry_choice::{DATE, DAYS, ExpiryChoice};
use super::form::Form;
use super::frame::{Frame, Moment};
use super::keys::ShownKey;
use super::list_query::{Back, ListQuery};
use super::new_key::{Replaced, sent_before, show_once};
use super::page::{Mistakes, Refusal, page};
use super::session::SignedIn;
use crate::clock::seconds;
use crate::http::state::AppState;
use crate::store::actor::Act;
use crate::store::api_key::{self, ListedKey, Rotated, Rotation};
use crate::store::idempotency_key::IdempotencyKey;
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

/// Choices of the seconds for which the old key stays valid.
const OVERLAPS: [(&str, &str); 4] =
    [("0", "Now"), ("3600", "After 1 hour"), ("86400", "After 24 hours"), ("604800", "After 7 days")];

#[derive(Template)]
#[template(path = "rotate.html")]
struct RotatePage {
    frame: Frame,
    dialog: Dialog,
    typed: TypedRotation,
    mistakes: Mistakes,
}

/// The fields of a rotation as they were sent.
struct TypedRotation {
    overlap: String,
    /// The expiry of the new key. Without a choice, it is that of the old key.
    expiry: ExpiryChoice,
    form: Secret,
}

impl TypedRotation {
    fn nothing() -> Self {
        // a day, to leave time for deploying the new key
        Self { overlap: "86400".to_owned(), expiry: ExpiryChoice::none(), form: Secret::generate() }
    }

    fn read(form: &Form) -> Result<Self, Refusal> {
        let (overlap, expiry) = (form.text("overlap").to_owned(), ExpiryChoice::read(form));
        Ok(Self { overlap, expiry, form: form.nonce()? })
    }

    /// Returns the rotation that the form asks for, or its mistakes.
    fn check(&self, session: &Secret, now: UnixTime) -> Result<Rotation, Mistakes> {
        let mut mistakes = Mistakes::default();
        let overlap = OVERLAPS.iter().find(|(value, _)| *value == self.overlap);
        let overlap = overlap.and_then(|(value, _)| value.parse().ok());
        let overlap = mistakes.expect(overlap, "overlap", "Choose when the old key ends.");
        let expires_at = if self.expiry.is("") {
            Some(None)
        } else {
            self.expiry.check("the new key", &mut mistakes, now).map(Some)
        };
        match (overlap, expires_at) {
            (Some(overlap), Some(expires_at)) => {
                let idempotency_key = Some(IdempotencyKey::new(session, &self.form));
                Ok(Rotation { overlap, expires_at, idempotency_key })
            }
            _ => Err(mistakes),
        }
    }
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct RevokePage {
    frame: Frame,
    dialog: Dialog,
}

#[derive(Template)]
#[template(path = "delete.html")]
struct DeletePage {
    frame: Frame,
    dialog: Dialog,
}

/// The key that a dialog is about, and the addresses that the dialog leads to.
struct Dialog {
    key: ShownKey,
    expires: Option<Moment>,
    /// The address that the form is sent to. The browser keeps its fragment at the redirect that follows.
    action: String,
    cancel: String,
}

impl Dialog {
    async fn new(
        state: &AppState,
        signed_in: &SignedIn,
        id: KeyId,
        action: Action,
        back: &Back,
    ) -> Result<Self, Refusal> {
        let (company, now) = (&signed_in.account.company.id, state.clock.now());
        let mut connection = state.database.acquire().await?;
        let key = api_key::find(&mut connection, company, id).await?;
        let (here, there) = match back {
            Back::Key => (format!("#{}", action.name()), String::new()),
            Back::List(list) => {
                let here = format!("#key-{id}");
                let leaves_list = match action {
                    Action::Rotate => false,
                    Action::Revoke => list.filter.state.is_some(),
                    Action::Delete => true,
                };
                let listed =
                    if leaves_list { api_key::list(&mut connection, company).await? } else { Vec::new() };
                let neighbor = neighbor(&list.filter.apply(listed, now), id);
                let there = neighbor.map_or_else(|| here.clone(), |id| format!("#key-{id}"));
                (here, there)
            }
        };
        let action = format!("/keys/{id}/{}{}{there}", action.name(), back.query());
        let expires = key.record.expires_at.map(|at| Moment::new(seconds(at), now));
        let key = ShownKey::new(&key, now);
        Ok(Self { key, expires, action, cancel: format!("{}{here}", back.address(id)) })
    }
}

/// Returns the key below this one in a list. For the last key, returns the one above.
fn neighbor(listed: &[ListedKey], id: KeyId) -> Option<KeyId> {
    let place = listed.iter().position(|key| key.record.id == id)?;
    let neighbor = listed.get(place + 1).or_else(|| listed.get(place.checked_sub(1)?));
    neighbor.map(|key| key.record.id)
}

/// The action of a dialog.
#[derive(Clone, Copy)]
enum Action {
    Rotate,
    Revoke,
    Delete,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
            Self::Delete => "delete",
        }
    }
}

pub(super) async fn ask_rotate(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    back: Back,
) -> Result<Response, Refusal> {
    let typed = TypedRotation::nothing();
    rotate_dialog(StatusCode::OK, &state, &signed_in, id, &back, typed, Mistakes::default()).await
}

async fn rotate_dialog(
    status: StatusCode,
    state: &AppState,
    signed_in: &SignedIn,
    id: KeyId,
    back: &Back,
    typed: TypedRotation,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    let dialog = Dialog::new(state, signed_in, id, Action::Rotate, back).await?;
    Ok(page(status, &RotatePage { frame: Frame::new(signed_in, "/keys"), dialog, typed, mistakes }))
}

pub(super) async fn ask_revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    back: Back,
) -> Result<Response, Refusal> {
    let dialog = Dialog::new(&state, &signed_in, id, Action::Revoke, &back).await?;
    Ok(page(StatusCode::OK, &RevokePage { frame: Frame::new(&signed_in, "/keys"), dialog }))
}

pub(super) async fn ask_delete(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    back: Back,
) -> Result<Response, Refusal> {
    let dialog = Dialog::new(&state, &signed_in, id, Action::Delete, &back).await?;
    Ok(page(StatusCode::OK, &DeletePage { frame: Frame::new(&signed_in, "/keys"), dialog }))
}

/// The id in the path. The response to a text that is not an id is the same as to an id that no key has.
pub(super) struct KeyOfPath(pub(super) KeyId);

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
    back: Back,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let (now, typed) = (state.clock.now(), TypedRotation::read(&form)?);
    let rotation = match typed.check(&signed_in.session, now) {
        Ok(rotation) => rotation,
        Err(mistakes) => {
            let status = StatusCode::BAD_REQUEST;
            return rotate_dialog(status, &state, &signed_in, id, &back, typed, mistakes).await;
        }
    };
    match replace(&state, signed_in.act(now), id, &rotation).await {
        Ok(Rotated { key, new, old }) => {
            Ok(show_once(&state, &signed_in, &key, &new, Some(Replaced::new(&old, now)), &back))
        }
        Err(StoreError::Repeated) => sent_before(&state, &signed_in, &typed.form).await,
        Err(error) => Err(error.into()),
    }
}

async fn replace(
    state: &AppState,
    act: Act<'_>,
    id: KeyId,
    rotation: &Rotation,
) -> Result<Rotated, StoreError> {
    let mut transaction = state.database.begin().await?;
    let rotated = api_key::rotate(&mut transaction, act, id, rotation).await?;
    transaction.commit().await?;
    Ok(rotated)
}

pub(super) async fn revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    back: Back,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    api_key::revoke(&mut transaction, act, id).await?;
    transaction.commit().await?;
    Ok(Done::Revoked.redirect(&state, id, &back.address(id)))
}

pub(super) async fn delete(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    back: Back,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    api_key::delete(&mut transaction, act, id).await?;
    transaction.commit().await?;
    let address = match back {
        Back::List(list) => list.address(),
        Back::Key => ListQuery::default().address(),
    };
    Ok(Done::Deleted.redirect(&state, id, &address))
}
