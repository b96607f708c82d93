//! Finds keys in encoded text: decodes all that may be encoded, and then the result, to a depth of [`MAX_DEPTH`].
//!
//! Only decoding shows whether a text is encoded, and where the encoded part starts. So each run of characters that
//! occur in encodings is decoded at each alignment, and only a key with the right checksum is a find. The work is
//! linear: over all alignments, a byte of base64 yields at most three bytes, and a hexadecimal digit at most one.

use std::ops::Range;

use ctx_key::{KeyId, scan};

use crate::scan::encoding::Encoding;
use crate::scan::escapes;
use crate::scan::runs;
use crate::scan::wide;

/// Maximum depth of encodings in encodings.
pub(crate) const MAX_DEPTH: usize = 3;
/// Number of characters of a key.
pub(crate) const KEY: usize = 52;
/// Minimum number of characters of a key in base64.
const BASE64_KEY: usize = (KEY * 8).div_ceil(6);

/// An encoded key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Place of the encoded key in the text.
    pub(crate) range: Range<usize>,
    pub(crate) id: KeyId,
    /// The encodings, the outermost last.
    pub(crate) encodings: Vec<Encoding>,
    /// Number of bytes of a character in the text.
    pub(crate) unit: usize,
}

#[derive(Default)]
pub(crate) struct Decoder {
    /// Number of bytes that were decoded.
    #[cfg(test)]
    work: usize,
}

impl Decoder {
    /// Finds encoded keys. The result can contain a key several times, and some keys in plain text or UTF-16.
    pub(crate) fn find(&mut self, text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.find_encoded(text, MAX_DEPTH, &mut hits);
        hits
    }

    /// Returns the places of encoded keys, in their order. Keys in plain text are left out.
    pub(crate) fn ranges(&mut self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let mut hits = self.find(text);
        sort(&mut hits);
        hits.into_iter().filter(|hit| !hit.encodings.is_empty()).map(|hit| hit.range)
    }

    /// Finds keys in text that was decoded.
    fn find_decoded(&mut self, text: &[u8], depth: usize, hits: &mut Vec<Hit>) {
        #[cfg(test)]
        {
            self.work += text.len();
        }
        hits.extend(find_plain(text));
        self.find_encoded(text, depth, hits);
    }

    fn find_encoded(&mut self, text: &[u8], depth: usize, hits: &mut Vec<Hit>) {
        self.find_in_runs(text, depth, hits);
        for region in wide::regions(text) {
            for (unit, first) in [(2, 0), (2, 1), (4, 0), (4, 1), (4, 2), (4, 3)] {
                let found = self.find_wide(&wide::narrow(&text[region.clone()], first, unit), unit, depth);
                hits.extend(found.into_iter().map(|hit| {
                    let place = |index: usize| region.start + first + index * unit;
                    Hit { range: place(hit.range.start)..place(hit.range.end - 1) + 1, unit, ..hit }
                }));
            }
        }
    }

    /// Finds keys in the characters of a wide text. UTF-16 counts as plain text, and UTF-32 as an encoding.
    fn find_wide(&mut self, text: &[u8], unit: usize, depth: usize) -> Vec<Hit> {
        #[cfg(test)]
        {
            self.work += text.len();
        }
        let mut found = Vec::new();
        match (unit, depth) {
            (4, 0) => {}
            (4, _) => {
                found.extend(find_plain(text));
                self.find_in_runs(text, depth - 1, &mut found);
                found.iter_mut().for_each(|hit| hit.encodings.push(Encoding::Utf32));
            }
            _ => {
                found.extend(find_plain(text));
                self.find_in_runs(text, depth, &mut found);
            }
        }
        found
    }

    fn find_in_runs(&mut self, text: &[u8], depth: usize, hits: &mut Vec<Hit>) {
        if depth == 0 {
            return;
        }
        runs::for_each(text, |run| {
            let mut found = Vec::new();
            if let Some(unescaped) = escapes::decode(&text[run.clone()]) {
                self.find_decoded(&unescaped.text, depth - 1, &mut found);
                for hit in &mut found {
                    hit.range = unescaped.locate(hit.range.clone(), &mut hit.encodings);
                }
            }
            for_each_digits(&text[run.clone()], |digits| self.find_in_digits(digits, depth, &mut found));
            hits.extend(found.into_iter().map(|hit| {
                let range = run.start + hit.range.start..run.start + hit.range.end;
                Hit { range, unit: 1, ..hit }
            }));
        });
    }

    /// Decodes the digits as base64 at four alignments, and as hexadecimal digits at two.
    fn find_in_digits(&mut self, digits: &Digits, depth: usize, hits: &mut Vec<Hit>) {
        let mut decoded = Vec::new();
        let mut add = |found: Vec<Hit>, encoding: Encoding, place: &dyn Fn(Range<usize>) -> Range<usize>| {
            hits.extend(found.into_iter().map(|mut hit| {
                hit.encodings.push(encoding);
                let digit = place(hit.range);
                Hit { range: digits.place(digit.start)..digits.place(digit.end - 1) + 1, ..hit }
            }));
        };
        for first in 0..4 {
            let mut found = Vec::new();
            decode_base64(digits.text.get(first..).unwrap_or_default(), &mut decoded);
            self.find_decoded(&decoded, depth - 1, &mut found);
            add(found, Encoding::Base64, &|bytes| {
                first + bytes.start * 8 / 6..first + (bytes.end * 8).div_ceil(6)
            });
        }
        for run in hexadecimal_runs(&digits.text) {
            for first in run.start..run.start + 2 {
                let mut found = Vec::new();
                decode_hexadecimal(&digits.text[first..run.end], &mut decoded);
                self.find_decoded(&decoded, depth - 1, &mut found);
                add(found, Encoding::Hex, &|bytes| first + 2 * bytes.start..first + 2 * bytes.end);
            }
        }
    }
}

fn find_plain(text: &[u8]) -> impl Iterator<Item = Hit> {
    let hit = |key: scan::Match<'_>| Hit { range: key.range(), id: key.id(), encodings: Vec::new(), unit: 1 };
    scan::find_iter(text).map(hit)
}

/// A sequence of base64 digits, without the line breaks between them.
#[derive(Default)]
struct Digits {
    text: Vec<u8>,
    /// For each line, the index of its first digit in `text` and in the run.
    lines: Vec<(usize, usize)>,
}

impl Digits {
    fn place(&self, index: usize) -> usize {
        let line = self.lines.partition_point(|(start, _)| *start <= index).saturating_sub(1);
        let (start, place) = self.lines[line];
        place + index - start
    }
}

/// Calls `visit` with each sequence of base64 digits in a run. A run never ends with white space.
fn for_each_digits(run: &[u8], mut visit: impl FnMut(&Digits)) {
    let mut digits = Digits::default();
    let mut at = 0;
    while at < run.len() {
        let line = run[at..].iter().take_while(|byte| base64_digit(**byte).is_some()).count();
        if line > 0 {
            digits.lines.push((digits.text.len(), at));
            digits.text.extend_from_slice(&run[at..at + line]);
            at += line;
        }
        let gap = run[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        at += gap;
        if gap == 0 {
            if digits.text.len() >= BASE64_KEY {
                visit(&digits);
            }
            digits.text.clear();
            digits.lines.clear();
            at += 1;
        }
    }
}

/// The value of each digit of base64, in both alphabets. Other characters have the value 64.
const BASE64: [u8; 256] = {
    let mut values = [64; 256];
    let mut digit = 0;
    while digit < 64 {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        values[alphabet[digit] as usize] = digit as u8;
        digit += 1;
    }
    (values[b'-' as usize], values[b'_' as usize]) = (62, 63);
    values
};

fn base64_digit(byte: u8) -> Option<u8> {
    let value = BASE64[usize::from(byte)];
    (value < 64).then_some(value)
}

fn decode_base64(digits: &[u8], decoded: &mut Vec<u8>) {
    decoded.clear();
    let (groups, rest) = digits.as_chunks::<4>();
    let group = |group: &[u8]| {
        let [_, bytes @ ..] = group
            .iter()
            .fold(0, |bits, digit| bits << 6 | u32::from(BASE64[usize::from(*digit)]))
            .to_be_bytes();
        bytes
    };
    decoded.extend(groups.iter().flat_map(|digits| group(digits)));
    if let [first, second, others @ ..] = rest {
        let bytes = group(&[*first, *second, *others.first().unwrap_or(&b'A'), b'A']);
        decoded.extend_from_slice(&bytes[..=others.len()]);
    }
}

fn hexadecimal_runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split(|byte| !byte.is_ascii_hexdigit()).filter_map(move |run| {
        let start = at;
        at += run.len() + 1;
        (run.len() >= 2 * KEY).then_some(start..start + run.len())
    })
}

fn decode_hexadecimal(digits: &[u8], decoded: &mut Vec<u8>) {
    let value = |digit: u8| (digit & 15) + 9 * (digit >> 6);
    decoded.clear();
    decoded.extend(digits.as_chunks::<2>().0.iter().map(|[high, low]| value(*high) << 4 | value(*low)));
}

/// Sorts the hits, and keeps one hit for each key at each place: that with the fewest encodings.
pub(crate) fn sort(hits: &mut Vec<Hit>) {
    hits.sort_by_key(|hit| (hit.range.start, hit.encodings.len()));
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits.drain(..) {
        let same = kept
            .iter_mut()
            .rev()
            .take_while(|other| other.range.end > hit.range.start)
            .find(|other| other.is_same(&hit));
        match same {
            Some(other) if hit.encodings.len() < other.encodings.len() => *other = hit,
            Some(_) => {}
            None => kept.push(hit),
        }
    }
    *hits = kept;
}

impl Hit {
    /// Returns whether this is the same key at the same place. An overlap is not enough, since two adjacent encoded
    /// keys may share a character.
    fn is_same(&self, other: &Self) -> bool {
        let middle = |hit: &Self| hit.range.start + hit.range.len() / 2;
        self.id == other.id && (self.range.contains(&middle(other)) || other.range.contains(&middle(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ctx_key::ApiKey;

    /// Maximum number of bytes decoded for each byte of text, with four alignments of base64 and two of hexadecimal
    /// digits nested to the maximum depth, and with escapes, which are all decoded at once.
    const MAX_WORK: usize = 150;

    fn base64(text: &[u8]) -> Vec<u8> {
        let digit = |bits: u32| {
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[bits as usize & 63]
        };
        let group = |bytes: &[u8]| {
            let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
            [18, 12, 6, 0].map(|shift| digit(bits >> shift))
        };
        text.chunks_exact(3).flat_map(group).collect()
    }

    /// Counts decoded bytes and not time. The number grows linearly with the text, and stays below the maximum.
    #[test]
    fn work_is_linear_in_hostile_texts() {
        let key = ApiKey::generate();
        let nested = (0..6).fold(b"ctx_".repeat(40_000), |text, _| base64(&text[..text.len() / 3 * 3]));
        let wide = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>();
        let texts: [(&str, Vec<u8>); 14] = [
            ("one digit", b"A".to_vec()),
            ("all digits", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".to_vec()),
            ("prefixes", b"ctx_".to_vec()),
            ("encoded prefixes", b"Y3R4X2N0eF9jdHhf".to_vec()),
            ("hexadecimal digits of hexadecimal digits", b"33343334".to_vec()),
            ("escapes of one kind", b"%41".to_vec()),
            ("escapes of all kinds", b"%41\\u0041&#65;=41\\_A".to_vec()),
            ("escaped signs", b"%25\\\\&amp;=3D".to_vec()),
            ("percent signs", b"%25252525".to_vec()),
            ("line breaks", b"=\n".to_vec()),
            ("lines", b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n    ".to_vec()),
            ("wide digits", wide(b"ABCD")),
            ("keys", key.expose_secret().as_bytes().to_vec()),
            ("digits in digits", nested),
        ];
        for (name, pattern) in texts {
            let work = |size: usize| {
                let text: Vec<u8> = pattern.iter().copied().cycle().take(size).collect();
                let mut decoder = Decoder::default();
                decoder.find(&text);
                decoder.work
            };
            let (small, large) = (work(8 << 10), work(32 << 10));
            assert!(large <= (32 << 10) * MAX_WORK, "{name}: {large}");
            assert!(large <= small * 5 + (32 << 10), "{name}: {small} {large}");
        }
    }

    /// Ordinary prose and code have no runs that are long enough.
    #[test]
    fn plain_text_is_not_decoded() {
        let mut decoder = Decoder::default();
        decoder.find(
            "The quick brown fox; it jumps (over 13 lazy dogs).\n    let x = 100%;\n".repeat(1000).as_bytes(),
        );
        assert_eq!(decoder.work, 0);
    }

    #[test]
    fn one_hit_stays_for_each_key_and_place() {
        let id = |byte| KeyId::from_bytes([byte; 12]).unwrap();
        let hit = |range, key, encodings: &[Encoding]| Hit {
            range,
            id: id(key),
            encodings: encodings.to_vec(),
            unit: 1,
        };
        let (base64, hex) = (Encoding::Base64, Encoding::Hex);
        let mut hits = vec![
            hit(10..80, b'a', &[base64, hex]),
            hit(11..80, b'a', &[base64]),
            hit(11..80, b'b', &[base64, base64]),
            hit(79..149, b'a', &[base64]),
            hit(0..52, b'c', &[]),
            hit(0..52, b'c', &[hex]),
            // Of two hits with equally many encodings, the first stays.
            hit(201..270, b'd', &[hex]),
            hit(200..270, b'd', &[base64]),
        ];
        sort(&mut hits);
        let expected = [
            hit(0..52, b'c', &[]),
            hit(11..80, b'a', &[base64]),
            hit(11..80, b'b', &[base64, base64]),
            hit(79..149, b'a', &[base64]),
            hit(200..270, b'd', &[base64]),
        ];
        assert_eq!(hits, expected);
    }
}
