//! Searches find what they should, in the same order and with the same scores on both databases.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod fixture;
mod index;
mod limits;
mod parameters;
mod questions;
mod texts;
