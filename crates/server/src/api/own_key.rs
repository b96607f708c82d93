//! What a key can do about itself: tell what it is good for, and end.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use ctx_key::UnixTime;
use serde_json::{Value, json};

use crate::clock::{iso_seconds, seconds};
use crate::http::api_error::ApiError;
use crate::http::granted::AnyKey;
use crate::http::state::AppState;
use crate::store::api_key;

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/key", get(show)).route("/key/revoke", post(revoke))
}

async fn show(key: AnyKey) -> axum::Json<Value> {
    let grant = key.0;
    let scopes: Vec<String> = grant.scopes().iter().map(|scope| scope.to_string()).collect();
    axum::Json(json!({
        "id": grant.key_id().as_str(),
        "project_id": &**grant.project(),
        "scopes": scopes,
        "expires_at": grant.expires_at().map(|at| iso_seconds(seconds(at))),
    }))
}

/// Whoever found a leaked key may end it.
async fn revoke(key: AnyKey, State(state): State<AppState>) -> Result<axum::Json<Value>, ApiError> {
    let id = key.0.key_id();
    let mut transaction = state.database.begin().await?;
    let company = api_key::company(&mut transaction, id).await?;
    let revoked = api_key::revoke(&mut transaction, &company, "the key itself", id).await?;
    transaction.commit().await?;
    let at = revoked.record.revoked_at.unwrap_or_else(UnixTime::now);
    Ok(axum::Json(json!({ "id": id.as_str(), "revoked_at": iso_seconds(seconds(at)) })))
}
