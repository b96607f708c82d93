//! Replacements for `std`: an entry point, a panic handler, and a report of the checks.

use core::ffi::{c_char, c_int};
use core::fmt::{self, Display, Write};
use core::panic::PanicInfo;

use crate::stream::{OUTPUT, Stream};

// SAFETY: this is the signature of C11 §7.22.4.1, and `abort` has no arguments.
unsafe extern "C" {
    safe fn abort() -> !;
}

const ERRORS: c_int = 2;

/// The function that libc's start-up code calls.
// SAFETY: nothing else in this program has the name `main`, and this is the signature that C gives it.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    #[cfg(planted = "allocation")]
    allocate();
    let vectors = Report::of(&[crate::key_vectors]);
    let others =
        Report::of(&[crate::generation, crate::headers, crate::finds, crate::records, crate::scopes]);
    if vectors.failed + others.failed > 0 {
        return 1;
    }
    let (vectors, checks) = (vectors.passed, others.passed);
    let written = writeln!(Stream(OUTPUT), "no_std: {vectors} key vectors and {checks} checks passed");
    c_int::from(written.is_err())
}

/// A planted fault, which the list of symbols must show.
#[cfg(planted = "allocation")]
fn allocate() {
    // SAFETY: this is the signature of C11 §7.22.3.4, and any size is allowed.
    unsafe extern "C" {
        safe fn malloc(size: usize) -> *mut core::ffi::c_void;
    }
    core::hint::black_box(malloc(1));
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Stream(ERRORS), "no_std: panicked");
    abort()
}

/// Counts checks, and names those that failed.
#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    fn of(groups: &[fn(&mut Self)]) -> Self {
        let mut report = Self::default();
        groups.iter().for_each(|checks| checks(&mut report));
        report
    }

    pub fn check(&mut self, what: impl Display, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
            // if the write fails, the exit code still reports the failure
            let _ = writeln!(Stream(ERRORS), "no_std: failed: {what}");
        }
    }
}

/// Returns whether two values are displayed as the same text.
pub fn shows(value: impl Display, expected: impl Display) -> bool {
    let (mut text, mut expected_text) = (Text::EMPTY, Text::EMPTY);
    let fits = write!(text, "{value}").is_ok() && write!(expected_text, "{expected}").is_ok();
    fits && text.bytes == expected_text.bytes && text.len == expected_text.len
}

/// A `String` without an allocator. A text that does not fit is an error.
struct Text {
    bytes: [u8; 128],
    len: usize,
}

impl Text {
    const EMPTY: Self = Self { bytes: [0; 128], len: 0 };
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
