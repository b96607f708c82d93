//! A form makes one key or none, and keeps what was typed.

use std::thread;

use crate::common::browser::Browser;
use crate::common::{Data, id, status};
use crate::{PROJECT, post, signed_in, trouble};

#[test]
fn a_form_that_is_sent_again_makes_no_second_key() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let fields = browser.creation("doubled");
    let key = browser.create_with(&fields).new_key();
    let again = browser.create_with(&fields);
    assert_eq!(again.status, 409);
    assert!(again.text.contains("This form was already sent"));
    assert!(again.text.contains(&format!("{}***", &key[..16])), "{}", again.text);
    assert!(!again.text.contains(&key[16..]));
    assert_eq!(browser.count_keys(), 1);

    let fields = browser.creation("at the same time");
    let successor = click_four_times(&browser, "/keys", &fields);
    assert_eq!(browser.count_keys(), 2);
    // the first form ends the key; the others are refused as repeated forms, and not because the key has ended
    let path = format!("/keys/{}/rotate", id(&successor));
    let dialog = browser.get(&path);
    let fields = ["form_token", "form"].map(|name| (name, dialog.field(name)));
    click_four_times(&browser, &path, &[&fields[..], &[("overlap", "0".to_owned())]].concat());
    assert_eq!(browser.count_keys(), 3);

    // a repeated form makes no second key after the key was deleted, either
    browser.confirm(&id(&key), "delete", &[]).leads_to("/keys");
    let mut fields = browser.creation("deleted");
    let deleted = browser.create_with(&fields).new_key();
    browser.confirm(&id(&deleted), "delete", &[]).leads_to("/keys");
    fields[4].1.push_str(", again");
    let again = browser.create_with(&fields);
    assert_eq!((again.status, browser.count_keys()), (409, 2), "{}", again.text);
    let message = "No second key was made. The key that it made has been deleted since.";
    assert!(again.texts("p").contains(&message.to_owned()), "{}", again.text);
    assert_eq!(status(&server, &deleted), 401);
}

/// Sends a form four times at once. Asserts that one answer has a new key, and that the others name that key. Returns it.
fn click_four_times(browser: &Browser, path: &str, fields: &[(&'static str, String)]) -> String {
    let click = || post(&mut browser.clone(), path, fields, None);
    let answers: Vec<_> = thread::scope(|scope| {
        let clicks: Vec<_> = (0..4).map(|_| scope.spawn(click)).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    let (made, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), others.len()), (1, 3));
    let key = made[0].new_key();
    for answer in others {
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert!(answer.text.contains(&format!("It made the key {}***", &key[..16])), "{}", answer.text);
    }
    key
}

#[test]
fn a_form_with_a_mistake_makes_nothing_and_keeps_what_was_typed() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    browser.create("first");
    let fields = browser.creation("second");
    let with = |name: &str, value: Option<&str>| -> Vec<_> {
        let mut fields: Vec<_> = fields.iter().filter(|(found, _)| *found != name).cloned().collect();
        fields.extend(value.map(|value| (fields_name(name), value.to_owned())));
        fields
    };
    let long = "n".repeat(101);
    for (name, value, said) in [
        ("scopes", None, "at least one scope"),
        ("scopes", Some("memories:everything"), "at least one scope"),
        ("name", Some(" "), "a name for the key"),
        ("name", Some(long.as_str()), "a name for the key"),
        ("name", Some("two\nlines"), "a name for the key"),
        ("project_name", None, "a name for the new project"),
        ("project_name", Some("project of first"), "There is a project of this name"),
        ("project", Some("proj_00000000000000000000000000000000"), "Choose a project"),
        ("project", Some("no id"), "Choose a project"),
        ("project", Some(""), "Choose a project"),
        ("expires", Some("1"), "when the key expires"),
        ("expires", Some("date"), "Choose a day from today on"),
    ] {
        let answer = browser.create_with(&with(name, value));
        assert_eq!(answer.status, 400, "{name} {value:?}: {}", answer.text);
        assert!(answer.text_of("[role=alert]").contains(said), "{said} in {}", answer.text);
        assert_eq!(answer.field("form"), fields[1].1, "the same form");
        if name != "name" {
            assert_eq!(answer.field("name"), "second");
        }
        if name != "scopes" {
            assert_eq!(answer.checked("scopes"), ["memories:read", "chats:write"]);
        }
    }
    assert_eq!(browser.count_keys(), 1);
    assert_eq!(browser.get("/keys/new").count(PROJECT), 2, "no project is left over");
    assert_eq!(browser.create_with(&fields).status, 200, "the form can still be sent");

    for (name, value) in [("form", "guessed"), ("name", "\0"), ("unknown", "\0")] {
        let answer = browser.create_with(&with(name, Some(value)));
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text_of("main").contains("This form can't be read"), "{}", answer.text);
    }
    let huge = "n".repeat(64 * 1024);
    assert_eq!(browser.create_with(&with("name", Some(&huge))).status, 413);
}

fn fields_name(name: &str) -> &'static str {
    ["scopes", "name", "project", "project_name", "expires", "form", "unknown"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap()
}

#[test]
fn a_locked_database_is_reported_and_nothing_is_half_done() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let fields = browser.creation("later");
    let answer = trouble::while_locked(&data, "api_keys", || browser.create_with(&fields));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text);
    assert!(!answer.text.contains("SQL"), "{}", answer.text);
    assert_eq!(browser.create_with(&fields).status, 200, "the form can still be sent");
    assert_eq!(browser.count_keys(), 1);
}
