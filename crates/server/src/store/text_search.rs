//! The search for memories that have all words of a text.

use super::column;
use crate::database::{Connection, DatabaseError, Row};

/// Maximum length of the text, in characters.
pub const MAX_TEXT_LENGTH: usize = 1_000;

/// What to search for.
#[derive(Clone, Debug)]
pub struct TextSearch {
    pub text: String,
    pub kind: Option<String>,
    /// A memory needs all of them.
    pub tags: Vec<String>,
    pub user: Option<String>,
    pub created_after: i64,
    pub created_before: i64,
    /// Minimum score, from 0 to 1.
    pub score: f64,
    /// Maximum number of memories.
    pub limit: i64,
}

/// Memories that a search found, the best first.
#[derive(Clone, Debug)]
pub struct Found {
    pub memories: Vec<FoundMemory>,
    /// Number of memories, those that the limit left out included.
    pub total: i64,
}

/// A memory that a search found.
#[derive(Clone, Debug)]
pub struct FoundMemory {
    pub id: String,
    pub title: Option<String>,
    pub content: String,
    /// From 0 to 1.
    pub score: f64,
}

impl TextSearch {
    /// Searches for all words of a text, wherever they stand, and ignores what exceeds its maximum length.
    pub fn of_words(text: &str, limit: i64) -> Self {
        Self {
            text: text.chars().take(MAX_TEXT_LENGTH).collect(),
            kind: None,
            tags: Vec::new(),
            user: None,
            created_after: i64::MIN,
            created_before: i64::MAX,
            score: 0.0,
            limit,
        }
    }

    /// The score of a memory depends on that memory alone: statistics of all would tell about other projects.
    pub async fn run(self, connection: &mut Connection, project: &str) -> Result<Found, DatabaseError> {
        let is_postgres = connection.is_postgres();
        let text = if is_postgres { self.text } else { quoted(&self.text) };
        let values = [
            text.into(),
            project.into(),
            self.kind.into(),
            self.user.into(),
            self.created_after.into(),
            self.created_before.into(),
            column::texts(self.tags).into(),
            self.score.into(),
            self.limit.into(),
        ];
        let rows = connection.query(if is_postgres { POSTGRES } else { SQLITE }, &values).await?;
        let total = rows.first().map_or(Ok(0), |row| row.get("total"))?;
        Ok(Found { memories: rows.iter().map(memory).collect::<Result<_, _>>()?, total })
    }
}

fn memory(row: &Row) -> Result<FoundMemory, DatabaseError> {
    Ok(FoundMemory {
        id: row.get("id")?,
        title: row.get("title")?,
        content: row.get("content")?,
        score: row.get("score")?,
    })
}

macro_rules! select {
    ($score:literal, $from:literal, $has_tags:literal) => {
        concat!(
            "SELECT id, title, content, score, count(*) OVER () AS total FROM (SELECT m.seq, m.id, m.title, m.content, ",
            $score,
            " AS score FROM ",
            $from,
            " AND m.project = $2 AND (m.type = $3 OR $3 IS NULL) AND (m.\"user\" = $4 OR $4 IS NULL) \
             AND m.created_at > $5 AND m.created_at < $6 AND ",
            $has_tags,
            ") AS found WHERE score >= $8 ORDER BY score DESC, seq DESC LIMIT $9"
        )
    };
}

/// In both, a word in the title weighs ten times one in the content, and one in a long memory less.
const POSTGRES: &str = select!(
    "ts_rank(setweight(to_tsvector('simple', coalesce(m.title, '')), 'A') \
     || to_tsvector('simple', m.content), query, 1 | 32)::float8",
    "memories m, plainto_tsquery('simple', $1) query \
     WHERE to_tsvector('simple', coalesce(title, '') || ' ' || content) @@ query",
    "m.tags::jsonb @> $7::text::jsonb"
);

/// `highlight` puts a character before each word that was found.
const SQLITE: &str = select!(
    "(SELECT hits / (hits + 10.0 + length(m.content) / 1000.0) FROM (SELECT \
     10.0 * (coalesce(length(highlight(memories_text, 0, '*', '')), 0) - coalesce(length(m.title), 0)) \
     + length(highlight(memories_text, 1, '*', '')) - length(m.content) AS hits))",
    "memories_text JOIN memories m ON m.seq = memories_text.rowid WHERE memories_text MATCH $1",
    "NOT EXISTS (SELECT 1 FROM json_each($7) wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(m.tags)))"
);

/// Each word as a string of FTS5, in which nothing but `"` means anything. No word at all would be an error.
fn quoted(query: &str) -> String {
    if query.trim().is_empty() {
        return r#""""#.to_owned();
    }
    let words = query.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
    words.collect::<Vec<_>>().join(" ")
}
