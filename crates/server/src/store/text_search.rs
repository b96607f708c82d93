//! Search for memories that have words of a text.
//!
//! The cost of a search is bounded. It reads a limited number of entries of the word index, looks up a limited number
//! of memories in the entries that it did not read, and is interrupted after [`TIME_LIMIT`].

use std::time::Duration;

use tokio::time::timeout;

use super::memory::{self, Memory};
use super::ranking::{self, Ranked, Ranking};
use super::word_index::{self, Corpus, SearchFilter};
use super::words::{self, Wanted};
use crate::database::{Connection, Database, DatabaseError};

/// Maximum length of the text, in characters.
pub const MAX_TEXT_LENGTH: usize = 1_000;

/// Maximum number of different words of the text that count.
pub const MAX_WORDS: usize = 32;

/// Maximum number of memories that are read for a word, from the newest on.
pub const MAX_MEMORIES_OF_WORD: usize = 5_000;

/// Maximum number of memories that are read for all words together.
pub const MAX_CANDIDATES: usize = 20_000;

/// Maximum time that the database works on a search.
pub const TIME_LIMIT: Duration = Duration::from_millis(250);

/// Maximum number of memories that are looked up for the words whose older memories were not read.
const MAX_COMPLETED: usize = 1_000;

/// Maximum number of memories whose text is read to find words that must be adjacent.
const MAX_READ: usize = 100;

/// Selection of the results among the memories that have words of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// All memories.
    #[default]
    Any,
    /// The memories that have as many words as the best one.
    Best,
}

/// Parameters of a search.
#[derive(Clone, Debug)]
pub struct TextSearch {
    pub text: String,
    pub user: Option<String>,
    pub filter: SearchFilter,
    pub precision: Precision,
    /// Minimum score, from 0 to 1.
    pub score: f64,
    /// Maximum number of memories.
    pub limit: usize,
}

/// Memories that a search found, the best first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub memories: Vec<FoundMemory>,
    /// Number of memories, including those that the limit left out.
    pub total: usize,
}

/// A memory that a search found.
#[derive(Clone, Debug)]
pub struct FoundMemory {
    pub memory: Memory,
    /// Score of the memory, which is more than 0 and at most 1.
    pub score: f64,
}

impl TextSearch {
    /// Returns a search for the words of a text. The text is cut to its maximum length.
    pub fn of_words(text: &str, limit: usize) -> Self {
        Self {
            text: text.chars().take(MAX_TEXT_LENGTH).collect(),
            user: None,
            filter: SearchFilter::ALL,
            precision: Precision::Any,
            score: 0.0,
            limit,
        }
    }

    /// Searches a project. Data of other projects does not affect the result.
    ///
    /// # Errors
    ///
    /// - The database needs more than [`TIME_LIMIT`], or too many searches run: [`DatabaseError::Busy`].
    /// - The database fails.
    pub async fn run(self, database: &Database, project: &str) -> Result<Found, DatabaseError> {
        let wanted = words::wanted(&self.text, MAX_WORDS);
        // no memory has an empty user id, and the word index has the memories of all users under it
        if wanted.is_empty() || self.user.as_deref() == Some("") {
            return Ok(Found::default());
        }
        let mut reading = database.begin_reading(TIME_LIMIT).await?;
        let found = timeout(TIME_LIMIT, self.find(&mut reading, project, &wanted)).await;
        found.unwrap_or(Err(DatabaseError::Busy))
    }

    async fn find(
        self,
        connection: &mut Connection,
        project: &str,
        wanted: &[Wanted],
    ) -> Result<Found, DatabaseError> {
        let mut ranked = self.ranked(connection, project, wanted).await?;
        let together: Vec<_> = wanted.iter().filter_map(together).collect();
        if !together.is_empty() {
            find_together(connection, project, &mut ranked, &together).await?;
        }
        if self.precision == Precision::Best {
            let best = ranked.first().map_or(0, |ranked| ranked.matched);
            ranked.retain(|ranked| ranked.matched == best);
        }
        ranked.retain(|ranked| ranked.score(wanted.len()) >= self.score);
        let total = ranked.len();
        ranked.truncate(self.limit);
        let memories = memory::of_seqs(connection, project, &seqs(&ranked)).await?;
        let found = ranked.iter().filter_map(|ranked| {
            let memory = memories.iter().find(|memory| memory.seq == ranked.memory)?.clone();
            Some(FoundMemory { memory, score: ranked.score(wanted.len()) })
        });
        Ok(Found { memories: found.collect(), total })
    }

    async fn ranked(
        &self,
        connection: &mut Connection,
        project: &str,
        wanted: &[Wanted],
    ) -> Result<Vec<Ranked>, DatabaseError> {
        let corpus = Corpus::new(project, self.user.as_deref());
        let mut keys: Vec<i64> = Vec::new();
        let mut place = |word: &String| {
            let key = corpus.key(word);
            keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key);
                keys.len() - 1
            })
        };
        let places: Vec<Vec<usize>> = wanted
            .iter()
            .map(|wanted| match wanted {
                Wanted::Word(words) => words.iter().map(&mut place).collect(),
                Wanted::Together(_) => Vec::new(),
            })
            .collect();
        let limit = MAX_MEMORIES_OF_WORD.min(MAX_CANDIDATES / keys.len().max(1));
        let rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut ranking = Ranking::new();
        for &key in &keys {
            let entries = word_index::newest(connection, key, rows).await?;
            ranking.add(&entries, entries.len() == limit, keys.len());
        }
        if !self.filter.allows_all() {
            let memories = ranking.memories();
            ranking.retain(&word_index::allowed(connection, &memories, &self.filter).await?);
        }
        let unknown = ranking.unknown(MAX_COMPLETED);
        if !unknown.is_empty() {
            for (word, memory, weight) in word_index::of_memories(connection, &keys, &unknown).await? {
                if let Some(word) = keys.iter().position(|key| *key == word) {
                    ranking.complete(word, memory, weight);
                }
            }
        }
        Ok(ranking.ranked(&places))
    }
}

fn together(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Together(text) => Some(text),
        Wanted::Word(_) => None,
    }
}

/// Counts the texts of `together` that the best memories contain, and sorts the memories again.
async fn find_together(
    connection: &mut Connection,
    project: &str,
    ranked: &mut [Ranked],
    together: &[&str],
) -> Result<(), DatabaseError> {
    let count = ranked.len().min(MAX_READ);
    let best = &mut ranked[..count];
    let memories = memory::of_seqs(connection, project, &seqs(best)).await?;
    for Memory { seq, title, content, .. } in &memories {
        let texts = [words::normalized(title.as_deref().unwrap_or_default()), words::normalized(content)];
        let found = together.iter().filter(|wanted| texts.iter().any(|text| text.contains(**wanted)));
        if let Some(ranked) = best.iter_mut().find(|ranked| ranked.memory == *seq) {
            ranked.matched += found.count();
        }
    }
    ranking::sort(ranked);
    Ok(())
}

fn seqs(ranked: &[Ranked]) -> Vec<i64> {
    ranked.iter().map(|ranked| ranked.memory).collect()
}
