//! A rotation, and the fields that it may change.

use serde_json::{Value, json};

use crate::common::{EMAIL, id};
use crate::trouble::execute;
use crate::{A_DAY_LATER, AN_HOUR_LATER, Keys, message};

#[test]
fn a_rotation_keeps_what_it_is_not_asked_to_change() {
    let keys = Keys::new();
    let (_, made) =
        keys.create_with(json!({ "expires_at": A_DAY_LATER, "scopes": ["chats:write", "users:read"] }));
    let old = made["api_key"].as_str().unwrap();
    let path = format!("/{}", id(old));
    keys.server.set(5);
    let rotate = |body: &Value| keys.send("POST", &format!("{path}/rotate"), body);
    // the verifier of this server caches the old record, and replaces it as soon as the key is rotated
    assert_eq!(keys.use_key(old, "/v1/key").1["expires_at"], A_DAY_LATER);
    // the old key was used, so the test shows that the successor does not inherit the last use
    execute(&keys.server.data, "UPDATE api_keys SET last_used_at = 1700000000");
    let (status, mut new) = rotate(&json!({ "overlap_seconds": 3595 }));
    assert_eq!(keys.use_key(old, "/v1/key").1["expires_at"], AN_HOUR_LATER);
    let key = new.as_object_mut().unwrap().remove("api_key").unwrap();
    let now = "2027-01-15T08:00:05Z";
    let expected = json!({
        "id": id(key.as_str().unwrap()),
        "company_id": keys.account.company,
        "project_id": keys.project,
        "name": "a key",
        "scopes": ["chats:write", "users:read"],
        "is_active": true,
        "state": "active",
        "expires_at": A_DAY_LATER,
        "retires_at": null,
        "revoked_at": null,
        "last_used_at": null,
        "created_at": now,
        "updated_at": now,
    });
    assert_eq!((status, &new), (201, &expected));
    assert_eq!(keys.use_key(key.as_str().unwrap(), "/v1/key").0, 200);
    let record = keys.record(&path);
    let fields = ["state", "expires_at", "retires_at", "updated_at"].map(|field| record[field].clone());
    assert_eq!(fields, ["active", A_DAY_LATER, AN_HOUR_LATER, now].map(|text| json!(text)));
    // a second rotation cannot extend the overlap; null removes the expiry
    let (status, again) = rotate(&json!({ "overlap_seconds": 31_536_000, "expires_at": null }));
    assert_eq!((status, &again["expires_at"]), (201, &Value::Null), "{again}");
    assert_eq!(keys.record(&path)["retires_at"], AN_HOUR_LATER);
    let (status, again) = rotate(&json!({ "overlap_seconds": 0, "expires_at": "2030-01-01T00:00:00Z" }));
    assert_eq!((status, &again["expires_at"]), (201, &json!("2030-01-01T00:00:00Z")), "{again}");
    assert_eq!(keys.record(&path)["state"], "retired");
    let (status, answer) = rotate(&json!({ "overlap_seconds": 0 }));
    assert_eq!(status, 409, "{answer}");
    let rotated = |log: &[[String; 4]]| log.iter().filter(|[_, what, ..]| what == "rotated").count();
    let log = keys.log();
    assert_eq!((rotated(&log), log.len()), (3, 5), "{log:?}");
    let first = log.iter().find(|[_, what, ..]| what == "rotated").unwrap();
    let detail = format!("by {}, overlap 3595 s", expected["id"].as_str().unwrap());
    assert_eq!(*first, [EMAIL.to_owned(), "rotated".to_owned(), path[1..].to_owned(), detail]);
}

#[test]
fn the_successor_of_a_key_that_is_not_valid_yet_begins_with_it() {
    let keys = Keys::new();
    let (_, path) = keys.create();
    let later = format!("UPDATE api_keys SET not_before = 1800001800 WHERE id = '{}'", &path[1..]);
    execute(&keys.server.data, &later);
    let (status, new) = keys.send("POST", &format!("{path}/rotate"), &json!({ "overlap_seconds": 3600 }));
    assert_eq!((status, &new["state"]), (201, &json!("not_yet_valid")), "{new}");
    let paths = [path, format!("/{}", new["id"].as_str().unwrap())];
    let states = || paths.each_ref().map(|path| keys.record(path)["state"].clone());
    keys.server.set(1799);
    assert_eq!(states(), ["not_yet_valid"; 2]);
    keys.server.set(1800);
    assert_eq!(states(), ["active"; 2]);
}

#[test]
fn a_rotation_has_these_fields_and_no_other() {
    let keys = Keys::new();
    let (_, path) = keys.create();
    let path = format!("{path}/rotate");
    for (body, mentioned) in [
        (r#"{}"#, "`overlap_seconds`"),
        (r#"{"expires_at": null}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": null}"#, ""),
        (r#"{"overlap_seconds": -1}"#, ""),
        (r#"{"overlap_seconds": 1.5}"#, ""),
        (r#"{"overlap_seconds": "60"}"#, ""),
        (r#"{"overlap_seconds": true}"#, ""),
        (r#"{"overlap_seconds": 18446744073709551616}"#, ""),
        (r#"{"overlap_seconds": 31536001}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 18446744073709551615}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 60, "overlap_seconds": 60}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 60, "expires_at": null, "expires_at": null}"#, "`expires_at`"),
        (r#"{"overlap_seconds": 60, "name": "a"}"#, "`name`"),
        (r#"{"overlap_seconds": 60, "overlapSeconds": 60}"#, "`overlapSeconds`"),
        (r#"{"overlap_seconds": 60, "expiresAt": null}"#, "`expiresAt`"),
        (r#"{"overlap_seconds": 60, "ttl": 1}"#, "`ttl`"),
        ("[60]", ""),
        ("60", ""),
        ("", ""),
    ] {
        let (status, answer) = keys.send_text("POST", &path, body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(message(&answer).contains(mentioned), "{body}: {answer}");
    }
    assert_eq!(keys.send("GET", "", &json!({})).1.as_array().unwrap().len(), 1);
    assert_eq!(keys.send_text("POST", &path, r#"{"overlap_seconds": 31536000}"#).0, 201);
}
