//! Every kind of change is logged, and nothing else is.

use std::process::Command;

use ctx_key_verifier::postgres::CHANGE_LOG;
use ctx_key_verifier::{Changed, Source, SourceError};

use tokio_postgres::error::SqlState;

use crate::database::{Database, Reader, id, insert, keys};

#[tokio::test]
async fn changes_of_records_are_read_once() {
    let Some(database) = Database::new("changes_of_records_are_read_once").await else { return };
    let client = database.client().await;
    client.batch_execute("ALTER TABLE api_keys ADD name text").await.expect("a column");
    let mut reader = Reader::new(database.source()).await;
    let cases: &[(&str, Changed)] = &[
        (&insert(1, 1), keys(&[1])),
        (&insert(2, 4), keys(&[2, 3, 4])),
        (
            "UPDATE api_keys SET digest = decode(repeat('cd', 32), 'hex') WHERE id = 'key000000001'",
            keys(&[1]),
        ),
        ("UPDATE api_keys SET project = 'another' WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET scopes = 6 WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET not_before = 7 WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET expires_at = 8 WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET retires_at = 9 WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET revoked_at = 10 WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET not_before = NULL WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET expires_at = NULL WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET retires_at = NULL WHERE id = 'key000000001'", keys(&[1])),
        ("UPDATE api_keys SET revoked_at = NULL WHERE id = 'key000000001'", keys(&[1])),
        // only rows that change are logged
        ("UPDATE api_keys SET scopes = 6 WHERE id IN ('key000000001', 'key000000002')", keys(&[2])),
        ("UPDATE api_keys SET last_used_at = 11, name = 'a name'", keys(&[])),
        ("UPDATE api_keys SET scopes = 7 WHERE id = 'key000000099'", keys(&[])),
        ("UPDATE api_keys SET id = 'key000000005' WHERE id = 'key000000004'", keys(&[4, 5])),
        // an id moves from one key to another
        (
            "UPDATE api_keys SET id = CASE id WHEN 'key000000002' THEN 'key000000006' ELSE 'key000000002' END \
             WHERE id IN ('key000000002', 'key000000003')",
            keys(&[2, 3, 6]),
        ),
        ("DELETE FROM api_keys WHERE id > 'key000000005'", keys(&[6])),
        ("WITH gone AS (DELETE FROM api_keys WHERE scopes = 5 AND id = 'key000000002') SELECT", keys(&[2])),
        (
            "INSERT INTO api_keys (id, digest, project, scopes) \
             VALUES ('key000000001', decode(repeat('ab', 32), 'hex'), 'project', 1) \
             ON CONFLICT (id) DO UPDATE SET scopes = 2",
            keys(&[1]),
        ),
        (
            "MERGE INTO api_keys AS k USING (VALUES ('key000000001'), ('key000000005')) AS v (id) ON k.id = v.id \
             WHEN MATCHED AND k.id = 'key000000001' THEN DELETE WHEN MATCHED THEN UPDATE SET revoked_at = 1",
            keys(&[1, 5]),
        ),
        ("DELETE FROM api_keys", keys(&[5])),
        (&insert(1, 10_000), keys(&(1..=10_000).collect::<Vec<_>>())),
        ("UPDATE api_keys SET revoked_at = 1", keys(&(1..=10_000).collect::<Vec<_>>())),
        ("DELETE FROM api_keys", keys(&(1..=10_000).collect::<Vec<_>>())),
        (&insert(1, 10_001), Changed::Everything),
        ("UPDATE api_keys SET revoked_at = 1", Changed::Everything),
        // a statement that updates all keys and changes one
        ("UPDATE api_keys SET revoked_at = (id = 'key000000007')::integer + 1", keys(&[7])),
        ("DELETE FROM api_keys", Changed::Everything),
        ("TRUNCATE api_keys", Changed::Everything),
        (
            "SET session_replication_role = replica; INSERT INTO api_keys (id, digest, project, scopes) \
             VALUES ('key000000001', decode(repeat('ab', 32), 'hex'), 'project', 1); \
             RESET session_replication_role",
            // once for the statement, once for the row
            keys(&[1, 1]),
        ),
        ("BEGIN; UPDATE api_keys SET scopes = 3; ROLLBACK", keys(&[])),
        (
            "BEGIN; UPDATE api_keys SET scopes = 3; SAVEPOINT a; INSERT INTO api_keys (id, digest, project, scopes) \
             VALUES ('key000000002', decode(repeat('ab', 32), 'hex'), 'project', 1); SAVEPOINT b; \
             TRUNCATE api_keys; ROLLBACK TO b; RELEASE a; COMMIT",
            keys(&[1, 2]),
        ),
        ("ANALYZE api_keys", keys(&[])),
    ];
    for (statement, expected) in cases {
        client.batch_execute(statement).await.expect(statement);
        assert_eq!(reader.read().await, *expected, "{statement}");
        assert_eq!(reader.read().await, keys(&[]), "after {statement}");
    }
}

/// Logical replication fires the triggers of rows, and not those of statements. A session that acts as if it replicated
/// fires both, so each change is read twice.
#[tokio::test]
async fn a_replicated_change_of_any_column_is_logged() {
    let Some(database) = Database::new("a_replicated_change_of_any_column_is_logged").await else { return };
    let client = database.client().await;
    client.batch_execute(&insert(1, 2)).await.expect("keys");
    client.batch_execute("SET session_replication_role = replica").await.expect("a role");
    let mut reader = Reader::new(database.source()).await;
    let first = "WHERE id = 'key000000001'";
    for (change, expected) in [
        (&*format!("UPDATE api_keys SET digest = decode(repeat('cd', 32), 'hex') {first}"), &[1, 1][..]),
        (&format!("UPDATE api_keys SET project = 'another' {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET scopes = 6 {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET not_before = 7 {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET expires_at = 8 {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET retires_at = 9 {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET revoked_at = 10 {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET not_before = NULL {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET expires_at = NULL {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET retires_at = NULL {first}"), &[1, 1]),
        (&format!("UPDATE api_keys SET revoked_at = NULL {first}"), &[1, 1]),
        ("UPDATE api_keys SET scopes = 6", &[2, 2]),
        ("UPDATE api_keys SET last_used_at = 11", &[]),
        (&format!("UPDATE api_keys SET id = 'key000000003' {first}"), &[1, 1, 3, 3]),
        ("DELETE FROM api_keys", &[2, 2, 3, 3]),
    ] {
        client.batch_execute(change).await.expect(change);
        assert_eq!(reader.read().await, keys(expected), "{change}");
    }
}

/// The ids and projects of two cases are different ones, even if a column compares them as equal.
#[tokio::test]
async fn a_change_of_case_is_logged_if_the_column_ignores_case() {
    let Some(database) = Database::new("a_change_of_case_is_logged_if_the_column_ignores_case").await else {
        return;
    };
    let client = database.client().await;
    // the columns of a trigger keep their types
    let types = "DROP FUNCTION log_changed_api_keys() CASCADE; \
         CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         ALTER TABLE api_keys ALTER id TYPE text COLLATE no_case, ALTER project TYPE text COLLATE no_case";
    client.batch_execute(&format!("{types}; {CHANGE_LOG}; {}", insert(1, 2))).await.expect("types");
    let mut reader = Reader::new(database.source()).await;
    let first = "WHERE id = 'key000000001'";
    for role in ["origin", "replica"] {
        client.batch_execute(&format!("SET session_replication_role = {role}")).await.expect("a role");
        for (change, expected) in [
            (&*format!("UPDATE api_keys SET project = upper(project) {first}"), &["key000000001"][..]),
            (&format!("UPDATE api_keys SET project = upper(project) {first}"), &[]),
            (&format!("UPDATE api_keys SET project = lower(project) {first}"), &["key000000001"]),
            (&format!("UPDATE api_keys SET id = upper(id) {first}"), &["KEY000000001", "key000000001"]),
            (&format!("UPDATE api_keys SET id = lower(id) {first}"), &["KEY000000001", "key000000001"]),
        ] {
            client.batch_execute(change).await.expect(change);
            // a session that acts as if it replicated logs each change twice
            let Changed::Keys(mut ids) = reader.read().await else { panic!("{change}") };
            ids.dedup();
            assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), expected, "{role}: {change}");
        }
    }
}

#[tokio::test]
async fn many_changes_are_a_change_of_all() {
    let Some(database) = Database::new("many_changes_are_a_change_of_all").await else { return };
    let client = database.client().await;
    let mut reader = Reader::new(database.source()).await;
    client.batch_execute(&insert(1, 10_000)).await.expect("keys");
    client.batch_execute(&insert(10_001, 20_000)).await.expect("keys");
    assert_eq!(reader.read().await, keys(&(1..=20_000).collect::<Vec<_>>()));
    for first in [20_001, 30_001] {
        client.batch_execute(&insert(first, first + 9_999)).await.expect("keys");
    }
    client.batch_execute(&insert(40_001, 40_001)).await.expect("a key");
    assert_eq!(reader.read().await, Changed::Everything);
    assert_eq!(reader.read().await, keys(&[]));
}

#[tokio::test]
async fn changes_made_with_psql_are_logged() {
    let Some(database) = Database::new("changes_made_with_psql_are_logged").await else { return };
    let mut reader = Reader::new(database.source()).await;
    let psql = |statement: &str| {
        let mut psql = Command::new("psql");
        let output = psql.args([&database.url(), "--no-psqlrc", "--command", statement]).output();
        assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
    };
    psql(&insert(1, 3));
    assert_eq!(reader.read().await, keys(&[1, 2, 3]));
    psql("UPDATE api_keys SET revoked_at = 5 WHERE id = 'key000000002'");
    assert_eq!(reader.read().await, keys(&[2]));
}

/// A user that changes a key may have no privileges on the log, another search path, and temporary tables.
#[tokio::test]
async fn no_session_can_hide_its_changes() {
    let Some(database) = Database::new("no_session_can_hide_its_changes").await else { return };
    let client = database.client().await;
    let mut reader = Reader::new(database.source()).await;
    let statements = format!(
        "CREATE ROLE {name} NOLOGIN; GRANT SELECT, INSERT, UPDATE ON api_keys TO {name}; CREATE SCHEMA other; \
         GRANT ALL ON SCHEMA other TO {name}; SET ROLE {name}; \
         CREATE TEMPORARY TABLE api_key_changes (xid xid8, id text); CREATE TABLE other.api_key_changes (id text); \
         SET search_path = pg_temp, other, public; {insert}; RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}",
        name = database.name,
        insert = insert(1, 1)
    );
    client.batch_execute(&statements).await.expect("an insert");
    assert_eq!(reader.read().await, keys(&[1]));

    // only users that may change keys can write to the log
    let statements = format!(
        "CREATE ROLE {name} NOLOGIN; CREATE SCHEMA its AUTHORIZATION {name}; SET ROLE {name}; \
         CREATE TABLE its.api_keys (id text); CREATE TRIGGER mine AFTER INSERT ON its.api_keys \
         FOR EACH ROW EXECUTE FUNCTION public.log_changed_api_keys()",
        name = database.name
    );
    let error = client.batch_execute(&statements).await.expect_err("a trigger on a table of its own");
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

async fn error_after(reader: &Reader, database: &Database, statement: &str) -> String {
    database.client().await.batch_execute(statement).await.expect(statement);
    match reader.source.changes_since(Some(&reader.cursor)).await {
        Err(SourceError::Unexpected(cause)) => cause.to_string(),
        other => panic!("{statement}: {other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_is_not_written_is_an_error() {
    let Some(database) = Database::new("a_log_that_is_not_written_is_an_error").await else { return };
    let mut reader = Reader::new(database.source()).await;
    let missing = "the change log is missing or disabled: apply CHANGE_LOG";
    for statement in [
        "ALTER TABLE api_keys DISABLE TRIGGER api_keys_inserted",
        "ALTER TABLE api_keys ENABLE TRIGGER api_keys_updated",
        "ALTER TABLE api_keys ENABLE REPLICA TRIGGER api_keys_deleted",
        "ALTER TABLE api_keys DISABLE TRIGGER USER",
        "DROP TRIGGER api_keys_truncated ON api_keys",
        "DROP TRIGGER api_keys_replicated ON api_keys",
        "ALTER TRIGGER api_keys_replicated ON api_keys RENAME TO api_keys_renamed",
        "ALTER TABLE api_keys RENAME TO old_keys; CREATE TABLE api_keys (LIKE old_keys INCLUDING ALL)",
    ] {
        assert_eq!(error_after(&reader, &database, statement).await, missing, "{statement}");
        database.client().await.batch_execute(CHANGE_LOG).await.expect("the change log");
        // changes may have been missed in between
        assert_eq!(reader.read().await, Changed::History, "{statement}");
        assert_eq!(reader.read().await, keys(&[]), "{statement}");
    }
    let missing = "a table or column is missing: apply the schema and the change log (42883)";
    for statement in [
        "ALTER FUNCTION log_changed_api_keys() RENAME TO another",
        "DROP FUNCTION log_changed_api_keys() CASCADE",
    ] {
        assert_eq!(error_after(&reader, &database, statement).await, missing, "{statement}");
        database.client().await.batch_execute(CHANGE_LOG).await.expect("the change log");
        assert_eq!(reader.read().await, Changed::History, "{statement}");
    }
    let missing = "a table or column is missing: apply the schema and the change log (42P01)";
    for statement in ["DROP TABLE api_key_changes", "DROP TABLE api_key_log", "DROP TABLE api_keys"] {
        assert_eq!(error_after(&reader, &database, statement).await, missing, "{statement}");
    }
    let Err(SourceError::Unexpected(cause)) = reader.source.look_up(&[id(1)]).await else { panic!() };
    assert_eq!(cause.to_string(), missing);
}

/// While the triggers or the tables are changed, the log may miss changes of keys, even if that is undone later.
#[tokio::test]
async fn changes_of_the_log_itself_begin_a_new_history() {
    let Some(database) = Database::new("changes_of_the_log_itself_begin_a_new_history").await else { return };
    let client = database.client().await;
    client.batch_execute(&insert(1, 3)).await.expect("keys");
    let mut reader = Reader::new(database.source()).await;
    let off_and_on = "BEGIN; ALTER TABLE api_keys DISABLE TRIGGER api_keys_updated; UPDATE api_keys SET scopes = 1; \
         ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_updated; COMMIT";
    let function: String = client
        .query_one("SELECT pg_get_functiondef('log_changed_api_keys'::regproc)", &[])
        .await
        .expect("a function")
        .get(0);
    for statement in [
        off_and_on,
        &function,
        CHANGE_LOG,
        "TRUNCATE api_key_changes",
        "UPDATE api_key_log SET history = gen_random_uuid()",
        "ALTER TABLE api_key_changes ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE api_key_log ENABLE ROW LEVEL SECURITY",
    ] {
        client.batch_execute(statement).await.expect(statement);
        assert_eq!(reader.read().await, Changed::History, "{statement}");
        assert_eq!(reader.read().await, keys(&[]), "{statement}");
    }
    // maintenance and other changes of the tables do not begin a new history
    client.batch_execute("VACUUM api_key_changes, api_key_log, api_keys").await.expect("a vacuum");
    client.batch_execute("VACUUM FREEZE ANALYZE").await.expect("a vacuum");
    client.batch_execute("VACUUM FULL api_keys").await.expect("a vacuum");
    client.batch_execute("REINDEX TABLE api_keys").await.expect("an index");
    client
        .batch_execute("GRANT SELECT ON api_keys TO PUBLIC; ALTER TABLE api_keys ADD name text")
        .await
        .expect("a column");
    assert_eq!(reader.read().await, keys(&[]));
    // no trigger sees this change of all records, so the server has to refuse it
    let rewrite = "ALTER TABLE api_keys ALTER scopes TYPE integer USING scopes + 1";
    let error = client.batch_execute(rewrite).await.expect_err("a trigger that needs the column");
    assert_eq!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED));
}
