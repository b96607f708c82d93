//! What a key can do about itself: tell what it is good for, and end.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::clock::{iso_seconds, seconds};
use crate::http::api_error::ApiError;
use crate::http::granted::AnyKey;
use crate::http::state::AppState;
use crate::store::actor::{Act, Actor};
use crate::store::api_key;

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/key", get(show)).route("/key/revoke", post(revoke))
}

async fn show(AnyKey(grant): AnyKey) -> axum::Json<Value> {
    let scopes: Vec<String> = grant.scopes().iter().map(|scope| scope.to_string()).collect();
    axum::Json(json!({
        "id": grant.key_id().as_str(),
        "project_id": &**grant.project(),
        "scopes": scopes,
        "expires_at": grant.expires_at().map(|at| iso_seconds(seconds(at))),
    }))
}

/// Whoever found a leaked key may end it.
async fn revoke(AnyKey(grant): AnyKey, State(state): State<AppState>) -> Result<axum::Json<Value>, ApiError> {
    let (id, now) = (grant.key_id(), state.clock.now());
    let mut transaction = state.database.begin().await?;
    let company = api_key::company(&mut transaction, id).await?;
    let act = Act { company: &company, actor: Actor::KeyItself, now };
    let revoked = api_key::revoke(&mut transaction, act, id).await?;
    transaction.commit().await?;
    let at = revoked.record.revoked_at.unwrap_or(now);
    Ok(axum::Json(json!({ "id": id.as_str(), "revoked_at": iso_seconds(seconds(at)) })))
}
