//! A rotated key and its successors name each other.

use serde_json::{Value, json};

use crate::common::company::{Company, record};
use crate::common::timed::HOUR;
use crate::common::{EMAIL, id};
use crate::{lines_of, row};

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
    list.assert_has(&format!("small a[href=\"/keys/{second}\"]"));

    browser.confirm(&third, "delete", &[]).leads_to("/keys");
    let list = browser.get("/keys");
    assert!(
        row(&list, &second).contains(&format!("replaced by {third} (deleted)")),
        "{}",
        row(&list, &second)
    );
    assert!(!list.text.contains(&format!("href=\"/keys/{third}")), "{}", list.text);
    let page = browser.get(&format!("/keys/{second}"));
    let by = format!("Replaced by {third} (deleted) on 2027-01-15 08:01 UTC (just now)");
    assert!(page.facts().contains(&by), "{by} in {:?}", page.facts());
    assert!(!page.has(&format!("a[href=\"/keys/{third}\"]")), "{}", page.text);
    let page = browser.get(&format!("/keys/{old}"));
    let by = format!(
        "Replaced by {second} on 2027-01-15 08:01 UTC (just now) {first} on 2027-01-15 08:00 UTC (1 minute ago)"
    );
    assert!(page.facts().contains(&by), "{by} in {:?}", page.facts());
}

#[test]
fn the_five_latest_successors_are_shown() {
    let (company, mut browser) = Company::new();
    let project = company.project("web");
    let key = company.key(&project, "rotated often", None);
    let successors: Vec<_> = (0..7)
        .map(|number| {
            company.server.set(number);
            format!("/keys/{}", company.rotate(&key, 86_400))
        })
        .collect();
    let shown = browser.get(&format!("/keys/{key}")).attributes("dl a", "href");
    assert_eq!(shown, successors[2..].iter().rev().cloned().collect::<Vec<_>>());
}

/// The detail of a rotation is "by" and the id of the successor. A key may have the same text as its name.
#[test]
fn a_key_named_like_a_rotation_is_not_taken_for_one() {
    let (company, mut browser) = Company::new();
    let project = company.project("web");
    let key = company.key(&project, "a key", None);
    let named = company.key(&project, &format!("by {key}, overlap 0 s"), None);
    let change = json!({ "name": format!("by {key}") });
    assert_eq!(company.send_about("PATCH", &named, &change).0, 200);
    company.revoke(&named);
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
    let records = [small, capital].map(|id| {
        let mut record = record(&project);
        record.id = id.parse().unwrap();
        (record, id)
    });
    assert_eq!(company.import(&records).unwrap(), 2);
    let successor = company.rotate(small, 60);
    for (id, is_replaced) in [(small, true), (capital, false)] {
        let page = browser.get(&format!("/keys/{id}"));
        assert_eq!(page.text.contains(&successor), is_replaced, "{id}: {}", page.text);
        assert_eq!(lines_of(&page).len(), usize::from(is_replaced), "{id}");
        assert_eq!(row(&browser.get("/keys"), id).contains(&successor), is_replaced, "{id}");
    }
}

#[test]
fn a_successor_has_the_expiry_that_was_chosen() {
    let (company, mut browser) = Company::new();
    let key = id(&browser.create("a key"));
    company.server.set(HOUR);
    for (chosen, expires_at) in [
        (None, json!("2027-02-14T08:00:00Z")),
        (Some(""), json!("2027-02-14T08:00:00Z")),
        (Some("never"), Value::Null),
        (Some("90"), json!("2027-04-15T09:00:00Z")),
    ] {
        // after the first rotation, the key retires earlier than it expires
        let dialog = browser.get(&format!("/keys/{key}/rotate"));
        let unchanged = dialog.text_of("#expires option[value=\"\"]");
        assert_eq!(unchanged, "As the old one: 2027-02-14 08:00 UTC", "{chosen:?}");
        let mut fields = vec![("overlap", "604800")];
        fields.extend(chosen.map(|chosen| ("expires", chosen)));
        let new = id(&browser.confirm(&key, "rotate", &fields).new_key());
        let (_, stored) = company.send_about("GET", &new, &json!({}));
        assert_eq!(stored["expires_at"], expires_at, "{chosen:?}");
        let line = format!("{EMAIL} rotated by {new}, overlap 604800 s");
        assert_eq!(lines_of(&browser.get(&format!("/keys/{key}")))[0], line, "{chosen:?}");
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
    // the current day can be chosen, because it has not ended
    let today = [("overlap", "0"), ("expires", "date"), ("expires_on", "2027-01-15")];
    let page = browser.confirm(&key, "rotate", &today);
    let new = id(&page.new_key());
    let (_, stored) = company.send_about("GET", &new, &json!({}));
    assert_eq!(stored["expires_at"], "2027-01-15T23:59:59Z");
    assert!(page.texts("p").contains(&"It expires on 2027-01-15 23:59 UTC.".to_owned()), "{}", page.text);
}
