//! Reads a record from the columns of a row.

use std::sync::Arc;

use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope, UnixTime};

/// Returns the record of a row, or `None` if the row is not a record. The times are `not_before`, `expires_at`,
/// `retires_at` and `revoked_at`.
pub(crate) fn from_columns(
    id: KeyId,
    digest: &[u8],
    project: &str,
    scopes: i64,
    times: [Option<i64>; 4],
) -> Option<KeyRecord<Arc<str>>> {
    let digest = KeyDigest::try_from(digest).ok()?;
    let scopes = Scope::from_bits(scopes.try_into().ok()?)?;
    let mut record = KeyRecord::from_parts(id, digest, project.into(), scopes);
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
