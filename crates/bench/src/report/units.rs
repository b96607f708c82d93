//! Numbers as they are read: three digits that count, and a unit.

const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const BYTES: [(f64, &str); 5] = [(1.0, "B"), (1e3, "KB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")];
const BINARY: [(f64, &str); 4] =
    [(1.0, "B"), (1_024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")];
const COUNTS: [(f64, &str); 3] = [(1.0, ""), (1e6, "million"), (1e9, "billion")];

/// A time that is given in nanoseconds: `38.0 ns`.
pub(super) fn time(ns: f64) -> String {
    with_unit(ns, &TIMES, digits)
}

/// The same without zeros that say nothing, for an axis: `10 ns`.
pub(super) fn round_time(ns: f64) -> String {
    with_unit(ns, &TIMES, short)
}

/// Decimal, as disks and networks are sold: `1.50 KB`.
pub(super) fn bytes(bytes: f64) -> String {
    with_unit(bytes, &BYTES, if bytes < 1e3 { short } else { digits })
}

/// Powers of two: `1 KiB`.
pub(super) fn binary_bytes(bytes: f64) -> String {
    with_unit(bytes, &BINARY, short)
}

/// How many: `20,000`, `1.5 million`.
pub(super) fn count(count: f64) -> String {
    with_unit(count, &COUNTS, short)
}

/// A part of a whole: `12.5 %`.
pub(super) fn share(share: f64) -> String {
    short(share * 100.0) + " %"
}

/// Three digits that count, two at least behind the point of a small number.
pub(super) fn digits(value: f64) -> String {
    if value >= 999.5 {
        let unit = 10_f64.powf(value.log10().floor() - 2.0);
        grouped((value / unit).round() * unit)
    } else if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// All digits of a whole number, in groups of three.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// [`digits`] without zeros at the end of a fraction.
pub(super) fn short(value: f64) -> String {
    let text = digits(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn with_unit(value: f64, units: &[(f64, &str)], digits: fn(f64) -> String) -> String {
    let (size, unit) = units.iter().rev().find(|(size, _)| value >= *size).unwrap_or(&units[0]);
    format!("{} {unit}", digits(value / size)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (text, expected) in [
            (time(0.61), "0.61 ns"),
            (time(38.0), "38.0 ns"),
            (time(63_412_345.0), "63.4 ms"),
            (round_time(10.0), "10 ns"),
            (round_time(1e5), "100 µs"),
            (bytes(44.0), "44 B"),
            (bytes(0.0), "0 B"),
            (bytes(1.2e11), "120 GB"),
            (binary_bytes(32_768.0), "32 KiB"),
            (count(20_000.0), "20,000"),
            (count(1e9), "1 billion"),
            (count(2.5e6), "2.5 million"),
            (count(0.0), "0"),
            (share(0.125), "12.5 %"),
            (share(1.0), "100 %"),
            (digits(0.0), "0.00"),
            (digits(99.97), "100"),
            (digits(1_063_412.0), "1,060,000"),
            (digits(999.7), "1,000"),
            (grouped(1_234_567.0), "1,234,567"),
            (short(1.0), "1"),
            (short(100.0), "100"),
        ] {
            assert_eq!(text, expected);
        }
    }
}
