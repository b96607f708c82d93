//! Memories: texts of a project.

use ctx_key::UnixTime;

use super::column;
use super::json_object::JsonObject;
use super::new_id;
use super::window::Window;
use super::word_index;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// A memory as it is stored.
#[derive(Clone, Debug)]
pub struct Memory {
    pub seq: i64,
    pub id: String,
    pub title: Option<String>,
    pub content: String,
    pub kind: Option<String>,
    pub tags: Vec<String>,
    pub metadata: JsonObject,
    pub user: Option<String>,
    pub language: Option<String>,
    pub format: Option<String>,
    pub created_at: UnixTime,
    pub updated_at: UnixTime,
}

/// A memory to store.
#[derive(Clone, Debug)]
pub struct NewMemory {
    pub title: Option<String>,
    pub content: String,
    pub kind: Option<String>,
    pub tags: Vec<String>,
    pub metadata: JsonObject,
    pub user: Option<String>,
    pub language: Option<String>,
    pub format: Option<String>,
}

/// New values of a memory's fields. A field that is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct MemoryChange {
    pub title: Option<Option<String>>,
    pub content: Option<String>,
    pub kind: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    pub metadata: Option<JsonObject>,
}

/// A filter for lists of memories. A field that is `None` allows all.
#[derive(Clone, Debug)]
pub struct MemoryFilter {
    pub kind: Option<String>,
    pub user: Option<String>,
}

macro_rules! columns {
    () => {
        r#"seq, id, title, content, type, tags, metadata, "user", language, format, created_at, updated_at"#
    };
}

fn memory(row: &Row) -> Result<Memory, DatabaseError> {
    Ok(Memory {
        seq: row.get("seq")?,
        id: row.get("id")?,
        title: row.get("title")?,
        content: row.get("content")?,
        kind: row.get("type")?,
        tags: column::json(row, "tags")?,
        metadata: column::json(row, "metadata")?,
        user: row.get("user")?,
        language: row.get("language")?,
        format: row.get("format")?,
        created_at: column::time(row, "created_at")?,
        updated_at: column::time(row, "updated_at")?,
    })
}

/// Stores a memory, and returns it.
pub async fn create(
    transaction: &mut Transaction,
    project: &str,
    new: NewMemory,
    now: UnixTime,
) -> Result<Memory, DatabaseError> {
    let values = [
        new_id("mem").into(),
        project.into(),
        new.title.into(),
        new.content.into(),
        new.kind.into(),
        column::texts(new.tags).into(),
        new.metadata.to_json().into(),
        new.user.into(),
        new.language.into(),
        new.format.into(),
        seconds(now).into(),
    ];
    let sql = concat!(
        "INSERT INTO memories (id, project, title, content, type, tags, metadata, \"user\", language, format, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) RETURNING ",
        columns!()
    );
    let stored = memory(&transaction.query_one(sql, &values).await?)?;
    word_index::index(transaction, project, &stored.id).await?;
    Ok(stored)
}

pub async fn list(
    connection: &mut Connection,
    project: &str,
    filter: MemoryFilter,
    window: Window,
) -> Result<Vec<Memory>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM memories WHERE project = $1 AND seq < $2 AND (type = $3 OR $3 IS NULL) \
         AND (\"user\" = $4 OR $4 IS NULL) ORDER BY seq DESC LIMIT $5"
    );
    let values =
        [project.into(), window.before().into(), filter.kind.into(), filter.user.into(), window.rows.into()];
    connection.query(sql, &values).await?.iter().map(memory).collect()
}

pub async fn find(
    connection: &mut Connection,
    project: &str,
    id: &str,
) -> Result<Option<Memory>, DatabaseError> {
    let sql = concat!("SELECT ", columns!(), " FROM memories WHERE project = $1 AND id = $2");
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?;
    row.as_ref().map(memory).transpose()
}

/// Returns the `seq` of a memory, if the project has it.
pub async fn seq(connection: &mut Connection, project: &str, id: &str) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT seq FROM memories WHERE project = $1 AND id = $2";
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?;
    row.map(|row| row.get("seq")).transpose()
}

/// Returns the metadata of a memory, if the project has it. Others can't change the memory until the end of the
/// transaction.
pub async fn metadata_for_change(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
) -> Result<Option<JsonObject>, DatabaseError> {
    let sql =
        column::for_change!(transaction, "SELECT metadata FROM memories WHERE project = $1 AND id = $2");
    let row = transaction.query_opt(sql, &[project.into(), id.into()]).await?;
    row.map(|row| column::json(&row, "metadata")).transpose()
}

/// Returns the memories with these `seq`s, in any order.
pub(super) async fn of_seqs(
    connection: &mut Connection,
    project: &str,
    seqs: &[i64],
) -> Result<Vec<Memory>, DatabaseError> {
    let sql = if connection.is_postgres() {
        concat!(
            "SELECT ",
            columns!(),
            " FROM memories WHERE project = $1 AND seq = ANY (translate($2, '[]', '{}')::bigint[])"
        )
    } else {
        concat!(
            "SELECT ",
            columns!(),
            " FROM memories WHERE project = $1 AND seq IN (SELECT value FROM json_each($2))"
        )
    };
    let seqs = serde_json::Value::from(seqs).to_string();
    connection.query(sql, &[project.into(), seqs.into()]).await?.iter().map(memory).collect()
}

/// Changes a memory and returns it, if the project has it.
pub async fn change(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
    change: MemoryChange,
    now: UnixTime,
) -> Result<Option<Memory>, DatabaseError> {
    let sql = concat!(
        "UPDATE memories SET title = CASE WHEN $3 = 1 THEN $4 ELSE title END, \
         type = CASE WHEN $5 = 1 THEN $6 ELSE type END, content = coalesce($7, content), \
         tags = coalesce($8, tags), metadata = coalesce($9, metadata), updated_at = $10 \
         WHERE project = $1 AND id = $2 RETURNING ",
        columns!()
    );
    let values = [
        project.into(),
        id.into(),
        change.title.is_some().into(),
        change.title.flatten().into(),
        change.kind.is_some().into(),
        change.kind.flatten().into(),
        change.content.into(),
        change.tags.map(column::texts).into(),
        change.metadata.map(|object| object.to_json()).into(),
        seconds(now).into(),
    ];
    let row = transaction.query_opt(sql, &values).await?;
    word_index::index(transaction, project, id).await?;
    row.as_ref().map(memory).transpose()
}

/// Removes a memory. Returns whether the project had it.
pub async fn remove(transaction: &mut Transaction, project: &str, id: &str) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM memories WHERE project = $1 AND id = $2";
    Ok(transaction.execute(sql, &[project.into(), id.into()]).await? > 0)
}

/// Maximum number of memories that one statement lists or removes.
pub const PART: i64 = 500;

/// Number of bytes of content after which a part ends. A statement has a time limit, and the longer a content is, the more
/// words are removed with the memory.
const PART_LENGTH: i64 = 100_000;

/// Removes the memories that name a user.
pub(super) async fn remove_of_user(
    transaction: &mut Transaction,
    project: &str,
    user: &str,
) -> Result<(), DatabaseError> {
    let list = "SELECT seq, CAST(octet_length(content) AS bigint) AS length FROM memories \
                WHERE project = $1 AND \"user\" = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    let remove = "DELETE FROM memories WHERE project = $1 AND \"user\" = $2 AND seq BETWEEN $3 AND $4";
    let mut done = 0_i64;
    loop {
        let values = [project.into(), user.into(), done.into(), PART.into()];
        let rows = transaction.query(list, &values).await?;
        let memories = rows.iter().map(|row| Ok((row.get("seq")?, row.get("length")?)));
        let memories = memories.collect::<Result<Vec<_>, DatabaseError>>()?;
        let Some(&(end, _)) = memories.last() else { return Ok(()) };
        for (first, last) in parts(&memories) {
            let values = [project.into(), user.into(), first.into(), last.into()];
            transaction.execute(remove, &values).await?;
        }
        done = end;
    }
}

/// Cuts a list of memories, each with its number and the length of its content, into parts. Returns the first and the last
/// number of each part.
fn parts(memories: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut parts = Vec::new();
    let mut length = 0;
    for &(seq, bytes) in memories {
        match parts.last_mut() {
            Some((_, last)) if length < PART_LENGTH => *last = seq,
            _ => {
                parts.push((seq, seq));
                length = 0;
            }
        }
        length += bytes;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_after_100_000_bytes() {
        let parts_of = |lengths: &[i64]| {
            let memories: Vec<_> = (1..).step_by(2).zip(lengths.iter().copied()).collect();
            parts(&memories)
        };
        assert_eq!(parts_of(&[]), []);
        assert_eq!(parts_of(&[PART_LENGTH + 1]), [(1, 1)]);
        assert_eq!(parts_of(&[PART_LENGTH, 0, PART_LENGTH - 1, 1, 7]), [(1, 1), (3, 7), (9, 9)]);
        assert_eq!(parts_of(&[PART_LENGTH - 1, 100_000, 0]), [(1, 3), (5, 5)]);
    }
}
