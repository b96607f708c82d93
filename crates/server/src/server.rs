//! A server from its start to its end.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctx_key::UnixTime;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::clock::Clock;
use crate::config::Config;
use crate::database::{Database, DatabaseError, Location, STATEMENT_TIMEOUT};
use crate::http::connections::{ConnectionLimits, serve};
use crate::http::metrics::Metrics;
use crate::http::sign_in_limit::SignInLimit;
use crate::http::state::{AppState, Shared};
use crate::key_source::KeySource;
use crate::routes::routes;
use crate::store::account;
use crate::store::credential::{self, Kind};
use crate::store::migration::{STEPS, prepare};

/// Maximum number of connections that wait to be accepted. A client beyond it waits for a second before it tries again. Linux
/// takes at most `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// Maximum time to write down the last uses of keys.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two sweeps of credentials that have expired.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Time between two pieces of a sweep, in which others may write.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// A server that is bound to its address, with its database open.
pub struct Server {
    listener: TcpListener,
    limits: ConnectionLimits,
    state: AppState,
}

impl Server {
    /// Opens the database, brings it up to date, and binds the address.
    pub async fn bind(config: &Config) -> Result<Self, Box<dyn Error>> {
        Self::bind_with_clock(config, Clock::System).await
    }

    /// Does the same as [`bind`](Self::bind) for a server with a clock of its own, for tests.
    pub async fn bind_with_clock(config: &Config, clock: Clock) -> Result<Self, Box<dyn Error>> {
        let database = open(config).await?;
        let settings = config.verifier();
        let source = KeySource::open(&config.database.key_location()?, &settings).await?;
        let listener =
            listen(config.listen).map_err(|error| format!("can't listen on {}: {error}", config.listen))?;
        let public_url = match &config.public_url {
            Some(url) => url.clone(),
            None => format!("http://{}", listener.local_addr()?),
        };
        let verifier = source.verifier(&settings);
        let metrics = Metrics::new(database.clone(), verifier.clone());
        let of_hook = verifier.clone();
        database.on_commit(move |id| id.parse().into_iter().for_each(|id| of_hook.invalidate(id)));
        let shared = Shared {
            database,
            verifier,
            metrics,
            sign_ins: SignInLimit::new(&clock),
            clock,
            is_secure: public_url.starts_with("https://"),
            is_behind_proxy: config.behind_proxy,
            is_draining: AtomicBool::new(false),
            public_url,
        };
        Ok(Self { listener, limits: config.connection_limits(), state: shared.into() })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub fn public_url(&self) -> &str {
        &self.state.public_url
    }

    /// A link with which the first account is made, if there is none.
    pub async fn set_up_link(&self) -> Result<Option<String>, DatabaseError> {
        let mut connection = self.state.database.acquire().await?;
        let is_empty = account::is_empty(&mut connection).await?;
        drop(connection);
        if !is_empty {
            return Ok(None);
        }
        invite(&self.state.database, self.public_url(), self.state.clock.now()).await.map(Some)
    }

    /// Answers requests until a signal comes, and as long as `drain` after it while `/readyz` says that the server will stop. A
    /// second signal ends that time.
    pub async fn run(self, mut signal: impl AsyncFnMut(), drain: Duration) {
        let state = self.state.clone();
        let stop = async {
            signal().await;
            state.is_draining.store(true, Ordering::Relaxed);
            let _ = timeout(drain, signal()).await;
        };
        tokio::select! {
            () = serve(self.listener, routes(self.state.clone()), self.limits, stop) => {}
            never = sweep(&self.state) => match never {},
        }
        match timeout(FLUSH_TIMEOUT, self.state.verifier.flush_uses()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last uses of keys are not written down"),
            Err(_) => warn!("the last uses of keys are not written down in time"),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // a server that starts again does not wait until the connections of the one before are forgotten
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Deletes credentials that have expired, in small pieces.
async fn sweep(state: &AppState) -> Infallible {
    loop {
        let pause = match credential::sweep(&state.database, state.clock.now()).await {
            Ok(true) => SWEEP_PAUSE,
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                warn!(%error, "expired credentials are not deleted");
                SWEEP_INTERVAL
            }
        };
        sleep(pause).await;
    }
}

/// Opens the database that is configured, and brings its schema up to date as a server that starts.
pub async fn open(config: &Config) -> Result<Database, Box<dyn Error>> {
    let database = open_unprepared(config)?;
    prepare(&database, STEPS, STATEMENT_TIMEOUT).await?;
    Ok(database)
}

/// Opens the database that is configured, with the schema that it has.
pub fn open_unprepared(config: &Config) -> Result<Database, Box<dyn Error>> {
    let location = config.database.location()?;
    if let Location::Sqlite(_) = location {
        let folder = &config.database.data;
        fs::create_dir_all(folder)
            .map_err(|error| format!("can't make the folder {}: {error}", folder.display()))?;
    }
    Ok(Database::open_with(location, config.connections)?)
}

/// Returns a one-time link with which an account is created.
pub async fn invite(database: &Database, public_url: &str, now: UnixTime) -> Result<String, DatabaseError> {
    let mut transaction = database.begin().await?;
    let secret = credential::issue(&mut transaction, Kind::SetUp, None, now).await?;
    transaction.commit().await?;
    Ok(format!("{public_url}/set-up?link={}", secret.expose()))
}
