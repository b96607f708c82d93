//! A long log is answered fast.

use std::time::Instant;

use ctx_key_server::store::audit_log;

use crate::common::id;
use crate::common::timed::Fixture;
use crate::{fill, trouble};

/// The statements find the lines of a company with an index.
#[test]
fn a_hundred_thousand_lines_are_answered_fast() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    fill(&server, 100_000);
    if server.data.is_postgres() {
        trouble::execute(&server.data, "ANALYZE audit_log");
    }
    for path in [
        "/audit",
        "/audit?page=2000",
        "/audit?q=line+77777",
        "/audit?group=sign-ins&page=1000",
        &format!("/keys/{id}"),
        "/keys",
    ] {
        let begin = Instant::now();
        let page = owner.get(path);
        println!("{path}: {} in {:?}, {} bytes", page.status, begin.elapsed(), page.text.len());
        assert_eq!(page.status, 200);
    }
    let used = trouble::plan(&server.data, audit_log::OF_KEY, &["'org_x'", &format!("'{id}'"), "50", "0"]);
    for index in ["audit_log_of_key", "audit_log_of_successor"] {
        assert!(used.contains(index), "{index} in {used}");
    }
}
