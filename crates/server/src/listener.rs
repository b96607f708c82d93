//! Hears from PostgreSQL which keys were changed, by whichever process.
//!
//! A beat each tenth of a second shows that the connection lives: PostgreSQL answers it behind the notifications that were
//! waiting, so that what was committed before the beat was sent has been heard of when it is answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::database::{DatabaseError, connect_notified};
use crate::verifier::Verifier;

const BEAT: Duration = Duration::from_millis(100);

/// How long it waits before it connects again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long it waits for the answer to a beat.
const ANSWER: Duration = Duration::from_secs(2);

/// Listens in a task of its own until the verifier is gone.
pub fn start(url: String, verifier: &Arc<Verifier>, stop: Arc<AtomicBool>) {
    let verifier = Arc::downgrade(verifier);
    tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) && verifier.strong_count() > 0 {
            if let Err(error) = listen(&url, &verifier, &stop).await {
                warn!(%error, "the connection for notifications was lost: keys are read from the database");
            }
            sleep(PAUSE).await;
        }
    });
}

async fn listen(url: &str, verifier: &Weak<Verifier>, stop: &AtomicBool) -> Result<(), DatabaseError> {
    let (client, mut notifications) = connect_notified(url).await?;
    let send = async |sql: &str| match timeout(ANSWER, client.batch_execute(sql)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(DatabaseError::Unavailable("no answer to a beat".into())),
    };
    // a name of its own, for whoever looks at the connections of the database
    send("SET application_name = 'ctx-key-listener'; LISTEN api_keys").await?;
    if let Some(verifier) = verifier.upgrade() {
        verifier.invalidate_all();
    }
    info!("listens for changes of keys");
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        send("").await?;
        let Some(verifier) = verifier.upgrade() else { return Ok(()) };
        while let Ok(notification) = notifications.try_recv() {
            verifier.invalidate_text(notification.payload());
        }
        verifier.heard_until(sent);
        if let Ok(Some(notification)) = timeout(BEAT, notifications.recv()).await {
            verifier.invalidate_text(notification.payload());
        }
    }
    Ok(())
}
