//! What the check exists to find, planted: each of these has to be reported.

use std::hint::black_box;

use crate::Case;
use crate::marks::make_secret;

pub const FAULTS: &[Case] = &[
    Case { name: "slices compared", declared: 0, run: slices_compared },
    Case { name: "table looked up", declared: 0, run: table_looked_up },
    Case { name: "early exit", declared: 0, run: early_exit },
];

fn slices_compared() {
    let secret: &[u8] = &secret();
    black_box(secret == black_box(b"qwertyuiopasdfghjklzxcvbnm0123456789".as_slice()));
}

fn table_looked_up() {
    let table: [u8; 256] = black_box(std::array::from_fn(|index| if index < 128 { 1 } else { 0 }));
    black_box(secret().iter().fold(0, |sum, &byte| sum | table[usize::from(byte)]));
}

fn early_exit() {
    black_box(secret().iter().position(|byte| !byte.is_ascii_alphanumeric()));
}

fn secret() -> [u8; 36] {
    let mut bytes = *b"fOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    make_secret(&mut bytes);
    black_box(bytes)
}
