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
/// // a time before 1970 does not count as no time: the key would never expire
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

/// Reads a time, or returns `None` if it is negative: if that counted as no time, the key would never expire.
fn time(seconds: Option<i64>) -> Option<Option<UnixTime>> {
    match seconds {
        Some(seconds) => Some(Some(UnixTime::from_secs(seconds.try_into().ok()?))),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aaaaaaaaaaaa";

    fn record(digest: &[u8], scopes: i64, times: [Option<i64>; 4]) -> Option<KeyRecord<&'static str>> {
        record_from_columns(ID.parse().unwrap(), digest, "project", scopes, times)
    }

    #[test]
    fn each_column_is_read_into_its_field() {
        let digest = [7; 32];
        let of = |scopes, times: [Option<u64>; 4]| {
            let (id, digest) = (ID.parse().unwrap(), KeyDigest::from_bytes(digest));
            let mut record = KeyRecord::from_parts(id, digest, "project", scopes);
            [record.not_before, record.expires_at, record.retires_at, record.revoked_at] =
                times.map(|time| time.map(UnixTime::from_secs));
            Some(record)
        };
        assert_eq!(record(&digest, 0, [None; 4]), of(Scope::empty(), [None; 4]));
        assert_eq!(record(&digest, 63, [Some(0); 4]), of(Scope::all(), [Some(0); 4]));
        let last = i64::MAX.unsigned_abs();
        let times = [Some(1), Some(2), Some(3), Some(i64::MAX)];
        assert_eq!(
            record(&digest, 1, times),
            of(Scope::MEMORIES_READ, [Some(1), Some(2), Some(3), Some(last)])
        );
        for place in 0..4 {
            let (mut some, mut time) = ([None; 4], [None; 4]);
            (some[place], time[place]) = (Some(5), Some(5));
            assert_eq!(record(&digest, 1, some), of(Scope::MEMORIES_READ, time), "time {place}");
        }
    }

    #[test]
    fn other_rows_are_not_records() {
        for length in [0, 31, 33] {
            assert_eq!(record(&vec![7; length], 1, [None; 4]), None, "{length}");
        }
        for scopes in [-1, 64, (1 << 32) + 1, i64::MIN, i64::MAX] {
            assert_eq!(record(&[7; 32], scopes, [None; 4]), None, "{scopes}");
        }
        for place in 0..4 {
            for time in [-1, i64::MIN] {
                let mut times = [Some(1); 4];
                times[place] = Some(time);
                assert_eq!(record(&[7; 32], 1, times), None, "time {place}: {time}");
            }
        }
    }
}
