//! Planted leaks. Memcheck must report each of them.

use std::hint::black_box;

use crate::Run;

pub const FAULTS: &[(&str, Run)] = &[
    ("slices compared", |input| {
        black_box(input.text() == black_box(input.key));
    }),
    ("table looked up", |input| {
        let table: [u8; 256] = black_box(std::array::from_fn(|index| if index < 128 { 1 } else { 0 }));
        black_box(input.text().bytes().fold(0, |sum, byte| sum | table[usize::from(byte)]));
    }),
    ("early exit", |input| {
        black_box(input.text()[16..].bytes().position(|byte| !byte.is_ascii_alphanumeric()));
    }),
    ("branch with an id of digits only", |input| {
        let text = input.text();
        if text[4..16].bytes().all(|byte| byte.is_ascii_digit()) {
            branch(text.as_bytes());
        }
    }),
    ("branch with a scheme in lower case only", |input| {
        let header = input.header();
        if header.as_bytes().starts_with(b"bearer ") {
            branch(header.as_bytes());
        }
    }),
];

fn branch(text: &[u8]) {
    if text[30..].iter().fold(0, |or, byte| or | byte) > 0x7f {
        black_box(text);
    }
}
