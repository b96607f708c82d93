//! Helpers that run the command as a user does.
#![allow(dead_code, reason = "every test file compiles this module, and none uses all of it")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ctx_key::ApiKey;
use serde_json::Value;

/// The result of a run.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Asserts that neither stream contains a part of the secret of `key`.
    #[track_caller]
    pub fn hides(self, key: &ApiKey) -> Self {
        let secret = &key.expose_secret()[16..];
        for part in secret.as_bytes().windows(5).map(|part| str::from_utf8(part).unwrap()) {
            assert!(
                !self.stdout.contains(part) && !self.stderr.contains(part),
                "the key {:?} is shown",
                key.id()
            );
        }
        self
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key"));
    command.args(arguments);
    for variable in ["MEMORYKIT_API_KEY", "NO_COLOR", "CLICOLOR_FORCE", "GIT_DIR", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    // The user's exclude files must not affect a test.
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    command
}

pub fn run(arguments: &[&str]) -> Run {
    finish(&mut command(arguments), b"")
}

pub fn run_in(directory: &Path, arguments: &[&str]) -> Run {
    finish(command(arguments).current_dir(directory), b"")
}

pub fn run_with(stdin: &[u8], arguments: &[&str]) -> Run {
    finish(&mut command(arguments), stdin)
}

pub fn finish(command: &mut Command, stdin: &[u8]) -> Run {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
        // Otherwise, each commit would start two more processes for maintenance.
        .args(["-c", "maintenance.auto=false", "-c", "gc.auto=0"])
        .env("GIT_TEMPLATE_DIR", "")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Returns the key as output shows it.
pub fn masked(key: &ApiKey) -> String {
    key.id().masked().to_string()
}
