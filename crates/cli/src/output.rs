//! Standard output and standard error: secrets are hidden, only terminals get colours, a closed pipe can be ignored.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use clap::error::{ContextKind, ContextValue};
use ctx_key::scan::redact_str;

use crate::name;
use crate::outcome::{FAILED, Outcome, SUCCESS};

/// Writes all of `text` to standard output.
pub(crate) fn print(text: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    ignore_broken_pipe(stdout.write_all(text).and_then(|()| stdout.flush()))
}

/// Returns the outcome of a write to standard output. A closed pipe counts as success: its reader needs no more.
pub(crate) fn ignore_broken_pipe(written: io::Result<()>) -> Outcome {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(SUCCESS),
        written => require_written(written),
    }
}

/// Returns the outcome of a write to standard output that its reader can't do without.
pub(crate) fn require_written(written: io::Result<()>) -> Outcome {
    let written = written.map(|()| SUCCESS);
    written.map_err(|error| {
        let hint = if error.kind() == ErrorKind::BrokenPipe { "" } else { "; is the disk full?" };
        format!("can't write to standard output: {error}{hint}")
    })
}

/// Returns a number with the words that fit it.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes a line to standard error. A failure is ignored, as there is nowhere to report it.
pub(crate) fn print_message(line: &str) {
    let _ = write_message(line);
}

/// Writes a line to standard error.
pub(crate) fn write_message(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{}", redact_str(line))
}

/// Writes an error to standard error.
pub(crate) fn print_error(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    match takes_colours(&io::stderr()) {
        true => print_message(&format!("{style}ctx-key:{style:#} {message}")),
        false => print_message(&format!("ctx-key: {message}")),
    }
}

/// Prints the help that the user asked for, or the error in the command line. Returns the exit code.
pub(crate) fn print_usage(error: &clap::Error) -> u8 {
    let text = error.render();
    let coloured =
        if error.use_stderr() { takes_colours(&io::stderr()) } else { takes_colours(&io::stdout()) };
    let text = if coloured { text.ansi().to_string() } else { text.to_string() };
    if !error.use_stderr() {
        return print(text.as_bytes()).unwrap_or(FAILED);
    }
    match repeats_unknown(error) {
        true => print_error(
            "there is something unexpected on the command line; it is not repeated, as it may be a part of a key: \
             try `ctx-key --help`",
        ),
        false => print_message(text.trim_end()),
    }
    FAILED
}

/// Returns whether the error repeats a text that is not a mistyped name. `--formt` may be shown, but a pasted text
/// may be a key.
fn repeats_unknown(error: &clap::Error) -> bool {
    let is_typed = |kind| match kind {
        ContextKind::InvalidArg => error.kind() == clap::error::ErrorKind::UnknownArgument,
        kind => matches!(kind, ContextKind::InvalidSubcommand | ContextKind::InvalidValue),
    };
    error.context().filter(|(kind, _)| is_typed(*kind)).any(|(_, value)| match value {
        ContextValue::String(typed) => !is_name(typed),
        value => !matches!(value, ContextValue::None),
    })
}

/// Returns whether the text is short and in lower case. Of the pieces of a key with ten characters, one in 6000 is.
fn is_name(typed: &str) -> bool {
    typed.len() <= 14 && typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Returns whether the stream is a terminal, and neither `NO_COLOR` nor `TERM=dumb` is set. Ignores `CLICOLOR_FORCE`.
pub(crate) fn takes_colours(stream: &impl RawStream) -> bool {
    stream.is_terminal() && AutoStream::choice(stream) != ColorChoice::Never
}

/// Returns a path for a message, on one line and with keys masked.
pub(crate) fn shown(path: &Path) -> String {
    name::to_text(path.as_os_str().as_encoded_bytes())
}
