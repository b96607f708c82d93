//! An archived project has no key that works, and gets no new one.

use ctx_key::UnixTime;
use serde_json::json;

use crate::common::EMAIL;
use crate::common::browser::Browser;
use crate::common::company::{Company, record};
use crate::common::timed::START;
use crate::{ENVIRONMENTS, log_from, post, rows};

#[test]
fn an_archived_project_has_no_valid_key() {
    let (company, mut browser) = Company::new();
    let [web, other] = ["Web", "Other"].map(|name| company.project(name));
    let names: Vec<_> = (1..=7).map(|number| format!("key <{number}>")).collect();
    let keys: Vec<_> = names.iter().map(|name| company.key(&web, name, None)).collect();
    let ended = company.key(&web, "ended", Some("2027-01-15T08:00:01Z"));
    let kept = company.key(&other, "kept", None);
    company.server.set(60);
    assert_eq!(company.send("DELETE", &format!("/api-keys/{}", keys[0]), &json!({})).0, 204);
    let path = format!("/projects/{web}/archive");
    let question = browser.get(&path);
    let dialog = question.text_of("dialog");
    for part in ["Archive “Web”?", "This revokes 6 keys:", "and 1 more", "This can't be undone."] {
        assert!(dialog.contains(part), "{part} in {dialog}");
    }
    let shown = question.texts("dialog li bdi");
    assert!(shown.len() == 5 && shown.iter().all(|name| names[1..].contains(name)), "{shown:?}");
    let lines = browser.audit_log().len();
    let states = |company: &Company| {
        let ids: Vec<_> = keys.iter().chain([&ended, &kept]).map(String::as_str).collect();
        company.states(&ids)
    };
    let before = [&["revoked"][..], &["active"; 6], &["expired", "active"]].concat();
    assert_eq!(states(&company), before, "the question changes nothing");

    company.server.set(120);
    post(&mut browser, &path, &[]).leads_to(&format!("/projects#project-{web}"));
    let message =
        "The project is archived, and 6 keys are revoked. Whatever uses them is refused from now on.";
    assert_eq!(browser.get("/projects").text_of("[role=status]"), message);
    assert_eq!(states(&company), [&["revoked"; 7][..], &["expired", "active"]].concat());
    let (_, revoked) = company.send("GET", &format!("/api-keys/{}", keys[1]), &json!({}));
    let times = ["revoked_at", "updated_at"].map(|time| revoked[time].as_str().unwrap());
    assert_eq!(times, ["2027-01-15T08:02:00Z"; 2]);
    let shown = company.shown(&web);
    assert_eq!([&shown["is_active"], &shown["updated_at"]], [&json!(false), &json!("2027-01-15T08:02:00Z")]);
    let (_, projects) = company.send("GET", "/projects", &json!({}));
    let listed: Vec<_> = projects.as_array().unwrap().iter().map(|project| &project["name"]).collect();
    assert_eq!(listed, ["Development", "Other", "Web"]);

    let mut log = log_from(&mut browser, lines);
    assert_eq!(log.pop().unwrap(), [EMAIL, "archived project", "none", "Web"].map(str::to_owned));
    let line =
        |number: usize| [EMAIL.to_owned(), "revoked".to_owned(), keys[number].clone(), names[number].clone()];
    log.sort_by(|one, other| one[3].cmp(&other[3]));
    assert_eq!(log, (1..7).map(line).collect::<Vec<_>>());

    // a second time changes nothing
    company.server.set(180);
    post(&mut browser, &path, &[]).leads_to(&format!("/projects#project-{web}"));
    browser.get(&path).leads_to(&format!("/projects#project-{web}"));
    assert_eq!((browser.audit_log().len(), company.shown(&web)), (lines + 7, shown));
}

#[test]
fn the_question_names_up_to_five_keys() {
    let (company, mut browser) = Company::new();
    let web = company.project("Web");
    let names: Vec<_> = (1..=5).map(|number| format!("key {number}")).collect();
    for name in &names {
        company.key(&web, name, None);
    }
    let mut shown = browser.get(&format!("/projects/{web}/archive")).texts("dialog li");
    shown.sort();
    assert_eq!(shown, names);
}

/// The end of a key is the earlier one of its expiry and its overlap, and it has ended at that second.
#[test]
fn an_archived_project_revokes_the_keys_that_have_not_ended() {
    let (company, mut browser) = Company::new();
    let web = company.project("Web");
    let [before, now, soon, later] =
        [START - 1, START, START + 1, START + 60].map(|at| Some(UnixTime::from_secs(at)));
    // each key: its start, its expiry, the end of its overlap, its revocation, and its state after the archiving
    let keys = [
        ([None; 4], "revoked"),
        ([later, None, None, None], "revoked"),
        ([None, now, None, None], "expired"),
        ([None, soon, None, None], "revoked"),
        ([None, None, now, None], "retired"),
        ([None, None, soon, None], "revoked"),
        ([None, now, later, None], "expired"),
        ([None, later, now, None], "retired"),
        ([None, soon, later, None], "revoked"),
        ([None, later, soon, None], "revoked"),
        ([None, later, None, before], "revoked"),
        ([None, now, None, before], "revoked"),
    ];
    let records = keys.map(|([not_before, expires_at, retires_at, revoked_at], _)| {
        let mut record = record(&web);
        (record.not_before, record.expires_at) = (not_before, expires_at);
        (record.retires_at, record.revoked_at) = (retires_at, revoked_at);
        (record, "a key")
    });
    assert_eq!(company.import(&records).unwrap(), 12);
    let elsewhere = company.key(&company.project("Other"), "kept", None);
    assert_eq!(rows(&browser.get("/projects?q=web")), ["Web 6 12 just now Active"]);
    let question = browser.get(&format!("/projects/{web}/archive")).text_of("dialog");
    assert!(question.contains("This revokes 6 keys:"), "{question}");
    let lines = browser.audit_log().len();
    post(&mut browser, &format!("/projects/{web}/archive"), &[])
        .leads_to(&format!("/projects#project-{web}"));
    assert!(browser.get("/projects").text.contains("The project is archived, and 6 keys are revoked."));
    let ids: Vec<_> = records.iter().map(|(record, _)| record.id.as_str()).collect();
    assert_eq!(company.states(&ids), keys.map(|(_, state)| state));
    assert_eq!(company.states(&[&elsewhere]), ["active"]);
    assert_eq!(log_from(&mut browser, lines).len(), 7, "a line for each key, and one for the project");
    let (_, earlier) = company.send("GET", &format!("/api-keys/{}", ids[10]), &json!({}));
    assert_eq!(earlier["revoked_at"], "2027-01-15T07:59:59Z", "the first revocation counts");
}

#[test]
fn an_archived_project_gets_no_new_keys() {
    let (company, mut browser) = Company::new();
    let web = company.project("Web & Co");
    let keys = ["first", "second"].map(|name| company.key(&web, name, None));
    let mut fields = browser.creation("a key");
    fields[3].1.clone_from(&web);
    let dialog = browser.get(&format!("/keys/{}/rotate", keys[0]));
    post(&mut browser, &format!("/projects/{web}/archive"), &[]);
    let lines = browser.audit_log().len();
    let message = "the project is archived, so it gets no new keys: use another project";
    let rotation = json!({ "overlap_seconds": 0 });
    let rotated = company.send("POST", &format!("/api-keys/{}/rotate", keys[0]), &rotation);
    for (status, answer) in [company.create(&web, "a key", &["memories:read"], None), rotated] {
        assert_eq!((status, &answer["error"]["message"]), (409, &json!(message)));
        assert_eq!([&answer["error"]["type"], &answer["error"]["code"]], ["conflict", "conflict"]);
    }
    let page = browser.create_with(&fields);
    assert_eq!(page.status, 409, "{}", page.text);
    assert!(page.text_of("#project-error").starts_with("This project was archived"), "{}", page.text);
    assert!(page.field("name") == "a key" && !page.text.contains(&web), "{}", page.text);
    let form = [("form", dialog.field("form")), ("overlap", "0".to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page = post(&mut browser, &format!("/keys/{}/rotate", keys[0]), &form);
    assert_eq!((page.status, page.text.contains("The project is archived")), (409, true), "{}", page.text);
    let imported = company.import(&[(record(&web), "a key")]).unwrap_err();
    assert_eq!(imported.to_string(), format!("nothing was imported: line 1: {message}"));
    assert_eq!(browser.audit_log().len(), lines);

    // the keys can still be read and deleted, and the project renamed
    let list = browser.get(&format!("/keys?project={web}"));
    assert_eq!(list.text_of("#project option[selected][dir=auto]"), "Web & Co (archived)");
    assert_eq!(list.count("a.name"), 2);
    assert_eq!(browser.get(&format!("/keys/{}", keys[0])).status, 200);
    browser.confirm(&keys[0], "delete", &[]).leads_to("/keys");
    assert_eq!(company.send("DELETE", &format!("/api-keys/{}?purge=true", keys[1]), &json!({})).0, 204);
    assert_eq!(post(&mut browser, &format!("/projects/{web}/rename"), &[("name", "Old")]).status, 303);
    company.project("Web & Co");
}

#[test]
fn the_last_project_can_be_archived_too() {
    let (company, mut browser) = Company::new();
    let options = |browser: &mut Browser| browser.get("/keys/new").texts("select#project option");
    assert_eq!(options(&mut browser), ["Development", "New project…"]);
    let has_suggestions = |browser: &mut Browser| {
        let form = browser.get("/keys/new");
        form.has("input[list=environments]")
            && form.has("select[aria-describedby=environment-hint]")
            && form.attributes("datalist#environments option", "value") == ENVIRONMENTS
    };
    assert!(has_suggestions(&mut browser));
    let development = company.send("GET", "/projects", &json!({})).1[0]["id"].as_str().unwrap().to_owned();
    let second = company.project("my-app production");
    assert!(!has_suggestions(&mut browser), "the company has its own projects");
    for project in [&development, &second] {
        post(&mut browser, &format!("/projects/{project}/archive"), &[]);
    }
    assert_eq!(options(&mut browser), ["New project…"]);
    let form = browser.get("/keys/new");
    assert_eq!(form.attributes("select#project option[selected]", "value"), ["new"]);
    assert!(!form.text.contains("Only with “New project…”"), "{}", form.text);
    browser.create("in a new project");
    assert_eq!(options(&mut browser), ["project of in a new project", "New project…"]);
}
