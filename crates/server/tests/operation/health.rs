//! A server without its database is alive and not ready.

use std::fs::{self, File};

use serde_json::Value;

use crate::common::{Data, Server, wait};
use crate::trouble::{Conduct, Fixture, Proxy, execute};
use crate::{change_log_age, text};

#[test]
fn an_outage_of_the_database_ends_no_process() {
    let Some(fixture) = Fixture::on_postgres("an_outage_of_the_database_ends_no_process") else { return };
    let (proxy, data) = Proxy::before(&fixture.data);
    let other = Server::start(&data);
    wait(|| text(&other, "/readyz").0 == 200);
    let freeze = |proxy: &Proxy, is_frozen| {
        proxy.set(if is_frozen { Conduct::Freeze } else { Conduct::Forward });
    };
    for outage in [freeze as fn(&Proxy, bool), Proxy::close] {
        outage(&proxy, true);
        wait(|| text(&other, "/readyz").0 == 503);
        wait(|| change_log_age(&other) > 0.5);
        for _ in 0..3 {
            assert_eq!(text(&other, "/livez"), (200, "ok\n".to_owned()));
            let (status, missing) = text(&other, "/readyz");
            let expected = [
                "not ready: the database does not answer in time\n",
                "not ready: records of keys can't be read: the log has the reason\n",
            ];
            assert!(status == 503 && expected.contains(&missing.as_str()), "{status} {missing}");
        }
        outage(&proxy, false);
        wait(|| text(&other, "/readyz") == (200, "ok\n".to_owned()));
    }
}

#[test]
fn a_server_that_is_not_ready_logs_the_reason_and_says_when_to_ask_again() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let server = Server::start_logged(&data, File::create(&log).unwrap());
    wait(|| text(&server, "/readyz") == (200, "ok\n".to_owned()));
    execute(&data, "ALTER TABLE api_key_log RENAME TO lost");
    wait(|| text(&server, "/readyz").0 == 503);
    let mut response = server.get("/readyz", None);
    assert_eq!(response.headers()["retry-after"], "2");
    let body = response.body_mut().read_to_string().unwrap();
    assert_eq!(body, "not ready: records of keys can't be read: the log has the reason\n");
    let log = fs::read_to_string(&log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let reasons: Vec<_> = lines.filter(|line| line["fields"]["message"] == "not ready").collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|line| line["fields"]["error"].is_string()), "{log}");
}
