//! How fast texts are scanned, from a line to a gigabyte.

use std::hint::black_box;

use ctx_key::scan;
use serde_json::{Value, json};

use crate::clock::fastest;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// Bytes a second for each kind of text and each length, to 1 GiB.
pub fn measure() -> Value {
    let source =
        scan::redact_str(concat!(include_str!("../../../src/key.rs"), include_str!("../../../src/scope.rs")));
    let wrong_checksum = KEY.replacen("n9", "n8", 1);
    let kinds = [
        ("source code", &*source),
        ("keys, one a line", &*format!("{KEY}\n")),
        ("keys with a wrong checksum", &*wrong_checksum),
        ("`ctx_` over and over", "ctx_"),
    ];
    let mut rows = Vec::new();
    for (kind, piece) in kinds {
        for length in [1 << 10, 1 << 15, 1 << 20, 1 << 25, 1 << 30] {
            let text: Vec<u8> = piece.bytes().cycle().take(length).collect();
            // of short texts many at once, so that the clock's own time is nothing
            let times = (1 << 20) / length.min(1 << 20);
            let ns = fastest(times * length, || {
                for _ in 0..times {
                    black_box(scan::find_iter(black_box(&text)).count());
                }
            });
            println!("{length} bytes of {kind}: {:.2} GB/s", 1.0 / ns);
            rows.push(json!({ "kind": kind, "bytes": length, "gb_each_second": 1.0 / ns }));
        }
    }
    Value::Array(rows)
}
