//! The list of keys and the page of a key, at times that the tests set.

mod common;

use common::browser::{Answer, Browser};
use common::timed::{DAY, Fixture, HOUR};
use common::{EMAIL, PASSWORD};
use ctx_key::{ApiKey, KeyRecord, Scope};
use ctx_key_server::store::import::import;
use serde_json::{Value, json};

/// A server with an account, whose keys a program makes.
struct Company {
    server: Fixture,
    token: String,
    path: String,
}

impl Company {
    fn new() -> (Self, Browser) {
        let server = Fixture::new();
        let browser = server.set_up();
        let tokens = server.log_in();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!("/companies/{}", text(&tokens["companies"][0]["id"]));
        // it does not expire
        let body = json!({ "name": "deploy", "expires_at": null });
        let access = text(&tokens["access_token"]);
        let token = text(&server.send("POST", &format!("{path}/tokens"), &access, &body).1["token"]);
        (Self { token, path, server }, browser)
    }

    fn project(&self, name: &str) -> String {
        let path = format!("{}/projects", self.path);
        let (status, project) = self.server.send("POST", &path, &self.token, &json!({ "name": name }));
        assert_eq!(status, 201, "{project}");
        project["id"].as_str().unwrap().to_owned()
    }

    /// Returns the id of a new key.
    fn key(&self, project: &str, name: &str, scopes: &[&str], expires_at: Option<&str>) -> String {
        let body = json!({ "project_id": project, "name": name, "scopes": scopes, "expires_at": expires_at });
        let (status, key) = self.send("POST", "", &body);
        assert_eq!(status, 201, "{key}");
        key["id"].as_str().unwrap().to_owned()
    }

    /// Sends a request below `…/api-keys`.
    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.send(method, &format!("{}/api-keys{path}", self.path), &self.token, body)
    }
}

fn id(key: &str) -> String {
    ApiKey::parse(key).unwrap().id().to_string()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The ids of the keys in a list, in its order.
fn listed(page: &Answer) -> Vec<&str> {
    let rows = page.text.split("<a class=\"name\" id=\"n-").skip(1);
    rows.map(|row| row.split('"').next().unwrap()).collect()
}

/// The text of the row of a key.
fn row(page: &Answer, id: &str) -> String {
    let row = page.text.split("<tr").find(|row| row.contains(&format!("id=\"key-{id}\""))).expect("a row");
    text(row.split("<details").next().unwrap())
}

/// What a part of a page says, without its tags.
fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The facts on the page of a key.
fn facts(page: &Answer) -> Vec<String> {
    let facts = page.text.split("<dl>").nth(1).and_then(|rest| rest.split("</dl>").next()).expect("facts");
    facts.split("</div>").map(text).filter(|fact| !fact.is_empty()).collect()
}

/// The lines of the audit log on the page of a key, as who, what and detail.
fn lines_of(page: &Answer) -> Vec<String> {
    page.text
        .split("<tr role=\"row\">")
        .skip(2)
        .map(|row| {
            let place = |title| row.find(&format!("data-title=\"{title}\"")).unwrap();
            text(row[place("Who")..place("Address")].trim_end_matches("<td role=\"cell\" "))
        })
        .collect()
}

const READ: &[&str] = &["memories:read"];

#[test]
fn a_list_is_searched_and_filtered() {
    let (company, mut browser) = Company::new();
    let [web, batch] = ["web", "batch & more"].map(|name| company.project(name));
    let made = [
        company.key(
            &web,
            "Production Backend",
            &["memories:read", "users:read"],
            Some("2027-01-21T08:00:00Z"),
        ),
        company.key(&web, "Ключ МОСКВА 100%_", READ, None),
        company.key(&batch, "Straße nach ΟΔΟΣ", &["users:read"], None),
        company.key(&batch, "e\u{301}cole 東京", READ, Some("2027-01-15T09:00:00Z")),
        company.key(&batch, "revoked", READ, None),
    ];
    let [production, moscow, street, school, revoked] = made.each_ref().map(String::as_str);
    assert_eq!(company.send("DELETE", &format!("/{revoked}"), &json!({})).0, 204);
    let rotation = json!({ "overlap_seconds": 60 });
    let successor =
        company.send("POST", &format!("/{street}/rotate"), &rotation).1["id"].as_str().unwrap().to_owned();
    company.server.set(2 * HOUR);

    let masked = format!("ctx_{moscow}***");
    let part = street[2..10].to_owned();
    for (query, expected) in [
        (String::new(), &[production, moscow, street, &successor, school, revoked][..]),
        ("q=BACK".to_owned(), &[production]),
        ("q=+production++backend+".to_owned(), &[production]),
        (format!("q={}", encoded("москва")), &[moscow]),
        (format!("q={}", encoded("STRASSE")), &[street, &successor]),
        (format!("q={}", encoded("οδοσ")), &[street, &successor]),
        (format!("q={}", encoded("ÉCOLE")), &[school]),
        (format!("q={}", encoded("東京")), &[school]),
        // nothing in a search means anything but itself
        ("q=%25".to_owned(), &[moscow]),
        ("q=_".to_owned(), &[moscow]),
        ("q=.*".to_owned(), &[]),
        ("q='%20OR%201=1--".to_owned(), &[]),
        ("q=ecole".to_owned(), &[]),
        (format!("q={moscow}"), &[moscow]),
        (format!("q={part}"), &[street]),
        (format!("q={}", encoded(&masked)), &[moscow]),
        (format!("project={web}"), &[production, moscow]),
        (format!("project={batch}&scope=users:read"), &[street, &successor]),
        ("scope=users:read".to_owned(), &[production, street, &successor]),
        ("scope=users:write".to_owned(), &[]),
        ("state=active".to_owned(), &[production, moscow, &successor]),
        ("state=ending".to_owned(), &[production]),
        ("state=retired".to_owned(), &[street]),
        ("state=expired".to_owned(), &[school]),
        ("state=revoked".to_owned(), &[revoked]),
        ("state=not_yet_valid".to_owned(), &[]),
        (format!("q=back&project={web}&scope=memories:read&state=active"), &[production]),
        // what the form can't send is no filter
        (
            "state=other&scope=read&project=proj_1&page=x&q=".to_owned(),
            &[production, moscow, street, &successor, school, revoked],
        ),
    ] {
        let page = browser.get(&format!("/keys?{query}"));
        let (mut found, mut expected) = (listed(&page), expected.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!((page.status, found), (200, expected), "{query}");
    }
    let page = browser.get(&format!("/keys?q=%22%3Cb%3E&project={batch}&scope=users:read&state=retired"));
    for shown in [
        "value=\"&#34;&#60;b&#62;\"".to_owned(),
        format!("<option value=\"{batch}\" selected dir=\"auto\">batch &#38; more</option>"),
        "<option selected>users:read</option>".to_owned(),
        "<option value=\"retired\" selected>Retired</option>".to_owned(),
        "No key matches".to_owned(),
    ] {
        assert!(page.text.contains(&shown), "{shown} in {}", page.text);
    }
}

#[test]
fn a_key_that_is_searched_for_stays_in_no_address_and_no_page() {
    let (_company, mut browser) = Company::new();
    let key = browser.create("searched");
    browser.create("another");
    let answer = browser.get(&format!("/keys?q={key}&state=active"));
    answer.leads_to(&format!("/keys?q=ctx_{}***&state=active", id(&key)));
    let page = browser.get(answer.header("location").unwrap());
    assert_eq!((listed(&page), page.text.contains(&key[16..])), (vec![id(&key).as_str()], false));
    let page = browser.get(&format!("/keys/{}/revoke?q={key}", id(&key)));
    assert!(!page.text.contains(&key[16..]), "{}", page.text);
}

#[test]
fn the_five_latest_successors_are_shown() {
    let (company, mut browser) = Company::new();
    let project = company.project("web");
    let key = company.key(&project, "rotated often", READ, None);
    let rotation = json!({ "overlap_seconds": 86_400 });
    let successors: Vec<_> = (0..7)
        .map(|number| {
            company.server.set(number);
            let (status, new) = company.send("POST", &format!("/{key}/rotate"), &rotation);
            assert_eq!(status, 201, "{new}");
            new["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let page = browser.get(&format!("/keys/{key}")).text;
    let facts = page.split("<dl>").nth(1).and_then(|rest| rest.split("</dl>").next()).unwrap();
    let shown: Vec<_> =
        facts.split("href=\"/keys/").skip(1).map(|link| link.split('"').next().unwrap()).collect();
    assert_eq!(shown, successors[2..].iter().rev().collect::<Vec<_>>());
}

/// The log says of a rotation "by" and the id of the successor: a key may have such a name.
#[test]
fn a_key_that_is_named_like_a_rotation_has_no_part_in_one() {
    let (company, mut browser) = Company::new();
    let project = company.project("web");
    let key = company.key(&project, "a key", READ, None);
    let named = company.key(&project, &format!("by {key}, overlap 0 s"), READ, None);
    let change = json!({ "name": format!("by {key}") });
    assert_eq!(company.send("PATCH", &format!("/{named}"), &change).0, 200);
    assert_eq!(company.send("DELETE", &format!("/{named}"), &json!({})).0, 204);
    let page = browser.get(&format!("/keys/{key}"));
    assert_eq!(lines_of(&page), ["token deploy created a key; memories:read"]);
    assert!(!page.text.contains(&named), "{}", page.text);
    let list = browser.get("/keys");
    assert!(row(&list, &key).contains("a key") && !row(&list, &key).contains("eplace"), "{}", list.text);
}

#[test]
fn keys_whose_ids_differ_in_case_are_two_keys() {
    let (company, mut browser) = Company::new();
    let project = company.project("web");
    let [small, capital] = ["abcdefghijkl", "ABCDEFGHIJKL"];
    let lines: String = [small, capital]
        .map(|id| {
            let mut line = serde_json::to_value(KeyRecord::new(
                &ApiKey::generate(),
                project.clone(),
                Scope::MEMORIES_READ,
            ))
            .unwrap();
            (line["id"], line["name"]) = (json!(id), json!(id));
            format!("{line}\n")
        })
        .concat();
    let database = company.server.database();
    company.server.runtime.block_on(import(&database, lines.as_bytes(), company.server.now())).unwrap();
    let (status, new) = company.send("POST", &format!("/{small}/rotate"), &json!({ "overlap_seconds": 60 }));
    assert_eq!(status, 201, "{new}");
    let successor = new["id"].as_str().unwrap();
    for (id, is_replaced) in [(small, true), (capital, false)] {
        let page = browser.get(&format!("/keys/{id}"));
        assert_eq!(page.text.contains(successor), is_replaced, "{id}: {}", page.text);
        assert_eq!(lines_of(&page).len(), usize::from(is_replaced), "{id}");
        assert_eq!(row(&browser.get("/keys"), id).contains(successor), is_replaced, "{id}");
    }
}

#[test]
fn no_name_makes_a_page_large() {
    let scopes =
        ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];
    for character in ["&", "\"", "🔑"] {
        let (company, mut browser) = Company::new();
        let long = |number: usize| format!("{number:02}{}", character.repeat(98));
        let projects: Vec<_> = (0..30).map(|number| company.project(&long(number))).collect();
        for (number, project) in projects.iter().enumerate().take(25) {
            let key = company.key(project, &long(number), &scopes, Some("2027-12-31T23:59:59Z"));
            let rotation = json!({ "overlap_seconds": 60 });
            assert_eq!(company.send("POST", &format!("/{key}/rotate"), &rotation).0, 201);
        }
        let searched = |length: usize| format!("/keys?q={}", encoded(&character.repeat(length)));
        for address in ["/keys".to_owned(), searched(98), searched(60), searched(15)] {
            let page = browser.get(&address);
            assert_eq!(listed(&page).len(), 50, "{address}");
            assert!(page.text.len() < 100 * 1024, "{address} has {} bytes", page.text.len());
        }
        // a row has the beginning, and the page of the key all
        let page = browser.get("/keys");
        let (key, escaped) = (listed(&page)[0], character.replace('&', "&#38;").replace('"', "&#34;"));
        let shown = row(&page, key);
        let number = &shown[..2];
        assert!(shown[2..].starts_with(&format!("{}… ctx_", escaped.repeat(198 / escaped.len()))), "{shown}");
        assert!(
            browser.get(&format!("/keys/{key}")).text.contains(&format!("{number}{}", escaped.repeat(98)))
        );
    }
}

#[test]
fn a_page_has_50_keys_and_less_than_100_kib() {
    let (company, mut browser) = Company::new();
    let scopes =
        ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];
    let long = |number: usize| format!("{}{number:02}", "鍵".repeat(98));
    let projects: Vec<_> = (0..30).map(|number| company.project(&long(number))).collect();
    let keys: Vec<_> = (0..101)
        .map(|number| {
            company.server.set(number as u64);
            company.key(&projects[number % 30], &long(number % 100), &scopes, Some("2027-12-31T23:59:59Z"))
        })
        .collect();
    company.server.set(DAY / 4);
    let newest: Vec<_> = keys.iter().rev().map(String::as_str).collect();
    for (address, rows, words, links) in [
        ("/keys", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
        ("/keys?page=2", 50..100, "51 to 100 of 101", [Some("/keys"), Some("/keys?page=3")]),
        ("/keys?page=3", 100..101, "101 to 101 of 101", [Some("/keys?page=2"), None]),
        ("/keys?page=99999999999", 100..101, "101 to 101 of 101", [Some("/keys?page=2"), None]),
        ("/keys?page=99999999999999999999", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
        ("/keys?page=0", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
    ] {
        let page = browser.get(address);
        assert_eq!(listed(&page), newest[rows], "{address}");
        assert!(page.text.contains(words), "{address}: {words}");
        for (rel, link) in ["prev", "next"].into_iter().zip(links) {
            let begin = format!("rel=\"{rel}\" href=\"");
            let found = page.text.contains(&begin).then(|| page.value_after(&begin));
            assert_eq!(found.as_deref(), link, "{address}: {rel}");
        }
    }
    let searched = format!("/keys?q={}&scope=users:write&state=active", encoded(&"鍵".repeat(98)));
    for address in ["/keys", &searched, "/keys/new", &format!("/keys/{}", keys[0])] {
        let page = browser.get(address);
        assert!(page.text.len() < 100 * 1024, "{address} has {} bytes", page.text.len());
    }
    let next = browser.get(&searched).value_after("rel=\"next\" href=\"").replace("&#38;", "&");
    assert_eq!(listed(&browser.get(&next)), newest[50..100]);
    // a dialog is a page without the list
    for action in ["rotate", "revoke", "delete"] {
        let page = browser.get(&format!("/keys/{}/{action}", keys[0]));
        assert!(
            listed(&page).is_empty() && page.text.len() < 8 * 1024,
            "{action}: {} bytes",
            page.text.len()
        );
    }
}

#[test]
fn a_rotated_pair_names_both_keys() {
    let (company, mut browser) = Company::new();
    let old = id(&browser.create("a key"));
    let other = id(&browser.create("another"));
    let first = id(&browser.confirm(&old, "rotate", &[("overlap", "3600")]).new_key());
    company.server.set(60);
    let second = id(&browser.confirm(&old, "rotate", &[("overlap", "3600")]).new_key());
    let third = id(&browser.confirm(&second, "rotate", &[("overlap", "0")]).new_key());
    let list = browser.get("/keys");
    for (key, expected) in [
        (&old, format!("ctx_{old}*** replaced by {second}")),
        (&first, format!("ctx_{first}*** replaces {old}")),
        (&second, format!("ctx_{second}*** replaces {old} replaced by {third}")),
        (&third, format!("ctx_{third}*** replaces {second}")),
    ] {
        assert!(row(&list, key).contains(&expected), "{expected} in {}", row(&list, key));
    }
    assert!(!row(&list, &other).contains("replace"), "{}", row(&list, &other));
    assert!(list.text.contains(&format!("replaced by <a href=\"/keys/{second}\">")), "{}", list.text);

    browser.confirm(&third, "delete", &[]).leads_to("/keys");
    let list = browser.get("/keys");
    assert!(
        row(&list, &second).contains(&format!("replaced by {third} (deleted)")),
        "{}",
        row(&list, &second)
    );
    assert!(!list.text.contains(&format!("href=\"/keys/{third}")), "{}", list.text);
    let page = browser.get(&format!("/keys/{old}"));
    let by = format!(
        "Replaced by {second} on 2027-01-15 08:01 UTC (just now) {first} on 2027-01-15 08:00 UTC (1 minute ago)"
    );
    assert!(facts(&page).contains(&by), "{by} in {:?}", facts(&page));
}

#[test]
fn a_dialog_leads_back_to_the_same_part_of_the_list() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let keys = [0, 1, 2, 3].map(|number| {
        company.server.set(number);
        company.key(&project, &format!("key {number}"), READ, None)
    });
    let [first, second, third, fourth] = keys.each_ref().map(String::as_str);
    let query = format!("?q=key&project={project}&scope=memories%3Aread&state=active");
    let html = |text: &str| text.replace('&', "&#38;");
    let list = browser.get(&format!("/keys{query}"));
    for action in ["rotate", "revoke", "delete"] {
        let link = format!("href=\"/keys/{third}/{action}{}\"", html(&query));
        assert!(list.text.contains(&link), "{link} in {}", list.text);
        let dialog = browser.get(&format!("/keys/{third}/{action}{query}"));
        let cancel = format!("href=\"/keys{}#key-{third}\" data-cancel", html(&query));
        assert!(dialog.text.contains(&cancel), "{cancel} in {}", dialog.text);
    }
    // the key leaves this list, so the one below has the focus; the last one has none below
    for (action, key, there) in [
        ("rotate", third, third),
        ("revoke", third, second),
        ("delete", third, second),
        ("delete", first, second),
        ("delete", fourth, third),
    ] {
        let dialog = browser.get(&format!("/keys/{key}/{action}{query}"));
        let target = format!("action=\"/keys/{key}/{action}{}#key-{there}\"", html(&query));
        assert!(dialog.text.contains(&target), "{target} in {}", dialog.text);
    }
    let dialog = browser.get(&format!("/keys/{third}/revoke"));
    assert!(dialog.text.contains(&format!("action=\"/keys/{third}/revoke#key-{third}\"")), "{}", dialog.text);

    let token = browser.get("/keys").field("form_token");
    let fields = [("form_token", token.as_str())];
    browser.post(&format!("/keys/{third}/revoke{query}"), &fields).leads_to(&format!("/keys{query}"));
    let list = browser.get(&format!("/keys{query}"));
    let message = format!("role=\"status\">The key ctx_{third}*** is revoked.");
    assert!(list.text.contains(&message), "{}", list.text);
    assert!(!browser.get("/keys").text.contains("role=\"status\""), "the message comes once");
    browser
        .post(&format!("/keys/{third}/delete?page=7&state=revoked"), &fields)
        .leads_to("/keys?state=revoked&page=7");
    assert!(browser.get("/keys").text.contains(&format!("The key ctx_{third}*** is deleted.")));

    // from the page of a key, back to it
    for (action, leads_to) in [("revoke", format!("/keys/{second}")), ("delete", "/keys".to_owned())] {
        let dialog = browser.get(&format!("/keys/{second}/{action}?from=key"));
        let cancel = format!("href=\"/keys/{second}#{action}\" data-cancel");
        assert!(dialog.text.contains(&cancel), "{cancel} in {}", dialog.text);
        browser.post(&format!("/keys/{second}/{action}?from=key"), &fields).leads_to(&leads_to);
    }
    // no address leads elsewhere
    for back in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
        for name in ["back", "from", "q", "page", "project", "state"] {
            let query = format!("?{name}={}", encoded(back));
            let dialog = browser.get(&format!("/keys/{first}/revoke{query}"));
            let cancel = dialog.text.split("data-cancel").next().unwrap().rsplit("href=\"").next().unwrap();
            assert!(cancel.starts_with("/keys#") || cancel.starts_with("/keys?q="), "{cancel}");
        }
    }
    browser
        .post(&format!("/keys/{first}/revoke?back=//evil.example&from=//evil.example"), &fields)
        .leads_to("/keys");
}

#[test]
fn a_page_tells_the_life_of_a_key() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("a key"));
    let address = format!("/keys/{key}");
    company.server.set(3 * HOUR);
    let page = browser.get(&address);
    assert_eq!(page.status, 200);
    let first = [
        format!("Key ctx_{key}***"),
        "Project project of a key".to_owned(),
        format!("Created 2027-01-15 08:00 UTC (3 hours ago) by {EMAIL}"),
        "Last used Never".to_owned(),
        "Expires 2027-02-14 08:00 UTC (in 30 days)".to_owned(),
    ];
    assert_eq!(facts(&page), first);
    assert_eq!(lines_of(&page), [format!("{EMAIL} created a key; memories:read chats:write")]);
    assert!(page.text.contains("<span class=\"state active\">Active</span>"));
    for action in ["rotate", "revoke", "delete"] {
        assert!(page.text.contains(&format!("href=\"/keys/{key}/{action}?from=key\"")), "{action}");
    }

    let change = json!({ "scopes": ["users:read"] });
    assert_eq!(company.send("PATCH", &format!("/{key}"), &change).0, 200);
    let new = id(&browser.confirm(&key, "rotate", &[("overlap", "3600"), ("expires", "never")]).new_key());
    company.server.set(5 * HOUR);
    let page = browser.get(&address);
    let replaced = format!("Replaced by {new} on 2027-01-15 11:00 UTC (2 hours ago)");
    let retired = "Retired 2027-01-15 12:00 UTC (1 hour ago)".to_owned();
    assert_eq!(facts(&page)[4..6], [replaced, retired]);
    assert_eq!(
        lines_of(&page),
        [
            format!("{EMAIL} rotated by {new}, overlap 3600 s"),
            "token deploy changed scopes from memories:read chats:write to users:read".to_owned(),
            format!("{EMAIL} created a key; memories:read chats:write"),
        ]
    );
    // a key that has ended can be revoked and deleted, and no more
    assert!(
        !page.text.contains(&format!("href=\"/keys/{key}/rotate")) && !page.text.contains("name=\"scopes\"")
    );
    assert_eq!(facts(&page).last().unwrap(), "Scopes users:read");

    let page = browser.get(&format!("/keys/{new}"));
    let born = format!("Created 2027-01-15 11:00 UTC (2 hours ago) by {EMAIL}");
    assert_eq!(
        facts(&page)[2..],
        [born, format!("Replaces {key}"), "Last used Never".into(), "Expires Never".into()]
    );
    assert_eq!(lines_of(&page), [format!("{EMAIL} created replaces {key}")]);
    assert_eq!(company.send("DELETE", &format!("/{new}"), &json!({})).0, 204);
    let page = browser.get(&format!("/keys/{new}"));
    assert!(
        facts(&page).contains(&"Revoked 2027-01-15 13:00 UTC (just now) by token deploy".to_owned()),
        "{:?}",
        facts(&page)
    );
    assert_eq!(lines_of(&page)[0], "token deploy revoked a key");
    assert!(!page.text.contains("/revoke?from=key"), "it is revoked");
}

#[test]
fn the_log_of_a_key_has_pages() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("0"));
    let other = id(&browser.create("not of this key"));
    for number in 1..=120 {
        let path = format!("/{key}");
        assert_eq!(company.send("PATCH", &path, &json!({ "name": number.to_string() })).0, 200);
    }
    company.send("PATCH", &format!("/{other}"), &json!({ "name": "changed" }));
    for (query, lines_of_page, newest, words) in [
        ("", 50, "from 119 to 120", "1 to 50 of 121"),
        ("?page=2", 50, "from 69 to 70", "51 to 100 of 121"),
        ("?page=3", 21, "from 19 to 20", "101 to 121 of 121"),
        ("?page=4", 21, "from 19 to 20", "101 to 121 of 121"),
    ] {
        let page = browser.get(&format!("/keys/{key}{query}"));
        assert_eq!(lines_of(&page).len(), lines_of_page, "{query}");
        assert_eq!(lines_of(&page)[0], format!("token deploy changed name {newest}"));
        assert!(page.text.contains(words), "{words}");
        assert!(facts(&page).contains(&format!("Created 2027-01-15 08:00 UTC (just now) by {EMAIL}")));
    }
    let page = browser.get(&format!("/keys/{key}"));
    assert_eq!(page.value_after("rel=\"next\" href=\""), format!("/keys/{key}?page=2#log"));
}

#[test]
fn a_key_is_changed_on_its_page() {
    let (company, mut browser) = Company::new();
    let secret = browser.create("before");
    let key = id(&secret);
    let address = format!("/keys/{key}");
    let page = browser.get(&address);
    let checked = |page: &Answer| -> Vec<String> {
        let boxes = page.text.split("name=\"scopes\" value=\"").skip(1);
        let is_checked = |html: &&str| html.split('>').next().unwrap().contains(" checked");
        boxes.filter(is_checked).map(|html| html.split('"').next().unwrap().to_owned()).collect()
    };
    assert_eq!(checked(&page), ["memories:read", "chats:write"]);
    assert!(page.text.contains("value=\"before\""), "{}", page.text);
    let token = page.field("form_token");
    let state = |company: &Company| {
        let key = company.send("GET", &format!("/{key}"), &json!({})).1;
        (key["name"].as_str().unwrap().to_owned(), key["scopes"].clone())
    };
    let before = state(&company);
    let long = "n".repeat(101);
    for (name, scopes, said) in [
        ("", &["users:read"][..], "Enter a name for the key"),
        (&long, &["users:read"], "Enter a name for the key"),
        ("a\u{202e}b", &["users:read"], "without character 2"),
        (&secret, &["users:read"], "that contains no API key"),
        ("after", &[], "at least one scope"),
        ("after", &["users:read", "all"], "at least one scope"),
    ] {
        let mut fields = vec![("form_token", token.as_str()), ("name", name)];
        fields.extend(scopes.iter().map(|scope| ("scopes", *scope)));
        let page = browser.post(&address, &fields);
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(page.text.contains("role=\"alert\"") && page.text.contains(said), "{said} in {}", page.text);
        assert!(!page.text.contains(&secret[16..]));
        let field = if said.contains("scope") { "scopes" } else { "name" };
        assert!(page.text.contains(&format!("aria-describedby=\"{field}-error\"")), "{}", page.text);
        assert!(page.text.contains(&format!("id=\"{field}-error\"")), "{}", page.text);
        let kept: Vec<_> = scopes.iter().filter(|scope| **scope != "all").copied().collect();
        assert_eq!(checked(&page), kept);
        assert_eq!(state(&company), before);
    }
    let fields = [
        ("form_token", token.as_str()),
        ("name", " after "),
        ("scopes", "users:read"),
        ("scopes", "chats:read"),
    ];
    browser.post(&address, &fields).leads_to(&address);
    assert_eq!(state(&company), ("after".to_owned(), json!(["chats:read", "users:read"])));
    let page = browser.get(&address);
    assert!(page.text.contains("role=\"status\">The changes are saved."), "{}", page.text);
    let changed =
        "changed name from before to after; scopes from memories:read chats:write to chats:read users:read";
    assert_eq!(lines_of(&page)[0], format!("{EMAIL} {changed}"));

    company.server.set(30 * DAY);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let token = browser.get("/keys").field("form_token");
    let page = browser.post(&address, &[("form_token", &token), ("name", "late"), ("scopes", "users:read")]);
    assert_eq!((page.status, page.text.contains("create a new one instead")), (409, true), "{}", page.text);
}

#[test]
fn a_successor_has_the_expiry_that_was_chosen() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("a key"));
    let dialog = browser.get(&format!("/keys/{key}/rotate"));
    assert!(dialog.text.contains("As the old one: 2027-02-14 08:00 UTC"), "{}", dialog.text);
    company.server.set(HOUR);
    for (chosen, expires_at) in [
        (None, json!("2027-02-14T08:00:00Z")),
        (Some(""), json!("2027-02-14T08:00:00Z")),
        (Some("never"), Value::Null),
        (Some("90"), json!("2027-04-15T09:00:00Z")),
    ] {
        let mut fields = vec![("overlap", "604800")];
        fields.extend(chosen.map(|chosen| ("expires", chosen)));
        let new = id(&browser.confirm(&key, "rotate", &fields).new_key());
        let (_, stored) = company.send("GET", &format!("/{new}"), &json!({}));
        assert_eq!(stored["expires_at"], expires_at, "{chosen:?}");
    }
    let count = browser.count_keys();
    for expiry in [
        &[("expires", "31")][..],
        &[("expires", "date")],
        &[("expires", "date"), ("expires_on", "2027-01-14")],
    ] {
        let refused = browser.confirm(&key, "rotate", &[&[("overlap", "0")], expiry].concat());
        assert_eq!((refused.status, browser.count_keys()), (400, count), "{}", refused.text);
    }
    // the day of the clock has not ended
    let today = [("overlap", "0"), ("expires", "date"), ("expires_on", "2027-01-15")];
    let page = browser.confirm(&key, "rotate", &today);
    let new = id(&page.new_key());
    let (_, stored) = company.send("GET", &format!("/{new}"), &json!({}));
    assert_eq!(stored["expires_at"], "2027-01-15T23:59:59Z");
    assert!(text(&page.text).contains("It expires on 2027-01-15 23:59 UTC ."), "{}", page.text);
}

#[test]
fn a_key_that_was_imported_has_no_maker() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let key = ApiKey::generate();
    let record = ctx_key::KeyRecord::new(&key, project, ctx_key::Scope::MEMORIES_READ);
    let mut line = serde_json::to_value(&record).unwrap();
    line["name"] = json!("imported");
    let database = company.server.database();
    let lines = line.to_string().into_bytes();
    let imported = ctx_key_server::store::import::import(&database, &lines[..], company.server.now());
    assert_eq!(company.server.runtime.block_on(imported).unwrap(), 1);
    let address = format!("/keys/{}", key.id());
    let page = browser.get(&address);
    assert!(
        facts(&page).contains(&"Created 2027-01-15 08:00 UTC (just now)".to_owned()),
        "{:?}",
        facts(&page)
    );
    assert!(page.text.contains("Nothing was logged about this key."), "{}", page.text);
    company.send("PATCH", &format!("/{}", key.id()), &json!({ "name": "changed" }));
    let page = browser.get(&address);
    assert!(
        facts(&page).contains(&"Created 2027-01-15 08:00 UTC (just now)".to_owned()),
        "{:?}",
        facts(&page)
    );
    assert_eq!(lines_of(&page), ["token deploy changed name from imported to changed"]);
}

#[test]
fn a_form_that_met_the_end_of_the_session_is_kept_for_its_account() {
    let (company, mut browser) = Company::new();
    company.server.set_up_as("eve@example.com");
    let key = ApiKey::generate();
    let fields = |browser: &mut Browser, name: &str| {
        let mut fields = browser.creation(name);
        let account = browser.get("/keys/new").field("account");
        fields.push(("account", account));
        fields
    };
    let typed = fields(&mut browser, "a name; with \"all\", & 東京");
    let with_key = fields(&mut browser, key.expose_secret());
    let sent_with = |fields: &[(&'static str, String)]| {
        let mut browser = Browser::at(&company.server.url);
        browser.create_with(fields).leads_to("/sign-in");
        browser
    };
    let mut browser = sent_with(&typed);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys/new");
    let form = browser.get("/keys/new");
    assert!(form.text.contains("value=\"a name; with &#34;all&#34;, &#38; 東京\""), "{}", form.text);
    assert_eq!(form.text.matches(" checked").count(), 2, "{}", form.text);
    assert_ne!(form.field("form"), typed[1].1, "it is another form");
    assert!(!browser.get("/keys/new").text.contains("東京"), "it is filled in once");

    // another account in the same browser does not see it
    let mut browser = sent_with(&typed);
    browser.sign_in("eve@example.com", PASSWORD).leads_to("/keys/new");
    assert!(!browser.get("/keys/new").text.contains("東京"));
    // a key is not kept
    let mut browser = sent_with(&with_key);
    assert!(
        browser.cookies.values().all(|value| !value.contains(&key.expose_secret()[16..])),
        "{:?}",
        browser.cookies
    );
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys/new");
    // nor is what another site sends, or what fits no cookie
    let mut browser = Browser::at(&company.server.url);
    browser.headers = vec![("origin", "https://evil.example".to_owned())];
    browser.create_with(&typed).leads_to("/sign-in");
    assert!(browser.cookies.is_empty());
    let long = "\u{1f512}".repeat(100);
    let mut huge = vec![("name", long.clone()), ("project_name", long), ("project", "n".repeat(60_000))];
    huge.extend((0..100).map(|_| ("scopes", "users:read".to_owned())));
    let length: usize = sent_with(&huge).cookies.values().map(String::len).sum();
    assert!((2_400..4_000).contains(&length), "{length}");
}
