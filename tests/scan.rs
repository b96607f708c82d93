//! Finding and hiding keys: all of them, and nothing else.
#![cfg(feature = "std")]

mod common;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    assert_eq!(format!("{finds:?}"), "Finds { .. }");
    assert_eq!(format!("{:?}", finds.next()), "Some(Match(1..53, ctx_8aspm4G7VmSU***))");
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
            assert_eq!(format!("{writer:?}"), "RedactingWriter { .. }");
            drop(writer);
            let rest = scan::redact(text.as_bytes())[passed.len()..].to_vec();
            assert_eq!(sink.0.take(), rest, "dropping finishes: {text:?}");
        }
    }
}

/// A sink that panics may have taken what it was given: dropping the writer must not give it again.
#[test]
fn dropping_after_a_panic_repeats_nothing() {
    struct Panics(Shared);
    impl Write for Panics {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write_all(bytes)?;
            panic!("after it was written");
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // in the second, the writer holds what follows
    for (text, taken) in [(KEY, "ctx_8aspm4G7VmSU***"), ("ctx_8aspctx_", "ctx_8asp")] {
        let sink = Shared::default();
        let mut writer = RedactingWriter::new(Panics(sink.clone()));
        assert!(catch_unwind(AssertUnwindSafe(|| writer.write_all(text.as_bytes()))).is_err());
        drop(writer);
        assert_eq!(sink.0.take(), taken.as_bytes());
    }
}
