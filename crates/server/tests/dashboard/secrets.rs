//! Secrets and markup stay out of every page.

use std::fs;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, PASSWORD, Server, id, status, text};
use crate::signed_in;

#[test]
fn a_secret_is_in_no_page_log_or_database() {
    let data = Data::new();
    let log = NamedTempFile::new().unwrap();
    let mut command = data.command(&[]);
    command.env("RUST_LOG", "debug").stderr(log.reopen().unwrap());
    let server = Server::run(&data, command);
    let link = server.set_up_link.clone().unwrap();
    let mut browser = Browser::new(&server);
    browser.set_up(&link, EMAIL).leads_to("/keys");
    let session = browser.session().to_owned();
    let first = browser.create("a key");
    let second = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]).new_key();
    assert_eq!([status(&server, &first), status(&server, &second)], [200, 200]);
    let (page, dialog) = (format!("/keys/{}", id(&first)), format!("/keys/{}/rotate", id(&first)));
    for path in ["/keys", "/audit", "/keys/new", &page, &dialog] {
        let page = browser.get(path).text;
        for key in [&first, &second] {
            assert!(!page.contains(&key[16..]), "{path}");
        }
    }
    let link = link.split("link=").nth(1).unwrap().to_owned();
    let secrets = [&first[16..], &second[16..], &session, &link, PASSWORD];
    server.stop();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "it was read: {log}");
    let mut stored = dump(&data);
    assert!(stored.windows(12).any(|part| part == id(&first).as_bytes()), "the database was read");
    stored.extend_from_slice(log.as_bytes());
    for secret in secrets {
        let found = stored.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "a secret that begins with {}", &secret[..4]);
    }
}

/// Returns everything that the server has stored.
fn dump(data: &Data) -> Vec<u8> {
    let Some(url) = &data.database_url else {
        let files = fs::read_dir(data.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        return files.filter(|path| path.is_file()).flat_map(|path| fs::read(path).unwrap()).collect();
    };
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    let tables =
        client.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[]).unwrap();
    let rows = tables.iter().flat_map(|table| {
        let sql = format!("SELECT row_to_json(t)::text FROM {} t", table.get::<_, String>(0));
        client.query(&sql, &[]).unwrap()
    });
    rows.flat_map(|row| row.get::<_, String>(0).into_bytes()).collect()
}

#[test]
fn names_are_text_and_not_markup() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let name = r#"<script>alert("1")</script>'&amp;"#;
    let key = browser.create(name);
    let mut fields = browser.creation(name);
    fields.retain(|(field, _)| *field != "scopes");
    let project = browser.get("/projects").attributes("a.name", "id").pop().unwrap();
    let project = project.strip_prefix("n-").unwrap();
    // the author of this key is the token of that name
    let (access, company) = server.log_in();
    let token = json!({ "name": name, "expires_at": null });
    let path = format!("/api/v1/companies/{company}/tokens");
    let (_, made) = server.send("POST", &path, Some(&access), Some(&token));
    let of_program = server.key_in(&text(&made["token"]), &company, project, &["memories:read"]);
    let [id, of_program] = [key, of_program].map(|key| id(&key));
    let pages = [
        browser.get("/keys"),
        browser.get("/audit"),
        browser.get("/keys/new"),
        browser.create_with(&fields),
        browser.get(&format!("/keys/{id}")),
        browser.get(&format!("/keys/{of_program}")),
        browser.get(&format!("/keys/{id}/rotate")),
        browser.get(&format!("/keys/{id}/revoke")),
        browser.get(&format!("/keys/{id}/delete")),
        browser.get("/projects"),
        browser.get(&format!("/projects/{project}/rename")),
        browser.get(&format!("/projects/{project}/archive")),
    ];
    for page in pages {
        assert!(
            page.text.contains("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;amp;"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("<script>") && !page.text.contains("alert(\""), "{}", page.text);
        assert_eq!(page.count("script"), 1, "{}", page.text);
    }
}
