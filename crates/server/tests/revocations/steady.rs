//! Lasting conditions: load, delays, wrong clocks, long transactions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ctx_key::ApiKey;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::common::{Data, Server};
use crate::fleet::{Fleet, SIZES, Start, is_long_run, libfaketime};
use crate::trouble::{Conduct, End, Proxy, skip, skip_because, status};
use crate::watch::measure;

/// A size that puts all revocations into one round.
const ALL: usize = usize::MAX;

#[test]
fn no_grant_is_late_without_load() {
    for size in SIZES {
        let fleet = Fleet::new(Data::new(), &vec![Start::default(); size]);
        measure("idle", &fleet, ALL, |watch| watch.revoke_and_see_refused(1));
    }
}

#[test]
fn no_grant_is_late_under_load() {
    for size in SIZES {
        let fleet = Fleet::new(Data::new(), &vec![Start::default(); size]);
        let known = fleet.keys(50);
        measure("under load", &fleet, ALL, |watch| {
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let _end = End(&is_over);
                for server in &fleet.servers {
                    scope.spawn(|| load(server, &known, &is_over));
                }
                watch.revoke_and_see_refused(2);
            });
        });
    }
}

/// Sends requests with known and unknown keys.
fn load(server: &Server, known: &[String], is_over: &AtomicBool) {
    for key in known.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        status(server, key);
        status(server, ApiKey::generate().expose_secret());
    }
}

/// The answer to each read of the log arrives almost a lease after the read.
#[test]
fn no_grant_is_late_through_a_slow_network() {
    for size in SIZES {
        let data = Data::new();
        let Some(url) = data.server_url() else { return skip("no_grant_is_late_through_a_slow_network") };
        let (proxy, url) = Proxy::start(&url);
        let mut starts = vec![Start::verifying_through(&url); size];
        starts[0] = Start::default();
        let fleet = Fleet::new(data, &starts);
        measure("answers of the database 400 ms late", &fleet, 50, |watch| {
            proxy.set(Conduct::Delay(Duration::from_millis(400)));
            watch.revoke_and_see_refused(8);
            proxy.set(Conduct::Forward);
        });
    }
}

#[test]
fn no_grant_is_late_with_clocks_five_minutes_apart() {
    let Some(library) = libfaketime() else {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is not installed");
        return skip_because(
            "no_grant_is_late_with_clocks_five_minutes_apart",
            "libfaketime is not installed",
        );
    };
    for clocks in [&[0, 300][..], &[0, -300], &[-300, 300, 0, 0]] {
        let start = |&seconds| Start { clock: Some((seconds, library.clone())), ..Start::default() };
        let starts: Vec<_> = clocks.iter().map(start).collect();
        let fleet = Fleet::new(Data::new(), &starts);
        for (server, seconds) in fleet.servers.iter().zip(clocks) {
            let wrong_by = seconds_ahead(server) - i64::from(*seconds);
            assert!(wrong_by.abs() < 100, "the clock is another {wrong_by} s ahead");
        }
        measure(&format!("clocks wrong by {clocks:?} s"), &fleet, ALL, |watch| {
            watch.revoke_and_see_refused(1);
        });
    }
}

/// Returns the seconds by which a server's clock is ahead of the clock of this process.
fn seconds_ahead(server: &Server) -> i64 {
    let response = server.get("/v1/key", None);
    let date = response.headers()["date"].to_str().expect("a text");
    let date = OffsetDateTime::parse(date, &Rfc2822).expect("a date");
    (date - OffsetDateTime::now_utc()).whole_seconds()
}

/// Each revocation is committed some time after its change, while another transaction stays open during all of them.
#[test]
fn no_grant_is_late_beside_open_transactions() {
    for size in SIZES {
        let mut fleet = Fleet::new(Data::new(), &vec![Start::default(); size]);
        let Some(url) = fleet.url() else { return skip("no_grant_is_late_beside_open_transactions") };
        fleet.hold = Duration::from_secs(if is_long_run() { 3 } else { 1 });
        let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("PostgreSQL");
        let mut open = client.transaction().expect("a transaction");
        open.batch_execute("SELECT pg_current_xact_id()").expect("a number");
        measure("beside open transactions", &fleet, ALL, |watch| {
            watch.revoke_and_see_refused(2);
        });
        open.commit().expect("a commit");
    }
}
