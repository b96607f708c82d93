//! The credentials and the records that `benches` measures. `cargo xtask bench` runs all of it, and writes the tables of
//! docs/performance.md.

pub mod peers;
pub mod records;
