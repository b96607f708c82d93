//! What all requests share.

use std::sync::Arc;

use crate::database::Database;
use crate::metrics::Metrics;
use crate::sign_in_limit::SignInLimit;
use crate::verifier::Verifier;

/// A clone shares all of it.
#[derive(Clone)]
pub struct AppState {
    pub database: Database,
    pub verifier: Arc<Verifier>,
    pub metrics: Arc<Metrics>,
    pub sign_ins: Arc<SignInLimit>,
    /// Whether cookies are for HTTPS alone.
    pub is_secure: bool,
    /// Under which address this server is reached, for what the dashboard shows.
    pub public_url: Arc<str>,
}
