//! What all requests share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::database::Database;
use crate::http::metrics::Metrics;
use crate::http::sign_in_limit::SignInLimit;
use crate::key_source::KeyVerifier;

/// A clone shares all of it. There are a dozen for each request, so that one count is kept and not eight.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of [`AppState`].
pub struct Shared {
    pub database: Database,
    pub verifier: KeyVerifier,
    pub metrics: Metrics,
    pub sign_ins: SignInLimit,
    /// Whether cookies are for HTTPS alone.
    pub is_secure: bool,
    /// Whether a proxy says who asks.
    pub is_behind_proxy: bool,
    /// The server will stop soon, and wants no new requests.
    pub is_draining: AtomicBool,
    /// Under which address this server is reached, for what the dashboard shows.
    pub public_url: String,
}

impl From<Shared> for AppState {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
