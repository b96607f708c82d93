//! The search for memories that have all words of a query.

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use super::fields;
use super::paging::{USUAL, checked};
use crate::database::{Connection, DatabaseError, Row};
use crate::http::api_error::ApiError;

/// The longest query, in characters.
const LONGEST_QUERY: usize = 1_000;

/// What is looked for.
pub struct Search {
    query: String,
    kind: Option<String>,
    tags: Vec<String>,
    user: Option<String>,
    after: i64,
    before: i64,
    score: f64,
    limit: i64,
}

/// What was found, the best first.
pub struct Found {
    pub memories: Vec<FoundMemory>,
    /// Also of those that the limit left out.
    pub total: i64,
}

pub struct FoundMemory {
    pub id: String,
    pub title: Option<String>,
    pub content: String,
    /// Between 0 and 1.
    pub score: f64,
}

impl Search {
    /// All words of a text, wherever they stand, of one user if there is one.
    pub fn of_words(text: &str, user: Option<String>, limit: i64) -> Self {
        let query = text.chars().take(LONGEST_QUERY).collect();
        let (after, before) = (i64::MIN, i64::MAX);
        Self { query, kind: None, tags: Vec::new(), user, after, before, score: 0.0, limit }
    }

    /// Tags come as one parameter each, or with commas between. What is not known is ignored.
    pub fn from_parameters(parameters: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut search = Self::of_words("", None, USUAL);
        for (name, value) in parameters {
            match name.as_str() {
                "query" => search.query = value,
                "type" => search.kind = Some(value),
                "tags" => search.tags.extend(value.split(',').map(|tag| tag.trim().to_owned())),
                "user_id" | "userId" => search.user = Some(value),
                "created_after" | "createdAfter" => search.after = seconds_of(&value, "created_after")?,
                "created_before" | "createdBefore" => search.before = seconds_of(&value, "created_before")?,
                "score_threshold" | "scoreThreshold" => search.score = score(&value)?,
                "limit" => search.limit = limit(&value)?,
                _ => {}
            }
        }
        fields::check("query", &search.query, &(1..=LONGEST_QUERY))?;
        search.tags.retain(|tag| !tag.is_empty());
        Ok(search)
    }

    /// A memory's score depends on that memory alone: statistics of all of them would tell of other projects.
    pub async fn run(self, connection: &mut Connection, project: &str) -> Result<Found, DatabaseError> {
        let is_postgres = connection.is_postgres();
        let query = if is_postgres { self.query } else { quoted(&self.query) };
        let values = [
            query.into(),
            project.into(),
            self.kind.into(),
            self.user.into(),
            self.after.into(),
            self.before.into(),
            serde_json::Value::from(self.tags).to_string().into(),
            self.score.into(),
            self.limit.into(),
        ];
        let rows = connection.query(if is_postgres { POSTGRES } else { SQLITE }, &values).await?;
        let mut found = Found { memories: Vec::new(), total: 0 };
        for row in rows {
            found.total = row.get("total")?;
            found.memories.push(memory(&row)?);
        }
        Ok(found)
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

/// ISO 8601; without a zone it is UTC, without a time the day's beginning.
fn seconds_of(text: &str, name: &str) -> Result<i64, ApiError> {
    let format = &Iso8601::PARSING;
    let time = OffsetDateTime::parse(text, format)
        .or_else(|_| PrimitiveDateTime::parse(text, format).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, format).map(|date| date.with_time(Time::MIDNIGHT).assume_utc()));
    time.map(OffsetDateTime::unix_timestamp)
        .map_err(|_| ApiError::invalid(format!("`{name}` is a time as in 2026-11-23T14:05:00Z")))
}

fn score(text: &str) -> Result<f64, ApiError> {
    let score = text.parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or(ApiError::invalid("`score_threshold` is a number from 0 to 1"))
}

fn limit(text: &str) -> Result<i64, ApiError> {
    checked(text.parse().unwrap_or(0))
}
