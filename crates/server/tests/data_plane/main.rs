//! Promises of the platform's documentation about the data plane: nothing that a client sends is lost silently.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod errors;
mod fields;
mod metadata;
mod races;
mod records;
