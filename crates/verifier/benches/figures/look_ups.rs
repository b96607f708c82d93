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

/// A way to look up keys.
#[derive(Clone, Copy)]
enum Way {
    /// A prepared statement for each key, which is wrong behind a pooler.
    Prepared,
    /// A statement for each key, in one round trip.
    Single,
    /// A verifier, with at most this number of keys in a statement.
    Verifier(usize),
}

const WAYS: [(&str, Way); 4] = [
    ("one prepared statement per key, wrong behind a pooler", Way::Prepared),
    ("one statement per key, right behind a pooler", Way::Single),
    ("the verifier, one key in a statement", Way::Verifier(1)),
    ("the verifier, up to 500 keys in a statement", Way::Verifier(500)),
];

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(sizes.keys).await?.into();
    let (mut rates, mut times) = (WAYS.map(|_| Vec::new()), WAYS.map(|_| Vec::new()));
    for _ in 0..sizes.turns {
        for (index, (_, way)) in WAYS.into_iter().enumerate() {
            let Cost { rate, processor_time } = look_up(&database, &keys, way).await?;
            rates[index].push(rate);
            times[index].push(processor_time);
        }
    }
    let (rates, times) = (rates.map(median), times.map(median));
    let count = sizes.keys;
    report
        .title(&format!("look-ups of {count} keys that are not cached, {AT_ONCE} at once, on 8 connections"));
    for (((name, _), rate), time) in WAYS.iter().zip(rates).zip(times) {
        report.figure(name, rate, "a second");
        report.figure("  CPU of both programs for each key", time, "µs");
    }
    report.figure("the verifier / one prepared statement per key", rates[3] / rates[0], "");
    report.figure("the verifier / one statement per key, by CPU", times[1] / times[3], "");
    report.at_least("the verifier / one statement per key", rates[3] / rates[1], 4.0);
    Ok(())
}

struct Cost {
    /// Keys a second.
    rate: f64,
    /// Microseconds for each key, of this process and of PostgreSQL.
    processor_time: f64,
}

async fn look_up(database: &Database, keys: &Arc<[ApiKey]>, way: Way) -> Result<Cost, Error> {
    let count = keys.len() as f64;
    let clients = database.clients(CONNECTIONS).await?;
    database.wait_for_connections(CONNECTIONS).await?;
    let before = database.processor_time().await?;
    let (rate, processor_time) = match way {
        Way::Verifier(max_batch) => {
            let verifier = database.verifier(Options { max_batch, ..Options::default() }).await?;
            let rate = count / verify_all(&verifier, keys).await?;
            (rate, database.processor_time().await?)
        }
        Way::Prepared | Way::Single => {
            let start = Instant::now();
            let mut running = JoinSet::new();
            for (first, client) in clients.into_iter().enumerate() {
                let keys = keys.clone();
                running.spawn(async move {
                    let statement = client.prepare(LOOK_UP).await?;
                    for key in keys.iter().skip(first).step_by(CONNECTIONS) {
                        let id = key.id();
                        let rows = match way {
                            Way::Prepared => client.query(&statement, &[&id.as_str()]).await?,
                            _ => client.query_typed(LOOK_UP, &[(&id.as_str(), Type::TEXT)]).await?,
                        };
                        if rows.len() != 1 {
                            return Err("a key is not found".into());
                        }
                    }
                    // the connection stays open until the processor time is read
                    Ok::<_, Error>(client)
                });
            }
            let mut clients = Vec::new();
            while let Some(connection) = running.join_next().await {
                clients.push(connection??);
            }
            (count / start.elapsed().as_secs_f64(), database.processor_time().await?)
        }
    };
    Ok(Cost { rate, processor_time: (processor_time - before) * 1e6 / count })
}

const LOOK_UP: &str = "SELECT id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at \
    FROM api_keys WHERE id = $1";
