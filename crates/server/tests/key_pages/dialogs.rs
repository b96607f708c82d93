//! A dialog leads back to where it was opened, and nowhere else.

use crate::common::company::Company;
use crate::common::id;
use crate::encoded;

const CANCEL: &str = "[data-cancel]";

#[test]
fn a_dialog_leads_back_to_the_same_part_of_the_list() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let keys = [0, 1, 2, 3].map(|number| {
        company.server.set(number);
        company.key(&project, &format!("key {number}"), None)
    });
    let [first, second, third, fourth] = keys.each_ref().map(String::as_str);
    let query = format!("?q=key&project={project}&scope=memories%3Aread&state=active");
    let list = browser.get(&format!("/keys{query}"));
    for action in ["rotate", "revoke", "delete"] {
        list.assert_has(&format!("a[href=\"/keys/{third}/{action}{query}\"]"));
        let dialog = browser.get(&format!("/keys/{third}/{action}{query}"));
        assert_eq!(dialog.attribute(CANCEL, "href"), format!("/keys{query}#key-{third}"));
    }
    // the key leaves this list, so the focus moves to the key below it, or above it if it was the last
    for (action, key, there) in [
        ("rotate", third, third),
        ("revoke", third, second),
        ("delete", third, second),
        ("delete", first, second),
        ("delete", fourth, third),
    ] {
        let dialog = browser.get(&format!("/keys/{key}/{action}{query}"));
        let target = format!("/keys/{key}/{action}{query}#key-{there}");
        assert_eq!(dialog.attribute("dialog form", "action"), target);
    }
    // a list of all states keeps a revoked key, whatever else it is filtered by
    for query in ["", "?q=key", &format!("?project={project}"), "?scope=memories%3Aread"] {
        let dialog = browser.get(&format!("/keys/{third}/revoke{query}"));
        let target = format!("/keys/{third}/revoke{query}#key-{third}");
        assert_eq!(dialog.attribute("dialog form", "action"), target);
    }

    let token = browser.get("/keys").field("form_token");
    let fields = [("form_token", token.as_str())];
    browser.post(&format!("/keys/{third}/revoke{query}"), &fields).leads_to(&format!("/keys{query}"));
    let list = browser.get(&format!("/keys{query}"));
    let message = format!("The key ctx_{third}*** is revoked.");
    assert!(list.text_of("[role=status]").starts_with(&message), "{}", list.text);
    assert!(!browser.get("/keys").has("[role=status]"), "the message comes once");
    browser
        .post(&format!("/keys/{third}/delete?page=7&state=revoked"), &fields)
        .leads_to("/keys?state=revoked&page=7");
    assert!(browser.get("/keys").text.contains(&format!("The key ctx_{third}*** is deleted.")));

    // a dialog that was opened on the page of a key leads back to that page
    for (action, leads_to) in [("revoke", format!("/keys/{second}")), ("delete", "/keys".to_owned())] {
        let dialog = browser.get(&format!("/keys/{second}/{action}?from=key"));
        assert_eq!(dialog.attribute(CANCEL, "href"), format!("/keys/{second}#{action}"));
        browser.post(&format!("/keys/{second}/{action}?from=key"), &fields).leads_to(&leads_to);
    }
    // no parameter redirects to another site
    for back in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
        for name in ["back", "from", "q", "page", "project", "state"] {
            let query = format!("?{name}={}", encoded(back));
            let dialog = browser.get(&format!("/keys/{first}/revoke{query}"));
            let cancel = dialog.attribute(CANCEL, "href");
            assert!(cancel.starts_with("/keys#") || cancel.starts_with("/keys?q="), "{cancel}");
        }
    }
    browser
        .post(&format!("/keys/{first}/revoke?back=//evil.example&from=//evil.example"), &fields)
        .leads_to("/keys");
}

/// A click on “Done” leads to the row of the new key, also if the address differs from the present one in its fragment alone.
#[test]
fn a_new_key_leads_back_to_where_it_was_asked_for() {
    let (_company, mut browser) = Company::new();
    let fields = browser.creation("a key");
    let page = browser.create_with(&fields);
    let key = id(&page.new_key());
    assert_eq!(page.attribute("a.button", "href"), format!("/keys?page=1#key-{key}"));
    for (query, address) in [
        ("", "/keys?page=1#key-"),
        ("?state=active", "/keys?state=active#key-"),
        ("?q=a&page=2", "/keys?q=a&page=2#key-"),
        ("?from=key", "/keys/"),
    ] {
        let path = format!("/keys/{key}/rotate{query}");
        let dialog = browser.get(&path);
        let [token, form] = ["form_token", "form"].map(|name| dialog.field(name));
        let page = browser.post(&path, &[("form_token", &token), ("form", &form), ("overlap", "3600")]);
        assert_eq!(
            page.attribute("a.button", "href"),
            format!("{address}{}", id(&page.new_key())),
            "{query}"
        );
    }
}

/// The old key works while the new one is deployed, and a key ends only if somebody chooses so.
#[test]
fn a_dialog_begins_with_its_default_choices() {
    let (_company, mut browser) = Company::new();
    let key = id(&browser.create("a key"));
    let rotation = browser.get(&format!("/keys/{key}/rotate"));
    assert_eq!(rotation.checked("overlap"), ["86400"]);
    assert!(!rotation.has("#expires option[selected]"), "{}", rotation.text);
    for path in ["/keys/new", "/tokens/new"] {
        assert_eq!(browser.get(path).attribute("#expires option[selected]", "value"), "never", "{path}");
    }
}
