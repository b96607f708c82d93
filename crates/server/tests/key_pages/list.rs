//! The list of keys: its filters, its pages and its size.

use crate::common::company::{Company, record};
use crate::common::id;
use crate::common::project::ALL_SCOPES;
use crate::common::timed::{DAY, HOUR};
use crate::{encoded, listed, row};

#[test]
fn a_list_is_searched_and_filtered() {
    let (company, mut browser) = Company::new();
    let [web, batch] = ["web", "batch & more"].map(|name| company.project(name));
    let made = [
        company.key_with(
            &web,
            "Production Backend",
            &["memories:read", "users:read"],
            Some("2027-01-21T08:00:00Z"),
        ),
        company.key(&web, "Ключ МОСКВА 100%_", None),
        company.key_with(&batch, "Straße nach ΟΔΟΣ", &["users:read"], None),
        company.key(&batch, "e\u{301}cole 東京", Some("2027-01-15T09:00:00Z")),
        company.key(&batch, "revoked", None),
    ];
    let [production, moscow, street, school, revoked] = made.each_ref().map(String::as_str);
    company.revoke(revoked);
    let successor = company.rotate(street, 60);
    company.server.set(2 * HOUR);

    let masked = format!("ctx_{moscow}***");
    let part = street[2..10].to_owned();
    for (query, expected) in [
        (String::new(), &[production, moscow, street, &successor, school, revoked][..]),
        ("q=BACK".to_owned(), &[production]),
        ("q=+production++backend+".to_owned(), &[production]),
        (format!("q={}", encoded("москва")), &[moscow]),
        (format!("q={}", encoded("STRASSE")), &[street, &successor]),
        (format!("q={}", encoded("οδοσ")), &[street, &successor]),
        (format!("q={}", encoded("ÉCOLE")), &[school]),
        (format!("q={}", encoded("東京")), &[school]),
        // a search text has no wildcards
        ("q=%25".to_owned(), &[moscow]),
        ("q=_".to_owned(), &[moscow]),
        ("q=.*".to_owned(), &[]),
        ("q='%20OR%201=1--".to_owned(), &[]),
        ("q=ecole".to_owned(), &[]),
        (format!("q={moscow}"), &[moscow]),
        (format!("q={part}"), &[street]),
        (format!("q={}", part.to_lowercase()), &[street]),
        (format!("q=ctx_{moscow}"), &[moscow]),
        (format!("q={}", encoded(&masked)), &[moscow]),
        (format!("project={web}"), &[production, moscow]),
        (format!("project={batch}&scope=users:read"), &[street, &successor]),
        ("scope=users:read".to_owned(), &[production, street, &successor]),
        ("scope=users:write".to_owned(), &[]),
        ("state=active".to_owned(), &[production, moscow, &successor]),
        ("state=ending".to_owned(), &[production]),
        ("state=retired".to_owned(), &[street]),
        ("state=expired".to_owned(), &[school]),
        ("state=revoked".to_owned(), &[revoked]),
        ("state=not_yet_valid".to_owned(), &[]),
        (format!("q=back&project={web}&scope=memories:read&state=active"), &[production]),
        // unknown values of a filter are ignored
        (
            "state=other&scope=read&project=proj_1&page=x&q=".to_owned(),
            &[production, moscow, street, &successor, school, revoked],
        ),
    ] {
        let page = browser.get(&format!("/keys?{query}"));
        let (mut found, mut expected) = (listed(&page), expected.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(page.status, 200, "{query}");
        assert_eq!(found, expected, "{query}");
    }
    let page = browser.get(&format!("/keys?q=%22%3Cb%3E&project={batch}&scope=users:read&state=retired"));
    assert_eq!(page.field("q"), "\"<b>");
    let chosen = format!("#project option[value=\"{batch}\"][selected][dir=auto]");
    assert_eq!(page.text_of(&chosen), "batch & more");
    assert_eq!(page.texts("option[selected]"), ["batch & more", "users:read", "Retired"]);
    assert_eq!(page.attributes("#state option[selected]", "value"), ["retired"]);
    assert_eq!(page.text_of(".empty h2"), "No key matches");
    for (query, is_filtered) in [
        ("", false),
        ("?q=back", true),
        (&format!("?project={web}"), true),
        ("?scope=users:read", true),
        ("?state=active", true),
    ] {
        let page = browser.get(&format!("/keys{query}"));
        assert_eq!(page.has("a.button[href=\"/keys\"]"), is_filtered, "{query}");
    }
}

/// A key that is not valid yet is not ending, even if it is valid for a day only.
#[test]
fn each_state_has_its_keys_and_its_label() {
    const STATES: [(&str, &str); 6] = [
        ("active", "Active"),
        ("ending", "Ending soon"),
        ("not_yet_valid", "Not yet valid"),
        ("retired", "Retired"),
        ("expired", "Expired"),
        ("revoked", "Revoked"),
    ];
    let (company, mut browser) = Company::new();
    let (project, now) = (company.project("p"), company.server.now());
    let later = |seconds| Some(now.saturating_add(seconds));
    let records = STATES.map(|(state, _)| {
        let mut record = record(&project);
        match state {
            "ending" => record.expires_at = later(DAY),
            "not_yet_valid" => (record.not_before, record.expires_at) = (later(HOUR), later(2 * HOUR)),
            "retired" => record.retires_at = Some(now),
            "expired" => record.expires_at = Some(now),
            "revoked" => record.revoke(now),
            _ => {}
        }
        (record, state)
    });
    assert_eq!(company.import(&records).unwrap(), 6);
    let ids = records.map(|(record, _)| record.id.to_string());
    let [active, ending, later, ..] = &ids;
    for ((state, label), id) in STATES.into_iter().zip(&ids) {
        let page = browser.get(&format!("/keys?state={state}"));
        let mut expected = if state == "active" { vec![active, ending] } else { vec![id] };
        expected.sort();
        let mut found = listed(&page);
        found.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{state}");
        assert!(row(&page, id).ends_with(label), "{}", row(&page, id));
    }
    let facts = browser.get(&format!("/keys/{later}")).facts();
    assert!(facts.contains(&"Valid from 2027-01-15 09:00 UTC (in 1 hour)".to_owned()), "{facts:?}");
}

#[test]
fn a_key_that_is_searched_for_stays_in_no_address_and_no_page() {
    let (_company, mut browser) = Company::new();
    let key = browser.create("searched");
    browser.create("another");
    let answer = browser.get(&format!("/keys?q={key}&state=active"));
    answer.leads_to(&format!("/keys?q=ctx_{}***&state=active", id(&key)));
    let page = browser.get(answer.header("location").unwrap());
    assert_eq!((listed(&page), page.text.contains(&key[16..])), (vec![id(&key)], false));
    let page = browser.get(&format!("/keys/{}/revoke?q={key}", id(&key)));
    assert!(!page.text.contains(&key[16..]), "{}", page.text);
}

#[test]
fn a_page_has_50_keys_and_less_than_100_kib() {
    let (company, mut browser) = Company::new();
    let long = |number: usize| format!("{}{number:02}", "鍵".repeat(98));
    let projects: Vec<_> = (0..30).map(|number| company.project(&long(number))).collect();
    let keys: Vec<_> = (0..101)
        .map(|number| {
            company.server.set(number as u64);
            company.key_with(
                &projects[number % 30],
                &long(number % 100),
                &ALL_SCOPES,
                Some("2027-12-31T23:59:59Z"),
            )
        })
        .collect();
    company.server.set(DAY / 4);
    let newest: Vec<_> = keys.iter().rev().map(String::as_str).collect();
    for (address, rows, words, links) in [
        ("/keys", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
        ("/keys?page=2", 50..100, "51 to 100 of 101", [Some("/keys"), Some("/keys?page=3")]),
        ("/keys?page=3", 100..101, "101 to 101 of 101", [Some("/keys?page=2"), None]),
        ("/keys?page=99999999999", 100..101, "101 to 101 of 101", [Some("/keys?page=2"), None]),
        ("/keys?page=99999999999999999999", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
        ("/keys?page=0", 0..50, "1 to 50 of 101", [None, Some("/keys?page=2")]),
    ] {
        let page = browser.get(address);
        assert_eq!(listed(&page), newest[rows], "{address}");
        assert_eq!(page.text_of(".pager p"), words, "{address}");
        for (rel, link) in ["prev", "next"].into_iter().zip(links) {
            let found = page.attributes(&format!("a[rel={rel}]"), "href");
            assert_eq!(found, Vec::from_iter(link), "{address}: {rel}");
        }
    }
    let searched = format!("/keys?q={}&scope=users:write&state=active", encoded(&"鍵".repeat(98)));
    for address in ["/keys", &searched, "/keys/new", &format!("/keys/{}", keys[0])] {
        let page = browser.get(address);
        assert!(page.text.len() < 100 * 1024, "{address} has {} bytes", page.text.len());
    }
    let next = browser.get(&searched).attribute("a[rel=next]", "href");
    assert_eq!(listed(&browser.get(&next)), newest[50..100]);
    // a dialog is a page without the list
    for action in ["rotate", "revoke", "delete"] {
        let page = browser.get(&format!("/keys/{}/{action}", keys[0]));
        assert!(
            listed(&page).is_empty() && page.text.len() < 8 * 1024,
            "{action}: {} bytes",
            page.text.len()
        );
    }
}

#[test]
fn no_name_makes_a_page_large() {
    for character in ["&", "\"", "🔑"] {
        let (company, mut browser) = Company::new();
        let long = |number: usize| format!("{number:02}{}", character.repeat(98));
        let projects: Vec<_> = (0..30).map(|number| company.project(&long(number))).collect();
        for (number, project) in projects.iter().enumerate().take(25) {
            let key = company.key_with(project, &long(number), &ALL_SCOPES, Some("2027-12-31T23:59:59Z"));
            company.rotate(&key, 60);
        }
        let searched = |length: usize| format!("/keys?q={}", encoded(&character.repeat(length)));
        for address in ["/keys".to_owned(), searched(98), searched(60), searched(15)] {
            let page = browser.get(&address);
            assert_eq!(listed(&page).len(), 50, "{address}");
            assert!(page.text.len() < 100 * 1024, "{address} has {} bytes", page.text.len());
        }
        // a row has the start of a long name, and the page of the key has the whole name
        let page = browser.get("/keys");
        let (key, escaped) = (&listed(&page)[0], character.replace('&', "&#38;").replace('"', "&#34;"));
        let shown = row(&page, key);
        let begin = character.repeat(198 / escaped.len());
        assert!(shown[2..].starts_with(&format!("{begin}… ctx_")), "{shown}");
        let whole = format!("{}{}", &shown[..2], character.repeat(98));
        assert_eq!(browser.get(&format!("/keys/{key}")).text_of("h1 bdi"), whole);
    }
}

/// A letter of this script has two bytes.
#[test]
fn a_name_of_200_bytes_is_shown_whole_in_a_row() {
    let (company, mut browser) = Company::new();
    let name = "ї".repeat(100);
    let key = company.key(&company.project("a project"), &name, None);
    let shown = row(&browser.get("/keys"), &key);
    let others = "a project memories:read just now Never Never Active";
    assert_eq!(shown, format!("{name} ctx_{key}*** {others}"));
}
