//! No path that a request takes allocates.

mod common;

use core::fmt::Write;

use allocation_counter::measure;
use common::{KEY, rng};
use ctx_key::{ApiKey, Denied, KeyDigest, KeyRecord, Scope, UnixTime};

/// Runs `act` under the counter. A box around the result shows in the same run that the counter counts.
fn assert_free<T>(name: &str, act: impl Fn() -> T) {
    assert_eq!(measure(|| drop(core::hint::black_box(act()))).count_total, 0, "{name}");
    assert_eq!(measure(|| drop(core::hint::black_box(Box::new((act(), 1_u8))))).count_total, 1, "{name}");
}

/// A buffer to write into, as long as any text here.
struct Fixed([u8; 128], usize);

impl Write for Fixed {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0[self.1..][..text.len()].copy_from_slice(text.as_bytes());
        self.1 += text.len();
        Ok(())
    }
}

fn written(value: impl core::fmt::Display) -> Fixed {
    let mut buffer = Fixed([0; 128], 0);
    write!(buffer, "{value}").unwrap();
    buffer
}

fn record(key: &ApiKey) -> KeyRecord<u64> {
    KeyRecord::new(key, 17, Scope::READ)
}

#[test]
fn checks_do_not_allocate() {
    let key = ApiKey::parse(KEY).unwrap();
    let record = record(&key);
    assert_free("text to grant", || {
        let key = ApiKey::parse(KEY)?;
        let grant = record.verify(&key, UnixTime::MAX)?;
        grant.require(Scope::CHATS_READ).map(|()| grant.key_id())
    });
    for wrong in ["", "ctx", "ctx_", &KEY[..51], &KEY.replace('G', "-"), &KEY.replace('G', "H")] {
        assert_free(wrong, || ApiKey::parse(wrong).map_err(Denied::from));
    }
    let header = format!("Bearer {KEY}");
    assert_free("header to grant", || {
        let key = ctx_key::bearer::parse([&header])?;
        let grant = record.verify(&key, UnixTime::MAX)?;
        grant.require(Scope::CHATS_READ).map(|()| grant.key_id())
    });
    for wrong in ["", "Basic x", "Bearer", "Bearer a b", "Bearer a"] {
        assert_free(wrong, || ctx_key::bearer::parse([wrong]));
    }
    let other = KeyRecord::from_parts(key.id(), KeyDigest::from_bytes([0; 32]), 17_u64, Scope::READ);
    assert_free("wrong key", || other.verify(&key, UnixTime::MAX).map(|grant| grant.scopes()));
    assert_free("pasted", || ApiKey::parse_pasted(" 'Bearer ctx_' "));
    assert_free("generation", || ApiKey::generate_from_rng(&mut rng(1)));
}

#[test]
fn texts_do_not_allocate() {
    let key = ApiKey::parse(KEY).unwrap();
    assert_free("scope parsed", || "memories:read users:write".parse::<Scope>());
    assert_free("scope refused", || "memories:read users:wriet".parse::<Scope>());
    assert_free("list parsed", || Scope::parse_list("memories:read, users:write"));
    assert_free("scope written", || written(Scope::all()));
    assert_free("id written", || written(key.id().masked()));
    assert_free("digest written", || written(key.digest()));
    let digest = key.digest().to_string();
    assert_free("digest parsed", || digest.parse::<KeyDigest>());
    let denied = record(&key).verify(&key, UnixTime::MAX).unwrap().require(Scope::WRITE).unwrap_err();
    assert_free("challenge written", || written(denied.challenge("a \"realm\"")));
    assert_free("error written", || written(ApiKey::parse("ctx_").unwrap_err()));
}

#[cfg(feature = "serde")]
#[test]
fn serde_does_not_allocate() {
    let key = ApiKey::parse(KEY).unwrap();
    let record = record(&key);
    let json = serde_json::to_vec(&record).unwrap();
    assert_free("written", || {
        let mut buffer = [0; 512];
        serde_json_core::to_slice(&record, &mut buffer).map(|length| (buffer, length))
    });
    assert_free("read", || serde_json_core::from_slice::<KeyRecord<u64>>(&json).map(|(record, _)| record));
    assert_free("refused", || {
        serde_json_core::from_slice::<KeyRecord<u64>>(&json[1..]).map(|(record, _)| record)
    });
}
