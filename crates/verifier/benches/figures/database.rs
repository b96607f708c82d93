//! Databases with keys.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use ctx_key::{ApiKey, Scope};
use ctx_key_verifier::postgres::{CHANGE_LOG, Config, Options, PostgresSource, SCHEMA};
use ctx_key_verifier::{Options as VerifierOptions, Verifier};
use tokio_postgres::{Client, NoTls};

use crate::Error;

/// The unit of processor times on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A database. Each figure has its own.
pub(crate) struct Database {
    /// URL of the server, without a database.
    server: String,
    name: String,
}

impl Database {
    /// Creates a database with the tables and the change log.
    pub(crate) async fn new() -> Result<Self, Error> {
        Self::with(&format!("{SCHEMA}{CHANGE_LOG}")).await
    }

    /// Creates a database and runs these statements in it.
    pub(crate) async fn with(statements: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let start = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
        let name = format!("figures_{start}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let client = connect(&format!("{server}/postgres")).await?;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let database = Self { server, name };
        database.client().await?.batch_execute(statements).await?;
        Ok(database)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Returns the URL of this database at another address.
    pub(crate) fn url_at(&self, address: &str) -> Result<String, Error> {
        let (start, _) = self.server.split_once('@').ok_or("no user@host in the URL")?;
        Ok(format!("{start}@{address}/{}", self.name))
    }

    /// Returns `host:port` of the server.
    pub(crate) fn address(&self) -> Result<&str, Error> {
        Ok(self.server.split_once('@').ok_or("no user@host in the URL")?.1)
    }

    pub(crate) async fn client(&self) -> Result<Client, Error> {
        connect(&self.url()).await
    }

    pub(crate) async fn clients(&self, count: usize) -> Result<Vec<Client>, Error> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.client().await?);
        }
        Ok(clients)
    }

    pub(crate) fn source(&self) -> Result<PostgresSource, Error> {
        source(&self.url())
    }

    pub(crate) async fn verifier(&self, options: VerifierOptions) -> Result<Verifier<PostgresSource>, Error> {
        verifier(self.source()?, options).await
    }

    /// Waits until exactly `open` connections are open, so that none ends while its processor time is measured.
    pub(crate) async fn wait_for_connections(&self, open: usize) -> Result<(), Error> {
        const CONNECTIONS: &str = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let client = self.client().await?;
        while client.query_one(CONNECTIONS, &[]).await?.get::<_, i64>(0) != i64::try_from(open)? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Returns the seconds of processor time that this process and the connections of this database have used.
    pub(crate) async fn processor_time(&self) -> Result<f64, Error> {
        const CONNECTIONS: &str = "SELECT pid FROM pg_stat_activity \
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let connections = self.client().await?.query(CONNECTIONS, &[]).await?;
        let connections = connections.iter().map(|row| row.get::<_, i32>("pid").to_string());
        let mut ticks = 0;
        for process in connections.chain(["self".to_owned()]) {
            let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
            // the name of the program may contain spaces and parentheses
            let (_, fields) = stat.rsplit_once(") ").ok_or("no name in /proc/PID/stat")?;
            for field in fields.split(' ').skip(11).take(2) {
                ticks += field.parse::<u32>()?;
            }
        }
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }

    /// Inserts new keys, each with a project of its own.
    pub(crate) async fn insert_keys(&self, count: usize) -> Result<Vec<ApiKey>, Error> {
        const INSERT: &str = "INSERT INTO api_keys (id, digest, project, scopes) \
            SELECT id, digest, 'proj_' || md5(id), $3 FROM unnest($1::text[], $2::bytea[]) AS key (id, digest)";
        let client = self.client().await?;
        let keys: Vec<_> = (0..count).map(|_| ApiKey::generate()).collect();
        let scopes = i32::try_from(Scope::READ.bits())?;
        for keys in keys.chunks(10_000) {
            let ids: Vec<_> = keys.iter().map(ApiKey::id).collect();
            let ids: Vec<_> = ids.iter().map(|id| id.as_str()).collect();
            let digests: Vec<_> = keys.iter().map(|key| &key.digest().as_bytes()[..]).collect();
            client.execute(INSERT, &[&ids, &digests, &scopes]).await?;
        }
        client.batch_execute("VACUUM ANALYZE api_keys").await?;
        Ok(keys)
    }
}

fn server() -> Result<String, Error> {
    Ok(std::env::var("CTX_KEY_TEST_POSTGRES")?)
}

pub(crate) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) fn source(url: &str) -> Result<PostgresSource, Error> {
    Ok(PostgresSource::new(&Config::new(url)?, &Options::default()))
}

/// Starts a verifier, and waits until its cache is current.
pub(crate) async fn verifier(
    source: PostgresSource,
    options: VerifierOptions,
) -> Result<Verifier<PostgresSource>, Error> {
    let verifier = Verifier::new(source, options);
    wait_until_current(&verifier).await;
    Ok(verifier)
}

pub(crate) async fn wait_until_current(verifier: &Verifier<PostgresSource>) {
    while !verifier.is_current() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns the settings of PostgreSQL, and the load of the machine before the measurement.
pub(crate) async fn settings() -> Result<String, Error> {
    let client = connect(&format!("{}/postgres", server()?)).await?;
    let row = client
        .query_one(
            "SELECT current_setting('server_version'), current_setting('fsync'), \
             current_setting('synchronous_commit')",
            &[],
        )
        .await?;
    let [version, fsync, commit] = [0, 1, 2].map(|column| row.get::<_, &str>(column));
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!("PostgreSQL {version}: fsync {fsync}, synchronous_commit {commit}; load before: {load}"))
}
