//! The part of the cache that is left after the connection to the database was lost for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctx_key::ApiKey;
use ctx_key_verifier::postgres::PostgresSource;
use ctx_key_verifier::{Options, Verifier};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::database::{Database, source, verifier, wait_until_current};
use crate::report::Report;
use crate::requests::verify_all;
use crate::{Error, Sizes};

pub(crate) async fn measure(report: &mut Report, sizes: &Sizes) -> Result<(), Error> {
    let database = Database::new().await?;
    let keys: Arc<[ApiKey]> = database.insert_keys(sizes.keys).await?.into();
    let proxy = Proxy::start(database.address()?.to_owned()).await?;
    let verifier = verifier(source(&database.url_at(&proxy.address)?)?, Options::default()).await?;
    pass(&verifier, &keys).await?;
    if pass(&verifier, &keys).await?.misses != 0 {
        return Err("not all keys are cached".into());
    }

    proxy.cut(true);
    tokio::time::sleep(sizes.outage).await;
    let is_noticed = !verifier.is_current();
    proxy.cut(false);
    wait_until_current(&verifier).await;
    let kept = pass(&verifier, &keys).await?;

    // a lost connection used to drop the cache as well
    let clears = verifier.stats().cache_clears;
    database.client().await?.batch_execute("INSERT INTO api_key_changes DEFAULT VALUES").await?;
    while verifier.stats().cache_clears == clears {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cleared = pass(&verifier, &keys).await?;

    report.title(&format!("{} cached keys after {:?} without the database", keys.len(), sizes.outage));
    report.figure("the whole cache is dropped: keys that are looked up again", cleared.misses as f64, "");
    report.figure("the same: look-ups", cleared.look_ups as f64, "");
    report.figure("the same: time until each key was used once", cleared.seconds, "s");
    report.figure("the cache is kept: time until each key was used once", kept.seconds, "s");
    report.none("the cache is kept: keys that are looked up again", kept.misses);
    report.none("outages that the verifier did not notice", u64::from(!is_noticed));
    Ok(())
}

struct Pass {
    /// Keys that were not in the cache. Look-ups after the end of the lease, which can happen on a slow machine, don't count.
    misses: u64,
    look_ups: u64,
    seconds: f64,
}

async fn pass(verifier: &Verifier<PostgresSource>, keys: &Arc<[ApiKey]>) -> Result<Pass, Error> {
    let before = verifier.stats();
    let seconds = verify_all(verifier, keys).await?;
    let after = verifier.stats();
    Ok(Pass {
        misses: after.cache_misses - before.cache_misses,
        look_ups: after.look_ups - before.look_ups,
        seconds,
    })
}

/// Forwards connections, unless it is cut.
struct Proxy {
    address: String,
    is_cut: Arc<AtomicBool>,
    cuts: watch::Sender<()>,
}

impl Proxy {
    async fn start(target: String) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (cuts, cut) = watch::channel(());
        let is_cut = Arc::new(AtomicBool::new(false));
        let theirs = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !theirs.load(Ordering::SeqCst) {
                    tokio::spawn(forward(client, target.clone(), cut.clone()));
                }
            }
        });
        Ok(Self { address, is_cut, cuts })
    }

    /// Ends all connections and takes no more, or takes them again.
    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
        self.cuts.send_replace(());
    }
}

async fn forward(mut client: TcpStream, target: String, mut cut: watch::Receiver<()>) -> Result<(), Error> {
    cut.mark_unchanged();
    let mut target = TcpStream::connect(target).await?;
    tokio::select! {
        _ = cut.changed() => {}
        _ = copy_bidirectional(&mut client, &mut target) => {}
    }
    Ok(())
}
