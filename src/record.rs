//! What a server stores of a key, and what becomes of it: [`KeyRecord`].

use crate::denied::{Denied, Reason};
use crate::digest::KeyDigest;
use crate::grant::Grant;
use crate::id::KeyId;
use crate::key::ApiKey;
use crate::scope::Scope;
use crate::time::UnixTime;

/// What a server stores of a key: everything but the key.
///
/// `P` is what the caller knows a project by. A key belongs to exactly one.
///
/// With serde, a record is a map of its field names in every format. Absent times are written as null, and
/// read as null or left out; an unknown field is an error.
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
    /// The key's public part: the primary key.
    pub id: KeyId,
    /// The digest of the key.
    pub digest: KeyDigest,
    /// The project that the key belongs to.
    pub project: P,
    /// What the key may do.
    pub scopes: Scope,
    /// The first moment at which the key is valid.
    pub not_before: Option<UnixTime>,
    /// The first moment at which the key is valid no more.
    pub expires_at: Option<UnixTime>,
    /// When the key was revoked, for the audit: if set, the key is refused whatever the time is. A planned end is
    /// [`expires_at`](Self::expires_at).
    pub revoked_at: Option<UnixTime>,
}

impl<P> KeyRecord<P> {
    /// The record of a new key, valid from now on and for ever. Times are set through the fields.
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

    /// The record that a store holds. Times are set through the fields.
    ///
    /// ```
    /// # use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope, UnixTime};
    /// // the columns of a row
    /// let (id, digest, scopes, expires_at) = ("8aspm4G7VmSU", [7; 32], 5, Some(1_767_225_600));
    ///
    /// let scopes = Scope::from_bits(scopes).ok_or("a scope that this service doesn't know yet")?;
    /// let mut record = KeyRecord::from_parts(id.parse()?, KeyDigest::from_bytes(digest), "demo", scopes);
    /// record.expires_at = expires_at.map(UnixTime::from_secs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn from_parts(id: KeyId, digest: KeyDigest, project: P, scopes: Scope) -> Self {
        Self { id, digest, project, scopes, not_before: None, expires_at: None, revoked_at: None }
    }

    /// Checks that `key` is this record's, and valid at `now`.
    ///
    /// The digest is compared before anything else of the record is looked at.
    ///
    /// # Errors
    ///
    /// The first that applies:
    ///
    /// * [`Reason::DigestMismatch`]: it is another key.
    /// * [`Reason::Revoked`]: `revoked_at` is set, whatever `now` is: a slow clock must not honour a revoked key.
    /// * [`Reason::Expired`]: `expires_at` has come.
    /// * [`Reason::NotYetValid`]: `not_before` has not come.
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
        self.require_unended(now)?;
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Err(Denied::new(Reason::NotYetValid));
        }
        Ok(Grant {
            key_id: key.id(),
            project: &self.project,
            scopes: self.scopes.known(),
            expires_at: self.expires_at,
        })
    }

    #[inline]
    fn require_unended(&self, now: UnixTime) -> Result<(), Denied> {
        if self.revoked_at.is_some() {
            return Err(Denied::new(Reason::Revoked));
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Denied::new(Reason::Expired));
        }
        Ok(())
    }

    /// Plans the end: the key expires at `time`, or before if it did anyway.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
    /// record.retire_at(UnixTime::from_secs(60));
    /// record.retire_at(UnixTime::from_secs(90));
    /// assert_eq!(record.expires_at, Some(UnixTime::from_secs(60)));
    /// ```
    pub fn retire_at(&mut self, time: UnixTime) {
        self.expires_at = Some(earliest(self.expires_at, time));
    }

    /// Ends the key at once and for good. Of several times, the earliest is kept, for the audit.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
    /// record.revoke(UnixTime::from_secs(60));
    /// record.revoke(UnixTime::from_secs(90));
    /// assert_eq!(record.revoked_at, Some(UnixTime::from_secs(60)));
    /// ```
    pub fn revoke(&mut self, time: UnixTime) {
        self.revoked_at = Some(earliest(self.revoked_at, time));
    }

    /// Replaces the key by overlap: returns the record of the `new` key, and lets this one expire `overlap_secs`
    /// seconds after `now`, or before if it did anyway.
    ///
    /// The new record has this one's project, scopes, `not_before` and `expires_at` as they were; the caller may
    /// set a later expiry. Store both, in one transaction, and delete the old one when it has expired.
    ///
    /// # Errors
    ///
    /// [`Reason::Revoked`] or [`Reason::Expired`]: a key that ended has no successor. Nothing is changed.
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
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    pub fn rotate(&mut self, new: &ApiKey, now: UnixTime, overlap_secs: u64) -> Result<Self, Denied>
    where
        P: Clone,
    {
        self.require_unended(now)?;
        let successor = Self { id: new.id(), digest: *new.digest(), ..self.clone() };
        self.retire_at(now.saturating_add(overlap_secs));
        Ok(successor)
    }
}

fn earliest(planned: Option<UnixTime>, time: UnixTime) -> UnixTime {
    planned.map_or(time, |planned| planned.min(time))
}
