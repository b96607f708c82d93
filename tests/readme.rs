//! The SQL table and the list of scopes in README.md agree with the quickstart and the library.

use ctx_key::Scope;
use rusqlite::{Connection, params};

const README: &str = include_str!("../README.md");

/// Returns the fenced block of SQL that contains `part`.
fn statement(part: &str) -> &'static str {
    README
        .split("```sql\n")
        .filter_map(|rest| rest.split("```").next())
        .find(|sql| sql.contains(part))
        .unwrap()
}

#[test]
fn the_quickstart_has_the_same_table() {
    assert!(include_str!("../examples/quickstart.rs").contains(statement("STRICT")));
}

#[test]
fn the_table_refuses_a_row_that_is_not_a_record() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(statement("STRICT")).unwrap();
    let insert = |id: &str, digest: &[u8], scopes: &dyn rusqlite::ToSql| {
        let sql = "INSERT INTO api_keys VALUES (?1, ?2, 'project', ?3, NULL, NULL, NULL, ?4)";
        db.execute(sql, params![id, digest, scopes, i64::MAX])
    };
    assert!(insert("8aspm4G7VmSU", &[7; 32], &5).is_ok());
    assert!(insert("8ASPM4G7VMSU", &[7; 32], &5).is_ok(), "ids are case-sensitive");
    assert!(insert("8aspm4G7VmSU", &[8; 32], &5).is_err(), "the same id");
    assert!(insert("8aspm4G7VmS", &[7; 32], &5).is_err());
    assert!(insert("8aspm4G7VmSV", &[7; 31], &5).is_err());
    assert!(insert("8aspm4G7VmSV", &[7; 32], &"memories:read").is_err());
}

#[test]
fn the_scopes_are_those_of_the_crate() {
    for scope in Scope::all() {
        let (name, description) = (scope.name().unwrap(), scope.description().unwrap());
        let constant = name.replace(':', "_").to_uppercase();
        let row = format!("| {} | `{constant}` | `{name}` | {description} |", scope.bits());
        assert!(README.contains(&row), "{row}");
    }
}
