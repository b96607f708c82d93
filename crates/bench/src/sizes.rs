//! How long the credentials of each peer are, and how much a server keeps of one.

use serde_json::{Value, json};

use crate::each_peer;
use crate::peers::Peer;

/// Bytes of a credential and of what is stored, for each peer in the order of the report.
pub fn measure() -> Value {
    let mut rows = Vec::new();
    each_peer!(add, &mut rows);
    Value::Array(rows)
}

fn add<P: Peer>(rows: &mut Vec<Value>) {
    let (text, stored) = P::new().0.issue();
    println!("{}: {} bytes, {stored} stored", P::NAME, text.len());
    rows.push(json!({ "name": P::NAME, "slug": P::SLUG, "bytes": text.len(), "stored": stored }));
}
