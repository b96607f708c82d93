//! Measures whether the time of a call depends on a secret. The calls use the SHA extensions of the machine, which memcheck
//! cannot run. The program exits with 1 if a time in the library depends on a secret, or if that of a planted leak does not.
//!
//! Each case has two classes of inputs, which are drawn at random and measured in that order. Before each measurement the
//! input is copied from a table with both classes to the same place in memory, so that its address makes no difference.

mod random;
mod welch;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use ctx_key::{ApiKey, KeyDigest, KeyRecord, Scope, UnixTime};

use random::{GivenTestRng, SplitMix64};

/// From this value on, dudect says "definitely not constant time".
const LIMIT: f64 = 10.0;
const ROUNDS: usize = 500;
const INPUTS: usize = 4096;
/// Calls in one measurement, because the clock does not resolve single nanoseconds.
const REPEATS: usize = 8;

/// Large enough for a key, a digest or random bytes.
type Input = [u8; 56];

struct Case {
    name: &'static str,
    /// True for a planted leak.
    leaks: bool,
    /// The result of `run` for every input of both classes. Otherwise the two times would not be comparable.
    returns: bool,
    /// Returns an input of one of the two classes.
    input: fn(bool, &mut SplitMix64) -> Input,
    run: fn(&Input) -> bool,
}

const CASES: &[Case] = &[
    Case {
        name: "parse: one key or others",
        leaks: false,
        returns: true,
        input: one_key_or_others,
        run: parse,
    },
    Case {
        name: "parse: first or last of the checksum",
        leaks: false,
        returns: false,
        input: |last, rng| other_checksum(if last { 51 } else { 46 }, rng),
        run: parse,
    },
    Case {
        name: "verify: first or last of the digest",
        leaks: false,
        returns: false,
        input: |last, _| other_digest(if last { 31 } else { 0 }),
        run: verify,
    },
    Case {
        name: "generate: one state or others",
        leaks: false,
        returns: true,
        input: one_state_or_others,
        run: generate,
    },
    Case {
        name: "planted: exit at the first or the last",
        leaks: true,
        returns: false,
        input: |last, _| other_digest(if last { 31 } else { 0 }),
        run: compare_early,
    },
    Case {
        name: "planted: exit at the last or before it",
        leaks: true,
        returns: false,
        input: |last, _| other_digest(if last { 31 } else { 30 }),
        run: compare_early,
    },
];

fn main() -> ExitCode {
    let mut unexpected = 0;
    for case in CASES {
        let t = welch::largest_t(&times(case));
        let expected = if case.leaks { t > LIMIT } else { t < LIMIT };
        unexpected += u32::from(!expected);
        println!("{:40} |t| = {t:7.1}{}", case.name, if expected { "" } else { "   UNEXPECTED" });
    }
    println!("{} measurements of {REPEATS} calls for each case; the limit is {LIMIT}", ROUNDS * INPUTS);
    if unexpected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn times(case: &Case) -> Vec<(bool, f64)> {
    let mut rng = SplitMix64(0);
    let mut times = Vec::with_capacity(ROUNDS * INPUTS);
    let mut place = [0; 56];
    for _ in 0..ROUNDS {
        let inputs: Vec<(bool, Input)> = (0..INPUTS)
            .map(|_| {
                let class = rng.next() & 1 == 1;
                (class, (case.input)(class, &mut rng))
            })
            .collect();
        times.extend(inputs.iter().map(|(class, input)| {
            place = *input;
            (*class, time(case, black_box(&place)))
        }));
    }
    times
}

fn time(case: &Case, input: &Input) -> f64 {
    let start = Instant::now();
    for _ in 0..REPEATS {
        assert_eq!((case.run)(black_box(input)), case.returns, "{}", case.name);
    }
    start.elapsed().as_secs_f64()
}

const KEY: &[u8; 52] = b"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

fn parse(input: &Input) -> bool {
    ApiKey::parse(&input[..52]).is_ok()
}

fn verify(input: &Input) -> bool {
    let key = ApiKey::parse(KEY).expect("a key");
    let digest = KeyDigest::from_bytes(*digest_of(input));
    KeyRecord::from_parts(key.id(), digest, (), Scope::READ).verify(&key, UnixTime::from_secs(1)).is_ok()
}

fn generate(input: &Input) -> bool {
    black_box(ApiKey::generate_from_rng(&mut GivenTestRng(input)));
    true
}

/// The planted leak: a comparison that returns at the first byte that differs.
fn compare_early(input: &Input) -> bool {
    let digest = *black_box(ApiKey::parse(KEY).expect("a key").digest().as_bytes());
    digest_of(input).iter().zip(&digest).all(|(one, other)| black_box(one) == other)
}

fn digest_of(input: &Input) -> &[u8; 32] {
    input.first_chunk().expect("an input holds a digest")
}

fn one_key_or_others(others: bool, rng: &mut SplitMix64) -> Input {
    // Both classes generate a key, so that the caches have the same content.
    let key = rng.key();
    padded(if others { key.expose_secret().as_bytes() } else { KEY })
}

fn other_checksum(index: usize, rng: &mut SplitMix64) -> Input {
    let mut input = padded(rng.key().expose_secret().as_bytes());
    input[index] = if input[index] == b'0' { b'1' } else { b'0' };
    input
}

fn other_digest(index: usize) -> Input {
    let mut input = padded(ApiKey::parse(KEY).expect("a key").digest().as_bytes());
    input[index] ^= 1;
    input
}

fn one_state_or_others(others: bool, rng: &mut SplitMix64) -> Input {
    let input = rng.input();
    if others { input } else { [0xa5; 56] }
}

fn padded(bytes: &[u8]) -> Input {
    let mut input = [0; 56];
    input[..bytes.len()].copy_from_slice(bytes);
    input
}
