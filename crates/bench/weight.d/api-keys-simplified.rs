//! Checks a key against a stored hash, and requires that it may read memories.

use std::process::ExitCode;

use api_keys_simplified::{ApiKeyManagerV0, KeyStatus};

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    let scopes = ["memories:read", "chats:read", "users:read"].map(str::to_owned);
    let manager = ApiKeyManagerV0::init_default_config("ctx_sk").expect("a configuration");
    let is_known = matches!(manager.verify(&text.clone().into(), stored), Ok(KeyStatus::Valid));
    let is_granted = is_known && scopes.iter().any(|scope| scope == "memories:read");
    if is_granted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
