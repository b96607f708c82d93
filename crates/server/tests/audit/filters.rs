//! The page of the log shows the lines that its filters ask for.

use ctx_key::ApiKey;

use crate::common::browser::Browser;
use crate::common::timed::Fixture;
use crate::common::{EMAIL, id};
use crate::{browser_at, fill, trouble};

#[test]
fn each_action_is_in_its_group() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let groups = [
        ("keys", &["created", "rotated", "revoked", "deleted", "changed", "imported"][..]),
        ("projects", &["created project", "renamed project", "archived project"]),
        ("tokens", &["created token", "deleted token"]),
        ("sign-ins", &["signed in", "failed to sign in", "signed out", "ended session"]),
        ("passwords", &["changed password", "failed to change password", "reset password"]),
    ];
    for action in groups.iter().flat_map(|(_, actions)| *actions) {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, detail) SELECT 1, id, 'ada', '{action}', 'x' FROM companies"
        );
        trouble::execute(&server.data, &sql);
    }
    for (group, actions) in groups {
        let page = owner.get(&format!("/audit?group={group}&to=1970-01-01"));
        let mut found: Vec<_> = page.rows(["What"]).into_iter().flatten().collect();
        found.reverse();
        assert_eq!(found, actions, "{group}");
    }
}

/// The details of a page's lines, and the addresses of the pages before and after it.
fn shown(browser: &mut Browser, path: &str) -> (Vec<String>, Vec<String>) {
    let page = browser.get(path);
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.len() < 100 * 1024, "{} bytes", page.text.len());
    let details = page.rows(["Detail"]).into_iter().flatten().collect();
    (details, page.attributes(".pager a[rel]", "href"))
}

#[test]
fn a_filter_stays_in_the_links_and_an_unknown_value_is_none() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    fill(&server, 200);
    let detail = |n: usize| format!("by successor{n} line {n}");
    let (first, links) = shown(&mut owner, "/audit");
    assert_eq!((first.len(), links), (50, vec!["/audit?page=2".to_owned()]));
    assert_eq!((first[0].as_str(), &first[49]), ("by successor200 line 200", &detail(151)));
    let (second, links) = shown(&mut owner, "/audit?page=2&group=keys&q=LINE+1");
    assert_eq!((second.len(), links), (5, vec!["/audit?q=LINE+1&group=keys".to_owned()]));
    for (query, number) in [
        ("q=line+77", 1),
        ("q=Ada%40EXAMPLE", 50),
        ("q=%25", 0),
        ("q=_", 0),
        ("q=%5C", 0),
        // a backslash is no escape: this is not `line 199`
        ("q=line+1%5C99", 0),
        ("group=passwords", 0),
        ("group=projects", 1),
        ("group=keys", 50),
        ("group=Keys", 50),
        ("group=keys%7Csigned+in", 50),
        ("from=1970-01-01&to=1970-01-01&q=line+200", 1),
        ("from=1970-01-02&to=2027-01-14", 0),
        ("from=2027-01-15", 1),
        ("to=2027-01-14&group=projects", 0),
        ("to=2027-01-15&group=projects", 1),
        ("from=2027-02-30&group=projects", 1),
        ("page=99", 1),
        ("q=%00line+77", 1),
    ] {
        assert_eq!(shown(&mut owner, &format!("/audit?{query}")).0.len(), number, "{query}");
    }
    let empty = owner.get("/audit?q=nothing+has+this");
    let found = (empty.text_of(".empty h2"), empty.field("q"));
    assert_eq!(found, ("No line matches".to_owned(), "nothing has this".to_owned()));
    // the server removes a key from the address
    let key = ApiKey::generate();
    let id = key.id();
    owner
        .get(&format!("/audit?q={}&group=keys", key.expose_secret()))
        .leads_to(&format!("/audit?q=ctx_{id}***&group=keys"));
}

#[test]
fn a_day_begins_and_ends_at_midnight() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    for second in [86_399, 86_400, 172_799, 172_800] {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, detail) \
             SELECT {second}, id, 'ada', 'created', 'second {second}' FROM companies"
        );
        trouble::execute(&server.data, &sql);
    }
    for (query, seconds) in [
        ("to=1970-01-01", &[86_399][..]),
        ("from=1970-01-02&to=1970-01-02", &[172_799, 86_400]),
        ("from=1970-01-03&to=1970-01-03", &[172_800]),
        ("from=1970-01-02&q=SECOND", &[172_800, 172_799, 86_400]),
    ] {
        let expected: Vec<_> = seconds.iter().map(|second| format!("second {second}")).collect();
        assert_eq!(shown(&mut owner, &format!("/audit?{query}")).0, expected, "{query}");
    }
    let page = owner.get("/audit?from=1970-01-02&to=1970-01-03");
    assert_eq!(["from", "to"].map(|name| page.field(name)), ["1970-01-02", "1970-01-03"]);
    let page = owner.get("/audit?group=sign-ins");
    assert_eq!(page.attributes("#group option[selected]", "value"), ["sign-ins"]);
    for (query, is_filtered) in [
        ("", false),
        ("?q=second", true),
        ("?group=keys", true),
        ("?from=1970-01-02", true),
        ("?to=1970-01-02", true),
    ] {
        let page = owner.get(&format!("/audit{query}"));
        assert_eq!(page.has("a.button[href=\"/audit\"]"), is_filtered, "{query}");
    }
}

#[test]
fn a_search_ignores_case_in_every_script_and_finds_keys_and_addresses() {
    let server = Fixture::behind_proxy();
    let mut owner = browser_at(&server, "2001:db8::7");
    owner.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    let key = owner.create("ключ Straße");
    let id = id(&key);
    let token = owner.get(&format!("/keys/{id}")).field("form_token");
    let change = [("form_token", token.as_str()), ("name", "ΣΊΣΥΦΟΣ"), ("scopes", "memories:read")];
    owner.post(&format!("/keys/{id}"), &change).leads_to(&format!("/keys/{id}"));
    let query = |text: &str| form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
    for (text, number) in [
        ("КЛЮЧ", 3),
        ("strasse", 3),
        ("σίσυφος", 1),
        (&id.to_lowercase(), 2),
        (&format!("ctx_{id}***"), 2),
        ("2001:DB8::7", 4),
        ("ada@", 4),
        // the actor and the key of a line are two texts
        (&format!("ada@example.com {id}"), 0),
    ] {
        assert_eq!(shown(&mut owner, &format!("/audit?{}", query(text))).0.len(), number, "{text}");
    }
    // lines of an older version have no folded text, and are searched as the database compares letters
    trouble::execute(&server.data, "UPDATE audit_log SET search = NULL, address = NULL");
    for (text, number) in [("ADA@example", 4), (&id, 2), ("MEMORIES:read", 2)] {
        assert_eq!(shown(&mut owner, &format!("/audit?{}", query(text))).0.len(), number, "{text}");
    }
}
