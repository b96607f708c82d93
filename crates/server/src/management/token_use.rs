//! The uses of programs' access tokens: [`TokenUse`].

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tracing::warn;

use crate::database::DatabaseError;
use crate::http::state::AppState;
use crate::store::access_token;
use crate::store::id::TokenId;

/// The token that opened a request, if its use is to be recorded.
#[derive(Clone, Default)]
pub(super) struct TokenUse(Arc<OnceLock<TokenId>>);

impl TokenUse {
    pub(super) fn note(parts: &Parts, token: TokenId) {
        if let Some(Self(used)) = parts.extensions.get() {
            used.get_or_init(|| token);
        }
    }
}

/// Records the use of a token by a request that was not refused.
pub(super) async fn record(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let used = TokenUse::default();
    request.extensions_mut().insert(used.clone());
    let response = next.run(request).await;
    if response.status().is_success()
        && let Some(token) = used.0.get()
        && let Err(error) = write(&state, token).await
    {
        warn!(%error, "the use of an access token is not recorded");
    }
    response
}

async fn write(state: &AppState, token: &TokenId) -> Result<(), DatabaseError> {
    let mut transaction = state.database.begin().await?;
    access_token::record_use(&mut transaction, token, state.clock.now()).await?;
    transaction.commit().await
}
