//! A key from its creation to its end.

use crate::common::{Data, EMAIL, id, status};
use crate::signed_in;

#[test]
fn a_key_is_created_shown_once_and_used() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let form = browser.get("/keys/new");
    assert_eq!(form.count("[type=checkbox]"), 6);
    assert_eq!(form.count("[checked]"), 0, "no scope is checked at first");
    for scope in ctx_key::Scope::all() {
        assert!(form.text.contains(scope.description().unwrap()), "{scope}");
    }
    let fields = browser.creation("Production API Key");
    let now = || i64::try_from(ctx_key::UnixTime::now().as_secs()).unwrap();
    let before = now();
    let answer = browser.create_with(&fields);
    let after = now();
    let key = answer.new_key();
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    assert_eq!(answer.text_of("#env-line"), format!("MEMORYKIT_API_KEY={key}"));
    assert!(answer.text_of("#command").starts_with(&format!("curl {}/v1/memories ", server.url)));
    assert_eq!(answer.text.matches(&key[16..]).count(), 2, "the field and the line for .env");

    let (status, shown) = server.send("GET", "/v1/key", Some(&key), None);
    assert_eq!((status, &shown["scopes"]), (200, &serde_json::json!(["memories:read", "chats:write"])));
    let expires_at = shown["expires_at"].as_str().expect("an end");
    let mut expected = (before..=after).map(|time| ctx_key_server::clock::iso_seconds(time + 30 * 24 * 3600));
    assert!(expected.any(|time| time == expires_at), "{expires_at}");
    let list = browser.get("/keys").text;
    for shown in [
        "Production API Key",
        "project of Production",
        "memories:read",
        &format!("{}***", &key[..16]),
        "Active",
    ] {
        assert!(list.contains(shown), "{shown} in {list}");
    }
    let log = browser.get("/audit").text;
    for shown in [EMAIL, "created", &key[4..16], "Production API Key; memories:read chats:write"] {
        assert!(log.contains(shown), "{shown} in {log}");
    }
    for page in [list, log] {
        assert!(!page.contains(&key[16..]));
    }
}

#[test]
fn the_curl_line_fits_the_scopes() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    for scope in ctx_key::Scope::all() {
        let mut fields = browser.creation(&scope.to_string());
        fields.retain(|(name, _)| *name != "scopes");
        fields.push(("scopes", scope.to_string()));
        let page = browser.create_with(&fields);
        let command = page.text_of("#command");
        let path = command
            .split(&server.url)
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .expect("a path");
        let (method, resource) = if command.contains("-d ") { ("write", path) } else { ("read", path) };
        let name = resource.strip_prefix("/v1/").expect("the API");
        let allowed = [format!("{name}:{method}"), "users:read".to_owned()];
        assert!(allowed.contains(&scope.to_string()), "{scope}: {command}");
        assert!(!command.contains(&page.new_key()[16..]), "a command stays in the shell's history");
    }
}

/// The first request with a key changes nothing, if the key may read at all.
#[test]
fn the_curl_line_reads_if_the_key_may_read() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    for (scopes, path) in [
        (&["users:read", "memories:write"][..], "/v1/key"),
        (&["users:read", "chats:write", "users:write"], "/v1/key"),
        (&["chats:read", "memories:write"], "/v1/chats"),
        (&["memories:read", "users:write"], "/v1/memories"),
    ] {
        let mut fields = browser.creation(&scopes.join(" "));
        fields.retain(|(name, _)| *name != "scopes");
        fields.extend(scopes.iter().map(|scope| ("scopes", (*scope).to_owned())));
        let command = browser.create_with(&fields).text_of("#command");
        assert!(command.starts_with(&format!("curl {}{path} ", server.url)), "{scopes:?}: {command}");
        assert!(!command.contains("-d "), "{scopes:?}: {command}");
    }
}

#[test]
fn a_key_is_rotated_revoked_and_deleted() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let first = browser.create("a key");
    assert_eq!(status(&server, &first), 200);
    let expires_at = |key: &str| server.send("GET", "/v1/key", Some(key), None).1["expires_at"].take();
    let expiry = expires_at(&first);

    let page = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]);
    let second = page.new_key();
    let until = format!("The old key {}*** works until ", &first[..16]);
    assert!(page.texts("p").iter().any(|text| text.starts_with(&until)), "{}", page.text);
    assert_eq!([status(&server, &first), status(&server, &second)], [200, 200]);
    assert!(browser.get("/keys").text.contains("Ending soon"));

    // the second key is lost, so the first is rotated again; the new successor must not end with the overlap
    let page = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]);
    let again = page.new_key();
    assert_eq!([status(&server, &first), status(&server, &again)], [200, 200]);
    assert_eq!(expires_at(&again), expiry, "only the old key ends with the overlap");

    let page = browser.confirm(&id(&second), "rotate", &[("overlap", "0")]);
    let third = page.new_key();
    let refused = format!("The old key {}*** is refused from now on.", &second[..16]);
    assert!(page.texts("p").contains(&refused), "{}", page.text);
    assert_eq!([status(&server, &second), status(&server, &third)], [401, 200]);
    assert!(browser.get("/keys").text.contains("Retired"));
    let ended = browser.confirm(&id(&second), "rotate", &[("overlap", "0")]);
    assert_eq!(ended.status, 409, "a retired key has no successor: {}", ended.text);
    assert_eq!(browser.confirm(&id(&third), "rotate", &[("overlap", "5")]).status, 400);

    let dialog = browser.get(&format!("/keys/{}/rotate", id(&third)));
    let (token, form) = (dialog.field("form_token"), dialog.field("form"));
    let fields = [("form_token", token.as_str()), ("form", &form), ("overlap", "86400")];
    let path = format!("/keys/{}/rotate", id(&third));
    let fourth = browser.post(&path, &fields).new_key();
    let again = browser.post(&path, &fields);
    assert_eq!(again.status, 409);
    assert!(again.text.contains(&fourth[..16]) && !again.text.contains(&fourth[16..]), "{}", again.text);
    assert_eq!(browser.count_keys(), 5);

    assert!(browser.get(&format!("/keys/{}/revoke", id(&fourth))).text.contains("a key"), "asks by name");
    assert_eq!(status(&server, &fourth), 200);
    browser.confirm(&id(&fourth), "revoke", &[]).leads_to("/keys");
    assert_eq!(status(&server, &fourth), 401);
    assert!(browser.get("/keys").text.contains("Revoked"));
    assert_eq!(status(&server, &third), 200);
    browser.confirm(&id(&third), "delete", &[]).leads_to("/keys");
    assert_eq!((status(&server, &third), browser.count_keys()), (401, 4));
    let log = browser.get("/audit").text;
    for action in ["created", "rotated", "revoked", "deleted"] {
        assert!(log.contains(action), "{action}");
    }
}
