//! A reference server for MemoryKit API keys. What is to be copied from is how it uses [`ctx_key`] and
//! [`ctx_key_verifier`]: [`http::granted`] on each request, [`key_source`] for the records, [`store::api_key`] for the
//! life of a key.
//!
//! Its floors, from bottom to top: [`clock`] and [`data_folder`], [`database`], [`store`], [`key_source`], [`http`], then
//! [`api`], [`forward_auth`], [`management`] and [`dashboard`], then [`config`] and [`routes`], then [`server`],
//! [`backup`] and [`commands`]. Nothing imports upward.

pub mod api;
pub mod backup;
pub mod clock;
pub mod commands;
pub mod config;
pub mod dashboard;
pub mod data_folder;
pub mod database;
pub mod forward_auth;
pub mod http;
pub mod key_source;
pub mod management;
pub mod routes;
pub mod server;
pub mod store;
