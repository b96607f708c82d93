//! `redact`: copies standard input to standard output, with keys hidden.

use std::io::{self, ErrorKind, Read, Write};

use ctx_key::scan::RedactingWriter;

use crate::outcome::{Outcome, SUCCESS};
use crate::output;

/// Maximum number of bytes read at once.
const PIECE: usize = 64 * 1024;

pub(crate) fn run() -> Outcome {
    let mut input = io::stdin().lock();
    let mut output = RedactingWriter::new(io::stdout().lock());
    let mut piece = vec![0; PIECE];
    loop {
        let text = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => &piece[..length],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("can't read standard input: {error}; the output is cut off")),
        };
        // Each piece is flushed, so that someone who watches a log sees lines as they arrive.
        if let Err(error) = output.write_all(text).and_then(|()| output.flush()) {
            return output::ignore_broken_pipe(Err(error));
        }
    }
    output::ignore_broken_pipe(output.finish().and_then(|mut stdout| stdout.flush()))?;
    Ok(SUCCESS)
}
