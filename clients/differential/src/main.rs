//! Prints generated cases with the answers of `ctx-key`, one JSON array on each line: `[operation, input…, answer]`.
//!
//! `differential SEED COUNT` prints the same cases in each run. Each package has a program that reads them:
//! `compare`. In texts named `bytes`, each character is one byte. Times are strings, because they need 64 bits.
//! `differential speed` prints measurements of the library, as the program `speed` of each package does.

mod answer;
mod random;
mod speed;

use std::io::{BufWriter, Write};

use ctx_key::{ApiKey, Scope, bearer, scan};
use serde_json::{Value, json};

use crate::random::Random;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["speed"] {
        println!("{}", speed::figures()?);
        return Ok(());
    }
    let [seed, count] = &arguments[..] else { return Err("usage: differential SEED COUNT, or speed".into()) };
    let mut random = Random::new(seed.parse()?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for number in 0..count.parse::<u64>()? {
        let case = case(number, &mut random);
        writeln!(out, "{case}")?;
    }
    Ok(out.flush()?)
}

fn case(number: u64, random: &mut Random) -> Value {
    match number % 10 {
        0 => {
            let input = random.key_like();
            json!(["parse", latin1(&input), answer::key(ApiKey::parse(&input))])
        }
        1 => {
            let input = random.unicode_key_like();
            json!(["parse_str", input, answer::key(ApiKey::parse(&input))])
        }
        2 | 3 => {
            let input = random.pasted();
            json!(["pasted", input, answer::key(ApiKey::parse_pasted(&input))])
        }
        4 => {
            let input = random.scopes(true);
            json!(["scopes", input, answer::scopes(input.parse())])
        }
        5 => {
            let input = random.scopes(false);
            json!(["scope_list", input, answer::scopes(Scope::parse_list(&input))])
        }
        6 => {
            let [granted, required] = [random.bits(), random.bits()];
            json!(["bits", granted, required, answer::bits(granted, required)])
        }
        7 => {
            let (values, realm) = (random.authorization(), random.realm());
            let answer = match bearer::parse(&values) {
                Ok(key) => json!(key.id().as_str()),
                Err(denied) => answer::denied(&denied, &realm),
            };
            json!(["bearer", values.iter().map(|value| latin1(value)).collect::<Vec<_>>(), realm, answer])
        }
        8 => {
            let record = random.record();
            let answer = answer::life(&record);
            json!(["record", record.to_json(), answer])
        }
        _ => {
            let text = random.leaks();
            let finds: Vec<_> =
                scan::find_iter(&text).map(|found| [found.range().start, found.range().end]).collect();
            json!(["leaks", latin1(&text), finds, latin1(&scan::redact(&text))])
        }
    }
}

/// Returns a text in which each character is one byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
