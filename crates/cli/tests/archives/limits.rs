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

/// A tar archive holds the bytes of its members, so these count once, in whatever archive it is compressed.
#[test]
fn each_unpacked_byte_counts_once() {
    const LIMIT: usize = 16 << 20;
    let zeros = vec![0; LIMIT + 1];
    let text = &zeros[..9 << 20];
    let (inner_tar, inner_zip) = (tar(&[("a", text)]), zip(&[("a", text)]));
    let (inner_tar_gz, outer_tar) = (gzip(&inner_tar), tar(&[("a", &inner_zip)]));
    // Each case has a number of bytes, and a function that makes an archive of these bytes and others.
    type Case<'c> = (&'c str, usize, &'c dyn Fn(&[u8]) -> Vec<u8>);
    let cases: [Case<'_>; 5] = [
        ("zip", text.len(), &|others| zip(&[("a", text), ("b", others)])),
        ("tar.gz", inner_tar.len(), &|others| gzip(&[&inner_tar, others].concat())),
        ("tar in zip", inner_tar.len(), &|others| zip(&[("a", &inner_tar), ("b", others)])),
        ("tar.gz in zip", inner_tar_gz.len() + inner_tar.len(), &|others| {
            zip(&[("a", &inner_tar_gz), ("b", others)])
        }),
        ("zip in tar.gz", outer_tar.len() + text.len(), &|others| gzip(&[&outer_tar, others].concat())),
    ];
    for (name, unpacked, make) in cases {
        for (excess, code) in [(0, 0), (1, 2)] {
            let archive = make(&zeros[..LIMIT - unpacked + excess]);
            let run = run_with(&archive, &["scan", "-", "--no-decode"]);
            assert_eq!(run.code, Some(code), "{name}: {run:?}");
        }
    }
}

/// Several records in the directory of a zip archive may lead to the same bytes, even if these are not compressed.
#[test]
fn bytes_that_members_of_zip_share_count_for_each() {
    let archive = zip_with(CompressionMethod::STORE, &[("a", &[b'.'; 100_000])]);
    let central = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = archive.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    for (count, code) in [(160_u16, 0), (200, 2)] {
        let records = archive[central..end].repeat(count.into());
        let mut tail = archive[end..].to_vec();
        tail[8..10].copy_from_slice(&count.to_le_bytes());
        tail[10..12].copy_from_slice(&count.to_le_bytes());
        tail[12..16].copy_from_slice(&(records.len() as u32).to_le_bytes());
        let archive = [&archive[..central], &records, &tail].concat();
        run_with(&archive, &["scan", "-", "--no-decode"]).exits(code);
    }
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
