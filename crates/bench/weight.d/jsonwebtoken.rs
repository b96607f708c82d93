//! Checks the signature of a token, and requires that its holder may read memories.

use std::process::ExitCode;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    scope: String,
}

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    let key = DecodingKey::from_secret(stored.as_bytes());
    let token = jsonwebtoken::decode::<Claims>(text, &key, &Validation::new(Algorithm::HS256));
    let is_granted =
        token.is_ok_and(|token| token.claims.scope.split(' ').any(|scope| scope == "memories:read"));
    if is_granted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
