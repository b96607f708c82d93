//! Generated keys are uniform and independent, and each takes 56 random bytes at once and depends on every one of them.

mod common;

use core::convert::Infallible;

use common::rng;
use ctx_key::ApiKey;
use rand_core::{CryptoRng, Rng, TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

/// A function that generates a key: its line in `tests/contract/api.txt`, whether it takes the caller's generator, and a
/// call of it.
type Generator = (&'static str, bool, fn(&mut dyn CryptoRng) -> ApiKey);

#[rustfmt::skip] // a line for each
const GENERATORS: &[Generator] = &[
    ("pub fn ctx_key::ApiKey::generate_from_rng<R: rand_core::CryptoRng + ?core::marker::Sized>(&mut R) -> Self", true, |rng| ApiKey::generate_from_rng(rng)),
    ("pub fn ctx_key::ApiKey::try_generate_from_rng<R: rand_core::TryCryptoRng + ?core::marker::Sized>(&mut R) -> core::result::Result<Self, <R as rand_core::TryRng>::Error>", true, |rng| ApiKey::try_generate_from_rng(rng).unwrap()),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::generate() -> Self", false, |_| ApiKey::generate()),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::try_generate() -> core::result::Result<Self, ctx_key::OsRngError>", false, |_| ApiKey::try_generate().unwrap()),
];

/// Number of random bytes for a key, and number of the 64-bit words that they make.
const RANDOM_LEN: usize = 56;
const WORDS: usize = 7;

/// A generator that yields the same bytes in each fill, and records the lengths of the fills.
struct GivenRng {
    bytes: [u8; RANDOM_LEN],
    fills: Vec<usize>,
}

impl GivenRng {
    fn new(bytes: [u8; RANDOM_LEN]) -> Self {
        Self { bytes, fills: Vec::new() }
    }
}

impl TryRng for GivenRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("keys take bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("keys take bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fills.push(bytes.len());
        for (byte, given) in bytes.iter_mut().zip(self.bytes) {
            *byte = given;
        }
        Ok(())
    }
}

impl TryCryptoRng for GivenRng {}

/// Asserts that each function that takes a generator makes this key from these bytes, with one fill of 56 bytes.
fn assert_generated(bytes: [u8; RANDOM_LEN], key: &str) {
    for (item, takes_rng, generate) in GENERATORS {
        let mut rng = GivenRng::new(bytes);
        let generated = generate(&mut rng);
        if *takes_rng {
            assert_eq!(generated.expose_secret(), key, "{item}: {bytes:?}");
            assert_eq!(rng.fills, [RANDOM_LEN], "{item}");
        } else {
            assert_ne!(generated.expose_secret(), key, "{item}");
            assert_eq!(rng.fills, [0; 0], "{item}");
        }
        assert_eq!(ApiKey::parse(generated.expose_secret()), Ok(generated), "{item}");
    }
}

/// The expected keys were computed with Python's integers and hashlib.
#[test]
fn known_bytes_give_known_keys() {
    let bytes = |byte: fn(u8) -> u8| core::array::from_fn(|index| byte(index as u8));
    for (bytes, key) in [
        (bytes(|index| 1 + index), "ctx_1wXI5F3t8FPQ5pjCjb7mKA3m9iv7NyBfW4i9Dc722K2OkgDx"),
        (bytes(|index| 255 - index), "ctx_yIXKKWwLwN0LuPLPgAsSkSLyqW9V1noZYXhcmcxaNR38eg9o"),
        (
            bytes(|index| index.wrapping_mul(149).wrapping_add(37)),
            "ctx_DiRDh8sJwKaEXAOmwjBlqGMxqNLNG3VDnpcX9pIwVq3xIm3O",
        ),
    ] {
        assert_generated(bytes, key);
    }
}

/// Returns the key that these bytes must give. Each little-endian word is a fraction of 2⁶⁴, and gives its first six
/// base-62 digits.
fn model(bytes: [u8; RANDOM_LEN]) -> String {
    let number = |word: &[u8; 8]| (u128::from(u64::from_le_bytes(*word)) * NUMBERS) >> 64;
    key_of(bytes.as_chunks().0.iter().map(number))
}

fn key_of(numbers: impl IntoIterator<Item = u128>) -> String {
    let mut text = String::from("ctx_");
    numbers.into_iter().for_each(|number| text += &format!("{:0>6}", base62::encode(number)));
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(&text).into();
    text + &format!("{:0>6}", base62::encode(u32::from_be_bytes([a, b, c, d])))
}

/// Number of values of six digits.
const NUMBERS: u128 = 62u128.pow(6);

#[test]
fn flipped_bits_give_other_keys() {
    let bytes = core::array::from_fn(|index| 1 + index as u8);
    for bit in 0..8 * RANDOM_LEN {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_generated(flipped, &model(flipped));
        // The fractions of one number span 2⁶⁴ / 62⁶ < 2²⁹, so only a lower bit may leave the digits unchanged.
        assert!(bit % 64 < 29 || model(flipped)[4..46] != model(bytes)[4..46], "{bit}");
    }
}

/// The last fraction of one number and the first fraction of the next differ in the lowest bit.
#[test]
fn the_lowest_bit_of_each_word_is_used() {
    let mut rng = rng(2);
    for _ in 0..1000 {
        let numbers: [u128; WORDS] = core::array::from_fn(|_| 1 + u128::from(rng.next_u64()) % (NUMBERS - 1));
        let first = numbers.map(|number| u64::try_from((number << 64).div_ceil(NUMBERS)).unwrap());
        let bytes =
            |fractions: [u64; WORDS]| fractions.map(u64::to_le_bytes).as_flattened().try_into().unwrap();
        assert_generated(bytes(first), &key_of(numbers));
        assert_generated(bytes(first.map(|first| first - 1)), &key_of(numbers.map(|number| number - 1)));
    }
}

#[test]
fn a_generator_that_repeats_one_byte_is_filled_from_once() {
    for byte in 0..=u8::MAX {
        let bytes = [byte; RANDOM_LEN];
        assert_generated(bytes, &model(bytes));
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Broken;

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("broken")
    }
}

impl core::error::Error for Broken {}

/// A generator that fails in its first call only, and counts its calls.
#[derive(Default)]
struct FailsOnce {
    calls: usize,
}

impl TryRng for FailsOnce {
    type Error = Broken;

    fn try_next_u32(&mut self) -> Result<u32, Broken> {
        unreachable!("keys take bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Broken> {
        unreachable!("keys take bytes")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Broken> {
        self.calls += 1;
        if self.calls == 1 { Err(Broken) } else { Ok(()) }
    }
}

impl TryCryptoRng for FailsOnce {}

#[test]
fn the_error_of_a_generator_is_returned_at_once() {
    let mut rng = FailsOnce::default();
    assert_eq!(ApiKey::try_generate_from_rng(&mut rng), Err(Broken));
    assert_eq!(rng.calls, 1, "a generator that failed is not called again");
}

// ---- statistics

/// The random characters of many keys, as seven numbers of six digits each.
struct Sample(Vec<[u64; WORDS]>);

/// Number of keys in a sample, and of those whose bits are compared.
const COUNT: usize = 1 << 17;
const BITS_COUNT: usize = 1 << 14;

impl Sample {
    fn new(count: usize, mut generate: impl FnMut() -> ApiKey) -> Self {
        let numbers = |key: ApiKey| {
            let mut digits = key.expose_secret().bytes().skip(4).map(value);
            core::array::from_fn(|_| digits.by_ref().take(6).fold(0, |number, digit| 62 * number + digit))
        };
        Self((0..count).map(|_| numbers(generate())).collect())
    }
}

fn value(digit: u8) -> u64 {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        _ => digit - b'a' + 36,
    };
    value.into()
}

/// A statistical test. It returns an error for a deviation that is too large for chance.
type Check = fn(&Sample) -> Result<(), String>;

/// A correct generator fails one comparison with a probability of at most e⁻⁴⁵ < 10⁻¹⁹. A run makes fewer than 10⁶
/// comparisons, so the operating system's generator, whose keys differ in each run, fails fewer than one in 10¹³ runs.
const EXPONENT: f64 = 45.0;

/// Checks that all of `k` cells are equally probable, by the relative entropy of the counts of `n` keys. For each r > 1,
/// it is at least (k - 1) · r / n with a probability of at most exp(-(k - 1) · (r - 1 - ln r)) (Agrawal 2020,
/// "Finite-Sample Concentration of the Multinomial in Relative Entropy", theorem 1.2).
fn check_even(counts: &[u32], name: impl FnOnce() -> String) -> Result<(), String> {
    let total: u32 = counts.iter().sum();
    let mean = f64::from(total) / counts.len() as f64;
    let term = |count: f64| if count == 0.0 { 0.0 } else { count * (count / mean).ln() };
    let entropy: f64 = counts.iter().map(|&count| term(count.into())).sum();
    let freedom = (counts.len() - 1) as f64;
    let ratio = entropy / freedom;
    if ratio > 1.0 && freedom * (ratio - 1.0 - ratio.ln()) > EXPONENT {
        return Err(format!("{}: {ratio}", name()));
    }
    Ok(())
}

/// Checks the distribution of each of the 42 characters, and of each pair of them.
fn characters(sample: &Sample) -> Result<(), String> {
    let digit =
        |numbers: &[u64; WORDS], place: usize| numbers[place / 6] / 62u64.pow(5 - place as u32 % 6) % 62;
    let column = |place| sample.0.iter().map(|numbers| digit(numbers, place) as u8).collect::<Vec<_>>();
    let columns: Vec<_> = (0..6 * WORDS).map(column).collect();
    for (first, column) in columns.iter().enumerate() {
        let mut counts = [0; 62];
        column.iter().for_each(|&digit| counts[usize::from(digit)] += 1);
        check_even(&counts, || format!("character {}", 4 + first))?;
        for (second, other) in columns[..first].iter().enumerate() {
            let mut counts = [0; 62 * 62];
            for (&a, &b) in column.iter().zip(other) {
                counts[usize::from(a) * 62 + usize::from(b)] += 1;
            }
            check_even(&counts, || format!("characters {} and {}", 4 + second, 4 + first))?;
        }
    }
    Ok(())
}

/// Checks that words are not repeated more often than by chance. A word equals one of the `n` words before it with a
/// probability of at most n / 62⁶, and Chernoff's bound holds for the sum.
fn repeated_words(sample: &Sample) -> Result<(), String> {
    let mut words = sample.0.as_flattened().to_vec();
    let count = words.len() as f64;
    words.sort_unstable();
    words.dedup();
    let repeated = count - words.len() as f64;
    let mean = count * count / 2.0 / NUMBERS as f64;
    if repeated > mean && mean - repeated + repeated * (repeated / mean).ln() > EXPONENT {
        return Err(format!("{repeated} words are repeated, not {mean}"));
    }
    Ok(())
}

/// Lowest bit of a fraction that can be seen in its six digits. The digits represent 2⁶⁴ / 62⁶ = 2²⁸·²⁷ fractions, and
/// the checks take the middle one. Its low bits often differ from the original's, but a constant bit can still be seen.
/// The bits below cannot be seen in a key: [`the_lowest_bit_of_each_word_is_used`] shows that they are used, and a unit
/// test in `src/os_rng.rs` that they are filled.
const LOWEST_BIT: usize = 27;
const VISIBLE_BITS: usize = 64 - LOWEST_BIT;

/// Returns the middle one of the fractions whose first six digits are those of `number`.
fn fraction(number: u64) -> u64 {
    let middle = ((2 * u128::from(number) + 1) << 63) / NUMBERS;
    middle.try_into().unwrap()
}

/// Returns one column for each visible bit of each word, with one bit for each key.
fn bit_columns(keys: &[[u64; WORDS]]) -> Vec<(String, Vec<u64>)> {
    let fractions: Vec<_> = keys.iter().map(|numbers| numbers.map(fraction)).collect();
    let column = |index| {
        let (word, bit) = (index / VISIBLE_BITS, LOWEST_BIT + index % VISIBLE_BITS);
        let pack = |keys: &[[u64; WORDS]]| keys.iter().fold(0, |bits, key| bits << 1 | key[word] >> bit & 1);
        (format!("bit {bit} of word {word}"), fractions.chunks(64).map(pack).collect())
    };
    (0..WORDS * VISIBLE_BITS).map(column).collect()
}

/// Checks each visible bit, each pair of bits in one key, and each pair of a bit in one key and a bit in the next.
fn visible_bits(sample: &Sample) -> Result<(), String> {
    let (columns, next) = (bit_columns(&sample.0[..BITS_COUNT]), bit_columns(&sample.0[1..=BITS_COUNT]));
    let check = |ones: u32, name: &dyn Fn() -> String| check_even(&[ones, BITS_COUNT as u32 - ones], name);
    for (index, (name, column)) in columns.iter().enumerate() {
        check(column.iter().map(|bits| bits.count_ones()).sum(), &|| name.clone())?;
        let different = |other: &[u64]| column.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum();
        for (other, bits) in &columns[..index] {
            check(different(bits), &|| format!("{other} and {name}"))?;
        }
        for (other, bits) in &next {
            check(different(bits), &|| format!("{name} and {other} of the next key"))?;
        }
    }
    Ok(())
}

/// Checks that no set of the words' upper 18 bits has a constant parity: a matrix of these bits and a constant bit has
/// full rank. 512 random rows of 126 bits and a constant lack full rank with a probability of at most 2⁻³⁸⁵.
fn parities(sample: &Sample) -> Result<(), String> {
    let row = |numbers: &[u64; WORDS]| {
        numbers.iter().fold(1, |row: u128, &number| row << 18 | u128::from(fraction(number) >> (64 - 18)))
    };
    let mut basis: Vec<u128> = Vec::new();
    for numbers in &sample.0[..512] {
        let rest = basis.iter().fold(row(numbers), |rest, element| rest.min(rest ^ element));
        basis.extend((rest != 0).then_some(rest));
    }
    let rank = basis.len();
    if rank == 127 { Ok(()) } else { Err(format!("the rank is {rank}")) }
}

const CHECKS: [Check; 4] = [characters, repeated_words, visible_bits, parities];

#[test]
fn keys_are_uniform_and_independent() {
    for (item, _, generate) in GENERATORS {
        let mut rng = rng(7);
        let sample = Sample::new(COUNT, || generate(&mut rng));
        for check in CHECKS {
            assert_eq!(check(&sample), Ok(()), "{item}");
        }
    }
}

/// Returns keys from random bytes that `edit` changes. `edit` also gets the number of the key.
fn faulty_sample(count: usize, mut edit: impl FnMut(&mut [u8; RANDOM_LEN], usize)) -> Sample {
    let (mut rng, mut given, mut numbers) = (rng(7), GivenRng::new([0; _]), 0..);
    Sample::new(count, || {
        rng.fill_bytes(&mut given.bytes);
        edit(&mut given.bytes, numbers.next().unwrap());
        ApiKey::generate_from_rng(&mut given)
    })
}

/// A fault that cannot be seen in a single key: its name, the change of the random bytes, and the checks that detect it.
type Fault = (&'static str, fn(&mut [u8; RANDOM_LEN], usize), &'static [Check]);

const FAULTS: &[Fault] = &[
    ("only 16 bytes are random", |bytes, _| bytes[16..].fill(0), &CHECKS),
    ("the second half repeats the first", |bytes, _| bytes.copy_within(..28, 28), &[visible_bits]),
    ("the last word repeats the first", |bytes, _| bytes.copy_within(..8, 48), &CHECKS),
    ("the last word is the parity of the others", |bytes, _| combine_words(bytes), &[parities]),
    ("every key is the same", |bytes, _| bytes.fill(0x5a), &CHECKS),
    (
        "one key in a thousand has a word twice",
        |bytes, key| repeat_word(bytes, key % 1000 == 0),
        &[repeated_words],
    ),
    ("a high byte is a counter", |bytes, key| bytes[7] = key as u8, &[visible_bits]),
    ("the lowest visible byte is a counter", |bytes, key| bytes[3] = key as u8, &[visible_bits]),
    ("the lower half of each word is zero", |bytes, _| replace_low_halves(bytes, |_| 0), &[visible_bits]),
    (
        "the lower half of each word is the upper",
        |bytes, _| replace_low_halves(bytes, |high| high),
        &[visible_bits],
    ),
];

fn repeat_word(bytes: &mut [u8; RANDOM_LEN], repeats: bool) {
    if repeats {
        bytes.copy_within(8..16, 24);
    }
}

fn combine_words(bytes: &mut [u8; RANDOM_LEN]) {
    for index in 48..RANDOM_LEN {
        bytes[index] = (0..6).fold(0, |parity, word| parity ^ bytes[index % 8 + 8 * word]);
    }
}

/// Computes the lower half of each word from its upper half.
fn replace_low_halves(bytes: &mut [u8; RANDOM_LEN], low: fn(u32) -> u32) {
    for [lower, upper] in bytes.as_chunks_mut().0.as_chunks_mut::<2>().0 {
        *lower = low(u32::from_le_bytes(*upper)).to_le_bytes();
    }
}

#[test]
fn every_check_detects_the_faults_planted_for_it() {
    for (fault, edit, checks) in FAULTS {
        let sample = faulty_sample(BITS_COUNT + 1, edit);
        for check in *checks {
            assert!(check(&sample).is_err(), "{fault}");
        }
    }
    for bit in LOWEST_BIT..64 {
        let index = bit % WORDS * 8 + bit / 8;
        let sample = faulty_sample(BITS_COUNT + 1, |bytes, _| bytes[index] &= !(1 << (bit % 8)));
        assert!(visible_bits(&sample).is_err(), "bit {bit} is constant");
    }
    let mix = |high: u32| high.wrapping_mul(0x9e37_79b1);
    let sample = faulty_sample(COUNT, |bytes, _| replace_low_halves(bytes, mix));
    assert!(repeated_words(&sample).is_err(), "the lower half of each word is computed from the upper");
}

#[test]
fn a_dynamic_generator_is_accepted() {
    let mut rng = rng(1);
    let dynamic: &mut dyn CryptoRng = &mut rng;
    let first = ApiKey::generate_from_rng(dynamic);
    assert_ne!(first, ApiKey::generate_from_rng(dynamic), "the generator is used itself, and not a clone");
}
