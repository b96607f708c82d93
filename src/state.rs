//! The state of a record at a time: [`KeyState`].

/// State of a [`KeyRecord`](crate::KeyRecord) at a time, for lists and dashboards.
/// [`KeyRecord::state`](crate::KeyRecord::state) returns it.
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, KeyState, Scope, UnixTime};
///
/// let now = UnixTime::now();
/// let mut record = KeyRecord::new(&ApiKey::generate(), "demo", Scope::READ);
/// assert_eq!(record.state(now), KeyState::Active);
/// record.revoke(now);
/// assert_eq!(record.state(now), KeyState::Revoked);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// The key is valid. This includes a key whose overlap after a rotation still runs.
    Active,
    /// The record's `not_before` has not come, or is set and the time is
    /// [`UnixTime::MAX`](crate::UnixTime::MAX), which stands for an unknown time.
    NotYetValid,
    /// The overlap after a rotation has ended.
    Retired,
    /// The record's `expires_at` has come.
    Expired,
    /// The key was revoked.
    Revoked,
}
