//! Shows that ctx-key works without `std` and without an allocator. This program has neither, so it would not link if the
//! library or one of its dependencies needed them.

#![no_std]
#![no_main]

mod random;
mod runtime;
mod stream;

use ctx_key::{
    ApiKey, Denied, Grant, KeyRecord, KeyState, ParseKeyError, Reason, RotateError, Scope, UnixTime, bearer,
    scan,
};

use random::PredictableTestRng;
use runtime::{Report, shows};

/// An input, and the expected result of [`ApiKey::parse`]: a key with this id and digest, or an error.
type KeyVector = (&'static [u8], Result<(&'static str, [u8; 32]), ParseKeyError>);

static KEY_VECTORS: &[KeyVector] = include!(concat!(env!("OUT_DIR"), "/key_vectors.rs"));

const _: () = assert!(!KEY_VECTORS.is_empty(), "there are no vectors");

fn key_vectors(report: &mut Report) {
    for (index, (input, expected)) in KEY_VECTORS.iter().enumerate() {
        let parsed = ApiKey::parse(input);
        let is_expected = match (&parsed, expected) {
            (Ok(key), Ok((id, digest))) => key.id().as_str() == *id && key.digest().as_bytes() == digest,
            (Err(error), Err(expected)) => error == expected,
            _ => false,
        };
        // `Debug` of a key shows only the id
        report.check(format_args!("key vector {index}, which gives {parsed:?}"), is_expected);
    }
}

fn generation(report: &mut Report) {
    let mut rng = PredictableTestRng(0);
    let (one, other) = (ApiKey::generate_from_rng(&mut rng), ApiKey::generate_from_rng(&mut rng));
    report.check("a seed gives the same key on every machine", one.id().as_str() == "slRhIGQknCg1");
    report.check("two generated keys differ", one != other);
    report.check("two generated ids differ", one.id() != other.id());
    for key in [one, other] {
        report.check("a generated key parses", ApiKey::parse(key.expose_secret()).as_ref() == Ok(&key));
        report
            .check("a masked id is displayed", shows(key.id().masked(), format_args!("ctx_{}***", key.id())));
    }
    let pasted = ApiKey::parse_pasted(" \"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9\"\r\n");
    report.check("a pasted key parses", pasted.is_ok_and(|key| key.id().as_str() == "8aspm4G7VmSU"));
}

fn headers(report: &mut Report) {
    let key = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    let mut value = [0; 59];
    value[..7].copy_from_slice(b"bearer ");
    value[7..].copy_from_slice(key.as_bytes());
    report.check(
        "the key in a header parses",
        bearer::parse([value]) == ApiKey::parse(key).map_err(Denied::from),
    );
    report
        .check("two headers are refused", reason(bearer::parse([value; 2])) == Some(Reason::MalformedHeader));
    let denied = bearer::parse(["Basic x"]).err();
    let challenge = "Bearer realm=\"a \\\"realm\\\"?\"";
    report.check(
        "a challenge is displayed",
        denied.is_some_and(|it| shows(it.challenge("a \"realm\"\n"), challenge)),
    );
}

fn finds(report: &mut Report) {
    let text = b"a%3Dctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9, ctx_your_api_key_here";
    let mut finds = scan::find_iter(text);
    report.check("a key is found", finds.next().is_some_and(|it| it.range() == (4..56)));
    report.check("a placeholder is not found", finds.next().is_none());
}

fn records(report: &mut Report) {
    let [before, not_before, now, expires_at] = [999, 1_000, 2_000, 3_000].map(UnixTime::from_secs);
    let mut rng = PredictableTestRng(1);
    let (key, other) = (ApiKey::generate_from_rng(&mut rng), ApiKey::generate_from_rng(&mut rng));
    let mut record = KeyRecord::new(&key, "demo", Scope::READ);
    (record.not_before, record.expires_at) = (Some(not_before), Some(expires_at));

    let grant = record.verify(&key, now);
    let names_both = |grant: &Grant<&&str>| grant.key_id() == key.id() && **grant.project() == "demo";
    report.check("a grant has the key's id and project", grant.as_ref().is_ok_and(names_both));
    let require = |scopes| grant.as_ref().map_err(|denied| *denied).and_then(|grant| grant.require(scopes));
    report.check("a granted scope passes", require(Scope::CHATS_READ).is_ok());
    let denied = require(Scope::CHATS_READ | Scope::CHATS_WRITE).err();
    report.check(
        "a refusal has the missing scope",
        denied.is_some_and(|it| it.missing() == Scope::CHATS_WRITE),
    );
    report.check("a missing scope is forbidden", denied.is_some_and(|it| it.status() == 403));
    report.check("a requirement of nothing is refused", require(Scope::empty()).is_err());

    report.check("a key works from its first second on", reason(record.verify(&key, not_before)).is_none());
    report.check(
        "a key is refused before that",
        reason(record.verify(&key, before)) == Some(Reason::NotYetValid),
    );
    report
        .check("an expired key is refused", reason(record.verify(&key, expires_at)) == Some(Reason::Expired));
    report
        .check("another key is refused", reason(record.verify(&other, now)) == Some(Reason::DigestMismatch));

    let mut old = record.clone();
    let end = now.saturating_add(60);
    let new = old.rotate(&other, now, 60);
    report.check("a rotated key works during the overlap", reason(old.verify(&key, now)).is_none());
    report.check(
        "a rotated key is refused after the overlap",
        reason(old.verify(&key, end)) == Some(Reason::Retired),
    );
    report.check("the state of that key is retired", old.state(end) == KeyState::Retired);
    report.check("its successor works", new.is_ok_and(|new| reason(new.verify(&other, end)).is_none()));

    record.revoke(now);
    report.check("a revoked key is refused", reason(record.verify(&key, before)) == Some(Reason::Revoked));
    let rotated = record.rotate(&other, now, 60);
    report.check("a revoked key cannot be rotated", rotated == Err(RotateError::Revoked));
}

fn reason<T>(verified: Result<T, Denied>) -> Option<Reason> {
    verified.err().map(|denied| denied.reason())
}

fn scopes(report: &mut Report) {
    let text = "memories:read chats:write";
    let granted = Scope::MEMORIES_READ | Scope::CHATS_WRITE;
    report.check("scopes parse", text.parse() == Ok(granted));
    report.check("scopes are displayed", shows(granted, text));
    report.check("a list of scopes parses", Scope::parse_list("chats:write,\nmemories:read") == Ok(granted));
    let unknown = "chats:read Memories.Read".parse::<Scope>().err();
    report.check(
        "the error has the position of an unknown scope",
        unknown.is_some_and(|it| it.range() == (11..24)),
    );
    let meant = unknown.and_then(|it| it.suggestion());
    report.check("the error suggests a similar scope", meant == Some(Scope::MEMORIES_READ));

    let both = Scope::CHATS_READ | Scope::CHATS_WRITE;
    report.check("a scope in the set is granted", granted.grants(Scope::CHATS_WRITE));
    report.check("two scopes are denied if one is missing", !granted.grants(both));
    report.check("the missing scope is returned", granted.missing(both) == Scope::CHATS_READ);
    report.check("an empty requirement is not granted", !Scope::all().grants(Scope::empty()));
}
