//! Removes the escapes of all kinds from a text at once. That is possible because a key contains none of the
//! characters with which escapes begin.

use std::ops::Range;

use crate::scan::encoding::{
    Encoding,
    Encoding::{Html, JavaScript, Markdown, Percent, QuotedPrintable},
};

/// Maximum number of digits of an escape. Some are padded with zeros.
const MAX_DIGITS: usize = 8;
/// HTML's names of the characters that occur in keys and in other encodings.
const NAMES: [(&[u8], u8); 11] = [
    (b"&amp;", b'&'),
    (b"&AMP;", b'&'),
    (b"&lowbar;", b'_'),
    (b"&UnderBar;", b'_'),
    (b"&percnt;", b'%'),
    (b"&bsol;", b'\\'),
    (b"&equals;", b'='),
    (b"&num;", b'#'),
    (b"&semi;", b';'),
    (b"&plus;", b'+'),
    (b"&sol;", b'/'),
];

pub(crate) struct Unescaped {
    pub(crate) text: Vec<u8>,
    parts: Vec<Part>,
}

/// A part of the text, which ends where the next one begins.
struct Part {
    /// Index of its first byte in the text.
    start: usize,
    /// Index of the same byte in the source.
    source: usize,
    /// Number of bytes that stand for the first byte in the source. Each other byte of the part stands for itself.
    width: usize,
    /// Encoding of the first byte, or of a line break before it.
    encoding: Option<Encoding>,
}

/// Returns the text without its escapes, or nothing if it has none.
pub(crate) fn decode(source: &[u8]) -> Option<Unescaped> {
    let first = next_escape(source, 0)?;
    let mut decoded = Unescaped { text: Vec::with_capacity(source.len()), parts: Vec::new() };
    decoded.push_plain(source, 0..first, None);
    let mut at = first;
    while let Some(escape) = source.get(at..).and_then(parse) {
        if let Some(byte) = escape.byte {
            decoded.push(byte, at, escape.width, escape.encoding);
        }
        at += escape.width;
        let next = next_escape(source, at).unwrap_or(source.len());
        decoded.push_plain(source, at..next, escape.byte.is_none().then_some(escape.encoding));
        at = next;
    }
    Some(decoded)
}

impl Unescaped {
    fn push(&mut self, byte: u8, source: usize, width: usize, encoding: Encoding) {
        self.parts.push(Part { start: self.text.len(), source, width, encoding: Some(encoding) });
        self.text.push(byte);
    }

    fn push_plain(&mut self, source: &[u8], range: Range<usize>, encoding: Option<Encoding>) {
        if !range.is_empty() {
            self.parts.push(Part { start: self.text.len(), source: range.start, width: 1, encoding });
            self.text.extend_from_slice(&source[range]);
        }
    }

    /// Returns the place in the source of a range of the text, and adds the encodings of the range.
    pub(crate) fn locate(&self, range: Range<usize>, encodings: &mut Vec<Encoding>) -> Range<usize> {
        let first = self.part(range.start);
        let last = self.part(range.end - 1);
        let mut found = Vec::new();
        for (index, part) in self.parts.iter().enumerate().take(last + 1).skip(first) {
            let is_inside = range.contains(&part.start) && (index > first || part.width > 1);
            if let Some(encoding) = part.encoding.filter(|encoding| is_inside && !found.contains(encoding)) {
                found.push(encoding);
            }
        }
        // In the result, the outermost encoding comes last.
        encodings.extend(found.into_iter().rev());
        self.place(first, range.start).start..self.place(last, range.end - 1).end
    }

    /// Returns the index of the part that holds a byte.
    fn part(&self, index: usize) -> usize {
        self.parts.partition_point(|part| part.start <= index).saturating_sub(1)
    }

    fn place(&self, part: usize, index: usize) -> Range<usize> {
        let part = &self.parts[part];
        match index - part.start {
            0 => part.source..part.source + part.width,
            after => part.source + part.width + after - 1..part.source + part.width + after,
        }
    }
}

/// An escape at the start of a text.
struct Escape {
    /// Number of bytes of the escape.
    width: usize,
    /// The character, or nothing for a line break that is ignored. A character above 255 becomes 255.
    byte: Option<u8>,
    encoding: Encoding,
}

fn next_escape(text: &[u8], from: usize) -> Option<usize> {
    let is_start = |byte: &u8| matches!(byte, b'%' | b'\\' | b'&' | b'=');
    let mut at = from;
    loop {
        at += text.get(at..)?.iter().position(is_start)?;
        if parse(&text[at..]).is_some() {
            return Some(at);
        }
        at += 1;
    }
}

fn parse(text: &[u8]) -> Option<Escape> {
    let escape = |width, byte, encoding| Some(Escape { width, byte: Some(byte), encoding });
    let fixed = |start: usize, digits: usize, encoding| {
        let code = number(text.get(start..start + digits)?, 16)?;
        escape(start + digits, byte(code), encoding)
    };
    match text {
        [b'%', b'u' | b'U', ..] => fixed(2, 4, Percent),
        [b'%', ..] => fixed(1, 2, Percent),
        [b'=', b'\n', ..] => Some(Escape { width: 2, byte: None, encoding: QuotedPrintable }),
        [b'=', b'\r', b'\n', ..] => Some(Escape { width: 3, byte: None, encoding: QuotedPrintable }),
        [b'=', ..] => fixed(1, 2, QuotedPrintable),
        [b'&', b'#', b'x' | b'X', ..] => variable(text, 3, 16, b';', true, Html),
        [b'&', b'#', ..] => variable(text, 2, 10, b';', true, Html),
        [b'&', ..] => {
            let (name, byte) = NAMES.iter().find(|(name, _)| text.starts_with(name))?;
            escape(name.len(), *byte, Html)
        }
        [b'\\', b'u' | b'x', b'{', ..] => variable(text, 3, 16, b'}', false, JavaScript),
        [b'\\', b'u', ..] => fixed(2, 4, JavaScript),
        [b'\\', b'U', ..] => fixed(2, 8, JavaScript),
        [b'\\', b'x', ..] => fixed(2, 2, JavaScript),
        [b'\\', b'0'..=b'7', ..] => {
            let is_octal = |byte: &&u8| matches!(byte, b'0'..=b'7');
            let digits = text[1..].iter().take(3).take_while(is_octal).count();
            escape(1 + digits, byte(number(&text[1..=digits], 8)?), JavaScript)
        }
        [b'\\', b'\n', ..] => Some(Escape { width: 2, byte: None, encoding: JavaScript }),
        [b'\\', b'\r', b'\n', ..] => Some(Escape { width: 3, byte: None, encoding: JavaScript }),
        [b'\\', b'n', ..] => escape(2, b'\n', JavaScript),
        [b'\\', b'r', ..] => escape(2, b'\r', JavaScript),
        [b'\\', b't', ..] => escape(2, b'\t', JavaScript),
        [b'\\', sign @ (b'\\' | b'/'), ..] => escape(2, *sign, JavaScript),
        [b'\\', sign, ..] if sign.is_ascii_punctuation() => escape(2, *sign, Markdown),
        _ => None,
    }
}

/// Parses an escape with a variable number of digits and the sign `end`, which may be missing in HTML.
fn variable(
    text: &[u8],
    start: usize,
    radix: u32,
    end: u8,
    may_be_open: bool,
    encoding: Encoding,
) -> Option<Escape> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let digits = text[start..].iter().take(MAX_DIGITS).take_while(is_digit).count();
    let code = number(&text[start..start + digits], radix)?;
    let is_closed = text.get(start + digits) == Some(&end);
    let width = start + digits + usize::from(is_closed);
    (is_closed || may_be_open).then_some(Escape { width, byte: Some(byte(code)), encoding })
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let add = |number: u32, digit: &u8| Some(number * radix + char::from(*digit).to_digit(radix)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Returns the character as a byte, or 255, which occurs in no key, if it does not fit.
fn byte(code: u32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}
