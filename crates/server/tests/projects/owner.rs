//! A project is for its owner, with a session and a form of the dashboard.

use ctx_key_server::store::id::ProjectId;

use crate::common::browser::Browser;
use crate::common::company::Company;
use crate::common::{EVE, text};
use crate::rows;

#[test]
fn only_the_owner_reaches_a_project() {
    let (company, mut owner) = Company::new();
    let project = company.project("the owner's project");
    let key = company.key(&project, "the owner's key", None);
    let mut eve = company.server.set_up_as(EVE);
    let eve_token = text(&company.server.log_in_as(EVE)["access_token"]);
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

    // no credential, a key and the token of a program: pages accept sessions only
    let sign_in_to = |path: &str| format!("/sign-in?next={}", path.replace('/', "%2F"));
    let whole_key = text(&company.create(&project, "whole", &["memories:read"], None).1["api_key"]);
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
