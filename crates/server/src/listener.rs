//! Hears from PostgreSQL which keys were changed, by whichever process.
//!
//! A beat each tenth of a second shows that the connection lives: PostgreSQL answers it behind the notifications that were
//! waiting, so that what was committed before the beat was sent has been heard of when it is answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use tracing::{info, warn};

use crate::database::connect_postgres;
use crate::verifier::Verifier;

const BEAT: Duration = Duration::from_millis(100);

/// How long it waits before it connects again.
const PAUSE: Duration = Duration::from_millis(200);

/// Listens on a thread of its own until the verifier is gone.
pub fn start(url: String, verifier: &Arc<Verifier>, stop: Arc<AtomicBool>) {
    let verifier = Arc::downgrade(verifier);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) && verifier.strong_count() > 0 {
            if let Err(error) = listen(&url, &verifier, &stop) {
                // the kind alone: what a database says may hold more
                warn!(
                    is_closed = error.is_closed(),
                    "the connection for notifications was lost: keys are read from the database"
                );
            }
            thread::sleep(PAUSE);
        }
    });
}

fn listen(url: &str, verifier: &Weak<Verifier>, stop: &AtomicBool) -> Result<(), postgres::Error> {
    let mut client = connect_postgres(url)?;
    // a name of its own, for whoever looks at the connections of the database
    client.batch_execute("SET application_name = 'ctx-key-listener'; LISTEN api_keys")?;
    if let Some(verifier) = verifier.upgrade() {
        verifier.invalidate_all();
    }
    info!("listens for changes of keys");
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        client.simple_query("")?;
        let heard: Vec<_> = client.notifications().iter().collect()?;
        let Some(verifier) = verifier.upgrade() else { return Ok(()) };
        tell(&verifier, &heard);
        verifier.heard_until(sent);
        let next = client.notifications().timeout_iter(BEAT).next()?;
        tell(&verifier, next.as_slice());
    }
    Ok(())
}

fn tell(verifier: &Verifier, notifications: &[postgres::Notification]) {
    for notification in notifications {
        match notification.payload().parse() {
            Ok(id) => verifier.invalidate(id),
            Err(_) => verifier.invalidate_all(),
        }
    }
}
