//! `inspect`: explains what is wrong with a key, and where.

use std::io::{self, Read};

use ctx_key::{ApiKey, EnvKeyError, ParseKeyError};

use crate::cli::InspectOptions;
use crate::outcome::{FOUND, Outcome};
use crate::output;

/// Maximum number of bytes read from standard input, far more than anybody pastes for a key.
const MAX_INPUT: u64 = 64 * 1024;

pub(crate) fn run(options: &InspectOptions) -> Outcome {
    let key = match options.key.as_deref() {
        None => from_env()?,
        Some("-") => ApiKey::parse_pasted(&from_stdin()?),
        Some(key) => {
            output::print_message(
                "note: other users see the arguments of a command, and the shell's history keeps them;",
            );
            output::print_message("      `ctx-key inspect -` reads standard input");
            ApiKey::parse_pasted(key)
        }
    };
    match key {
        Ok(key) => output::print(describe(&key).as_bytes()),
        Err(error) => output::print(explain(error).as_bytes()).map(|_| FOUND),
    }
}

fn from_env() -> Result<Result<ApiKey, ParseKeyError>, String> {
    match ApiKey::from_env() {
        Ok(key) => Ok(Ok(key)),
        Err(EnvKeyError::Invalid(error)) => Ok(Err(error)),
        Err(error) => Err(format!("{error}; or `ctx-key inspect -` reads standard input")),
    }
}

fn from_stdin() -> Result<String, String> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut text);
    read.map_err(|error| format!("can't read standard input: {error}"))?;
    if text.len() as u64 > MAX_INPUT {
        return Err("standard input is too long for a key; `ctx-key scan -` finds keys in a text".to_owned());
    }
    // The `Debug` form of this error would print the text.
    String::from_utf8(text).map_err(|_| "standard input is not UTF-8 text; convert it first".to_owned())
}

fn describe(key: &ApiKey) -> String {
    format!(
        "{} is well-formed: its checksum is right.\n  id      {}\n  digest  {}\n\
         Only the server knows whether it is valid.\n",
        key.id().masked(),
        key.id(),
        key.digest()
    )
}

/// Returns the text of the error and a drawing that marks its place. The drawing shows each character of the input as
/// a star, because no part of a text that is not a key is known to be public.
fn explain(error: ParseKeyError) -> String {
    let place = match error {
        ParseKeyError::Character { index } => format!("  ctx_{:*<48}\n  {:index$}^ byte {index}\n", "", ""),
        ParseKeyError::Length { found } => format!("  {found} bytes instead of 52\n"),
        ParseKeyError::Checksum => {
            format!("  ctx_{:*<48}\n  {:46}^^^^^^ not the checksum of bytes 0..46\n", "", "")
        }
        _ => String::new(),
    };
    format!("This is not an API key: {error}.\n{place}")
}
