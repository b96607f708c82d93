//! The page of a key: its life, its log, its name and its scopes.

use serde_json::json;

use crate::common::company::{Company, record};
use crate::common::timed::{DAY, HOUR};
use crate::common::{EMAIL, PASSWORD, id};
use crate::{lines_of, trouble};

#[test]
fn the_page_of_a_key_has_its_history() {
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
    assert_eq!(page.facts(), first);
    assert_eq!(lines_of(&page), [format!("{EMAIL} created a key; memories:read chats:write")]);
    assert_eq!(page.text_of("h1 .state.active"), "Active");
    let actions = ["rotate", "revoke", "delete"].map(|action| format!("/keys/{key}/{action}?from=key"));
    assert_eq!(page.attributes(".buttons a", "href"), actions);

    let change = json!({ "scopes": ["users:read"] });
    assert_eq!(company.send_about("PATCH", &key, &change).0, 200);
    let new = id(&browser.confirm(&key, "rotate", &[("overlap", "3600"), ("expires", "never")]).new_key());
    company.server.set(5 * HOUR);
    let page = browser.get(&address);
    let replaced = format!("Replaced by {new} on 2027-01-15 11:00 UTC (2 hours ago)");
    let retired = "Retired 2027-01-15 12:00 UTC (1 hour ago)".to_owned();
    assert_eq!(page.facts()[4..6], [replaced, retired]);
    assert_eq!(
        lines_of(&page),
        [
            format!("{EMAIL} rotated by {new}, overlap 3600 s"),
            "token deploy changed scopes from memories:read chats:write to users:read".to_owned(),
            format!("{EMAIL} created a key; memories:read chats:write"),
        ]
    );
    // a key that has ended can only be revoked or deleted
    let actions = ["revoke", "delete"].map(|action| format!("/keys/{key}/{action}?from=key"));
    assert_eq!(page.attributes(".buttons a", "href"), actions);
    assert!(!page.has("[name=scopes]"), "{}", page.text);
    assert_eq!(page.facts().last().unwrap(), "Scopes users:read");

    let page = browser.get(&format!("/keys/{new}"));
    let born = format!("Created 2027-01-15 11:00 UTC (2 hours ago) by {EMAIL}");
    assert_eq!(
        page.facts()[2..],
        [born.clone(), format!("Replaces {key}"), "Last used Never".into(), "Expires Never".into()]
    );
    assert_eq!(lines_of(&page), [format!("{EMAIL} created replaces {key}")]);
    company.revoke(&new);
    let page = browser.get(&format!("/keys/{new}"));
    assert!(
        page.facts().contains(&"Revoked 2027-01-15 13:00 UTC (just now) by token deploy".to_owned()),
        "{:?}",
        page.facts()
    );
    assert_eq!(lines_of(&page), ["token deploy revoked a key", &format!("{EMAIL} created replaces {key}")]);
    // the rotation counts as a line of the new key, so the oldest line still names its maker
    assert!(page.facts().contains(&born), "{:?}", page.facts());
    assert_eq!(page.attributes(".buttons a", "href"), [format!("/keys/{new}/delete?from=key")]);
}

#[test]
fn the_log_of_a_key_has_pages() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("0"));
    let other = id(&browser.create("not of this key"));
    for number in 1..=120 {
        assert_eq!(company.send_about("PATCH", &key, &json!({ "name": number.to_string() })).0, 200);
    }
    company.send_about("PATCH", &other, &json!({ "name": "changed" }));
    for (query, lines_of_page, newest, words) in [
        ("", 50, "from 119 to 120", "1 to 50 of 121"),
        ("?page=2", 50, "from 69 to 70", "51 to 100 of 121"),
        ("?page=3", 21, "from 19 to 20", "101 to 121 of 121"),
        ("?page=4", 21, "from 19 to 20", "101 to 121 of 121"),
    ] {
        let page = browser.get(&format!("/keys/{key}{query}"));
        assert_eq!(lines_of(&page).len(), lines_of_page, "{query}");
        assert_eq!(lines_of(&page)[0], format!("token deploy changed name {newest}"));
        assert_eq!(page.text_of(".pager p"), words);
        assert!(page.facts().contains(&format!("Created 2027-01-15 08:00 UTC (just now) by {EMAIL}")));
    }
    let page = browser.get(&format!("/keys/{key}"));
    assert_eq!(page.attribute("a[rel=next]", "href"), format!("/keys/{key}?page=2#log"));
}

#[test]
fn a_key_that_was_imported_has_no_maker() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let record = record(&project);
    let key = record.id.to_string();
    assert_eq!(company.import(&[(record, "imported")]).unwrap(), 1);
    let address = format!("/keys/{key}");
    let page = browser.get(&address);
    assert!(
        page.facts().contains(&"Created 2027-01-15 08:00 UTC (just now)".to_owned()),
        "{:?}",
        page.facts()
    );
    assert!(page.text.contains("Nothing was logged about this key."), "{}", page.text);
    company.send_about("PATCH", &key, &json!({ "name": "changed" }));
    let page = browser.get(&address);
    assert!(
        page.facts().contains(&"Created 2027-01-15 08:00 UTC (just now)".to_owned()),
        "{:?}",
        page.facts()
    );
    assert_eq!(lines_of(&page), ["token deploy changed name from imported to changed"]);
}

/// An operator can revoke keys with a statement, which writes no line.
#[test]
fn a_revocation_without_a_line_in_the_log_names_nobody() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("a key"));
    trouble::execute(&company.server.data, "UPDATE api_keys SET revoked_at = 1800000000");
    let page = browser.get(&format!("/keys/{key}"));
    assert_eq!(
        page.facts()[5..],
        ["Revoked 2027-01-15 08:00 UTC (just now)", "Scopes memories:read chats:write"]
    );
    assert_eq!(lines_of(&page), [format!("{EMAIL} created a key; memories:read chats:write")]);
}

#[test]
fn a_key_is_changed_on_its_page() {
    let (company, mut browser) = Company::new();
    let secret = browser.create("before");
    let key = id(&secret);
    let address = format!("/keys/{key}");
    let page = browser.get(&address);
    assert_eq!(page.checked("scopes"), ["memories:read", "chats:write"]);
    assert_eq!(page.field("name"), "before");
    let token = page.field("form_token");
    let state = |company: &Company| {
        let key = company.send_about("GET", &key, &json!({})).1;
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
        assert!(!page.text.contains(&secret[16..]));
        let field = if said.contains("scope") { "scopes" } else { "name" };
        let error = page.text_of(&format!("#{field}-error"));
        assert!(error.contains(said), "{said} in {error}");
        assert_eq!(page.texts("[role=alert] a"), [error]);
        page.assert_has(&format!("[aria-describedby={field}-error]"));
        let kept: Vec<_> = scopes.iter().filter(|scope| **scope != "all").copied().collect();
        assert_eq!(page.checked("scopes"), kept);
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
    assert!(page.text_of("[role=status]").starts_with("The changes are saved."), "{}", page.text);
    let changed =
        "changed name from before to after; scopes from memories:read chats:write to chats:read users:read";
    assert_eq!(lines_of(&page)[0], format!("{EMAIL} {changed}"));

    company.server.set(30 * DAY);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let token = browser.get("/keys").field("form_token");
    let page = browser.post(&address, &[("form_token", &token), ("name", "late"), ("scopes", "users:read")]);
    assert_eq!((page.status, page.text.contains("create a new one instead")), (409, true), "{}", page.text);
}
