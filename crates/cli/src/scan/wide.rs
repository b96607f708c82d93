//! Finds ASCII text with two or four bytes for each character: UTF-16 and UTF-32 in both byte orders, at any offset.

use std::ops::Range;

const BLOCK: usize = 16;
/// Minimum number of whole blocks that a key in UTF-16 covers.
const MIN_BLOCKS: usize = 5;
/// Mask for the bytes at even indices of a block.
const EVEN: u128 = u128::from_ne_bytes([255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0]);

/// Returns the parts of a text that may have wide characters, in their order.
pub(crate) fn regions(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let mut at = memchr::memchr(0, text).map_or(blocks.len(), |zero| zero / BLOCK);
    std::iter::from_fn(move || {
        while at < blocks.len() {
            let count = blocks[at..].iter().take_while(|block| is_wide(block)).count();
            let start = at;
            at += count + 1;
            if count >= MIN_BLOCKS {
                // The wide text may begin in the block before and end in the block after.
                return Some(
                    (start * BLOCK).saturating_sub(BLOCK)..text.len().min((start + count + 1) * BLOCK),
                );
            }
        }
        None
    })
}

/// Returns whether every second byte is zero, and at least a quarter of all bytes is not.
fn is_wide(block: &[u8; BLOCK]) -> bool {
    let bits = u128::from_ne_bytes(*block);
    (bits & EVEN == 0 || bits & !EVEN == 0) && block.iter().filter(|byte| **byte != 0).count() >= BLOCK / 4
}

/// Returns every `unit`th byte from `first` on: the byte if zeros fill the unit before or after it, or else 255.
pub(crate) fn narrow(text: &[u8], first: usize, unit: usize) -> Vec<u8> {
    let is_zero = |range: Range<usize>| text[range].iter().all(|byte| *byte == 0);
    let is_character = |index: usize| {
        is_zero(index + 1..text.len().min(index + unit)) || is_zero(index.saturating_sub(unit - 1)..index)
    };
    let character = |index: usize| if is_character(index) { text[index] } else { u8::MAX };
    (first..text.len()).step_by(unit).map(character).collect()
}
