//! Reads a record from the columns of a row: [`record_from_columns`].

use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope, UnixTime};

/// Returns the record of a row, or `None` if the row is not a record. The times are `not_before`, `expires_at`,
/// `retires_at` and `revoked_at`.
///
/// A [`Source`](crate::Source) reports a row that is not a record as [corrupt](crate::LookedUp::corrupt).
///
/// ```
/// use ctx_key::{ApiKey, Scope};
/// use ctx_key_verifier::record_from_columns;
///
/// let key = ApiKey::generate();
/// let (id, digest, scopes) = (key.id(), key.digest(), i64::from(Scope::READ.bits()));
/// let record = record_from_columns(id, digest.as_bytes(), "project", scopes, [None, Some(4_102_444_800), None, None]);
/// assert_eq!(record.unwrap().scopes, Scope::READ);
/// // a time before 1970 is not read as none: that would be a key which never expires
/// assert_eq!(record_from_columns(id, digest.as_bytes(), "project", scopes, [None, Some(-1), None, None]), None);
/// ```
#[must_use]
pub fn record_from_columns<P>(
    id: KeyId,
    digest: &[u8],
    project: P,
    scopes: i64,
    times: [Option<i64>; 4],
) -> Option<KeyRecord<P>> {
    let digest = KeyDigest::try_from(digest).ok()?;
    let scopes = Scope::from_bits(scopes.try_into().ok()?)?;
    let mut record = KeyRecord::from_parts(id, digest, project, scopes);
    let [not_before, expires_at, retires_at, revoked_at] = times.map(time);
    (record.not_before, record.expires_at) = (not_before?, expires_at?);
    (record.retires_at, record.revoked_at) = (retires_at?, revoked_at?);
    Some(record)
}

/// A negative time is not read as none: that would be a key which never expires.
fn time(seconds: Option<i64>) -> Option<Option<UnixTime>> {
    match seconds {
        Some(seconds) => Some(Some(UnixTime::from_secs(seconds.try_into().ok()?))),
        None => Some(None),
    }
}
