//! No error, short write, interruption or panic of the sink makes a `RedactingWriter` lose or repeat a byte.
#![cfg(feature = "std")]

mod common;
#[path = "common/texts.rs"]
mod texts;

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::ops::{Range, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use common::KEY;
use common::models;
use ctx_key::scan::{self, RedactingWriter};
use proptest::prelude::*;
use texts::texts_with_parts_of_keys;

/// A sink with a list of faults. Each call removes the last one: 0 is an interruption, 1 an error, 2 accepts nothing, and
/// 3 accepts one byte.
struct ScriptedSink {
    taken: Vec<u8>,
    faults: Vec<usize>,
}

impl Write for ScriptedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let accepted = match self.faults.pop() {
            Some(0) => return Err(ErrorKind::Interrupted.into()),
            Some(1) => return Err(io::Error::other("the disk is full")),
            Some(2) => return Ok(0),
            Some(3) => bytes.len().min(1),
            _ => bytes.len(),
        };
        self.taken.extend(&bytes[..accepted]);
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.faults.pop();
        Ok(())
    }
}

fn writer_with_faults(faults: Vec<usize>) -> RedactingWriter<ScriptedSink> {
    RedactingWriter::new(ScriptedSink { taken: Vec::new(), faults })
}

proptest! {
    #[test]
    fn a_caller_that_retries_gets_every_byte_written_once(
        text in texts_with_parts_of_keys(),
        cuts in prop::collection::vec(0..60usize, 0..12),
        faults in prop::collection::vec(0..5usize, 0..40),
    ) {
        let mut writer = writer_with_faults(faults);
        let mut rest = &text[..];
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (mut piece, later) = rest.split_at(cut.min(rest.len()));
            while !piece.is_empty() {
                if let Ok(accepted) = writer.write(piece) {
                    piece = &piece[accepted..];
                }
            }
            let _ = writer.flush();
            rest = later;
        }
        // An error of `finish` would drop the sink, so the faults are used up before.
        for _ in 0..40 {
            let _ = writer.flush();
        }
        prop_assert_eq!(writer.finish().unwrap().taken, scan::redact(&text).into_owned());
    }
}

#[test]
fn finish_returns_the_error_of_the_sink() {
    for (fault, kind) in [(1, ErrorKind::Other), (2, ErrorKind::WriteZero)] {
        let mut writer = writer_with_faults(vec![fault]);
        writer.write_all(b"ctx_8aspm4G7VmSU").unwrap();
        assert_eq!(writer.finish().err().map(|error| error.kind()), Some(kind));
    }
}

#[test]
fn finish_retries_an_interrupted_write() {
    let mut writer = writer_with_faults(vec![0]);
    writer.write_all(b"ctx_8aspm4G7VmSU").unwrap();
    assert_eq!(writer.finish().unwrap().taken, b"ctx_8aspm4G7VmSU");
}

/// A sink that breaks the contract of `Write`: it reports more bytes than it was given.
struct OverreportingSink(Vec<u8>);

impl Write for OverreportingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend(bytes);
        Ok(usize::MAX)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_reports_too_many_bytes_has_accepted_all() {
    for text in ["", "a", "ctx_", "ab ctx_8asp", KEY, &format!("{KEY} {KEY}")] {
        let mut writer = RedactingWriter::new(OverreportingSink(Vec::new()));
        for byte in text.as_bytes() {
            assert_eq!(writer.write(&[*byte]).unwrap(), 1);
        }
        assert_eq!(writer.finish().unwrap().0, models::redact(text.as_bytes()), "{text:?}");
    }
}

// ---- every fault, at every call, with every method

/// Every stable `ErrorKind`.
const KINDS: [ErrorKind; 39] = [
    ErrorKind::AddrInUse,
    ErrorKind::AddrNotAvailable,
    ErrorKind::AlreadyExists,
    ErrorKind::ArgumentListTooLong,
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionAborted,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::CrossesDevices,
    ErrorKind::Deadlock,
    ErrorKind::DirectoryNotEmpty,
    ErrorKind::ExecutableFileBusy,
    ErrorKind::FileTooLarge,
    ErrorKind::HostUnreachable,
    ErrorKind::Interrupted,
    ErrorKind::InvalidData,
    ErrorKind::InvalidFilename,
    ErrorKind::InvalidInput,
    ErrorKind::IsADirectory,
    ErrorKind::NetworkDown,
    ErrorKind::NetworkUnreachable,
    ErrorKind::NotADirectory,
    ErrorKind::NotConnected,
    ErrorKind::NotFound,
    ErrorKind::NotSeekable,
    ErrorKind::Other,
    ErrorKind::OutOfMemory,
    ErrorKind::PermissionDenied,
    ErrorKind::QuotaExceeded,
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::ResourceBusy,
    ErrorKind::StaleNetworkFileHandle,
    ErrorKind::StorageFull,
    ErrorKind::TimedOut,
    ErrorKind::TooManyLinks,
    ErrorKind::UnexpectedEof,
    ErrorKind::Unsupported,
    ErrorKind::WouldBlock,
    ErrorKind::WriteZero,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Error(ErrorKind),
    AcceptsNothing,
    AcceptsOneByte,
    /// The sink accepts the bytes, and then panics.
    Panics,
}

fn faults_without_panics() -> impl Iterator<Item = Fault> {
    KINDS.into_iter().map(Fault::Error).chain([Fault::AcceptsNothing, Fault::AcceptsOneByte])
}

/// A sink that has the fault in its calls number `faulty`, counted from 0. Its clones share one state.
#[derive(Clone, Default)]
struct Sink {
    fault: Option<Fault>,
    faulty: Range<usize>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    calls: Cell<usize>,
    taken: RefCell<Vec<u8>>,
    /// True if the last call was a flush without a fault.
    flushed: Cell<bool>,
}

impl Sink {
    fn new(fault: Fault, faulty: Range<usize>) -> Self {
        Self { fault: Some(fault), faulty, ..Self::default() }
    }

    /// Counts a call and returns its fault.
    fn begin_call(&self) -> Option<Fault> {
        self.state.flushed.set(false);
        let call = self.state.calls.replace(self.state.calls.get() + 1);
        self.fault.filter(|_| self.faulty.contains(&call))
    }

    fn taken(&self) -> Vec<u8> {
        self.state.taken.borrow().clone()
    }

    /// Returns whether the writer can pass on the rest: the fault is over, or it is one that the writer retries.
    fn accepts_the_rest(&self) -> bool {
        let is_retried =
            matches!(self.fault, None | Some(Fault::AcceptsOneByte | Fault::Error(ErrorKind::Interrupted)));
        is_retried || self.state.calls.get() >= self.faulty.end
    }

    fn assert_caused(&self, error: &io::Error) {
        match self.fault {
            Some(Fault::Error(kind)) => {
                assert_eq!((error.kind(), &*error.to_string()), (kind, "error of the sink"))
            }
            fault => assert_eq!((fault, error.kind()), (Some(Fault::AcceptsNothing), ErrorKind::WriteZero)),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.begin_call();
        let accepted = match fault {
            Some(Fault::Error(kind)) => return Err(io::Error::new(kind, "error of the sink")),
            Some(Fault::AcceptsNothing) => 0,
            Some(Fault::AcceptsOneByte) => bytes.len().min(1),
            Some(Fault::Panics) | None => bytes.len(),
        };
        self.state.taken.borrow_mut().extend(&bytes[..accepted]);
        if fault == Some(Fault::Panics) {
            resume_unwind(Box::new(()));
        }
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(Fault::Error(kind)) = self.begin_call() {
            return Err(io::Error::new(kind, "error of the sink"));
        }
        self.state.flushed.set(true);
        Ok(())
    }
}

type Writer = RedactingWriter<Sink>;

/// A method that writes: its line in `tests/contract/api.txt`, whether an error means that it accepted nothing, and a
/// call of it.
type Method = (&'static str, bool, fn(&mut Writer, &str) -> io::Result<usize>);

/// The last use of a writer: its line in `tests/contract/api.txt`, and a call of it.
type End = (&'static str, fn(Writer) -> io::Result<()>);

const FINISH: &str = "pub fn ctx_key::scan::RedactingWriter<W>::finish(self) -> std::io::error::Result<W>";
const IMPL_WRITE: &str = "impl<W: std::io::Write> std::io::Write for ctx_key::scan::RedactingWriter<W>";

#[rustfmt::skip] // a line for each
const METHODS: [Method; 4] = [
    ("pub fn ctx_key::scan::RedactingWriter<W>::write(&mut self, &[u8]) -> std::io::error::Result<usize>", true, |writer, text| writer.write(text.as_bytes())),
    (IMPL_WRITE, true, |writer, text| writer.write_vectored(&halves(text).map(|half| IoSlice::new(half.as_bytes())))),
    (IMPL_WRITE, false, |writer, text| writer.write_all(text.as_bytes()).map(|()| text.len())),
    (IMPL_WRITE, false, |writer, text| { let [a, b] = halves(text); write!(writer, "{a}{b}").map(|()| text.len()) }),
];

#[rustfmt::skip] // a line for each
const ENDS: [End; 2] = [
    (FINISH, |writer| writer.finish().map(drop)),
    ("impl<W: std::io::Write> core::ops::drop::Drop for ctx_key::scan::RedactingWriter<W>", |writer| { drop(writer); Ok(()) }),
];

fn halves(text: &str) -> [&str; 2] {
    let (first, second) = text.split_at(text.len() / 2);
    [first, second]
}

/// A caller that writes a text in pieces of one length.
struct Caller {
    text: &'static str,
    piece: usize,
    /// True if it flushes after each piece.
    flushes: bool,
    method: Method,
    end: End,
    /// For the first 0, 1, 2, … bytes of the text: their redaction, and the number of its bytes that are decided.
    redacted: Vec<(Vec<u8>, usize)>,
}

/// The number of bytes that were accepted, as exactly as the caller can know it, and the error that stopped the caller.
type Written = (RangeInclusive<usize>, io::Result<()>);

impl Caller {
    fn all() -> Vec<Self> {
        let texts = [
            "key=ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9; ctx ctx_8asp",
            "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEctx_8aspm4G7VmSUfOoD6V1vrORcmn0iS",
            "nothing to hide: cctx_8ctx_no\n",
        ];
        let mut callers = Vec::new();
        for (text, (piece, flushes)) in texts.into_iter().flat_map(|text| {
            [(1, true), (7, true), (7, false), (100, true), (100, false)].map(|pieces| (text, pieces))
        }) {
            for (method, end) in METHODS.into_iter().flat_map(|method| ENDS.map(|end| (method, end))) {
                let redacted =
                    (0..=text.len()).map(|end| redacted_and_decided(&text.as_bytes()[..end])).collect();
                callers.push(Self { text, piece, flushes, method, end, redacted });
            }
        }
        callers
    }

    /// Writes the text. Stops at the first error, or retries after each.
    fn write(&self, writer: &mut Writer, sink: &Sink, retries: bool) -> Written {
        let (_, is_exact, write) = self.method;
        let mut accepted = 0;
        while accepted < self.text.len() {
            let end = self.text.len().min((accepted / self.piece + 1) * self.piece);
            match write(writer, &self.text[accepted..end]) {
                Ok(0) if !retries => return (accepted..=accepted, Err(ErrorKind::WriteZero.into())),
                Ok(count) => accepted += count,
                Err(_) if retries => {}
                Err(error) => return (accepted..=if is_exact { accepted } else { end }, Err(error)),
            }
            while self.flushes
                && let Err(error) = writer.flush()
            {
                if !retries {
                    return (accepted..=accepted, Err(error));
                }
            }
            if self.flushes {
                let (_, decided) = self.redacted[accepted];
                assert!(sink.state.flushed.get() && sink.taken().len() >= decided);
            }
        }
        (accepted..=accepted, Ok(()))
    }

    /// Asserts that the sink has each byte once and in order, as far as it accepted any. Returns the number of its calls.
    fn assert_nothing_is_lost(&self, sink: &Sink, retries: bool) -> usize {
        let mut writer = RedactingWriter::new(sink.clone());
        let (accepted, written) = self.write(&mut writer, sink, retries);
        assert!(self.redacted[self.text.len()].0.starts_with(&sink.taken()));
        match written {
            Ok(()) => assert_eq!(accepted, self.text.len()..=self.text.len()),
            Err(error) => sink.assert_caused(&error),
        }
        let accepts_the_rest = sink.accepts_the_rest();
        let ended = self.end.1(writer);
        let taken = sink.taken();
        let mut redactions = self.redacted[accepted].iter();
        // `drop` hides its error, so only `finish` shows that everything was written.
        if accepts_the_rest || (ended.is_ok() && self.end.0 == FINISH) {
            assert!(ended.is_ok() && redactions.any(|(redacted, _)| *redacted == taken));
        } else {
            assert!(redactions.any(|(redacted, _)| redacted.starts_with(&taken)));
            ended.unwrap_or_else(|error| sink.assert_caused(&error));
        }
        sink.state.calls.get()
    }
}

/// Returns the redaction of a text, and the number of its bytes that are decided. Undecided are the bytes that a writer
/// must hold back: those that are shown of the longest tail that may be the start of a run.
fn redacted_and_decided(text: &[u8]) -> (Vec<u8>, usize) {
    let may_start = |end: &[u8]| {
        let is_short = |run: &[u8]| run.len() < 30 && run.iter().all(u8::is_ascii_alphanumeric);
        b"ctx_".starts_with(end) || end.strip_prefix(b"ctx_").is_some_and(is_short)
    };
    let start = (0..=text.len()).find(|&start| may_start(&text[start..])).unwrap();
    let shown = models::hidden(text)[start..].iter().filter(|hidden| !**hidden).count();
    let redacted = models::redact(text);
    let decided = redacted.len() - shown;
    (redacted, decided)
}

/// The sink fails once, twice or permanently, from each of its calls on, with each kind of error. One caller stops at the
/// error, and one retries.
#[test]
fn no_error_of_the_sink_loses_or_repeats_a_byte() {
    for caller in Caller::all() {
        let calls = caller.assert_nothing_is_lost(&Sink::default(), false);
        for (call, fault) in
            (0..calls).flat_map(|call| faults_without_panics().map(move |fault| (call, fault)))
        {
            // An interrupted write is retried until it succeeds, as `write_all` does, so the interruptions must end.
            let ends = fault == Fault::Error(ErrorKind::Interrupted);
            for faulty in [call..call + 1, call..call + 2, call..if ends { call + 3 } else { usize::MAX }] {
                for retries in [false, true] {
                    let (_, is_exact, _) = caller.method;
                    if retries && !(is_exact && faulty.end < usize::MAX) {
                        continue;
                    }
                    let sink = Sink::new(fault, faulty.clone());
                    let check = || caller.assert_nothing_is_lost(&sink, retries);
                    assert!(catch_unwind(AssertUnwindSafe(check)).is_ok(), "{fault:?} at {faulty:?}");
                }
            }
        }
    }
}

/// A sink that panicked may have accepted the bytes, so dropping the writer must not write them again.
#[test]
fn no_panic_of_the_sink_repeats_a_byte() {
    for caller in Caller::all() {
        let calls = caller.assert_nothing_is_lost(&Sink::default(), false);
        for call in 0..calls {
            let sink = Sink::new(Fault::Panics, call..call + 1);
            let mut writer = RedactingWriter::new(sink.clone());
            let write = || caller.write(&mut writer, &sink, false);
            let panicked = catch_unwind(AssertUnwindSafe(write)).is_err();
            let taken = sink.taken();
            let _ = catch_unwind(AssertUnwindSafe(|| caller.end.1(writer)));
            assert!(caller.redacted[caller.text.len()].0.starts_with(&sink.taken()));
            assert!(!panicked || caller.end.0 == FINISH || sink.taken() == taken);
        }
    }
}
