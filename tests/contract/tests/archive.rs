//! What `cargo package` puts into the library's archive is what `archive.txt` lists.

use ctx_key_contract::{assert_kept, cargo, differences, read};

#[test]
fn the_archive_holds_what_is_listed() {
    let listed = cargo(&["package", "--list", "--package=ctx-key", "--locked", "--allow-dirty"]);
    // Where there is no history, cargo can't add the commit.
    assert_kept("archive.txt", &listed.replace(".cargo_vcs_info.json\n", ""));
}

/// The check of this check.
#[test]
fn a_stray_file_is_seen() {
    let kept = &read("archive.txt");
    assert!(differences(kept, &format!("{kept}src/key.rs.orig\n")).is_some());
    assert!(differences(kept, &kept.replace("src/key.rs\n", "")).is_some());
}
