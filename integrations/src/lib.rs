//! What the examples share: a store of records, and the platform's error body.

mod error;
mod store;

pub use error::ErrorBody;
pub use store::{Records, Store};
