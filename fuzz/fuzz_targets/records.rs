//! Operations on a `KeyRecord`, compared with a model in 128-bit arithmetic; and reading a record from JSON.

#![no_main]

use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, KeyState, Reason, RotateError, Scope, UnixTime};
use ctx_key_fuzz::{assert_secret, expand, hashed_key, key};
use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Life { scopes: u32, not_before: Option<Time>, expires_at: Option<Time>, steps: Vec<Step> },
    Json(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Step {
    Verify { with_own_key: bool, now: Time },
    RetireAt(Time),
    Revoke(Time),
    Rotate { now: Time, overlap: Time, same_key: bool, follow_new: bool },
    RoundTrip,
}

/// A time within 32 seconds of 0 (and so of 2⁶⁴), 2³¹, 2³² or 2⁶³. Arbitrary times would hardly ever be equal.
#[derive(Clone, Copy, Debug)]
struct Time(u64);

impl<'a> Arbitrary<'a> for Time {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let byte: u8 = input.arbitrary()?;
        let center: u64 = [0, 1 << 31, 1 << 32, 1 << 63][usize::from(byte / 64)];
        Ok(Self(center.wrapping_add(u64::from(byte % 64)).wrapping_sub(32)))
    }
}

impl Time {
    fn time(self) -> UnixTime {
        UnixTime::from_secs(self.0)
    }
}

fuzz_target!(|input: Input| match input {
    Input::Life { scopes, not_before, expires_at, steps } => {
        let mut record = KeyRecord::new(&nth_key(0), "demo".to_owned(), Scope::from_bits_retain(scopes));
        record.not_before = not_before.map(Time::time);
        record.expires_at = expires_at.map(Time::time);
        let mut model = Model {
            key: 0,
            scopes: scopes & 0b11_1111,
            not_before: not_before.map(|time| time.0.into()),
            expires_at: expires_at.map(|time| time.0.into()),
            retires_at: None,
            revoked_at: None,
        };
        for step in steps {
            apply(step, &mut record, &mut model);
            model.check(&record);
        }
    }
    Input::Json(text) => read(text),
});

fn nth_key(n: u8) -> ApiKey {
    key(&[n]).parse().unwrap()
}

/// The latest time, which stands for an unknown time.
const LATEST: u128 = u64::MAX as u128;

/// The expected fields of a record.
#[derive(Clone)]
struct Model {
    key: u8,
    scopes: u32,
    not_before: Option<u128>,
    expires_at: Option<u128>,
    retires_at: Option<u128>,
    revoked_at: Option<u128>,
}

impl Model {
    fn state(&self, now: u128) -> KeyState {
        match self {
            Self { revoked_at: Some(_), .. } => KeyState::Revoked,
            Self { expires_at: Some(end), .. } if now >= *end => KeyState::Expired,
            Self { retires_at: Some(end), .. } if now >= *end => KeyState::Retired,
            Self { not_before: Some(start), .. } if now < *start || now == LATEST => KeyState::NotYetValid,
            _ => KeyState::Active,
        }
    }

    fn reason(&self, own_key: bool, now: u128) -> Option<Reason> {
        match self.state(now) {
            _ if !own_key => Some(Reason::DigestMismatch),
            KeyState::Revoked => Some(Reason::Revoked),
            KeyState::Expired => Some(Reason::Expired),
            KeyState::Retired => Some(Reason::Retired),
            KeyState::NotYetValid => Some(Reason::NotYetValid),
            _ => None,
        }
    }

    fn rotate_error(&self, same_key: bool, now: u128) -> Option<RotateError> {
        match self.state(now) {
            _ if same_key => Some(RotateError::SameKey),
            KeyState::Revoked => Some(RotateError::Revoked),
            KeyState::Expired => Some(RotateError::Expired),
            KeyState::Retired => Some(RotateError::Retired),
            _ if now == LATEST => Some(RotateError::UnknownTime),
            _ => None,
        }
    }

    fn retire_at(&mut self, time: u128) {
        self.retires_at = self.retires_at.into_iter().chain([time.min(LATEST)]).min();
    }

    fn check(&self, record: &KeyRecord<String>) {
        let secs = |time: Option<UnixTime>| time.map(|time| time.as_secs().into());
        let key = nth_key(self.key);
        assert_eq!((record.id, record.digest), (key.id(), *key.digest()));
        assert_eq!(record.project, "demo");
        assert_eq!(record.scopes.bits() & 0b11_1111, self.scopes);
        assert_eq!(secs(record.not_before), self.not_before);
        assert_eq!(secs(record.expires_at), self.expires_at);
        assert_eq!(secs(record.retires_at), self.retires_at);
        assert_eq!(secs(record.revoked_at), self.revoked_at);
    }
}

fn apply(step: Step, record: &mut KeyRecord<String>, model: &mut Model) {
    match step {
        Step::Verify { with_own_key, now } => {
            let key = nth_key(if with_own_key { model.key } else { model.key + 1 });
            let result = record.verify(&key, now.time());
            let denied = result.as_ref().err().map(|denied| denied.reason());
            assert_eq!(denied, model.reason(with_own_key, now.0.into()));
            assert_eq!(record.state(now.time()), model.state(now.0.into()));
            if let Ok(grant) = result {
                assert_eq!(grant.key_id(), key.id());
                assert_eq!(*grant.project(), "demo");
                assert_eq!(grant.scopes().bits(), model.scopes);
                let end = model.expires_at.into_iter().chain(model.retires_at).min();
                assert_eq!(grant.expires_at().map(|end| end.as_secs().into()), end);
            }
        }
        Step::RetireAt(time) => {
            record.retire_at(time.time());
            model.retire_at(time.0.into());
        }
        Step::Revoke(time) => {
            record.revoke(time.time());
            model.revoked_at = model.revoked_at.into_iter().chain([time.0.into()]).min();
        }
        Step::Rotate { now, overlap, same_key, follow_new } => {
            let new_key = if same_key { model.key } else { (model.key + 1) % 60 };
            let new_model = Model { key: new_key, retires_at: None, ..model.clone() };
            let result = record.rotate(&nth_key(new_key), now.time(), overlap.0);
            assert_eq!(result.as_ref().err().copied(), model.rotate_error(same_key, now.0.into()));
            if let Ok(new) = result {
                model.retire_at(u128::from(now.0) + u128::from(overlap.0));
                model.check(record);
                new_model.check(&new);
                if follow_new {
                    (*record, *model) = (new, new_model);
                }
            }
        }
        Step::RoundTrip => {
            let text = serde_json::to_string(record).unwrap();
            let scopes = Scope::from_bits(model.scopes).expect("no unknown bits");
            let names: Vec<_> = scopes.into_iter().filter_map(Scope::name).collect();
            let written = json!({
                "id": record.id.as_str(),
                "digest": record.digest.to_string(),
                "project": "demo",
                "scopes": names,
                "not_before": record.not_before.map(UnixTime::as_secs),
                "expires_at": record.expires_at.map(UnixTime::as_secs),
                "retires_at": record.retires_at.map(UnixTime::as_secs),
                "revoked_at": record.revoked_at.map(UnixTime::as_secs),
            });
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), written);
            *record = serde_json::from_str(&text).unwrap();
            assert_eq!(record.scopes, scopes);
        }
    }
}

fn read(text: &str) {
    // JSON does not use these characters outside of strings, so they can stand for the content of a record.
    let secret = hashed_key(text.as_bytes());
    let key: ApiKey = secret.parse().unwrap();
    let (id, digest) = (key.id().to_string(), key.digest().to_string());
    let pieces = [('#', &*secret), ('@', &*id), ('%', &*digest)];
    let text = expand(text, &pieces);

    ok_or_silent(serde_json::from_str::<ApiKey>(&text), &secret);
    ok_or_silent(serde_json::from_str::<KeyId>(&text), &secret);
    ok_or_silent(serde_json::from_str::<KeyDigest>(&text), &secret);
    ok_or_silent(serde_json::from_str::<Scope>(&text), &secret);
    ok_or_silent(serde_json::from_str::<UnixTime>(&text), &secret);
    ok_or_silent(serde_json::from_str::<KeyRecord<u64>>(&text), &secret);
    let record = ok_or_silent(serde_json::from_str::<KeyRecord<String>>(&text), &secret);

    let Ok(json) = serde_json::from_str::<Value>(&text) else {
        return assert_eq!(record, None);
    };
    let expected = expected_record(&json);
    // A repeated field in the text is an error, but a `Value` keeps the last one.
    assert!(record.is_none() || record == expected);
    assert_eq!(ok_or_silent(serde_json::from_str(&json.to_string()), &secret), expected);
    assert_eq!(ok_or_silent(serde_json::from_value(json), &secret), expected);
}

/// Returns the value, if there is one. Asserts that an error does not repeat the key.
fn ok_or_silent<T>(result: serde_json::Result<T>, key: &str) -> Option<T> {
    result.map_err(|error| assert_secret(key, &format!("{error} {error:?}"))).ok()
}

/// Returns the record that the library must read from this JSON.
fn expected_record(json: &Value) -> Option<KeyRecord<String>> {
    const FIELDS: [&str; 8] =
        ["id", "digest", "project", "scopes", "not_before", "expires_at", "retires_at", "revoked_at"];
    let fields = json.as_object()?;
    if fields.keys().any(|name| !FIELDS.contains(&&**name)) {
        return None;
    }
    let text = |field| fields.get(field)?.as_str();
    let time = |field| match fields.get(field) {
        None | Some(Value::Null) => Some(None),
        Some(secs) => Some(Some(UnixTime::from_secs(secs.as_u64()?))),
    };
    let scope = |name: &Value| Scope::all().into_iter().find(|scope| scope.name() == name.as_str());
    let scopes: Option<Scope> = fields.get("scopes")?.as_array()?.iter().map(scope).collect();

    let (id, digest) = (text("id")?.parse().ok()?, text("digest")?.parse().ok()?);
    let mut record = KeyRecord::from_parts(id, digest, text("project")?.to_owned(), scopes?);
    record.not_before = time("not_before")?;
    record.expires_at = time("expires_at")?;
    record.retires_at = time("retires_at")?;
    record.revoked_at = time("revoked_at")?;
    Some(record)
}
