//! A reference server for MemoryKit API keys. It is an example of how to use [`ctx_key`] and [`ctx_key_verifier`]:
//! [`http::granted`] verifies the key of each request, [`key_source`] reads the records, and [`store::api_key`]
//! creates, changes and ends keys.
//!
//! The layers, from bottom to top, are: [`clock`] and [`data_folder`], [`database`], [`store`], [`key_source`],
//! [`http`], then [`api`], [`forward_auth`], [`management`] and [`dashboard`], then [`config`] and [`routes`], then
//! [`server`], [`backup`] and [`commands`]. A module never imports from a layer above it.

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
