//! What the database holds, and all SQL.

pub mod account;
pub mod api_key;
pub mod audit_log;
pub mod credential;
pub mod import;
pub mod migration;
pub mod project;
pub mod store_error;

/// Returns a new id with a prefix, such as `acc_5f2c…`. Nobody can guess it.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}
