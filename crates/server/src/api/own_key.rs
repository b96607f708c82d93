//! Calls about the key of the request: it can be shown and revoked.

use axum::Json;
use axum::extract::State;
use ctx_key::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api_error::ApiError;
use crate::http::extract::{ClientAddress, NoParameters};
use crate::http::granted::AnyKey;
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::schema::ScopeName;
use crate::http::state::AppState;
use crate::store::actor::{Act, Actor};
use crate::store::api_key;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(show)).routes(route!(revoke))
}

#[derive(Serialize, ToSchema)]
struct Key {
    id: String,
    project_id: String,
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Scope,
    #[schema(required)]
    expires_at: Option<IsoTime>,
}

/// Shows the project, the scopes and the expiry of the key that is sent. Any valid key will do.
#[utoipa::path(get, path = "/key", operation_id = "showKey", responses((status = OK, body = Key)))]
async fn show(key: AnyKey, _: NoParameters) -> Json<Key> {
    let grant = key.0;
    Json(Key {
        id: grant.key_id().to_string(),
        project_id: grant.project().to_string(),
        scopes: grant.scopes(),
        expires_at: grant.expires_at().map(IsoTime::from),
    })
}

#[derive(Serialize, ToSchema)]
struct RevokedKey {
    id: String,
    revoked_at: IsoTime,
}

/// Revokes the key that is sent. Any valid key will do.
///
/// So anybody who finds a leaked key can revoke it.
#[utoipa::path(post, path = "/key/revoke", operation_id = "revokeKey", responses((status = OK, body = RevokedKey)))]
async fn revoke(
    key: AnyKey,
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
) -> Result<Json<RevokedKey>, ApiError> {
    let (id, now) = (key.0.key_id(), state.clock.now());
    let mut transaction = state.database.begin().await?;
    let company = api_key::company(&mut transaction, id).await?;
    let act = Act { company: &company, actor: Actor::KeyItself, now, address: Some(address) };
    let revoked = api_key::revoke(&mut transaction, act, id).await?;
    transaction.commit().await?;
    let revoked_at = revoked.record.revoked_at.unwrap_or(now).into();
    Ok(Json(RevokedKey { id: id.to_string(), revoked_at }))
}
