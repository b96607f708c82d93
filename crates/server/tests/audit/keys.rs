//! A line leads to its key, and lines of another company change nothing about it.

use ctx_key::ApiKey;

use crate::common::timed::Fixture;
use crate::common::{EVE, id};
use crate::trouble;

#[test]
fn a_line_leads_to_its_key_while_there_is_one() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    let link = format!("td a[href=\"/keys/{id}\"] code");
    assert_eq!(owner.get("/audit").text_of(&link), id);
    // a line that names the key of another company has no link
    let mut eve = server.set_up_as(EVE);
    let sql = format!(
        "INSERT INTO audit_log (at, company, actor, action, key, detail) \
         SELECT 1, id, 'x', 'created', '{id}', 'x' FROM companies WHERE name = 'eve@example.com'"
    );
    trouble::execute(&server.data, &sql);
    let page = eve.get("/audit");
    assert!(page.texts("td code").contains(&id) && !page.has(&link), "{}", page.text);
    owner.confirm(&id, "delete", &[]).leads_to("/keys");
    let page = owner.get("/audit");
    assert!(page.texts("td code").contains(&id) && !page.has(&link), "{}", page.text);
}

#[test]
fn lines_of_another_company_change_nothing_about_a_key() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    server.set_up_as(EVE);
    let mut shown = || {
        let page = owner.get(&format!("/keys/{id}"));
        let lines = page.rows(["Who", "What", "Detail"]);
        (page.facts(), lines, page.texts(".pager p"), owner.get("/keys").texts("tbody td"))
    };
    let before = shown();
    assert_eq!(before.1.len(), 1);
    let other = ApiKey::generate().id().to_string();
    for (action, key, detail) in [
        ("created", &id, "a key"),
        ("rotated", &id, &format!("by {other}, overlap 0 s")),
        ("rotated", &other, &format!("by {id}, overlap 0 s")),
        ("revoked", &id, "a key"),
    ] {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, key, detail) \
             SELECT 1, id, 'eve', '{action}', '{key}', '{detail}' FROM companies WHERE name = '{EVE}'"
        );
        trouble::execute(&server.data, &sql);
        assert_eq!(shown(), before, "{action} {key} {detail}");
    }
    assert_eq!(trouble::number(&server.data, "SELECT count(*) FROM audit_log WHERE actor = 'eve'"), Some(4));
}
