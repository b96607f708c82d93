//! The record that a server stores for a key, and the key's lifecycle: [`KeyRecord`].

use core::fmt;

use crate::denied::{Denied, Reason};
use crate::digest::KeyDigest;
use crate::grant::Grant;
use crate::id::KeyId;
use crate::key::ApiKey;
use crate::scope::Scope;
use crate::state::KeyState;
use crate::time::UnixTime;

/// The record that a server stores for a key. It holds a digest of the key, and not the key itself.
///
/// `P` is the caller's type for a project. A key belongs to exactly one project.
///
/// Two fields hold an end of the key's validity. `expires_at` is the end that the owner set; `retires_at` is the end of
/// an overlap after a rotation. Of the two, a successor inherits only `expires_at`.
///
/// With serde, a record is a map of its field names in every format. An absent time is written as null. When read,
/// it may be null or left out. An unknown field is an error.
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
///
/// let now = UnixTime::now();
/// let key = ApiKey::generate();
/// let mut record = KeyRecord::new(&key, "demo", Scope::MEMORIES_READ);
/// record.expires_at = Some(now.saturating_add(90 * 24 * 60 * 60));
///
/// assert!(record.verify(&key, now).is_ok());
/// record.revoke(now);
/// assert!(record.verify(&key, now).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord<P> {
    /// Public part of the key, and primary key of the record.
    pub id: KeyId,
    /// Digest of the key.
    pub digest: KeyDigest,
    /// Project that the key belongs to.
    pub project: P,
    /// Scopes that the key has.
    pub scopes: Scope,
    /// Time from which the key is valid.
    pub not_before: Option<UnixTime>,
    /// End that the owner set. The key is valid before this time, but not at it.
    pub expires_at: Option<UnixTime>,
    /// End of the overlap after a rotation. The key is valid before this time, but not at it.
    pub retires_at: Option<UnixTime>,
    /// Time of the revocation, for the audit. If it is set, the key is refused at any time, even before `revoked_at`. A
    /// planned end belongs in [`expires_at`](Self::expires_at).
    pub revoked_at: Option<UnixTime>,
}

impl<P> KeyRecord<P> {
    /// Creates the record of a new key, valid at any time. The caller sets times through the fields.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope};
    /// let key = ApiKey::generate();
    /// let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// assert_eq!((record.id, record.expires_at), (key.id(), None));
    /// ```
    #[must_use]
    pub fn new(key: &ApiKey, project: P, scopes: Scope) -> Self {
        Self::from_parts(key.id(), *key.digest(), project, scopes)
    }

    /// Creates the record that a store holds. The caller sets times through the fields.
    ///
    /// A time in a signed column must not be negative. Refuse such a row as unreadable: if `-1` became `None`, the key
    /// would never expire.
    ///
    /// ```
    /// # use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
    /// // the columns of a row
    /// let (id, digest, scopes) = ("8aspm4G7VmSU", [7; 32], 5);
    /// let expires_at: Option<i64> = Some(1_767_225_600);
    ///
    /// let scopes = Scope::from_bits(scopes).ok_or("a scope that this service does not know")?;
    /// let mut record = KeyRecord::from_parts(id.parse()?, KeyDigest::from_bytes(digest), "demo", scopes);
    /// record.expires_at = expires_at.map(u64::try_from).transpose()?.map(UnixTime::from_secs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn from_parts(id: KeyId, digest: KeyDigest, project: P, scopes: Scope) -> Self {
        Self {
            id,
            digest,
            project,
            scopes,
            not_before: None,
            expires_at: None,
            retires_at: None,
            revoked_at: None,
        }
    }

    /// Checks that `key` is the key of this record, and that it is valid at `now`.
    ///
    /// The digest is compared before anything else in the record is examined.
    ///
    /// # Errors
    ///
    /// The first that applies:
    ///
    /// * [`Reason::DigestMismatch`]: `key` is another key.
    /// * [`Reason::Revoked`]: `revoked_at` is set. The value of `now` does not matter, because a server whose clock is
    ///   slow must not honour a revoked key.
    /// * [`Reason::Expired`]: `now` has reached `expires_at`.
    /// * [`Reason::Retired`]: `now` has reached `retires_at`.
    /// * [`Reason::NotYetValid`]: `now` is before `not_before`, or `not_before` is set and `now` is
    ///   [`UnixTime::MAX`], which stands for an unknown time.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Reason, Scope, UnixTime};
    /// let (key, other) = (ApiKey::generate(), ApiKey::generate());
    /// let record = KeyRecord::new(&key, "demo", Scope::READ);
    ///
    /// assert!(record.verify(&key, UnixTime::now()).is_ok());
    /// let denied = record.verify(&other, UnixTime::now()).unwrap_err();
    /// assert_eq!(denied.reason(), Reason::DigestMismatch);
    /// ```
    #[inline]
    pub fn verify(&self, key: &ApiKey, now: UnixTime) -> Result<Grant<&P>, Denied> {
        if !self.digest.matches(key) {
            return Err(Denied::new(Reason::DigestMismatch));
        }
        let reason = match self.state(now) {
            KeyState::Active => {
                return Ok(Grant {
                    key_id: key.id(),
                    project: &self.project,
                    scopes: self.scopes.known(),
                    expires_at: earlier(self.expires_at, self.retires_at),
                });
            }
            KeyState::Revoked => Reason::Revoked,
            KeyState::Expired => Reason::Expired,
            KeyState::Retired => Reason::Retired,
            KeyState::NotYetValid => Reason::NotYetValid,
        };
        Err(Denied::new(reason))
    }

    /// Returns the state of the key at `now`. The conditions are those of [`verify`](Self::verify), in the same order.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, KeyState, Scope, UnixTime};
    /// let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
    /// record.expires_at = Some(UnixTime::from_secs(90));
    /// record.retire_at(UnixTime::from_secs(60));
    /// assert_eq!(record.state(UnixTime::from_secs(59)), KeyState::Active);
    /// assert_eq!(record.state(UnixTime::from_secs(60)), KeyState::Retired);
    /// assert_eq!(record.state(UnixTime::from_secs(90)), KeyState::Expired);
    /// ```
    #[inline]
    #[must_use]
    pub fn state(&self, now: UnixTime) -> KeyState {
        let has_come = |end: Option<UnixTime>| end.is_some_and(|end| end <= now);
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if has_come(self.expires_at) {
            KeyState::Expired
        } else if has_come(self.retires_at) {
            KeyState::Retired
        } else if self.not_before.is_some_and(|start| now < start || now == UnixTime::MAX) {
            KeyState::NotYetValid
        } else {
            KeyState::Active
        }
    }

    /// Schedules the end of the overlap at `time`. An earlier end is kept.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
    /// record.retire_at(UnixTime::from_secs(60));
    /// record.retire_at(UnixTime::from_secs(90));
    /// assert_eq!(record.retires_at, Some(UnixTime::from_secs(60)));
    /// ```
    pub fn retire_at(&mut self, time: UnixTime) {
        self.retires_at = earlier(self.retires_at, Some(time));
    }

    /// Revokes the key, at once and permanently. The record keeps the earliest time of several calls, for the audit.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
    /// record.revoke(UnixTime::from_secs(60));
    /// record.revoke(UnixTime::from_secs(90));
    /// assert_eq!(record.revoked_at, Some(UnixTime::from_secs(60)));
    /// ```
    pub fn revoke(&mut self, time: UnixTime) {
        self.revoked_at = earlier(self.revoked_at, Some(time));
    }

    /// Replaces the key with an overlap: returns the record of the `new` key, and retires this key `overlap_secs`
    /// seconds after `now`. An earlier `retires_at` is kept.
    ///
    /// The new record has this record's project, scopes, `not_before` and `expires_at`, and neither `retires_at` nor
    /// `revoked_at`. The caller may set a later expiry. Store both records in one transaction, and delete the old one
    /// after its end.
    ///
    /// While the overlap runs, the key may be rotated again, for example because its successor was lost. The next
    /// successor has the same `expires_at` as the first.
    ///
    /// # Errors
    ///
    /// The first that applies. On an error, nothing is changed.
    ///
    /// * [`RotateError::SameKey`]: `new` has the id of this record.
    /// * [`RotateError::Revoked`]: this key was revoked.
    /// * [`RotateError::Expired`]: `now` has reached `expires_at`.
    /// * [`RotateError::Retired`]: `now` has reached `retires_at`.
    /// * [`RotateError::UnknownTime`]: `now` is [`UnixTime::MAX`], which stands for an unknown time, so the
    ///   overlap would never end.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// let (old_key, new_key) = (ApiKey::generate(), ApiKey::generate());
    /// let now = UnixTime::now();
    /// let mut old = KeyRecord::new(&old_key, "demo", Scope::READ);
    ///
    /// let new = old.rotate(&new_key, now, 24 * 60 * 60)?;
    /// assert!(old.verify(&old_key, now).is_ok() && new.verify(&new_key, now).is_ok());
    ///
    /// let tomorrow = now.saturating_add(24 * 60 * 60);
    /// assert!(old.verify(&old_key, tomorrow).is_err() && new.verify(&new_key, tomorrow).is_ok());
    /// # Ok::<(), ctx_key::RotateError>(())
    /// ```
    pub fn rotate(&mut self, new: &ApiKey, now: UnixTime, overlap_secs: u64) -> Result<Self, RotateError>
    where
        P: Clone,
    {
        if new.id() == self.id {
            return Err(RotateError::SameKey);
        }
        match self.state(now) {
            KeyState::Revoked => return Err(RotateError::Revoked),
            KeyState::Expired => return Err(RotateError::Expired),
            KeyState::Retired => return Err(RotateError::Retired),
            KeyState::NotYetValid | KeyState::Active if now == UnixTime::MAX => {
                return Err(RotateError::UnknownTime);
            }
            KeyState::NotYetValid | KeyState::Active => {}
        }
        let successor = Self { id: new.id(), digest: *new.digest(), retires_at: None, ..self.clone() };
        self.retire_at(now.saturating_add(overlap_secs));
        Ok(successor)
    }
}

/// Returns the earlier of two times. An absent time is later than any other.
#[inline]
fn earlier(a: Option<UnixTime>, b: Option<UnixTime>) -> Option<UnixTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (time, None) | (None, time) => time,
    }
}

/// Error of [`KeyRecord::rotate`].
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, RotateError, Scope, UnixTime};
///
/// let now = UnixTime::now();
/// let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
/// record.revoke(now);
/// assert_eq!(record.rotate(&ApiKey::generate(), now, 60), Err(RotateError::Revoked));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateError {
    /// The new key has the id of the old one.
    SameKey,
    /// The key was revoked.
    Revoked,
    /// The key has expired.
    Expired,
    /// The key's overlap after an earlier rotation has ended.
    Retired,
    /// The time is [`UnixTime::MAX`], which stands for an unknown time, so the overlap would never end.
    UnknownTime,
}

impl fmt::Display for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameKey => "the new key has the id of the old one; generate another key",
            Self::Revoked => "a revoked key cannot be rotated; create a new key",
            Self::Expired => "an expired key cannot be rotated; create a new key",
            Self::Retired => "a retired key cannot be rotated; rotate its successor",
            Self::UnknownTime => {
                "the time is unknown, so the overlap would never end; check the system clock"
            }
        })
    }
}

impl core::error::Error for RotateError {}
