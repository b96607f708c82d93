//! Shows that no input causes a panic. The panic handler calls a function that is not defined anywhere. So if the optimizer
//! leaves a single panic, in the library, in its dependencies or in `core`, this program does not link.
//!
//! The program calls every function that the library has without features, except `Debug` of `Challenge`. The optimizer does
//! not remove the checks in `Debug` of `str`, which that calls.
//!
//! One text from standard input is the input of all functions, so the optimizer knows nothing about it. All results are
//! written, so it can omit none of them. `cargo xtask ci no_std` requires that each function of the library's source is in
//! the program.

#![no_std]
#![no_main]

mod random;
mod stream;

use core::error::Error;
use core::ffi::{c_char, c_int, c_void};
use core::fmt::{self, Debug, Write};
use core::hash::{Hash, Hasher};
use core::hint::black_box;
use core::panic::PanicInfo;

use ctx_key::{
    ApiKey, Challenge, Denied, Grant, KeyDigest, KeyId, KeyRecord, ParseKeyError, Reason, RotateError, Scope,
    UnixTime, bearer, scan,
};
use rand_core::{TryCryptoRng, TryRng};

use random::PredictableTestRng;
use stream::{OUTPUT, Stream};

// SAFETY: `read` has this signature in POSIX. The second function has no definition, so no program that calls it links.
unsafe extern "C" {
    fn read(descriptor: c_int, bytes: *mut c_void, len: usize) -> isize;
    safe fn a_panic_is_left() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    a_panic_is_left()
}

/// The function that libc's start-up code calls.
// SAFETY: nothing else in this program has the name `main`, and this is the signature that C gives it.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    let mut buffer = [0; 16_384];
    // SAFETY: the buffer is borrowed mutably and has this length, and `read` does not keep it.
    let len = unsafe { read(0, buffer.as_mut_ptr().cast(), buffer.len()) };
    let input = usize::try_from(len).ok().and_then(|len| buffer.get(..len)).unwrap_or_default();
    // After `black_box`, the optimizer knows neither the text nor a bound of its length.
    let Ok(text) = str::from_utf8(black_box(input)) else { return 1 };
    c_int::from(call_everything(text).is_err())
}

/// Writes each call and its result.
macro_rules! show {
    ($($call:expr),+ $(,)?) => {
        $(writeln!(Stream(OUTPUT), "{}: {:?}", stringify!($call), $call)?;)+
    };
}

fn call_everything(text: &str) -> fmt::Result {
    let bytes = text.as_bytes();
    let mut times = bytes.as_chunks().0.iter().map(|bytes| UnixTime::from_secs(u64::from_le_bytes(*bytes)));
    let mut time = || times.next().unwrap_or(black_box(UnixTime::from_secs(u64::MAX - 1)));

    let mut predictable = PredictableTestRng(time().as_secs());
    let keys = [
        ApiKey::parse(text),
        ApiKey::parse(bytes),
        text.parse(),
        text.try_into(),
        bytes.try_into(),
        ApiKey::parse_pasted(text),
        Ok(ApiKey::generate_from_rng(&mut predictable)),
    ];
    for key in &keys {
        show!(key, key.as_ref().map(|key| Text(key.expose_secret())));
    }
    show!(ApiKey::try_generate_from_rng(&mut Input(bytes)));
    for header in [bearer::parse([""; 0]), bearer::parse([text]), bearer::parse([text, text])] {
        show!(header);
        answers(header.map_or_else(|denied| denied, |_| Denied::unknown_key()), text)?;
    }

    ids(text)?;
    if cfg!(not(planted = "forgotten")) {
        digests(text)?;
    }
    scopes(text)?;
    finds(bytes)?;
    #[cfg(planted = "index")]
    show!(bytes[51]);
    #[cfg(planted = "unwrap")]
    show!(text.parse::<KeyId>().unwrap());
    #[cfg(planted = "division")]
    show!(1 / bytes.len());
    for key in keys {
        match key {
            Ok(key) => records(&key, text, [time(), time(), time()])?,
            Err(error) => key_errors(error, text)?,
        }
    }
    Ok(())
}

fn key_errors(error: ParseKeyError, text: &str) -> fmt::Result {
    show_error(&error)?;
    answers(Denied::from(error), text)
}

/// Calls all methods of an error. A trait object, so that the optimizer can omit none of them.
fn show_error(error: &dyn Error) -> fmt::Result {
    writeln!(Stream(OUTPUT), "{error} {error:?} {error:#?} {error:>99} {}", error.source().is_some())
}

fn answers(denied: Denied, realm: &str) -> fmt::Result {
    show_error(&denied)?;
    let challenge: Challenge<'_> = denied.challenge(realm);
    let (reason, other) = (denied.reason(), black_box(Reason::Expired));
    show!(denied.status(), Text(denied.message()), denied.missing(), denied == Denied::unknown_key());
    show!(reason, Text(reason.as_str()), reason == other, Text(other.as_str()));
    show!(challenge == Denied::unknown_key().challenge(realm));
    writeln!(Stream(OUTPUT), "{challenge}")
}

fn ids(text: &str) -> fmt::Result {
    let bytes = text.as_bytes();
    for id in [text.parse(), bytes.try_into(), first(bytes).map_or(text.parse(), KeyId::from_bytes)] {
        match id {
            Ok(id) => id_parts(id)?,
            Err(error) => show_error(&error)?,
        }
    }
    Ok(())
}

fn id_parts(id: KeyId) -> fmt::Result {
    let other = black_box(id);
    show!(id, Text(id.as_str()), id == other, id.cmp(&other), id.partial_cmp(&other), hash(&id));
    show!(id.masked(), id.masked() == other.masked(), hash(&id.masked()));
    writeln!(Stream(OUTPUT), "{id} {id:>20.30} {id:-^9.7} {}", id.masked())
}

fn digests(text: &str) -> fmt::Result {
    let bytes = text.as_bytes();
    for digest in [
        text.parse(),
        bytes.try_into(),
        Ok(first(bytes).map_or(KeyDigest::from_bytes([7; 32]), KeyDigest::from_bytes)),
    ] {
        match digest {
            Ok(digest) => {
                show!(digest, digest.as_bytes(), digest == black_box(digest));
                writeln!(Stream(OUTPUT), "{digest} {digest:>70.80} {digest:-^9.7}")?;
            }
            Err(error) => show_error(&error)?,
        }
    }
    Ok(())
}

fn records(key: &ApiKey, text: &str, [one, other, now]: [UnixTime; 3]) -> fmt::Result {
    let (digest, another) = (key.digest(), KeyDigest::from_bytes(first(text.as_bytes()).unwrap_or_default()));
    let copy = key.clone();
    show!(key, *key == copy, key.id(), digest, digest.matches(&copy), another.matches(&copy));
    id_parts(key.id())?;

    let scopes = Scope::from_bits_retain(number(text));
    let mut stored = KeyRecord::from_parts(key.id(), another, Text(text), scopes);
    let mut record = KeyRecord::new(key, Text(text), scopes);
    (record.not_before, stored.expires_at) = (Some(one), Some(other));
    show!(stored, record == stored, record == record.clone());
    for record in [&mut stored, &mut record] {
        // the optimizer must not know that this is the id of the key
        record.id = black_box(record.id);
        grants(record.verify(key, now), now)?;
        rotates(record.rotate(key, now, one.as_secs()))?;
        record.retire_at(other);
        show!(record.state(now));
        grants(record.verify(key, one), now)?;
        record.revoke(now);
        record.revoke(one);
        grants(record.verify(key, other), now)?;
        show!(record);
        rotates(record.rotate(key, now, one.as_secs()))?;
    }
    show!(one, one < other, one.cmp(&other), one == other, one.as_secs(), hash(&one));
    show!(one.saturating_add(other.as_secs()), one.max(UnixTime::MAX));
    Ok(())
}

fn rotates(rotated: Result<KeyRecord<Text<'_>>, RotateError>) -> fmt::Result {
    match rotated {
        Ok(successor) => {
            show!(successor);
            Ok(())
        }
        Err(error) => show_error(&error),
    }
}

fn grants(verified: Result<Grant<&Text<'_>>, Denied>, now: UnixTime) -> fmt::Result {
    let grant = match verified {
        Ok(grant) => grant.clone().cloned(),
        Err(denied) => return show_error(&denied),
    };
    show!(grant, grant.key_id(), grant.project(), grant.scopes(), grant.expires_at());
    let required = Scope::from_bits_retain(now.as_secs().count_ones());
    show!(grant.require(required), grant.require(Scope::empty()));
    match grant.require(required) {
        Ok(()) => Ok(()),
        Err(denied) => answers(denied, grant.project().0),
    }
}

fn finds(bytes: &[u8]) -> fmt::Result {
    let finds = scan::find_iter(bytes);
    show!(finds, finds.clone().count());
    for find in finds {
        show!(find, find.clone(), find.range(), find.as_bytes(), find.id(), find.key());
    }
    for hidden in scan::redacted_ranges(bytes) {
        show!(hidden);
    }
    Ok(())
}

fn scopes(text: &str) -> fmt::Result {
    let bits = number(text);
    let any = Scope::from_bits_retain(bits);
    for scopes in [text.parse(), Scope::parse_list(text), Ok(any)] {
        match scopes {
            Ok(scopes) => scope_parts(scopes, any)?,
            Err(error) => {
                show!(error.range(), error.suggestion(), error == black_box(error));
                show_error(&error)?;
            }
        }
    }
    show!(Scope::from_bits(bits), Scope::from_bits_truncate(bits), Scope::from_name(text));
    for scope in Scope::all() {
        show!(scope.name().map(Text), scope.description().map(Text));
    }
    Ok(())
}

fn scope_parts(scopes: Scope, other: Scope) -> fmt::Result {
    writeln!(Stream(OUTPUT), "{scopes} {scopes:b} {scopes:o} {scopes:x} {scopes:X} {scopes:#010x}")?;
    show!(
        scopes,
        scopes.name().map(Text),
        scopes.description().map(Text),
        scopes.grants(other),
        scopes.missing(other)
    );
    show!(scopes.bits(), scopes.is_empty(), scopes.is_all(), hash(&scopes), scopes == other);
    show!(scopes.intersects(other), scopes.contains(other), scopes.union(other), scopes.intersection(other));
    show!(scopes.difference(other), scopes.symmetric_difference(other), scopes.complement());
    show!(scopes | other, scopes & other, scopes - other, scopes ^ other, !scopes);
    let mut changed = scopes;
    changed |= other;
    changed ^= Scope::READ;
    changed &= !other;
    changed -= Scope::WRITE;
    changed.insert(other);
    changed.remove(scopes);
    changed.toggle(other);
    changed.set(scopes, other.is_empty());
    changed.extend(other);
    show!(changed, scopes.iter().collect::<Scope>());
    for (name, scope) in scopes.iter_names() {
        show!(Text(name), scope);
    }
    Ok(())
}

/// A text whose `Debug` writes it unchanged. The optimizer does not remove the checks in `Debug` of `str`.
#[derive(Clone, PartialEq)]
struct Text<'t>(&'t str);

impl Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Returns the first bytes of the input as a number.
fn number(text: &str) -> u32 {
    first(text.as_bytes()).map_or(black_box(0), u32::from_le_bytes)
}

fn first<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn hash(value: &impl Hash) -> u64 {
    let mut sum = Sum(0);
    value.hash(&mut sum);
    sum.finish()
}

/// A hasher, as `core` has none.
struct Sum(u64);

impl Hasher for Sum {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }
}

/// A generator that yields the bytes that were read, and fails when there are no more.
struct Input<'i>(&'i [u8]);

#[derive(Debug)]
struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the input has no more bytes")
    }
}

impl Error for Exhausted {}

impl TryRng for Input<'_> {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Exhausted> {
        let (given, rest) = self.0.split_at_checked(bytes.len()).ok_or(Exhausted)?;
        self.0 = rest;
        bytes.iter_mut().zip(given).for_each(|(byte, given)| *byte = *given);
        Ok(())
    }
}

/// The generator is predictable. The library requires this trait.
impl TryCryptoRng for Input<'_> {}
