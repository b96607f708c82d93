//! The memory of a run does not grow with the number of finds.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use ctx_key::ApiKey;
use tempfile::tempdir;

use crate::common::{command, git};
use crate::write;

/// The command holds 10,000 finds. More finds take no more memory.
#[test]
fn memory_does_not_grow_with_finds() {
    let keys = |count: usize| (0..count).map(|_| ApiKey::generate().expose_secret().to_owned() + "\n");
    let trees = [10_000, 20_000].map(|count| {
        let tree = tempdir().unwrap();
        write(tree.path(), "keys", keys(count).collect::<String>());
        git(tree.path(), &["init", "-q"]);
        git(tree.path(), &["add", "-A"]);
        git(tree.path(), &["commit", "-q", "-m", "x"]);
        (count, tree)
    });
    // Decoding takes most of the time and is the same for all options, so only one run decodes.
    for options in [
        &["--format", "text"][..],
        &["--format", "json", "--no-decode"],
        &["--format", "sarif", "--no-decode"],
        &["--staged", "keys", "--no-decode"],
        &["--history", "--no-decode"],
    ] {
        let [held, more] = [0, 1].map(|index| {
            let (count, tree) = &trees[index];
            peak_memory(tree.path(), options, *count)
        });
        assert!(more < held + 2 * 1024, "{options:?}: {held} KiB, then {more} KiB");
    }
}

/// Returns the peak memory of a run in KiB. Asserts that the run writes at least `count` lines.
fn peak_memory(directory: &Path, options: &[&str], count: usize) -> u64 {
    let mut child = command(&[&["scan", "--threads", "2"], options].concat())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut peak, mut piece, mut lines) = (0, vec![0; 64 * 1024], 0);
    let status = format!("/proc/{}/status", child.id());
    loop {
        let read = stdout.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &piece[..read]).count();
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.map_or(peak, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(lines >= count && peak > 0, "{options:?} {lines}");
    peak
}
