//! The standard streams.

use core::ffi::{c_int, c_void};
use core::fmt::{self, Write};

// SAFETY: this is the signature of POSIX.
#[link(name = "c")]
unsafe extern "C" {
    fn write(descriptor: c_int, bytes: *const c_void, len: usize) -> isize;
}

/// An open file, by its descriptor.
pub struct Stream(pub c_int);

pub const OUTPUT: c_int = 1;

impl Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // SAFETY: the bytes are borrowed and have this length, and `write` does not keep them.
            let written = unsafe { write(self.0, rest.as_ptr().cast(), rest.len()) };
            let written = usize::try_from(written).map_err(|_| fmt::Error)?;
            rest = rest.get(written..).ok_or(fmt::Error)?;
        }
        Ok(())
    }
}
