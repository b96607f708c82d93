//! The 62 digits of ids, secrets and checksums: `0-9A-Za-z`, in the order of their values.
//!
//! Everything here may see a secret, so nothing here branches on a digit, indexes with one, or divides by or
//! into one. `bool` becomes a number by `u8::from`, and selections are sums of such numbers. What the compiler makes
//! of that, `tests/constant_time` checks.

/// How many digits the alphabet has.
const RADIX: u8 = 62;

/// How many characters lie between `9` and `A`, and between `Z` and `a`.
const UPPER_GAP: u8 = b'A' - b'9' - 1;
const LOWER_GAP: u8 = b'a' - b'Z' - 1;

/// How many digits one 64-bit fraction yields, and how many a `u32` needs.
pub(crate) const GROUP: usize = 6;

/// Index of the first byte that is no digit.
///
/// The loop yields the index without a branch on any byte, and vectorizes (three compares and a minimum on
/// 16 bytes at a time): the scan of 48 bytes costs the same whether it finds something or not. Only the
/// result is branched on.
pub(crate) fn first_foreign<const N: usize>(text: &[u8; N]) -> Option<usize> {
    const { assert!(N < 0xff, "indices have to fit beside the sentinel") };
    let mut first = NONE;
    for (index, &byte) in (0u8..).zip(text) {
        let foreign = index | u8::from(is_digit(byte)).wrapping_neg();
        first = first.min(foreign);
    }
    let first = crate::declassify(first);
    (first != NONE).then_some(usize::from(first))
}

/// What [`first_foreign`] holds while every byte is a digit: the value that `index | 0xff` has.
const NONE: u8 = 0xff;

/// Whether `byte` is one of `0-9A-Za-z`.
pub(crate) const fn is_digit(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 26)
}

/// The digit of a value below 62.
pub(crate) fn to_digit(value: u8) -> u8 {
    value
        .wrapping_add(b'0')
        .wrapping_add(u8::from(value >= 10).wrapping_mul(UPPER_GAP))
        .wrapping_add(u8::from(value >= 36).wrapping_mul(LOWER_GAP))
}

/// The first six base-62 places of the fraction `fraction / 2⁶⁴`, as values below 62: the first one in the
/// lowest byte, zeros in the upper two.
///
/// Multiplying by 62 moves one place into the upper half. Of a uniform fraction, no place's probabilities
/// differ from 1/62 by more than 62⁶ / 2⁶⁴ < 2⁻²⁸ of it: there are ⌊2⁶⁴ / 62⁶⌋ or one more fractions for
/// each of the 62⁶ results.
#[inline]
#[expect(clippy::as_conversions, reason = "keeps the halves of a 128-bit product")]
pub(crate) fn places(mut fraction: u64) -> u64 {
    let mut places = 0;
    for place in 0..GROUP {
        let product = u128::from(fraction).wrapping_mul(RADIX as u128);
        fraction = product as u64;
        places |= ((product >> 64) as u64) << place.wrapping_mul(8);
    }
    places
}

/// `number` in six digits, padded with `0` on the left.
#[inline]
pub(crate) fn encode(number: u32) -> [u8; GROUP] {
    let [digits @ .., _, _] = to_digits(places(fraction(number))).to_le_bytes();
    digits
}

/// [`to_digit`] on eight values at once. Six bytes are too few for the compiler to vectorize: one by one,
/// they made the whole generation a tenth slower.
fn to_digits(values: u64) -> u64 {
    values
        .wrapping_add(each(b'0'))
        .wrapping_add(reaching(values, 10).wrapping_mul(UPPER_GAP.into()))
        .wrapping_add(reaching(values, 36).wrapping_mul(LOWER_GAP.into()))
}

/// The values of eight digits. Of other bytes, some number: callers check with [`first_foreign`].
///
/// One by one, by comparisons, they were two branches each at opt-level "s" and "z".
fn from_digits(digits: u64) -> u64 {
    digits
        .wrapping_sub(each(b'0'))
        .wrapping_sub(reaching(digits, b'A').wrapping_mul(UPPER_GAP.into()))
        .wrapping_sub(reaching(digits, b'a').wrapping_mul(LOWER_GAP.into()))
}

/// One in each byte that is not below the limit, all of them below 0x80: the sum sets its highest bit, and carries no
/// further.
fn reaching(bytes: u64, limit: u8) -> u64 {
    (bytes.wrapping_add(each(0x80_u8.wrapping_sub(limit))) >> 7) & each(1)
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A fraction whose first six places are those of `number`.
///
/// That is `number / 62⁶`, rounded up a little: the result lies at most 2 above the exact fraction of 2⁶⁴,
/// and the next number's begin 2⁶⁴ / 62⁶ > 2²⁸ above it.
#[inline]
#[expect(clippy::as_conversions, reason = "the product is below 2³² · 2⁶¹, and shifted by 32")]
fn fraction(number: u32) -> u64 {
    const UNIT: u128 = (1 << 96) / (RADIX as u128).pow(GROUP as u32) + 1;
    let fraction = (u128::from(number).wrapping_mul(UNIT) >> 32) as u64;
    fraction.wrapping_add(1)
}

/// The number that six digits stand for; it can exceed a `u32`.
pub(crate) fn decode(digits: [u8; GROUP]) -> u64 {
    let [a, b, c, d, e, f] = digits;
    let [values @ .., _, _] = from_digits(u64::from_le_bytes([a, b, c, d, e, f, b'0', b'0'])).to_le_bytes();
    values
        .into_iter()
        .fold(0, |number: u64, value| number.wrapping_mul(u64::from(RADIX)).wrapping_add(u64::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    #[test]
    fn digits_of_all_values() {
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
    fn every_byte_at_every_index() {
        for byte in 0..=u8::MAX {
            let foreign = !MODEL.contains(&byte);
            assert_eq!(is_digit(byte), !foreign, "{byte:#x}");
            for index in 0..48 {
                let mut text = [b'z'; 48];
                text[index] = byte;
                assert_eq!(first_foreign(&text), foreign.then_some(index), "{byte:#x}");
            }
        }
    }

    #[test]
    fn the_first_of_two_foreign_bytes() {
        for (first, second) in (0..48).flat_map(|i| (i..48).map(move |j| (i, j))) {
            let mut text = [b'0'; 48];
            text[second] = b'_';
            text[first] = 0xff;
            assert_eq!(first_foreign(&text), Some(first));
        }
    }

    #[test]
    fn every_number_has_its_fraction() {
        std::thread::scope(|scope| {
            for thread in 0..2 {
                scope.spawn(move || {
                    for number in (thread..=u32::MAX).step_by(2) {
                        let places = (u128::from(fraction(number)) * 62u128.pow(6)) >> 64;
                        assert_eq!(places, u128::from(number));
                    }
                });
            }
        });
    }

    #[test]
    fn numbers_encode_and_decode() {
        for number in (0..=u32::MAX).step_by(9973).chain([u32::MAX]) {
            assert_eq!(decode(encode(number)), u64::from(number));
            let oracle = std::format!("{:0>6}", ::base62::encode(number));
            assert_eq!(oracle.as_bytes(), encode(number));
        }
        assert_eq!(decode(*b"zzzzzz"), 62u64.pow(6) - 1);
    }

    #[test]
    fn places_are_uniform_to_two_to_the_minus_28() {
        // Each place starts where the exact quotient says, so each of the 62⁶ results has as many fractions
        // as any other, give or take one.
        let model = |fraction: u64, place: u32| {
            let shifted = u128::from(fraction) * 62u128.pow(place + 1);
            ((shifted >> 64) % 62) as u8
        };
        let edges = [0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1];
        let strides = (0..=u64::MAX).step_by(usize::MAX / 9973);
        for fraction in edges.into_iter().chain(strides) {
            for (place, value) in (0..GROUP as u32).zip(places(fraction).to_le_bytes()) {
                assert_eq!(value, model(fraction, place), "{fraction}");
            }
            assert_eq!(places(fraction) >> (8 * GROUP), 0);
        }
    }
}
