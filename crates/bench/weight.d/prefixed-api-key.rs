//! Checks a key against a stored digest, and requires that it may read memories.

use std::process::ExitCode;

use prefixed_api_key::rand::rngs::OsRng;
use prefixed_api_key::sha2::Sha256;
use prefixed_api_key::{PrefixedApiKey, PrefixedApiKeyController};

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    let scopes = ["memories:read", "chats:read", "users:read"].map(str::to_owned);
    let controller: PrefixedApiKeyController<OsRng, Sha256> = PrefixedApiKeyController::configure()
        .prefix("ctx".to_owned())
        .rng(OsRng)
        .default_lengths()
        .finalize()
        .expect("a configuration");
    let is_known = PrefixedApiKey::from_string(text).is_ok_and(|key| controller.check_hash(&key, stored));
    let is_granted = is_known && scopes.iter().any(|scope| scope == "memories:read");
    if is_granted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
