//! `ctx-key scan` writes reports, reads baselines and obeys its options.

#[path = "../common/mod.rs"]
mod common;

mod baselines;
mod comments;
mod exclusions;
mod formats;
#[cfg(unix)]
mod interrupt;
#[cfg(target_os = "linux")]
mod memory;
mod names;
mod output;
mod standard_input;

use std::fs;
use std::path::Path;

use ctx_key::ApiKey;
use tempfile::{TempDir, tempdir};

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text(key: &ApiKey) -> &str {
    key.expose_secret()
}

/// Makes a directory with a leak.
fn tree(key: &ApiKey) -> TempDir {
    let tree = tempdir().unwrap();
    write(tree.path(), "leak", text(key));
    tree
}
