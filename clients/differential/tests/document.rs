//! The tables of `docs/key-format.md` for scopes, answers and messages agree with the crate.

use ctx_key::{ApiKey, Denied, EnvKeyError, KeyRecord, ParseKeyError, Reason, Scope, UnixTime, bearer};

const DOCUMENT: &str = include_str!("../../../docs/key-format.md");
const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// Asserts that the document contains this line.
#[track_caller]
fn has_line(line: &str) {
    assert!(DOCUMENT.lines().any(|other| other == line), "not in the document: {line}");
}

/// Returns a text as inline code in Markdown.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn record() -> (ApiKey, KeyRecord<()>) {
    let key = ApiKey::parse(KEY).unwrap();
    let record = KeyRecord::new(&key, (), Scope::READ);
    (key, record)
}

fn missing_scope() -> Denied {
    let (key, record) = record();
    let grant = record.verify(&key, UnixTime::from_secs(0)).unwrap();
    grant.require(Scope::CHATS_READ | Scope::CHATS_WRITE).unwrap_err()
}

#[test]
fn the_scopes_are_those_of_the_crate() {
    for scope in Scope::all() {
        let (name, description) = (scope.name().unwrap(), scope.description().unwrap());
        has_line(&format!("| {} | `{name}` | {description} |", scope.bits()));
    }
}

#[test]
fn the_public_messages_are_those_of_the_crate() {
    let row = |reason: &str, denied: Denied| has_line(&format!("| {reason} | {} |", code(denied.message())));
    row("`missing_credentials`", bearer::parse([""; 0]).unwrap_err());
    row("`malformed_header`", bearer::parse(["Bearer"]).unwrap_err());
    row("`key_…`", Denied::from(ParseKeyError::Prefix));
    row("`missing_scope`", missing_scope());
    row("any other", Denied::unknown_key());
}

#[test]
fn the_challenges_are_those_of_the_crate() {
    for denied in [bearer::parse([""; 0]).unwrap_err(), Denied::unknown_key(), missing_scope()] {
        has_line(&denied.challenge("MemoryKit").to_string());
    }
}

#[test]
fn the_reasons_are_those_of_the_crate() {
    let (key, mut record) = record();
    let other = ApiKey::generate();
    let mut reasons = vec![Reason::MissingCredentials, Reason::MalformedHeader, Reason::UnknownKey];
    reasons.extend(
        [
            ParseKeyError::Prefix,
            ParseKeyError::Length { found: 0 },
            ParseKeyError::Character { index: 4 },
            ParseKeyError::Checksum,
        ]
        .map(Reason::Key),
    );
    reasons.push(missing_scope().reason());
    let now = UnixTime::from_secs(5);
    reasons.push(record.verify(&other, now).unwrap_err().reason());
    record.not_before = Some(UnixTime::MAX);
    reasons.push(record.verify(&key, now).unwrap_err().reason());
    record.retires_at = Some(now);
    reasons.push(record.verify(&key, now).unwrap_err().reason());
    record.expires_at = Some(now);
    reasons.push(record.verify(&key, now).unwrap_err().reason());
    record.revoked_at = Some(now);
    reasons.push(record.verify(&key, now).unwrap_err().reason());
    assert_eq!(reasons.len(), 13);
    for reason in reasons {
        let label = reason.as_str();
        assert!(DOCUMENT.contains(&format!("`{label}`")), "not in the document: {label}");
    }
}

#[test]
fn the_messages_for_people_are_those_of_the_crate() {
    let row = |what: &str, text: String| has_line(&format!("| {what} | {} |", code(&text)));
    row("`prefix`", ParseKeyError::Prefix.to_string());
    row("`length`, below 52", ParseKeyError::Length { found: 21 }.to_string());
    row("`length`, above 52", ParseKeyError::Length { found: 53 }.to_string());
    row("`character`", ParseKeyError::Character { index: 16 }.to_string());
    row("`checksum`", ParseKeyError::Checksum.to_string());
    assert!(DOCUMENT.contains(&format!("| {} |", code(&EnvKeyError::Missing.to_string()))));
    assert!(DOCUMENT.contains(&format!("| {} |", code(&EnvKeyError::NotUnicode.to_string()))));
    let invalid = EnvKeyError::Invalid(ParseKeyError::Prefix).to_string();
    let start = invalid.strip_suffix(&ParseKeyError::Prefix.to_string()).unwrap();
    assert!(DOCUMENT.contains(&format!("| `{start}` and the message of the error |")));
}
