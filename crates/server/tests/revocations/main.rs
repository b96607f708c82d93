//! No grant begins later than the lease after the commit of a revocation, whatever happens to the processes, to the network
//! or to the database meanwhile.
//!
//! `CTX_KEY_TEST_REVOCATIONS` is the number of revocations in each case. Each case prints the times until the keys were
//! refused.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

#[path = "../../../verifier/tests/postgres/cluster.rs"]
#[allow(dead_code, reason = "its own tests use the rest")]
mod cluster;

mod clusters;
mod disturbed;
mod fleet;
mod steady;
mod watch;
