//! Hiding keys in a stream: [`RedactingWriter`].

use std::fmt;
use std::io::{self, Write};
use std::vec::Vec;

use memchr::memmem;
use zeroize::Zeroize;

use super::{HIDDEN_FROM, MASK, SHOWN};
use crate::alphabet::is_digit;
use crate::key::PREFIX;

/// How much is searched at once: a sink that takes a byte at a time must not make it the whole text each time.
const WINDOW: usize = 1 << 16;

/// A writer that passes everything on, with keys hidden as [`redact`](super::redact) hides them.
///
/// The bytes are the same however the text is cut into writes, and wherever [`flush`](Write::flush) is called: that
/// passes on what is decided and flushes the sink. The undecided end (33 bytes at most) is held until more
/// comes, until [`finish`](Self::finish), or until the writer is dropped; then it is passed on, as it is no key.
///
/// An error of the sink, a short write or an interruption loses and repeats nothing: what was taken is kept and passed
/// on with the next call. Text without a prefix in it goes to the sink as it came, without a copy.
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
    /// There until `finish` takes it.
    sink: Option<W>,
    /// The undecided end: a part of the prefix, or the prefix and a run that is not long enough yet.
    held: Vec<u8>,
    /// How many bytes of `held` are the end of a run that is hidden.
    hidden: usize,
    /// Inside a run that is hidden: how many bytes of the prefix it ends in.
    hiding: Option<usize>,
    /// What is decided and was not passed on yet.
    decided: Vec<u8>,
    /// The sink panicked in a write, and nobody knows what it took: dropping must not repeat it.
    panicked: bool,
}

impl<W: Write> RedactingWriter<W> {
    /// A writer in front of `sink`.
    ///
    /// ```
    /// # use ctx_key::scan::RedactingWriter;
    /// let log = RedactingWriter::new(std::io::stderr());
    /// ```
    #[must_use]
    pub fn new(sink: W) -> Self {
        let (held, decided) =
            (Vec::with_capacity(SHOWN + HIDDEN_FROM), Vec::with_capacity(SHOWN + HIDDEN_FROM));
        Self { sink: Some(sink), held, hidden: 0, hiding: None, decided, panicked: false }
    }

    /// Passes on what is held, as there comes no more, and gives the sink back. It is not flushed.
    ///
    /// # Errors
    ///
    /// The sink's. The sink is dropped then.
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
        self.hiding = None;
        self.drain()
    }

    /// Passes on what is decided.
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

    /// One write of the sink.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sink = self.sink.as_mut().ok_or_else(no_sink)?;
        self.panicked = true;
        let written = sink.write(bytes);
        self.panicked = false;
        written.map(|written| written.min(bytes.len()))
    }

    fn take(&mut self, byte: u8) {
        if let Some(matched) = self.hiding {
            self.hiding = is_digit(byte).then(|| advance(matched, byte));
            if self.hiding.is_some() {
                return;
            }
            if byte == b'_' && matched == 3 {
                self.held.extend_from_slice(PREFIX);
                self.hidden = 3;
                return;
            }
        }
        match self.held.get(PREFIX.len()..) {
            None if PREFIX.get(self.held.len()) == Some(&byte) => self.held.push(byte),
            Some(run) if is_digit(byte) => {
                let is_long = run.len().saturating_add(1) >= HIDDEN_FROM;
                self.held.push(byte);
                if is_long {
                    self.hide();
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

    /// Decides that the first `count` held bytes are shown.
    fn release(&mut self, count: usize) {
        let shown = self.held.drain(..count.min(self.held.len())).skip(self.hidden);
        self.decided.extend(shown);
        self.hidden = 0;
    }

    /// Decides that the held run is hidden.
    fn hide(&mut self) {
        let matched = self.held.iter().skip(SHOWN).fold(0, |matched, &byte| advance(matched, byte));
        self.hiding = Some(matched);
        self.release(SHOWN);
        self.decided.extend_from_slice(MASK);
        self.held.zeroize();
    }
}

/// How many bytes of the prefix end in `digit`, after `matched` of them.
const fn advance(matched: usize, digit: u8) -> usize {
    match (matched, digit) {
        (_, b'c') => 1,
        (1, b't') => 2,
        (2, b'x') => 3,
        _ => 0,
    }
}

/// How much of the beginning of `text` no key can begin in.
fn clear_len(text: &[u8]) -> usize {
    let parts = [&b"ctx"[..], b"ct", b"c"];
    memmem::find(text, PREFIX).unwrap_or_else(|| {
        let part = parts.into_iter().find(|part| text.ends_with(part));
        text.len().saturating_sub(part.map_or(0, <[u8]>::len))
    })
}

fn no_sink() -> io::Error {
    io::Error::other("the sink was given back")
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.drain()?;
        if self.held.is_empty() && self.hiding.is_none() {
            let window = text.get(..WINDOW).unwrap_or(text);
            let clear = window.get(..clear_len(window)).unwrap_or_default();
            if !clear.is_empty() {
                return self.pass(clear);
            }
        }
        let mut taken = 0_usize;
        for &byte in text {
            self.take(byte);
            taken = taken.saturating_add(1);
            if !self.decided.is_empty() {
                break;
            }
        }
        // What was taken is taken: an error that lasts comes with the next call.
        let _ = self.drain();
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.sink.as_mut().ok_or_else(no_sink)?.flush()
    }
}

/// Finishes, and ignores errors, as [`io::BufWriter`] does: call [`finish`](Self::finish) to see them.
impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        if self.sink.is_some() && !self.panicked {
            let _ = self.end();
        }
        self.held.zeroize();
    }
}

/// Shows nothing of the text.
impl<W: Write> fmt::Debug for RedactingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactingWriter").finish_non_exhaustive()
    }
}
