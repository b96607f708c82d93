//! The pages of a list contain every key exactly once.

use serde_json::{Value, json};

use crate::common::EVE;
use crate::{Keys, first_project};

/// Returns the target of `rel="next"` in a `Link` header.
fn next(link: &str) -> String {
    let (target, relation) = link.split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"next\"");
    target.strip_prefix('<').unwrap().to_owned()
}

#[test]
fn pages_have_every_key_once_while_others_come_and_go() {
    let keys = Keys::new();
    // another company has keys of the same seconds
    let eve = keys.server.account(EVE);
    let project = first_project(&keys.server, &eve);
    let paths: Vec<String> = (0..10)
        .map(|number| {
            // two keys are created in each second
            keys.server.set(number / 2);
            let body = json!({ "project_id": project, "name": "hers", "scopes": ["memories:read"] });
            let of_eve = format!("/companies/{}/api-keys", eve.company);
            assert_eq!(keys.server.send("POST", &of_eve, &eve.token, &body).0, 201);
            keys.create().1
        })
        .collect();
    let all: Vec<Value> = keys.send("GET", "", &json!({})).1.as_array().unwrap().clone();
    // the newest first, and keys of the same second by their ids
    let mut expected = paths.clone();
    expected.reverse();
    expected.chunks_mut(2).for_each(|second| second.sort());
    let listed: Vec<_> = all.iter().map(|record| format!("/{}", record["id"].as_str().unwrap())).collect();
    assert_eq!(listed, expected);
    let page = |path: &str| {
        let (status, headers, body) = keys.server.exchange("GET", path, &keys.account.token, "");
        assert_eq!(status, 200, "{path}: {body}");
        let link = headers.get("link").map(|link| next(link.to_str().unwrap()));
        (body.as_array().unwrap().clone(), link)
    };
    let whole = format!("/api/v1{}", keys.path());
    assert_eq!(page(&whole), (all.clone(), None), "without parameters, there are no pages");
    for limit in [1, 3, 10, 100] {
        let (mut found, mut sizes, mut path) = (Vec::new(), Vec::new(), format!("{whole}?limit={limit}"));
        loop {
            let (records, link) = page(&path);
            sizes.push(records.len());
            found.extend(records);
            assert!(found.len() <= all.len(), "{limit}: {sizes:?}");
            let Some(link) = link else { break };
            assert!(link.starts_with(&format!("{whole}?limit={limit}&cursor=")), "{link}");
            path = link;
        }
        assert_eq!(found, all, "{limit}");
        assert!(sizes.iter().rev().skip(1).all(|&size| size == limit), "{limit}: {sizes:?}");
        assert!(*sizes.last().unwrap() > 0, "{limit}: {sizes:?}");
    }
    // the last and the first key of the page are deleted, and a new one is made
    let (first, link) = page(&format!("{whole}?limit=4"));
    let link = link.unwrap();
    keys.create();
    for record in [&first[3], &first[0]] {
        let path = format!("/{}", record["id"].as_str().unwrap());
        assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
        assert_eq!(keys.send("DELETE", &format!("{path}?purge=true"), &json!({})).0, 204);
    }
    let (second, _) = page(&link);
    assert_eq!(second, all[4..8]);
    let cursor = link.split_once("cursor=").unwrap().1;
    // the six keys that are left, and fifteen that are older
    keys.store(15, "aged", "NULL, NULL, NULL");
    let (third, link) = page(&format!("{whole}?cursor={cursor}"));
    assert_eq!((third.len(), &third[..6]), (20, &all[4..]), "20 by default");
    assert!(link.unwrap().starts_with(&format!("{whole}?limit=20&cursor=")));
    assert_eq!(paths.len(), 10);

    let refuse = |query: &str| {
        let (status, answer) = keys.send("GET", &format!("?{query}"), &json!({}));
        assert_eq!(status, 400, "{query}: {answer}");
    };
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=a",
        "limit=",
        "limit=1.5",
        "limit=1&limit=2",
        "limit=1&limit=1",
        "cursor=",
    ] {
        refuse(query);
    }
    let last = cursor.chars().last().unwrap();
    let changed = format!("{}{}", &cursor[..cursor.len() - 1], if last == '0' { '1' } else { '0' });
    for cursor in [&changed, &cursor[1..], &format!("{cursor}0"), &cursor.to_uppercase(), "mem-1", "-", "--"]
    {
        refuse(&format!("cursor={cursor}"));
    }
    // the cursor of another company's list is refused
    let path = format!("/companies/{}/api-keys?cursor={cursor}", eve.company);
    assert_eq!(keys.server.send("GET", &path, &eve.token, &json!({})).0, 400);
}
