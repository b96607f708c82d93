//! The operator's commands while a server runs, and the files that commands and servers create.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod account;
mod backup;
mod files;
mod import;

use std::path::Path;
use std::process::Output;

#[track_caller]
fn assert_succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn assert_no_database(output: &Output, folder: &Path) {
    let message = format!(
        "error: there is no database in the folder {}: name the data folder of the server with --data or CTX_KEY_DATA, or \
         start the server there first\n",
        folder.display()
    );
    let found = (output.status.code(), output.stdout.as_slice(), str::from_utf8(&output.stderr).unwrap());
    assert_eq!(found, (Some(1), &b""[..], message.as_str()));
}
