//! Expired credentials are not valid, and are deleted in the background.

mod common;
mod trouble;

use common::timed::{DAY, Fixture, START};
use common::{Data, EMAIL, Server, wait};
use ctx_key::UnixTime;
use ctx_key_server::database::{Database, Location};
use ctx_key_server::store::credential::{sweep, sweep_statement};
use serde_json::json;
use tokio::runtime::Runtime;
use trouble::{database_file, digest, execute, number, numbers, plan};

/// Stores `expired` credentials that expire at the start of the clock, and `later` ones that expire a second later.
fn store(data: &Data, expired: u32, later: u32) {
    execute(
        data,
        &format!(
            "INSERT INTO credentials (digest, kind, expires_at) SELECT {}, 'access', \
             CASE WHEN n <= {expired} THEN 1800000000 ELSE 1800000001 END FROM {}",
            digest(data),
            numbers((expired + later).try_into().unwrap())
        ),
    );
}

/// Creates a database with the schema, without a running server.
fn empty() -> Data {
    let data = Data::new();
    Server::start(&data).stop();
    execute(&data, "DELETE FROM credentials");
    data
}

fn count(data: &Data) -> Option<i64> {
    number(data, "SELECT count(*) FROM credentials")
}

#[test]
fn a_hundred_thousand_credentials_are_deleted_in_batches() {
    let data = empty();
    store(&data, 100_000, 3);
    execute(&data, "ANALYZE");
    let plan = plan(&data, sweep_statement(data.is_postgres()), &["1800000000"]);
    assert!(plan.contains("credentials_by_expiry"), "{plan}");
    assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN credentials\n"), "{plan}");
    let server = Fixture::on(data, &[]);
    // requests are answered meanwhile
    let account = server.account(EMAIL);
    let path = format!("/companies/{}/api-keys", account.company);
    assert_eq!(server.send("GET", &path, &account.token, &json!({})).0, 200);
    let expired = "SELECT count(*) FROM credentials WHERE expires_at <= 1800000000";
    wait(|| number(&server.data, expired) == Some(0));
    assert_eq!(
        number(&server.data, "SELECT count(*) FROM credentials WHERE expires_at = 1800000001"),
        Some(3)
    );
    assert_eq!(server.send("GET", &path, &account.token, &json!({})).0, 200);
}

/// A statement deletes at most 500 credentials, so that no request waits for long.
#[test]
fn a_batch_is_small() {
    let data = empty();
    store(&data, 1_200, 3);
    let runtime = Runtime::new().unwrap();
    let more = [703, 203, 3, 3].map(|left| {
        let database = Database::open(location(&data)).unwrap();
        let more = runtime.block_on(sweep(&database, UnixTime::from_secs(START))).unwrap();
        assert_eq!(count(&data), Some(left));
        more
    });
    assert_eq!(more, [true, true, true, false]);
}

fn location(data: &Data) -> Location {
    match &data.database_url {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::Sqlite(database_file(data)),
    }
}

/// Whether a credential is valid does not depend on the sweep.
#[test]
fn expired_credentials_are_refused_before_they_are_deleted() {
    let server = Fixture::new();
    let mut browser = server.set_up();
    let tokens = server.log_in();
    let link = server.set_up_link();
    let before = count(&server.data);
    server.set(30 * DAY);
    browser.get("/keys").leads_to("/sign-in");
    assert_eq!((server.keys(&tokens).0, server.refresh(&tokens)), (401, 401));
    assert_eq!(browser.get(&link).status, 400);
    assert_eq!(browser.set_up(&link, "eve@example.com").status, 400);
    assert_eq!(count(&server.data), before, "they are still there");
}
