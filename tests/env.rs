//! `ApiKey::from_env` reads the key from `MEMORYKIT_API_KEY` and from nowhere else.
//!
//! Setting a variable of the own process is `unsafe`, so each case runs this test program again with other variables.
#![cfg(feature = "std")]

mod common;

use std::ffi::{OsStr, OsString};
use std::process::Command;

use common::{KEY, keys};
use ctx_key::{ApiKey, EnvKeyError, ParseKeyError};

/// Prints the result of `from_env`, without the secret. The other tests run it in a child process.
#[test]
fn child() {
    println!("<{:?}>", ApiKey::from_env());
}

/// Returns the `Debug` form of what `from_env` returns if the variable has this value.
fn from_env(value: Option<&OsStr>) -> String {
    from_env_with(value, &[])
}

fn from_env_with(value: Option<&OsStr>, others: &[(String, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env_remove("MEMORYKIT_API_KEY");
    command.envs(others.iter().map(|(name, value)| (name, value)));
    if let Some(value) = value {
        command.env("MEMORYKIT_API_KEY", value);
    }
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (_, result) = output.split_once('<').unwrap();
    result.split_once('>').unwrap().0.to_owned()
}

fn assert_from_env(value: &str, expected: Result<ApiKey, EnvKeyError>) {
    assert_eq!(from_env(Some(OsStr::new(value))), format!("{expected:?}"), "{value:?}");
}

#[test]
fn a_value_is_repaired_like_pasted_text() {
    for value in [KEY, &format!("\"{KEY}\""), &format!(" Bearer {KEY}\r\n"), &format!("\u{feff}{KEY}")] {
        assert_from_env(value, Ok(ApiKey::parse(KEY).unwrap()));
    }
}

#[test]
fn an_unset_or_blank_variable_is_missing() {
    assert_eq!(from_env(None), "Err(Missing)");
    for value in ["", " ", "\t\r\n", "\u{feff}\u{200b}\u{a0}"] {
        assert_from_env(value, Err(EnvKeyError::Missing));
    }
}

#[test]
fn a_value_that_only_contains_a_key_is_refused() {
    for value in [
        format!("{KEY}\n{KEY}"),
        format!("{KEY}\nother"),
        format!("other\n{KEY}"),
        format!("{KEY} other"),
        format!("{KEY},other"),
        format!("MEMORYKIT_API_KEY={KEY}\nOTHER=1"),
        format!("other={KEY}"),
    ] {
        assert_from_env(&value, Err(EnvKeyError::Invalid(ApiKey::parse_pasted(&value).unwrap_err())));
    }
}

/// Other variables are ignored, with and without the right one. The test does not run on Windows, where names ignore case.
#[cfg(unix)]
#[test]
fn no_other_variable_is_read() {
    const NAME: &str = "MEMORYKIT_API_KEY";
    let mut names: Vec<String> =
        "memorykit_api_key Memorykit_Api_Key MEMORYKIT-API-KEY MEMORYKIT.API.KEY MEMORY_KIT_API_KEY \
        MEMORYKIT_KEY MEMORYKIT_TOKEN MEMORYKIT_API_TOKEN MEMORYKIT_SECRET MEMORYKIT API_KEY CTX_KEY \
        CTX_API_KEY CTX_KEY_API_KEY AUTHORIZATION HTTP_AUTHORIZATION BEARER TOKEN KEY"
            .split(' ')
            .map(String::from)
            .collect();
    names.extend((0..NAME.len()).map(|index| format!("{}{}", &NAME[..index], &NAME[index + 1..])));
    names.extend(["_", "X", "S", "1", "_FILE", "_PATH", "_OLD", "_TEST"].map(|end| format!("{NAME}{end}")));
    names.extend(["_", "X", "VITE_", "NEXT_PUBLIC_", "export ", " "].map(|start| format!("{start}{NAME}")));
    let other = keys(1).remove(0);
    let others: Vec<_> = names.into_iter().map(|name| (name, other.expose_secret())).collect();
    assert_eq!(from_env_with(None, &others), "Err(Missing)");
    assert_eq!(from_env_with(Some(OsStr::new(" ")), &others), "Err(Missing)");
    assert_eq!(from_env_with(Some(OsStr::new("x")), &others), "Err(Invalid(Prefix))");
    assert_eq!(from_env_with(Some(OsStr::new(KEY)), &others), "Ok(ApiKey(ctx_8aspm4G7VmSU***))");
}

#[test]
fn the_error_says_why_a_value_is_not_a_key() {
    let length = |found| Err(EnvKeyError::Invalid(ParseKeyError::Length { found }));
    assert_from_env("ctx_your_api_key_here", length(21));
    assert_from_env(&KEY[..51], length(51));
    assert_from_env("\"\"", Err(EnvKeyError::Invalid(ParseKeyError::Prefix)));
    assert_from_env(&KEY.replace('G', "H"), Err(EnvKeyError::Invalid(ParseKeyError::Checksum)));
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_not_unicode() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec([KEY.as_bytes(), b"\xff"].concat());
    assert_eq!(from_env(Some(&value)), "Err(NotUnicode)");
}
