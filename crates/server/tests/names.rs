//! Names and other free texts must not contain a key, be invisible, or change the direction of the text around them.

mod common;

use common::browser::Browser;
use common::{Data, EMAIL, PASSWORD, Server, id};
use serde_json::{Value, json};

/// Names with invisible characters, or with characters that change the direction of text.
const INVISIBLE: [&str; 10] = [
    "live\u{202e}tset",
    "\u{2066}a\u{2069}",
    "a\u{200b}b",
    "\u{200d}",
    "a\u{200d} b",
    "\u{3164}",
    "a\u{ad}b",
    "a\u{2028}b",
    "a\u{a0}b",
    "\u{2800}",
];

#[test]
fn a_name_with_a_key_or_invisible_characters_is_refused() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let (project, key) = server.key(&token, &company, &["memories:read", "memories:write"]);
    let leaked = key.as_str();
    let names = || {
        let with_key = [leaked.to_owned(), format!("prod {leaked}"), leaked[..45].to_owned()];
        with_key.into_iter().chain(INVISIBLE.map(str::to_owned))
    };
    let projects = format!("/api/v1/companies/{company}/projects");
    let keys = format!("/api/v1/companies/{company}/api-keys");
    for name in names() {
        let of_key = json!({ "project_id": project, "name": name, "scopes": ["memories:read"] });
        for (path, body) in [(&projects, json!({ "name": name })), (&keys, of_key)] {
            let (status, answer) = server.send("POST", path, Some(&token), Some(&body));
            assert_eq!(status, 400, "{path} {}", name.escape_unicode());
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.starts_with("not a name: "), "{message}");
            assert_eq!(message.contains("Revoke that key"), name.contains(&leaked[..45]), "{message}");
            assert!(!answer.to_string().contains(&leaked[16..40]), "{answer}");
        }
    }
    for name in ["नमस्ते क्\u{200d}ष", "می\u{200c}خواهم", "👩\u{200d}👧 ❤\u{fe0f}", "עברית", "Ada's key № 2"]
    {
        let (status, answer) = server.send("POST", &projects, Some(&token), Some(&json!({ "name": name })));
        assert_eq!((status, &answer["name"]), (201, &json!(name)));
    }
}

/// Sends a key in every text field of the API except the contents of memories and messages.
#[test]
fn only_a_content_may_contain_a_key() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let all: Vec<_> = ctx_key::Scope::all().iter().map(|scope| scope.to_string()).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let (_, key) = server.key(&token, &company, &all);
    let send = |method: &str, path: &str, body: Value| server.send(method, path, Some(&key), Some(&body));
    let memory = send("POST", "/v1/memories", json!({ "content": key.as_str() })).1;
    let memory = format!("/v1/memories/{}", memory["id"].as_str().expect("a content may have a key"));
    let chat = send("POST", "/v1/chats", json!({})).1;
    let messages = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    assert_eq!(send("POST", &messages, json!({ "message": key.as_str() })).0, 200);
    assert!(matches!(send("POST", "/v1/users", json!({ "id": "ada" })).0, 200 | 201));
    let leak = format!("see {key}");
    for (method, path, field) in [
        ("POST", "/v1/memories", "title"),
        ("POST", "/v1/memories", "type"),
        ("POST", "/v1/memories", "userId"),
        ("POST", "/v1/memories", "user_id"),
        ("POST", "/v1/memories", "language"),
        ("POST", "/v1/memories", "format"),
        ("POST", "/v1/memories", "tags"),
        ("POST", "/v1/memories", "metadata"),
        ("PUT", &memory, "title"),
        ("PUT", &memory, "type"),
        ("PUT", &memory, "tags"),
        ("PUT", &memory, "metadata"),
        ("POST", "/v1/users", "id"),
        ("POST", "/v1/users", "email"),
        ("POST", "/v1/users", "name"),
        ("POST", "/v1/users", "metadata"),
        ("PUT", "/v1/users/ada", "email"),
        ("PUT", "/v1/users/ada", "name"),
        ("PUT", "/v1/users/ada", "metadata"),
        ("POST", "/v1/users/ada/events", "type"),
        ("POST", "/v1/users/ada/events", "data"),
        ("POST", "/v1/chats", "userId"),
        ("POST", "/v1/chats", "title"),
        ("POST", "/v1/chats", "metadata"),
    ] {
        let values = match field {
            "tags" => vec![json!(["fine", leak])],
            "metadata" | "data" => vec![json!({ "a": [{ "b": leak }] }), json!({ leak.as_str(): 1 })],
            _ => vec![json!(leak), json!(key)],
        };
        for value in values {
            let mut body = json!({ "content": "a text", "id": "bob", "type": "view" });
            body[field] = value;
            let (status, answer) = send(method, path, body);
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            let shown = if field == "userId" { "user" } else { field };
            assert!(status == 400 && message.contains(shown), "{method} {path} {field}: {status} {answer}");
            assert!(message.contains("contains an API key: revoke that key"), "{message}");
            assert!(!answer.to_string().contains(&key[16..]), "{answer}");
        }
    }
}

#[test]
fn the_dashboard_refuses_such_names_and_does_not_show_the_key_again() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::signed_in(&server);
    let leaked = browser.create("first");
    let fields = browser.creation("second");
    for field in ["name", "project_name"] {
        for (name, message) in [
            (leaked.clone(), "contains no API key. Revoke the key"),
            ("a\u{202e}b".to_owned(), "without character 2, which can't be seen"),
            ("\u{2800}".to_owned(), "of at most 100 characters"),
        ] {
            let mut fields = fields.clone();
            fields
                .iter_mut()
                .filter(|(found, _)| *found == field)
                .for_each(|(_, value)| *value = name.clone());
            let answer = browser.create_with(&fields);
            assert_eq!(answer.status, 400, "{}", answer.text);
            let error = answer.text_of(&format!("#{field}-error"));
            assert!(error.contains(message), "{error}");
            assert!(!answer.text.contains(&leaked[16..]), "{}", answer.text);
        }
    }
    assert_eq!(browser.count_keys(), 1);
    let mut stranger = Browser::new(&server);
    let answer = stranger.sign_in(&leaked, PASSWORD);
    assert_eq!((answer.status, answer.text.contains(&leaked[16..])), (401, false), "{}", answer.text);
}

#[test]
fn a_set_up_with_a_key_is_refused_and_does_not_show_it_again() {
    let data = Data::new();
    let server = Server::start(&data);
    let leaked = ctx_key::ApiKey::generate();
    let leaked = leaked.expose_secret();
    let link = server.set_up_link.as_ref().unwrap().split("link=").nth(1).unwrap();
    let mut browser = Browser::new(&server);
    let address = format!("{leaked}@example.com");
    for (email, company) in [(EMAIL, leaked), (address.as_str(), "Example, Inc.")] {
        let fields = [("link", link), ("email", email), ("password", PASSWORD), ("company", company)];
        let answer = browser.post("/set-up", &fields);
        assert_eq!((answer.status, answer.text.contains(&leaked[16..])), (400, false), "{}", answer.text);
        assert_eq!(answer.field("link"), link, "the form can be sent again");
    }
    server.set_up(&data);
}

#[test]
fn names_are_isolated_from_the_text_around_them() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::signed_in(&server);
    let name = "מפתח (1)";
    let fields = browser.creation(name);
    let made = browser.create_with(&fields);
    let id = id(&made.new_key());
    let project = format!("project of {name}");
    let (project, company) = (project.as_str(), "Example, Inc.");
    let question = |browser: &mut Browser, action: &str| browser.get(&format!("/keys/{id}/{action}"));
    let questions = ["rotate", "revoke", "delete"].map(|action| question(&mut browser, action));
    for dialog in &questions {
        assert!(dialog.text_of("dialog h2").contains(&format!("“{name}”")), "{}", dialog.text);
        assert_eq!(dialog.text_of("dialog h2 bdi"), name);
    }
    for (page, texts) in [
        (made, vec![name, project, company, EMAIL]),
        (browser.get("/keys"), vec![name, project, company]),
        (browser.get("/audit"), vec![EMAIL, project, company]),
    ]
    .into_iter()
    .chain(questions.map(|page| (page, vec![name])))
    {
        let isolated = page.texts("bdi");
        for text in texts {
            assert!(isolated.iter().any(|isolated| isolated == text), "{text} in {}", page.text);
        }
        for text in [name, project] {
            let shown = page.text.matches(&format!(">{text}<")).count();
            let apart = page.texts("bdi, [dir=auto]").iter().filter(|apart| *apart == text).count();
            assert_eq!(shown, apart, "{}", page.text);
        }
    }
}
