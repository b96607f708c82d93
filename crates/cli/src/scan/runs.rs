//! Finds the runs of a text that may be encoded: long sequences of characters that occur in encodings.
//!
//! A run continues over line breaks and the indentation after them, because base64 and quoted-printable are often
//! wrapped. The search looks for an aligned block of [`BLOCK`] such characters, or for an escaped line break. So a run
//! without an escaped line break is found only if one of its lines has at least `2 * BLOCK - 1` characters.

use std::ops::Range;

/// Size of a block. Compilers turn the test of a block of this size into a few vector instructions.
const BLOCK: usize = 16;
/// Length of the shortest encoded key, in which a backslash escapes one character.
const MIN_RUN: usize = 53;

/// Returns whether this is a letter, a digit, one of `+ / - _` in base64, or another character of escapes.
const fn is_member(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'a') < 26
        || byte.wrapping_sub(b'/') < 11
        || matches!(byte, b'+' | b'-' | b'_' | b'%' | b'\\' | b'&' | b'#' | b';' | b'=' | b'{' | b'}')
}

/// Calls `visit` with each run. Runs come in their order and do not overlap.
pub(crate) fn for_each(text: &[u8], mut visit: impl FnMut(Range<usize>)) {
    let mut done = 0;
    while let Some(seed) = next_seed(text, done) {
        let start = extend_back(text, seed.start, done);
        done = extend(text, seed.end);
        if done - start >= MIN_RUN {
            visit(start..done);
        }
    }
}

/// Returns a block or an escaped line break that belongs to the first run from `start` on.
fn next_seed(text: &[u8], start: usize) -> Option<Range<usize>> {
    let mut at = start;
    while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        let (block, next) = (&window[..BLOCK], &window[1..]);
        let (mut is_run, mut has_break) = (true, false);
        for (byte, next) in block.iter().zip(next) {
            is_run &= is_member(*byte);
            has_break |= is_escaped_break(*byte, *next);
        }
        if is_run {
            return Some(at..at + BLOCK);
        }
        if has_break && let Some(index) = find_escaped_break(window) {
            return Some(at + index..at + index + 1);
        }
        at += BLOCK;
    }
    let rest = text.get(at..)?;
    if rest.len() == BLOCK && rest.iter().all(|byte| is_member(*byte)) {
        return Some(at..at + BLOCK);
    }
    find_escaped_break(rest).map(|index| at + index..at + index + 1)
}

const fn is_escaped_break(byte: u8, next: u8) -> bool {
    (byte == b'=' || byte == b'\\') & (next == b'\n' || next == b'\r')
}

fn find_escaped_break(text: &[u8]) -> Option<usize> {
    text.windows(2).position(|pair| is_escaped_break(pair[0], pair[1]))
}

/// Returns the end of the run that `text[..end]` ends in.
fn extend(text: &[u8], end: usize) -> usize {
    let is_run = |at: usize| text.get(at).is_some_and(|byte| is_member(*byte));
    let mut end = end;
    loop {
        while is_run(end) {
            end += 1;
        }
        let Some(feed) = text[end..].iter().take(2).position(|byte| *byte == b'\n') else { return end };
        if feed == 1 && text[end] != b'\r' {
            return end;
        }
        let line = end + feed + 1;
        let indent = text[line..].iter().take_while(|byte| is_blank(**byte)).count();
        if !is_run(line + indent) {
            return end;
        }
        end = line + indent;
    }
}

/// Returns the start of the run, as [`extend`] returns its end. The run can't begin before `floor`.
fn extend_back(text: &[u8], start: usize, floor: usize) -> usize {
    let text = &text[floor..start];
    let mut start = text.len();
    loop {
        let is_run = |byte: &&u8| is_member(**byte);
        start -= text[..start].iter().rev().take_while(is_run).count();
        let indent = text[..start].iter().rev().take_while(|byte| is_blank(**byte)).count();
        let Some(line) = text[..start - indent].strip_suffix(b"\n") else { return floor + start };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.last().is_some_and(|byte| is_member(*byte)) {
            return floor + start;
        }
        start = line.len();
    }
}

pub(crate) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &[u8]) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        for_each(text, |run| runs.push((run.start, run.end)));
        runs
    }

    /// Runs of each length are found at each offset from a block, between characters that belong to no run.
    #[test]
    fn runs_of_each_length_are_found_at_each_place() {
        for length in 1..80 {
            for before in 0..40 {
                for after in [0, 1, 17] {
                    let text = [vec![b'.'; before], vec![b'a'; length], vec![b'.'; after]].concat();
                    let expected = (length >= MIN_RUN).then_some((before, before + length));
                    assert_eq!(runs(&text), Vec::from_iter(expected), "{length} {before} {after}");
                }
            }
        }
    }

    #[test]
    fn a_run_continues_over_line_breaks_and_indentation() {
        let line = "a".repeat(31);
        for wrap in ["\n", "\r\n", "\n  ", "\r\n\t \t"] {
            let text = format!("key: {line}{wrap}b{wrap}{line}");
            assert_eq!(runs(text.as_bytes()), [(5, text.len())], "{wrap:?}");
        }
        for wrap in ["\n\n", "\r", "\n\r", " ", " \n", "\n# ", "\n \n"] {
            assert!(runs(format!("{line}{wrap}{line}").as_bytes()).is_empty(), "{wrap:?}");
        }
    }

    #[test]
    fn an_escaped_line_break_starts_a_run() {
        for wrap in ["=\n", "=\r\n", "\\\n", "\\\r\n"] {
            for before in 0..27 {
                let text = format!("{}{wrap}{}", "a".repeat(26), "a".repeat(26));
                let padded = format!("{}{text}", ".".repeat(before));
                assert_eq!(runs(padded.as_bytes()), [(before, padded.len())], "{wrap:?} {before}");
            }
        }
    }

    #[test]
    fn runs_consist_of_these_characters() {
        let members: Vec<u8> = (0..=255).filter(|byte| is_member(*byte)).collect();
        let expected = b"#%&+-/0123456789;=ABCDEFGHIJKLMNOPQRSTUVWXYZ\\_abcdefghijklmnopqrstuvwxyz{}";
        assert_eq!(members, expected);
    }
}
