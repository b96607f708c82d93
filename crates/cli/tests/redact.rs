//! `ctx-key redact` hides keys in a stream.

mod common;

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use common::{command, masked, run_with};
use ctx_key::ApiKey;

#[test]
fn keys_are_hidden_and_all_other_bytes_stay() {
    let key = ApiKey::generate();
    let text = format!("a\0b {} c\r\n{} end", key.expose_secret(), &key.expose_secret()[..40]);
    let redacted = run_with(text.as_bytes(), &["redact"]).exits(0).hides(&key);
    assert_eq!(redacted.stdout, format!("a\0b {0} c\r\n{0} end", masked(&key)));
}

/// Each piece arrives before the next one is written, even without a line feed. A long text is redacted as it would
/// be in one piece.
#[test]
fn output_is_written_as_input_arrives() {
    let key = ApiKey::generate();
    let mut child = command(&["redact"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = child.stdin.take().zip(child.stdout.take()).unwrap();
    let expected = format!("key {} used. ", masked(&key));
    let (pieces, length) = (std::sync::mpsc::channel(), expected.len());
    std::thread::spawn(move || {
        let mut piece = vec![0; length];
        while stdout.read_exact(&mut piece).is_ok() {
            pieces.0.send(String::from_utf8(piece.clone()).unwrap()).unwrap();
        }
    });
    for _ in 0..3 {
        write!(stdin, "key {} used. ", key.expose_secret()).unwrap();
        // The limit only keeps a failing test from waiting forever.
        assert_eq!(pieces.1.recv_timeout(Duration::from_secs(60)), Ok(expected.clone()));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());

    let long = format!("{} ", key.expose_secret()).repeat(10_000);
    let redacted = run_with(long.as_bytes(), &["redact"]).exits(0);
    assert!(redacted.stdout == format!("{} ", masked(&key)).repeat(10_000));
}

/// A failure is reported when the input is read, when a piece is written, and when the last bytes are written, which
/// were held back as the possible start of a key.
#[cfg(target_os = "linux")]
#[test]
fn each_loss_of_data_is_reported() {
    let directory = std::fs::File::open("/").unwrap();
    let output = command(&["redact"]).stdin(directory).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("ctx-key: can't read standard input: "), "{message}");
    assert!(message.ends_with("; the output is cut off\n"), "{message}");

    for input in ["a line\n", "ctx_8asp"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child =
            command(&["redact"]).stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{input:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.starts_with("ctx-key: can't write to standard output: "), "{message}");
        assert!(message.ends_with("; is the disk full?\n"), "{message}");
    }
}
