//! A server in this process, with a clock that a test sets.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use ctx_key::UnixTime;
use ctx_key_server::clock::Clock;
use ctx_key_server::config::Config;
use ctx_key_server::server::{Server, invite, open};
use tokio::runtime::Runtime;

use super::browser::Browser;
use super::{Data, EMAIL};

/// 2027-01-15 08:00 UTC.
pub const START: u64 = 1_800_000_000;

pub struct Timed {
    pub url: String,
    time: Arc<AtomicU64>,
    config: Config,
    runtime: Runtime,
    _data: Data,
}

impl Timed {
    pub fn start(arguments: &[&str]) -> Self {
        let data = Data::new();
        let folder = data.folder.path().to_str().unwrap();
        let url = data.server_url();
        let first = ["ctx-key-server", "--listen", "127.0.0.1:0", "--data", folder];
        let database = url.iter().flat_map(|url| ["--database-url", url]);
        let config = Config::parse_from(first.into_iter().chain(database).chain(arguments.iter().copied()));
        let (time, runtime) = (Arc::new(AtomicU64::new(START)), Runtime::new().unwrap());
        let url = runtime.block_on(async {
            let server = Server::bind_with_clock(&config, Clock::Set(time.clone())).await.unwrap();
            let url = server.public_url().to_owned();
            tokio::spawn(server.run(async || pending().await, Duration::ZERO));
            url
        });
        Self { url, time, config, runtime, _data: data }
    }

    /// Sets the clock to so many seconds after the start.
    pub fn set(&self, seconds: u64) {
        self.time.store(START + seconds, Ordering::Relaxed);
    }

    pub fn set_up_link(&self) -> String {
        let now = UnixTime::from_secs(self.time.load(Ordering::Relaxed));
        self.runtime.block_on(async { invite(&open(&self.config).await.unwrap(), "", now).await.unwrap() })
    }

    /// A browser that has made an account and is signed in.
    pub fn set_up(&self) -> Browser {
        let mut browser = Browser::at(&self.url);
        browser.set_up(&self.set_up_link(), EMAIL).leads_to("/keys");
        browser
    }
}
