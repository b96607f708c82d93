//! Checks a key against a stored digest, and requires that it may read memories.

use std::error::Error;
use std::process::ExitCode;

use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    if check(text, stored).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(text: &str, stored: &str) -> Result<(), Box<dyn Error>> {
    let key = ApiKey::parse(text)?;
    let record = KeyRecord::from_parts(key.id(), stored.parse()?, 17_u64, Scope::READ);
    let grant = record.verify(&key, UnixTime::from_secs(1_800_000_000))?;
    Ok(grant.require(Scope::MEMORIES_READ)?)
}
