//! The credentials and records that the programs in `benches` use. `cargo xtask bench` runs these programs, and writes the
//! tables of docs/performance.md.

pub mod peers;
pub mod records;
