//! The parts that all handlers share: state, extractors, errors, limits and connections.

pub mod api_error;
pub mod attempt;
pub mod connections;
pub mod extract;
pub mod failed_attempts;
pub mod failure;
pub mod granted;
pub mod iso_time;
pub mod last_use;
pub mod layers;
pub mod limits;
pub mod list_cursor;
pub mod metrics;
pub mod network;
pub mod open_api;
pub mod origin;
pub mod quota_clock;
pub mod rate_limit;
pub mod request_id;
pub mod schema;
pub mod sign_in_limit;
pub mod sliding_window;
pub mod state;
