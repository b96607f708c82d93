//! Code that the examples share: a store of records, and the platform's error response.

mod error;
mod store;

pub use error::ErrorBody;
pub use store::{Records, Store};
