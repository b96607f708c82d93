//! Each change has a line, with the address that it came from and the time.

use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};

use crate::common::browser::Browser;
use crate::common::timed::{Fixture, HOUR, START};
use crate::common::{EMAIL, EVE, PASSWORD, id, text};
use crate::{addresses, browser_at, lines, send};

#[test]
fn each_change_has_the_address_that_it_came_from() {
    let server = Fixture::behind_proxy();
    let mut browser = browser_at(&server, "8.8.8.8, ::ffff:192.0.2.1");
    browser.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    let first = id(&browser.create("first"));
    let token = browser.get(&format!("/keys/{first}")).field("form_token");
    let change = [("form_token", token.as_str()), ("name", "second"), ("scopes", "chats:read")];
    browser.post(&format!("/keys/{first}"), &change).leads_to(&format!("/keys/{first}"));
    let second = id(&browser.confirm(&first, "rotate", &[("overlap", "0")]).new_key());
    browser.confirm(&second, "revoke", &[]).leads_to("/keys");
    browser.confirm(&second, "delete", &[]).leads_to("/keys");
    let token = browser.get("/account/password").field("form_token");
    let passwords = [("current_password", PASSWORD), ("new_password", "another long password")];
    let form = [[("form_token", token.as_str())].as_slice(), &passwords].concat();
    assert_eq!(browser.post("/account/password", &form).status, 200);

    const PROGRAM: &str = "2001:db8:0:0:0:0:0:1";
    let request = |bearer: &str, method: &str, path: &str, body: Value| {
        let (status, answer) = send(&server, PROGRAM, bearer, method, path, &body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    };
    let log_in = json!({ "email": EMAIL, "password": "another long password" });
    let tokens = request("", "POST", "/api/v1/auth/login", log_in);
    let account = text(&tokens["access_token"]);
    let base = format!("/api/v1/companies/{}", text(&tokens["companies"][0]["id"]));
    let project = request(&account, "POST", &format!("{base}/projects"), json!({ "name": "Web" }));
    let tokens_path = format!("{base}/tokens");
    let token = request(&account, "POST", &tokens_path, json!({ "name": "CI" }));
    let program = text(&token["token"]);
    let keys = format!("{base}/api-keys");
    let new = json!({ "project_id": project["id"], "name": "third", "scopes": ["users:read"] });
    let third = request(&program, "POST", &keys, new.clone());
    let third = format!("{keys}/{}", text(&third["id"]));
    request(&program, "PATCH", &third, json!({ "name": "fourth" }));
    request(&account, "POST", &format!("{third}/rotate"), json!({ "overlap_seconds": 60 }));
    request(&program, "DELETE", &third, Value::Null);
    request(&account, "DELETE", &format!("{third}?purge=true"), Value::Null);
    request(&account, "DELETE", &format!("{tokens_path}/{}", text(&token["id"])), Value::Null);
    let leaked = text(&request(&account, "POST", &keys, new)["api_key"]);
    let (status, answer) = send(&server, "203.0.113.9:4711", &leaked, "POST", "/v1/key/revoke", &json!({}));
    assert_eq!(status, 200, "{answer}");

    let record = KeyRecord::new(&ApiKey::generate(), text(&project["id"]), Scope::MEMORIES_READ);
    let mut record = serde_json::to_value(record).unwrap();
    record["name"] = "imported".into();
    let file = server.data.folder.path().join("keys");
    std::fs::write(&file, record.to_string()).unwrap();
    let begin = UnixTime::now();
    for (command, input) in [
        (vec!["import", file.to_str().unwrap()], ""),
        (vec!["account", "reset-password", "--email", EMAIL], "one more long password\n"),
        (vec!["account", "add", "--email", EVE, "--company", "Eve"], "a long enough password\n"),
    ] {
        let output = server.data.run_with(&command, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    // the changes of commands have no address, and the time of the system
    let (by_clients, by_commands): (Vec<_>, Vec<_>) = [EMAIL, EVE]
        .into_iter()
        .flat_map(|email| lines(&server, email))
        .partition(|line| line.address.is_some());
    assert!(by_clients.iter().all(|line| line.at == START.cast_signed()), "{by_clients:?}");
    let now = begin.as_secs().cast_signed()..=UnixTime::now().as_secs().cast_signed();
    assert!(by_commands.iter().all(|line| now.contains(&line.at)), "{by_commands:?}");
    let (page, program, key) = ("192.0.2.1", "2001:db8::1", "203.0.113.9");
    assert_eq!(
        addresses(&lines(&server, EMAIL)),
        [
            ("created project", page),
            ("created project", page),
            ("created", page),
            ("changed", page),
            ("rotated", page),
            ("revoked", page),
            ("deleted", page),
            ("changed password", page),
            ("signed in", program),
            ("created project", program),
            ("created token", program),
            ("created", program),
            ("changed", program),
            ("rotated", program),
            ("revoked", program),
            ("deleted", program),
            ("deleted token", program),
            ("created", program),
            ("revoked", key),
            ("imported", "none"),
            ("reset password", "none"),
        ]
    );
    assert_eq!(addresses(&lines(&server, EVE)), [("created project", "none")]);
}

#[test]
fn each_line_has_the_time_of_the_servers_clock() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    server.set(HOUR);
    let log_in = || {
        let tokens = server.log_in();
        (text(&tokens["access_token"]), text(&tokens["companies"][0]["id"]))
    };
    let (access, company) = log_in();
    let list =
        |what: &str| server.send("GET", &format!("/companies/{company}/{what}"), &access, &Value::Null).1;
    let token = owner.get("/keys").field("form_token");
    let post = |owner: &mut Browser, path: &str, more: &[(&str, &str)]| {
        let answer = owner.post(path, &[[("form_token", token.as_str())].as_slice(), more].concat());
        assert!([200, 303].contains(&answer.status), "{path}: {}", answer.text);
    };
    post(&mut owner, "/projects", &[("name", "Web")]);
    let projects = list("projects");
    let web = projects.as_array().unwrap().iter().find(|project| project["name"] == "Web").unwrap();
    let web = format!("/projects/{}", web["id"].as_str().unwrap());
    post(&mut owner, &format!("{web}/rename"), &[("name", "Shop")]);
    post(&mut owner, &format!("{web}/archive"), &[]);
    let form = owner.get("/tokens/new").field("form");
    post(&mut owner, "/tokens", &[("form", &form), ("name", "CI"), ("expires", "never")]);
    post(&mut owner, &format!("/tokens/{}/end", list("tokens")[0]["id"].as_str().unwrap()), &[]);
    let key = id(&owner.create("a key"));
    owner.confirm(&key, "revoke", &[]).leads_to("/keys");
    owner.confirm(&key, "delete", &[]).leads_to("/keys");
    post(&mut owner, "/account/sessions/end", &[]);
    log_in();
    let action = owner.get("/account/sessions").attribute("td form", "action");
    post(&mut owner, &action, &[]);
    let (access, _) = log_in();
    assert_eq!(server.send("POST", "/auth/logout", &access, &Value::Null).0, 204);
    let times = owner.get("/audit").rows(["Time"]).concat();
    post(&mut owner, "/sign-out", &[]);

    let lines = lines(&server, EMAIL);
    let actions: Vec<_> = lines.iter().map(|line| line.action.as_str()).collect();
    let expected = [
        "created project",
        "signed in",
        "created project",
        "renamed project",
        "archived project",
        "created token",
        "deleted token",
        "created project",
        "created",
        "revoked",
        "deleted",
        "ended session",
        "signed in",
        "ended session",
        "signed in",
        "signed out",
        "signed out",
    ];
    assert_eq!(actions, expected);
    let late = (START + HOUR).cast_signed();
    assert!(lines[1..].iter().all(|line| line.at == late), "{lines:?}");
    // the page is of the same clock
    let (first, others) = times.split_last().unwrap();
    assert_eq!(first, "1 hour ago");
    assert!(others.len() == 15 && others.iter().all(|time| time == "just now"), "{others:?}");
}
