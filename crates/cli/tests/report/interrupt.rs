//! An interrupt ends the search, and the report has the finds so far.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ctx_key::ApiKey;
use serde_json::Value;

use crate::common::{command, masked};
use crate::text;

/// An interrupt ends the search. The report has the finds so far, and an error says that it is incomplete.
#[test]
fn an_interrupt_reports_what_was_found() {
    let key = ApiKey::generate();
    for format in ["text", "json", "sarif"] {
        let mut child = command(&["scan", "--format", format, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // This is more than two pieces and the pipe hold. So when all is written, the first piece has been searched.
        let input = format!("{}\n{}", text(&key), "x\n".repeat(400_000));
        stdin.write_all(input.as_bytes()).unwrap();
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(60));
        drop(stdin);
        assert_eq!(output.status.code(), Some(2));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains(&masked(&key)), "{format} {stdout}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let error = "ctx-key: interrupted: not everything was searched; run this again\n";
        assert!(stderr.contains(error), "{format} {stderr}");
        if format != "text" {
            serde_json::from_str::<Value>(&stdout).unwrap();
        }
    }
}
