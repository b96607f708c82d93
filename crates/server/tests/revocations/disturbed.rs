//! Temporary disturbances of the network or of a process.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::common::{Data, Server};
use crate::fleet::{Fleet, Start, sizes};
use crate::trouble::{Conduct, LEASE, Proxy, skip};
use crate::watch::{measure, measure_without};

/// Number of revocations in one round.
const ROUND: usize = 50;

/// Waits much longer than a lease, so that even a lease that is twice as long would end.
fn wait_for_the_end_of_leases() {
    thread::sleep(3 * LEASE);
}

/// Disturbs the verification of all processes but the first.
fn disturb(test: &str, name: &str, begin: impl Fn(&Proxy), end: impl Fn(&Proxy)) {
    for &size in sizes() {
        let data = Data::new();
        let Some(url) = data.server_url() else { return skip(test) };
        let (proxy, url) = Proxy::start(&url);
        let mut starts = vec![Start::verifying_through(&url); size];
        starts[0] = Start::default();
        let fleet = Fleet::new(data, &starts);
        measure(name, &fleet, ROUND, |watch| {
            let calm = || {
                wait_for_the_end_of_leases();
                end(&proxy);
            };
            watch.revoke_around(|| begin(&proxy), calm);
        });
    }
}

#[test]
fn no_grant_is_late_with_a_frozen_network() {
    let begin = |proxy: &Proxy| proxy.set(Conduct::Freeze);
    disturb("no_grant_is_late_with_a_frozen_network", "frozen network", begin, |proxy| {
        proxy.set(Conduct::Forward)
    });
}

#[test]
fn no_grant_is_late_with_a_network_that_loses_requests() {
    let begin = |proxy: &Proxy| proxy.set(Conduct::SwallowRequests);
    disturb(
        "no_grant_is_late_with_a_network_that_loses_requests",
        "requests to the database lost",
        begin,
        reset,
    );
}

#[test]
fn no_grant_is_late_with_a_network_that_loses_answers() {
    let begin = |proxy: &Proxy| proxy.set(Conduct::SwallowAnswers);
    disturb(
        "no_grant_is_late_with_a_network_that_loses_answers",
        "answers of the database lost",
        begin,
        reset,
    );
}

#[test]
fn no_grant_is_late_with_a_cut_network() {
    let begin = |proxy: &Proxy| proxy.close(true);
    disturb("no_grant_is_late_with_a_cut_network", "connections cut", begin, |proxy| proxy.close(false));
}

/// Closes all connections, and forwards new ones. Connections that lost bytes must end, because no network loses bytes of a
/// connection and delivers later ones.
fn reset(proxy: &Proxy) {
    proxy.close(true);
    proxy.set(Conduct::Forward);
    proxy.close(false);
}

#[test]
fn no_grant_is_late_after_a_process_was_stopped() {
    for &size in sizes() {
        let fleet = Fleet::new(Data::new(), &vec![Start::default(); size]);
        let stopped = size - 1;
        measure_without(Some(stopped), "process stopped for 3 s", &fleet, ROUND, |watch| {
            let server = &fleet.servers[stopped];
            thread::scope(|scope| {
                let wait_and_continue = || {
                    // these requests begin long after the lease, and the process handles them as soon as it continues
                    for _ in 0..10 {
                        thread::sleep(Duration::from_millis(300));
                        scope.spawn(|| watch.ask_all(stopped));
                    }
                    signal(server, "-CONT");
                };
                watch.revoke_around(|| signal(server, "-STOP"), wait_and_continue);
            });
        });
    }
}

fn signal(server: &Server, signal: &str) {
    let id = server.process.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().expect("kill").success());
}
