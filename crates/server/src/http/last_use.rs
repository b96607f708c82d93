//! The last uses of sessions and access tokens: [`LastUse`].

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;
use tracing::warn;

use super::state::AppState;
use crate::database::DatabaseError;
use crate::store::id::TokenId;
use crate::store::secret::Secret;
use crate::store::{access_token, credential};

/// Maximum time that a response waits until the use of the credential is recorded.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The credential of a request.
pub enum Used {
    /// The access token of a program.
    Token(TokenId),
    /// A session of a browser, or an access token of a sign-in.
    Credential(Secret),
}

/// The credential of a request, once an extractor has noted it.
#[derive(Clone, Default)]
pub struct LastUse(Arc<OnceLock<Used>>);

impl LastUse {
    pub fn note(parts: &Parts, used: Used) {
        if let Some(Self(last)) = parts.extensions.get() {
            last.get_or_init(|| used);
        }
    }
}

/// Records the use of a credential, if its request is not refused.
pub async fn record(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let last = LastUse::default();
    request.extensions_mut().insert(last.clone());
    let response = next.run(request).await;
    let is_refused = response.status().is_client_error() || response.status().is_server_error();
    if let Some(used) = last.0.get().filter(|_| !is_refused) {
        let written = timeout(WRITE_TIMEOUT, write(&state, used)).await;
        if let Err(error) = written.unwrap_or(Err(DatabaseError::Busy)) {
            warn!(%error, "the use of a session or an access token is not recorded");
        }
    }
    response
}

async fn write(state: &AppState, used: &Used) -> Result<(), DatabaseError> {
    let mut transaction = state.database.begin().await?;
    let now = state.clock.now();
    match used {
        Used::Token(id) => access_token::record_use(&mut transaction, id, now).await?,
        Used::Credential(secret) => credential::record_use(&mut transaction, secret, now).await?,
    }
    transaction.commit().await
}
