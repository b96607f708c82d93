//! Calls that create, show, change, rotate and end a key of a company.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use ctx_key::{ApiKey, KeyId, KeyState, Scope, UnixTime};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::KeyManager;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Segment, StrictParameters};
use crate::http::iso_time::{Expiry, IsoTime};
use crate::http::open_api::route;
use crate::http::schema::{self, ScopeName};
use crate::http::state::AppState;
use crate::store::api_key::{self, Change, ListedKey, NewKey, ProjectChoice, Rotated, Rotation};
use crate::store::id::{CompanyId, ProjectId};
use crate::store::name::Name;
use crate::store::store_error::StoreError;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(create))
        .routes(route!(show_one))
        .routes(route!(change))
        .routes(route!(rotate))
        .routes(route!(end))
}

/// Maximum overlap after a rotation: 365 days.
const MAX_OVERLAP: u64 = 365 * 24 * 3600;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
struct Create {
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000]*$")]
    project_id: String,
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(value_type = Vec<ScopeName>, min_items = 1)]
    scopes: Vec<String>,
    /// The time when the key expires. Without it, or with null, the key does not expire.
    expires_at: Option<Expiry>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct Created {
    #[serde(flatten)]
    shown: ShownKey,
    #[schema(pattern = "^ctx_[0-9A-Za-z]{48}$")]
    api_key: String,
}

impl Created {
    /// Returns the only response that contains a whole key.
    fn new(key: &ApiKey, listed: ListedKey, company: CompanyId, now: UnixTime) -> Self {
        Self { shown: ShownKey::new(listed, company, now), api_key: key.expose_secret().to_owned() }
    }
}

/// Creates a key. Only this response shows the whole key.
#[utoipa::path(
    post,
    path = "/companies/{company}/api-keys",
    operation_id = "createKey",
    responses((status = CREATED, body = Created), (status = CONFLICT))
)]
async fn create(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    _: NoParameters,
    Json(body): Json<Create>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    let manager = manager.of(&company)?;
    let now = state.clock.now();
    let new = NewKey {
        name: Name::parse(&body.name)?,
        project: ProjectChoice::Existing(ProjectId::parse(&body.project_id).ok_or(StoreError::NotFound)?),
        scopes: scopes(&body.scopes)?,
        expires_at: body.expires_at.map(|expiry| expiry.after(now)).transpose()?,
        idempotency_key: None,
    };
    let mut transaction = state.database.begin().await?;
    let (key, listed) = api_key::create(&mut transaction, manager.act(now), &new).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Answer(Created::new(&key, listed, manager.company.id, now))))
}

fn scopes(names: &[String]) -> Result<Scope, ApiError> {
    let all: Vec<String> = Scope::all().iter().map(|scope| scope.to_string()).collect();
    let all = all.join(", ");
    let mut scopes = Scope::empty();
    for (index, name) in names.iter().enumerate() {
        // the parser also accepts a text with several names or with none
        let parsed = name.parse::<Scope>();
        match parsed {
            Ok(scope) if scope.name().is_some() => scopes |= scope,
            _ => {
                let suggestion = parsed.err().and_then(|error| error.suggestion());
                let hint = suggestion.map(|scope| format!(", did you mean {scope}?")).unwrap_or_default();
                let entry = index + 1;
                let message = format!("entry {entry} of `scopes` is unknown{hint}; the scopes are {all}");
                return Err(ApiError::invalid(message));
            }
        }
    }
    if scopes.is_empty() {
        return Err(ApiError::invalid(format!("a key needs at least one scope; the scopes are {all}")));
    }
    Ok(scopes)
}

/// Shows a key.
#[utoipa::path(
    get,
    path = "/companies/{company}/api-keys/{id}",
    operation_id = "showListedKey",
    responses((status = OK, body = ShownKey))
)]
async fn show_one(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
    _: NoParameters,
) -> Result<Answer<ShownKey>, ApiError> {
    let company = manager.of(&company)?.company.id;
    let mut connection = state.database.acquire().await?;
    let key = api_key::find(&mut connection, &company, key_id(&id)?).await?;
    Ok(Answer(ShownKey::new(key, company, state.clock.now())))
}

/// Reads the id of a key in the path. No key has an id of another form.
fn key_id(text: &str) -> Result<KeyId, StoreError> {
    text.parse().map_err(|_| StoreError::NotFound)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangedKey)]
struct ChangeKey {
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<ScopeName>, min_items = 1, required = false)]
    scopes: Option<Vec<String>>,
}

/// Reads a field that is present. How null is read depends on `T`; it is not the same as a missing field.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Changes the name or the scopes of a key that has not ended.
#[utoipa::path(
    patch,
    path = "/companies/{company}/api-keys/{id}",
    operation_id = "changeKey",
    responses((status = OK, body = ShownKey), (status = CONFLICT))
)]
async fn change(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
    _: NoParameters,
    Json(body): Json<ChangeKey>,
) -> Result<Answer<ShownKey>, ApiError> {
    let manager = manager.of(&company)?;
    let change = Change {
        name: body.name.map(|name| Name::parse(&name)).transpose()?,
        scopes: body.scopes.map(|names| scopes(&names)).transpose()?,
    };
    let now = state.clock.now();
    let mut transaction = state.database.begin().await?;
    let key = api_key::change(&mut transaction, manager.act(now), key_id(&id)?, change).await?;
    transaction.commit().await?;
    Ok(Answer(ShownKey::new(key, manager.company.id, now)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rotation)]
struct Rotate {
    /// Seconds for which the old key stays valid.
    #[schema(maximum = 31_536_000)]
    overlap_seconds: u64,
    /// The time when the new key expires. Without it, that is the time when the old key would have expired. With
    /// null, the new key does not expire.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Expiry>, required = false)]
    expires_at: Option<Option<Expiry>>,
}

/// Creates the successor of a key. Only this response shows the whole new key. The old key ends after the overlap.
#[utoipa::path(
    post,
    path = "/companies/{company}/api-keys/{id}/rotate",
    operation_id = "rotateKey",
    responses((status = CREATED, body = Created), (status = CONFLICT))
)]
async fn rotate(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
    _: NoParameters,
    Json(body): Json<Rotate>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    let manager = manager.of(&company)?;
    let now = state.clock.now();
    if body.overlap_seconds > MAX_OVERLAP {
        return Err(ApiError::invalid(format!(
            "`overlap_seconds` is too large: the maximum is {MAX_OVERLAP}, which is 365 days"
        )));
    }
    let expires_at = body.expires_at.map(|expiry| expiry.map(|expiry| expiry.after(now)).transpose());
    let rotation = Rotation {
        overlap: body.overlap_seconds,
        expires_at: expires_at.transpose()?,
        idempotency_key: None,
    };
    let mut transaction = state.database.begin().await?;
    let Rotated { key, new, .. } =
        api_key::rotate(&mut transaction, manager.act(now), key_id(&id)?, &rotation).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Answer(Created::new(&key, new, manager.company.id, now))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct End {
    /// Deletes a key that has ended, instead of revoking it.
    #[param(inline, value_type = Purge, required = false)]
    purge: Option<Purge>,
}

#[derive(Deserialize, ToSchema)]
enum Purge {
    #[serde(rename = "true")]
    True,
}

/// Revokes a key, or deletes one that has ended.
#[utoipa::path(
    delete,
    path = "/companies/{company}/api-keys/{id}",
    operation_id = "revokeListedKey",
    responses((status = NO_CONTENT), (status = CONFLICT))
)]
async fn end(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
    StrictParameters(parameters): StrictParameters<End>,
) -> Result<StatusCode, ApiError> {
    let manager = manager.of(&company)?;
    let (id, act) = (key_id(&id)?, manager.act(state.clock.now()));
    let mut transaction = state.database.begin().await?;
    match parameters.purge {
        Some(Purge::True) => api_key::purge(&mut transaction, act, id).await?,
        None => api_key::revoke(&mut transaction, act, id).await.map(drop)?,
    }
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key as the platform's clients read it.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedKey)]
pub(super) struct ShownKey {
    id: String,
    #[schema(value_type = String)]
    company_id: CompanyId,
    #[schema(value_type = String)]
    project_id: ProjectId,
    #[schema(value_type = String)]
    name: Name,
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Scope,
    is_active: bool,
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(required)]
    expires_at: Option<IsoTime>,
    #[schema(required)]
    retires_at: Option<IsoTime>,
    #[schema(required)]
    revoked_at: Option<IsoTime>,
    #[schema(required)]
    last_used_at: Option<IsoTime>,
    created_at: IsoTime,
    updated_at: IsoTime,
}

const STATES: [(KeyState, &str); 5] = [
    (KeyState::Active, "active"),
    (KeyState::NotYetValid, "not_yet_valid"),
    (KeyState::Retired, "retired"),
    (KeyState::Expired, "expired"),
    (KeyState::Revoked, "revoked"),
];

fn states() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(STATES.map(|(_, name)| name)))
}

impl ShownKey {
    pub(super) fn new(key: ListedKey, company_id: CompanyId, now: UnixTime) -> Self {
        let record = key.record;
        let state = record.state(now);
        Self {
            id: record.id.to_string(),
            company_id,
            scopes: record.scopes,
            is_active: state == KeyState::Active,
            // a state that this program does not know counts as revoked
            state: STATES.iter().find(|(known, _)| *known == state).map_or("revoked", |(_, name)| name),
            expires_at: record.expires_at.map(IsoTime::from),
            retires_at: record.retires_at.map(IsoTime::from),
            revoked_at: record.revoked_at.map(IsoTime::from),
            last_used_at: key.last_used_at.map(IsoTime::from_seconds),
            project_id: record.project,
            name: key.name,
            created_at: IsoTime::from_seconds(key.created_at),
            updated_at: IsoTime::from_seconds(key.updated_at),
        }
    }
}
