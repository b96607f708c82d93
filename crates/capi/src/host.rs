//! The host of a WebAssembly module, which supplies random bytes.

use core::fmt;

use rand_core::{TryCryptoRng, TryRng, utils};

// The host of the module defines this function. It fills `len` bytes at `bytes` and returns 0, or it fails and
// returns another number.
#[link(wasm_import_module = "ctx_key")]
unsafe extern "C" {
    fn random(bytes: *mut u8, len: usize) -> i32;
}

/// The generator of the host.
pub(crate) struct Host;

/// The error if the host supplies no random bytes.
#[derive(Debug)]
pub(crate) struct NoRandomBytes;

impl TryRng for Host {
    type Error = NoRandomBytes;

    fn try_next_u32(&mut self) -> Result<u32, NoRandomBytes> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandomBytes> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomBytes> {
        // SAFETY: the bytes are borrowed mutably while the host fills them.
        if unsafe { random(bytes.as_mut_ptr(), bytes.len()) } == 0 { Ok(()) } else { Err(NoRandomBytes) }
    }
}

impl TryCryptoRng for Host {}

impl fmt::Display for NoRandomBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has no random bytes")
    }
}

impl core::error::Error for NoRandomBytes {}
