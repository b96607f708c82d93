//! Projects: listed, created, renamed and archived, by their owner alone.

mod common;
mod trouble;

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use common::browser::{Answer, Browser};
use common::timed::{DAY, Fixture, HOUR, START};
use common::{EMAIL, PASSWORD};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use ctx_key_server::database::Database;
use ctx_key_server::store::actor::{Act, Actor};
use ctx_key_server::store::api_key::{self, NewKey, ProjectChoice, Rotation};
use ctx_key_server::store::archive::archive;
use ctx_key_server::store::id::{CompanyId, ProjectId};
use ctx_key_server::store::import::{ImportError, import};
use ctx_key_server::store::name::Name;
use ctx_key_server::store::store_error::StoreError;
use serde_json::{Value, json};

/// A company with an account that is signed in, and a program.
struct Company {
    server: Fixture,
    token: String,
    id: String,
}

impl Company {
    fn new() -> (Self, Browser) {
        let server = Fixture::new();
        let browser = server.set_up();
        let tokens = server.log_in();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let id = text(&tokens["companies"][0]["id"]);
        let access = text(&tokens["access_token"]);
        // it does not expire
        let body = json!({ "name": "deploy", "expires_at": null });
        let token = text(&server.send("POST", &format!("/companies/{id}/tokens"), &access, &body).1["token"]);
        (Self { server, token, id }, browser)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.send(method, &format!("/companies/{}{path}", self.id), &self.token, body)
    }

    fn project(&self, name: &str) -> String {
        let (status, project) = self.send("POST", "/projects", &json!({ "name": name }));
        assert_eq!(status, 201, "{project}");
        project["id"].as_str().unwrap().to_owned()
    }

    /// A project as programs see it.
    fn shown(&self, id: &str) -> Value {
        let (_, projects) = self.send("GET", "/projects", &json!({}));
        projects.as_array().unwrap().iter().find(|project| project["id"] == id).expect("a project").clone()
    }

    fn create(&self, project: &str, name: &str, expires_at: Option<&str>) -> (u16, Value) {
        let body = json!({
            "project_id": project, "name": name, "scopes": ["memories:read"], "expires_at": expires_at
        });
        self.send("POST", "/api-keys", &body)
    }

    /// Returns the id of a new key.
    fn key(&self, project: &str, name: &str, expires_at: Option<&str>) -> String {
        let (status, key) = self.create(project, name, expires_at);
        assert_eq!(status, 201, "{key}");
        key["id"].as_str().unwrap().to_owned()
    }

    fn states(&self, keys: &[&str]) -> Vec<String> {
        let state = |id: &&str| {
            self.send("GET", &format!("/api-keys/{id}"), &json!({})).1["state"].as_str().unwrap().to_owned()
        };
        keys.iter().map(state).collect()
    }

    fn import(&self, records: &[(KeyRecord<String>, &str)]) -> Result<u64, ImportError> {
        let lines: String = records.iter().map(|(record, name)| line(record, name)).collect();
        let database = self.server.database();
        self.server.runtime.block_on(import(&database, lines.as_bytes(), self.server.now()))
    }
}

fn record(project: &str) -> KeyRecord<String> {
    KeyRecord::new(&ApiKey::generate(), project.to_owned(), Scope::MEMORIES_READ)
}

/// A line for the import.
fn line(record: &KeyRecord<String>, name: &str) -> String {
    let mut line = serde_json::to_value(record).unwrap();
    line["name"] = json!(name);
    format!("{line}\n")
}

/// What a part of a page says, without its tags.
fn text(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rows of the list: the name, the keys that have not ended, all keys, when it was created, and its state.
fn rows(page: &Answer) -> Vec<String> {
    let rows = page.text.split("<tr role=\"row\">").skip(2);
    rows.map(|row| text(row.split("<details").next().unwrap())).collect()
}

fn post(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let token = browser.get("/projects").field("form_token");
    let fields: Vec<_> = [("form_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
    browser.post(path, &fields)
}

/// The lines of the audit log from a place on: actor, action, key and detail.
fn log_from(browser: &mut Browser, first: usize) -> Vec<[String; 4]> {
    browser.audit_log().split_off(first)
}

#[test]
fn projects_are_listed_with_their_keys() {
    let (company, mut browser) = Company::new();
    let [web, batch] = ["Web & Co", "Пакет"].map(|name| company.project(name));
    company.key(&web, "active", None);
    let expiring = company.key(&web, "expires", Some("2027-01-15T09:00:00Z"));
    let revoked = company.key(&web, "revoked", None);
    assert_eq!(company.send("DELETE", &format!("/api-keys/{revoked}"), &json!({})).0, 204);
    let rotated = company.key(&web, "rotated", None);
    let rotation = json!({ "overlap_seconds": 60 });
    assert_eq!(company.send("POST", &format!("/api-keys/{rotated}/rotate"), &rotation).0, 201);
    let mut later = record(&web);
    later.not_before = Some(UnixTime::from_secs(1_900_000_000));
    assert_eq!(company.import(&[(later, "later")]).unwrap(), 1);
    let list = |browser: &mut Browser, query: &str| rows(&browser.get(&format!("/projects{query}")));
    let first = "Development 0 0 just now Active";
    assert_eq!(
        list(&mut browser, ""),
        [first, "Web &#38; Co 5 6 just now Active", "Пакет 0 0 just now Active"]
    );
    company.server.set(HOUR);
    assert_eq!(company.states(&[&expiring, &rotated]), ["expired", "retired"]);
    let web_row = "Web &#38; Co 3 6 1 hour ago Active";
    assert_eq!(list(&mut browser, "?q=web")[..], [web_row]);
    post(&mut browser, &format!("/projects/{batch}/archive"), &[])
        .leads_to(&format!("/projects#project-{batch}"));
    for (query, expected) in [
        ("?q=ПАК", &["Пакет 0 0 1 hour ago Archived just now"][..]),
        ("?state=archived", &["Пакет 0 0 1 hour ago Archived just now"]),
        ("?state=active&q=+%26+", &[web_row]),
        ("?q=%25", &[]),
        ("?state=other&page=x&q=DEV", &["Development 0 0 1 hour ago Active"]),
    ] {
        assert_eq!(list(&mut browser, query), expected, "{query}");
    }
    let page = browser.get("/projects");
    assert!(page.text.contains(&format!("href=\"/keys?project={web}\"")), "{}", page.text);
    let keys = browser.get(&format!("/keys?project={web}")).text;
    assert_eq!(keys.matches("class=\"name\" id=\"n-").count(), 6);
    assert!(!page.text.contains(&format!("/projects/{batch}/archive")), "it is archived");
    assert!(browser.get("/projects?q=%3Cb%3E").text.contains("No project matches"));
    let key = ApiKey::generate();
    browser
        .get(&format!("/projects?q={}&state=active", key.expose_secret()))
        .leads_to(&format!("/projects?q=ctx_{}***&state=active", key.id()));
}

#[test]
fn a_list_of_projects_has_pages_with_the_archived_ones_last() {
    let (company, mut browser) = Company::new();
    let names: Vec<_> = (0..104).map(|number| format!("P{number:03}")).collect();
    let ids: Vec<_> = names.iter().map(|name| company.project(name)).collect();
    post(&mut browser, &format!("/projects/{}/archive", ids[0]), &[])
        .leads_to(&format!("/projects?page=3#project-{}", ids[0]));
    let mut expected = vec!["Development".to_owned()];
    expected.extend(names.into_iter().skip(1));
    expected.push("P000".to_owned());
    for (query, shown, words) in [
        ("", 0..50, "1 to 50 of 105"),
        ("?page=2", 50..100, "51 to 100 of 105"),
        ("?page=3", 100..105, "101 to 105 of 105"),
        ("?page=9", 100..105, "101 to 105 of 105"),
    ] {
        let page = browser.get(&format!("/projects{query}"));
        let found: Vec<_> = rows(&page).iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(found, expected[shown], "{query}");
        assert!(page.text.contains(words), "{words}");
    }
    let page = browser.get("/projects?page=2&q=p0&state=active").text;
    let link = format!("href=\"/projects/{}/rename?q=p0&#38;state=active&#38;page=2\"", ids[60]);
    assert!(page.contains(&link), "{link} in {page}");
    // a dialog leads back to its part of the list
    let dialog = browser.get(&format!("/projects/{}/rename?q=p0&state=active&page=2", ids[60]));
    let cancel = format!("href=\"/projects?q=p0&#38;state=active&#38;page=2#project-{}\"", ids[60]);
    assert!(dialog.text.contains(&cancel), "{}", dialog.text);
    let path = format!("/projects/{}/rename?q=p0&state=active&page=2", ids[60]);
    let renamed = post(&mut browser, &path, &[("name", "P0")]);
    renamed.leads_to(&format!("/projects?q=p0&state=active#project-{}", ids[60]));
    // one that is not listed any more leaves the list where it was
    let path = format!("/projects/{}/archive?q=p0&state=active&page=2", ids[61]);
    post(&mut browser, &path, &[]).leads_to("/projects?q=p0&state=active&page=2");
}

#[test]
fn a_project_is_created_and_renamed() {
    let (company, mut browser) = Company::new();
    let lines = browser.audit_log().len();
    let form = browser.get("/projects/new");
    assert!(form.text.contains("<option value=\"my-app production\">"), "{}", form.text);
    company.server.set(60);
    let made = post(&mut browser, "/projects", &[("name", "  Büro 東京 ")]);
    let address = made.header("location").unwrap().to_owned();
    let id = address.strip_prefix("/projects#project-").unwrap().to_owned();
    assert_eq!(made.status, 303);
    let page = browser.get("/projects");
    assert!(page.text.contains("role=\"status\">The project is created."), "{}", page.text);
    assert_eq!(rows(&page), ["Büro 東京 0 0 just now Active", "Development 0 0 1 minute ago Active"]);

    // the names of another company are not taken here
    let eve = company.server.account("eve@example.com");
    let of_eve = format!("/companies/{}/projects", eve.company);
    for name in ["Office", "Bureau"] {
        assert_eq!(company.server.send("POST", &of_eve, &eve.token, &json!({ "name": name })).0, 201);
    }
    let rename = format!("/projects/{id}/rename");
    assert!(browser.get(&rename).text.contains("value=\"Büro 東京\""));
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
            let error = page.text.split("id=\"name-error\">").nth(1).expect("an error beside the field");
            assert!(
                error.starts_with(message) || error.split('<').next().unwrap().contains(message),
                "{error}"
            );
            let field = "aria-invalid=\"true\" aria-describedby=\"name-error name-hint\" autofocus";
            assert!(page.text.contains(field), "{}", page.text);
            assert_eq!(page.text.matches(" autofocus").count(), 1);
            assert!(!page.text.contains(&key.expose_secret()[16..]), "{}", page.text);
            let shown = if name == key.expose_secret() { "" } else { name };
            assert!(page.text.contains(&format!("value=\"{shown}\" aria-invalid")), "{}", page.text);
        }
    }
    assert_eq!(company.shown(&id)["updated_at"], "2027-01-15T08:01:00Z");

    company.server.set(120);
    post(&mut browser, &rename, &[("name", " Office ")]).leads_to(&format!("/projects#project-{id}"));
    assert!(browser.get("/projects").text.contains("role=\"status\">The new name is saved."));
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
    // the old name is free, and only that one
    assert_eq!(company.send("POST", "/projects", &json!({ "name": "Office" })).0, 409);
    company.project("Büro 東京");
}

#[test]
fn an_archived_project_has_no_key_that_works() {
    let (company, mut browser) = Company::new();
    let [web, other] = ["Web", "Other"].map(|name| company.project(name));
    let names: Vec<_> = (1..=7).map(|number| format!("key <{number}>")).collect();
    let keys: Vec<_> = names.iter().map(|name| company.key(&web, name, None)).collect();
    let ended = company.key(&web, "ended", Some("2027-01-15T08:00:01Z"));
    let kept = company.key(&other, "kept", None);
    company.server.set(60);
    assert_eq!(company.send("DELETE", &format!("/api-keys/{}", keys[0]), &json!({})).0, 204);
    let path = format!("/projects/{web}/archive");
    let question = browser.get(&path).text;
    let said = text(question.split("<dialog").nth(1).unwrap());
    for part in ["Archive “ Web ”?", "This revokes 6 keys :", "and 1 more", "This can't be undone."] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!(said.matches("key &#60;").count(), 5, "{said}");
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
    assert!(browser.get("/projects").text.contains(&format!("role=\"status\">{message}")));
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
    let line = |number: usize| {
        let name = format!("key &#60;{}&#62;", number + 1);
        [EMAIL.to_owned(), "revoked".to_owned(), keys[number].clone(), name]
    };
    log.sort_by(|one, other| one[3].cmp(&other[3]));
    assert_eq!(log, (1..7).map(line).collect::<Vec<_>>());

    // a second time changes nothing
    company.server.set(180);
    post(&mut browser, &path, &[]).leads_to(&format!("/projects#project-{web}"));
    browser.get(&path).leads_to(&format!("/projects#project-{web}"));
    assert_eq!((browser.audit_log().len(), company.shown(&web)), (lines + 7, shown));
}

/// The end of a key is the earlier one of its expiry and its overlap, and it has ended at that second.
#[test]
fn an_archived_project_revokes_the_keys_that_have_not_ended() {
    let (company, mut browser) = Company::new();
    let web = company.project("Web");
    let [before, now, soon, later] =
        [START - 1, START, START + 1, START + 60].map(|at| Some(UnixTime::from_secs(at)));
    // the beginning, the expiry, the end of the overlap and the revocation of each key, and its state afterwards
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
    let question = browser.get(&format!("/projects/{web}/archive")).text;
    assert!(text(&question).contains("This revokes 6 keys"), "{question}");
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
    for (status, answer) in [company.create(&web, "a key", None), rotated] {
        assert_eq!((status, &answer["error"]["message"]), (409, &json!(message)));
        assert_eq!([&answer["error"]["type"], &answer["error"]["code"]], ["conflict", "conflict"]);
    }
    let page = browser.create_with(&fields);
    assert_eq!(page.status, 409, "{}", page.text);
    assert!(page.text.contains("id=\"project-error\">This project was archived"), "{}", page.text);
    assert!(page.text.contains("value=\"a key\"") && !page.text.contains(&web), "{}", page.text);
    let form = [("form", dialog.field("form")), ("overlap", "0".to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page = post(&mut browser, &format!("/keys/{}/rotate", keys[0]), &form);
    assert_eq!((page.status, page.text.contains("The project is archived")), (409, true), "{}", page.text);
    let imported = company.import(&[(record(&web), "a key")]).unwrap_err();
    assert_eq!(imported.to_string(), format!("nothing was imported: line 1: {message}"));
    assert_eq!(browser.audit_log().len(), lines);

    // its keys can be read and deleted, and its name changed
    let list = browser.get(&format!("/keys?project={web}"));
    assert!(list.text.contains("selected dir=\"auto\">Web &#38; Co (archived)</option>"), "{}", list.text);
    assert_eq!(list.text.matches("class=\"name\" id=\"n-").count(), 2);
    assert_eq!(browser.get(&format!("/keys/{}", keys[0])).status, 200);
    browser.confirm(&keys[0], "delete", &[]).leads_to("/keys");
    assert_eq!(company.send("DELETE", &format!("/api-keys/{}?purge=true", keys[1]), &json!({})).0, 204);
    assert_eq!(post(&mut browser, &format!("/projects/{web}/rename"), &[("name", "Old")]).status, 303);
    company.project("Web & Co");
}

#[test]
fn the_last_project_can_be_archived_too() {
    let (company, mut browser) = Company::new();
    let options = |browser: &mut Browser| -> Vec<String> {
        let form = browser.get("/keys/new").text;
        let select = form.split("<select id=\"project\"").nth(1).unwrap().split("</select>").next().unwrap();
        select.split("<option").skip(1).map(|option| text(&format!("<option{option}"))).collect()
    };
    assert_eq!(options(&mut browser), ["Development", "New project…"]);
    let has_suggestions = |browser: &mut Browser| {
        let form = browser.get("/keys/new").text;
        let names = ["my-app production", "my-app staging", "my-app development"];
        form.contains("list=\"environments\"")
            && form.contains("aria-describedby=\"environment-hint\"")
            && names.iter().all(|name| form.contains(&format!("<option value=\"{name}\">")))
    };
    assert!(has_suggestions(&mut browser));
    let development = company.send("GET", "/projects", &json!({})).1[0]["id"].as_str().unwrap().to_owned();
    let second = company.project("my-app production");
    assert!(!has_suggestions(&mut browser), "the company has its own projects");
    for project in [&development, &second] {
        post(&mut browser, &format!("/projects/{project}/archive"), &[]);
    }
    assert_eq!(options(&mut browser), ["New project…"]);
    let form = browser.get("/keys/new").text;
    assert!(form.contains("<option value=\"new\" selected>") && !form.contains("Only with “New project…”"));
    browser.create("in a new project");
    assert_eq!(options(&mut browser), ["project of in a new project", "New project…"]);
}

/// A change of a project's keys that another transaction may meet.
#[derive(Clone, Copy, Debug)]
enum Making {
    Create,
    Rotate,
    Import,
}

const MAKINGS: [Making; 3] = [Making::Create, Making::Rotate, Making::Import];

/// A project with a key, in a database that several connections change at once.
struct Race {
    database: Database,
    company: CompanyId,
    project: ProjectId,
    key: ctx_key::KeyId,
    now: UnixTime,
}

impl Race {
    fn new(company: &Company, making: Making) -> Self {
        let project = company.project(&format!("{making:?}"));
        Self {
            database: company.server.database(),
            key: company.key(&project, "rotated", None).parse().unwrap(),
            company: CompanyId::parse(&company.id).unwrap(),
            project: ProjectId::parse(&project).unwrap(),
            now: company.server.now(),
        }
    }

    fn act(&self) -> Act<'_> {
        Act { company: &self.company, actor: Actor::Operator, now: self.now, address: None }
    }

    /// Makes a key in a transaction, and commits it when `gate` opens.
    async fn make(&self, making: Making, gate: Receiver<()>) -> Result<(), String> {
        if let Making::Import = making {
            let (record, project) = (record(self.project.as_str()), gate);
            let lines =
                BufReader::new(Gated { text: line(&record, "made").into_bytes(), gate: Some(project) });
            return import(&self.database, lines, self.now)
                .await
                .map(drop)
                .map_err(|error| error.to_string());
        }
        let mut transaction = self.database.begin_without_limits().await.unwrap();
        let made = if let Making::Create = making {
            let new = NewKey {
                name: Name::parse("made").unwrap(),
                project: ProjectChoice::Existing(self.project.clone()),
                scopes: Scope::MEMORIES_READ,
                expires_at: None,
                idempotency_key: None,
            };
            api_key::create(&mut transaction, self.act(), &new).await.map(drop)
        } else {
            let rotation = Rotation { overlap: 3600, expires_at: None, idempotency_key: None };
            api_key::rotate(&mut transaction, self.act(), self.key, &rotation).await.map(drop)
        };
        made.map_err(|error| error.to_string())?;
        let _ = gate.recv();
        transaction.commit().await.unwrap();
        Ok(())
    }

    /// Archives the project, and commits it when `gate` opens.
    async fn archive(&self, gate: Receiver<()>) {
        let mut transaction = self.database.begin_without_limits().await.unwrap();
        archive(&mut transaction, self.act(), &self.project).await.unwrap();
        let _ = gate.recv();
        transaction.commit().await.unwrap();
    }
}

/// Lines that end when a gate opens.
struct Gated {
    text: Vec<u8>,
    gate: Option<Receiver<()>>,
}

impl Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.is_empty() {
            let _ = self.gate.take().map(|gate| gate.recv());
            return Ok(0);
        }
        let length = self.text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.text[..length]);
        self.text.drain(..length);
        Ok(length)
    }
}

/// Runs a future on a thread of its own, which may wait.
fn run<T: Send>(future: impl Future<Output = T> + Send) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Time in which the second transaction comes to its wait for the first one. Less finds less, and fails nothing.
const HEAD_START: Duration = Duration::from_millis(400);

#[test]
fn a_key_that_is_made_while_its_project_is_archived_does_not_survive() {
    let (company, _browser) = Company::new();
    for making in MAKINGS {
        let race = Race::new(&company, making);
        let ((open_first, first), (open_second, second)) = (channel(), channel());
        let race = &race;
        thread::scope(|scope| {
            let made = scope.spawn(move || run(race.make(making, first)));
            thread::sleep(HEAD_START);
            let archived = scope.spawn(move || run(race.archive(second)));
            open_second.send(()).unwrap();
            thread::sleep(HEAD_START);
            open_first.send(()).unwrap();
            assert_eq!(made.join().unwrap(), Ok(()), "{making:?}");
            archived.join().unwrap();
        });
        let (_, keys) = company.send("GET", "/api-keys", &json!({}));
        let keys = keys.as_array().unwrap();
        let of_project = keys.iter().filter(|key| key["project_id"] == race.project.as_str());
        let states: Vec<_> = of_project.map(|key| key["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["revoked", "revoked"], "{making:?}");
    }
}

#[test]
fn no_key_is_made_in_a_project_that_is_being_archived() {
    let (company, _browser) = Company::new();
    for making in MAKINGS {
        let race = Race::new(&company, making);
        let ((open_first, first), (open_second, second)) = (channel(), channel());
        let race = &race;
        thread::scope(|scope| {
            let archived = scope.spawn(move || run(race.archive(first)));
            thread::sleep(HEAD_START);
            let made = scope.spawn(move || run(race.make(making, second)));
            open_second.send(()).unwrap();
            thread::sleep(HEAD_START);
            open_first.send(()).unwrap();
            archived.join().unwrap();
            let refused = made.join().unwrap().expect_err("the project is archived");
            assert!(refused.ends_with(&StoreError::Archived.to_string()), "{making:?}: {refused}");
        });
    }
}

#[test]
fn two_projects_do_not_get_one_name_at_the_same_time() {
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

#[test]
fn a_key_of_an_archived_project_is_refused_at_once_here_and_soon_elsewhere() {
    let fixture = trouble::Fixture::new();
    let keys: Vec<_> = (0..3).map(|_| fixture.key()).collect();
    let (_, other) = fixture.server.key(&fixture.token, &fixture.company, &["memories:read"]);
    let neighbour = match &fixture.data.database_url {
        Some(url) => common::Server::start(&trouble::second(url.clone())),
        None => common::Server::start(&fixture.data),
    };
    for key in &keys {
        trouble::wait_for_cache(&fixture.server, key);
        trouble::wait_for_cache(&neighbour, key);
    }
    let mut browser = Browser::new(&fixture.server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    post(&mut browser, &format!("/projects/{}/archive", fixture.project), &[]);
    for key in &keys {
        assert_eq!(trouble::status(&fixture.server, key), 401);
    }
    for key in &keys {
        trouble::assert_changes_within(trouble::LEASE, [200, 401], || trouble::status(&neighbour, key));
    }
    assert_eq!(trouble::status(&fixture.server, &other), 200);
}

#[test]
fn keys_that_programs_make_while_a_project_is_archived_are_all_refused() {
    let fixture = trouble::Fixture::new();
    let first = fixture.key();
    let mut browser = Browser::new(&fixture.server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let create = || {
        let body = json!({ "project_id": fixture.project, "name": "a key", "scopes": ["memories:read"] });
        fixture.server.send("POST", &fixture.keys_path(), Some(&fixture.token), Some(&body))
    };
    let rotate = |key: &str| {
        let path = format!("{}/{}/rotate", fixture.keys_path(), trouble::id(key));
        fixture.server.send("POST", &path, Some(&fixture.token), Some(&json!({ "overlap_seconds": 3600 })))
    };
    // until the project is archived
    let make = |rotates: bool| {
        let mut made = Vec::new();
        loop {
            let (status, key) = if rotates { rotate(&first) } else { create() };
            match status {
                201 => made.push(key["api_key"].as_str().unwrap().to_owned()),
                503 => {}
                _ => return (status, made),
            }
        }
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let makers: Vec<_> =
            [true, false, false].map(|rotates| scope.spawn(move || make(rotates))).into_iter().collect();
        thread::sleep(HEAD_START);
        let path = format!("/projects/{}/archive", fixture.project);
        common::wait(|| post(&mut browser, &path, &[]).status == 303);
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    let keys: Vec<_> = answers.iter().flat_map(|(_, keys)| keys).chain([&first]).collect();
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [409; 3]);
    assert!(keys.len() > 3, "{} keys", keys.len());
    for key in keys {
        assert_eq!(trouble::status(&fixture.server, key), 401);
    }
}

#[test]
fn only_the_owner_reaches_a_project() {
    let (company, mut owner) = Company::new();
    let project = company.project("the owner's project");
    let key = company.key(&project, "the owner's key", None);
    let mut eve = company.server.set_up_as("eve@example.com");
    let eve_token = company.server.log_in_as("eve@example.com")["access_token"].as_str().unwrap().to_owned();
    let unknown = ProjectId::generate().to_string();
    let changes = |id: &str| {
        [
            ("/projects".to_owned(), vec![("name", "forged")]),
            (format!("/projects/{id}/rename"), vec![("name", "forged")]),
            (format!("/projects/{id}/archive"), vec![]),
        ]
    };
    let owner_token = owner.get("/projects").field("form_token");
    let before = (company.shown(&project), owner.audit_log(), rows(&owner.get("/projects")));
    let send = |browser: &mut Browser, path: &str, fields: &[(&str, &str)], token: Option<&str>| {
        let token = token.map(|token| ("form_token", token));
        let fields: Vec<_> = fields.iter().copied().chain(token).collect();
        browser.post(path, &fields)
    };

    // another account, with its own form token
    let token = eve.get("/projects").field("form_token");
    for id in [project.as_str(), &unknown, "no-id", "%FF"] {
        for (path, fields) in &changes(id)[1..] {
            assert_eq!(eve.get(path).status, 404, "{path}");
            assert_eq!(send(&mut eve, path, fields, Some(&token)).status, 404, "{path}");
        }
    }
    let page = eve.get("/projects").text;
    assert!(!page.contains(&project) && !page.contains("the owner"), "{page}");
    let page = eve.get(&format!("/keys?project={project}")).text;
    assert!(!page.contains(&project) && !page.contains("the owner"), "{page}");

    // a page of another site, or of another session
    for (path, fields) in changes(&project) {
        for wrong in [None, Some(""), Some(token.as_str()), Some(&owner_token[1..])] {
            assert_eq!(send(&mut owner, &path, &fields, wrong).status, 403, "{path} {wrong:?}");
        }
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            owner.headers = vec![(name, value.to_owned())];
            assert_eq!(send(&mut owner, &path, &fields, Some(&owner_token)).status, 403, "{path} {value}");
        }
        owner.headers.clear();
        let mut other = Browser { content_type: "application/json", ..owner.clone() };
        assert_eq!(send(&mut other, &path, &fields, Some(&owner_token)).status, 415, "{path}");
    }

    // nobody, a key and the token of a program: a page has sessions only
    let sign_in_to = |path: &str| format!("/sign-in?next={}", path.replace('/', "%2F"));
    let whole_key = company.create(&project, "whole", None).1["api_key"].as_str().unwrap().to_owned();
    for bearer in [None, Some(&whole_key), Some(&company.token), Some(&eve_token)] {
        let mut stranger = Browser::at(&company.server.url);
        stranger.headers.extend(bearer.map(|bearer| ("authorization", format!("Bearer {bearer}"))));
        for path in ["/projects", "/projects/new"] {
            stranger.get(path).leads_to(&sign_in_to(path));
        }
        for path in ["/keys/no-id", "/projects/no-id/rename", "/projects/no-id/archive"] {
            send(&mut stranger, path, &[], Some(&owner_token)).leads_to("/sign-in");
        }
        for (path, fields) in changes(&project) {
            if path != "/projects" {
                stranger.get(&path).leads_to(&sign_in_to(&path));
            }
            send(&mut stranger, &path, &fields, Some(&owner_token)).leads_to("/sign-in");
        }
    }
    let mut after = (company.shown(&project), owner.audit_log(), rows(&owner.get("/projects")));
    assert_eq!(after.1.pop().unwrap()[1], "created", "of the whole key");
    after.2[1] = after.2[1].replace(" 2 2 ", " 1 1 ");
    assert_eq!(after, before);
    assert_eq!(company.states(&[&key]), ["active"]);
}

#[test]
fn forms_of_keys_and_projects_survive_the_end_of_a_session() {
    let (company, mut browser) = Company::new();
    company.server.set_up_as("eve@example.com");
    let project = company.project("before");
    let key = company.key(&project, "before", None);
    let secret = ApiKey::generate();
    let account = browser.get("/keys/new").field("account");
    let key_page = format!("/keys/{key}");
    let rename_page = format!("/projects/{project}/rename");
    let names = ["東京; \"all\" & more", secret.expose_secret()];
    for (path, page, is_of_company) in [
        (key_page.as_str(), key_page.as_str(), true),
        ("/projects", "/projects/new", false),
        (&rename_page, &rename_page, true),
    ] {
        assert_eq!(browser.get(page).field("account"), account, "{page}");
        for name in names {
            let fields = [("account", account.as_str()), ("name", name), ("scopes", "users:write")];
            let sent = |browser: &mut Browser| browser.post(path, &fields).leads_to("/sign-in");
            let mut own = Browser::at(&company.server.url);
            sent(&mut own);
            let kept = own.cookies.values().any(|value| value.contains(&secret.expose_secret()[16..]));
            assert!(!kept, "{:?}", own.cookies);
            own.sign_in(EMAIL, PASSWORD).leads_to(page);
            let form = own.get(page);
            let shown = if name == names[0] { "東京; &#34;all&#34; &#38; more" } else { "" };
            assert!(form.text.contains(&format!("dir=\"auto\" value=\"{shown}\"")), "{}", form.text);
            if page == key_page {
                assert_eq!(form.text.matches(" checked").count(), 1);
                assert!(form.text.contains("value=\"users:write\" checked"), "{}", form.text);
            }
            if page != key_page && name == names[0] {
                assert!(form.text.contains(" data-filled>"), "Escape asks: {}", form.text);
            }
            let again = own.get(page).text;
            assert!(!again.contains("東京"), "{page}: it is filled in once");
            assert!(!again.contains("data-filled"), "{page}: Escape does not ask");
            // another account neither sees it nor is led to what it does not have
            let mut other = Browser::at(&company.server.url);
            sent(&mut other);
            other.sign_in("eve@example.com", PASSWORD).leads_to(if is_of_company { "/keys" } else { page });
            assert!(!other.get("/projects/new").text.contains("東京"));
        }
    }
    assert_eq!(company.shown(&project)["name"], "before");
    // a form that fits no page leads to none
    let mut own = Browser::at(&company.server.url);
    own.cookies.insert("ctx-key-draft".to_owned(), r#"[["path","//evil/new"]]"#.to_owned());
    own.sign_in(EMAIL, PASSWORD).leads_to("/keys");
}

#[test]
fn a_rotation_with_a_mistake_gets_its_form_back() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let key = company.key(&project, "a key", None);
    let path = format!("/keys/{key}/rotate?state=active");
    let dialog = browser.get(&path);
    let form = dialog.field("form");
    assert_eq!(dialog.text.matches(" checked autofocus").count(), 1);
    let back = format!("action=\"/keys/{key}/rotate?state=active#key-{key}\"");
    for (fields, wrong, message, checked) in [
        (&[("overlap", "5"), ("expires", "90")][..], "overlap", "Choose when the old key ends.", None),
        (&[("expires", "90")], "overlap", "Choose when the old key ends.", None),
        (
            &[("overlap", "0"), ("expires", "date"), ("expires_on", "2027-01-14")],
            "expires_on",
            "Choose a day from today on, up to the year 9999.",
            Some("0"),
        ),
        (
            &[("overlap", "3600"), ("expires", "31")],
            "expires",
            "Choose when the new key expires.",
            Some("3600"),
        ),
    ] {
        let fields = [&[("form", form.as_str())], fields].concat();
        let page = post(&mut browser, &path, &fields);
        assert_eq!(page.status, 400, "{}", page.text);
        let error = format!("<span class=\"error\" id=\"{wrong}-error\">{message}</span>");
        assert!(page.text.contains(&error), "{error} in {}", page.text);
        assert!(page.text.contains(&format!("<a href=\"#{wrong}\">{message}</a>")), "{}", page.text);
        assert!(page.text.contains(&format!("aria-describedby=\"{wrong}-error")), "{}", page.text);
        assert!(page.text.contains("aria-invalid=\"true\""), "{}", page.text);
        assert_eq!(page.text.matches(" autofocus").count(), 1, "{}", page.text);
        let checked = checked.map(|value| format!("value=\"{value}\" checked"));
        assert_eq!(page.text.matches(" checked").count(), usize::from(checked.is_some()), "{}", page.text);
        assert!(checked.is_none_or(|checked| page.text.contains(&checked)), "{}", page.text);
        let chosen = fields.iter().find(|(name, _)| *name == "expires").unwrap().1;
        assert_eq!(
            page.text.contains(&format!("<option value=\"{chosen}\" selected>")),
            chosen != "31",
            "{}",
            page.text
        );
        assert!(page.text.contains("value=\"2027-01-14\"") || chosen != "date", "{}", page.text);
        assert!(page.text.contains(&back), "{back} in {}", page.text);
        assert_eq!(page.field("form"), form, "the same form");
    }
    assert_eq!(browser.count_keys(), 1);
    let fields = [("form", form.as_str()), ("overlap", "0")];
    assert_eq!(post(&mut browser, &path, &fields).status, 200, "the form is good still");
    assert_eq!(company.states(&[&key]), ["retired"]);
}

#[test]
fn fields_name_their_purpose_and_their_errors() {
    let (company, mut browser) = Company::new();
    let inputs = |page: &Answer| -> Vec<String> {
        let tags = page.text.split("<input ").skip(1).map(|tag| tag.split('>').next().unwrap());
        tags.filter(|tag| !tag.contains("type=\"hidden\"")).map(str::to_owned).collect()
    };
    let has = |tag: &str, parts: &[&str]| parts.iter().all(|part| tag.contains(part));
    let mut stranger = Browser::at(&company.server.url);
    let link = company.server.set_up_link();
    let pages = [
        (stranger.get("/sign-in"), ["username", "current-password"]),
        (stranger.get(&link), ["username", "new-password"]),
    ];
    for (page, expected) in &pages {
        for (tag, purpose) in inputs(page).iter().zip(expected) {
            assert!(tag.contains(&format!("autocomplete=\"{purpose}\"")), "{tag}");
            assert_eq!(tag.ends_with(" autofocus"), *purpose == "username", "{tag}");
        }
    }
    let own = inputs(&browser.get("/account/password"));
    assert!(has(&own[0], &["autocomplete=\"username\"", " readonly ", &format!("value=\"{EMAIL}\"")]));
    assert!(has(&own[1], &["autocomplete=\"current-password\"", " autofocus"]), "{own:?}");
    assert!(has(&own[2], &["autocomplete=\"new-password\""]), "{own:?}");

    for (email, wrong) in [(EMAIL, 1), ("", 0)] {
        let page = stranger.sign_in(email, "another long password");
        assert_eq!(page.status, 401);
        let field = ["email", "password"][wrong];
        for (number, tag) in inputs(&page).iter().enumerate() {
            let is_marked = has(
                tag,
                &["aria-invalid=\"true\"", &format!("aria-describedby=\"{field}-error\""), " autofocus"],
            );
            assert_eq!(is_marked, number == wrong, "{tag}");
            assert_eq!(tag.contains("aria-invalid"), number == wrong, "{tag}");
        }
        let message = "The e-mail address or the password is wrong.";
        assert!(page.text.contains(&format!("id=\"{field}-error\">{message}")), "{}", page.text);
    }
}

/// A form of which some fields are wrong: each of them is marked, and the first one alone has the focus.
#[test]
fn the_first_of_several_mistakes_has_the_focus() {
    let (company, mut browser) = Company::new();
    let project = company.project("a project");
    let key = company.key(&project, "a key", None);
    let link = company.server.set_up_link();
    let link = link.split("link=").nth(1).unwrap();
    let form = browser.get("/keys/new").field("form");
    let hidden = [("form", form.as_str()), ("link", link)];
    let [rotate, page] = [format!("/keys/{key}/rotate"), format!("/keys/{key}")];
    // the fields in their order, each with a valid value
    for (path, fields) in [
        (
            "/keys",
            &[("name", "new"), ("project", project.as_str()), ("scopes", "users:read"), ("expires", "30")][..],
        ),
        (page.as_str(), &[("name", "new"), ("scopes", "users:read")]),
        (rotate.as_str(), &[("overlap", "0"), ("expires", "30")]),
        ("/tokens", &[("name", "new"), ("expires", "30")]),
        (
            "/set-up",
            &[("email", "eve@example.com"), ("password", "another long password"), ("company", "Eve")],
        ),
    ] {
        // each set of fields that are wrong
        for set in 1..1 << fields.len() {
            let is_wrong = |place: usize| set & (1 << place) != 0;
            let mut sent = hidden.to_vec();
            let mut wrong = Vec::new();
            for (place, field) in fields.iter().enumerate() {
                match field {
                    (name, _) if is_wrong(place) => wrong.push(*name),
                    field => sent.push(*field),
                }
            }
            // without it, a successor expires as its key does
            sent.extend(wrong.contains(&"expires").then_some(("expires", "soon")));
            let answer = post(&mut browser, path, &sent);
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            let named = |part: &str| {
                let tags = answer.text.split('<').map(|tag| tag.split('>').next().unwrap());
                let names = tags.filter(|tag| tag.contains(part)).map(|tag| {
                    tag.split(" name=\"").nth(1).and_then(|name| name.split('"').next()).unwrap_or(tag)
                });
                names.collect::<Vec<_>>()
            };
            let mut marked = named(" aria-invalid=\"true\"");
            marked.dedup();
            assert_eq!((marked, named(" autofocus")), (wrong.clone(), vec![wrong[0]]), "{path}");
        }
    }
}

#[test]
fn no_page_of_a_large_company_exceeds_100_kib() {
    let (company, mut browser) = Company::new();
    // 400 bytes, or 500 in HTML
    let name = |number: usize| {
        let character = ["鍵", "\u{1f512}", "&", "ї", "ح", "क"][number % 6];
        format!("{}{number:03}", character.repeat(97))
    };
    let projects: Vec<_> = (0..30).map(|number| company.project(&name(number))).collect();
    let records: Vec<_> = (0..1_000)
        .map(|number| {
            let mut record = record(&projects[number % 30]);
            record.scopes = Scope::all();
            record.expires_at = Some(UnixTime::from_secs(1_900_000_000));
            (record, name(number % 6))
        })
        .collect();
    let records: Vec<_> = records.iter().map(|(record, name)| (record.clone(), name.as_str())).collect();
    assert_eq!(company.import(&records).unwrap(), 1_000);
    company.server.set(DAY / 4);
    let key = records[0].0.id;
    let (project, searched) = (&projects[1], "\u{1f512}".repeat(97));
    let searched: String = form_urlencoded::byte_serialize(searched.as_bytes()).collect();
    let page = |browser: &mut Browser, path: &str| {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.len() < 100 * 1024, "{path} has {} bytes", page.text.len());
        page
    };
    for path in [
        "/keys",
        "/keys?page=20",
        &format!("/keys?q={searched}&state=active&scope=users:read&project={project}"),
        "/keys/new",
        &format!("/keys/{key}"),
        &format!("/keys/{key}/rotate?q={searched}"),
        "/projects",
        &format!("/projects?q={searched}&state=active"),
        "/projects/new",
        &format!("/projects/{project}/rename?q={searched}"),
        &format!("/projects/{project}/archive?q={searched}"),
        "/audit",
    ] {
        page(&mut browser, path);
    }
    // 50 rows with long names, and a long text in each address
    for number in 30..80 {
        company.project(&name(6 * number + 1));
    }
    for path in ["/projects", &format!("/projects?q={searched}&state=active")] {
        let list = page(&mut browser, path);
        assert_eq!(rows(&list).len(), 50);
    }
    // all in one transaction
    assert_eq!(post(&mut browser, &format!("/projects/{project}/archive"), &[]).status, 303);
    let log = browser.audit_log();
    let actions: Vec<_> = log[log.len() - 35..].iter().map(|[_, action, ..]| action.as_str()).collect();
    assert_eq!(actions, [&["revoked"; 34][..], &["archived project"]].concat());
    page(&mut browser, "/audit");
}
