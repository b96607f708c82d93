//! A change takes effect at once, and the audit log says what changed.

use serde_json::{Value, json};

use crate::Keys;
use crate::common::EMAIL;

#[test]
fn a_change_is_made_at_once_and_logged_with_what_changed() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    for turn in 0..5 {
        assert_eq!(keys.use_key(&key, "/v1/memories").0, 200);
        assert_eq!(keys.send("PATCH", &path, &json!({ "scopes": ["chats:read"] })).0, 200);
        assert_eq!(keys.use_key(&key, "/v1/memories").0, 403, "{turn}");
        assert_eq!(keys.send("PATCH", &path, &json!({ "scopes": ["memories:read"] })).0, 200);
    }
    keys.server.set(10);
    // the server records a use some time after the request, so the comparison leaves it out
    let without_use = |(status, mut record): (u16, Value)| {
        record.as_object_mut().unwrap().remove("last_used_at");
        (status, record)
    };
    let shown = || without_use(keys.send("GET", &path, &json!({}))).1;
    let before = shown();
    for nothing in
        [json!({}), json!({ "name": "a key" }), json!({ "name": " a key ", "scopes": ["memories:read"] })]
    {
        let answer = without_use(keys.send("PATCH", &path, &nothing));
        assert_eq!(answer, (200, before.clone()), "{nothing}");
    }
    let logged = keys.log().len();
    let change = json!({ "name": "renamed", "scopes": ["users:read", "memories:read"] });
    let changed = without_use(keys.send("PATCH", &path, &change));
    let mut expected = before;
    let more = json!({
        "name": "renamed", "scopes": ["memories:read", "users:read"], "updated_at": "2027-01-15T08:00:10Z",
    });
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(changed, (200, expected.clone()));
    assert_eq!(shown(), expected);
    let log = keys.log();
    let line = |who: &str, what: &str, detail: &str| {
        [who.to_owned(), what.to_owned(), path[1..].to_owned(), detail.to_owned()]
    };
    let detail = "name from a key to renamed; scopes from memories:read to memories:read users:read";
    assert_eq!(log[logged..], [line(EMAIL, "changed", detail)]);
    for refused in [
        json!({ "name": null }),
        json!({ "scopes": null }),
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "scopes": [] }),
        json!({ "scopes": ["read"] }),
        json!({ "scopes": "memories:read" }),
        json!({ "expires_at": null }),
        json!({ "project_id": "p" }),
        json!({ "name": "other", "is_active": false }),
    ] {
        let (status, answer) = keys.send("PATCH", &path, &refused);
        assert_eq!(status, 400, "{refused}: {answer}");
    }
    assert_eq!(keys.send_text("PATCH", &path, r#"{"name": "a", "name": "b"}"#).0, 400);
    assert_eq!(keys.send_text("PATCH", &path, r#"["a"]"#).0, 400);
    assert_eq!(shown(), expected);
    // a key that has ended stays as it was
    assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
    assert_eq!(keys.send("PATCH", &path, &json!({})).0, 200);
    let (status, answer) = keys.send("PATCH", &path, &json!({ "name": "other" }));
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")), "{answer}");
    assert_eq!(keys.log().len(), logged + 2);
}
