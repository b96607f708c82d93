//! Events that end the history of a database: a restart, a crash, a failover, a restore.

use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::cluster::{Cluster, connect};
use crate::common::Data;
use crate::fleet::{Fleet, Start, sizes};
use crate::trouble::{LEASE, Proxy, skip, skip_because};
use crate::watch::measure;

/// Number of revocations around one event.
const ROUND: usize = 50;

/// A cluster that is stopped when it is dropped.
struct OwnCluster {
    runtime: Runtime,
    cluster: Cluster,
}

impl OwnCluster {
    fn new(runner: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        // with this delay, a crash loses the numbers of transactions that wrote nothing to the disk
        let cluster = runtime.block_on(Cluster::new(runner, "wal_writer_delay = 10s"));
        Self { runtime, cluster }
    }

    fn standby(&self) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let cluster = runtime.block_on(self.cluster.standby());
        Self { runtime, cluster }
    }

    /// Creates a database, and returns its name.
    fn database(&self) -> String {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        self.execute(&format!("CREATE DATABASE {name}"));
        name
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.cluster.server())
    }

    fn execute(&self, statement: &str) {
        let client = postgres::Client::connect(&self.url("postgres"), postgres::NoTls);
        let mut client = client.expect("PostgreSQL");
        client.batch_execute(statement).expect(statement);
    }

    fn control(&self, command: &str) {
        self.runtime.block_on(self.cluster.control(command));
    }

    fn stop(&self) {
        self.runtime.block_on(self.cluster.stop());
    }

    /// Makes the server recover from its write-ahead log.
    fn crash(&self) {
        self.runtime.block_on(async {
            let client = connect(&self.url("postgres")).await;
            self.cluster.crash(&client).await;
        });
    }

    fn promote(&self) {
        self.runtime.block_on(self.cluster.promote());
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the URL of the server that starts the clusters. With PgBouncer, the test is skipped, because it does not use it.
fn runner(test: &str) -> Option<String> {
    let runner = std::env::var("CTX_KEY_TEST_POSTGRES").ok();
    if runner.is_none() {
        skip(test);
    } else if std::env::var_os("CTX_KEY_TEST_PGBOUNCER").is_some() {
        skip_because(test, "it does without PgBouncer");
        return None;
    }
    runner
}

fn data(url: &str) -> Data {
    Data { folder: TempDir::new().expect("a folder"), database_url: Some(url.to_owned()) }
}

#[test]
fn no_grant_is_late_while_the_database_restarts() {
    let Some(runner) = runner("no_grant_is_late_while_the_database_restarts") else { return };
    let cluster = OwnCluster::new(&runner);
    for &size in sizes() {
        let fleet = Fleet::new(data(&cluster.url(&cluster.database())), &vec![Start::default(); size]);
        measure("restart of the database", &fleet, ROUND, |watch| {
            let wait_and_start = || {
                thread::sleep(2 * LEASE);
                cluster.control("start");
            };
            watch.revoke_around(|| cluster.control("stop"), wait_and_start);
        });
    }
}

/// After a crash, numbers of transactions are used again. A process that did not notice the crash has a cursor beyond them.
#[test]
fn no_grant_is_late_after_a_crash_of_the_database() {
    let Some(runner) = runner("no_grant_is_late_after_a_crash_of_the_database") else { return };
    let cluster = OwnCluster::new(&runner);
    for &size in sizes() {
        let url = cluster.url(&cluster.database());
        let (proxy, verifier_url) = Proxy::start(&url);
        let fleet = Fleet::new(data(&url), &vec![Start::verifying_through(&verifier_url); size]);
        measure("crash of the database", &fleet, ROUND, |watch| {
            let burn_and_crash = || {
                let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("PostgreSQL");
                for _ in 0..500 {
                    let rolled_back = "BEGIN; SELECT pg_current_xact_id(); ROLLBACK";
                    client.batch_execute(rolled_back).expect("a transaction");
                }
                // wait until every process has read the log
                thread::sleep(LEASE);
                proxy.close(true);
                cluster.crash();
            };
            let wait_and_open = || {
                thread::sleep(2 * LEASE);
                proxy.close(false);
            };
            watch.revoke_around(burn_and_crash, wait_and_open);
        });
    }
}

/// Each commit waits for the standby, so the failover undoes no commit.
#[test]
fn no_grant_is_late_after_a_failover() {
    let Some(runner) = runner("no_grant_is_late_after_a_failover") else { return };
    for &size in sizes() {
        let mut primary = OwnCluster::new(&runner);
        let name = primary.database();
        let (proxy, way) = Proxy::start(&primary.url(&name));
        let fleet = Fleet::new(data(&primary.url(&name)), &vec![Start::through(&way); size]);
        measure("failover to a standby", &fleet, ROUND, |watch| {
            let standby = primary.standby();
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
            primary.execute("SELECT pg_reload_conf()");
            let fail_over = || {
                primary.stop();
                standby.promote();
                fleet.move_to(standby.url(&name));
            };
            watch.revoke_around(fail_over, || lead_to(&proxy, &standby.url(&name)));
            primary = standby;
        });
    }
}

#[test]
fn no_grant_is_late_after_a_dump_and_restore() {
    let Some(runner) = runner("no_grant_is_late_after_a_dump_and_restore") else { return };
    let clusters = [OwnCluster::new(&runner), OwnCluster::new(&runner)];
    // so that the numbers of its transactions are far higher than those of the other cluster
    clusters[0]
        .execute("DO 'BEGIN FOR i IN 1..5000 LOOP COMMIT; PERFORM pg_current_xact_id(); END LOOP; END'");
    for &size in sizes() {
        let [mut from, mut to] = clusters.each_ref();
        let name = from.database();
        let (proxy, way) = Proxy::start(&from.url(&name));
        let fleet = Fleet::new(data(&from.url(&name)), &vec![Start::through(&way); size]);
        measure("dump and restore", &fleet, ROUND, |watch| {
            let restore = || {
                proxy.close(true);
                to.execute(&format!("DROP DATABASE IF EXISTS {name}"));
                to.execute(&format!("CREATE DATABASE {name}"));
                copy(&from.url(&name), &to.url(&name));
                fleet.move_to(to.url(&name));
            };
            watch.revoke_around(restore, || lead_to(&proxy, &to.url(&name)));
            (from, to) = (to, from);
        });
    }
}

/// Leads the processes to another server, some time after the tests themselves have begun to use it.
fn lead_to(proxy: &Proxy, url: &str) {
    thread::sleep(2 * LEASE);
    proxy.lead_to(url);
    proxy.close(false);
}

fn copy(from: &str, to: &str) {
    let mut dump = Command::new("pg_dump").arg(from).stdout(Stdio::piped()).spawn().expect("pg_dump");
    let mut restore = Command::new("psql");
    restore.args([to, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    let restored = restore.stdin(dump.stdout.take().expect("a dump")).stdout(Stdio::null()).status();
    assert!(dump.wait().expect("pg_dump").success() && restored.expect("psql").success());
}
