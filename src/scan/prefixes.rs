//! The positions of the prefix in a text: [`prefixes`].

#[cfg(feature = "std")]
use memchr::memmem;

use crate::layout::PREFIX;

#[cfg(feature = "std")]
pub(super) type Prefixes<'h> = memmem::FindIter<'h, 'static>;
#[cfg(not(feature = "std"))]
pub(super) type Prefixes<'h> = ByLetter<'h>;

/// Returns the index of each prefix, in order.
#[cfg(feature = "std")]
pub(super) fn prefixes(text: &[u8]) -> Prefixes<'_> {
    memmem::find_iter(text, PREFIX)
}

/// Returns the index of each prefix, in order. `memmem` would add five kilobytes of code, some of which can panic.
#[cfg(not(feature = "std"))]
pub(super) fn prefixes(text: &[u8]) -> Prefixes<'_> {
    ByLetter::new(text)
}

/// Searches for the `x` of the prefix, its rarest letter in most texts, and examines the bytes around it.
#[cfg(any(not(feature = "std"), test))]
#[derive(Clone)]
pub(super) struct ByLetter<'h> {
    text: &'h [u8],
    letters: memchr::Memchr<'h>,
}

#[cfg(any(not(feature = "std"), test))]
impl<'h> ByLetter<'h> {
    const BEFORE: usize = 2;

    fn new(text: &'h [u8]) -> Self {
        let [.., letter, _] = *PREFIX;
        Self { text, letters: memchr::memchr_iter(letter, text) }
    }
}

#[cfg(any(not(feature = "std"), test))]
impl Iterator for ByLetter<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.letters.find_map(|letter| {
            let start = letter.checked_sub(Self::BEFORE)?;
            self.text.get(start..)?.starts_with(PREFIX).then_some(start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memchr::memmem;
    use std::vec::Vec;

    #[test]
    fn both_searches_find_the_same_positions() {
        // all texts of up to eight letters: 5 + 5² + … + 5⁸
        for len in 0..=8_u32 {
            for number in 0..5_u32.pow(len) {
                let text: Vec<u8> =
                    (0..len).map(|place| b"ctx_a"[(number / 5_u32.pow(place) % 5) as usize]).collect();
                let expected: Vec<_> = memmem::find_iter(&text, PREFIX).collect();
                assert_eq!(ByLetter::new(&text).collect::<Vec<_>>(), expected, "{text:?}");
            }
        }
    }
}
