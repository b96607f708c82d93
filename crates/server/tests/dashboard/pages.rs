//! What all pages have in common.

use crate::common::{Data, id};
use crate::{PROJECT, signed_in, trouble};

#[test]
fn each_page_marks_its_place_among_the_pages() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let key = id(&browser.create("a key"));
    let project = browser.get("/keys/new").attributes(PROJECT, "value").remove(0);
    for (path, place) in [
        ("/keys", "/keys"),
        ("/keys/new", "/keys"),
        (&format!("/keys/{key}"), "/keys"),
        (&format!("/keys/{key}/rotate"), "/keys"),
        (&format!("/keys/{key}/revoke"), "/keys"),
        (&format!("/keys/{key}/delete"), "/keys"),
        ("/projects", "/projects"),
        ("/projects/new", "/projects"),
        (&format!("/projects/{project}/rename"), "/projects"),
        (&format!("/projects/{project}/archive"), "/projects"),
        ("/tokens", "/tokens"),
        ("/tokens/new", "/tokens"),
        ("/audit", "/audit"),
        ("/account/sessions", "/account/sessions"),
        ("/account/password", "/account/password"),
    ] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert_eq!(page.attribute("[aria-current=page]", "href"), place, "{path}");
    }
}

/// The log has the same number.
#[test]
fn a_page_that_fails_has_the_number_of_its_request() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    trouble::execute(&data, "ALTER TABLE projects RENAME TO lost");
    let page = browser.get("/keys");
    let number = page.header("x-request-id").unwrap();
    let message = format!("Something went wrong here. Tell us the number {number}.");
    assert_eq!(page.status, 500);
    assert!(page.texts("p").contains(&message), "{message} in {}", page.text);
}
