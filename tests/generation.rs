//! Generation: uniform, bounded, and whatever the generator gives.

mod common;

use core::convert::Infallible;

use common::{keys, rng};
use ctx_key::ApiKey;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};

/// A generator that gives one byte for ever, and counts.
struct Stuck {
    byte: u8,
    fills: Vec<usize>,
}

impl TryRng for Stuck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("keys take bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("keys take bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.byte);
        self.fills.push(bytes.len());
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

#[test]
fn a_stuck_generator_ends_after_one_fill() {
    for byte in 0..=u8::MAX {
        let mut stuck = Stuck { byte, fills: Vec::new() };
        let key = ApiKey::generate_from_rng(&mut stuck);
        assert_eq!(stuck.fills, [56]);
        assert_eq!(ApiKey::parse(key.expose_secret()), Ok(key));
    }
}

/// Six digits are the base-62 places of a little-endian u64 as a fraction.
#[test]
fn characters_are_the_places_of_fractions() {
    for byte in 0..=u8::MAX {
        let key = ApiKey::generate_from_rng(&mut Stuck { byte, fills: Vec::new() });
        let fraction = u128::from(u64::from_le_bytes([byte; 8]));
        let six = format!("{:0>6}", base62::encode((fraction * 62u128.pow(6)) >> 64));
        assert_eq!(key.expose_secret()[4..46], six.repeat(7));
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

impl TryRng for Broken {
    type Error = Self;

    fn try_next_u32(&mut self) -> Result<u32, Self> {
        Err(Self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self> {
        Err(Self)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self> {
        Err(Self)
    }
}

impl TryCryptoRng for Broken {}

#[test]
fn a_generators_error_is_returned() {
    assert_eq!(ApiKey::try_generate_from_rng(&mut Broken), Err(Broken));
}

#[test]
fn a_generator_behind_a_pointer_is_taken() {
    let mut rng = rng(1);
    let dynamic: &mut dyn CryptoRng = &mut rng;
    let first = ApiKey::generate_from_rng(dynamic);
    assert_ne!(first, ApiKey::generate_from_rng(dynamic), "a generator goes on, and is not cloned");
}

#[cfg(feature = "getrandom")]
#[test]
fn the_operating_system_gives_different_keys() {
    assert_ne!(ApiKey::generate(), ApiKey::generate());
    assert_ne!(ApiKey::try_generate().unwrap(), ApiKey::try_generate().unwrap());
}

/// Each of the 42 characters by itself, and pairs of neighbours, against the chi-square distribution. The
/// seed is fixed: the test finds a wrong program, and never fails a right one by chance.
#[test]
fn characters_are_uniform() {
    const COUNT: usize = 62 * 1000;
    let keys = keys(COUNT);
    let value = |key: &ApiKey, index: usize| {
        let digit = key.expose_secret()[index..=index].to_owned();
        usize::try_from(base62::decode(digit).unwrap()).unwrap()
    };
    for index in 4..46 {
        let mut counts = vec![0; 62];
        for key in &keys {
            counts[value(key, index)] += 1;
        }
        assert_chi_square(&counts, COUNT);
    }
    for index in 4..45 {
        let mut counts = vec![0; 62 * 62];
        for key in &keys {
            counts[value(key, index) * 62 + value(key, index + 1)] += 1;
        }
        assert_chi_square(&counts, COUNT);
    }
}

/// Within five standard deviations of the mean, on both sides: too even is no chance either.
fn assert_chi_square(counts: &[u32], total: usize) {
    let expected = total as f64 / counts.len() as f64;
    let statistic: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    let deviations = (statistic - freedom) / (2.0 * freedom).sqrt();
    assert!(deviations.abs() < 5.0, "{statistic} with {freedom} degrees of freedom");
}
