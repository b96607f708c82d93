//! Queries with parameters through PgBouncer in transaction mode.

use tokio::task::JoinSet;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::database::connect;
use crate::report::Report;
use crate::{Error, Sizes};

/// Number of clients: four for each server connection.
const CLIENTS: usize = 40;

/// A way to send a query.
#[derive(Clone, Copy)]
enum Way {
    /// Everything in one round trip, as the verifier does.
    Typed,
    /// A round trip to prepare a statement, and another one to run it.
    Prepared,
}

#[derive(Default)]
struct Counts {
    right: u64,
    wrong: u64,
    errors: u64,
}

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let Ok(server) = std::env::var("CTX_KEY_TEST_PGBOUNCER") else {
        report.title("queries through PgBouncer: SKIPPED, CTX_KEY_TEST_PGBOUNCER is not set");
        return Ok(());
    };
    let url = format!("{server}/postgres");
    let prepared = ask_all(&url, Way::Prepared, sizes.queries).await?;
    let typed = ask_all(&url, Way::Typed, sizes.queries).await?;
    let total = CLIENTS * sizes.queries;
    report.title(&format!("{total} queries of {CLIENTS} clients through PgBouncer in transaction mode"));
    report.figure("prepared in a round trip of its own (`query`): right", prepared.right as f64, "");
    report.figure("the same: errors", prepared.errors as f64, "");
    report.figure("the same: answers to another query", prepared.wrong as f64, "");
    report.figure("in one round trip (`query_typed`): right", typed.right as f64, "");
    report.none("the same: errors", typed.errors);
    report.none("the same: answers to another query", typed.wrong);
    Ok(())
}

async fn ask_all(url: &str, way: Way, queries: usize) -> Result<Counts, Error> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(connect(url).await?);
    }
    let mut running = JoinSet::new();
    for (number, client) in (0_i64..).zip(clients) {
        running.spawn(async move {
            let mut counts = Counts::default();
            for query in 0..queries as i64 {
                match ask(&client, way, number * 1_000_000 + query).await {
                    Ok(true) => counts.right += 1,
                    Ok(false) => counts.wrong += 1,
                    Err(_) => counts.errors += 1,
                }
            }
            counts
        });
    }
    let mut all = Counts::default();
    while let Some(counts) = running.join_next().await {
        let counts = counts?;
        all.right += counts.right;
        all.wrong += counts.wrong;
        all.errors += counts.errors;
    }
    Ok(all)
}

/// Returns whether the answer belongs to the query. There are two statements, with different parameters and columns.
async fn ask(client: &Client, way: Way, number: i64) -> Result<bool, tokio_postgres::Error> {
    let text = format!("query {number}");
    if number % 2 == 0 {
        let rows = send(client, way, "SELECT $1::bigint AS number", &[(&number, Type::INT8)]).await?;
        let answer = rows.first().map(|row| row.try_get::<_, i64>("number"));
        return Ok(rows.len() == 1 && matches!(answer, Some(Ok(answer)) if answer == number));
    }
    let sql = "SELECT $1::text || '' AS text, $2::bigint AS number";
    let rows = send(client, way, sql, &[(&text, Type::TEXT), (&number, Type::INT8)]).await?;
    let answer = rows.first().map(|row| (row.try_get::<_, &str>("text"), row.try_get::<_, i64>("number")));
    Ok(rows.len() == 1 && matches!(answer, Some((Ok(a), Ok(b))) if a == text && b == number))
}

async fn send(
    client: &Client,
    way: Way,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    match way {
        Way::Typed => client.query_typed(sql, parameters).await,
        Way::Prepared => {
            let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
            client.query(sql, &values).await
        }
    }
}
