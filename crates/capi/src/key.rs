//! Reads, makes, shows and erases keys in the caller's memory.

use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use core::{fmt, ptr, slice};

use ctx_key::{ApiKey, ParseKeyError, bearer};
use zeroize::Zeroize;

use crate::memory::{self, Text};
use crate::outcome::Outcome::{self, *};

/// Size of a buffer for the text of a key and a NUL.
pub const CTX_KEY_SIZE: usize = 53;
/// Size of a buffer for an id and a NUL.
pub const CTX_KEY_ID_SIZE: usize = 13;
/// Length of a digest in bytes.
pub const CTX_KEY_DIGEST_LEN: usize = 32;
/// Size of a buffer for the text of a digest and a NUL.
pub const CTX_KEY_DIGEST_TEXT_SIZE: usize = 65;

/// A key. It is secret: erase it with `ctx_key_erase` when it is no longer needed.
///
/// The fields are private. The caller owns the memory, on the stack or elsewhere. Before a function fills it, its
/// content does not matter, but only a `ctx_key` of zeros is sure to hold no key. A copy by assignment is a key, too,
/// and must also be erased.
#[repr(C)]
pub struct Key {
    opaque: [MaybeUninit<u64>; 12],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The content of a [`Key`] that holds a key.
#[repr(C)]
struct Held {
    key: ApiKey,
    /// [`MARK`] if `key` is set. It is not secret.
    mark: u64,
}

/// Distinguishes a key from zeros, and from most values of uninitialised memory.
const MARK: u64 = u64::from_ne_bytes(*b"ctx_key\x01");

const _: () = assert!(
    size_of::<Held>() == size_of::<Key>() && align_of::<Held>() == align_of::<Key>(),
    "ctx-key-capi needs a target on which numbers of 64 bits are aligned to 8 bytes",
);

/// Returns the key that an argument points to.
///
/// # Safety
///
/// If the pointer is neither NULL nor misaligned, a [`Key`] must be readable there, and must not change while the
/// result is used.
pub(crate) unsafe fn held<'a>(key: *const Key) -> Result<&'a ApiKey, Outcome> {
    // SAFETY: a `Held` has the size and the alignment of a `Key`. It consists of bytes and a number, so every bit
    // pattern is valid.
    let held = unsafe { memory::reference(key.cast::<Held>()) }?;
    if held.mark == MARK { Ok(&held.key) } else { Err(CtxKeyErrorNoKey) }
}

/// Writes a key to the caller's memory.
///
/// # Safety
///
/// `place` must have passed [`memory::check`], and a [`Key`] must be writable there.
unsafe fn store(place: *mut Key, key: &ApiKey) {
    let held = place.cast::<Held>();
    // SAFETY: a `Held` has the size and the alignment of a `Key`. The bytes of an `ApiKey` own nothing, so they may
    // be copied. A move would leave a copy on the stack that nothing erases, but `key` is erased when it is dropped.
    unsafe {
        ptr::copy_nonoverlapping(key, &raw mut (*held).key, 1);
        (&raw mut (*held).mark).write(MARK);
    }
}

/// Overwrites bytes with zeros. The compiler cannot remove this.
///
/// # Safety
///
/// The pointer must not be NULL, `len` must be at most `isize::MAX`, and that many bytes must be writable.
unsafe fn erase(start: *mut u8, len: usize) {
    // SAFETY: the caller promises it.
    unsafe { slice::from_raw_parts_mut(start.cast::<MaybeUninit<u8>>(), len) }.zeroize();
}

/// Stores a parsed key, and writes the detail of an error: a length or an index, or 0 for every other result.
///
/// # Safety
///
/// Those of [`fill`] and [`memory::write_optional`].
unsafe fn finish(
    key: *mut Key,
    detail: *mut usize,
    parsed: &Result<Result<ApiKey, ParseKeyError>, Outcome>,
) -> Outcome {
    let number = match *parsed {
        Ok(Err(ParseKeyError::Length { found })) => found,
        Ok(Err(ParseKeyError::Character { index })) => index,
        _ => 0,
    };
    // SAFETY: the caller promises it.
    unsafe {
        let written = memory::write_optional(detail, number);
        fill(key, || {
            written?;
            match parsed {
                Ok(Ok(parsed)) => store(key, parsed),
                Ok(Err(error)) => return Err((*error).into()),
                Err(outcome) => return Err(*outcome),
            }
            Ok(())
        })
    }
}

/// Reads a key strictly: the text must be exactly the 52 bytes of a key.
///
/// The running time depends on the length, the prefix and the kind of error, but not on the secret.
///
/// `text` has `text_len` bytes and needs no NUL. `key` receives the key; on an error it is erased. `detail` may be
/// NULL; it receives the length of the text (`CTX_KEY_KEY_LENGTH`), the index of the wrong byte
/// (`CTX_KEY_KEY_CHARACTER`), or 0.
///
/// Errors: `CTX_KEY_KEY_PREFIX`, `CTX_KEY_KEY_LENGTH`, `CTX_KEY_KEY_CHARACTER` or `CTX_KEY_KEY_CHECKSUM`, the first
/// that applies; `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_parse(
    text: *const c_char,
    text_len: usize,
    key: *mut Key,
    detail: *mut usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe {
        let text = memory::check(key).and_then(|_| memory::bytes(text, text_len));
        finish(key, detail, &text.map(ApiKey::parse))
    }
}

/// Reads a key that a person typed or pasted. First, it removes what people copy along with a key: quotes, white
/// space, the name of a variable or header. It does not run in constant time.
///
/// The arguments are those of `ctx_key_parse`, but `text` must be UTF-8. `detail` refers to the text that remains.
///
/// Errors: those of `ctx_key_parse`; `CTX_KEY_ERROR_UTF8`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_parse_pasted(
    text: *const c_char,
    text_len: usize,
    key: *mut Key,
    detail: *mut usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe {
        let text = memory::check(key)
            .and_then(|_| memory::bytes(text, text_len))
            .and_then(|text| str::from_utf8(text).map_err(|_| CtxKeyErrorUtf8));
        finish(key, detail, &text.map(ApiKey::parse_pasted))
    }
}

/// Value of a header: `len` bytes, which need no NUL.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Value {
    /// First byte. It may be NULL if `len` is 0.
    pub text: *const c_char,
    /// Number of bytes.
    pub len: usize,
}

/// Reads the key from all values of a request's `Authorization` header.
///
/// Pass all values, even if there are none or several, because the result depends on their number. Do not pass a key
/// from a query string, a form or a cookie.
///
/// `values` has `count` values; it may be NULL if `count` is 0. Several values are refused unread. `key` receives the
/// key; on an error it is erased.
///
/// Errors: `CTX_KEY_MISSING_CREDENTIALS`, `CTX_KEY_MALFORMED_HEADER`; those of `ctx_key_parse`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_bearer(values: *const Value, count: usize, key: *mut Key) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe {
        fill(key, || {
            // The parser treats any number of values above one alike, so two stand for all.
            let parsed = match count {
                0 => bearer::parse([""; 0]),
                1 => {
                    let value = memory::reference(values)?;
                    bearer::parse([memory::bytes(value.text, value.len)?])
                }
                _ => {
                    memory::reference(values)?;
                    bearer::parse([""; 2])
                }
            };
            store(key, parsed.as_ref().map_err(|denied| *denied)?);
            Ok(())
        })
    }
}

/// Makes a key from random bytes of the operating system, or of the host of a WebAssembly module.
///
/// `key` receives the key; on an error it is erased.
///
/// Errors: `CTX_KEY_ERROR_RANDOM`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_generate(key: *mut Key) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe {
        fill(key, || {
            store(key, generate().as_ref().map_err(|error| *error)?);
            Ok(())
        })
    }
}

#[cfg(not(target_family = "wasm"))]
fn generate() -> Result<ApiKey, Outcome> {
    ApiKey::try_generate().map_err(|_| CtxKeyErrorRandom)
}

#[cfg(target_family = "wasm")]
fn generate() -> Result<ApiKey, Outcome> {
    ApiKey::try_generate_from_rng(&mut crate::host::Host).map_err(|_| CtxKeyErrorRandom)
}

/// Runs a function that stores a key. If the function fails, the memory of the key is erased.
///
/// # Safety
///
/// If `key` is neither NULL nor misaligned, a [`Key`] must be writable there.
unsafe fn fill(key: *mut Key, run: impl FnOnce() -> Result<(), Outcome>) -> Outcome {
    let Ok(place) = memory::check(key) else { return CtxKeyErrorPointer };
    let result = run();
    if result.is_err() {
        // SAFETY: the place was checked, and the caller promises that it is writable.
        unsafe { erase(place.cast(), size_of::<Key>()) };
    }
    result.into()
}

/// Writes the id, which is the public part of the key. A server finds the record by it.
///
/// `id` has `id_size` bytes, at least `CTX_KEY_ID_SIZE`, and receives 12 characters and a NUL.
///
/// Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_id(key: *const Key, id: *mut c_char, id_size: usize) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { show::<CTX_KEY_ID_SIZE>(key, id, id_size, |key, text| text.push(key.id().as_str().bytes())) }
}

/// Writes the digest, which a server stores in place of the key. It is not secret.
///
/// `digest` has `digest_len` bytes, exactly `CTX_KEY_DIGEST_LEN`.
///
/// Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_digest(key: *const Key, digest: *mut u8, digest_len: usize) -> Outcome {
    if digest_len != CTX_KEY_DIGEST_LEN {
        return CtxKeyErrorBuffer;
    }
    // SAFETY: the caller promises it.
    unsafe { held(key).and_then(|key| memory::write(digest.cast(), *key.digest().as_bytes())) }.into()
}

/// Writes the digest as 64 hexadecimal digits in lower case.
///
/// `text` has `text_size` bytes, at least `CTX_KEY_DIGEST_TEXT_SIZE`, and receives 64 characters and a NUL.
///
/// Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_digest_text(
    key: *const Key,
    text: *mut c_char,
    text_size: usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe {
        show::<CTX_KEY_DIGEST_TEXT_SIZE>(key, text, text_size, |key, text| {
            // `Display` of a digest would add two kilobytes of `core::fmt` to the module for WebAssembly.
            text.push(
                key.digest().as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(to_hex_digit),
            )
        })
    }
}

/// Returns the hexadecimal digit of a value below 16. It does not branch, because the digest's first bytes give the checksum,
/// which is secret.
fn to_hex_digit(value: u8) -> u8 {
    value.wrapping_add(b'0').wrapping_add((value.wrapping_add(6) >> 4).wrapping_mul(b'a' - b'9' - 1))
}

/// Writes the whole key, to show it once or to send it. No other function writes it.
///
/// `text` has `text_size` bytes, at least `CTX_KEY_SIZE`, and receives 52 characters and a NUL. It is secret: keep it
/// out of logs and URLs, and erase it with `ctx_key_erase_bytes`.
///
/// Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_expose_secret(
    key: *const Key,
    text: *mut c_char,
    text_size: usize,
) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { show::<CTX_KEY_SIZE>(key, text, text_size, |key, text| text.push(key.expose_secret().bytes())) }
}

/// Writes a text that is made from a key to the caller's buffer.
///
/// # Safety
///
/// Those of [`held`] and [`Text::copy_to`].
unsafe fn show<const SIZE: usize>(
    key: *const Key,
    buffer: *mut c_char,
    size: usize,
    write: impl FnOnce(&ApiKey, &mut Text<SIZE>),
) -> Outcome {
    // SAFETY: the caller promises it.
    let shown = unsafe { held(key) }.and_then(|key| {
        let mut text = Text::new();
        write(key, &mut text);
        // SAFETY: the caller promises it.
        unsafe { text.copy_to(buffer, size) }
    });
    shown.into()
}

/// Erases a key, so that `key` holds none. NULL is allowed. Call it for every `ctx_key` that a function has filled,
/// and for every copy, when it is no longer needed.
///
/// Only `key` itself is erased. Copies in registers, swap space and core dumps remain, and so does the text that the
/// key was read from. `ctx_key_erase_bytes` erases that text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_erase(key: *mut Key) {
    if !key.is_null() {
        // SAFETY: the pointer is not NULL, bytes are always aligned, and the caller promises the rest.
        unsafe { erase(key.cast(), size_of::<Key>()) };
    }
}

/// Erases bytes that hold a secret, for example the text of a key: overwrites them with zeros. A compiler may remove
/// a call of `memset` for this purpose, but not a call of this function. `bytes` has `len` bytes; it may be NULL if
/// `len` is 0.
///
/// Errors: `CTX_KEY_ERROR_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_erase_bytes(bytes: *mut c_void, len: usize) -> Outcome {
    if len == 0 {
        return CtxKeyOk;
    }
    if bytes.is_null() || isize::try_from(len).is_err() {
        return CtxKeyErrorPointer;
    }
    // SAFETY: the pointer and the length were checked, and the caller promises the rest.
    unsafe { erase(bytes.cast(), len) };
    CtxKeyOk
}
