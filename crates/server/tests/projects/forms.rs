//! A form keeps what was typed, and names its mistakes.

use ctx_key::ApiKey;

use crate::common::browser::Browser;
use crate::common::company::Company;
use crate::common::{EMAIL, EVE, PASSWORD};
use crate::post;

#[test]
fn forms_of_keys_and_projects_survive_the_end_of_a_session() {
    let (company, mut browser) = Company::new();
    company.server.set_up_as(EVE);
    let project = company.project("before");
    let key = company.key(&project, "before", None);
    let secret = ApiKey::generate();
    let account = browser.get("/keys/new").field("account");
    let key_page = format!("/keys/{key}");
    let rename_page = format!("/projects/{project}/rename?q=before&state=active&page=2");
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
            let shown = if name == names[0] { name } else { "" };
            assert_eq!(form.attribute("#name[dir=auto]", "value"), shown);
            if page == key_page {
                assert_eq!(form.checked("scopes"), ["users:write"]);
            }
            if page != key_page && name == names[0] {
                assert!(form.has("form[data-filled]"), "Escape asks: {}", form.text);
            }
            let again = own.get(page);
            assert!(!again.text.contains("東京"), "{page}: the draft is used only once");
            assert!(!again.has("form[data-filled]"), "{page}: Escape does not ask");
            // another account does not see it, and is not redirected to a page that it does not have
            let mut other = Browser::at(&company.server.url);
            sent(&mut other);
            other.sign_in(EVE, PASSWORD).leads_to(if is_of_company { "/keys" } else { page });
            assert!(!other.get("/projects/new").text.contains("東京"));
        }
    }
    assert_eq!(company.shown(&project)["name"], "before");
    // a draft of an unknown page redirects to the list of keys
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
    assert_eq!(dialog.count("[checked][autofocus]"), 1);
    let back = format!("/keys/{key}/rotate?state=active#key-{key}");
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
        assert_eq!(page.text_of(&format!("span.error#{wrong}-error")), message);
        assert_eq!(page.text_of(&format!("#mistakes a[href=\"#{wrong}\"]")), message);
        page.assert_has(&format!("[aria-describedby^={wrong}-error]"));
        page.assert_has("[aria-invalid=true]");
        assert_eq!(page.count("[autofocus]"), 1, "{}", page.text);
        assert_eq!(page.attributes("[checked]", "value"), Vec::from_iter(checked), "{}", page.text);
        let chosen = fields.iter().find(|(name, _)| *name == "expires").unwrap().1;
        let kept = if chosen == "31" { vec![] } else { vec![chosen] };
        assert_eq!(page.attributes("select#expires option[selected]", "value"), kept, "{}", page.text);
        assert!(chosen != "date" || page.field("expires_on") == "2027-01-14", "{}", page.text);
        assert_eq!(page.attribute("dialog form", "action"), back);
        assert_eq!(page.field("form"), form, "the same form");
    }
    assert_eq!(browser.count_keys(), 1);
    let fields = [("form", form.as_str()), ("overlap", "0")];
    assert_eq!(post(&mut browser, &path, &fields).status, 200, "the form can still be sent");
    assert_eq!(company.states(&[&key]), ["retired"]);
}

#[test]
fn fields_name_their_purpose_and_their_errors() {
    let (company, mut browser) = Company::new();
    const INPUT: &str = "input:not([type=hidden])";
    let mut stranger = Browser::at(&company.server.url);
    let link = company.server.set_up_link();
    let pages = [
        (stranger.get("/sign-in"), ["username", "current-password"]),
        (stranger.get(&link), ["username", "new-password"]),
    ];
    for (page, expected) in &pages {
        assert_eq!(page.attributes(INPUT, "autocomplete")[..2], *expected);
        assert_eq!(page.attributes("[autofocus]", "autocomplete"), ["username"]);
    }
    let own = browser.get("/account/password");
    assert_eq!(own.attributes(INPUT, "autocomplete"), ["username", "current-password", "new-password"]);
    assert_eq!(own.attribute("[autocomplete=username][readonly]", "value"), EMAIL);
    assert_eq!(own.attributes("[autofocus]", "autocomplete"), ["current-password"]);

    for (email, field) in [(EMAIL, "password"), ("", "email")] {
        let page = stranger.sign_in(email, "another long password");
        assert_eq!(page.status, 401);
        let marked = format!("{INPUT}[aria-invalid=true][aria-describedby={field}-error][autofocus]");
        for selector in [marked.as_str(), "[aria-invalid]", "[autofocus]"] {
            assert_eq!(page.attributes(selector, "name"), [field], "{selector}");
        }
        let message = "The e-mail address or the password is wrong.";
        assert_eq!(page.text_of(&format!("#{field}-error")), message);
    }
}

/// Every set of wrong fields: each wrong field is marked, and only the first one has the focus.
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
        ("/set-up", &[("email", EVE), ("password", "another long password"), ("company", "Eve")]),
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
            // a missing expiry is valid for a rotation: the successor expires as its key does
            sent.extend(wrong.contains(&"expires").then_some(("expires", "soon")));
            let answer = post(&mut browser, path, &sent);
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            let mut marked = answer.attributes("[aria-invalid=true]", "name");
            marked.dedup();
            assert_eq!(marked, wrong, "{path}");
            assert_eq!(answer.attributes("[autofocus]", "name"), wrong[..1], "{path}");
            assert_eq!(answer.count("[autofocus]"), 1, "{path}");
        }
    }
}
