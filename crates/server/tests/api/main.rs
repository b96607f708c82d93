//! The API for API keys, with the requests that the platform's clients send and the answers that they expect.

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod chats;
mod lists;
mod records;
mod requests;
mod scopes;
mod search;
