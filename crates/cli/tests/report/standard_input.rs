//! A standard input is searched without a path, however late it comes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use ctx_key::ApiKey;

use crate::common::{command, finish, masked, run_with};
use crate::{text, tree};

#[test]
fn a_pipe_without_a_path_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tree(&other);
    let piped = |input: &[u8], arguments: &[&str]| {
        finish(command(&[&["scan"], arguments].concat()).current_dir(tree.path()), input)
    };
    let input = format!("{}{}", "x\n".repeat(100_000), text(&key));
    assert_eq!(piped(input.as_bytes(), &[]).exits(1).stdout, format!("stdin:100001:1: {}\n", masked(&key)));
    piped(b"clean", &[]).exits(0);
    assert_eq!(piped(b"", &[]).exits(1).stdout, format!("leak:1:1: {}\n", masked(&other)));
    assert!(piped(text(&key).as_bytes(), &["leak"]).exits(1).stdout.starts_with("leak"));
    assert_eq!(piped(text(&key).as_bytes(), &["leak", "-"]).exits(1).stdout.lines().count(), 2);
    run_with(b"", &["scan", "-"]).exits(0);
    let file = fs::File::open(tree.path().join("leak")).unwrap();
    let output = command(&["scan"]).current_dir("/").stdin(file).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("stdin:1:1: "));
    // a directory can be opened, but not read
    for arguments in [&["scan"][..], &["scan", "-"]] {
        let directory = fs::File::open(tree.path()).unwrap();
        let output = command(arguments).current_dir(tree.path()).stdin(directory).output().unwrap();
        let message = "ctx-key: can't read stdin: Is a directory (os error 21); it was not searched to its end: correct \
                       the path or the permissions\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), message, "{arguments:?}");
        assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()), "{arguments:?}");
    }
}

/// Until an input comes, a note says what the command waits for.
#[test]
fn a_late_standard_input_is_searched() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tree(&other);
    let mut child = command(&["scan"])
        .current_dir(tree.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stderr) = child.stdin.take().zip(child.stderr.take()).unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().try_for_each(|line| sender.send(line.unwrap()))
    });
    // The limit only keeps a failing test from waiting forever.
    let note = lines.recv_timeout(Duration::from_secs(60));
    assert_eq!(note.as_deref(), Ok("note: waiting for standard input; to search files, name a path"));
    stdin.write_all(text(&key).as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("stdin:1:1: {}\n", masked(&key)));
    assert_eq!(output.status.code(), Some(1));
}
