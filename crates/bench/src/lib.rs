//! What is compared with what, where the figures are kept, and the report that is made of them.

mod clock;
pub mod lookups;
pub mod peers;
mod records;
pub mod report;
pub mod results;
pub mod sizes;
mod svg;
pub mod texts;
pub mod threads;
