//! MemoryKit API keys for C, for every language that calls C, and for WebAssembly.
//!
//! This is the library [`ctx_key`] with a C ABI. `include/ctx_key.h` describes each function for its callers, and
//! README.md shows how to build and link.
//!
//! * The caller owns all memory. Nothing is allocated, and nothing has to be freed.
//! * Every pointer and length is checked as far as possible: NULL, a misaligned address, a length beyond half the
//!   address space and a buffer of the wrong length are errors.
//! * No function panics. A panic in an `extern "C"` function would end the process, and could not unwind into C. The
//!   optimised libraries contain no code that panics, which `cargo xtask ci capi` checks.
//! * No function keeps a pointer, and none has state. So any thread may call any function, if no other thread writes to
//!   the memory that the arguments point to.
//!
//! # Safety
//!
//! Callers of every `unsafe` function must ensure this: a pointer that is neither NULL nor misaligned points to as
//! much memory as the description of the argument says, which is readable for `*const` and writable for `*mut`.
//! During the call, no other thread writes to this memory. The memory that the function writes overlaps with no other
//! argument.

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
#![allow(clippy::missing_safety_doc, reason = "the section above holds for all functions")]

// The profiles `capi` and `wasm` abort on a panic, and need no `std`. In other profiles, `std` supplies unwinding.
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
