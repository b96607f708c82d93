//! A record is verified, rotated, retired and revoked as specified, whatever times it has. No arithmetic overflows.

mod common;

use common::keys;
use ctx_key::{Grant, KeyRecord, KeyState, Reason, RotateError, Scope, UnixTime};
use proptest::prelude::*;

fn time() -> impl Strategy<Value = UnixTime> {
    let edges = [0, 1, 99, 100, 101, u64::MAX - 1, u64::MAX, 1 << 63, (1 << 63) - 1];
    prop_oneof![prop::sample::select(edges.to_vec()), 0..200u64, any::<u64>()].prop_map(UnixTime::from_secs)
}

fn record() -> impl Strategy<Value = KeyRecord<String>> {
    let times = [(); 4].map(|()| prop::option::of(time()));
    (times, any::<u32>(), ".*").prop_map(|(times, scopes, project)| {
        let mut record = KeyRecord::new(&keys(1)[0], project, Scope::from_bits_retain(scopes));
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at] = times;
        record
    })
}

/// Returns the state by the specification's table: that of the first row that applies.
fn state(record: &KeyRecord<String>, now: UnixTime) -> KeyState {
    let has_come = |time: Option<UnixTime>| time.is_some_and(|time| now.as_secs() >= time.as_secs());
    let waits = |time: UnixTime| now.as_secs() < time.as_secs() || now.as_secs() == u64::MAX;
    let rows = [
        (record.revoked_at.is_some(), KeyState::Revoked),
        (has_come(record.expires_at), KeyState::Expired),
        (has_come(record.retires_at), KeyState::Retired),
        (record.not_before.is_some_and(waits), KeyState::NotYetValid),
        (true, KeyState::Active),
    ];
    rows.into_iter().find(|(applies, _)| *applies).unwrap().1
}

proptest! {
    #[test]
    fn verify_and_state_report_the_first_condition_that_applies(record in record(), now in time(), same_key in any::<bool>()) {
        let keys = keys(2);
        let state = state(&record, now);
        prop_assert_eq!(record.state(now), state);
        let denied = match state {
            _ if !same_key => Some(Reason::DigestMismatch),
            KeyState::Revoked => Some(Reason::Revoked),
            KeyState::Expired => Some(Reason::Expired),
            KeyState::Retired => Some(Reason::Retired),
            KeyState::NotYetValid => Some(Reason::NotYetValid),
            _ => None,
        };
        let key = &keys[usize::from(!same_key)];
        match record.verify(key, now) {
            Ok(grant) => {
                prop_assert_eq!(denied, None);
                let end = record.expires_at.into_iter().chain(record.retires_at).min();
                let whole = |key_id, project: &String, scopes, end| (key_id, project.clone(), scopes, end);
                let expected = whole(key.id(), &record.project, record.scopes & Scope::all(), end);
                prop_assert_eq!(
                    whole(grant.key_id(), grant.project(), grant.scopes(), grant.expires_at()),
                    expected.clone()
                );
                let owned: Grant<String> = grant.cloned();
                prop_assert_eq!(
                    whole(owned.key_id(), owned.project(), owned.scopes(), owned.expires_at()),
                    expected
                );
            }
            Err(refused) => prop_assert_eq!(Some(refused.reason()), denied),
        }
    }

    #[test]
    fn retire_at_and_revoke_keep_the_earliest_time(mut record in record(), times in prop::collection::vec(time(), 1..5)) {
        let earliest = |before: Option<UnixTime>| before.into_iter().chain(times.iter().copied()).min();
        let mut expected = record.clone();
        (expected.retires_at, expected.revoked_at) = (earliest(record.retires_at), earliest(record.revoked_at));
        for &time in &times {
            record.retire_at(time);
            record.revoke(time);
        }
        prop_assert_eq!(record, expected);
    }

    #[test]
    fn rotate_returns_a_successor_and_schedules_the_end_of_the_old_key(
        mut old in record(), now in time(), overlap in time(), same_key in any::<bool>()
    ) {
        let keys = keys(2);
        let new_key = &keys[usize::from(!same_key)];
        let before = old.clone();
        let rotated = old.rotate(new_key, now, overlap.as_secs());
        let refused = match state(&before, now) {
            _ if same_key => Some(RotateError::SameKey),
            KeyState::Revoked => Some(RotateError::Revoked),
            KeyState::Expired => Some(RotateError::Expired),
            KeyState::Retired => Some(RotateError::Retired),
            _ if now == UnixTime::MAX => Some(RotateError::UnknownTime),
            _ => None,
        };
        if let Some(error) = refused {
            prop_assert_eq!(rotated, Err(error));
            prop_assert_eq!(old, before);
            return Ok(());
        }
        let mut successor = KeyRecord::new(new_key, before.project.clone(), before.scopes);
        (successor.not_before, successor.expires_at) = (before.not_before, before.expires_at);
        prop_assert_eq!(rotated, Ok(successor));

        let end = u128::from(now.as_secs()) + u128::from(overlap.as_secs());
        let end = UnixTime::from_secs(u64::try_from(end).unwrap_or(u64::MAX));
        let mut expected = before;
        expected.retires_at = expected.retires_at.into_iter().chain([end]).min();
        prop_assert_eq!(old, expected);
    }
}

/// A key is rotated again if a successor is lost, or if two people rotate at the same time.
#[test]
fn each_of_eight_successors_lives_as_long_as_the_first() {
    let keys = keys(9);
    for expires_at in [None, Some(UnixTime::from_secs(1_000_000))] {
        let mut old = KeyRecord::new(&keys[0], "project", Scope::READ);
        old.expires_at = expires_at;
        for (turn, key) in (0..).zip(&keys[1..]) {
            let now = UnixTime::from_secs(100 + turn);
            let successor = old.rotate(key, now, 3600).unwrap();
            let mut expected = KeyRecord::new(key, "project", Scope::READ);
            expected.expires_at = expires_at;
            assert_eq!(successor, expected);
            assert_eq!(
                old.retires_at,
                Some(UnixTime::from_secs(3700)),
                "the end of the first overlap is kept"
            );
            assert_eq!(old.expires_at, expires_at, "the end that the owner set is kept");
            let late = UnixTime::from_secs(999_999);
            assert_eq!(successor.verify(key, late).unwrap().expires_at(), expires_at);
        }
        let denied = old.verify(&keys[0], UnixTime::from_secs(3700)).unwrap_err();
        assert_eq!(denied.reason(), Reason::Retired);
    }
}

/// `UnixTime::MAX` stands for an unknown time.
#[test]
fn at_an_unknown_time_no_limited_key_becomes_valid_and_no_key_is_rotated() {
    let keys = keys(2);
    for not_before in [0, 1, u64::MAX].map(UnixTime::from_secs) {
        let mut record = KeyRecord::new(&keys[0], (), Scope::READ);
        record.not_before = Some(not_before);
        let denied = record.verify(&keys[0], UnixTime::MAX).unwrap_err();
        assert_eq!(denied.reason(), Reason::NotYetValid);
    }
    let mut record = KeyRecord::new(&keys[0], (), Scope::READ);
    let before = record.clone();
    for overlap in [0, 1, u64::MAX] {
        assert_eq!(record.rotate(&keys[1], UnixTime::MAX, overlap), Err(RotateError::UnknownTime));
        assert_eq!(record, before);
    }
}

#[test]
fn an_empty_requirement_is_denied() {
    let key = &keys(1)[0];
    let record = KeyRecord::new(key, (), Scope::all());
    let grant = record.verify(key, UnixTime::MAX).unwrap();
    let denied = grant.require(Scope::empty()).unwrap_err();
    assert_eq!((denied.status(), denied.missing()), (403, Scope::empty()));
    let nothing = Reason::MissingScope { required: Scope::empty(), missing: Scope::empty() };
    assert_eq!(denied.reason(), nothing);
}

/// The grant has the id of the key, even if the record has another id with the digest of the key.
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
    for distance in [Duration::from_nanos(1), Duration::from_secs(1), Duration::from_secs(i64::MAX as u64)] {
        let before = SystemTime::UNIX_EPOCH.checked_sub(distance).unwrap();
        assert_eq!(UnixTime::try_from(before), Err(ctx_key::BeforeUnixEpochError), "{distance:?}");
    }
    assert_eq!(UnixTime::try_from(SystemTime::UNIX_EPOCH), Ok(UnixTime::from_secs(0)));
    let [before, now, after] =
        [SystemTime::now().try_into(), Ok(UnixTime::now()), SystemTime::now().try_into()].map(Result::unwrap);
    assert!(before <= now && now <= after, "{before:?}, {now:?}, {after:?}");
}
