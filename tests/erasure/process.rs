//! The whole process holds no piece of a key that was dropped, except where the key came from.
//!
//! Each case runs in a child process, which is this test program again.

use std::hint::black_box;
use std::io::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ctx_key::{ApiKey, scan};

use crate::REFUSED;
use crate::common::KEY;
use crate::memory::{Memory, PIECE, Pieces, call_deep, scrub_stack};
use crate::ways::WAYS;

/// Returns the ranges of memory that this process can write to. `without_environment` leaves out the environment with
/// which the process was started, because the library cannot erase it. It lies in the mapping of the first stack.
fn writable_memory(without_environment: bool) -> Vec<Range<usize>> {
    let statistics = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The start and the end are fields 50 and 51 of proc(5). The first field after the name is field 3.
    let (_, fields) = statistics.rsplit_once(')').unwrap();
    let mut environment = fields.split_whitespace().skip(50 - 3).map(|field| field.parse().unwrap());
    let (from, to): (usize, usize) = (environment.next().unwrap(), environment.next().unwrap());
    assert!(from < to, "the kernel shows where the environment is");

    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut parts = Vec::new();
    for line in mappings.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap());
        match rest.starts_with("rw") {
            true if without_environment => {
                parts.extend([start..from.clamp(start, end), to.clamp(start, end)..end]);
            }
            true => parts.push(start..end),
            false => {}
        }
    }
    parts
}

/// Values that a child keeps during its search.
#[derive(Default)]
struct Kept {
    key: Option<ApiKey>,
    writer: Option<scan::RedactingWriter<Sink>>,
    #[cfg(feature = "http")]
    header: Option<http::HeaderValue>,
}

/// A sink that stores nothing.
enum Sink {
    Accepts,
    Fails,
    Panics,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Accepts => Ok(bytes.len()),
            Self::Fails => Err(std::io::ErrorKind::StorageFull.into()),
            Self::Panics => resume_unwind(Box::new(())),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Returns a writer that holds back as much of a key as it may, after a write of `rest`.
fn writer_holding_a_key(sink: Sink, rest: &[u8]) -> scan::RedactingWriter<Sink> {
    let mut writer = scan::RedactingWriter::new(sink);
    writer.write_all(&KEY.as_bytes()[..33]).unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| writer.write(rest)));
    writer
}

/// Does nothing, except in a process that `pieces_in_child` starts, with the key in its environment. There it runs one
/// case and prints how many pieces of the key are in its memory afterwards. All other allocations come before the case,
/// because they could overwrite what it leaves. The stack is overwritten after it, because moves leave copies there.
#[test]
fn child() {
    let Ok(case) = std::env::var("ERASURE_CASE") else { return };
    let memory = Memory::open().unwrap();
    let pieces = Pieces::of(&KEY.as_bytes()[16..51]);
    let parts = writable_memory(case != "environment");
    // This buffer is mapped after the parts were listed, so it is not searched.
    let mut buffer = vec![0; parts.iter().map(Range::len).max().unwrap()];
    let mut kept = Box::new(Kept::default());

    call_deep(|| match &*case {
        "dropped" => drop(black_box(ApiKey::from_env().unwrap())),
        "refused" => drop(black_box(ApiKey::from_env().unwrap_err())),
        "kept" => kept.key = ApiKey::from_env().ok(),
        "environment" => {}
        "not erased" => drop(black_box(std::env::var("MEMORYKIT_API_KEY").unwrap())),
        #[cfg(feature = "http")]
        "in a header" => kept.header = Some(ApiKey::parse(KEY).unwrap().to_header_value()),
        "held back" => kept.writer = Some(writer_holding_a_key(Sink::Accepts, b"")),
        "redacted" => kept.writer = Some(writer_holding_a_key(Sink::Accepts, &KEY.as_bytes()[33..])),
        "held back, then dropped" => drop(writer_holding_a_key(Sink::Accepts, b"")),
        "held back, then finished" => drop(writer_holding_a_key(Sink::Accepts, b"").finish()),
        "held back, then refused by the sink" => drop(writer_holding_a_key(Sink::Fails, b"").finish()),
        "decided, then refused by the sink" => drop(writer_holding_a_key(Sink::Fails, b"\n")),
        "held back after a panic" => {
            let mut writer = writer_holding_a_key(Sink::Panics, b"\n");
            writer.write_all(&KEY.as_bytes()[..33]).unwrap();
        }
        "panic of the sink in drop" => _ = catch_unwind(|| drop(writer_holding_a_key(Sink::Panics, b""))),
        item => {
            let (_, make) = WAYS.iter().find(|(way, _)| *way == item).expect("no case has this name");
            drop(black_box(make()));
        }
    });
    scrub_stack();

    let mut found = 0;
    for part in parts {
        let bytes = &mut buffer[..part.len()];
        memory.read(part.start, bytes);
        found += pieces.count_in(bytes);
    }
    println!("<{found}>");
    drop(black_box(kept));
}

fn pieces_in_child(case: &str, value: &str) -> usize {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::child", "--nocapture"]);
    let output = command.env("ERASURE_CASE", case).env("MEMORYKIT_API_KEY", value).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let (_, count) = output.split_once('<').unwrap_or_else(|| panic!("{case}: {output}"));
    count.split_once('>').unwrap().0.parse().unwrap()
}

#[test]
fn from_env_leaves_no_copy_but_the_environment() {
    if Memory::open().is_none() {
        return;
    }
    assert_eq!(pieces_in_child("dropped", KEY), 0);
    assert_eq!(pieces_in_child("refused", REFUSED), 0);
    // The same search must find what is not erased.
    for case in ["environment", "kept", "not erased"] {
        assert!(pieces_in_child(case, KEY) > 0, "{case}");
    }
}

#[test]
fn no_function_leaves_a_copy_of_a_dropped_key() {
    if Memory::open().is_some() {
        WAYS.iter().for_each(|(way, _)| assert_eq!(pieces_in_child(way, KEY), 0, "{way}"));
    }
}

/// The text from which a header is made is erased.
#[cfg(feature = "http")]
#[test]
fn a_header_is_the_only_copy_of_its_key() {
    if Memory::open().is_some() {
        assert_eq!(pieces_in_child("in a header", KEY), 35 - PIECE + 1);
    }
}

#[test]
fn a_writer_leaves_nothing_of_a_redacted_key_and_nothing_when_dropped() {
    if Memory::open().is_none() {
        return;
    }
    for case in [
        "redacted",
        "held back, then dropped",
        "held back, then finished",
        "held back, then refused by the sink",
        "decided, then refused by the sink",
        "held back after a panic",
        "panic of the sink in drop",
    ] {
        assert_eq!(pieces_in_child(case, KEY), 0, "{case}");
    }
    assert!(pieces_in_child("held back", KEY) > 0);
}
