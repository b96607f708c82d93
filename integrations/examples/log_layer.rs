//! No key gets into the log, whatever is logged: a redacting writer under `tracing-subscriber`'s output.
//!
//! It is the last net, and not a reason to log keys: a key that is broken over two lines by what formats it is
//! not recognised. `cargo run -p ctx-key-integrations --example log_layer`

use std::io;

use ctx_key::ApiKey;
use ctx_key::scan::RedactingWriter;
use tracing::{Subscriber, info, warn};

/// A subscriber that writes to what `sink` makes, with keys hidden. Each event has its own writer, which passes on
/// what it holds at the end of the event.
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
