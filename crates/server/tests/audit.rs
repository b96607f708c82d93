//! The audit log: who did what, and from where.

mod common;
mod trouble;

use common::browser::Browser;
use common::timed::Fixture;
use common::{Data, EMAIL, PASSWORD, agent};
use ctx_key::{ApiKey, KeyRecord, Scope};
use ctx_key_server::store::account;
use ctx_key_server::store::audit_log::{self, LogLine};
use ctx_key_server::store::email::Email;
use serde_json::{Value, json};
use ureq::http::Request;

/// A server behind a proxy, so that the tests say which addresses its clients have.
fn behind_proxy() -> Fixture {
    Fixture::on(Data::new(), &["--behind-proxy"])
}

fn browser_at(server: &Fixture, address: &str) -> Browser {
    let mut browser = Browser::at(&server.url);
    browser.headers.push(("x-forwarded-for", address.to_owned()));
    browser
}

/// Sends a request of a program at this address.
fn send(
    server: &Fixture,
    address: &str,
    bearer: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("{}{path}", server.url));
    let request =
        request.header("x-forwarded-for", address).header("authorization", format!("Bearer {bearer}"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let mut response = agent().run(request.unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
}

/// The lines of a company's log, the first first.
fn lines(server: &Fixture, email: &str) -> Vec<LogLine> {
    let database = server.database();
    server.runtime.block_on(async {
        let mut connection = database.acquire().await.unwrap();
        let account = account::of_email(&mut connection, &Email::new(email)).await.unwrap().unwrap();
        let mut lines = audit_log::latest(&mut connection, &account.company.id).await.unwrap();
        lines.reverse();
        lines
    })
}

/// What was done, and from where.
fn addresses(lines: &[LogLine]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.action.as_str(), line.address.as_deref().unwrap_or("none"))).collect()
}

#[test]
fn each_change_has_the_address_that_it_came_from() {
    let server = behind_proxy();
    let mut browser = browser_at(&server, "8.8.8.8, ::ffff:192.0.2.1");
    browser.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    let id = |key: &str| ApiKey::parse(key).unwrap().id().to_string();
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
    let text = |value: &Value| value.as_str().unwrap().to_owned();
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
    for (command, input) in [
        (vec!["import", file.to_str().unwrap()], ""),
        (vec!["account", "reset-password", "--email", EMAIL], "one more long password\n"),
        (
            vec!["account", "add", "--email", "eve@example.com", "--company", "Eve"],
            "a long enough password\n",
        ),
    ] {
        let output = server.data.run_with(&command, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

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
    assert_eq!(addresses(&lines(&server, "eve@example.com")), [("created project", "none")]);
}
