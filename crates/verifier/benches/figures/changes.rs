//! Rate of changes of keys, with and without a way to notify other processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ctx_key::ApiKey;
use ctx_key_verifier::Options;
use ctx_key_verifier::postgres::SCHEMA;
use tokio::task::JoinSet;

use crate::database::Database;
use crate::report::{Report, median};
use crate::{Error, Sizes};

const CLIENTS: usize = 16;

/// The trigger that the change log replaced.
const NOTIFY: &str = "
    CREATE FUNCTION tell_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('api_keys', COALESCE(NEW.id, OLD.id));
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER tell_api_key
        AFTER INSERT OR DELETE OR UPDATE OF id, digest, project, scopes, not_before, expires_at, revoked_at ON api_keys
        FOR EACH ROW EXECUTE FUNCTION tell_api_key();
";

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let silent = Database::with(SCHEMA).await?;
    let logged = Database::new().await?;
    let notifying = Database::with(&format!("{SCHEMA}{NOTIFY}")).await?;
    let databases = [&silent, &logged, &notifying];
    let mut keys = Vec::new();
    for database in databases {
        keys.push(Arc::<[ApiKey]>::from(database.insert_keys(sizes.keys).await?));
    }
    // the processes that are notified
    let _verifier = logged.verifier(Options::default()).await?;
    let listener = notifying.client().await?;
    listener.batch_execute("LISTEN api_keys").await?;

    let mut rates = [const { Vec::new() }; 3];
    for turn in 0..sizes.turns {
        for ((database, keys), rates) in databases.iter().zip(&keys).zip(&mut rates) {
            rates.push(change(database, keys, sizes.changing, i64::try_from(turn)?).await?);
        }
    }
    let [silent, logged, notifying] = rates.map(median);
    report.title(&format!("changes of keys by {CLIENTS} clients, one in each transaction"));
    report.figure("no notification", silent, "a second");
    report.figure("a row trigger with NOTIFY, one process listens", notifying, "a second");
    report.figure("the change log, one process reads it", logged, "a second");
    report.figure("the change log / no notification", logged / silent, "");
    report.figure("the change log / NOTIFY", logged / notifying, "");
    report.at_least("changes a second with the change log", logged, 3_000.0);
    Ok(())
}

/// Returns the number of changes a second.
async fn change(
    database: &Database,
    keys: &Arc<[ApiKey]>,
    changing: Duration,
    turn: i64,
) -> Result<f64, Error> {
    const CHANGE: &str = "UPDATE api_keys SET expires_at = coalesce(expires_at, $2) + 1 WHERE id = $1";
    let mut running = JoinSet::new();
    let clients = database.clients(CLIENTS).await?;
    let start = Instant::now();
    for (first, client) in clients.into_iter().enumerate() {
        let keys = keys.clone();
        running.spawn(async move {
            let statement = client.prepare(CHANGE).await?;
            let mut changes = 0_u32;
            for key in keys.iter().skip(first).step_by(CLIENTS).cycle() {
                if start.elapsed() >= changing {
                    break;
                }
                client.execute(&statement, &[&key.id().as_str(), &turn]).await?;
                changes += 1;
            }
            Ok::<u32, Error>(changes)
        });
    }
    let mut changes = 0;
    while let Some(client) = running.join_next().await {
        changes += client??;
    }
    Ok(f64::from(changes) / start.elapsed().as_secs_f64())
}
