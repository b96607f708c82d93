//! Finding and hiding keys: all of them, and nothing else.
#![cfg(feature = "std")]

mod common;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::ops::{Range, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use common::{KEY, models, vectors};
use ctx_key::ApiKey;
use ctx_key::scan::{self, RedactingWriter};
use proptest::prelude::*;

fn ranges(text: &[u8]) -> Vec<Range<usize>> {
    scan::find_iter(text).map(|found| found.range()).collect()
}

/// What goes through the writer, cut at these places and flushed at some.
fn written(text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut writer = RedactingWriter::new(Vec::new());
    let mut rest = text;
    for &cut in cuts {
        let (now, later) = rest.split_at(cut.min(rest.len()));
        writer.write_all(now).unwrap();
        if cut % 3 == 0 {
            writer.flush().unwrap();
        }
        rest = later;
    }
    writer.write_all(rest).unwrap();
    writer.finish().unwrap()
}

#[test]
fn leaks_are_found_and_hidden_as_written() {
    let cases = vectors("leaks");
    for case in &cases {
        let bytes = |name: &str| -> Vec<u8> {
            case[name].as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
        };
        let (text, redacted) = (bytes("text"), bytes("redacted"));
        let finds: Vec<Range<usize>> = serde_json::from_value::<Vec<[usize; 2]>>(case["finds"].clone())
            .unwrap()
            .iter()
            .map(|&[a, b]| a..b)
            .collect();
        assert_eq!(ranges(&text), finds, "{case}");
        for found in scan::find_iter(&text) {
            assert_eq!(found.as_bytes(), &text[found.range()]);
            assert_eq!(ApiKey::parse(found.as_bytes()).as_ref(), Ok(&found.key()));
            assert_eq!(found.id(), found.key().id());
        }
        assert_eq!(scan::redact(&text), redacted, "{case}");
        assert_eq!(scan::redact(&redacted), redacted, "twice is once: {case}");
        assert_eq!(written(&text, &[]), redacted, "{case}");
        for cut in 0..=text.len() {
            assert_eq!(written(&text, &[cut]), redacted, "cut at {cut}: {case}");
        }
        assert_eq!(written(&text, &vec![1; text.len()]), redacted, "byte by byte: {case}");
    }
    assert_eq!(cases.len(), 118);
}

/// Text in which much of what matters happens.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(KEY.as_bytes().to_vec()),
        Just(KEY.as_bytes()[..51].to_vec()),
        (0..52usize).prop_map(|length| KEY.as_bytes()[..length].to_vec()),
        Just(b"ctx_".to_vec()),
        Just(b"ctx".to_vec()),
        Just(b"_".to_vec()),
        Just(b"c".to_vec()),
        (0..40usize).prop_map(|length| vec![b'a'; length]),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {

    #[test]
    fn finds_are_the_model_s(text in text()) {
        prop_assert_eq!(ranges(&text), models::finds(&text));
    }

    #[test]
    fn redaction_is_the_model_s_and_idempotent(text in text()) {
        let redacted = scan::redact(&text);
        prop_assert_eq!(&*redacted, models::redact(&text));
        prop_assert_eq!(scan::redact(&redacted), &*redacted);
        prop_assert_eq!(ranges(&redacted), []);
    }

    #[test]
    fn the_writer_writes_what_redact_returns(text in text(), cuts in prop::collection::vec(0..60usize, 0..12)) {
        prop_assert_eq!(written(&text, &cuts), scan::redact(&text).into_owned());
    }

    #[test]
    fn a_faulty_sink_loses_and_repeats_nothing(
        text in text(),
        cuts in prop::collection::vec(0..60usize, 0..12),
        faults in prop::collection::vec(0..5usize, 0..40),
    ) {
        let mut writer = RedactingWriter::new(Faulty { taken: Vec::new(), faults });
        let mut rest = &text[..];
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (mut now, later) = rest.split_at(cut.min(rest.len()));
            while !now.is_empty() {
                // what a caller does that goes on after an error
                if let Ok(taken) = writer.write(now) {
                    now = &now[taken..];
                }
            }
            let _ = writer.flush();
            rest = later;
        }
        let sink = finished(writer);
        prop_assert_eq!(sink.taken, scan::redact(&text).into_owned());
    }

    #[test]
    fn text_is_redacted_as_bytes_are(text in "[ctx_a-z0-9\u{e9}\u{6f22} ]{0,80}", before in ".{0,10}", length in 0..52usize) {
        let text = format!("{before}{}{text}", &KEY[..length]);
        let (as_text, as_bytes) = (scan::redact_str(&text), scan::redact(text.as_bytes()));
        prop_assert_eq!(as_text.as_bytes(), &*as_bytes);
    }
}

/// An error of `finish` drops the sink, and what it took: so the faults end before.
fn finished(mut writer: RedactingWriter<Faulty>) -> Faulty {
    for _ in 0..40 {
        let _ = writer.flush();
    }
    writer.finish().unwrap()
}

#[test]
fn finish_reports_what_the_sink_refuses() {
    for (fault, kind) in [(1, io::ErrorKind::Other), (2, io::ErrorKind::WriteZero)] {
        let mut writer = RedactingWriter::new(Faulty { taken: Vec::new(), faults: vec![fault] });
        writer.write_all(b"ctx_8aspm4G7VmSU").unwrap();
        assert_eq!(writer.finish().err().map(|error| error.kind()), Some(kind));
    }
}

/// Takes a part, is interrupted, fails, or takes nothing, as told.
struct Faulty {
    taken: Vec<u8>,
    faults: Vec<usize>,
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = match self.faults.pop() {
            Some(0) => return Err(io::ErrorKind::Interrupted.into()),
            Some(1) => return Err(io::Error::other("the disk is full")),
            Some(2) => return Ok(0),
            Some(3) => bytes.len().min(1),
            _ => bytes.len(),
        };
        self.taken.extend(&bytes[..part]);
        Ok(part)
    }

    /// Uses one fault up.
    fn flush(&mut self) -> io::Result<()> {
        self.faults.pop();
        Ok(())
    }
}

#[test]
fn borrowed_if_there_is_nothing_to_hide() {
    for text in ["", "ctx_", "ctx_your_api_key_here", "let ctx_switch_count = 3;", "ctx_8aspm4G7VmSU***"] {
        assert!(matches!(scan::redact(text.as_bytes()), Cow::Borrowed(_)), "{text}");
        assert!(matches!(scan::redact_str(text), Cow::Borrowed(_)), "{text}");
    }
    assert!(matches!(scan::redact_str(KEY), Cow::Owned(_)));
}

/// An interruption is no refusal.
#[test]
fn finish_goes_on_after_an_interruption() {
    let mut writer = RedactingWriter::new(Faulty { taken: Vec::new(), faults: vec![0] });
    writer.write_all(b"ctx_8aspm4G7VmSU").unwrap();
    assert_eq!(writer.finish().unwrap().taken, b"ctx_8aspm4G7VmSU");
}

/// Text that no key can begin in is not taken byte by byte, and neither is what is held.
#[test]
fn a_write_takes_what_it_can() {
    let mut writer = RedactingWriter::new(io::sink());
    assert_eq!(writer.write(&[b'x'; 70_000]).unwrap(), 65_536);
    assert_eq!(writer.write(b"ctx_8asp").unwrap(), 8);
}

#[test]
fn what_is_shown_of_a_find() {
    let text = format!("={KEY}");
    let mut finds = scan::find_iter(text.as_bytes());
    assert_eq!(format!("{finds:?} {finds:#?}"), "Finds { .. } Finds { .. }");
    let find = finds.next().unwrap();
    let shown = "Match(1..53, ctx_8aspm4G7VmSU***)";
    assert_eq!([format!("{find:?}"), format!("{find:#?}")], [shown, shown]);
}

/// The writer searches long texts piece by piece.
#[test]
fn keys_across_pieces_of_a_long_text() {
    for before in (65_536 - 60..65_536 + 10).chain(131_072 - 60..131_072 + 10) {
        let text = [&vec![b'x'; before][..], KEY.as_bytes(), &[b' '; 70_000]].concat();
        assert!(written(&text, &[]) == *scan::redact(&text), "{before}");
    }
}

/// A sink that can be looked at while the writer has it.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_undecided_is_held_and_what_is_decided_is_not() {
    for (text, passed) in [
        ("a", "a"),
        ("ab ct", "ab "),
        ("ab ctx_", "ab "),
        ("ab ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iS", "ab "),
        ("ab ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSH", "ab ctx_8aspm4G7VmSU***"),
        ("ab ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHctx", "ab ctx_8aspm4G7VmSU***"),
        ("ab ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHctx_", "ab ctx_8aspm4G7VmSU***"),
        ("ab ctx_8aspm4G7VmSU\n", "ab ctx_8aspm4G7VmSU\n"),
    ] {
        for flushed in [false, true] {
            let sink = Shared::default();
            let mut writer = RedactingWriter::new(sink.clone());
            writer.write_all(text.as_bytes()).unwrap();
            if flushed {
                writer.flush().unwrap();
            }
            assert_eq!(sink.0.take(), passed.as_bytes(), "{text:?}");
            let shown = "RedactingWriter { .. }";
            assert_eq!([format!("{writer:?}"), format!("{writer:#?}")], [shown, shown]);
            drop(writer);
            let rest = scan::redact(text.as_bytes())[passed.len()..].to_vec();
            assert_eq!(sink.0.take(), rest, "dropping finishes: {text:?}");
        }
    }
}

// ---- a sink that fails

/// Every stable kind of error.
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
    TakesNothing,
    TakesOneByte,
    /// The sink takes the bytes, and then panics.
    Panics,
}

/// Every fault but a panic.
fn faults() -> impl Iterator<Item = Fault> {
    KINDS.into_iter().map(Fault::Error).chain([Fault::TakesNothing, Fault::TakesOneByte])
}

/// A sink with a fault at some of its calls.
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
    /// The last call was a flush without a fault.
    flushed: Cell<bool>,
}

impl Sink {
    fn new(fault: Fault, faulty: Range<usize>) -> Self {
        Self { fault: Some(fault), faulty, ..Self::default() }
    }

    /// Counts a call, and returns its fault.
    fn call(&self) -> Option<Fault> {
        self.state.flushed.set(false);
        let call = self.state.calls.replace(self.state.calls.get() + 1);
        self.fault.filter(|_| self.faulty.contains(&call))
    }

    fn taken(&self) -> Vec<u8> {
        self.state.taken.borrow().clone()
    }

    /// Returns whether no call from now on stops the writer.
    fn is_sound(&self) -> bool {
        let goes_on =
            matches!(self.fault, None | Some(Fault::TakesOneByte | Fault::Error(ErrorKind::Interrupted)));
        goes_on || self.state.calls.get() >= self.faulty.end
    }

    fn assert_is_of_sink(&self, error: &io::Error) {
        match self.fault {
            Some(Fault::Error(kind)) => {
                assert_eq!((error.kind(), &*error.to_string()), (kind, "of the sink"))
            }
            fault => assert_eq!((fault, error.kind()), (Some(Fault::TakesNothing), ErrorKind::WriteZero)),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.call();
        let taken = match fault {
            Some(Fault::Error(kind)) => return Err(io::Error::new(kind, "of the sink")),
            Some(Fault::TakesNothing) => 0,
            Some(Fault::TakesOneByte) => bytes.len().min(1),
            Some(Fault::Panics) | None => bytes.len(),
        };
        self.state.taken.borrow_mut().extend(&bytes[..taken]);
        if fault == Some(Fault::Panics) {
            resume_unwind(Box::new(()));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(Fault::Error(kind)) = self.call() {
            return Err(io::Error::new(kind, "of the sink"));
        }
        self.state.flushed.set(true);
        Ok(())
    }
}

type Writer = RedactingWriter<Sink>;

/// A method that writes, and whether its error says that nothing of the piece was accepted.
type Method = (&'static str, bool, fn(&mut Writer, &str) -> io::Result<usize>);

/// The end of a writer.
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

/// What a caller writes, by which method, in pieces of which length, and how it ends.
struct Caller {
    text: &'static str,
    piece: usize,
    flushes: bool,
    method: Method,
    end: End,
    /// For the first bytes of the text, in each number: their redaction, and how much of it is decided.
    redacted: Vec<(Vec<u8>, usize)>,
}

/// Bytes that were accepted, as far as the caller knows, and the error that stopped it.
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

    /// Writes the text until an error, or tries again after each.
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

    /// Asserts what a caller relies on. Returns the number of calls of the sink.
    fn assert_nothing_is_lost(&self, sink: &Sink, retries: bool) -> usize {
        let mut writer = RedactingWriter::new(sink.clone());
        let (accepted, written) = self.write(&mut writer, sink, retries);
        assert!(self.redacted[self.text.len()].0.starts_with(&sink.taken()));
        match written {
            Ok(()) => assert_eq!(accepted, self.text.len()..=self.text.len()),
            Err(error) => sink.assert_is_of_sink(&error),
        }
        let sound = sink.is_sound();
        let ended = self.end.1(writer);
        let taken = sink.taken();
        let mut redactions = self.redacted[accepted].iter();
        // Dropping hides the error after which nothing is tried again.
        if sound || (ended.is_ok() && self.end.0 == FINISH) {
            assert!(ended.is_ok() && redactions.any(|(redacted, _)| *redacted == taken));
        } else {
            assert!(redactions.any(|(redacted, _)| redacted.starts_with(&taken)));
            ended.unwrap_or_else(|error| sink.assert_is_of_sink(&error));
        }
        sink.state.calls.get()
    }
}

/// Returns the redaction of a text, and how much of it is decided: all but what is shown of the longest end that may be
/// the start of a run.
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

/// A sink that fails once, several times or for ever, from each of its calls on, with each kind of error, under a caller
/// that stops and one that tries again.
#[test]
fn no_error_of_the_sink_loses_or_repeats_a_byte() {
    for caller in Caller::all() {
        let calls = caller.assert_nothing_is_lost(&Sink::default(), false);
        for (call, fault) in (0..calls).flat_map(|call| faults().map(move |fault| (call, fault))) {
            // An interrupted write is tried again as long as it is interrupted, as `write_all` does.
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

/// A sink that panicked may have taken what it was given: dropping the writer must not give it again.
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

/// A sink that breaks the rules of `Write`.
struct Boastful(Shared);

impl Write for Boastful {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        Ok(usize::MAX)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_claims_too_many_bytes_has_taken_all() {
    for text in ["", "a", "ctx_", "ab ctx_8asp", KEY, &format!("{KEY} {KEY}")] {
        let sink = Shared::default();
        let mut writer = RedactingWriter::new(Boastful(sink.clone()));
        for byte in text.as_bytes() {
            assert_eq!(writer.write(&[*byte]).unwrap(), 1);
        }
        writer.finish().unwrap();
        assert_eq!(sink.0.take(), models::redact(text.as_bytes()), "{text:?}");
    }
}
