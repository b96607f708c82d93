//! A server from its start to its end.

use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctx_key::UnixTime;
use tokio::net::TcpListener;
use tokio::time::interval;
use tracing::warn;

use crate::account;
use crate::config::Config;
use crate::connections::serve;
use crate::credential::{self, Kind};
use crate::database::{Database, DatabaseError, Location};
use crate::listener;
use crate::metrics::Metrics;
use crate::migration::{LATEST, migrate};
use crate::routes::routes;
use crate::sign_in_limit::SignInLimit;
use crate::state::{AppState, Shared};
use crate::verifier::Verifier;

/// How often the uses of keys are written down.
const USES: Duration = Duration::from_secs(5);

/// A server that is bound to its address, with its database open.
pub struct Server {
    listener: TcpListener,
    state: AppState,
    stop: Arc<AtomicBool>,
    /// Locked as long as this process runs: its cache knows of no other's changes.
    _lock: Option<File>,
}

impl Server {
    /// Opens the database, brings it up to date, and binds the address.
    pub async fn bind(config: &Config) -> Result<Self, Box<dyn Error>> {
        let lock = if config.database_url.is_none() { Some(lock(config)?) } else { None };
        let database = open(config).await?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("can't listen on {}: {error}", config.listen))?;
        let public_url = match &config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", listener.local_addr()?),
        };
        let metrics = Metrics::new();
        let verifier = Arc::new(Verifier::new(database.clone(), metrics.clone()));
        let told = Arc::downgrade(&verifier);
        database.on_commit(move |id| told.upgrade().iter().for_each(|verifier| verifier.invalidate_text(id)));
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(url) = &config.database_url {
            listener::start(url.clone(), &verifier, stop.clone());
        }
        let shared = Shared {
            database,
            verifier,
            metrics,
            sign_ins: SignInLimit::default(),
            is_secure: public_url.starts_with("https://"),
            is_behind_proxy: config.behind_proxy,
            public_url,
        };
        Ok(Self { listener, state: shared.into(), stop, _lock: lock })
    }

    pub fn address(&self) -> Result<SocketAddr, std::io::Error> {
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
        if is_empty { invite(&self.state.database, self.public_url()).await.map(Some) } else { Ok(None) }
    }

    /// Answers requests until `stop` is over.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let uses = tokio::spawn(store_uses(self.state.verifier.clone()));
        serve(self.listener, routes(self.state.clone()), stop).await;
        self.stop.store(true, Ordering::Relaxed);
        uses.abort();
        if let Err(error) = self.state.verifier.store_uses().await {
            warn!(%error, "the last uses of keys are not written down");
        }
    }
}

async fn store_uses(verifier: Arc<Verifier>) {
    let mut ticks = interval(USES);
    loop {
        ticks.tick().await;
        if let Err(error) = verifier.store_uses().await {
            warn!(%error, "uses of keys are not written down");
        }
    }
}

/// Opens the database that is configured, and brings its schema up to date.
pub async fn open(config: &Config) -> Result<Database, Box<dyn Error>> {
    let location = match &config.database_url {
        Some(url) => Location::Postgres(url.clone()),
        None => {
            make_folder(config)?;
            Location::Sqlite(config.data.join("ctx-key.sqlite"))
        }
    };
    let database = Database::open(location)?;
    migrate(&database, LATEST).await?;
    Ok(database)
}

fn make_folder(config: &Config) -> Result<(), String> {
    let shown = config.data.display();
    fs::create_dir_all(&config.data).map_err(|error| format!("can't make the folder {shown}: {error}"))
}

fn lock(config: &Config) -> Result<File, Box<dyn Error>> {
    make_folder(config)?;
    let path = config.data.join("lock");
    let file = File::create(&path).map_err(|error| format!("can't write {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another server uses the folder {}: stop it, or use --data with another folder, or --database-url, which \
             several servers may share",
            config.data.display()
        )
        .into()),
        Err(TryLockError::Error(error)) => Err(format!("can't lock {}: {error}", path.display()).into()),
    }
}

/// A one-time link with which an account is made.
pub async fn invite(database: &Database, public_url: &str) -> Result<String, DatabaseError> {
    let mut transaction = database.begin().await?;
    let secret = credential::issue(&mut transaction, Kind::SetUp, None, UnixTime::now()).await?;
    transaction.commit().await?;
    Ok(format!("{public_url}/set-up?link={secret}"))
}
