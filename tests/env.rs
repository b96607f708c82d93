//! A program's own key, from the environment. A process sets its own environment unsafely, so each case is a
//! process of its own: this test program again, with another variable.
#![cfg(feature = "std")]

mod common;

use std::ffi::{OsStr, OsString};
use std::process::Command;

use common::KEY;
use ctx_key::{ApiKey, EnvKeyError, ParseKeyError};

/// What the cases run: it says what it found, without the secret.
#[test]
fn child() {
    println!("<{:?}>", ApiKey::from_env());
}

/// What `from_env` returns with the variable set so.
fn from_env(value: Option<&OsStr>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env_remove("MEMORYKIT_API_KEY");
    if let Some(value) = value {
        command.env("MEMORYKIT_API_KEY", value);
    }
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (_, said) = output.split_once('<').unwrap();
    said.split_once('>').unwrap().0.to_owned()
}

fn assert_found(value: &str, expected: Result<ApiKey, EnvKeyError>) {
    assert_eq!(from_env(Some(OsStr::new(value))), format!("{expected:?}"), "{value:?}");
}

#[test]
fn a_key_is_read_as_pasted() {
    for value in [KEY, &format!("\"{KEY}\""), &format!(" Bearer {KEY}\r\n"), &format!("\u{feff}{KEY}")] {
        assert_found(value, Ok(ApiKey::parse(KEY).unwrap()));
    }
}

#[test]
fn what_is_not_there_is_missing() {
    assert_eq!(from_env(None), "Err(Missing)");
    for value in ["", " ", "\t\r\n", "\u{feff}\u{200b}\u{a0}"] {
        assert_found(value, Err(EnvKeyError::Missing));
    }
}

#[test]
fn what_is_no_key_says_why() {
    let length = |found| Err(EnvKeyError::Invalid(ParseKeyError::Length { found }));
    assert_found("ctx_your_api_key_here", length(21));
    assert_found(&KEY[..51], length(51));
    assert_found("\"\"", Err(EnvKeyError::Invalid(ParseKeyError::Prefix)));
    assert_found(&KEY.replace('G', "H"), Err(EnvKeyError::Invalid(ParseKeyError::Checksum)));
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_not_unicode() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec([KEY.as_bytes(), b"\xff"].concat());
    assert_eq!(from_env(Some(&value)), "Err(NotUnicode)");
}
