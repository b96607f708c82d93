//! The checks, one in each file. A check fails if its promise is broken. Many plant faults that the check must catch.

pub mod bench;
pub mod browser;
pub mod capi;
pub mod clients;
pub mod coherence;
pub mod constant_time;
pub mod contract;
pub mod coverage;
pub mod fuzz;
pub mod instructions;
pub mod library;
pub mod load;
pub mod machines;
pub mod mutants;
pub mod no_std;
pub mod operation;
pub mod scanners;
pub mod schemathesis;
pub mod semver;
pub mod soak;
pub mod suite;
pub mod targets;
