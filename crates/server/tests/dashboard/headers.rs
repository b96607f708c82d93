//! Headers protect every page, and let browsers cache assets only.

use crate::common::browser::Browser;
use crate::common::{Data, Server, id};
use crate::{PROJECT, signed_in};

#[test]
fn every_page_has_protective_headers_and_is_not_cached() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let key = browser.create("a key");
    let fields = browser.creation("another");
    let project = browser.get("/keys/new").attributes(PROJECT, "value").remove(0);
    let rename = format!("/projects/{project}/rename");
    let mut pages =
        vec![browser.create_with(&fields), browser.create_with(&fields), browser.create_with(&[])];
    for path in [
        "/",
        "/set-up",
        "/sign-in",
        "/keys",
        "/keys/new",
        "/account/password",
        "/audit",
        "/projects",
        "/projects/new",
        &rename,
        &format!("/projects/{project}/archive"),
        "/nothing",
        "/keys/x/rotate",
    ] {
        pages.push(browser.get(path));
    }
    for action in ["", "/rotate", "/revoke", "/delete"] {
        pages.push(browser.get(&format!("/keys/{}{action}", id(&key))));
    }
    pages.push(browser.send("PUT", "/keys", None));
    let token = browser.get("/projects").field("form_token");
    pages.push(browser.post(&rename, &[("form_token", &token)]));
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'";
    for page in &pages {
        for (name, value) in [
            ("content-security-policy", policy),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name} of {} {}", page.status, page.text);
        }
        assert!(page.header("strict-transport-security").is_none());
        assert!(page.header("access-control-allow-origin").is_none());
        for begin in ["<script>", " style=", " onclick=", "javascript:"] {
            assert!(!page.text.contains(begin), "{begin} in {}", page.text);
        }
        assert!(!page.has("script:not([src]), style, [style], [onclick]"), "{}", page.text);
    }
    let statuses: Vec<_> = pages.iter().map(|page| page.status).collect();
    assert_eq!(
        statuses,
        [
            200, 409, 403, 303, 400, 200, 200, 200, 200, 200, 200, 200, 200, 200, 404, 404, 200, 200, 200,
            200, 405, 400
        ]
    );
}

#[test]
fn browsers_cache_assets() {
    let data = Data::new();
    let server = Server::start(&data);
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in");
    let style = page.attribute("link[rel=stylesheet]", "href");
    let script = page.attribute("script", "src");
    let icon = page.attribute("link[rel=icon][type=\"image/svg+xml\"]", "href");
    for (path, kind, most) in [
        (style, "text/css; charset=utf-8", 20_000),
        (script, "text/javascript; charset=utf-8", 6_000),
        (icon, "image/svg+xml", 3_000),
    ] {
        assert!(path.contains("?v="), "{path}");
        let asset = browser.get(&path);
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(kind)));
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert!(asset.text.len() < most, "{path} has {} bytes", asset.text.len());
        let tag = asset.header("etag").expect("a tag");
        for (known, status) in [
            (tag, 304),
            (&*format!("W/{tag}"), 304),
            (&format!("\"another\" , W/{tag},\"a\""), 304),
            ("*", 304),
            ("\"another\"", 200),
            ("W/\"another\"", 200),
            (&tag[1..], 200),
        ] {
            browser.headers = vec![("if-none-match", known.to_owned())];
            let answer = browser.get(&path);
            assert_eq!((answer.status, answer.header("etag")), (status, Some(tag)), "{path}: {known}");
            assert_eq!(answer.header("cache-control"), asset.header("cache-control"), "{path}: {known}");
        }
        browser.headers.clear();
        // of an address of another version, nothing is kept
        let (bare, _) = path.split_once('?').unwrap();
        for other in [bare.to_owned(), format!("{bare}?v=0123456789abcdef"), format!("{path}&a")] {
            let answer = browser.get(&other);
            assert_eq!(
                (answer.header("cache-control"), answer.header("etag")),
                (Some("no-cache"), Some(tag))
            );
            assert_eq!(answer.text, asset.text);
        }
    }
    assert_eq!(browser.get("/assets/nothing").status, 404);
}
