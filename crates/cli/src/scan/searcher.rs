//! Finds keys in the bytes of a reader, which it reads piece by piece into one buffer.
//!
//! ```text
//! piece 1            ├──── keys that start here belong to piece 1 ──────────┤ ahead ┤
//! piece 2                                                          ┤ before ├──────── … ┤
//! ```
//!
//! The bytes ahead are more than the longest form of a key, which is an encoded one ([`MAX_ENCODED`]). So the piece
//! holds all of a key that starts before the bytes ahead. A key that starts in the bytes ahead belongs to the next
//! piece. No key is lost, and none is found twice. The bytes before and ahead also hold the rest of the key's line, in
//! which a comment may allow the key.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use ctx_key::{ApiKey, KeyId, scan};
use memchr::memmem::{self, Finder};

use crate::scan::decode::{self, Decoder, Hit, KEY};
use crate::scan::finding::Find;

/// Size of a piece. A piece fits in the second-level cache, so the searches read from there what the kernel has just
/// copied. Unit tests use a smaller piece, so that less text crosses the borders between pieces.
const PIECE: usize = if cfg!(test) { 32 } else { 256 } * 1024;
/// Number of bytes before a key, and after it, that are searched for a comment that allows the key.
const CONTEXT: usize = 1024;
/// Number of bytes of a key in UTF-16, without the zero byte at one end.
const WIDE_KEY: usize = 2 * KEY - 1;
/// Maximum number of bytes of an encoded key. At each of the three depths, each character becomes an escape of six
/// characters, such as `\u0063`.
const MAX_ENCODED: usize = KEY * 6 * 6 * 6;
/// Number of bytes ahead.
const AHEAD: usize = MAX_ENCODED + CONTEXT;

/// The prefix in UTF-16. Without the zero byte at one end, it is the same in both byte orders.
const WIDE_PREFIX: &[u8] = b"c\0t\0x\0_";
/// A comment with these characters on the line of a key allows it.
const ALLOW: &[u8] = b"ctx-key:allow";

/// Searches readers for keys. Each thread has its own searcher.
pub(crate) struct Searcher {
    piece: Vec<u8>,
    wide_prefix: Finder<'static>,
    decoder: Option<Decoder>,
}

impl Searcher {
    pub(crate) fn new(decodes: bool) -> Self {
        let decoder = decodes.then(Decoder::default);
        Self { piece: vec![0; PIECE], wide_prefix: Finder::new(WIDE_PREFIX), decoder }
    }

    /// Searches all that `reader` yields, and returns the number of bytes. It also finds the keys before an error.
    pub(crate) fn search(&mut self, mut reader: impl Read, found: impl FnMut(Find)) -> io::Result<u64> {
        let first = self.begin(&mut reader);
        self.finish(first, reader, found)
    }

    /// Reads the first piece, with which [`finish`](Self::finish) continues.
    pub(crate) fn begin(&mut self, reader: &mut impl Read) -> Filled {
        fill(reader, &mut self.piece)
    }

    pub(crate) fn text(&self, first: &Filled) -> &[u8] {
        &self.piece[..first.count]
    }

    pub(crate) fn finish(
        &mut self,
        first: Filled,
        mut reader: impl Read,
        mut found: impl FnMut(Find),
    ) -> io::Result<u64> {
        let mut cursor = Cursor::default();
        // A piece that begins within an encoded key may hold a shorter text that decodes to the same key.
        let mut last: Option<(KeyId, u64)> = None;
        let mut found = |find: Find| {
            let is_same = |&(id, middle)| id == find.id && find.offset < middle;
            if !last.as_ref().is_some_and(is_same) {
                last = Some((find.id, find.offset + find.length as u64 / 2));
                found(find);
            }
        };
        let (mut before, mut filled, mut read) = (0, 0, first);
        loop {
            filled += read.count;
            if cursor.offset == 0 {
                cursor.mark = Mark::of(&self.piece[..filled]);
            }
            let is_last = filled < PIECE;
            let end = if is_last { filled } else { PIECE - AHEAD };
            self.search_piece(filled, before..end, &cursor, &mut found);
            if is_last || read.error.is_some() {
                return read.error.map_or(Ok(cursor.offset + (filled - before) as u64), Err);
            }
            cursor.advance(&self.piece, before..end);
            self.piece.copy_within(end - CONTEXT.., 0);
            (before, filled) = (CONTEXT, CONTEXT + AHEAD);
            read = fill(&mut reader, &mut self.piece[filled..]);
        }
    }

    /// Finds the keys that start in the range `owned` of the piece, in the order of their offsets.
    fn search_piece(
        &mut self,
        filled: usize,
        owned: Range<usize>,
        cursor: &Cursor,
        found: &mut impl FnMut(Find),
    ) {
        let piece = &self.piece[..filled];
        let text = &piece[owned.start..];
        let hit = |start, id, unit| Hit {
            range: start..start + unit * (KEY - 1) + 1,
            id,
            encodings: Vec::new(),
            unit,
        };
        let narrow = scan::find_iter(text).map(|key| hit(key.range().start, key.id(), 1));
        let wide = self.wide_prefix.find_iter(text).filter_map(|start| {
            let key = parse_utf_16(text.get(start..)?.first_chunk()?)?;
            Some(hit(start, key.id(), 2))
        });
        let mut hits: Vec<_> = narrow.chain(wide).collect();
        if let Some(decoder) = &mut self.decoder {
            hits.extend(decoder.find(text));
        }
        hits.retain(|hit| hit.range.start < owned.len());
        decode::sort(&mut hits);
        let (mut cursor, mut passed) = (cursor.clone(), owned.start);
        for hit in hits {
            let range = owned.start + hit.range.start..owned.start + hit.range.end;
            cursor.advance(piece, passed..range.start);
            passed = range.start;
            found(cursor.find(piece, range, hit));
        }
    }
}

/// Parses a key in UTF-16.
fn parse_utf_16(text: &[u8; WIDE_KEY]) -> Option<ApiKey> {
    let mut narrow = [0; KEY];
    for (index, byte) in text.iter().enumerate() {
        match index % 2 {
            0 => narrow[index / 2] = *byte,
            _ if *byte == 0 => {}
            _ => return None,
        }
    }
    ApiKey::parse(narrow).ok()
}

/// Returns whether the comment stands on the line of the key, at most [`CONTEXT`] bytes before or after the key.
fn is_allowed(piece: &[u8], key: Range<usize>, unit: usize, is_low_first: bool) -> bool {
    let before = &piece[key.start.saturating_sub(CONTEXT)..key.start];
    let after = &piece[key.end..piece.len().min(key.end + CONTEXT)];
    // The range of a key begins and ends with a low byte. So the zero bytes of its first character (high byte first)
    // or of its last one (low byte first) lie outside the range.
    let zeros = unit - 1;
    let (before, after) = match is_low_first {
        true => (before, after.get(zeros..).unwrap_or_default()),
        false => (&before[..before.len().saturating_sub(zeros)], after),
    };
    match unit {
        1 => line_allows(before, after),
        _ => {
            let narrow = |bytes: &[u8]| narrow_unit(bytes, is_low_first);
            let before: Vec<u8> = before.rchunks_exact(unit).rev().map(narrow).collect();
            let after: Vec<u8> = after.chunks_exact(unit).map(narrow).collect();
            line_allows(&before, &after)
        }
    }
}

fn line_allows(before: &[u8], after: &[u8]) -> bool {
    let start = memchr::memrchr(b'\n', before).map_or(0, |feed| feed + 1);
    let end = memchr::memchr(b'\n', after).unwrap_or(after.len());
    memmem::find(&before[start..], ALLOW).is_some() || memmem::find(&after[..end], ALLOW).is_some()
}

/// Returns the low byte of a character below U+0100, or `?` for any other character.
fn narrow_unit(bytes: &[u8], is_low_first: bool) -> u8 {
    match bytes {
        [low, zeros @ ..] if is_low_first && zeros.iter().all(|zero| *zero == 0) => *low,
        [zeros @ .., low] if !is_low_first && zeros.iter().all(|zero| *zero == 0) => *low,
        _ => b'?',
    }
}

/// The byte order mark that a text begins with.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    None,
    Utf8,
    Utf16Little,
    Utf16Big,
    /// UTF-32 in either byte order.
    Utf32,
}

impl Mark {
    fn of(text: &[u8]) -> Self {
        match text {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Self::Utf32,
            [0xef, 0xbb, 0xbf, ..] => Self::Utf8,
            [0xff, 0xfe, ..] => Self::Utf16Little,
            [0xfe, 0xff, ..] => Self::Utf16Big,
            _ => Self::None,
        }
    }
}

/// A place in a text. Until a key is found, nothing shows whether the text is in bytes, in UTF-16 of either byte
/// order or in UTF-32. So the cursor counts lines, which end with a line feed, in all of these.
#[derive(Clone, Default)]
struct Cursor {
    offset: u64,
    mark: Mark,
    narrow: Line,
    utf_16_little: Line,
    utf_16_big: Line,
    utf_32: Line,
}

/// The line of the cursor.
#[derive(Clone, Default)]
struct Line {
    /// Number of the line, from 0.
    number: u64,
    /// Offset of the first byte of the line.
    start: u64,
    /// Number of bytes between `start` and the cursor that do not begin a character; in UTF-16, of low surrogates.
    continued: u64,
}

impl Cursor {
    /// Moves over `range` of the piece.
    fn advance(&mut self, piece: &[u8], range: Range<usize>) {
        let first = self.offset;
        self.offset += range.len() as u64;
        let text = &piece[range.clone()];
        self.narrow.advance(text, first);
        // A line feed in UTF-16 or UTF-32 contains a zero byte.
        if matches!(self.mark, Mark::Utf16Little | Mark::Utf16Big) || memchr::memchr(0, text).is_some() {
            self.utf_16_little.advance_utf_16(piece, range.clone(), first, 0, self.mark == Mark::Utf16Little);
            self.utf_16_big.advance_utf_16(piece, range.clone(), first, 1, self.mark == Mark::Utf16Big);
            self.utf_32.advance_utf_32(piece, range, first);
        }
    }

    /// Returns the find for the key that starts at the cursor.
    fn find(&self, piece: &[u8], range: Range<usize>, hit: Hit) -> Find {
        let is_allowed = is_allowed(piece, range.clone(), hit.unit, self.is_low_first(hit.unit));
        let (line, column, character) = self.place(hit.unit);
        let end = if hit.encodings.is_empty() {
            (line, character + KEY as u64)
        } else {
            let mut last = self.clone();
            last.advance(piece, range.start..range.end - 1);
            let (line, _, character) = last.place(hit.unit);
            (line, character + 1)
        };
        Find {
            offset: self.offset,
            length: range.len(),
            line,
            column,
            character,
            end_line: end.0,
            end_character: end.1,
            id: hit.id,
            member: Vec::new(),
            encodings: hit.encodings.into_iter().rev().collect(),
            is_allowed,
        }
    }

    /// Returns whether a character begins with its low byte, which is at the cursor. If no mark of UTF-16 says so,
    /// characters are taken to begin at multiples of their size.
    fn is_low_first(&self, unit: usize) -> bool {
        match (unit, self.mark) {
            (2, Mark::Utf16Little) => true,
            (2, Mark::Utf16Big) => false,
            _ => self.offset.is_multiple_of(unit as u64),
        }
    }

    /// Returns the line, the column in units, and the column in characters, for a text with units of `unit` bytes.
    fn place(&self, unit: usize) -> (u64, u64, u64) {
        let line = match (unit, self.mark) {
            (1, _) => &self.narrow,
            (4, _) => &self.utf_32,
            _ if self.is_low_first(unit) => &self.utf_16_little,
            _ => &self.utf_16_big,
        };
        let has_mark = line.number == 0
            && match unit {
                1 => self.mark == Mark::Utf8,
                2 => matches!(self.mark, Mark::Utf16Little | Mark::Utf16Big),
                _ => self.mark == Mark::Utf32,
            };
        let units = self.offset.saturating_sub(line.start) / unit as u64;
        let mark = match (has_mark, unit) {
            (false, _) => (0, 0),
            (true, 1) => (3, 1),
            (true, _) => (1, 1),
        };
        let column = (units + 1).saturating_sub(mark.0);
        (line.number + 1, column, (units + 1).saturating_sub(line.continued + mark.1))
    }
}

impl Line {
    /// Moves over a text that begins at the offset `first`.
    fn advance(&mut self, text: &[u8], first: u64) {
        let mut rest = text;
        if let Some(feed) = memchr::memrchr(b'\n', text) {
            self.number += memchr::memchr_iter(b'\n', text).count() as u64;
            rest = &text[feed + 1..];
            (self.start, self.continued) = (first + feed as u64 + 1, 0);
        }
        self.continued += rest.iter().filter(|byte| **byte & 0b1100_0000 == 0b1000_0000).count() as u64;
    }

    /// Does the same for UTF-16, where `low` is the index of the low byte in a code unit. Code units begin at even
    /// offsets. Surrogates are counted only if a mark shows this byte order: counting is slow, and files without a
    /// mark are mostly binary.
    fn advance_utf_16(&mut self, piece: &[u8], range: Range<usize>, first: u64, low: usize, is_marked: bool) {
        let parity = |index: usize| (first as usize % 2 + (index - range.start)) % 2;
        let mut rest = range.start;
        for feed in memchr::memchr_iter(b'\n', &piece[range.clone()]) {
            let index = range.start + feed;
            let high =
                if low == 0 { piece.get(index + 1) } else { index.checked_sub(1).map(|index| &piece[index]) };
            if parity(index) == low && high == Some(&0) {
                self.number += 1;
                rest = index + 1;
                (self.start, self.continued) = (first + (rest - range.start) as u64 + 1 - low as u64, 0);
            }
        }
        if !is_marked {
            return;
        }
        let is_low_surrogate = |index: usize| parity(index) != low && (0xdc..=0xdf).contains(&piece[index]);
        self.continued += (rest..range.end).filter(|index| is_low_surrogate(*index)).count() as u64;
    }

    /// Does the same for UTF-32 in both byte orders. Characters begin at multiples of four.
    fn advance_utf_32(&mut self, piece: &[u8], range: Range<usize>, first: u64) {
        for feed in memchr::memchr_iter(b'\n', &piece[range.clone()]) {
            let index = range.start + feed;
            let zeros = match (first + feed as u64) % 4 {
                0 => piece.get(index + 1..index + 4),
                3 => index.checked_sub(3).map(|start| &piece[start..index]),
                _ => None,
            };
            if zeros == Some(&[0; 3]) {
                self.number += 1;
                self.start = first + feed as u64 + 1;
            }
        }
    }
}

/// The result of a read.
pub(crate) struct Filled {
    pub(crate) count: usize,
    pub(crate) error: Option<io::Error>,
}

/// Reads until the buffer is full or the reader ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Filled {
    let mut count = 0;
    while count < buffer.len() {
        match reader.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Filled { count, error: Some(error) },
        }
    }
    Filled { count, error: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that yields few bytes at a time, as pipes do.
    struct Trickle<'t>(&'t [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (head, tail) = self.0.split_at(count);
            buffer[..count].copy_from_slice(head);
            self.0 = tail;
            Ok(count)
        }
    }

    fn wide(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn search(text: &[u8]) -> Vec<(u64, u64, u64, u64)> {
        let mut found = Vec::new();
        let length = Searcher::new(true).search(text, |find| found.push(find)).unwrap();
        assert_eq!(length, text.len() as u64);
        found.iter().map(|find| (find.offset, find.line, find.column, find.character)).collect()
    }

    /// Puts a key around the first border between pieces (at each offset), the end of the first piece, and the second
    /// border.
    #[test]
    fn a_key_at_a_border_is_found_once() {
        let key = ApiKey::generate();
        let narrow = key.expose_secret().as_bytes().to_vec();
        let little = wide(key.expose_secret(), u16::to_le_bytes);
        let big = wide(key.expose_secret(), u16::to_be_bytes);
        let mut searcher = Searcher::new(false);
        let first = PIECE - AHEAD;
        for (border, step) in [(first, 1), (PIECE, 13), (2 * first - CONTEXT, 5)] {
            for (form, zero_first) in [(&narrow, 0), (&little, 0), (&big, 1)] {
                let mut text = vec![b'.'; 3 * PIECE];
                for start in (border - WIDE_KEY - 55..border + 2).step_by(step) {
                    text[start..start + form.len()].copy_from_slice(form);
                    let mut found = Vec::new();
                    // The text ends soon after the border, to save time.
                    searcher.search(&text[..border + 4 * AHEAD], |find| found.push(find)).unwrap();
                    let offsets: Vec<_> = found.iter().map(|find| find.offset).collect();
                    assert_eq!(offsets, [(start + zero_first) as u64], "{border} {zero_first}");
                    text[start..start + form.len()].fill(b'.');
                }
            }
        }
    }

    /// Tries the longest form of a key and a short one.
    #[test]
    fn an_encoded_key_at_a_border_is_found_once() {
        let key = ApiKey::generate();
        let escape = |text: &str| text.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<String>();
        let long = escape(&escape(&escape(key.expose_secret())));
        assert_eq!(long.len(), MAX_ENCODED);
        let hex: String = key.expose_secret().bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut searcher = Searcher::new(true);
        let first = PIECE - AHEAD;
        let places =
            [first - long.len(), first - 216, first - 104, first - 1, first, first + 1, PIECE - 60, PIECE];
        for form in [&long, &hex] {
            for place in places {
                // With digits before and after the key, a run crosses the border.
                for filler in [b'.', b'A', b'a'] {
                    let mut text = vec![filler; place];
                    text.extend_from_slice(form.as_bytes());
                    text.extend_from_slice(&vec![filler; 2 * AHEAD]);
                    let mut found = Vec::new();
                    searcher.search(&text[..], |find| found.push((find.offset, find.length))).unwrap();
                    assert_eq!(found, [(place as u64, form.len())], "{place} {filler}");
                }
            }
        }
    }

    #[test]
    fn a_key_with_an_escaped_escape_at_a_border_is_found_once() {
        let key = ApiKey::generate();
        let text =
            [vec![b'.'; PIECE - AHEAD - 1], b"\\\\u0063".to_vec(), key.expose_secret()[1..].into()].concat();
        let padded = [text, vec![b'.'; 2 * AHEAD]].concat();
        assert_eq!(
            search(&padded),
            [((PIECE - AHEAD - 1) as u64, 1, (PIECE - AHEAD) as u64, (PIECE - AHEAD) as u64)]
        );
    }

    /// The test counts lines and columns itself while it writes the text.
    #[test]
    fn many_keys_in_many_pieces_have_the_right_places() {
        let key = ApiKey::generate();
        let mut text = Vec::new();
        let mut expected = Vec::new();
        let (mut line, mut column, mut character) = (1, 1, 1);
        for index in 0..2000 {
            let before = "ä ".repeat(index % 197);
            text.extend_from_slice(before.as_bytes());
            (column, character) = (column + before.len() as u64, character + before.chars().count() as u64);
            expected.push((text.len() as u64, line, column, character));
            text.extend_from_slice(key.expose_secret().as_bytes());
            (column, character) = (column + 52, character + 52);
            if index % 3 != 0 {
                text.extend_from_slice(b"\n\n");
                (line, column, character) = (line + 2, 1, 1);
            }
        }
        assert!(text.len() > 2 * PIECE);
        let found = search(&text);
        assert_eq!(found, expected);
        for step in [1000, PIECE - 1, PIECE] {
            let mut trickled = Vec::new();
            Searcher::new(true).search(Trickle(&text, step), |find| trickled.push(find)).unwrap();
            assert!(trickled.iter().map(|find| find.offset).eq(found.iter().map(|find| find.0)), "{step}");
        }
    }

    /// 上 is U+4E0A and ਀ is U+0A00, so each contains the byte of a line feed.
    #[test]
    fn lines_of_utf_16_are_counted_in_code_units() {
        let key = ApiKey::generate();
        let lines = "上上ਊ਀\n".repeat(12_000);
        let text = format!("{lines}𝒳上਀ {}", key.expose_secret());
        for (to_bytes, zero_first) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
            let offset = (12_000 * 5 + 5) * 2 + zero_first;
            assert_eq!(search(&wide(&text, to_bytes)), [(offset, 12_001, 6, 6)]);
            let marked = wide(&format!("\u{feff}{text}"), to_bytes);
            assert_eq!(search(&marked), [(offset + 2, 12_001, 6, 5)]);
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_a_column() {
        let key = ApiKey::generate();
        let text = format!("\u{feff}ä{0}\n\u{feff}{0}", key.expose_secret());
        assert_eq!(search(text.as_bytes()), [(5, 1, 3, 2), (61, 2, 4, 2)]);
        // Before a key in bytes, the mark of UTF-16 counts as two ordinary bytes.
        let narrow = [b"\xff\xfe", key.expose_secret().as_bytes()].concat();
        assert_eq!(search(&narrow), [(2, 1, 3, 3)]);
        for to_bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let found = search(&wide(&text, to_bytes));
            assert_eq!(found.iter().map(|find| (find.1, find.2)).collect::<Vec<_>>(), [(1, 2), (2, 2)]);
        }
    }

    #[test]
    fn a_comment_allows_the_keys_on_its_line() {
        let key = ApiKey::generate();
        let key = key.expose_secret();
        let text = format!("{key} ctx-key:allow\n{key}\nctx-key:allow {key}{key}\n{key} CTX-KEY:ALLOW\n");
        let wide: Vec<u8> = format!("上\n{text}").encode_utf16().flat_map(u16::to_be_bytes).collect();
        for text in [text.as_bytes(), &wide] {
            for padding in (0..300).step_by(12).map(|before| PIECE - AHEAD - before).chain([0]) {
                let text = [vec![b'\n'; padding & !1], text.to_vec()].concat();
                let mut found = Vec::new();
                Searcher::new(true).search(&text[..], |find| found.push(find.is_allowed)).unwrap();
                assert_eq!(found, [true, false, true, true, false], "{padding}");
            }
        }
    }

    #[test]
    fn keys_in_utf_16_are_found_in_both_byte_orders() {
        let text = format!("\u{feff}ä\r\nkey = {}\n", ApiKey::generate().expose_secret());
        for (to_bytes, offset) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 20), (u16::to_be_bytes, 21)] {
            let text = wide(&text, to_bytes);
            assert_eq!(search(&text), [(offset, 2, 7, 7)]);
            // Tries the text without the mark and the first line, then at an odd offset, then cut off within the key.
            assert_eq!(search(&text[8..]), [(offset - 8, 1, 7, 7)]);
            assert_eq!(search(&[b"!", &text[..]].concat())[0].0, offset + 1);
            assert_eq!(search(&text[..text.len() - 4]), []);
            // A character that shares only the low byte with a character of the key is another character.
            let mut foreign = text.clone();
            foreign[offset as usize + 41] = 1;
            assert_eq!(search(&foreign), []);
        }
    }

    /// Without a mark, the offset of the key shows the byte order, because characters begin at even offsets.
    #[test]
    fn lines_of_utf_16_without_a_mark_are_counted() {
        let text = format!("ä\n\nkey = {}", ApiKey::generate().expose_secret());
        for (to_bytes, zero_first) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
            let found = search(&wide(&text, to_bytes));
            assert_eq!(found, [(18 + zero_first, 3, 7, 7)]);
        }
    }

    /// Columns are counted from the start of each line, whatever the previous line holds.
    #[test]
    fn characters_of_the_line_before_do_not_count() {
        let key = ApiKey::generate();
        let text = format!("\u{feff}𝒳ä𝒳 {0}\n𝒳𝒳ä\nä𝒳 {0}", key.expose_secret());
        assert_eq!(search(text.as_bytes()), [(14, 1, 12, 5), (85, 3, 8, 4)]);
        for (to_bytes, zero_first) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
            let expected = [(14 + zero_first, 1, 7, 5), (140 + zero_first, 3, 5, 4)];
            assert_eq!(search(&wide(&text, to_bytes)), expected);
        }
        // no byte before the key is zero
        let first = format!("\u{feff}𝒳𝒳{}", key.expose_secret());
        assert_eq!(search(&wide(&first, u16::to_le_bytes)), [(10, 1, 5, 3)]);
    }

    /// A character that shares only the low byte with a character of the comment, or with a line feed, is neither.
    #[test]
    fn a_comment_in_wide_text_is_ascii() {
        let key = ApiKey::generate();
        let comment = String::from_utf8(ALLOW.to_vec()).unwrap();
        let shifted: String =
            comment.bytes().map(|byte| char::from_u32(0x100 + u32::from(byte)).unwrap()).collect();
        for (before, after, is_allowed) in [
            (format!("{comment} Ċ"), String::new(), true),
            (String::new(), format!("Ċ {comment}"), true),
            (format!("{shifted} "), String::new(), false),
            (String::new(), format!(" {shifted}"), false),
            (format!("{comment}\n"), String::new(), false),
            (String::new(), format!("\n{comment}"), false),
        ] {
            let text = format!("x\n{before}{}{after}\n", key.expose_secret());
            let utf_32 = |to_bytes: fn(u32) -> [u8; 4]| {
                text.chars().flat_map(|character| to_bytes(character.into())).collect::<Vec<u8>>()
            };
            for text in [
                text.clone().into_bytes(),
                wide(&text, u16::to_le_bytes),
                wide(&text, u16::to_be_bytes),
                utf_32(u32::to_le_bytes),
                utf_32(u32::to_be_bytes),
            ] {
                let mut found = Vec::new();
                Searcher::new(true).search(&text[..], |find| found.push(find.is_allowed)).unwrap();
                assert_eq!(found, [is_allowed], "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn adjacent_keys_are_both_found() {
        let key = ApiKey::generate();
        let text = [key.expose_secret(), key.expose_secret()].concat();
        assert_eq!(search(text.as_bytes()), [(0, 1, 1, 1), (52, 1, 53, 53)]);
    }

    #[test]
    fn keys_before_an_error_are_found() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let key = ApiKey::generate();
        let mut found = Vec::new();
        let read =
            Searcher::new(true).search(key.expose_secret().as_bytes().chain(Broken), |find| found.push(find));
        assert_eq!(read.unwrap_err().to_string(), "broken");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        struct Interrupted<'t>(&'t [u8], bool);
        impl Read for Interrupted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 { Err(ErrorKind::Interrupted.into()) } else { Trickle(self.0, 10).read(buffer) }
                    .inspect(|count| self.0 = &self.0[*count..])
            }
        }
        let key = ApiKey::generate();
        let (text, mut found) = (key.expose_secret().as_bytes(), Vec::new());
        let read = Searcher::new(true).search(Interrupted(text, false), |find| found.push(find.offset));
        assert_eq!((read.unwrap(), found), (52, vec![0]));
    }
}
