//! A key as programs read it, at each second.

use ctx_key::Scope;
use serde_json::{Value, json};

use crate::common::company::{Company, record};
use crate::common::timed::{Account, DAY, Fixture, HOUR};
use crate::common::{id, text, wait};
use crate::trouble::execute;
use crate::{A_DAY_LATER, AN_HOUR_LATER, Keys, START};

#[test]
fn a_record_has_all_that_is_known_of_a_key() {
    let keys = Keys::new();
    let (status, mut made) = keys.create_with(json!({ "expires_at": "2027-01-16T10:00:00.25+02:00" }));
    assert_eq!(status, 201, "{made}");
    let key = made.as_object_mut().unwrap().remove("api_key").unwrap();
    let id = id(key.as_str().unwrap());
    let expected = json!({
        "id": id,
        "company_id": keys.account.company,
        "project_id": keys.project,
        "name": "a key",
        "scopes": ["memories:read"],
        "is_active": true,
        "state": "active",
        "expires_at": A_DAY_LATER,
        "retires_at": null,
        "revoked_at": null,
        "last_used_at": null,
        "created_at": START,
        "updated_at": START,
    });
    assert_eq!(made, expected);
    assert_eq!(keys.record(&format!("/{id}")), expected);
    assert_eq!(keys.send("GET", "", &json!({})), (200, json!([expected])));
    assert_eq!(keys.create_with(json!({ "expires_at": null })).1["expires_at"], Value::Null);
}

#[test]
fn an_imported_key_has_all_that_its_line_says() {
    let (company, _) = Company::new();
    let project = company.project("p");
    let now = company.server.now();
    let mut imported = record(&project);
    imported.scopes = Scope::CHATS_READ | Scope::USERS_WRITE;
    imported.not_before = Some(now);
    imported.expires_at = Some(now.saturating_add(DAY));
    imported.retires_at = Some(now.saturating_add(HOUR));
    assert_eq!(company.import(&[(imported.clone(), "imported")]).unwrap(), 1);
    let expected = json!({
        "id": imported.id.as_str(),
        "company_id": company.id,
        "project_id": project,
        "name": "imported",
        "scopes": ["chats:read", "users:write"],
        "is_active": true,
        "state": "active",
        "expires_at": A_DAY_LATER,
        "retires_at": AN_HOUR_LATER,
        "revoked_at": null,
        "last_used_at": null,
        "created_at": START,
        "updated_at": START,
    });
    assert_eq!(company.send_about("GET", imported.id.as_str(), &json!({})), (200, expected));
}

/// The states of keys, and whether they are active.
fn states(keys: &Keys, paths: [&String; 5]) -> [(String, bool); 5] {
    paths.map(|path| {
        let record = keys.record(path);
        (text(&record["state"]), record["is_active"].as_bool().unwrap())
    })
}

fn renewed(server: &Fixture, account: Account) -> Account {
    let (status, tokens) = server.refreshed(&account.refresh);
    assert_eq!(status, 200, "{tokens}");
    Account { token: text(&tokens["access_token"]), refresh: text(&tokens["refresh_token"]), ..account }
}

#[test]
fn states_follow_the_clock() {
    let keys = Keys::new();
    let [active, later, retired, expired, revoked] = [(); 5].map(|()| keys.create().1);
    let set = |path: &str, column: &str, time: u64| {
        let sql =
            format!("UPDATE api_keys SET {column} = {} WHERE id = '{}'", 1_800_000_000 + time, &path[1..]);
        execute(&keys.server.data, &sql);
    };
    set(&later, "not_before", HOUR);
    set(&retired, "retires_at", HOUR);
    set(&expired, "expires_at", HOUR);
    let paths = [&active, &later, &retired, &expired, &revoked];
    let expect = |states: [&str; 5]| states.map(|state| (state.to_owned(), state == "active"));
    keys.server.set(HOUR - 1);
    assert_eq!(states(&keys, paths), expect(["active", "not_yet_valid", "active", "active", "active"]));
    assert_eq!(keys.send("DELETE", &revoked, &json!({})), (204, Value::Null));
    keys.server.set(HOUR);
    // the access token has ended too
    let keys = Keys { account: renewed(&keys.server, keys.account), ..keys };
    assert_eq!(states(&keys, paths), expect(["active", "active", "retired", "expired", "revoked"]));
    let ends = [&retired, &expired, &revoked].map(|path| {
        let record = keys.record(path);
        ["retires_at", "expires_at", "revoked_at"].map(|end| record[end].as_str().map(str::to_owned))
    });
    let end = Some(AN_HOUR_LATER.to_owned());
    let before = Some("2027-01-15T08:59:59Z".to_owned());
    assert_eq!(ends, [[end.clone(), None, None], [None, end, None], [None, None, before]]);
}

#[test]
fn a_key_that_is_not_valid_yet_opens_nothing() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let set = |time: &str| {
        execute(
            &keys.server.data,
            &format!("UPDATE api_keys SET not_before = {time} WHERE id = '{}'", &path[1..]),
        );
    };
    // the verifier uses the clock of the system
    set("4000000000");
    wait(|| keys.use_key(&key, "/v1/key").0 == 401);
    let record = keys.record(&path);
    assert_eq!((&record["state"], &record["is_active"]), (&json!("not_yet_valid"), &json!(false)));
    // only a key that has ended can be purged
    assert_eq!(keys.send("DELETE", &format!("{path}?purge=true"), &json!({})).0, 409);
    assert_eq!(keys.send("PATCH", &path, &json!({ "name": "later" })).0, 200);
    set("1");
    wait(|| keys.use_key(&key, "/v1/key").0 == 200);
    assert_eq!(keys.record(&path)["state"], "active");
}

#[test]
fn a_refused_request_uses_no_key() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let mut wrong = key.clone().into_bytes();
    wrong[20] = if wrong[20] == b'a' { b'b' } else { b'a' };
    let refused = String::from_utf8(wrong).unwrap();
    assert_eq!(keys.use_key(&refused, "/v1/key").0, 401);
    assert_eq!(keys.use_key(&key, "/v1/chats").0, 403);
    let (revoked, of_revoked) = keys.create();
    assert_eq!(keys.send("DELETE", &of_revoked, &json!({})).0, 204);
    assert_eq!(keys.use_key(&revoked, "/v1/key").0, 401);
    // a use that another process recorded later
    let (late, of_late) = keys.create();
    execute(
        &keys.server.data,
        &format!("UPDATE api_keys SET last_used_at = 4000000000 WHERE id = '{}'", &of_late[1..]),
    );
    assert_eq!(keys.use_key(&late, "/v1/key").0, 200);
    let (used, of_used) = keys.create();
    assert_eq!(keys.use_key(&used, "/v1/key").0, 200);
    // uses are written in one batch, so uses of the other keys would be written by then
    wait(|| !keys.record(&of_used)["last_used_at"].is_null());
    let times = [&path, &of_revoked, &of_late].map(|path| keys.record(path)["last_used_at"].clone());
    assert_eq!(times, [Value::Null, Value::Null, json!("2096-10-02T07:06:40Z")]);
}
