//! `ctx-key inspect`

mod common;

use common::{command, finish, masked, run, run_with};
use ctx_key::ApiKey;

#[test]
fn a_key_from_each_source() {
    let key = ApiKey::generate();
    let text = format!(" Bearer '{}'\r\n", key.expose_secret());
    let argument = run(&["inspect", &text]).exits(0).hides(&key);
    assert!(argument.stderr.contains("other users see the arguments"));
    let stdin = run_with(text.as_bytes(), &["inspect", "-"]).exits(0).hides(&key);
    let environment = finish(command(&["inspect"]).env("MEMORYKIT_API_KEY", &text), b"").exits(0).hides(&key);
    for seen in [&argument, &stdin, &environment] {
        assert!(seen.stdout.starts_with(&format!("{} is well-formed", masked(&key))));
        assert!(seen.stdout.contains(&key.digest().to_string()));
    }
    assert_eq!((stdin.stderr, environment.stderr), (String::new(), String::new()));
}

/// The texts that people have at hand, first of all the output of `ctx-key new --format env`.
#[test]
fn pasted_lines() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    let made = run(&["new", "--scopes", "memories:read", "--format", "env"]).exits(0).stdout;
    run_with(made.as_bytes(), &["inspect", "-"]).exits(0);
    for line in [
        format!("export MEMORYKIT_API_KEY=\"{text}\"\n"),
        format!("Authorization: Bearer {text}\r\n"),
        format!("“{text}”"),
        format!("MEMORYKIT_API_KEY: ‘{text}’, \u{200b}"),
    ] {
        let seen = run_with(line.as_bytes(), &["inspect", "-"]).exits(0).hides(&key);
        assert!(seen.stdout.starts_with(&format!("{} is well-formed", masked(&key))), "{line}");
    }
}

/// A letter that only looks like ASCII, or a text that is too long, was not cut off.
#[test]
fn a_diagnosis_names_the_right_cause() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    let lookalike = format!("{}\u{430}{}", &text[..20], &text[21..]);
    for (input, is_cut) in [
        (lookalike, false),
        (format!("{text}x"), false),
        (text.repeat(2), false),
        (text[..51].to_owned(), true),
    ] {
        let seen = run_with(input.as_bytes(), &["inspect", "-"]).exits(1).hides(&key);
        assert_eq!(seen.stdout.contains("cut off"), is_cut, "{}", seen.stdout);
        assert_eq!(seen.stdout.contains("not plain ASCII"), !is_cut, "{}", seen.stdout);
    }
}

#[test]
fn what_is_wrong_and_where() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    let foreign = run_with(format!("{}-{}", &text[..25], &text[26..]).as_bytes(), &["inspect", "-"]);
    let foreign = foreign.exits(1).hides(&key);
    let place = foreign.stdout.lines().nth(2).unwrap();
    assert_eq!(place, format!("  {:25}^ byte 25", ""));

    let typo = if text.ends_with('0') { '1' } else { '0' };
    let typo = run_with(format!("{}{typo}", &text[..51]).as_bytes(), &["inspect", "-"]).exits(1).hides(&key);
    assert!(typo.stdout.contains("checksum") && typo.stdout.contains("^^^^^^"));
    let short = run_with(&text.as_bytes()[..40], &["inspect", "-"]).exits(1).hides(&key);
    assert!(short.stdout.contains("40 bytes instead of 52"));
    let headless = run_with(&text.as_bytes()[1..], &["inspect", "-"]).exits(1).hides(&key);
    assert!(headless.stdout.contains("starts with `ctx_`"));
    finish(command(&["inspect"]).env("MEMORYKIT_API_KEY", &text[..40]), b"").exits(1).hides(&key);
}

#[test]
fn what_cannot_be_read() {
    let unset = run(&["inspect"]).exits(2);
    assert!(unset.stderr.contains("MEMORYKIT_API_KEY is not set"));
    run_with(b"ctx_\xff", &["inspect", "-"]).exits(2);
    run_with(&[b' '; 70_000], &["inspect", "-"]).exits(2);
}
