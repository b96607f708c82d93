//! The order of the memories that a search finds: by the number of different words of the query that a memory has,
//! then by their weight, then by age, the newest first. The scores are computed from whole numbers, in a fixed order,
//! so that both databases give the same scores.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::word_index::Entry;

/// Number of memories with a word at which the word counts as if all memories had it.
const COMMON: f64 = 5_000.0;

/// Sum of weights at which a memory gets half of the score that weights can add.
const HALF: f64 = 20_000.0;

/// The memories that have words of a query, as far as they are known.
pub(super) struct Ranking {
    words: Vec<Word>,
    /// For each memory, the weight of each word. It is 0 if the memory does not have the word, or if that is unknown.
    weights: HashMap<i64, Vec<i64>>,
}

struct Word {
    /// Number of memories that have the word, as far as they were read.
    memories: usize,
    /// The oldest memory that was read, if older ones with the word were left out.
    oldest: Option<i64>,
}

/// A memory with the values that determine its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranked {
    pub(super) memory: i64,
    /// Number of words of the query that it has.
    pub(super) matched: usize,
    relevance: f64,
}

impl Ranked {
    /// Returns the score for a query of `words` words. It is more than 0 and at most 1. A memory with more of the
    /// words has a higher score.
    #[expect(clippy::cast_precision_loss, reason = "queries have few words")]
    pub(super) fn score(&self, words: usize) -> f64 {
        let share = self.relevance / (self.relevance + HALF);
        (self.matched.saturating_sub(1) as f64 + share) / words as f64
    }

    fn key(&self) -> (Reverse<usize>, Reverse<u64>, Reverse<i64>) {
        // positive numbers have the same order as their bits
        (Reverse(self.matched), Reverse(self.relevance.to_bits()), Reverse(self.memory))
    }
}

/// Sorts memories, the best first.
pub(super) fn sort(ranked: &mut [Ranked]) {
    ranked.sort_unstable_by_key(Ranked::key);
}

impl Ranking {
    pub(super) fn new() -> Self {
        Self { words: Vec::new(), weights: HashMap::new() }
    }

    /// Adds the newest memories that have the next of `words` words. `is_cut` says whether older ones were left out.
    pub(super) fn add(&mut self, entries: &[Entry], is_cut: bool, words: usize) {
        let index = self.words.len();
        let oldest = entries.last().map(|entry| entry.memory).filter(|_| is_cut);
        self.words.push(Word { memories: entries.len(), oldest });
        for entry in entries {
            self.weights.entry(entry.memory).or_insert_with(|| vec![0; words])[index] = entry.weight;
        }
    }

    pub(super) fn memories(&self) -> Vec<i64> {
        self.weights.keys().copied().collect()
    }

    /// Leaves out all other memories. They still count towards the number of memories that have a word.
    pub(super) fn retain(&mut self, memories: &HashSet<i64>) {
        self.weights.retain(|memory, _| memories.contains(memory));
    }

    /// Returns memories for which not all words are known, first those that may have the most words.
    pub(super) fn unknown(&self, limit: usize) -> Vec<i64> {
        let mut memories: Vec<_> = self
            .weights
            .iter()
            .filter_map(|(memory, weights)| {
                let unread = self
                    .words
                    .iter()
                    .filter(|word| word.oldest.is_some_and(|oldest| *memory < oldest))
                    .count();
                let known = weights.iter().filter(|weight| **weight > 0).count();
                (unread > 0).then_some(Reverse((known + unread, known, *memory)))
            })
            .collect();
        memories.sort_unstable();
        memories.into_iter().take(limit).map(|Reverse((.., memory))| memory).collect()
    }

    /// Adds the weight of a word in a memory that was unknown.
    pub(super) fn complete(&mut self, word: usize, memory: i64, weight: i64) {
        if let Some(known) = self.weights.get_mut(&memory).and_then(|weights| weights.get_mut(word)) {
            *known = weight;
        }
    }

    /// Returns all memories, the best first. Each list in `wanted` has the places of words of which a memory needs one.
    pub(super) fn ranked(&self, wanted: &[Vec<usize>]) -> Vec<Ranked> {
        let rarity: Vec<f64> = self.words.iter().map(Word::rarity).collect();
        let rank = |(memory, weights): (&i64, &Vec<i64>)| {
            let mut ranked = Ranked { memory: *memory, matched: 0, relevance: 0.0 };
            for same in wanted {
                #[expect(clippy::cast_precision_loss, reason = "weights are small")]
                let best = same.iter().map(|&word| weights[word] as f64 * rarity[word]).fold(0.0, f64::max);
                ranked.matched += usize::from(best > 0.0);
                ranked.relevance += best;
            }
            ranked
        };
        let mut ranked: Vec<_> = self.weights.iter().map(rank).collect();
        sort(&mut ranked);
        ranked
    }
}

impl Word {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn rarity(&self) -> f64 {
        (COMMON / self.memories.max(1) as f64).ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(lists: &[(&[(i64, i64)], bool)]) -> Ranking {
        let mut ranking = Ranking::new();
        for (entries, is_cut) in lists {
            let entry = |&(memory, weight)| Entry { memory, weight };
            let entries: Vec<_> = entries.iter().map(entry).collect();
            ranking.add(&entries, *is_cut, lists.len());
        }
        ranking
    }

    fn order(ranking: &Ranking, wanted: &[Vec<usize>]) -> Vec<(i64, usize)> {
        ranking.ranked(wanted).iter().map(|ranked| (ranked.memory, ranked.matched)).collect()
    }

    #[test]
    fn more_words_then_more_weight_then_the_newest() {
        let ranking = ranking(&[(&[(5, 1), (4, 2), (3, 1), (1, 1)], false), (&[(2, 9000), (1, 1)], false)]);
        assert_eq!(order(&ranking, &[vec![0], vec![1]]), [(1, 2), (2, 1), (4, 1), (5, 1), (3, 1)]);
    }

    #[test]
    fn a_rare_word_weighs_more_than_a_common_one() {
        let ranking = ranking(&[(&[(3, 10), (2, 10)], false), (&[(1, 10)], false)]);
        assert_eq!(order(&ranking, &[vec![0], vec![1]]), [(1, 1), (3, 1), (2, 1)]);
    }

    #[test]
    fn words_that_say_the_same_count_once() {
        let ranking = ranking(&[(&[(3, 5), (2, 5)], false), (&[(2, 5), (1, 5)], false)]);
        assert_eq!(order(&ranking, &[vec![0, 1]]), [(3, 1), (2, 1), (1, 1)]);
    }

    #[test]
    fn a_memory_that_the_filter_forbids_is_counted_only() {
        let mut ranking = ranking(&[(&[(2, 1), (1, 1)], false)]);
        ranking.retain(&HashSet::from([1, 7]));
        assert_eq!(order(&ranking, &[vec![0]]), [(1, 1)]);
        assert_eq!(ranking.words[0].memories, 2);
    }

    #[test]
    fn unread_memories_are_looked_up() {
        let mut ranking = ranking(&[(&[(9, 1), (8, 1)], true), (&[(9, 1), (3, 1), (2, 1)], false)]);
        assert_eq!(ranking.unknown(10), [3, 2]);
        assert_eq!(ranking.unknown(1), [3]);
        ranking.complete(0, 2, 7);
        ranking.complete(0, 1, 7);
        assert_eq!(order(&ranking, &[vec![0], vec![1]]), [(2, 2), (9, 2), (8, 1), (3, 1)]);
    }

    #[test]
    fn memories_that_may_have_most_words_are_looked_up_first() {
        let ranking = ranking(&[
            (&[(9, 1), (8, 1)], true),
            (&[(9, 1), (7, 1), (6, 1)], true),
            (&[(9, 1), (6, 1)], true),
            (&[(9, 1), (7, 1), (5, 1)], false),
        ]);
        // 5 has one word and perhaps three more; 7 and 6 have two and perhaps one more
        assert_eq!(ranking.unknown(10), [5, 7, 6]);
        assert_eq!(ranking.unknown(2), [5, 7]);
    }

    #[test]
    fn scores_follow_the_order_and_lie_between_0_and_1() {
        let lists: Vec<Vec<(i64, i64)>> =
            (0..5).map(|word| (word..40).rev().map(|memory| (memory, memory * 1000 + 1)).collect()).collect();
        let lists: Vec<_> = lists.iter().map(|list| (list.as_slice(), false)).collect();
        let ranked = ranking(&lists).ranked(&[vec![0], vec![1], vec![2], vec![3], vec![4]]);
        let scores: Vec<f64> = ranked.iter().map(|ranked| ranked.score(5)).collect();
        assert!(scores.iter().all(|score| *score > 0.0 && *score < 1.0), "{scores:?}");
        assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    }
}
