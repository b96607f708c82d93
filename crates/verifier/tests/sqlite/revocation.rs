//! A revocation by another process ends the grants of a key.

use std::time::Instant;

use ctx_key::{ApiKey, KeyRecord, Reason, Scope};
use ctx_key_verifier::{Verifier, VerifyError};

use crate::{File, execute_elsewhere, insert};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grant_begins_later_than_the_lease_after_a_revocation_elsewhere() {
    let file = File::new();
    let db = file.connect();
    let options = ctx_key_verifier::Options::default();
    let lease = options.lease;
    let verifier = Verifier::new(file.source().await, options);
    for _ in 0..5 {
        let key = ApiKey::generate();
        insert(&db, &KeyRecord::new(&key, "demo".into(), Scope::READ));
        for _ in 0..3 {
            verifier.verify(&key, Scope::CHATS_READ).await.unwrap();
        }
        execute_elsewhere(&file, &format!("UPDATE api_keys SET revoked_at = 1 WHERE id = '{}'", key.id()));
        let revoked = Instant::now();
        let (begun, denied) = loop {
            let begun = Instant::now();
            match verifier.verify(&key, Scope::CHATS_READ).await {
                Ok(_) => assert!(begun < revoked + lease, "{:?} after it", begun - revoked),
                Err(VerifyError::Denied(denied)) => break (begun, denied),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(denied.reason(), Reason::Revoked, "{:?} after it", begun - revoked);
    }
}
