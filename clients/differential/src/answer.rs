//! The answers of `ctx-key`, as JSON.

use ctx_key::{ApiKey, Denied, KeyRecord, ParseKeyError, ParseScopeError, Scope, UnixTime};
use serde_json::{Value, json};

use crate::random::Life;

pub fn key(found: Result<ApiKey, ParseKeyError>) -> Value {
    match found {
        Ok(key) => json!([key.id().as_str(), key.digest().to_string(), format!("{key:?}")]),
        Err(error) => {
            let (kind, detail) = match error {
                ParseKeyError::Length { found } => ("length", Some(found)),
                ParseKeyError::Character { index } => ("character", Some(index)),
                ParseKeyError::Checksum => ("checksum", None),
                _ => ("prefix", None),
            };
            json!([kind, detail, error.to_string()])
        }
    }
}

pub fn scopes(found: Result<Scope, ParseScopeError>) -> Value {
    match found {
        Ok(scopes) => json!([scopes.bits(), scopes.to_string()]),
        Err(error) => {
            let suggestion = error.suggestion().and_then(Scope::name);
            json!([error.range().start, error.range().end, suggestion, error.to_string()])
        }
    }
}

pub fn bits(granted: u32, required: u32) -> Value {
    let [set, other] = [granted, required].map(Scope::from_bits_retain);
    let known = Scope::from_bits(granted).is_some();
    json!([known, set.grants(other), set.missing(other).bits(), set.to_string(), format!("{set:?}")])
}

pub fn denied(denied: &Denied, realm: &str) -> Value {
    let challenge = denied.challenge(realm).to_string();
    json!([denied.reason().as_str(), denied.status(), denied.message(), denied.missing().bits(), challenge])
}

/// Returns the results of these steps with a record: state, verification with a requirement, rotation, retirement and
/// revocation.
pub fn life(life: &Life) -> Value {
    let realm = "MemoryKit";
    let now = UnixTime::from_secs(life.now);
    let mut record = KeyRecord::new(&life.own, "project", Scope::from_bits_retain(life.scopes));
    [record.not_before, record.expires_at, record.retires_at, record.revoked_at] =
        life.times.map(|time| time.map(UnixTime::from_secs));

    let state = format!("{:?}", record.state(now));
    let verified = match record.verify(&life.presented, now) {
        Ok(grant) => {
            let required = grant.require(Scope::from_bits_retain(life.required));
            let required = required.err().map(|error| denied(&error, realm));
            json!([grant.key_id().as_str(), grant.scopes().bits(), secs(grant.expires_at()), required])
        }
        Err(error) => denied(&error, realm),
    };
    let rotated = match record.rotate(&life.presented, now, life.overlap) {
        Ok(new) => json!([new.id.as_str(), new.digest.to_string(), new.scopes.bits(), times(&new)]),
        Err(error) => json!([format!("{error:?}"), error.to_string()]),
    };
    let after_rotation = times(&record);
    record.retire_at(UnixTime::from_secs(life.retire_at));
    record.revoke(UnixTime::from_secs(life.revoke_at));
    json!([state, verified, rotated, after_rotation, times(&record)])
}

fn times(record: &KeyRecord<&str>) -> Value {
    json!([record.not_before, record.expires_at, record.retires_at, record.revoked_at].map(secs))
}

fn secs(time: Option<UnixTime>) -> Option<String> {
    time.map(|time| time.as_secs().to_string())
}
