//! A key is revoked once, and purged after its end.

use serde_json::json;

use crate::Keys;
use crate::common::EMAIL;

#[test]
fn a_key_that_has_ended_otherwise_is_revoked_too() {
    let keys = Keys::new();
    let (_, expired) = keys.create_with(json!({ "expires_at": "2027-01-15T08:00:10Z" }));
    let expired = format!("/{}", expired["id"].as_str().unwrap());
    let (_, retired) = keys.create();
    let rotation = json!({ "overlap_seconds": 10 });
    assert_eq!(keys.send("POST", &format!("{retired}/rotate"), &rotation).0, 201);
    keys.server.set(10);
    let states = || [&expired, &retired].map(|path| keys.record(path)["state"].clone());
    assert_eq!(states(), ["expired", "retired"]);
    let logged = keys.log().len();
    for path in [&expired, &retired] {
        assert_eq!(keys.send("DELETE", path, &json!({})).0, 204);
        let record = keys.record(path);
        let times = ["revoked_at", "updated_at"].map(|field| record[field].clone());
        assert_eq!(times, ["2027-01-15T08:00:10Z"; 2], "{record}");
    }
    assert_eq!(states(), ["revoked", "revoked"]);
    let line = |path: &str| [EMAIL, "revoked", &path[1..], "a key"].map(str::to_owned);
    assert_eq!(keys.log()[logged..], [line(&expired), line(&retired)]);
}

#[test]
fn a_key_is_revoked_once_and_purged_after_its_end() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let (_, kept) = keys.create();
    let send = |method: &str, path: &str| keys.send(method, path, &json!({})).0;
    let (status, answer) = keys.send("DELETE", &format!("{path}?purge=true"), &json!({}));
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")), "{answer}");
    for parameter in [
        "purge=false",
        "purge=1",
        "purge=",
        "purge",
        "purge=TRUE",
        "Purge=true",
        "purge=true&purge=true",
        "force=true",
        "purge=true&force=true",
    ] {
        assert_eq!(send("DELETE", &format!("{path}?{parameter}")), 400, "{parameter}");
    }
    assert_eq!(keys.record(&path)["state"], "active");
    assert_eq!(keys.use_key(&key, "/v1/key").0, 200);
    assert_eq!(send("DELETE", &path), 204);
    assert_eq!(keys.use_key(&key, "/v1/key").0, 401);
    let revoked = keys.record(&path);
    keys.server.set(60);
    assert_eq!(send("DELETE", &path), 204);
    assert_eq!(keys.record(&path), revoked, "a second time changes nothing");
    assert_eq!(send("DELETE", &format!("{path}?purge=true")), 204);
    for (method, path) in [
        ("DELETE", format!("{path}?purge=true")),
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("POST", format!("{path}/rotate")),
        ("PATCH", path.clone()),
    ] {
        let body = if method == "POST" { json!({ "overlap_seconds": 0 }) } else { json!({}) };
        assert_eq!(keys.send(method, &path, &body).0, 404, "{method} {path}");
    }
    assert_eq!(keys.send("GET", "", &json!({})).1, json!([keys.record(&kept)]));
    // the log has each change once
    let log = keys.log();
    let of_key: Vec<_> = log.iter().filter(|[_, _, key, _]| *key == path[1..]).collect();
    let line = |what: &str, detail: &str| [EMAIL, what, &path[1..], detail].map(str::to_owned);
    let expected =
        [line("created", "a key; memories:read"), line("revoked", "a key"), line("deleted", "a key")];
    assert_eq!(of_key, expected.iter().collect::<Vec<_>>());
    // a key can revoke itself
    let (found, path_of_found) = keys.create();
    let revoke = || {
        let (status, _, answer) = keys.server.exchange("POST", "/v1/key/revoke", &found, "");
        (status, answer)
    };
    keys.server.set(61);
    let expected = json!({ "id": &path_of_found[1..], "revoked_at": "2027-01-15T08:01:01Z" });
    assert_eq!(revoke(), (200, expected));
    assert_eq!(revoke().0, 401);
    assert_eq!(send("DELETE", &path_of_found), 204);
    let log = keys.log();
    let of_found: Vec<_> = log.iter().filter(|[_, _, key, _]| *key == path_of_found[1..]).collect();
    let line =
        |who: &str, what: &str, detail: &str| [who, what, &path_of_found[1..], detail].map(str::to_owned);
    let expected =
        [line(EMAIL, "created", "a key; memories:read"), line("the key itself", "revoked", "a key")];
    assert_eq!(of_found, expected.iter().collect::<Vec<_>>());
    // a key that ended by the clock can be purged too
    let (_, made) = keys.create_with(json!({ "expires_at": "2027-01-15T08:02:00Z" }));
    let path = format!("/{}?purge=true", made["id"].as_str().unwrap());
    keys.server.set(119);
    assert_eq!(send("DELETE", &path), 409);
    keys.server.set(120);
    assert_eq!(send("DELETE", &path), 204);
}
