//! The answers for each result are those of the library.

use ctx_key::{ApiKey, Denied, KeyRecord, Reason, Scope, UnixTime};

use super::*;

/// Returns a refusal for each reason.
fn refusals() -> Vec<Denied> {
    let (key, other) = (ApiKey::parse(KEY).unwrap(), ApiKey::parse(OTHER).unwrap());
    let now = UnixTime::from_secs(100);
    let at = |change: fn(&mut KeyRecord<()>)| {
        let mut record = KeyRecord::new(&key, (), Scope::READ);
        change(&mut record);
        record
    };
    let texts = ["x", "ctx_", &KEY.replace('8', "_"), &KEY.replace('9', "8")]
        .map(|text| ApiKey::parse(text).unwrap_err());
    let verified = [
        at(|record| record.revoke(UnixTime::from_secs(0))).verify(&key, now).err(),
        at(|record| record.expires_at = Some(UnixTime::from_secs(100))).verify(&key, now).err(),
        at(|record| record.retire_at(UnixTime::from_secs(100))).verify(&key, now).err(),
        at(|record| record.not_before = Some(UnixTime::from_secs(101))).verify(&key, now).err(),
        at(|_| ()).verify(&other, now).err(),
        at(|_| ()).verify(&key, now).unwrap().require(Scope::WRITE).err(),
    ];
    let headers = [ctx_key::bearer::parse([""]).err(), ctx_key::bearer::parse(["", ""]).err()];
    let others = [headers.as_slice(), &verified, &[Some(Denied::unknown_key())]].concat();
    others.into_iter().flatten().chain(texts.map(Denied::from)).collect()
}

#[test]
fn a_refusal_has_the_answer_of_the_library() {
    let mut numbers: Vec<i32> = Vec::new();
    for denied in refusals() {
        let outcome = Outcome::from(denied);
        let number = outcome as i32;
        assert_eq!(text(ctx_key_label(number)), denied.reason().as_str());
        assert_eq!(ctx_key_status(number), denied.status(), "{outcome:?}");
        assert_eq!(text(ctx_key_message(number)), denied.message(), "{outcome:?}");
        let error = ctx_key_challenge_error(number);
        let challenge = match (error.is_null(), denied.reason()) {
            (true, _) => "Bearer realm=\"M\"".into(),
            (false, Reason::MissingScope { required, .. }) => {
                format!("Bearer realm=\"M\", error=\"{}\", scope=\"{}\"", text(error), names(required.bits()))
            }
            (false, _) => format!("Bearer realm=\"M\", error=\"{}\"", text(error)),
        };
        assert_eq!(challenge, denied.challenge("M").to_string());
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>(), "there is not exactly one refusal for each number");
}

#[test]
fn other_results_are_errors_of_the_server() {
    assert_eq!((label(Outcome::CtxKeyOk), ctx_key_status(0)), ("ok", 200));
    let labels = [
        (14, "same_key"),
        (15, "unknown_time"),
        (16, "error_other"),
        (-1, "error_pointer"),
        (-2, "error_buffer"),
        (-3, "error_no_key"),
        (-4, "error_utf8"),
        (-5, "error_scope"),
        (-6, "error_record"),
        (-7, "error_random"),
        (-8, "error_overlap"),
        (-9, "error_other"),
        (-10, "error_other"),
        (i32::MAX, "error_other"),
        (i32::MIN, "error_other"),
    ];
    for (number, label) in labels {
        assert_eq!((text(ctx_key_label(number)), ctx_key_status(number)), (label, 500));
        assert_eq!(text(ctx_key_message(number)), "the API key could not be checked; try again later");
        assert!(ctx_key_challenge_error(number).is_null());
    }
}

#[test]
fn constants_agree_with_the_library() {
    let scopes = [
        (CTX_KEY_MEMORIES_READ, Scope::MEMORIES_READ),
        (CTX_KEY_MEMORIES_WRITE, Scope::MEMORIES_WRITE),
        (CTX_KEY_CHATS_READ, Scope::CHATS_READ),
        (CTX_KEY_CHATS_WRITE, Scope::CHATS_WRITE),
        (CTX_KEY_USERS_READ, Scope::USERS_READ),
        (CTX_KEY_USERS_WRITE, Scope::USERS_WRITE),
        (CTX_KEY_READ, Scope::READ),
        (CTX_KEY_WRITE, Scope::WRITE),
    ];
    for (bits, scope) in scopes {
        assert_eq!(bits, scope.bits());
    }
    assert_eq!(names(u32::MAX), Scope::all().to_string());
    assert_eq!(names(u32::MAX).len() + 1, CTX_KEY_SCOPES_SIZE);
    assert_eq!(KEY.len() + 1, CTX_KEY_SIZE);
}

/// The layout is a part of the ABI, on every target with 64-bit pointers.
#[test]
fn structures_have_the_documented_layout() {
    use core::mem::{align_of, offset_of, size_of};
    assert_eq!((size_of::<Key>(), align_of::<Key>()), (96, 8));
    assert_eq!((size_of::<Time>(), offset_of!(Time, secs), offset_of!(Time, is_set)), (16, 0, 8));
    let offsets = [
        offset_of!(Record, digest),
        offset_of!(Record, not_before),
        offset_of!(Record, expires_at),
        offset_of!(Record, retires_at),
        offset_of!(Record, revoked_at),
        offset_of!(Record, scopes),
        offset_of!(Record, id),
    ];
    assert_eq!((size_of::<Record>(), offsets), (120, [0, 32, 48, 64, 80, 96, 100]));
    assert_eq!((size_of::<Grant>(), offset_of!(Grant, expires_at), offset_of!(Grant, scopes)), (24, 0, 16));
    assert_eq!((size_of::<Range>(), offset_of!(Range, start), offset_of!(Range, end)), (16, 0, 8));
    assert_eq!((size_of::<Value>(), offset_of!(Value, text), offset_of!(Value, len)), (16, 0, 8));
    assert_eq!(size_of::<Outcome>(), 4);
}
