//! The records in the database, and all SQL.

pub mod access_token;
pub mod account;
pub mod actor;
pub mod api_key;
pub mod archive;
pub mod audit_log;
pub mod chat;
pub mod client;
pub mod column;
mod common_password;
pub mod company;
pub mod credential;
pub mod email;
pub mod event;
pub mod family;
pub mod free_text;
pub mod hash_queue;
pub mod id;
pub mod idempotency_key;
pub mod import;
pub mod json_object;
pub mod key_filter;
pub mod memory;
pub mod migration;
pub mod name;
pub mod new_password;
pub mod password;
pub mod password_change;
pub mod project;
mod ranking;
pub mod secret;
pub mod session_list;
pub mod set_up_link;
pub mod setting;
pub mod sign_in_log;
pub mod slug;
pub mod store_error;
pub mod text_search;
pub mod user;
pub mod window;
pub mod word_index;
mod words;

/// Returns a new id with a prefix, such as `acc_5f2c…`. Nobody can guess it.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}
