//! An archive may reach each limit, and sizes that it declares are not trusted.

use ctx_key::ApiKey;
use rawzip::CompressionMethod;

use crate::common::{masked, run_with};
use crate::{env, gzip, named_gzip, scan, tar, zip, zip_with};

/// An archive may reach each limit: 16 MiB from a small file, 100 times the size of a larger one, 100,000 members.
#[test]
fn an_archive_may_reach_each_limit() {
    let zeros = vec![0; (16 << 20) + 1];
    let scan = |archive: &[u8]| run_with(archive, &["scan", "-", "--no-decode"]);
    for (text, code) in [(&zeros[1..], 0), (&zeros, 2)] {
        scan(&named_gzip("a", text)).exits(code);
    }
    let noise: Vec<u8> =
        (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    scan(&tar(&[("noise", &noise), ("a.gz", &gzip(&zeros))])).exits(0);
    scan(&zip_with(CompressionMethod::STORE, &vec![("x", &b""[..]); 100_000])).exits(0);
}

/// Each member is read to its end, whatever size is declared, and its checksum is verified.
#[test]
fn declared_sizes_and_counts_are_not_trusted() {
    let key = ApiKey::generate();
    let archive = zip(&[("a", &env(&key))]);
    let find = format!("x!a:2:5: {}\n", masked(&key));
    let central = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = archive.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    for (place, value, code) in
        [(central + 24, 0xffff_fff0_u32, 2), (central + 20, 0xffff_fff0, 1), (end + 8, 0xfffe_fffe, 1)]
    {
        let mut archive = archive.clone();
        archive[place..place + 4].copy_from_slice(&value.to_le_bytes());
        let run = scan("x", &archive).exits(code);
        assert_eq!(run.stderr.contains("can't unpack x!a: "), code == 2, "{place}: {run:?}");
        assert!(run.stdout == find || code == 2, "{place}: {run:?}");
    }
}
