//! The source over PostgreSQL, against the server that `CTX_KEY_TEST_POSTGRES` names as `postgres://user@host:port`, and
//! through the pooler of `CTX_KEY_TEST_PGBOUNCER` if there is one. `cargo xtask postgres` starts both.

mod changes;
mod cluster;
mod connections;
mod database;
mod history;
mod look_ups;
mod pruning;
mod uses;
mod visibility;
