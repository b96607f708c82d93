//! The key in a request's `Authorization` header (RFC 6750 §2.1).
//!
//! A key is looked for there and nowhere else: never in a query string, a form or a cookie.
//!
//! | what the request has | status | reason |
//! |---|---|---|
//! | no value, or an empty one | 401 | [`MissingCredentials`](crate::Reason::MissingCredentials) |
//! | several values, whatever they are | 400 | [`MalformedHeader`](crate::Reason::MalformedHeader) |
//! | another scheme than `Bearer`, in any letter case | 401 | [`MissingCredentials`](crate::Reason::MissingCredentials) |
//! | more than 8,192 bytes; no space behind the scheme, no token, several tokens, a comma | 400 | [`MalformedHeader`](crate::Reason::MalformedHeader) |
//! | a token that is no key | 401 | [`Key`](crate::Reason::Key) |
//! | a key | – | the key |

use crate::denied::{Denied, Reason};
use crate::key::{ApiKey, LEN, ParseKeyError};

/// How long a value may be, white space around it aside.
const MAX_LEN: usize = 8192;

/// The key in all `Authorization` values of a request, as bytes. Allocates nothing.
///
/// Give it every value, also if there is none or several: that is part of the answer. White space is space and
/// tab only (RFC 9110 §5.6.3). The scheme is compared in any letter case (RFC 9110 §11.1).
///
/// # Errors
///
/// The first that applies:
///
/// * [`Reason::MissingCredentials`]: there is no value, it is empty, or its scheme is not `Bearer`. The rest of a
///   value with another scheme is not looked at.
/// * [`Reason::MalformedHeader`]: there are several values (checked before the others), or one with the scheme
///   `Bearer` that is longer than 8,192 bytes or has something else behind it than spaces and one token
///   without space, tab or comma.
/// * [`Reason::Key`]: the token is no key. Nothing is repaired here.
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

/// The key in the `Authorization` values of a header map. Otherwise as [`parse`].
///
/// # Errors
///
/// As [`parse`].
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

/// Reads from the front, so that no branch depends on a character of a key before the key is parsed: to find
/// the end of the token first would be to look at its last ones.
fn from_value(value: &[u8]) -> Result<ApiKey, Denied> {
    let value = trim_start(value, is_white_space);
    let Some(behind_scheme) = without_scheme(value) else {
        return Err(Denied::new(Reason::MissingCredentials));
    };
    // if it is a tab or a comma that ends the scheme, it stays, and no token has one
    let token = trim_start(behind_scheme, is_space);
    if value.len() > MAX_LEN && trim_end(value).len() > MAX_LEN {
        return Err(Denied::new(Reason::MalformedHeader));
    }
    let token = match token.split_at_checked(LEN) {
        Some((candidate, end)) if end.iter().all(|&byte| is_white_space(byte)) => candidate,
        _ => trim_end(token),
    };
    ApiKey::parse_or(token, |error| refuse(token, error))
}

/// Whether what is no key is one token at all. It can still have white space at its end.
#[inline(never)]
fn refuse(token: &[u8], error: ParseKeyError) -> Denied {
    let trimmed = trim_end(token);
    // all of them: the loop vectorizes, and takes the same time wherever it finds one
    let separators = trimmed.iter().fold(0, |found, &byte| found | u8::from(ends_scheme(byte)));
    if trimmed.is_empty() || separators != 0 {
        return Denied::new(Reason::MalformedHeader);
    }
    if trimmed.len() == token.len() {
        return error.into();
    }
    // too short to be hashed
    ApiKey::parse(trimmed).err().unwrap_or(error).into()
}

/// What stands behind the scheme, if that is `Bearer`. Nearly all write it so: one compare finds that out.
#[inline]
fn without_scheme(value: &[u8]) -> Option<&[u8]> {
    if value.starts_with(b"Bearer ") {
        return value.get("Bearer".len()..);
    }
    let (scheme, rest) = value.split_first_chunk::<6>()?;
    let ends = rest.first().is_none_or(|&byte| ends_scheme(byte));
    (scheme.eq_ignore_ascii_case(b"Bearer") && ends).then_some(rest)
}

const fn ends_scheme(byte: u8) -> bool {
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
