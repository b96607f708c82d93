//! Look-ups return records, the ids of rows that are not records, and a cursor.

use std::sync::Arc;
use std::thread;

use ctx_key::{KeyId, Scope, UnixTime};
use ctx_key_verifier::{Changes, LookedUp, Source};

use crate::{File, Reader, id, insert, keys, record};

/// A table that accepts any value.
const LOOSE_TABLE: &str = "
CREATE TABLE api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, last_used_at);
";

#[tokio::test]
async fn a_look_up_returns_records_and_its_cursor() {
    let file = File::new();
    let db = file.connect();
    let (plain, mut full, mut ended) = (record(1), record(2), record(3));
    full.scopes = Scope::all();
    full.project = "a \"project\" — другой".into();
    full.not_before = Some(UnixTime::from_secs(0));
    full.expires_at = Some(UnixTime::from_secs(i64::MAX.unsigned_abs()));
    ended.scopes = Scope::empty();
    ended.retires_at = Some(UnixTime::from_secs(1_700_000_000));
    ended.revoked_at = Some(UnixTime::from_secs(1_800_000_000));
    [&plain, &full, &ended, &record(4)].into_iter().for_each(|record| insert(&db, record));
    let mut reader = Reader::new(file.source().await).await;

    let looked_up = reader.source.look_up(&[id(3), id(7), id(1), id(2)]).await.unwrap();
    let expected = LookedUp { records: vec![ended, plain, full], corrupt: vec![], cursor: reader.cursor };
    assert_eq!(looked_up, expected);

    db.execute_batch("UPDATE api_keys SET project = 'other' WHERE id = '000000000004'").unwrap();
    let mut other = record(4);
    other.project = "other".into();
    let looked_up = reader.source.look_up(&[id(4)]).await.unwrap();
    assert!(looked_up.cursor > reader.cursor);
    assert_eq!(reader.changed().await, keys(&[4]));
    assert_eq!(looked_up, LookedUp { records: vec![other], corrupt: vec![], cursor: reader.cursor });

    let nothing = reader.source.look_up(&[]).await.unwrap();
    assert_eq!(nothing, LookedUp { records: vec![], corrupt: vec![], cursor: reader.cursor });
}

#[tokio::test]
async fn a_look_up_of_many_ids_finds_them_all() {
    let file = File::new();
    let mut db = file.connect();
    let transaction = db.transaction().unwrap();
    (0..3_000).for_each(|number| insert(&transaction, &record(number)));
    transaction.commit().unwrap();
    let source = file.source().await;
    let ids: Vec<KeyId> = (0..6_000).rev().step_by(2).map(id).collect();
    let looked_up = source.look_up(&ids).await.unwrap();
    let expected: Vec<_> = (0..3_000).rev().step_by(2).map(record).collect();
    assert_eq!((looked_up.records, looked_up.corrupt), (expected, vec![]));
}

#[tokio::test]
async fn a_row_that_is_not_a_record_is_corrupt() {
    let file = File::with_table(LOOSE_TABLE);
    let corruptions = [
        "digest = zeroblob(31)",
        "digest = zeroblob(33)",
        "digest = NULL",
        "digest = '00000000000000000000000000000000'",
        "project = NULL",
        "project = 7",
        "project = x'FF'",
        "project = CAST(x'FF' AS TEXT)",
        "scopes = NULL",
        "scopes = 'memories:read'",
        "scopes = 64",
        "scopes = -1",
        "scopes = 4294967297",
        "scopes = 1.0",
        "not_before = -1",
        "not_before = 'now'",
        "expires_at = -1",
        "expires_at = 1e9",
        "retires_at = -1",
        "retires_at = x''",
        "revoked_at = -1",
        "revoked_at = ''",
    ];
    let db = file.connect();
    for (number, corruption) in (1..).zip(corruptions) {
        insert(&db, &record(number));
        db.execute(&format!("UPDATE api_keys SET {corruption} WHERE id = ?1"), [id(number).as_str()])
            .unwrap();
    }
    insert(&db, &record(0));
    let source = file.source().await;
    let ids: Vec<KeyId> = (0..=corruptions.len()).map(id).collect();
    let looked_up = source.look_up(&ids).await.unwrap();
    assert_eq!(looked_up.records, [record(0)]);
    assert_eq!(looked_up.corrupt, ids[1..]);
}

/// The n-th change of the key sets `revoked_at` to n, so a record shows which changes its look-up saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_and_its_cursor_are_of_one_moment() {
    const CHANGES: u64 = 2_000;
    let file = File::new();
    insert(&file.connect(), &record(1));
    let source = Arc::new(file.source().await);
    let db = file.connect();
    let writer = Arc::new(thread::spawn(move || {
        for number in 1..=CHANGES {
            db.execute("UPDATE api_keys SET revoked_at = ?1", [i64::try_from(number).unwrap()]).unwrap();
        }
    }));
    let readers = [(); 4].map(|()| {
        let (source, writer) = (source.clone(), writer.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !writer.is_finished() {
                let LookedUp { records, cursor, .. } = source.look_up(&[id(1)]).await.unwrap();
                seen.push((records[0].revoked_at.map_or(0, UnixTime::as_secs), cursor));
            }
            seen
        })
    });
    for reader in readers {
        let mut seen = reader.await.unwrap();
        seen.dedup();
        for (number, cursor) in seen {
            let later = usize::try_from(CHANGES - number).unwrap();
            let Changes { changed, .. } = source.changes_since(Some(&cursor)).await.unwrap();
            assert_eq!(changed, keys(&vec![1; later]), "after change {number}");
        }
    }
}
