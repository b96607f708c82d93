//! From bytes to finds: a reader is searched piece by piece, in a buffer that is used again.
//!
//! ```text
//! piece 1  ├──────────── starts belong to this piece ─────────────┤ overlap ┤
//! piece 2                                                         ├─────────┴──────── … ┤
//! ```
//!
//! The overlap is one byte shorter than the longest form of a key. A key that starts before it is there as a whole;
//! one that starts in it belongs to the next piece: none is lost and none is found twice.

use std::io::{self, ErrorKind, Read};

use ctx_key::{ApiKey, KeyId, scan};
use memchr::memmem::Finder;

/// Small enough for the second cache: the two searches and the copy from the kernel meet there.
const PIECE: usize = 256 * 1024;
/// Characters of a key.
const KEY: usize = 52;
/// Bytes of a key in UTF-16, from its first character to its last.
const WIDE_KEY: usize = 2 * KEY - 1;
const OVERLAP: usize = WIDE_KEY - 1;

/// The prefix in UTF-16, without the zero byte at one end: so it is the same in both byte orders.
const WIDE_PREFIX: &[u8] = b"c\0t\0x\0_";

/// A key, and where it stands in its file.
pub(crate) struct Find {
    /// Bytes before its first character.
    pub(crate) offset: u64,
    /// Bytes from its first character to its last.
    pub(crate) length: usize,
    pub(crate) line: u64,
    /// In bytes, or in code units of UTF-16.
    pub(crate) column: u64,
    /// In code points of UTF-8, or in code units of UTF-16.
    pub(crate) character: u64,
    pub(crate) id: KeyId,
}

/// What searches: one for each thread.
pub(crate) struct Searcher {
    piece: Vec<u8>,
    wide_prefix: Finder<'static>,
}

impl Searcher {
    pub(crate) fn new() -> Self {
        Self { piece: vec![0; PIECE], wide_prefix: Finder::new(WIDE_PREFIX) }
    }

    /// Searches all that `reader` yields, and returns its length. On an error, what was found before it stays.
    pub(crate) fn search(&mut self, mut reader: impl Read, found: &mut Vec<Find>) -> io::Result<u64> {
        let mut place = Place::default();
        let mut filled = 0;
        loop {
            let read = fill(&mut reader, &mut self.piece[filled..]);
            filled += read.count;
            let is_last = filled < PIECE;
            let owned = if is_last { filled } else { PIECE - OVERLAP };
            self.search_piece(filled, owned, &place, found);
            if is_last || read.error.is_some() {
                return read.error.map_or(Ok(place.offset + filled as u64), Err);
            }
            place.advance(&self.piece[..owned]);
            self.piece.copy_within(owned.., 0);
            filled = OVERLAP;
        }
    }

    /// The keys that start in the first `owned` of the `filled` bytes, in their order.
    fn search_piece(&self, filled: usize, owned: usize, place: &Place, found: &mut Vec<Find>) {
        let piece = &self.piece[..filled];
        let narrow = scan::find_iter(piece).map(|key| (key.range().start, KEY, key.id()));
        let wide = self.wide_prefix.find_iter(piece).filter_map(|start| {
            let key = narrowed(piece.get(start..)?.first_chunk()?)?;
            Some((start, WIDE_KEY, key.id()))
        });
        let mut here: Vec<_> = narrow.chain(wide).filter(|(start, ..)| *start < owned).collect();
        here.sort_unstable_by_key(|(start, ..)| *start);
        let (mut place, mut passed) = (place.clone(), 0);
        for (start, length, id) in here {
            place.advance(&piece[passed..start]);
            passed = start;
            found.push(place.find(length, id));
        }
    }
}

/// The key that is written in UTF-16.
fn narrowed(text: &[u8; WIDE_KEY]) -> Option<ApiKey> {
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

/// Where the piece begins. Lines are counted by line feeds, in UTF-16 too.
#[derive(Clone, Default)]
struct Place {
    offset: u64,
    lines: u64,
    /// Since the last line feed.
    bytes: u64,
    characters: u64,
}

impl Place {
    fn advance(&mut self, text: &[u8]) {
        self.offset += text.len() as u64;
        let lines = memchr::memchr_iter(b'\n', text).count() as u64;
        let mut rest = text;
        if let Some(feed) = memchr::memrchr(b'\n', text) {
            rest = &text[feed + 1..];
            (self.lines, self.bytes, self.characters) = (self.lines + lines, 0, 0);
        }
        self.bytes += rest.len() as u64;
        self.characters += rest.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count() as u64;
    }

    /// The key that starts here.
    fn find(&self, length: usize, id: KeyId) -> Find {
        // Behind a line feed's zero byte or before the key's own: half of either is nothing.
        let units = self.bytes / 2;
        let (column, character) = if length == KEY { (self.bytes, self.characters) } else { (units, units) };
        let (line, column, character) = (self.lines + 1, column + 1, character + 1);
        Find { offset: self.offset, length, line, column, character, id }
    }
}

struct Filled {
    count: usize,
    error: Option<io::Error>,
}

/// Reads until the buffer is full or nothing more comes.
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

    /// Yields little at a time, as pipes do.
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
        let length = Searcher::new().search(text, &mut found).unwrap();
        assert_eq!(length, text.len() as u64);
        found.iter().map(|find| (find.offset, find.line, find.column, find.character)).collect()
    }

    /// A key, whole, across the first and the second border between pieces, at each byte.
    #[test]
    fn at_a_border_none_is_lost_and_none_is_doubled() {
        let key = ApiKey::generate();
        let narrow = key.expose_secret().as_bytes().to_vec();
        let little = wide(key.expose_secret(), u16::to_le_bytes);
        let big = wide(key.expose_secret(), u16::to_be_bytes);
        let mut searcher = Searcher::new();
        for (border, step) in [(PIECE, 1), (2 * PIECE - OVERLAP, 7)] {
            for (form, zero_first) in [(&narrow, 0), (&little, 0), (&big, 1)] {
                let mut text = vec![b'.'; 3 * PIECE];
                for start in (border - OVERLAP - 55..border + 2).step_by(step) {
                    text[start..start + form.len()].copy_from_slice(form);
                    let mut found = Vec::new();
                    // Only what surrounds the key is searched in full, to save time.
                    searcher.search(&text[..border + 4 * OVERLAP], &mut found).unwrap();
                    let offsets: Vec<_> = found.iter().map(|find| find.offset).collect();
                    assert_eq!(offsets, [(start + zero_first) as u64], "{border} {zero_first}");
                    text[start..start + form.len()].fill(b'.');
                }
            }
        }
    }

    /// In a text whose lines are counted as it is written.
    #[test]
    fn many_keys_in_many_pieces_stand_where_they_stand() {
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
            Searcher::new().search(Trickle(&text, step), &mut trickled).unwrap();
            assert!(trickled.iter().map(|find| find.offset).eq(found.iter().map(|find| find.0)), "{step}");
        }
    }

    #[test]
    fn utf_16_in_both_byte_orders() {
        let text = format!("\u{feff}ä\r\nkey = {}\n", ApiKey::generate().expose_secret());
        for (to_bytes, offset) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 20), (u16::to_be_bytes, 21)] {
            let text = wide(&text, to_bytes);
            assert_eq!(search(&text), [(offset, 2, 7, 7)]);
            // Without a mark and on the first line; at an odd place; cut off
            assert_eq!(search(&text[8..]), [(offset - 8, 1, 7, 7)]);
            assert_eq!(search(&[b"!", &text[..]].concat())[0].0, offset + 1);
            assert_eq!(search(&text[..text.len() - 4]), []);
            // Other characters, whose lower halves are those of a key
            let mut foreign = text.clone();
            foreign[offset as usize + 41] = 1;
            assert_eq!(search(&foreign), []);
        }
    }

    #[test]
    fn keys_without_anything_between() {
        let key = ApiKey::generate();
        let text = [key.expose_secret(), key.expose_secret()].concat();
        assert_eq!(search(text.as_bytes()), [(0, 1, 1, 1), (52, 1, 53, 53)]);
    }

    #[test]
    fn what_was_found_before_an_error_stays() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let key = ApiKey::generate();
        let mut found = Vec::new();
        let read = Searcher::new().search(key.expose_secret().as_bytes().chain(Broken), &mut found);
        assert_eq!(read.unwrap_err().to_string(), "broken");
        assert_eq!(found.len(), 1);
    }
}
