//! `ctx-key inspect` explains what is wrong with a key.

mod common;

use common::{command, finish, masked, run, run_with};
use ctx_key::ApiKey;

#[test]
fn a_key_is_read_from_each_source() {
    let key = ApiKey::generate();
    let text = format!(" Bearer '{}'\r\n", key.expose_secret());
    let argument = run(&["inspect", &text]).exits(0).hides(&key);
    let note = "note: other users see the arguments of a command, and the shell's history keeps them;\n      \
                `ctx-key inspect -` reads standard input\n";
    assert_eq!(argument.stderr, note);
    let stdin = run_with(text.as_bytes(), &["inspect", "-"]).exits(0).hides(&key);
    let environment = finish(command(&["inspect"]).env("MEMORYKIT_API_KEY", &text), b"").exits(0).hides(&key);
    for seen in [&argument, &stdin, &environment] {
        let expected = format!(
            "{} is well-formed: its checksum is right.\n  id      {}\n  digest  {}\n\
             Only the server knows whether it is valid.\n",
            masked(&key),
            key.id(),
            key.digest()
        );
        assert_eq!(seen.stdout, expected);
    }
    assert_eq!((stdin.stderr, environment.stderr), (String::new(), String::new()));
}

/// These are the texts that people have at hand, first of all the output of `ctx-key new --format env`.
#[test]
fn a_key_in_a_pasted_line_is_read() {
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

/// A text that is too long, or has a letter that only looks like ASCII, was not cut off.
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
fn an_error_says_what_is_wrong_and_where() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    let stars = format!("  ctx_{}", "*".repeat(48));
    let typo = if text.ends_with('0') { '1' } else { '0' };
    for (input, said, place) in [
        (
            format!("{}-{}", &text[..25], &text[26..]),
            "the byte at index 25 of the API key is not one of 0-9, A-Z and a-z; copy the key again",
            format!("{stars}\n  {:25}^ byte 25\n", ""),
        ),
        (
            format!("{}{typo}", &text[..51]),
            "the checksum of the API key is wrong: a character was changed; copy the key again",
            format!("{stars}\n  {:46}^^^^^^ not the checksum of bytes 0..46\n", ""),
        ),
        (
            text[..40].to_owned(),
            "an API key is 52 bytes long, not 40: it was cut off or is a placeholder; copy the whole key",
            "  40 bytes instead of 52\n".to_owned(),
        ),
        (
            text[1..].to_owned(),
            "an API key starts with `ctx_`: copy the whole key, without anything around it",
            String::new(),
        ),
    ] {
        let run = run_with(input.as_bytes(), &["inspect", "-"]).exits(1).hides(&key);
        let expected = format!("This is not an API key: {said}.\n{place}");
        assert_eq!((run.stdout, run.stderr), (expected, String::new()));
    }
    finish(command(&["inspect"]).env("MEMORYKIT_API_KEY", &text[..40]), b"").exits(1).hides(&key);
}

/// A pasted text is never read as an option.
#[test]
fn a_text_may_begin_with_a_hyphen() {
    let key = ApiKey::generate();
    for text in [format!("--{}", key.expose_secret()), "-v".to_owned(), "--help-me".to_owned()] {
        let run = run(&["inspect", &text]).exits(1).hides(&key);
        assert!(run.stdout.starts_with("This is not an API key: "), "{run:?}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_an_error() {
    let unset = run(&["inspect"]).exits(2);
    let message = "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the \
                   variable to it; or `ctx-key inspect -` reads standard input";
    assert_eq!((unset.stdout, unset.stderr), (String::new(), format!("ctx-key: {message}\n")));
    let binary = run_with(b"ctx_\xff", &["inspect", "-"]).exits(2);
    assert_eq!(binary.stderr, "ctx-key: standard input is not UTF-8 text; convert it first\n");
    // An input of the maximum length is read, and white space around the key is ignored.
    let key = ApiKey::generate();
    let padded = |length: usize| format!("{}{:2$}", key.expose_secret(), "", length - 52);
    run_with(padded(64 << 10).as_bytes(), &["inspect", "-"]).exits(0);
    let long = run_with(padded((64 << 10) + 1).as_bytes(), &["inspect", "-"]).exits(2).hides(&key);
    let message = "standard input is too long for a key; `ctx-key scan -` finds keys in a text";
    assert_eq!((long.stdout, long.stderr), (String::new(), format!("ctx-key: {message}\n")));
}
