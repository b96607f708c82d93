//! `ctx-key scan` searches the members of archives.

#[path = "../common/mod.rs"]
mod common;

mod damage;
mod limits;
mod members;
#[cfg(target_os = "linux")]
mod memory;
mod recognition;

use std::fs;
use std::io::Write;

use common::{Run, masked, run_in};
use ctx_key::ApiKey;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

type Members<'m> = &'m [(&'m str, &'m [u8])];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn named_gzip(name: &str, text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().filename(name).write(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zip_with(method: CompressionMethod, members: Members<'_>) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, text) in members {
        let (mut entry, config) = archive.new_file(name).compression_method(method).start().unwrap();
        let descriptor = if method == CompressionMethod::DEFLATE {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
            writer.write_all(text).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(text).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn zip(members: Members<'_>) -> Vec<u8> {
    zip_with(CompressionMethod::DEFLATE, members)
}

fn tar(members: Members<'_>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, *text).unwrap();
    }
    builder.into_inner().unwrap()
}

fn scan(name: &str, content: &[u8]) -> Run {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join(name), content).unwrap();
    run_in(tree.path(), &["scan", "--threads", "1"])
}

fn env(key: &ApiKey) -> Vec<u8> {
    format!("# ä\nKEY={}\n", key.expose_secret()).into_bytes()
}

/// Asserts that the only find in `content` is at `place`.
#[track_caller]
fn assert_found_at(key: &ApiKey, name: &str, content: &[u8], place: &str) {
    let run = scan(name, content).exits(1).hides(key);
    assert_eq!(run.stdout, format!("{name}{place}:2:5: {}\n", masked(key)), "{}", run.stderr);
}
