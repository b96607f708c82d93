//! Tests the last second before each expiry, and the first second after it.
//!
//! The server runs in this process, with a clock that the tests set. Its verifier uses another clock, so no test here sends
//! a key.

mod common;

use common::browser::Browser;
use common::timed::{DAY, Fixture, HOUR};
use common::{EMAIL, EVE, id};
use serde_json::json;

/// Returns the states of keys that the dashboard shows.
fn states<const N: usize>(browser: &mut Browser, ids: [&str; N]) -> [String; N] {
    let rows = browser.get("/keys").rows(["Name", "State"]);
    ids.map(|id| {
        let masked = format!("ctx_{id}***");
        let row = rows.iter().find(|[name, _]| name.split(' ').any(|word| word == masked));
        row.expect("a key")[1].clone()
    })
}

#[test]
fn a_set_up_link_is_valid_for_24_hours() {
    let fixture = Fixture::new();
    let links = [fixture.set_up_link(), fixture.set_up_link()];
    let mut browser = Browser::at(&fixture.url);
    fixture.set(DAY - 1);
    assert_eq!(browser.get(&links[0]).status, 200);
    browser.set_up(&links[0], EMAIL).leads_to("/keys");
    fixture.set(DAY);
    let answers = [browser.get(&links[1]), browser.set_up(&links[1], EVE)];
    for answer in answers {
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains("This set-up link is not valid"), "{}", answer.text);
    }
}

#[test]
fn a_session_and_its_forms_are_valid_for_12_hours() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let sent_at_once = browser.creation("at once");
    assert_eq!(browser.create_with(&sent_at_once).status, 200);
    let sent_late = browser.creation("late");
    fixture.set(12 * HOUR - 1);
    assert_eq!(browser.create_with(&sent_late).status, 200);
    assert_eq!([&sent_at_once, &sent_late].map(|form| browser.create_with(form).status), [409, 409]);
    fixture.set(12 * HOUR);
    browser.get("/keys").leads_to("/sign-in");
    browser.create_with(&sent_late).leads_to("/sign-in");
    let mut browser = fixture.sign_in();
    assert_eq!([&sent_at_once, &sent_late].map(|form| browser.create_with(form).status), [403, 403]);
    // a form of the new session with the idempotency key of the old form
    let mut fields = browser.creation("again");
    fields[1] = sent_late[1].clone();
    assert_eq!((browser.create_with(&fields).status, browser.count_keys()), (200, 3));
}

#[test]
fn tokens_are_valid_for_an_hour_and_for_30_days() {
    let fixture = Fixture::new();
    fixture.set_up();
    let (first, second) = (fixture.log_in(), fixture.log_in());
    assert_eq!(first["expires_in"], HOUR);
    fixture.set(HOUR - 1);
    assert_eq!(fixture.keys(&first), (200, json!([])));
    fixture.set(HOUR);
    assert_eq!(fixture.keys(&first).0, 401);
    fixture.set(30 * DAY - 1);
    assert_eq!(fixture.refresh(&first), 200);
    fixture.set(30 * DAY);
    assert_eq!(fixture.refresh(&second), 401);
}

#[test]
fn an_old_key_retires_at_the_end_of_the_overlap() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let old = id(&browser.create("a key"));
    let page = browser.confirm(&old, "rotate", &[("overlap", "3600")]);
    let until = format!("The old key ctx_{old}*** works until 2027-01-15 09:00 UTC.");
    assert!(page.texts("p").contains(&until), "{}", page.text);
    assert_eq!(page.attributes("main time", "datetime").last().unwrap(), "2027-01-15T09:00:00Z");
    let new = id(&page.new_key());
    fixture.set(HOUR - 1);
    assert_eq!(states(&mut browser, [&old, &new]), ["Ending soon", "Active"]);
    assert_eq!(fixture.are_active([&old, &new]), [true, true]);
    fixture.set(HOUR);
    assert_eq!(states(&mut browser, [&old, &new]), ["Retired", "Active"]);
    assert_eq!(fixture.are_active([&old, &new]), [false, true]);
}

#[test]
fn a_key_for_30_days_ends_soon_after_23_and_expires_after_30() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let key = id(&browser.create("a key"));
    let list = browser.get("/keys");
    assert_eq!(list.rows(["Expires"]), [["in 30 days"]]);
    let end = "td time[datetime=\"2027-02-14T08:00:00Z\"][title=\"2027-02-14 08:00 UTC\"]";
    assert_eq!(list.text_of(end), "in 30 days");
    fixture.set(23 * DAY - 1);
    let mut browser = fixture.sign_in();
    assert_eq!(states(&mut browser, [&key]), ["Active"]);
    fixture.set(23 * DAY);
    assert_eq!(states(&mut browser, [&key]), ["Ending soon"]);
    fixture.set(30 * DAY - 1);
    let mut browser = fixture.sign_in();
    assert_eq!((states(&mut browser, [&key]), fixture.are_active([&key])), (["Ending soon".into()], [true]));
    fixture.set(30 * DAY);
    assert_eq!((states(&mut browser, [&key]), fixture.are_active([&key])), (["Expired".into()], [false]));
}
