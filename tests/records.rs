//! Records: whatever the times, arithmetic never overflows and an ended key never verifies.

mod common;

use common::keys;
use ctx_key::{Grant, KeyRecord, Reason, Scope, UnixTime};
use proptest::prelude::*;

fn time() -> impl Strategy<Value = UnixTime> {
    let edges = [0, 1, 99, 100, 101, u64::MAX - 1, u64::MAX, 1 << 63, (1 << 63) - 1];
    prop_oneof![prop::sample::select(edges.to_vec()), 0..200u64, any::<u64>()].prop_map(UnixTime::from_secs)
}

fn record() -> impl Strategy<Value = KeyRecord<String>> {
    let times = [(); 3].map(|()| prop::option::of(time()));
    (times, any::<u32>(), ".*").prop_map(|([not_before, expires_at, revoked_at], scopes, project)| {
        let mut record = KeyRecord::new(&keys(1)[0], project, Scope::from_bits_retain(scopes));
        (record.not_before, record.expires_at, record.revoked_at) = (not_before, expires_at, revoked_at);
        record
    })
}

proptest! {
    #[test]
    fn the_first_reason_that_applies(record in record(), now in time(), same_key in any::<bool>()) {
        let keys = keys(2);
        let denied = if !same_key {
            Some(Reason::DigestMismatch)
        } else if record.revoked_at.is_some() {
            Some(Reason::Revoked)
        } else if record.expires_at.is_some_and(|end| now.as_secs() >= end.as_secs()) {
            Some(Reason::Expired)
        } else if record.not_before.is_some_and(|start| now.as_secs() < start.as_secs()) {
            Some(Reason::NotYetValid)
        } else {
            None
        };
        let key = &keys[usize::from(!same_key)];
        match record.verify(key, now) {
            Ok(grant) => {
                prop_assert_eq!(denied, None);
                prop_assert_eq!(grant.key_id(), key.id());
                prop_assert_eq!(*grant.project(), &record.project);
                prop_assert_eq!(grant.scopes(), record.scopes & Scope::all());
                prop_assert_eq!(grant.expires_at(), record.expires_at);
                let owned: Grant<String> = grant.cloned();
                prop_assert_eq!(owned.project(), &record.project);
            }
            Err(refused) => prop_assert_eq!(Some(refused.reason()), denied),
        }
    }

    #[test]
    fn retiring_shortens_and_revoking_keeps_the_earliest(mut record in record(), times in prop::collection::vec(time(), 1..5)) {
        let earliest = |before: Option<UnixTime>| before.into_iter().chain(times.iter().copied()).min();
        let (expires_at, revoked_at) = (earliest(record.expires_at), earliest(record.revoked_at));
        for &time in &times {
            record.retire_at(time);
            record.revoke(time);
        }
        prop_assert_eq!((record.expires_at, record.revoked_at), (expires_at, revoked_at));
    }

    #[test]
    fn rotation_overlaps_and_never_lengthens(mut old in record(), now in time(), overlap in time()) {
        let keys = keys(2);
        let (before, overlap) = (old.clone(), overlap.as_secs());
        let rotated = old.rotate(&keys[1], now, overlap);
        let ended = before.revoked_at.is_some() || before.expires_at.is_some_and(|end| end <= now);
        prop_assert_eq!(rotated.is_err(), ended);
        let Ok(new) = rotated else {
            prop_assert_eq!(old, before);
            return Ok(());
        };
        prop_assert_eq!((new.id, &new.digest), (keys[1].id(), keys[1].digest()));
        prop_assert_eq!((&new.project, new.scopes), (&before.project, before.scopes));
        prop_assert_eq!((new.not_before, new.expires_at), (before.not_before, before.expires_at));
        prop_assert_eq!(new.revoked_at, None);

        let end = u128::from(now.as_secs()) + u128::from(overlap);
        let end = before.expires_at.map_or(end, |expiry| end.min(expiry.as_secs().into()));
        prop_assert_eq!(old.expires_at.map(|end| end.as_secs().into()), Some(end.min(u64::MAX.into())));
        old.expires_at = before.expires_at;
        prop_assert_eq!(old, before, "nothing but the expiry changed");
    }
}

#[test]
fn asking_for_nothing_is_denied() {
    let key = &keys(1)[0];
    let record = KeyRecord::new(key, (), Scope::all());
    let grant = record.verify(key, UnixTime::MAX).unwrap();
    let denied = grant.require(Scope::empty()).unwrap_err();
    assert_eq!((denied.status(), denied.missing()), (403, Scope::empty()));
    let nothing = Reason::MissingScope { required: Scope::empty(), missing: Scope::empty() };
    assert_eq!(denied.reason(), nothing);
}

/// Whatever the row of the database says it is, the grant names the key that was verified.
#[test]
fn a_grant_names_the_verified_key() {
    let [key, other] = &keys(2)[..] else { unreachable!() };
    let record = KeyRecord::from_parts(other.id(), *key.digest(), (), Scope::READ);
    assert_eq!(record.verify(key, UnixTime::from_secs(0)).unwrap().key_id(), key.id());
}

#[cfg(feature = "std")]
#[test]
fn system_times_become_whole_seconds() {
    use std::time::{Duration, SystemTime};
    let after = |secs: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(secs);
    assert_eq!(UnixTime::try_from(after(0.0)), Ok(UnixTime::from_secs(0)));
    assert_eq!(UnixTime::try_from(after(1.999)), Ok(UnixTime::from_secs(1)));
    let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
    assert_eq!(UnixTime::try_from(before), Err(ctx_key::BeforeUnixEpochError));
    let now = UnixTime::now();
    assert!(now >= UnixTime::try_from(SystemTime::now() - Duration::from_secs(60)).unwrap());
    assert!(now <= UnixTime::try_from(SystemTime::now()).unwrap());
}
