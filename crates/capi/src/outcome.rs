//! The results of all functions, and the answer of a server for each.

use core::ffi::{CStr, c_char};
use core::ptr;

use ctx_key::{Denied, ParseKeyError, Reason, RotateError};

/// Result of a function. 0 is success, a positive value is a refusal of a request or of a rotation, and a negative
/// value is an error of the caller or of the machine. The values never change. Later versions may add values, so treat
/// every value that you don't know as a refusal.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "C has no other namespaces")]
pub enum Outcome {
    /// Success.
    CtxKeyOk = 0,

    /// The request has no `Authorization` header, or an empty one, or one with a scheme other than `Bearer`.
    CtxKeyMissingCredentials = 1,
    /// The request has several `Authorization` headers, or one that does not consist of a scheme and one token.
    CtxKeyMalformedHeader = 2,
    /// The text does not start with `ctx_`.
    CtxKeyKeyPrefix = 3,
    /// The text is not 52 bytes long: it was cut off, is a placeholder, or has something around it.
    CtxKeyKeyLength = 4,
    /// A byte after the prefix is not one of 0-9, A-Z and a-z.
    CtxKeyKeyCharacter = 5,
    /// The checksum is wrong: a character was changed.
    CtxKeyKeyChecksum = 6,
    /// No record has the key's id. No function returns this value: it is for the caller, which looks up the records.
    CtxKeyUnknownKey = 7,
    /// The record has the digest of another key.
    CtxKeyDigestMismatch = 8,
    /// The record's `revoked_at` is set, whatever its value.
    CtxKeyRevoked = 9,
    /// The key has expired: the time is at or after the record's `expires_at`.
    CtxKeyExpired = 10,
    /// The overlap after a rotation has ended: the time is at or after the record's `retires_at`.
    CtxKeyRetired = 11,
    /// The time is before the record's `not_before`, or the time is unknown and `not_before` is set.
    CtxKeyNotYetValid = 12,
    /// The key is valid, but lacks a required scope, or the caller required no scope.
    CtxKeyMissingScope = 13,
    /// The new key has the id of the old one; generate another key.
    CtxKeySameKey = 14,
    /// The time is `UINT64_MAX`, which stands for an unknown time, so the overlap would never end.
    CtxKeyUnknownTime = 15,

    /// A pointer is NULL or not aligned, or a length is larger than half the address space.
    CtxKeyErrorPointer = -1,
    /// The output buffer is too short, or does not have the required length.
    CtxKeyErrorBuffer = -2,
    /// The `ctx_key` holds no key: it was never filled, filling it failed, or it was erased.
    CtxKeyErrorNoKey = -3,
    /// The text is not UTF-8.
    CtxKeyErrorUtf8 = -4,
    /// A scope name is unknown or missing.
    CtxKeyErrorScope = -5,
    /// The record is corrupt: `id` is not 12 letters and digits and a NUL, or `scopes` has a bit that no scope has.
    CtxKeyErrorRecord = -6,
    /// The operating system, or the host of the WebAssembly module, supplied no random bytes.
    CtxKeyErrorRandom = -7,
    /// The buffers overlap.
    CtxKeyErrorOverlap = -8,
    /// A refusal for which this version of the header has no value.
    CtxKeyErrorOther = -9,
}

use Outcome::*;

impl From<ParseKeyError> for Outcome {
    fn from(error: ParseKeyError) -> Self {
        match error {
            ParseKeyError::Prefix => CtxKeyKeyPrefix,
            ParseKeyError::Length { .. } => CtxKeyKeyLength,
            ParseKeyError::Character { .. } => CtxKeyKeyCharacter,
            ParseKeyError::Checksum => CtxKeyKeyChecksum,
            _ => CtxKeyErrorOther,
        }
    }
}

impl From<Denied> for Outcome {
    fn from(denied: Denied) -> Self {
        match denied.reason() {
            Reason::MissingCredentials => CtxKeyMissingCredentials,
            Reason::MalformedHeader => CtxKeyMalformedHeader,
            Reason::Key(error) => error.into(),
            Reason::UnknownKey => CtxKeyUnknownKey,
            Reason::DigestMismatch => CtxKeyDigestMismatch,
            Reason::Revoked => CtxKeyRevoked,
            Reason::Expired => CtxKeyExpired,
            Reason::Retired => CtxKeyRetired,
            Reason::NotYetValid => CtxKeyNotYetValid,
            Reason::MissingScope { .. } => CtxKeyMissingScope,
            _ => CtxKeyErrorOther,
        }
    }
}

impl From<RotateError> for Outcome {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::SameKey => CtxKeySameKey,
            RotateError::Revoked => CtxKeyRevoked,
            RotateError::Expired => CtxKeyExpired,
            RotateError::Retired => CtxKeyRetired,
            RotateError::UnknownTime => CtxKeyUnknownTime,
            _ => CtxKeyErrorOther,
        }
    }
}

impl From<Result<(), Outcome>> for Outcome {
    fn from(result: Result<(), Outcome>) -> Self {
        result.err().unwrap_or(CtxKeyOk)
    }
}

/// A server's answer for a result.
struct Answer {
    label: &'static CStr,
    status: u16,
    /// Error code of RFC 6750 §3.1.
    error: Option<&'static CStr>,
    message: &'static CStr,
}

/// Returns the answer for a result. The argument is not an [`Outcome`], because C may pass any number.
const fn answer(result: i32) -> Answer {
    const TOKEN: Option<&CStr> = Some(c"invalid_token");
    const MALFORMED: &CStr = c"the API key is not well-formed: copy the whole key, and nothing else";
    const INVALID: &CStr = c"the API key is not valid: it is unknown, revoked or outside its validity period";
    const FAILED: &CStr = c"the API key could not be checked; try again later";
    let (label, status, error, message) = match result {
        0 => (c"ok", 200, None, c"the API key is valid"),
        1 => {
            let message = c"an API key is required: send it as `Authorization: Bearer <key>`";
            (c"missing_credentials", 401, None, message)
        }
        2 => {
            let message = c"the Authorization header is malformed: send one, as `Bearer <key>`";
            (c"malformed_header", 400, Some(c"invalid_request"), message)
        }
        3 => (c"key_prefix", 401, TOKEN, MALFORMED),
        4 => (c"key_length", 401, TOKEN, MALFORMED),
        5 => (c"key_character", 401, TOKEN, MALFORMED),
        6 => (c"key_checksum", 401, TOKEN, MALFORMED),
        7 => (c"unknown_key", 401, TOKEN, INVALID),
        8 => (c"digest_mismatch", 401, TOKEN, INVALID),
        9 => (c"revoked", 401, TOKEN, INVALID),
        10 => (c"expired", 401, TOKEN, INVALID),
        11 => (c"retired", 401, TOKEN, INVALID),
        12 => (c"not_yet_valid", 401, TOKEN, INVALID),
        13 => {
            let message = c"the API key lacks a scope that this request requires";
            (c"missing_scope", 403, Some(c"insufficient_scope"), message)
        }
        14 => (c"same_key", 500, None, FAILED),
        15 => (c"unknown_time", 500, None, FAILED),
        -1 => (c"error_pointer", 500, None, FAILED),
        -2 => (c"error_buffer", 500, None, FAILED),
        -3 => (c"error_no_key", 500, None, FAILED),
        -4 => (c"error_utf8", 500, None, FAILED),
        -5 => (c"error_scope", 500, None, FAILED),
        -6 => (c"error_record", 500, None, FAILED),
        -7 => (c"error_random", 500, None, FAILED),
        -8 => (c"error_overlap", 500, None, FAILED),
        _ => (c"error_other", 500, None, FAILED),
    };
    Answer { label, status, error, message }
}

/// Returns the stable label of a result, for logs and metrics, for example `revoked`. Do not show it to the client.
///
/// The text is static, ends in NUL and is never NULL. Any number is allowed.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_label(result: i32) -> *const c_char {
    answer(result).label.as_ptr()
}

/// Returns the status code of the response for a result: 200 for `CTX_KEY_OK`; 400, 401 or 403 for the refusal
/// of a request; 500 for every other value, also for `CTX_KEY_SAME_KEY` and `CTX_KEY_UNKNOWN_TIME`, which only
/// `ctx_key_rotate` returns.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_status(result: i32) -> u16 {
    answer(result).status
}

/// Returns the public message of a result, which may be shown to the client. It is the same for an unknown, wrong,
/// revoked, expired, retired or not yet valid key, so that a stranger learns nothing from it.
///
/// The text is static, ends in NUL and is never NULL. Any number is allowed.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_message(result: i32) -> *const c_char {
    answer(result).message.as_ptr()
}

/// Returns the error code of a result for the response's `WWW-Authenticate` header (RFC 6750 §3.1), or NULL if the
/// header has none. The header is `Bearer realm="MemoryKit", error="invalid_token"` or `Bearer realm="MemoryKit"`.
///
/// The text is static and ends in NUL. Any number is allowed.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ctx_key_challenge_error(result: i32) -> *const c_char {
    answer(result).error.map_or(ptr::null(), CStr::as_ptr)
}
