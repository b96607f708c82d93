//! A redacting writer keeps keys out of the output of `tracing-subscriber`, whatever is logged.
//!
//! It is a last defence, and not a reason to log keys: it does not recognise a key that a formatter splits over two
//! lines. `cargo run -p ctx-key-integrations --example log_layer`

use std::io;

use ctx_key::ApiKey;
use ctx_key::scan::RedactingWriter;
use tracing::{Subscriber, info, warn};

/// Returns a subscriber that redacts keys and writes to the writers that `sink` creates. Each event has its own
/// writer, which passes on the held bytes at the end of the event.
pub fn subscriber<W: io::Write + 'static>(sink: impl Fn() -> W + Send + Sync + 'static) -> impl Subscriber {
    let redacting = move || RedactingWriter::new(sink());
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(redacting).finish()
}

fn main() {
    let subscriber = subscriber(io::stdout);
    tracing::subscriber::with_default(subscriber, || {
        let key = ApiKey::generate();
        info!("somebody logs a header: Bearer {}", key.expose_secret());
        warn!(token = key.expose_secret(), "or a field");
        info!(?key, "our own Debug has nothing to hide");
    });
}
