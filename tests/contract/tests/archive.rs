//! `cargo package` puts the files into the library's archive that `archive.txt` lists.

use ctx_key_contract::{assert_kept, cargo, differences, read};

#[test]
fn the_archive_holds_what_is_listed() {
    let listed = cargo(&["package", "--list", "--package=ctx-key", "--locked", "--allow-dirty"]);
    // Without a git repository, cargo does not add this file.
    assert_kept("archive.txt", &listed.replace(".cargo_vcs_info.json\n", ""));
}

/// The check can fail.
#[test]
fn an_added_or_missing_file_is_detected() {
    let kept = &read("archive.txt");
    assert!(differences(kept, &format!("{kept}src/key.rs.orig\n")).is_some());
    assert!(differences(kept, &kept.replace("src/key.rs\n", "")).is_some());
}
