//! The limit of keys that have not ended.

use ctx_key_server::store::api_key::{COUNT, MAX_KEYS};
use ctx_key_server::store::import::import;
use serde_json::json;

use crate::common::company::{import_line, record};
use crate::common::{EVE, id};
use crate::trouble::{execute, plan};
use crate::{Keys, first_project, message};

#[test]
fn the_limit_counts_keys_that_have_not_ended() {
    let keys = Keys::new();
    keys.store(MAX_KEYS, "revo", "NULL, NULL, 1700000001");
    keys.store(MAX_KEYS, "expi", "1800000000, NULL, NULL");
    keys.store(MAX_KEYS, "reti", "1900000000, 1800000000, NULL");
    keys.store(MAX_KEYS - 2, "live", "NULL, 1800000001, NULL");
    keys.store(1, "soon", "1800000060, 1800000061, NULL");
    let (_, path) = keys.create();
    assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
    // a repeated form is reported as such, and not as one key too many
    let mut browser = keys.server.sign_in();
    let fields = browser.creation("the last one");
    let page = browser.create_with(&fields);
    let path = format!("/{}", id(&page.new_key()));
    let again = browser.create_with(&fields);
    assert!(again.text.contains("This form was already sent"), "{}", again.text);
    let too_many =
        format!("too many keys: a company has at most {MAX_KEYS} that have not ended; revoke some first");
    let (status, answer) = keys.create_with(json!({}));
    assert_eq!((status, message(&answer)), (409, too_many.as_str()));
    // the dashboard says the same
    let mut fields = browser.creation("one more");
    fields.retain(|(name, _)| *name != "project" && *name != "project_name");
    fields.push(("project", keys.project.clone()));
    let page = browser.create_with(&fields);
    assert_eq!(page.status, 409);
    assert_eq!(page.text_of("h1 + p"), format!("{}.", too_many.replacen('t', "T", 1)));
    // a leaked key can still be replaced
    let (status, answer) = keys.send("POST", &format!("{path}/rotate"), &json!({ "overlap_seconds": 60 }));
    assert_eq!(status, 201, "{answer}");
    // an import is not limited
    let (database, line) = (keys.server.database(), import_line(&record(&keys.project), "imported"));
    let imported = keys.server.runtime.block_on(import(&database, line.as_bytes(), keys.server.now()));
    assert_eq!(imported.unwrap(), 1);
    assert_eq!(keys.create_with(json!({})).0, 409);
    // keys of another company do not count
    let eve = keys.server.account(EVE);
    let body =
        json!({ "project_id": first_project(&keys.server, &eve), "name": "a", "scopes": ["chats:read"] });
    let path = format!("/companies/{}/api-keys", eve.company);
    assert_eq!(keys.server.send("POST", &path, &eve.token, &body).0, 201);
    // a key counts until it ends by the clock
    keys.server.set(1);
    assert_eq!(keys.create_with(json!({})).0, 201);
}

#[test]
fn the_limit_is_counted_by_an_index() {
    let keys = Keys::new();
    keys.store(3_000, "revo", "NULL, NULL, 1700000001");
    keys.store(3_000, "expi", "1800000000, NULL, NULL");
    execute(&keys.server.data, "ANALYZE");
    let company = format!("'{}'", keys.account.company);
    let plan = plan(&keys.server.data, COUNT, &[&company, "1800000000"]);
    assert!(plan.contains("api_keys_by_end"), "{plan}");
    assert!(!plan.contains("Filter: (COALESCE"), "{plan}");
}
