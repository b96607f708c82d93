//! The 62 digits of ids, secrets and checksums: `0-9A-Za-z`, in the order of their values.
//!
//! Every function here may receive a secret. None branches on a digit, uses one as an index, or uses one in a
//! division. `u8::from` turns a `bool` into a number, and a selection is a sum of such numbers. `tests/constant_time`
//! checks the machine code.

use crate::layout::CHECKSUM_LEN;
use crate::secret::declassify;

/// Number of digits in the alphabet.
const RADIX: u8 = 62;

/// Number of values of two digits.
const PAIR: u64 = 62 * 62;

/// Number of characters between `9` and `A`, and between `Z` and `a`.
const UPPER_GAP: u8 = b'A' - b'9' - 1;
const LOWER_GAP: u8 = b'a' - b'Z' - 1;

/// Number of digits taken from one 64-bit fraction. A checksum also has six digits, because a `u32` needs six.
pub(crate) const GROUP: usize = CHECKSUM_LEN;

/// Returns the index of the first byte that is not a digit.
///
/// The loop computes the index without a branch on any byte, and the compiler vectorises it (three compares and a
/// minimum on 16 bytes at a time), so 48 bytes take the same time whether one of them is invalid or not. The
/// function branches only on the result.
pub(crate) fn first_invalid<const N: usize>(text: &[u8; N]) -> Option<usize> {
    const { assert!(N < 0xff, "every index is below the sentinel") };
    let mut first = NONE;
    for (index, &byte) in (0u8..).zip(text) {
        let index_if_invalid = index | u8::from(is_digit(byte)).wrapping_neg();
        first = first.min(index_if_invalid);
    }
    let first = declassify(first);
    (first != NONE).then_some(usize::from(first))
}

/// Value of [`first_invalid`]'s minimum while every byte is a digit: `index | 0xff`.
const NONE: u8 = 0xff;

/// Returns whether `byte` is one of `0-9A-Za-z`.
pub(crate) const fn is_digit(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 26)
}

/// Returns `checked` as text. The caller has checked or written these bytes, and all of them are ASCII.
pub(crate) fn ascii(checked: &[u8]) -> &str {
    // The default is never used. `unsafe` would avoid it, but is forbidden.
    str::from_utf8(checked).unwrap_or_default()
}

/// Returns the digit of a value below 62.
pub(crate) fn to_digit(value: u8) -> u8 {
    value
        .wrapping_add(b'0')
        .wrapping_add(u8::from(value >= 10).wrapping_mul(UPPER_GAP))
        .wrapping_add(u8::from(value >= 36).wrapping_mul(LOWER_GAP))
}

/// Returns the first six base-62 digits of the fraction `fraction / 2⁶⁴`, as values below 62. The first digit is in
/// the lowest byte, and the upper two bytes are zero.
///
/// Each multiplication by 62 moves one digit into the upper half of the product. Each of the 62⁶ results comes from
/// ⌊2⁶⁴ / 62⁶⌋ fractions or from one more. So if the fraction is uniform, the probability of a digit is 1/62 with a
/// relative error of at most 62⁶ / 2⁶⁴ < 2⁻²⁸.
#[inline]
#[expect(clippy::as_conversions, reason = "keeps the halves of a 128-bit product")]
pub(crate) fn base62_digits(mut fraction: u64) -> u64 {
    let mut digits = 0;
    for place in 0..GROUP {
        let product = u128::from(fraction).wrapping_mul(RADIX as u128);
        fraction = product as u64;
        digits |= ((product >> 64) as u64) << place.wrapping_mul(8);
    }
    digits
}

/// Writes `number` with six digits, padded with `0` on the left.
#[inline]
pub(crate) fn encode(number: u32) -> [u8; GROUP] {
    let [digits @ .., _, _] = to_digits(base62_digits(fraction(number))).to_le_bytes();
    digits
}

/// Applies [`to_digit`] to eight values at once. The compiler does not vectorise a loop over six bytes, and such a loop
/// made the generation of a key a tenth slower.
fn to_digits(values: u64) -> u64 {
    values
        .wrapping_add(splat(b'0'))
        .wrapping_add(at_least(values, 10).wrapping_mul(UPPER_GAP.into()))
        .wrapping_add(at_least(values, 36).wrapping_mul(LOWER_GAP.into()))
}

/// Returns the values of eight digits. For other bytes the result is meaningless, so callers check with
/// [`first_invalid`] first.
///
/// Comparisons byte by byte compiled to two branches for each digit at opt-level "s" and "z".
fn from_digits(digits: u64) -> u64 {
    digits
        .wrapping_sub(splat(b'0'))
        .wrapping_sub(at_least(digits, b'A').wrapping_mul(UPPER_GAP.into()))
        .wrapping_sub(at_least(digits, b'a').wrapping_mul(LOWER_GAP.into()))
}

/// Returns 1 in each byte that is at least `limit`, and 0 in the others. All bytes and the limit are below 0x80, so the
/// sum can set the highest bit of a byte but never carries into the next byte.
fn at_least(bytes: u64, limit: u8) -> u64 {
    (bytes.wrapping_add(splat(0x80_u8.wrapping_sub(limit))) >> 7) & splat(1)
}

/// Returns a word of eight copies of `byte`.
const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns a fraction whose first six base-62 digits are those of `number`.
///
/// It is `number / 62⁶` in units of 2⁻⁶⁴, rounded up, and exceeds the exact value by at most 2 units. The fractions of
/// the next number start 2⁶⁴ / 62⁶ > 2²⁸ units above the exact value.
#[inline]
#[expect(clippy::as_conversions, reason = "the product is below 2³² · 2⁶¹, and shifted by 32")]
fn fraction(number: u32) -> u64 {
    const UNIT: u128 = (1 << 96) / (RADIX as u128).pow(GROUP as u32) + 1;
    let fraction = (u128::from(number).wrapping_mul(UNIT) >> 32) as u64;
    fraction.wrapping_add(1)
}

/// Returns the number that six digits represent. It can exceed `u32::MAX`.
///
/// Pairs of digits are combined in lanes of 16 bits, all three at once.
pub(crate) fn decode(digits: [u8; GROUP]) -> u64 {
    const LOW_BYTES: u64 = 0x00ff_00ff_00ff;
    const LANE: u64 = 0xffff;
    let [a, b, c, d, e, f] = digits;
    let values = from_digits(u64::from_le_bytes([a, b, c, d, e, f, b'0', b'0']));
    let pairs = (values & LOW_BYTES).wrapping_mul(RADIX.into()).wrapping_add(values >> 8 & LOW_BYTES);
    let [first, second, third] = [pairs & LANE, pairs >> 16 & LANE, pairs >> 32 & LANE];
    first.wrapping_mul(PAIR * PAIR).wrapping_add(second.wrapping_mul(PAIR)).wrapping_add(third)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    #[test]
    fn digits_and_values_convert_both_ways() {
        for (value, &digit) in (0..).zip(MODEL) {
            assert_eq!(to_digit(value), digit);
            for byte in 0..8 {
                let (mut values, mut digits) = ([61; 8], [b'z'; 8]);
                (values[byte], digits[byte]) = (value, digit);
                assert_eq!(to_digits(u64::from_le_bytes(values)).to_le_bytes(), digits);
                assert_eq!(from_digits(u64::from_le_bytes(digits)).to_le_bytes(), values);
            }
        }
    }

    #[test]
    fn the_index_of_an_invalid_byte_is_found() {
        for byte in 0..=u8::MAX {
            let invalid = !MODEL.contains(&byte);
            assert_eq!(is_digit(byte), !invalid, "{byte:#x}");
            for index in 0..48 {
                let mut text = [b'z'; 48];
                text[index] = byte;
                assert_eq!(first_invalid(&text), invalid.then_some(index), "{byte:#x}");
            }
        }
    }

    #[test]
    fn the_first_of_two_invalid_bytes_is_found() {
        for (first, second) in (0..48).flat_map(|i| (i..48).map(move |j| (i, j))) {
            let mut text = [b'0'; 48];
            text[second] = b'_';
            text[first] = 0xff;
            assert_eq!(first_invalid(&text), Some(first));
        }
    }

    #[test]
    #[ignore = "exhaustive: 2³² numbers"]
    fn the_fraction_of_any_number_has_its_digits() {
        std::thread::scope(|scope| {
            for thread in 0..2 {
                scope.spawn(move || {
                    for number in (thread..=u32::MAX).step_by(2) {
                        let digits = (u128::from(fraction(number)) * 62u128.pow(6)) >> 64;
                        assert_eq!(digits, u128::from(number));
                    }
                });
            }
        });
    }

    #[test]
    fn an_encoded_number_decodes_to_itself() {
        for number in (0..=u32::MAX).step_by(99_991).chain([u32::MAX]) {
            assert_eq!(decode(encode(number)), u64::from(number));
            let oracle = std::format!("{:0>6}", ::base62::encode(number));
            assert_eq!(oracle.as_bytes(), encode(number));
        }
        assert_eq!(decode(*b"zzzzzz"), 62u64.pow(6) - 1);
    }

    #[test]
    fn digits_are_uniform_to_two_to_the_minus_28() {
        // Each digit equals that of the exact product, so the numbers of fractions that give any two of the 62⁶
        // results differ by at most one.
        let model = |fraction: u64, place: u32| {
            let shifted = u128::from(fraction) * 62u128.pow(place + 1);
            ((shifted >> 64) % 62) as u8
        };
        let edges = [0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1];
        let strides = (0..=u64::MAX).step_by(usize::MAX / 9973);
        for fraction in edges.into_iter().chain(strides) {
            for (place, value) in (0..GROUP as u32).zip(base62_digits(fraction).to_le_bytes()) {
                assert_eq!(value, model(fraction, place), "{fraction}");
            }
            assert_eq!(base62_digits(fraction) >> (8 * GROUP), 0);
        }
    }
}
