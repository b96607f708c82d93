//! Look-ups of keys that are not cached, on 8 connections.

use std::sync::Arc;
use std::time::Instant;

use ctx_key::ApiKey;
use ctx_key_verifier::Options;
use tokio::task::JoinSet;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::report::{Report, median};
use crate::requests::{AT_ONCE, verify_all};
use crate::{Error, Sizes};

const CONNECTIONS: usize = 8;

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(sizes.keys).await?.into();
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..sizes.turns {
        rates[0].push(look_up_alone(&database, &keys, true).await?);
        rates[1].push(look_up_alone(&database, &keys, false).await?);
        rates[2].push(verify(&database, &keys, 1).await?);
        rates[3].push(verify(&database, &keys, Options::default().max_batch).await?);
    }
    let [prepared, unprepared, batches_of_one, batches] = rates.map(median);
    report.title(&format!("look-ups of {} keys that are not cached, on 8 connections", sizes.keys));
    report.figure("one prepared statement per key, wrong behind a pooler", prepared, "a second");
    report.figure("one statement per key, right behind a pooler", unprepared, "a second");
    report.figure("the verifier with one key per statement", batches_of_one, "a second");
    report.figure(&format!("the verifier, {AT_ONCE} requests at once"), batches, "a second");
    report.figure("the verifier / one prepared statement per key", batches / prepared, "");
    report.at_least("the verifier / one statement per key", batches / unprepared, 4.0);
    Ok(())
}

/// Returns how many keys a new verifier verifies in a second.
async fn verify(database: &Database, keys: &Arc<[ApiKey]>, max_batch: usize) -> Result<f64, Error> {
    let verifier = database.verifier(Options { max_batch, ..Options::default() }).await?;
    Ok(keys.len() as f64 / verify_all(&verifier, keys).await?)
}

/// Returns how many keys are looked up in a second, each with a statement of its own.
async fn look_up_alone(database: &Database, keys: &Arc<[ApiKey]>, is_prepared: bool) -> Result<f64, Error> {
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
                let id = key.id();
                let rows = if is_prepared {
                    client.query(&statement, &[&id.as_str()]).await?
                } else {
                    client.query_typed(LOOK_UP, &[(&id.as_str(), Type::TEXT)]).await?
                };
                if rows.len() != 1 {
                    return Err("a key is not found".into());
                }
            }
            Ok::<(), Error>(())
        });
    }
    while let Some(connection) = running.join_next().await {
        connection??;
    }
    Ok(keys.len() as f64 / begin.elapsed().as_secs_f64())
}
