//! Generation: uniform, independent, bounded, and whatever the generator gives.

mod common;

use core::convert::Infallible;

use common::rng;
use ctx_key::ApiKey;
use rand_core::{CryptoRng, Rng, TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

/// Each public generator: its line in `tests/contract/api.txt`, and whether it takes the caller's random bytes.
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

/// Number of random bytes of a key, and of the words that they are read as.
const RANDOM_LEN: usize = 56;
const WORDS: usize = 7;

/// A generator that gives the same bytes each time, and counts.
struct Given {
    bytes: [u8; RANDOM_LEN],
    fills: Vec<usize>,
}

impl Given {
    fn new(bytes: [u8; RANDOM_LEN]) -> Self {
        Self { bytes, fills: Vec::new() }
    }
}

impl TryRng for Given {
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

impl TryCryptoRng for Given {}

/// Asserts that each generator that takes the caller's random bytes makes this key from them, with one call for 56.
fn assert_generated(bytes: [u8; RANDOM_LEN], key: &str) {
    for (item, takes_rng, generate) in GENERATORS {
        let mut given = Given::new(bytes);
        let generated = generate(&mut given);
        if *takes_rng {
            assert_eq!(generated.expose_secret(), key, "{item}: {bytes:?}");
            assert_eq!(given.fills, [RANDOM_LEN], "{item}");
        } else {
            assert_ne!(generated.expose_secret(), key, "{item}");
            assert_eq!(given.fills, [0; 0], "{item}");
        }
        assert_eq!(ApiKey::parse(generated.expose_secret()), Ok(generated), "{item}");
    }
}

/// Keys of 56 distinct bytes, computed with Python's integers and its hashlib.
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

/// Six digits are the base-62 places of a little-endian u64 as a fraction.
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
        // The next number starts 2⁶⁴ / 62⁶ < 2²⁹ further.
        assert!(bit % 64 < 29 || model(flipped)[4..46] != model(bytes)[4..46], "{bit}");
    }
}

/// Between the last fraction of a number and the first of the next, the lowest bit decides.
#[test]
fn each_bit_decides() {
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
fn a_stuck_generator_ends_after_one_fill() {
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

/// Fails at the first call alone, and counts.
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
fn a_generators_error_is_returned() {
    let mut rng = FailsOnce::default();
    assert_eq!(ApiKey::try_generate_from_rng(&mut rng), Err(Broken));
    assert_eq!(rng.calls, 1, "a generator that failed is not asked again");
}

// ---- chance

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

/// A check that returns what no chance explains.
type Check = fn(&Sample) -> Result<(), String>;

/// A right generator fails one comparison with a probability of at most e⁻⁴⁵ < 10⁻¹⁹. A run makes fewer than 10⁶
/// comparisons, so the operating system's generators, whose keys differ each time, fail less than one of 10¹³ runs.
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

/// Checks each of the 42 characters by itself, and each pair of them.
fn places(sample: &Sample) -> Result<(), String> {
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

/// Checks that no more of all keys' words are equal than by chance. A word equals one of the `n` before it with a
/// probability of at most n / 62⁶, and Chernoff's bound holds for the sum.
fn words(sample: &Sample) -> Result<(), String> {
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

/// Lowest bit of a fraction that its six digits show. They stand for 2⁶⁴ / 62⁶ = 2²⁸·²⁷ fractions, of which the middle
/// one is taken: it often has other low bits, but a constant bit still shows. No key shows the bits below. That they
/// are used, [`each_bit_decides`] shows, and that they are filled, a unit test in `src/os_rng.rs`.
const LOWEST_BIT: usize = 27;
const VISIBLE_BITS: usize = 64 - LOWEST_BIT;

/// Returns the middle one of the fractions whose first six digits are those of `number`.
fn fraction(number: u64) -> u64 {
    let middle = ((2 * u128::from(number) + 1) << 63) / NUMBERS;
    middle.try_into().unwrap()
}

/// One column for each visible bit of each word, with a bit for each key.
fn bit_columns(keys: &[[u64; WORDS]]) -> Vec<(String, Vec<u64>)> {
    let fractions: Vec<_> = keys.iter().map(|numbers| numbers.map(fraction)).collect();
    let column = |index| {
        let (word, bit) = (index / VISIBLE_BITS, LOWEST_BIT + index % VISIBLE_BITS);
        let pack = |keys: &[[u64; WORDS]]| keys.iter().fold(0, |bits, key| bits << 1 | key[word] >> bit & 1);
        (format!("bit {bit} of word {word}"), fractions.chunks(64).map(pack).collect())
    };
    (0..WORDS * VISIBLE_BITS).map(column).collect()
}

/// Checks each visible bit by itself, each pair of them in one key, and each pair in a key and the next.
fn bits(sample: &Sample) -> Result<(), String> {
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

/// Checks that no set of the words' upper 18 bits has a constant parity. 512 random rows of 127 bits, one of them
/// constant, lack full rank with a probability of at most 2⁻³⁸⁵.
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

const CHECKS: [Check; 4] = [places, words, bits, parities];

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

/// Keys from random bytes that `edit` changes. It also sees the number of the key.
fn faulty(count: usize, mut edit: impl FnMut(&mut [u8; RANDOM_LEN], usize)) -> Sample {
    let (mut rng, mut given, mut key) = (rng(7), Given::new([0; _]), 0..);
    Sample::new(count, || {
        rng.fill_bytes(&mut given.bytes);
        edit(&mut given.bytes, key.next().unwrap());
        ApiKey::generate_from_rng(&mut given)
    })
}

/// A fault that no single key shows, and the checks that see it.
type Fault = (&'static str, fn(&mut [u8; RANDOM_LEN], usize), &'static [Check]);

const FAULTS: &[Fault] = &[
    ("16 bytes are filled", |bytes, _| bytes[16..].fill(0), &[places, words, bits, parities]),
    ("the second half repeats the first", |bytes, _| bytes.copy_within(..28, 28), &[bits]),
    ("a word repeats another", |bytes, _| bytes.copy_within(..8, 48), &[places, words, bits, parities]),
    ("a word is the parity of the others", |bytes, _| combine(bytes), &[parities]),
    ("every key is the same", |bytes, _| bytes.fill(0x5a), &[places, words, bits, parities]),
    ("a key in a thousand has a word twice", |bytes, key| repeat(bytes, key % 1000 == 0), &[words]),
    ("a high byte counts", |bytes, key| bytes[7] = key as u8, &[bits]),
    ("the lowest visible byte counts", |bytes, key| bytes[3] = key as u8, &[bits]),
    ("fractions have 32 bits, and zeros", |bytes, _| halve(bytes, |_| 0), &[bits]),
    ("fractions have 32 bits, twice", |bytes, _| halve(bytes, |high| high), &[bits]),
];

fn repeat(bytes: &mut [u8; RANDOM_LEN], repeats: bool) {
    if repeats {
        bytes.copy_within(8..16, 24);
    }
}

fn combine(bytes: &mut [u8; RANDOM_LEN]) {
    for index in 48..RANDOM_LEN {
        bytes[index] = (0..6).fold(0, |parity, word| parity ^ bytes[index % 8 + 8 * word]);
    }
}

/// Computes the lower half of each word from the upper.
fn halve(bytes: &mut [u8; RANDOM_LEN], low: fn(u32) -> u32) {
    for [lower, upper] in bytes.as_chunks_mut().0.as_chunks_mut::<2>().0 {
        *lower = low(u32::from_le_bytes(*upper)).to_le_bytes();
    }
}

#[test]
fn planted_faults_are_seen() {
    for (fault, edit, checks) in FAULTS {
        let sample = faulty(BITS_COUNT + 1, edit);
        for check in *checks {
            assert!(check(&sample).is_err(), "{fault}");
        }
    }
    for bit in LOWEST_BIT..64 {
        let index = bit % WORDS * 8 + bit / 8;
        let sample = faulty(BITS_COUNT + 1, |bytes, _| bytes[index] &= !(1 << (bit % 8)));
        assert!(bits(&sample).is_err(), "bit {bit} is constant");
    }
    let sample = faulty(COUNT, |bytes, _| halve(bytes, |high| high.wrapping_mul(0x9e37_79b1)));
    assert!(words(&sample).is_err(), "fractions have 32 bits, mixed");
}

#[test]
fn a_generator_behind_a_pointer_is_taken() {
    let mut rng = rng(1);
    let dynamic: &mut dyn CryptoRng = &mut rng;
    let first = ApiKey::generate_from_rng(dynamic);
    assert_ne!(first, ApiKey::generate_from_rng(dynamic), "a generator goes on, and is not cloned");
}
