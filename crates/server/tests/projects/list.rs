//! The list of projects: its keys, its filters, its pages and its size.

use ctx_key::{ApiKey, Scope, UnixTime};
use serde_json::json;

use crate::common::browser::Browser;
use crate::common::company::{Company, record};
use crate::common::timed::{DAY, HOUR};
use crate::{post, rows};

#[test]
fn projects_are_listed_with_their_keys() {
    let (company, mut browser) = Company::new();
    let [web, batch, _] = ["Web & Co", "Пакет", "Straße ΟΔΟΣ"].map(|name| company.project(name));
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
    assert_eq!(
        list(&mut browser, ""),
        [
            "Development 0 0 just now Active",
            "Straße ΟΔΟΣ 0 0 just now Active",
            "Web & Co 5 6 just now Active",
            "Пакет 0 0 just now Active",
        ]
    );
    company.server.set(HOUR);
    assert_eq!(company.states(&[&expiring, &rotated]), ["expired", "retired"]);
    let web_row = "Web & Co 3 6 1 hour ago Active";
    assert_eq!(list(&mut browser, "?q=web")[..], [web_row]);
    post(&mut browser, &format!("/projects/{batch}/archive"), &[])
        .leads_to(&format!("/projects#project-{batch}"));
    for (query, expected) in [
        ("?q=ПАК", &["Пакет 0 0 1 hour ago Archived just now"][..]),
        ("?state=archived", &["Пакет 0 0 1 hour ago Archived just now"]),
        ("?state=active&q=+%26+", &[web_row]),
        ("?q=STRASSE", &["Straße ΟΔΟΣ 0 0 1 hour ago Active"]),
        ("?q=οδοσ", &["Straße ΟΔΟΣ 0 0 1 hour ago Active"]),
        ("?q=%25", &[]),
        ("?state=other&page=x&q=DEV", &["Development 0 0 1 hour ago Active"]),
    ] {
        assert_eq!(list(&mut browser, query), expected, "{query}");
    }
    let page = browser.get("/projects");
    page.assert_has(&format!("a.name[href=\"/keys?project={web}\"]"));
    assert_eq!(browser.get(&format!("/keys?project={web}")).count("a.name"), 6);
    assert!(!page.text.contains(&format!("/projects/{batch}/archive")), "the project is archived already");
    assert_eq!(browser.get("/projects?q=%3Cb%3E").text_of(".empty h2"), "No project matches");
    let filtered = browser.get("/projects?q=%D0%BF%D0%B0%D0%BA&state=archived");
    let chosen = filtered.attributes("#state option[selected]", "value");
    assert_eq!((filtered.field("q").as_str(), chosen), ("пак", vec!["archived".to_owned()]));
    for (query, is_filtered) in [("", false), ("?q=web", true), ("?state=active", true)] {
        let page = browser.get(&format!("/projects{query}"));
        assert_eq!(page.has("a.button[href=\"/projects\"]"), is_filtered, "{query}");
    }
    let key = ApiKey::generate();
    browser
        .get(&format!("/projects?q={}&state=active", key.expose_secret()))
        .leads_to(&format!("/projects?q=ctx_{}***&state=active", key.id()));
    // the archived ones are sorted by name, whichever was archived first
    company.server.set(2 * HOUR);
    post(&mut browser, &format!("/projects/{web}/archive"), &[])
        .leads_to(&format!("/projects#project-{web}"));
    assert_eq!(
        list(&mut browser, "?state=archived"),
        ["Web & Co 0 6 2 hours ago Archived just now", "Пакет 0 0 2 hours ago Archived 1 hour ago"]
    );
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
        assert_eq!(page.text_of(".pager p"), words);
    }
    // a change leads back to the page of the project, even if the project is the first one there
    post(&mut browser, &format!("/projects/{}/rename", ids[50]), &[("name", "P050b")])
        .leads_to(&format!("/projects?page=2#project-{}", ids[50]));
    let page = browser.get("/projects?page=2&q=p0&state=active");
    page.assert_has(&format!("a[href=\"/projects/{}/rename?q=p0&state=active&page=2\"]", ids[60]));
    // a dialog leads back to its part of the list
    let dialog = browser.get(&format!("/projects/{}/rename?q=p0&state=active&page=2", ids[60]));
    let cancel = format!("/projects?q=p0&state=active&page=2#project-{}", ids[60]);
    assert_eq!(dialog.attribute("[data-cancel]", "href"), cancel);
    let path = format!("/projects/{}/rename?q=p0&state=active&page=2", ids[60]);
    let renamed = post(&mut browser, &path, &[("name", "P0")]);
    renamed.leads_to(&format!("/projects?q=p0&state=active#project-{}", ids[60]));
    // a project that leaves the list does not change its page
    let path = format!("/projects/{}/archive?q=p0&state=active&page=2", ids[61]);
    post(&mut browser, &path, &[]).leads_to("/projects?q=p0&state=active&page=2");
}

/// Each row has two links. Together, the links of a page repeat at most 12,000 bytes of a filter.
#[test]
fn the_links_of_a_page_repeat_no_long_text() {
    let (company, mut browser) = Company::new();
    let project = company.project(&"ї".repeat(30));
    for (length, is_kept) in [(19, true), (30, false)] {
        let query = format!("?q={}", "%D1%97".repeat(length));
        let list = browser.get(&format!("/projects{query}"));
        assert_eq!(rows(&list).len(), 1, "{length}");
        let back = if is_kept { query.as_str() } else { "" };
        for action in ["rename", "archive"] {
            list.assert_has(&format!("a[href=\"/projects/{project}/{action}{back}\"]"));
        }
    }
}

/// Maximum number of projects for which the README promises pages of less than 100 KiB. The list of keys and the form for a
/// new key have all projects.
const MAX_PROJECTS: usize = 30;

#[test]
fn no_page_of_a_large_company_exceeds_100_kib() {
    let (company, mut browser) = Company::new();
    // 400 bytes, or 500 in HTML
    let name = |number: usize| {
        let character = ["鍵", "\u{1f512}", "&", "ї", "ح", "क"][number % 6];
        format!("{}{number:03}", character.repeat(97))
    };
    // 100 characters, each of which has 5 bytes in HTML
    let longest = |number: usize| {
        let last = [25, 5, 1].map(|place| ["&", "<", ">", "\"", "'"][number / place % 5]).concat();
        format!("{}{last}", "&".repeat(97))
    };
    let first = company.send("GET", "/projects", &json!({})).1[0]["id"].as_str().unwrap().to_owned();
    let renamed = post(&mut browser, &format!("/projects/{first}/rename"), &[("name", &longest(0))]);
    renamed.leads_to(&format!("/projects#project-{first}"));
    let mut projects = vec![first];
    projects.extend((1..MAX_PROJECTS).map(|number| company.project(&longest(number))));
    let records: Vec<_> = (0..1_000)
        .map(|number| {
            let mut record = record(&projects[number % MAX_PROJECTS]);
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
    // the project and its 34 keys change in one transaction
    assert_eq!(post(&mut browser, &format!("/projects/{project}/archive"), &[]).status, 303);
    let log = browser.audit_log();
    let actions: Vec<_> = log[log.len() - 35..].iter().map(|[_, action, ..]| action.as_str()).collect();
    assert_eq!(actions, [&["revoked"; 34][..], &["archived project"]].concat());
    page(&mut browser, "/audit");
}
