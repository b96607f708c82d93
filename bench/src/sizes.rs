//! How long the credentials of each peer are, and how much a server keeps of one.

use serde_json::{Value, json};

use crate::peers::{
    ApiKeysSimplified, AxumExtra, ByHand, CtxKey, CtxKeyHeader, JwtEdDsa, JwtHs256, Peer, PrefixedApiKeyPeer,
};

/// Bytes of a credential and of what is stored, for each peer in the order of the report.
pub fn measure() -> Value {
    Value::Array(vec![
        row::<CtxKey>(),
        row::<CtxKeyHeader>(),
        row::<ByHand>(),
        row::<AxumExtra>(),
        row::<PrefixedApiKeyPeer>(),
        row::<ApiKeysSimplified>(),
        row::<JwtHs256>(),
        row::<JwtEdDsa>(),
    ])
}

fn row<P: Peer>() -> Value {
    let (text, stored) = P::new().0.issue();
    println!("{}: {} bytes, {stored} stored", P::NAME, text.len());
    json!({ "name": P::NAME, "slug": P::SLUG, "bytes": text.len(), "stored": stored })
}
