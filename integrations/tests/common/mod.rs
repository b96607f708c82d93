//! Helpers that several test files share: a server, a client that sends any bytes, and a table of requests.
#![allow(dead_code, unused_imports, reason = "every test file compiles this module, and none uses all of it")]

mod rows;
mod socket;

pub(crate) use rows::{Fixture, ROWS, Row};
pub(crate) use socket::{Answer, Server, head};

use std::sync::LazyLock;

use ctx_key_integrations::Store;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Returns an empty store. Its verifier runs until the process ends.
pub(crate) fn store() -> Store {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    let _entered = RUNTIME.enter();
    Store::default()
}

/// Returns the cases of a file of the library's vectors.
pub(crate) fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Returns one byte for each character. These tests and the vectors write any bytes in this form.
pub(crate) fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}
