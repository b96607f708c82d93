//! Redaction of a stream: [`RedactingWriter`].

use std::fmt;
use std::io::{self, Write};
use std::vec::Vec;

use memchr::memmem;
use zeroize::{Zeroize, Zeroizing};

use super::{MASK, MIN_RUN, SHOWN};
use crate::alphabet::is_digit;
use crate::layout::PREFIX;

/// Maximum number of bytes searched in one write. Without it, a sink that accepts one byte at a time would cause a search
/// of the whole text for each byte.
const WINDOW: usize = 1 << 16;

/// A writer that passes everything on, with keys redacted as by [`redact`](super::redact).
///
/// The output is the same however the text is split into writes, and wherever [`flush`](Write::flush) is called. The
/// writer holds back a tail (at most 33 bytes) that may be the start of a key, until more text decides it. `flush`
/// passes on all other bytes and flushes the sink. [`finish`](Self::finish) and drop pass on the tail, because it is
/// too short to be redacted.
///
/// No byte is lost or repeated after an error of the sink, a short write or an interruption. Buffered bytes are
/// kept and passed on by the next call. Text without a prefix goes to the sink without a copy. The writer erases its
/// copy of a run when it redacts it, and all of its buffers when it is dropped.
///
/// ```
/// use ctx_key::scan::RedactingWriter;
/// use std::io::Write;
///
/// let mut log = RedactingWriter::new(Vec::new());
/// write!(log, "key ctx_8aspm4G7VmSUfOoD6V1vrORcm")?;
/// writeln!(log, "n0iSHkpEby6vK111f4cz2n9 used")?;
/// assert_eq!(log.finish()?, b"key ctx_8aspm4G7VmSU*** used\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct RedactingWriter<W: Write> {
    /// `None` after `finish` has taken it.
    sink: Option<W>,
    /// Undecided tail: a part of the prefix, or the prefix and a run that is not long enough yet.
    held: Zeroizing<Vec<u8>>,
    /// Number of bytes at the start of `held` that belong to a redacted run.
    redacted: usize,
    /// Inside a redacted run: the number of bytes at its end that may start the prefix of another key. `None` elsewhere.
    redacting: Option<usize>,
    /// Decided bytes that have not been passed on yet.
    decided: Zeroizing<Vec<u8>>,
    /// True if the sink panicked in a write. Dropping must not write again, because the sink may have accepted the bytes.
    panicked: bool,
}

impl<W: Write> RedactingWriter<W> {
    /// Creates a writer that passes redacted text to `sink`.
    ///
    /// ```
    /// # use ctx_key::scan::RedactingWriter;
    /// let log = RedactingWriter::new(std::io::stderr());
    /// ```
    #[must_use]
    pub fn new(sink: W) -> Self {
        let [held, decided] = [(); 2].map(|()| Zeroizing::new(Vec::with_capacity(SHOWN + MIN_RUN)));
        Self { sink: Some(sink), held, redacted: 0, redacting: None, decided, panicked: false }
    }

    /// Passes on the held tail and returns the sink. The sink is not flushed.
    ///
    /// # Errors
    ///
    /// The error of the sink. The sink is then dropped.
    ///
    /// ```
    /// # use ctx_key::scan::RedactingWriter;
    /// # use std::io::Write;
    /// let mut log = RedactingWriter::new(Vec::new());
    /// log.write_all(b"ctx_8aspm4G7VmSU")?;
    /// assert_eq!(log.finish()?, b"ctx_8aspm4G7VmSU");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        self.sink.take().ok_or_else(no_sink)
    }

    fn end(&mut self) -> io::Result<()> {
        self.release(self.held.len());
        self.redacting = None;
        self.drain()
    }

    /// Passes on the decided bytes.
    fn drain(&mut self) -> io::Result<()> {
        while !self.decided.is_empty() {
            let decided = std::mem::take(&mut self.decided);
            let written = self.pass(&decided);
            self.decided = decided;
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.decided.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Calls the sink's `write` once.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sink = self.sink.as_mut().ok_or_else(no_sink)?;
        self.panicked = true;
        let written = sink.write(bytes);
        self.panicked = false;
        written.map(|written| written.min(bytes.len()))
    }

    /// Buffers one byte of the text.
    fn push(&mut self, byte: u8) {
        if let Some(matched) = self.redacting {
            self.redacting = is_digit(byte).then(|| advance(matched, byte));
            if self.redacting.is_some() {
                return;
            }
            if byte == b'_' && matched == 3 {
                self.held.extend_from_slice(PREFIX);
                self.redacted = 3;
                return;
            }
        }
        match self.held.get(PREFIX.len()..) {
            None if PREFIX.get(self.held.len()) == Some(&byte) => self.held.push(byte),
            Some(run) if is_digit(byte) => {
                let is_long = run.len().saturating_add(1) >= MIN_RUN;
                self.held.push(byte);
                if is_long {
                    self.redact();
                }
            }
            Some(run) if byte == b'_' && run.ends_with(b"ctx") => {
                self.release(self.held.len().saturating_sub(3));
                self.held.push(byte);
            }
            _ => {
                self.release(self.held.len());
                let kept = if byte == b'c' { &mut self.held } else { &mut self.decided };
                kept.push(byte);
            }
        }
    }

    /// Moves the first `count` held bytes to the decided bytes, without those of a redacted run.
    fn release(&mut self, count: usize) {
        let count = count.min(self.held.len());
        let shown = self.held.drain(..count).skip(self.redacted);
        self.decided.extend(shown);
        self.redacted = 0;
    }

    /// Redacts the held run: decides its prefix, its id and the mask, and erases the rest.
    fn redact(&mut self) {
        let matched = self.held.iter().skip(SHOWN).fold(0, |matched, &byte| advance(matched, byte));
        self.redacting = Some(matched);
        self.release(SHOWN);
        self.decided.extend_from_slice(MASK);
        self.held.zeroize();
    }
}

/// Returns how many bytes at the end of a run may start a prefix, if that number was `matched` before `digit`.
const fn advance(matched: usize, digit: u8) -> usize {
    match (matched, digit) {
        (_, b'c') => 1,
        (1, b't') => 2,
        (2, b'x') => 3,
        _ => 0,
    }
}

/// Returns the length of the start of `text` in which no key can begin.
fn clear_len(text: &[u8]) -> usize {
    let parts = [&b"ctx"[..], b"ct", b"c"];
    memmem::find(text, PREFIX).unwrap_or_else(|| {
        let part = parts.into_iter().find(|part| text.ends_with(part));
        text.len().saturating_sub(part.map_or(0, <[u8]>::len))
    })
}

fn no_sink() -> io::Error {
    io::Error::other("the writer is finished")
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.drain()?;
        if self.held.is_empty() && self.redacting.is_none() {
            let window = text.get(..WINDOW).unwrap_or(text);
            let clear = window.get(..clear_len(window)).unwrap_or_default();
            if !clear.is_empty() {
                return self.pass(clear);
            }
        }
        let mut taken = 0_usize;
        for &byte in text {
            self.push(byte);
            taken = taken.saturating_add(1);
            if !self.decided.is_empty() {
                break;
            }
        }
        // These bytes are buffered, so report them as written; a persistent error surfaces on the next call.
        let _ = self.drain();
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.sink.as_mut().ok_or_else(no_sink)?.flush()
    }
}

/// Finishes and ignores errors, as [`io::BufWriter`] does. To see them, call [`finish`](Self::finish).
impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        if self.sink.is_some() && !self.panicked {
            let _ = self.end();
        }
    }
}

/// Does not show the text.
impl<W: Write> fmt::Debug for RedactingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactingWriter").finish_non_exhaustive()
    }
}
