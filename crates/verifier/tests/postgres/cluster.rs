//! A PostgreSQL cluster of its own, for tests that stop it or change its settings.
//!
//! Another server, which runs already, starts the programs, because they refuse to run as root. All files are beside those
//! of that server, and are removed with them. The tests of `crates/server` use this file too.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

/// A server that takes longer to recover has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// Number of clusters that this process has created. Each gets its own folder and port from it.
static CLUSTERS: AtomicU16 = AtomicU16::new(0);

pub(crate) struct Cluster {
    /// URL of the server that runs the programs.
    runner: String,
    control: Client,
    programs: String,
    folder: String,
    port: u16,
    /// Holds the port until the server starts.
    reservation: Option<TcpListener>,
}

impl Cluster {
    /// Creates a cluster and starts it. `runner` is the URL of a server on this machine, without a database.
    pub(crate) async fn new(runner: &str, settings: &str) -> Self {
        let mut cluster = Self::unstarted(runner).await;
        let folder = &cluster.folder;
        let initdb = format!("{}/initdb", cluster.programs);
        cluster.run(&format!("{initdb} --no-sync --pgdata {folder} --username postgres --auth trust")).await;
        let common = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\nfsync = off\n\
             max_connections = 50\n{settings}",
            cluster.port
        );
        cluster.write("postgresql.auto.conf", &common).await;
        cluster.reservation = None;
        cluster.control("start").await;
        cluster
    }

    async fn unstarted(runner: &str) -> Self {
        let control = connect(&format!("{runner}/postgres")).await;
        let text = "SELECT current_setting('data_directory'), setting FROM pg_config WHERE name = 'BINDIR'";
        let row = control.query_one(text, &[]).await.expect("the folders");
        let (data, programs): (String, String) = (row.get(0), row.get(1));
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let (reservation, port) = reserve_port(number);
        let folder = format!("{data}-{}-{number}", process::id());
        Self { runner: runner.to_owned(), control, programs, folder, port, reservation: Some(reservation) }
    }

    /// Creates a standby of this cluster and starts it.
    pub(crate) async fn standby(&self) -> Self {
        let mut standby = Self::unstarted(&self.runner).await;
        let (folder, port) = (&standby.folder, standby.port);
        let backup = format!(
            "{}/pg_basebackup --no-sync --checkpoint=fast --write-recovery-conf --pgdata {folder} \
             --dbname \"host=127.0.0.1 port={} user=postgres\"",
            self.programs, self.port
        );
        standby.run(&backup).await;
        let port = format!("echo \"port = {port}\" >> {folder}/postgresql.auto.conf");
        standby
            .run(&format!(
                "{port}; echo \"unix_socket_directories = '{folder}'\" >> {folder}/postgresql.auto.conf"
            ))
            .await;
        standby.reservation = None;
        standby.control("start").await;
        standby
    }

    /// Runs a shell command as the user of the server.
    async fn run(&self, command: &str) {
        let command = command.replace('\'', "''");
        // the program has to read the empty row; the output of the command goes to a file
        let copy = format!("COPY (SELECT) TO PROGRAM '(cat; {command}) > {}.log 2>&1'", self.folder);
        if let Err(error) = self.control.batch_execute(&copy).await {
            let log = format!("SELECT pg_read_file('{}.log', true)", self.folder);
            let log = self.control.query_one(&log, &[]).await.expect("a log");
            panic!("{command}: {error}\n{}", log.get::<_, Option<String>>(0).unwrap_or_default());
        }
    }

    /// Runs `pg_ctl`.
    pub(crate) async fn control(&self, command: &str) {
        let (programs, folder) = (&self.programs, &self.folder);
        self.run(&format!(
            "{programs}/pg_ctl {command} --wait --mode fast --pgdata {folder} --log {folder}/log"
        ))
        .await;
    }

    pub(crate) async fn promote(&self) {
        self.run(&format!("{}/pg_ctl promote --wait --pgdata {}", self.programs, self.folder)).await;
    }

    /// Writes a file that its owner alone may read.
    pub(crate) async fn write(&self, name: &str, text: &str) {
        let text = text.replace('\'', "''");
        let path = format!("{}/{name}", self.folder);
        let copy = format!(
            "COPY (SELECT unnest(string_to_array('{text}', E'\\n'))) TO PROGRAM 'umask 077; cat > {path}'"
        );
        self.control.batch_execute(&copy).await.expect("a file");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn server(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Kills the server process of this connection, so that the server recovers from its write-ahead log.
    pub(crate) async fn crash(&self, client: &Client) {
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await.expect("a process");
        let url = format!("{}/postgres", self.server());
        // the server closes this connection when it begins to recover
        let witness = connect(&url).await;
        self.run(&format!("kill -9 {}", row.get::<_, i32>(0))).await;
        let recovered = async {
            while !witness.is_closed() || tokio_postgres::connect(&url, NoTls).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, recovered).await.expect("a server that recovers");
    }

    /// Stops the server if it runs. If a test does not call this, the server ends when its files are removed.
    pub(crate) async fn stop(&self) {
        let stop = format!("{}/pg_ctl stop --mode immediate --pgdata {}", self.programs, self.folder);
        self.run(&format!("{stop} || test ! -e {}/postmaster.pid", self.folder)).await;
    }
}

/// Returns a port below the range for outgoing connections of Linux, so that none of them takes it before the server does.
fn reserve_port(number: u16) -> (TcpListener, u16) {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    let first = process::id().wrapping_mul(64).wrapping_add(number.into());
    let port = |n: u32| PORTS.start + (first.wrapping_add(n) % PORTS.len() as u32) as u16;
    let mut ports = (0..PORTS.len() as u32).map(port);
    let free = ports.find_map(|port| Some((TcpListener::bind(("127.0.0.1", port)).ok()?, port)));
    free.expect("a free port")
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
