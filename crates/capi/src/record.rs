//! The record that a server stores for a key.

use core::ffi::c_char;

use ctx_key::{KeyDigest, KeyId, KeyRecord, KeyState, Scope, UnixTime};

use crate::key::{self, CTX_KEY_ID_SIZE, Key};
use crate::memory;
use crate::outcome::Outcome::{self, *};

/// A time that may be absent. A `ctx_key_time` that is all zeros is absent.
///
/// If a database holds a negative time, refuse the row as corrupt: converted to `uint64_t`, -1 is the latest time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Time {
    /// Seconds since 1970. Not used if the time is absent.
    pub secs: u64,
    /// 0 if the time is absent; any other value if it is set.
    pub is_set: u64,
}

/// The record that a server stores for a key. It holds a digest of the key, not the key itself, and it is not secret.
///
/// To fill it from a row of a database, begin with zeros, and set every field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// Digest of the key.
    pub digest: [u8; 32],
    /// Time from which the key is valid.
    pub not_before: Time,
    /// Expiry that the owner set. The key is valid before this time, but not at it.
    pub expires_at: Time,
    /// End of the overlap after a rotation. The key is valid before this time, but not at it.
    pub retires_at: Time,
    /// Time of the revocation, for the audit. If it is set, the key is always refused, whatever the time.
    pub revoked_at: Time,
    /// Scopes of the key: the bits `CTX_KEY_MEMORIES_READ` and so on, and no others.
    pub scopes: u32,
    /// Public part of the key, by which the server finds the record: 12 characters and a NUL.
    pub id: [c_char; CTX_KEY_ID_SIZE],
}

/// The grant of a verified key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Grant {
    /// The earlier of the record's `expires_at` and `retires_at`. If you keep a grant, do not use it from then on.
    pub expires_at: Time,
    /// Scopes that the key has.
    pub scopes: u32,
}

type Stored = KeyRecord<()>;

impl From<Option<UnixTime>> for Time {
    fn from(time: Option<UnixTime>) -> Self {
        time.map_or(Self::default(), |time| Self { secs: time.as_secs(), is_set: 1 })
    }
}

impl From<Time> for Option<UnixTime> {
    fn from(time: Time) -> Self {
        (time.is_set != 0).then(|| UnixTime::from_secs(time.secs))
    }
}

impl TryFrom<&Record> for Stored {
    type Error = Outcome;

    fn try_from(record: &Record) -> Result<Self, Outcome> {
        let [id @ .., 0] = record.id.map(|character| u8::from_ne_bytes(character.to_ne_bytes())) else {
            return Err(CtxKeyErrorRecord);
        };
        let id = KeyId::from_bytes(id).map_err(|_| CtxKeyErrorRecord)?;
        let scopes = Scope::from_bits(record.scopes).ok_or(CtxKeyErrorRecord)?;
        let mut stored = Self::from_parts(id, KeyDigest::from_bytes(record.digest), (), scopes);
        stored.not_before = record.not_before.into();
        stored.expires_at = record.expires_at.into();
        stored.retires_at = record.retires_at.into();
        stored.revoked_at = record.revoked_at.into();
        Ok(stored)
    }
}

impl From<Stored> for Record {
    fn from(stored: Stored) -> Self {
        let mut id = [0; CTX_KEY_ID_SIZE];
        for (place, byte) in id.iter_mut().zip(stored.id.as_str().bytes()) {
            *place = c_char::from_ne_bytes([byte]);
        }
        Self {
            digest: *stored.digest.as_bytes(),
            not_before: stored.not_before.into(),
            expires_at: stored.expires_at.into(),
            retires_at: stored.retires_at.into(),
            revoked_at: stored.revoked_at.into(),
            scopes: stored.scopes.bits(),
            id,
        }
    }
}

/// Writes the record of a new key with these scopes. The key is always valid, unless the caller sets times in the
/// record. On an error, `record` is zeros.
///
/// Errors: `CTX_KEY_ERROR_NO_KEY`; `CTX_KEY_ERROR_RECORD` if `scopes` has a bit that no scope has; `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_record_new(key: *const Key, scopes: u32, record: *mut Record) -> Outcome {
    // SAFETY: the caller promises it.
    let made = unsafe { key::held(key) }.and_then(|key| {
        let scopes = Scope::from_bits(scopes).ok_or(CtxKeyErrorRecord)?;
        Ok(Stored::new(key, (), scopes).into())
    });
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write(record, made.unwrap_or_default()) };
    written.and(made.map(drop)).into()
}

/// Checks that a record belongs to a key, and that the key is valid at `now`. A corrupt record is an error, whatever
/// the key. The digests are compared next, in constant time, and only then the times.
///
/// `now` is in seconds since 1970. `UINT64_MAX` stands for an unknown time, at which only keys without times are
/// valid. If there is no clock, `(uint64_t) time(NULL)` has this value. `grant` receives what the key may do, or on
/// an error no scope and no end.
///
/// Errors: `CTX_KEY_DIGEST_MISMATCH`, `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED` or `CTX_KEY_NOT_YET_VALID`, the
/// first that applies; `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_verify(
    record: *const Record,
    key: *const Key,
    now: u64,
    grant: *mut Grant,
) -> Outcome {
    // SAFETY: the caller promises it.
    let granted = unsafe { verify(record, key, now) };
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write(grant, granted.unwrap_or_default()) };
    written.and(granted.map(drop)).into()
}

/// # Safety
///
/// Those of [`memory::reference`] and [`key::held`].
unsafe fn verify(record: *const Record, key: *const Key, now: u64) -> Result<Grant, Outcome> {
    // SAFETY: the caller promises it.
    let (record, key) = unsafe { (memory::reference(record)?, key::held(key)?) };
    let stored = Stored::try_from(record)?;
    let granted = stored.verify(key, UnixTime::from_secs(now))?;
    Ok(Grant { expires_at: granted.expires_at().into(), scopes: granted.scopes().bits() })
}

/// Checks that a grant has all required scopes. At least one must be required.
///
/// `missing` may be NULL; it receives the required scopes that the grant lacks. If `grant` is NULL or misaligned, these
/// are all of them.
///
/// Errors: `CTX_KEY_MISSING_SCOPE`, even if `required` is 0; `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_require(grant: *const Grant, required: u32, missing: *mut u32) -> Outcome {
    let required = Scope::from_bits_retain(required);
    // SAFETY: the caller promises it.
    let granted = unsafe { memory::reference(grant) }.map(|grant| Scope::from_bits_retain(grant.scopes));
    let lacks = granted.unwrap_or(Scope::empty()).missing(required).bits();
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write_optional(missing, lacks) };
    let result = written
        .and(granted)
        .and_then(|granted| if granted.grants(required) { Ok(()) } else { Err(CtxKeyMissingScope) });
    result.into()
}

/// Returns the state of a record at `now`, for lists and dashboards: `CTX_KEY_OK` if its key is valid, or else the
/// result that `ctx_key_verify` would return for its key.
///
/// Errors: `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED`, `CTX_KEY_NOT_YET_VALID`; `CTX_KEY_ERROR_RECORD`,
/// `CTX_KEY_ERROR_POINTER`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_state(record: *const Record, now: u64) -> Outcome {
    // SAFETY: the caller promises it.
    let stored = unsafe { memory::reference(record) }.and_then(Stored::try_from);
    match stored.map(|stored| stored.state(UnixTime::from_secs(now))) {
        Ok(KeyState::Active) => CtxKeyOk,
        Ok(KeyState::Revoked) => CtxKeyRevoked,
        Ok(KeyState::Expired) => CtxKeyExpired,
        Ok(KeyState::Retired) => CtxKeyRetired,
        Ok(KeyState::NotYetValid) => CtxKeyNotYetValid,
        Ok(_) => CtxKeyErrorOther,
        Err(error) => error,
    }
}

/// Schedules the end of a record's overlap at `time`. An earlier end is kept.
///
/// Errors: `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_POINTER`. On an error, nothing is changed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_retire_at(record: *mut Record, time: u64) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { change(record, |stored| stored.retire_at(UnixTime::from_secs(time))) }.into()
}

/// Revokes a record's key, at once and permanently. For the audit, the record keeps the earliest time of several
/// calls.
///
/// Errors: `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_POINTER`. On an error, nothing is changed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_revoke(record: *mut Record, time: u64) -> Outcome {
    // SAFETY: the caller promises it.
    unsafe { change(record, |stored| stored.revoke(UnixTime::from_secs(time))) }.into()
}

/// Changes a record in the caller's memory.
///
/// # Safety
///
/// Those of [`memory::reference`] and [`memory::write`].
unsafe fn change(record: *mut Record, change: impl FnOnce(&mut Stored)) -> Result<(), Outcome> {
    // SAFETY: the caller promises it. The reference ends before the record is written.
    let mut stored = Stored::try_from(unsafe { memory::reference(record.cast_const()) }?)?;
    change(&mut stored);
    // SAFETY: the caller promises it.
    unsafe { memory::write(record, stored.into()) }
}

/// Replaces a record's key with an overlap: writes the record of the new key, and retires the old key `overlap_secs`
/// seconds after `now`. An earlier end of the overlap is kept.
///
/// The new record has the scopes, `not_before` and `expires_at` of the old one. Store both in one transaction.
///
/// Errors: `CTX_KEY_SAME_KEY`, `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED` or `CTX_KEY_UNKNOWN_TIME`, the first that
/// applies; `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_POINTER`. On an error, `record` is not
/// changed, and `new_record` is zeros.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctx_key_rotate(
    record: *mut Record,
    new_key: *const Key,
    now: u64,
    overlap_secs: u64,
    new_record: *mut Record,
) -> Outcome {
    // SAFETY: the caller promises it.
    let rotated =
        memory::check(new_record).and_then(|_| unsafe { rotate(record, new_key, now, overlap_secs) });
    // SAFETY: the caller promises it.
    let written = unsafe { memory::write(new_record, rotated.unwrap_or_default()) };
    written.and(rotated.map(drop)).into()
}

/// Retires the old key in its record, and returns the record of the new key.
///
/// # Safety
///
/// Those of [`key::held`], [`memory::reference`] and [`memory::write`].
unsafe fn rotate(
    record: *mut Record,
    new_key: *const Key,
    now: u64,
    overlap_secs: u64,
) -> Result<Record, Outcome> {
    // SAFETY: the caller promises it. The reference to the record ends before it is written.
    let (old, new_key) = unsafe { (memory::reference(record.cast_const())?, key::held(new_key)?) };
    let mut old = Stored::try_from(old)?;
    let new = old.rotate(new_key, UnixTime::from_secs(now), overlap_secs)?;
    // SAFETY: the caller promises it.
    unsafe { memory::write(record, old.into()) }?;
    Ok(new.into())
}
