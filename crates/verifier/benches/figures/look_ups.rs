//! Look-ups of keys that are not cached, on 8 connections.

use std::sync::Arc;
use std::time::Instant;

use ctx_key::ApiKey;
use ctx_key_verifier::Options;
use tokio::task::JoinSet;

use crate::database::Database;
use crate::report::{Report, median};
use crate::{Error, Sizes};

const CONNECTIONS: usize = 8;

/// Requests that wait at the same time.
const REQUESTS: usize = 4_000;

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(sizes.keys).await?.into();
    let [mut batches, mut batches_of_one, mut statements] = [const { Vec::new() }; 3];
    for _ in 0..sizes.turns {
        statements.push(look_up_alone(&database, &keys).await?);
        batches_of_one.push(verify(&database, &keys, 1).await?);
        batches.push(verify(&database, &keys, Options::default().max_batch).await?);
    }
    let [batches, batches_of_one, statements] = [batches, batches_of_one, statements].map(median);
    report.title(&format!("look-ups of {} keys that are not cached, on 8 connections", sizes.keys));
    report.figure("one prepared statement per key, without a verifier", statements, "a second");
    report.figure("the verifier with one key per statement", batches_of_one, "a second");
    report.figure(&format!("the verifier, {REQUESTS} requests at once"), batches, "a second");
    report.at_least("the verifier / one prepared statement per key", batches / statements, 4.0);
    Ok(())
}

/// Returns how many keys a new verifier verifies in a second.
async fn verify(database: &Database, keys: &Arc<[ApiKey]>, max_batch: usize) -> Result<f64, Error> {
    let verifier = database.verifier(Options { max_batch, ..Options::default() }).await?;
    let begin = Instant::now();
    let mut requests = JoinSet::new();
    for first in 0..REQUESTS {
        let (verifier, keys) = (verifier.clone(), keys.clone());
        requests.spawn(async move {
            for key in keys.iter().skip(first).step_by(REQUESTS) {
                verifier.verify_any(key).await?;
            }
            Ok::<(), Error>(())
        });
    }
    while let Some(request) = requests.join_next().await {
        request??;
    }
    Ok(keys.len() as f64 / begin.elapsed().as_secs_f64())
}

/// Returns how many keys are looked up in a second, each with a statement of its own.
async fn look_up_alone(database: &Database, keys: &Arc<[ApiKey]>) -> Result<f64, Error> {
    const LOOK_UP: &str = "SELECT id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at \
        FROM api_keys WHERE id = $1";
    let mut connections = Vec::new();
    for client in database.clients(CONNECTIONS).await? {
        connections.push((client.prepare(LOOK_UP).await?, client));
    }
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for (first, (statement, client)) in connections.into_iter().enumerate() {
        let keys = keys.clone();
        running.spawn(async move {
            for key in keys.iter().skip(first).step_by(CONNECTIONS) {
                client.query_one(&statement, &[&key.id().as_str()]).await?;
            }
            Ok::<(), Error>(())
        });
    }
    while let Some(connection) = running.join_next().await {
        connection??;
    }
    Ok(keys.len() as f64 / begin.elapsed().as_secs_f64())
}
