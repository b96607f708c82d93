//! A project is created and renamed, and its name is its own.

use std::thread;

use ctx_key::ApiKey;
use serde_json::json;

use crate::common::company::Company;
use crate::common::{EMAIL, EVE};
use crate::{ENVIRONMENTS, log_from, post, rows};

#[test]
fn a_project_is_created_and_renamed() {
    let (company, mut browser) = Company::new();
    let lines = browser.audit_log().len();
    let form = browser.get("/projects/new");
    assert_eq!(form.attributes("datalist option", "value"), ENVIRONMENTS);
    company.server.set(60);
    let made = post(&mut browser, "/projects", &[("name", "  Büro 東京 ")]);
    let address = made.header("location").unwrap().to_owned();
    let id = address.strip_prefix("/projects#project-").unwrap().to_owned();
    assert_eq!(made.status, 303);
    let page = browser.get("/projects");
    assert!(page.text_of("[role=status]").starts_with("The project is created."), "{}", page.text);
    assert_eq!(rows(&page), ["Büro 東京 0 0 just now Active", "Development 0 0 1 minute ago Active"]);

    // another company may use the same names
    let eve = company.server.account(EVE);
    let of_eve = format!("/companies/{}/projects", eve.company);
    for name in ["Office", "Bureau"] {
        assert_eq!(company.server.send("POST", &of_eve, &eve.token, &json!({ "name": name })).0, 201);
    }
    let rename = format!("/projects/{id}/rename");
    assert_eq!(browser.get(&rename).field("name"), "Büro 東京");
    let long = "n".repeat(101);
    let key = ApiKey::generate();
    for path in ["/projects", rename.as_str()] {
        for (name, status, message) in [
            ("", 400, "Enter a name for the project"),
            (long.as_str(), 400, "Enter a name for the project"),
            ("a\u{202e}b", 400, "without character 2"),
            (key.expose_secret(), 400, "that contains no API key"),
            ("Development", 409, "There is a project of this name"),
        ] {
            let page = post(&mut browser, path, &[("name", name)]);
            assert_eq!(page.status, status, "{path} {name}: {}", page.text);
            let error = page.text_of("#name-error");
            assert!(error.contains(message), "{error}");
            let field = "#name[aria-invalid=true][aria-describedby=\"name-error name-hint\"]";
            let shown = if name == key.expose_secret() { "" } else { name };
            assert_eq!(page.attribute(field, "value"), shown);
            assert_eq!(page.attributes("[autofocus]", "id"), ["name"]);
            assert!(!page.text.contains(&key.expose_secret()[16..]), "{}", page.text);
        }
    }
    assert_eq!(company.shown(&id)["updated_at"], "2027-01-15T08:01:00Z");

    company.server.set(120);
    post(&mut browser, &rename, &[("name", " Office ")]).leads_to(&format!("/projects#project-{id}"));
    assert!(browser.get("/projects").text_of("[role=status]").starts_with("The new name is saved."));
    let expected = json!({
        "id": id,
        "company_id": company.id,
        "name": "Office",
        "slug": "office",
        "is_active": true,
        "metadata": {},
        "created_at": "2027-01-15T08:01:00Z",
        "updated_at": "2027-01-15T08:02:00Z",
    });
    assert_eq!(company.shown(&id), expected);
    company.server.set(180);
    post(&mut browser, &rename, &[("name", "Office")]).leads_to(&format!("/projects#project-{id}"));
    assert_eq!(company.shown(&id), expected, "the name is the same");
    company.server.set(240);
    post(&mut browser, &rename, &[("name", "Bureau")]).leads_to(&format!("/projects#project-{id}"));
    assert_eq!(company.shown(&id)["updated_at"], "2027-01-15T08:04:00Z");
    post(&mut browser, &rename, &[("name", "Office")]).leads_to(&format!("/projects#project-{id}"));
    let line = |action: &str, detail: &str| [EMAIL, action, "none", detail].map(str::to_owned);
    assert_eq!(
        log_from(&mut browser, lines),
        [
            line("created project", "Büro 東京"),
            line("renamed project", "from Büro 東京 to Office"),
            line("renamed project", "from Office to Bureau"),
            line("renamed project", "from Bureau to Office"),
        ]
    );
    let [old, new] = ["ß", "東"].map(|letter| letter.repeat(100));
    for name in [&old, &new] {
        post(&mut browser, &rename, &[("name", name)]).leads_to(&format!("/projects#project-{id}"));
    }
    let newest = browser.audit_log().pop().unwrap();
    assert_eq!(newest, line("renamed project", &format!("from {old} to {new}")));
    post(&mut browser, &rename, &[("name", "Office")]).leads_to(&format!("/projects#project-{id}"));
    // the old name is free again, and the new one is taken
    assert_eq!(company.send("POST", "/projects", &json!({ "name": "Office" })).0, 409);
    company.project("Büro 東京");
}

#[test]
fn projects_that_change_at_once_do_not_get_the_same_name() {
    let (company, browser) = Company::new();
    let ids = ["a", "b", "c"].map(|name| company.project(name));
    for round in 0..4 {
        let name = format!("wanted {round}");
        let create = || company.send("POST", "/projects", &json!({ "name": name })).0;
        let rename = |id: &str| {
            let path = format!("/projects/{id}/rename");
            post(&mut browser.clone(), &path, &[("name", &name)]).status
        };
        let statuses: Vec<_> = thread::scope(|scope| {
            let create = scope.spawn(create);
            let renames: Vec<_> = ids.iter().map(|id| scope.spawn(|| rename(id))).collect();
            renames.into_iter().chain([create]).map(|change| change.join().unwrap()).collect()
        });
        let done = statuses.iter().filter(|status| [201, 303].contains(status)).count();
        let taken = statuses.iter().filter(|status| **status == 409).count();
        assert_eq!((done, taken), (1, 3), "{statuses:?}");
    }
}
