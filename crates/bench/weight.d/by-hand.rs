//! Checks a key against a stored digest, and requires that it may read memories.

use std::process::ExitCode;

use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    let scopes = ["memories:read", "chats:read", "users:read"].map(str::to_owned);
    let is_known = text.starts_with("sk_") && hex::encode(Sha256::digest(text)) == *stored;
    let is_granted = is_known && scopes.iter().any(|scope| scope == "memories:read");
    if is_granted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
