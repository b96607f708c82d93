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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_digit_of_an_id_is_random() {
        let ids: Vec<_> = (0..64).map(|_| new_id("x")).collect();
        assert!(ids.iter().all(|id| id.starts_with("x_") && id.len() == 34), "{ids:?}");
        // the digit 12 is the version of the UUID
        for place in (0..32).filter(|place| *place != 12) {
            let digits: HashSet<u8> = ids.iter().map(|id| id.as_bytes()[2 + place]).collect();
            assert!(digits.len() > 1, "digit {place} is always the same");
        }
    }
}
