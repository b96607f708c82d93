//! Keys, projects and tokens are found only by their own company.

use serde_json::json;

use crate::common::EVE;
use crate::{Keys, first_project};

#[test]
fn what_belongs_to_another_account_is_not_found() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let eve = keys.server.account(EVE);
    let own = first_project(&keys.server, &eve);
    let body = |project: &str| json!({ "project_id": project, "name": "a key", "scopes": ["memories:read"] });
    let (_, token) = keys.server.send(
        "POST",
        &format!("/companies/{}/tokens", keys.account.company),
        &keys.account.token,
        &json!({ "name": "ci" }),
    );
    let token = format!("/tokens/{}", token["id"].as_str().unwrap());
    let logged = keys.log();
    for company in [&keys.account.company, &eve.company] {
        let of_company = |path: &str| format!("/companies/{company}{path}");
        let key = format!("/api-keys{path}");
        let requests = [
            ("GET", key.clone(), json!({})),
            ("PATCH", key.clone(), json!({ "name": "hers" })),
            ("POST", format!("{key}/rotate"), json!({ "overlap_seconds": 0 })),
            ("DELETE", key.clone(), json!({})),
            ("DELETE", format!("{key}?purge=true"), json!({})),
            ("POST", "/api-keys".to_owned(), body(&keys.project)),
            ("DELETE", token.clone(), json!({})),
        ];
        for (method, path, body) in requests {
            let (status, answer) = keys.server.send(method, &of_company(&path), &eve.token, &body);
            assert_eq!(status, 404, "{method} {path}: {answer}");
        }
    }
    // a company is found by its whole id and its slug, as they are written
    let (_, own_companies) = keys.server.send("GET", "/companies", &keys.account.token, &json!({}));
    let [id, slug] = ["id", "slug"].map(|field| own_companies[0][field].as_str().unwrap());
    for (company, status) in [
        (id, 200),
        (slug, 200),
        (&id[..id.len() - 1], 404),
        (&slug[..slug.len() - 1], 404),
        (&id.to_uppercase(), 404),
        (&slug.to_uppercase(), 404),
        ("org", 404),
    ] {
        let path = format!("/companies/{company}/projects");
        assert_eq!(keys.server.send("GET", &path, &keys.account.token, &json!({})).0, status, "{path}");
    }
    for path in ["/api-keys", "/projects", "/tokens", "/api-keys?limit=1"] {
        let path = format!("/companies/{}{path}", keys.account.company);
        assert_eq!(keys.server.send("GET", &path, &eve.token, &json!({})).0, 404, "{path}");
        let named = json!({ "name": "hers" });
        let body = if path.contains("api-keys") { body(&own) } else { named };
        assert_eq!(
            keys.server.send("POST", path.split('?').next().unwrap(), &eve.token, &body).0,
            404,
            "{path}"
        );
    }
    assert_eq!(keys.use_key(&key, "/v1/key").0, 200);
    assert_eq!(keys.log(), logged);
    let (_, companies) = keys.server.send("GET", "/companies", &eve.token, &json!({}));
    let expected =
        json!([{ "id": eve.company, "name": "eve@example.com", "slug": "eve-example-com", "role": "owner" }]);
    assert_eq!(companies, expected);
}

#[test]
fn a_project_has_the_fields_of_the_platform() {
    let keys = Keys::new();
    let path = format!("/companies/{}/projects", keys.account.company);
    keys.server.set(7);
    for (name, slug) in [("Büro – Web 2", Some("b-ro-web-2")), ("東京", None)] {
        let body = json!({ "name": name, "slug": "other", "metadata": { "a": 1 }, "unknown": true });
        let (status, made) = keys.server.send("POST", &path, &keys.account.token, &body);
        let id = made["id"].as_str().unwrap_or_default();
        let expected = json!({
            "id": id,
            "company_id": keys.account.company,
            "name": name,
            "slug": slug.unwrap_or(id),
            "is_active": true,
            "metadata": {},
            "created_at": "2027-01-15T08:00:07Z",
            "updated_at": "2027-01-15T08:00:07Z",
        });
        assert_eq!((status, &made), (201, &expected));
        let (_, list) = keys.server.send("GET", &path, &keys.account.token, &json!({}));
        assert!(list.as_array().unwrap().contains(&expected), "{list}");
    }
}
