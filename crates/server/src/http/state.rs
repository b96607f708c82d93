//! The state that all requests share: [`AppState`].

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock::Clock;
use crate::database::Database;
use crate::http::failed_attempts::FailedAttempts;
use crate::http::list_cursor::CursorKey;
use crate::http::metrics::Metrics;
use crate::http::rate_limit::RateLimit;
use crate::http::sign_in_limit::SignInLimit;
use crate::key_source::KeyVerifier;

/// The state of the server. Its clones share one [`Shared`]. Each request makes a dozen clones, so all parts share one
/// reference count.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of [`AppState`].
pub struct Shared {
    pub database: Database,
    pub verifier: KeyVerifier,
    pub metrics: Metrics,
    pub sign_ins: SignInLimit,
    pub failed_attempts: FailedAttempts,
    pub cursors: CursorKey,
    pub rate_limit: RateLimit,
    /// The clock for all times that are stored. The verifier has its own.
    pub clock: Clock,
    /// True if cookies are sent over HTTPS only.
    pub is_secure: bool,
    /// True if a proxy in front of the server sends the client's address in a header.
    pub is_behind_proxy: bool,
    /// True if the server will stop soon, and should get no new requests.
    pub is_draining: AtomicBool,
    /// The address under which clients reach this server, for the pages of the dashboard.
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
