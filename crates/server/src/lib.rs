//! A reference server for MemoryKit API keys. What is to be copied from is how it uses [`ctx_key`] and
//! [`ctx_key_verifier`]: [`granted`] on each request, [`key_source`] for the records, [`key_store`] for the life of a key.

pub mod account;
pub mod api;
pub mod clock;
pub mod config;
pub mod connections;
pub mod credential;
pub mod dashboard;
pub mod database;
pub mod error;
pub mod extract;
pub mod forward_auth;
pub mod granted;
pub mod key_source;
pub mod key_store;
pub mod management;
pub mod metrics;
pub mod migration;
pub mod request_id;
pub mod routes;
pub mod server;
pub mod sign_in_limit;
pub mod state;
