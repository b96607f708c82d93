//! A `RedactingWriter` writes what `redact` returns, however its input is split. It holds back only what may be the start
//! of a key.
#![cfg(feature = "std")]

mod common;
#[path = "common/texts.rs"]
mod texts;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use common::models;
use common::{KEY, latin_1, lengths, vectors};
use ctx_key::scan::{self, RedactingWriter};
use proptest::prelude::*;
use texts::texts_with_parts_of_keys;

/// Writes `text` in pieces of the lengths `cuts`, and the rest in one piece. Flushes after every third of the lengths.
fn written(text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut writer = RedactingWriter::new(Vec::new());
    let mut rest = text;
    for &cut in cuts {
        let (piece, later) = rest.split_at(cut.min(rest.len()));
        writer.write_all(piece).unwrap();
        if cut % 3 == 0 {
            writer.flush().unwrap();
        }
        rest = later;
    }
    writer.write_all(rest).unwrap();
    writer.finish().unwrap()
}

#[test]
fn leaks_are_redacted_wherever_the_text_is_cut() {
    for case in vectors("leaks") {
        let (text, redacted) = (latin_1(&case["text"]), latin_1(&case["redacted"]));
        for cut in 0..=text.len() {
            assert_eq!(written(&text, &[cut]), redacted, "cut at {cut}: {case}");
        }
        assert_eq!(written(&text, &vec![1; text.len()]), redacted, "byte by byte: {case}");
    }
}

#[test]
fn a_text_in_pieces_of_any_length_is_redacted() {
    let line = format!("GET /?key%3D{KEY}&page=2 ctx_ c ct ctx {}\n{KEY}{}", &KEY[..33], &KEY[..34]);
    let text = line.repeat(140_000 / line.len()).into_bytes();
    let expected = models::redact(&text);
    for length in lengths(1).skip(1) {
        let mut writer = RedactingWriter::new(Vec::new());
        text.chunks(length).for_each(|piece| writer.write_all(piece).unwrap());
        assert!(writer.finish().unwrap() == expected, "{length}");
    }
}

/// The writer searches at most 64 KiB at a time, so the keys lie around the ends of such a window.
#[test]
fn a_key_across_two_windows_of_the_search_is_redacted() {
    for before in (65_536 - 60..65_536 + 10).chain(131_072 - 60..131_072 + 10) {
        let text = [&vec![b'x'; before][..], KEY.as_bytes(), &[b' '; 70_000]].concat();
        assert!(written(&text, &[]) == *scan::redact(&text), "{before}");
    }
}

proptest! {
    #[test]
    fn the_output_is_the_same_however_the_text_is_cut_and_flushed(
        text in texts_with_parts_of_keys(),
        cuts in prop::collection::vec(0..60usize, 0..12),
    ) {
        prop_assert_eq!(written(&text, &cuts), scan::redact(&text).into_owned());
    }
}

#[test]
fn a_write_accepts_more_than_one_byte() {
    let mut writer = RedactingWriter::new(io::sink());
    assert_eq!(writer.write(&[b'x'; 70_000]).unwrap(), 65_536, "a text in which no key can begin");
    assert_eq!(writer.write(b"ctx_8asp").unwrap(), 8, "a text that is held back");
}

/// A sink whose content can be examined while the writer owns it.
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
fn only_the_possible_start_of_a_key_is_held_back_and_dropping_writes_it() {
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
            drop(writer);
            let held = scan::redact(text.as_bytes())[passed.len()..].to_vec();
            assert_eq!(sink.0.take(), held, "{text:?}");
        }
    }
}

#[test]
fn debug_of_a_writer_shows_no_text() {
    let mut writer = RedactingWriter::new(io::sink());
    writer.write_all(&KEY.as_bytes()[..33]).unwrap();
    assert_eq!(format!("{writer:?} {writer:#?}"), "RedactingWriter { .. } RedactingWriter { .. }");
}
