//! The word index, a table that searches read. It has the same rows in both databases, and is read by the same rules.
//!
//! A row says that a memory has a word, and with what weight. A memory with a user has two rows for each word: one
//! for searches in the project, and one for searches in the memories of the user. Triggers queue each new or changed
//! memory, whichever server wrote it, and remove the rows of a removed memory.

use std::collections::HashSet;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::words::{Counted, count};
use crate::database::{Connection, Database, DatabaseError, Row, Transaction};

/// Maximum number of memories that one transaction of [`index_some`] indexes.
const BATCH: i64 = 100;

/// Number of rows after which such a transaction ends. Until then, it holds SQLite's lock for writers.
const BATCH_ROWS: usize = 20_000;

/// Weight of a word in the title. It is more than the content can add.
const TITLE: f64 = 2_500.0;

/// Weight that a title of one word adds. A longer title adds a part of it.
const SHORT_TITLE: f64 = 500.0;

/// Weight that a word in the content approaches, the more often it occurs there.
const CONTENT: f64 = 2_200.0;

/// Number of words of a content of average length.
const AVERAGE_LENGTH: f64 = 100.0;

/// The memories that a search covers: those of a project, or those that name one of its users.
pub(super) struct Corpus(Sha256);

impl Corpus {
    pub(super) fn new(project: &str, user: Option<&str>) -> Self {
        // none of the three has a NUL, and no user is empty
        let project = Sha256::new().chain_update(project).chain_update([0]);
        Self(project.chain_update(user.unwrap_or_default()).chain_update([0]))
    }

    /// Returns the number that stands for a word of these memories.
    pub(super) fn key(&self, word: &str) -> i64 {
        let digest = self.0.clone().chain_update(word).finalize();
        digest.first_chunk().map_or(0, |start| i64::from_be_bytes(*start))
    }
}

/// Indexes a memory, in the transaction that stored or changed it.
pub(super) async fn index(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
) -> Result<(), DatabaseError> {
    let sql = "SELECT m.seq, m.project, m.title, m.content, m.\"user\" \
               FROM memories_without_words q JOIN memories m ON m.seq = q.memory WHERE m.project = $1 AND m.id = $2";
    if let Some(row) = transaction.query_opt(sql, &[project.into(), id.into()]).await? {
        index_row(transaction, &row).await?;
    }
    Ok(())
}

/// Indexes some of the memories that another version of the server wrote. Returns whether there may be more.
pub async fn index_some(database: &Database) -> Result<bool, DatabaseError> {
    let sql = "SELECT memory FROM memories_without_words ORDER BY memory LIMIT 1";
    if database.acquire().await?.query(sql, &[]).await?.is_empty() {
        return Ok(false);
    }
    let mut transaction = database.begin().await?;
    // this skips memories that another server is indexing
    let sql = if transaction.is_postgres() {
        "SELECT memory FROM memories_without_words ORDER BY memory LIMIT $1 FOR UPDATE SKIP LOCKED"
    } else {
        "SELECT memory FROM memories_without_words ORDER BY memory LIMIT $1"
    };
    let queued = transaction.query(sql, &[BATCH.into()]).await?;
    let mut rows = 0;
    for memory in &queued {
        let memory: i64 = memory.get("memory")?;
        // this skips a memory that is being changed, and locks the others until the end of the transaction
        let sql = if transaction.is_postgres() {
            "SELECT seq, project, title, content, \"user\" FROM memories WHERE seq = $1 FOR UPDATE SKIP LOCKED"
        } else {
            "SELECT seq, project, title, content, \"user\" FROM memories WHERE seq = $1"
        };
        if let Some(row) = transaction.query_opt(sql, &[memory.into()]).await? {
            rows += index_row(&mut transaction, &row).await?;
        }
        if rows > BATCH_ROWS {
            break;
        }
    }
    transaction.commit().await?;
    Ok(rows > 0)
}

/// Replaces the words of a memory, and returns their number.
async fn index_row(transaction: &mut Transaction, row: &Row) -> Result<usize, DatabaseError> {
    let memory: i64 = row.get("seq")?;
    let (project, user): (String, Option<String>) = (row.get("project")?, row.get("user")?);
    let (title, content): (Option<String>, String) = (row.get("title")?, row.get("content")?);
    let weighed = weighed(title.as_deref().unwrap_or_default(), &content);
    let mut corpora = vec![Corpus::new(&project, None)];
    corpora.extend(user.map(|user| Corpus::new(&project, Some(&user))));
    let keys = |corpus: &Corpus| weighed.iter().map(|(word, weight)| (corpus.key(word), *weight)).collect();
    let mut rows: Vec<(i64, i64)> = corpora.iter().flat_map::<Vec<_>, _>(keys).collect();
    // in the order of the table, rows are written faster
    rows.sort_unstable();
    rows.dedup_by_key(|(word, _)| *word);
    transaction.execute("DELETE FROM memory_words WHERE memory = $1", &[memory.into()]).await?;
    let sql = if transaction.is_postgres() {
        "INSERT INTO memory_words (word, memory, weight) \
         SELECT (value->>0)::bigint, $1, (value->>1)::integer FROM json_array_elements($2::text::json) AS value"
    } else {
        "INSERT INTO memory_words (word, memory, weight) SELECT value->>0, $1, value->>1 FROM json_each($2)"
    };
    let count = rows.len();
    let rows = Json::from_iter(rows.into_iter().map(|(word, weight)| json!([word, weight])));
    transaction.execute(sql, &[memory.into(), rows.to_string().into()]).await?;
    transaction.execute("DELETE FROM memories_without_words WHERE memory = $1", &[memory.into()]).await?;
    Ok(count + 1)
}

/// Returns the words of a memory, each with its weight.
fn weighed(title: &str, content: &str) -> Vec<(String, i64)> {
    let (title, Counted { mut counts, length }) = (count(title), count(content));
    let mut words: Vec<(String, i64)> = Vec::new();
    for word in title.counts.into_keys() {
        let of_content = counts.remove(&word).map_or(0, |number| weight_in_content(number, length));
        words.push((word, of_content + weight_in_title(title.length)));
    }
    words.extend(counts.into_iter().map(|(word, number)| (word, weight_in_content(number, length))));
    words
}

fn weight_in_title(length: u32) -> i64 {
    rounded(TITLE + SHORT_TITLE / f64::from(length.max(1)))
}

/// Returns the weight of a word by BM25, with `k` = 1.2 and `b` = 0.75.
fn weight_in_content(number: u32, length: u32) -> i64 {
    let number = f64::from(number);
    rounded(CONTENT * number / (number + 1.2 * (0.25 + 0.75 * f64::from(length) / AVERAGE_LENGTH)))
}

#[expect(clippy::cast_possible_truncation, reason = "weights are small")]
fn rounded(weight: f64) -> i64 {
    (weight.round() as i64).max(1)
}

/// A memory that has a word, and the word's weight in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) memory: i64,
    pub(super) weight: i64,
}

/// A filter for the memories that a search may find.
#[derive(Clone, Debug)]
pub struct SearchFilter {
    pub kind: Option<String>,
    /// Tags that a memory must have, all of them.
    pub tags: Vec<String>,
    pub created_after: i64,
    pub created_before: i64,
}

impl SearchFilter {
    pub const ALL: Self =
        Self { kind: None, tags: Vec::new(), created_after: i64::MIN, created_before: i64::MAX };

    pub(super) fn allows_all(&self) -> bool {
        self.kind.is_none()
            && self.tags.is_empty()
            && (self.created_after, self.created_before) == (i64::MIN, i64::MAX)
    }
}

/// Returns the newest memories that have a word, the newest first.
pub(super) async fn newest(
    connection: &mut Connection,
    word: i64,
    limit: i64,
) -> Result<Vec<Entry>, DatabaseError> {
    let sql = "SELECT memory, weight FROM memory_words WHERE word = $1 ORDER BY memory DESC LIMIT $2";
    let rows = connection.query(sql, &[word.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok(Entry { memory: row.get("memory")?, weight: row.get("weight")? })).collect()
}

/// Returns those of these memories that a filter allows.
pub(super) async fn allowed(
    connection: &mut Connection,
    memories: &[i64],
    filter: &SearchFilter,
) -> Result<HashSet<i64>, DatabaseError> {
    let values = [
        Json::from(memories).to_string().into(),
        filter.kind.clone().into(),
        filter.created_after.into(),
        filter.created_before.into(),
        Json::from(filter.tags.clone()).to_string().into(),
    ];
    let sql = if connection.is_postgres() {
        "SELECT seq FROM memories WHERE seq = ANY (translate($1, '[]', '{}')::bigint[]) AND (type = $2 OR $2 IS NULL) \
         AND created_at > $3 AND created_at < $4 AND tags::jsonb @> $5::text::jsonb"
    } else {
        "SELECT seq FROM memories WHERE seq IN (SELECT value FROM json_each($1)) AND (type = $2 OR $2 IS NULL) \
         AND created_at > $3 AND created_at < $4 AND NOT EXISTS \
         (SELECT 1 FROM json_each($5) wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(tags)))"
    };
    connection.query(sql, &values).await?.iter().map(|row| row.get("seq")).collect()
}

/// Returns the entries of these words for these memories: each has a word, a memory and the weight.
pub(super) async fn of_memories(
    connection: &mut Connection,
    words: &[i64],
    memories: &[i64],
) -> Result<Vec<(i64, i64, i64)>, DatabaseError> {
    let sql = if connection.is_postgres() {
        "SELECT word, memory, weight FROM memory_words WHERE word = ANY (translate($1, '[]', '{}')::bigint[]) \
         AND memory = ANY (translate($2, '[]', '{}')::bigint[])"
    } else {
        "SELECT word, memory, weight FROM memory_words WHERE word IN (SELECT value FROM json_each($1)) \
         AND memory IN (SELECT value FROM json_each($2))"
    };
    let values = [words, memories].map(|numbers| Json::from(numbers).to_string().into());
    let rows = connection.query(sql, &values).await?;
    rows.iter().map(|row| Ok((row.get("word")?, row.get("memory")?, row.get("weight")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_counts_more_than_any_content() {
        assert!(weight_in_title(500) > weight_in_content(u32::MAX, 1));
        assert!(weight_in_title(1) > weight_in_title(2));
    }

    #[test]
    fn a_word_weighs_more_if_it_occurs_more_often_and_in_a_shorter_text() {
        assert!(weight_in_content(2, 50) > weight_in_content(1, 50));
        assert!(weight_in_content(1, 50) > weight_in_content(1, 51));
        assert_eq!(weight_in_content(1, u32::MAX), 1);
        // other servers write the same weights
        let weights =
            [weight_in_content(1, 100), weight_in_content(2, 50), weight_in_title(1), weight_in_title(2)];
        assert_eq!(weights, [1_000, 1_600, 3_000, 2_750]);
    }

    #[test]
    fn the_words_of_title_and_content_are_added() {
        let mut words = weighed("Tea", "tea tea cup");
        words.sort();
        let tea = weight_in_title(1) + weight_in_content(2, 3);
        assert_eq!(words, [("cup".into(), weight_in_content(1, 3)), ("tea".into(), tea)]);
    }

    #[test]
    fn projects_and_users_have_words_of_their_own() {
        let key = |project, user, word| Corpus::new(project, user).key(word);
        let keys = [
            key("p", None, "w"),
            key("q", None, "w"),
            key("p", Some("u"), "w"),
            key("p", Some("v"), "w"),
            key("p", None, "v"),
        ];
        assert!(keys.iter().enumerate().all(|(index, key)| !keys[..index].contains(key)));
        // other servers write the same keys
        assert_eq!(key("proj_1", None, "tea"), 4_045_097_697_451_017_958);
    }
}
