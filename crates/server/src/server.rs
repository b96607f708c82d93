//! The server: its start, its background work and its shutdown.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::absolute;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctx_key::UnixTime;
use tokio::net::{TcpListener, TcpSocket};
use tokio::spawn;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::clock::Clock;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::database::{Database, DatabaseError, Location, STATEMENT_TIMEOUT};
use crate::http::connections::{ConnectionLimits, serve};
use crate::http::failed_attempts::FailedAttempts;
use crate::http::list_cursor::CursorKey;
use crate::http::metrics::Metrics;
use crate::http::rate_limit::RateLimit;
use crate::http::sign_in_limit::SignInLimit;
use crate::http::state::{AppState, Shared};
use crate::key_source::KeySource;
use crate::routes::routes;
use crate::store::migration::{STEPS, prepare};
use crate::store::secret::Secret;
use crate::store::{credential, set_up_link, setting, word_index};

/// Maximum number of connections that wait to be accepted. Beyond it, a client waits for a second before it tries
/// again. Linux allows at most `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// Maximum time to flush the last uses of keys, or the last failed sign-ins.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two deletions of expired credentials.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Time between two batches of background work, in which others may write.
const BATCH_PAUSE: Duration = Duration::from_millis(20);

/// Time between two searches for memories that servers of another version wrote.
const INDEX_INTERVAL: Duration = Duration::from_secs(2);

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
        // without limits, because an import may hold the lock of SQLite for a long time
        let mut transaction = database.begin_without_limits().await?;
        setting::set_public_url(&mut transaction, &public_url).await?;
        let cursors = CursorKey::from(&setting::cursor_secret(&mut transaction).await?);
        transaction.commit().await?;
        let verifier = source.verifier(&settings);
        let metrics = Metrics::new(database.clone(), verifier.clone());
        let of_hook = verifier.clone();
        database.on_commit(move |id| id.parse().into_iter().for_each(|id| of_hook.invalidate(id)));
        let shared = Shared {
            database,
            verifier,
            metrics,
            sign_ins: SignInLimit::new(&clock),
            failed_attempts: FailedAttempts::default(),
            cursors,
            rate_limit: RateLimit::new(config.rate_limit, &clock),
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

    /// Returns a link that creates the first account, if there is no account yet. Ends the links of earlier starts.
    pub async fn set_up_link(&self) -> Result<Option<String>, DatabaseError> {
        let mut transaction = self.state.database.begin_without_limits().await?;
        let secret = set_up_link::issue_at_start(&mut transaction, self.state.clock.now()).await?;
        transaction.commit().await?;
        Ok(secret.map(|secret| link(self.public_url(), &secret)))
    }

    /// Answers requests until a signal comes, and then for the time `drain`, during which `/readyz` says that the
    /// server will stop. A second signal ends this time early.
    pub async fn run(self, mut signal: impl AsyncFnMut(), drain: Duration) {
        // a task, because a write that has begun is not dropped at the end
        let (end_of_attempts, ended) = oneshot::channel::<Infallible>();
        let state = self.state.clone();
        let attempts = spawn(async move { state.failed_attempts.run(&state.database, ended).await });
        let state = self.state.clone();
        let stop = async {
            signal().await;
            state.is_draining.store(true, Ordering::Relaxed);
            let _ = timeout(drain, signal()).await;
        };
        tokio::select! {
            () = serve(self.listener, routes(self.state.clone()), self.limits, stop) => {}
            never = sweep(&self.state) => match never {},
            never = index(&self.state) => match never {},
        }
        drop(end_of_attempts);
        if !matches!(timeout(FLUSH_TIMEOUT, attempts).await, Ok(Ok(()))) {
            warn!("the last failed sign-ins are not in the audit log");
        }
        match timeout(FLUSH_TIMEOUT, self.state.verifier.flush_uses()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last uses of keys are not recorded"),
            Err(_) => warn!("the last uses of keys are not recorded: the database took too long"),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // a restarted server can bind at once, even while old connections of the address are in TIME_WAIT
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Deletes expired credentials, in small batches.
async fn sweep(state: &AppState) -> Infallible {
    loop {
        let pause = match credential::sweep(&state.database, state.clock.now()).await {
            Ok(true) => BATCH_PAUSE,
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                warn!(%error, "can't delete expired credentials");
                SWEEP_INTERVAL
            }
        };
        sleep(pause).await;
    }
}

/// Indexes the words of memories that servers of another version wrote, in small batches.
async fn index(state: &AppState) -> Infallible {
    let mut pause = INDEX_INTERVAL;
    loop {
        sleep(pause).await;
        pause = match word_index::index_some(&state.database).await {
            Ok(true) => BATCH_PAUSE,
            Ok(false) => INDEX_INTERVAL,
            Err(error) => {
                warn!(%error, "can't index the words of some memories, so searches miss them");
                5 * INDEX_INTERVAL
            }
        };
    }
}

/// Opens the configured database, and upgrades its schema as a server does at its start.
pub async fn open(config: &Config) -> Result<Database, Box<dyn Error>> {
    let database = open_unprepared(config)?;
    prepare(&database, STEPS, STATEMENT_TIMEOUT).await?;
    Ok(database)
}

/// Does the same as [`open`] for a command, and fails if the data folder has no database.
pub async fn open_existing(config: &Config) -> Result<Database, Box<dyn Error>> {
    require_database(config)?;
    open(config).await
}

/// Opens the configured database without an upgrade of its schema. A missing folder is created.
pub fn open_unprepared(config: &Config) -> Result<Database, Box<dyn Error>> {
    let location = config.database.location()?;
    if let Location::Sqlite(_) = location {
        let folder = DataFolder(&config.database.data);
        folder.create().map_err(|error| {
            let folder = config.database.data.display();
            format!("can't create the folder {folder} with a database: {error}")
        })?;
        folder.restrict();
    }
    Ok(Database::open_with(location, config.connections)?)
}

/// Fails if the data folder has no SQLite database. Otherwise, a command would create one in the wrong place.
pub fn require_database(config: &Config) -> Result<(), Box<dyn Error>> {
    let data = &config.database.data;
    if let Location::Sqlite(_) = config.database.location()?
        && !DataFolder(data).has_database()
    {
        let folder = absolute(data).unwrap_or_else(|_| data.clone());
        return Err(format!(
            "there is no database in the folder {}: name the data folder of the server with --data or CTX_KEY_DATA, or \
             start the server there first",
            folder.display()
        )
        .into());
    }
    Ok(())
}

/// Returns a one-time link that creates an account.
pub async fn invite(database: &Database, public_url: &str, now: UnixTime) -> Result<String, DatabaseError> {
    let mut transaction = database.begin_without_limits().await?;
    let secret = set_up_link::invite(&mut transaction, now).await?;
    transaction.commit().await?;
    Ok(link(public_url, &secret))
}

fn link(public_url: &str, secret: &Secret) -> String {
    format!("{public_url}/set-up?link={}", secret.expose())
}
