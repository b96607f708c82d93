//! What `std` would bring: an entry point, an end for panics, and what tells a check's result.

use core::ffi::{c_char, c_int};
use core::fmt::{self, Display, Write};
use core::panic::PanicInfo;

use crate::stream::{OUTPUT, Stream};

// SAFETY: this is the signature of C11 §7.22.4.1; `abort` takes nothing that could be wrong.
unsafe extern "C" {
    safe fn abort() -> !;
}

const ERRORS: c_int = 2;

/// What the start-up code of libc calls.
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
    let told = writeln!(Stream(OUTPUT), "no_std: {vectors} key vectors and {checks} checks passed");
    c_int::from(told.is_err())
}

/// A fault that the list of symbols has to show.
#[cfg(planted = "allocation")]
fn allocate() {
    // SAFETY: this is the signature of C11 §7.22.3.4; any size is allowed.
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

/// Counts checks, and says which of them failed.
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
            // if it can't be said, the exit code says it
            let _ = writeln!(Stream(ERRORS), "no_std: failed: {what}");
        }
    }
}

/// Whether two values show as the same text.
pub fn shows(value: impl Display, expected: impl Display) -> bool {
    let (mut text, mut expected_text) = (Text::EMPTY, Text::EMPTY);
    let fits = write!(text, "{value}").is_ok() && write!(expected_text, "{expected}").is_ok();
    fits && text.bytes == expected_text.bytes && text.len == expected_text.len
}

/// In place of a `String`: what does not fit is an error.
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
