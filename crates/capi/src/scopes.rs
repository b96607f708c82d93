//! Sets of scopes, represented as bits.

use core::ffi::c_char;

use ctx_key::{ParseScopeError, Scope};

use crate::memory::{self, Text};
use crate::outcome::Outcome::{self, *};
use crate::scan::Range;

/// Read and search memories: `memories:read`.
pub const CTX_KEY_MEMORIES_READ: u32 = 1;
/// Create, update and delete memories: `memories:write`.
pub const CTX_KEY_MEMORIES_WRITE: u32 = 2;
/// Read chat sessions and history: `chats:read`.
pub const CTX_KEY_CHATS_READ: u32 = 4;
/// Create chats and send messages: `chats:write`.
pub const CTX_KEY_CHATS_WRITE: u32 = 8;
/// Read user data: `users:read`.
pub const CTX_KEY_USERS_READ: u32 = 16;
/// Create and update users: `users:write`.
pub const CTX_KEY_USERS_WRITE: u32 = 32;
/// The three read scopes.
pub const CTX_KEY_READ: u32 = 21;
/// The three write scopes. A write scope does not imply the read scope.
pub const CTX_KEY_WRITE: u32 = 42;
/// Size of a buffer for the names of any set of scopes and a NUL.
pub const CTX_KEY_SCOPES_SIZE: usize = 75;

/// Reads names of scopes, which are separated by exactly one space. The empty text is the empty set.
///
/// `text` has `text_len` bytes and needs no NUL. `scopes` receives the bits, or 0 on an error. `unknown` may be NULL;
/// it receives the range of the first unknown name, which is empty if a name is missing, or 0 and 0 if there is no
/// such error.
///
/// Errors: `CTX_KEY_ERROR_SCOPE`, `CTX_KEY_ERROR_UTF8`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_scopes_parse(
    text: *const c_char,
    text_len: usize,
    scopes: *mut u32,
    unknown: *mut Range,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { parse(text, text_len, scopes, unknown, str::parse) }.into()
}

/// Reads a list that a person typed: names of scopes, separated by any number of commas and white space.
///
/// The arguments and errors are those of `ctx_key_scopes_parse`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_scopes_parse_list(
    text: *const c_char,
    text_len: usize,
    scopes: *mut u32,
    unknown: *mut Range,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { parse(text, text_len, scopes, unknown, Scope::parse_list) }.into()
}

/// Reads scopes with the grammar of `read`.
///
/// # Safety
///
/// Those of [`memory::bytes`], [`memory::write`] and [`memory::write_optional`].
unsafe fn parse(
    text: *const c_char,
    text_len: usize,
    scopes: *mut u32,
    unknown: *mut Range,
    read: impl FnOnce(&str) -> Result<Scope, ParseScopeError>,
) -> Result<(), Outcome> {
    // SAFETY: the caller promises it.
    unsafe {
        let read = memory::check(scopes)
            .and_then(|_| memory::bytes(text, text_len))
            .and_then(|text| str::from_utf8(text).map_err(|_| CtxKeyErrorUtf8))
            .map(read);
        let range = match &read {
            Ok(Err(error)) => error.range().into(),
            _ => Range::default(),
        };
        let read = read.and_then(|read| read.map_err(|_| CtxKeyErrorScope));
        let result = memory::write_optional(unknown, range).and(read);
        memory::write(scopes, result.map_or(0, |scopes| scopes.bits()))?;
        result.map(drop)
    }
}

/// Writes the names of the scopes in a set, in the order of their bits, with one space between them. Bits that no
/// scope has are left out.
///
/// `text` has `text_size` bytes, at least `CTX_KEY_SCOPES_SIZE`, and receives the names and a NUL.
///
/// Errors: `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_scopes_names(scopes: u32, text: *mut c_char, text_size: usize) -> Outcome {
    let mut names = Text::<CTX_KEY_SCOPES_SIZE>::new();
    let mut separator = "";
    for name in Scope::from_bits_truncate(scopes).iter().filter_map(Scope::name) {
        names.push(separator.bytes().chain(name.bytes()));
        separator = " ";
    }
    // SAFETY: the caller promises it.
    unsafe { names.copy_to(text, text_size) }.into()
}

/// Returns whether a set of granted scopes has all required ones. If none is required, the result is false.
///
/// Use it in place of `(granted & required) == required`, which is true if nothing is required.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_scopes_grant(granted: u32, required: u32) -> bool {
    Scope::from_bits_retain(granted).grants(Scope::from_bits_retain(required))
}

/// Returns the required scopes that are not in the set of granted ones.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_scopes_missing(granted: u32, required: u32) -> u32 {
    Scope::from_bits_retain(granted).missing(Scope::from_bits_retain(required)).bits()
}
