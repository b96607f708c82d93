//! The key in a request's `Authorization` header (RFC 6750 §2.1).
//!
//! A key is read from that header only, never from a query string, a form or a cookie.
//!
//! | `Authorization` values of the request | status | reason |
//! |---|---|---|
//! | none, or one that is empty | 401 | [`MissingCredentials`](crate::Reason::MissingCredentials) |
//! | several, whatever they are | 400 | [`MalformedHeader`](crate::Reason::MalformedHeader) |
//! | a scheme other than `Bearer` (any letter case) | 401 | [`MissingCredentials`](crate::Reason::MissingCredentials) |
//! | more than 8,192 bytes; no space after the scheme, no token, several tokens, a comma | 400 | [`MalformedHeader`](crate::Reason::MalformedHeader) |
//! | a token that is not a key | 401 | [`Key`](crate::Reason::Key) |
//! | a key | – | – |

use crate::denied::{Denied, Reason};
use crate::key::{ApiKey, ParseKeyError};
use crate::layout::LEN;

/// Maximum length of a value in bytes, without the white space around it.
const MAX_LEN: usize = 8192;

/// Reads the key from all `Authorization` values of a request. It does not allocate.
///
/// Pass every value, even if there are none or several, because the result depends on their number. In particular,
/// `headers.get(AUTHORIZATION)` of an `http::HeaderMap` returns an `Option` of only the first value, which compiles
/// here and hides a second one. Use `parse_headers` (feature `http`) or `headers.get_all` instead.
///
/// Only space and tab are white space (RFC 9110 §5.6.3). The scheme is case-insensitive (RFC 9110 §11.1).
///
/// # Errors
///
/// The first that applies:
///
/// * [`Reason::MissingCredentials`]: there is no value, it is empty, or its scheme is not `Bearer`. The rest of a
///   value with another scheme is not examined.
/// * [`Reason::MalformedHeader`]: there are several values (this is checked first). Or the scheme is `Bearer`, and the
///   value is longer than 8,192 bytes, or the scheme is not followed by spaces and one token without space, tab or
///   comma.
/// * [`Reason::Key`]: the token is not a key. Nothing is repaired here.
///
/// ```
/// use ctx_key::{Reason, bearer};
///
/// let key = bearer::parse(["Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"])?;
/// assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
///
/// let denied = bearer::parse(["Basic dXNlcjpwYXNz"]).unwrap_err();
/// assert_eq!((denied.status(), denied.reason()), (401, Reason::MissingCredentials));
///
/// let denied = bearer::parse(["Bearer a", "Bearer b"]).unwrap_err();
/// assert_eq!((denied.status(), denied.reason()), (400, Reason::MalformedHeader));
/// # Ok::<(), ctx_key::Denied>(())
/// ```
#[inline]
pub fn parse(values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<ApiKey, Denied> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else {
        return Err(Denied::new(Reason::MissingCredentials));
    };
    if values.next().is_some() {
        return Err(Denied::new(Reason::MalformedHeader));
    }
    from_value(value.as_ref())
}

/// Reads the key from all `Authorization` values of a header map, as [`parse`] does.
///
/// # Errors
///
/// Those of [`parse`].
///
/// ```
/// use ctx_key::{Reason, bearer};
///
/// let denied = bearer::parse_headers(&http::HeaderMap::new()).unwrap_err();
/// assert_eq!(denied.reason(), Reason::MissingCredentials);
/// ```
#[cfg(feature = "http")]
pub fn parse_headers(headers: &http::HeaderMap) -> Result<ApiKey, Denied> {
    parse(headers.get_all(http::header::AUTHORIZATION))
}

/// Reads the key from a value, front to back, so that no branch depends on a character of a key before the key is
/// parsed. A search for the end of the token would first examine its last characters.
fn from_value(value: &[u8]) -> Result<ApiKey, Denied> {
    let value = trim_start(value, is_white_space);
    let Some(after_scheme) = strip_scheme(value) else {
        return Err(Denied::new(Reason::MissingCredentials));
    };
    // A tab or a comma after the scheme stays in the token, and makes it malformed.
    let token = trim_start(after_scheme, is_space);
    if value.len() > MAX_LEN && trim_end(value).len() > MAX_LEN {
        return Err(Denied::new(Reason::MalformedHeader));
    }
    let token = match token.split_at_checked(LEN) {
        Some((candidate, end)) if end.iter().all(|&byte| is_white_space(byte)) => candidate,
        _ => trim_end(token),
    };
    ApiKey::parse_or(token, |error| refuse(token, error))
}

/// Returns the refusal for a text that is not a key. The text may be empty or several tokens, and may end in white
/// space.
#[inline(never)]
fn refuse(token: &[u8], error: ParseKeyError) -> Denied {
    let trimmed = trim_end(token);
    // No early exit: the loop is vectorised, and takes the same time wherever a separator is.
    let separators = trimmed.iter().fold(0, |found, &byte| found | u8::from(is_separator(byte)));
    if trimmed.is_empty() || separators != 0 {
        return Denied::new(Reason::MalformedHeader);
    }
    if trimmed.len() == token.len() {
        return error.into();
    }
    // The trimmed text is shorter than a key, so `parse` refuses it without a hash.
    ApiKey::parse(trimmed).err().unwrap_or(error).into()
}

/// Returns the rest of the value after the scheme, if the scheme is `Bearer`. Nearly all clients write it in this
/// letter case, which one comparison recognises.
#[inline]
fn strip_scheme(value: &[u8]) -> Option<&[u8]> {
    if value.starts_with(b"Bearer ") {
        return value.get("Bearer".len()..);
    }
    let (scheme, rest) = value.split_first_chunk::<6>()?;
    let ends = rest.first().is_none_or(|&byte| is_separator(byte));
    (scheme.eq_ignore_ascii_case(b"Bearer") && ends).then_some(rest)
}

const fn is_separator(byte: u8) -> bool {
    is_white_space(byte) | (byte == b',')
}

const fn is_white_space(byte: u8) -> bool {
    is_space(byte) | (byte == b'\t')
}

const fn is_space(byte: u8) -> bool {
    byte == b' '
}

#[inline]
fn trim_start(mut text: &[u8], is_trimmed: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_trimmed(*first)
    {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_white_space(*last)
    {
        text = rest;
    }
    text
}
