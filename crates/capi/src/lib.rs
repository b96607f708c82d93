//! MemoryKit API keys for C, and for every language that calls C, and as WebAssembly.
//!
//! This is [`ctx_key`] behind a C ABI. `include/ctx_key.h` describes each function for its callers; README.md shows
//! how to build and link.
//!
//! * The caller owns all memory. Nothing is allocated, and nothing has to be freed.
//! * Every pointer and length is checked as far as it can be: NULL, an address that is not aligned, a length beyond the
//!   address space and a buffer of the wrong length are errors.
//! * No function panics. A panic in an `extern "C"` function would end the process, and could not unwind into C. The
//!   optimised libraries contain no code that panics, which `cargo xtask ci capi` checks.
//! * No function keeps a pointer, and none has state. So all may be called from any thread, if no other thread writes to
//!   what the arguments point to.
//!
//! # Safety
//!
//! This holds for every function that is `unsafe`. A pointer that is neither NULL nor misaligned points to as much memory
//! as the description of the argument says, readable if it is `*const` and writable if it is `*mut`. No other thread
//! writes to it during the call. What is written overlaps with no other argument.

#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
    )
)]
#![allow(clippy::missing_safety_doc, reason = "the section above is that of all functions")]

// The profiles `capi` and `wasm` abort, and need no `std`. In the others it supplies what unwinding needs.
#[cfg(not(any(test, panic = "abort")))]
extern crate std;

// The layers, lowest first. A file imports only from layers below its own.
#[cfg(target_family = "wasm")]
mod host;
mod outcome;
#[cfg(all(not(test), panic = "abort"))]
mod panic;

mod memory;

mod key;
mod scan;
mod scopes;

mod record;

pub use key::*;
pub use outcome::*;
pub use record::*;
pub use scan::*;
pub use scopes::*;

#[cfg(test)]
mod tests;
