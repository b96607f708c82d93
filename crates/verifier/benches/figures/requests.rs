//! Requests that come at the same time.

use std::sync::Arc;
use std::time::Instant;

use ctx_key::ApiKey;
use ctx_key_verifier::postgres::PostgresSource;
use ctx_key_verifier::{Verifier, VerifyError};
use tokio::task::JoinSet;

use crate::Error;

/// Number of requests at the same time.
pub(crate) const AT_ONCE: usize = 4_000;

/// Verifies each key once, and returns the time in seconds. A refused key is not an error.
pub(crate) async fn verify_all(
    verifier: &Verifier<PostgresSource>,
    keys: &Arc<[ApiKey]>,
) -> Result<f64, Error> {
    let start = Instant::now();
    let mut requests = JoinSet::new();
    for first in 0..AT_ONCE {
        let (verifier, keys) = (verifier.clone(), keys.clone());
        requests.spawn(async move {
            for key in keys.iter().skip(first).step_by(AT_ONCE) {
                if let Err(error @ VerifyError::Source(_)) = verifier.verify_any(key).await {
                    return Err(error);
                }
            }
            Ok(())
        });
    }
    while let Some(request) = requests.join_next().await {
        request??;
    }
    Ok(start.elapsed().as_secs_f64())
}
