//! What all commands promise about their streams

mod common;

use std::process::Stdio;

use common::{command, finish, run};
use ctx_key::ApiKey;

/// `head` closes the pipe: the exit code is that of what happened, and nobody panics.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    std::fs::write(tree.path().join("a"), format!("{}\n", key.expose_secret()).repeat(4_000)).unwrap();
    let input = format!("{} ", key.expose_secret()).repeat(5_000);
    let cases: [(&[&str], &[u8], i32); 5] = [
        (&["scan"], b"", 1),
        (&["scan", "--format", "json"], b"", 1),
        (&["redact"], input.as_bytes(), 0),
        (&["completions", "bash"], b"", 0),
        (&["--help"], b"", 0),
    ];
    for (arguments, stdin, code) in cases {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = command(arguments)
            .current_dir(&tree)
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {stderr}");
        assert!(!stderr.contains("panic") && !stderr.contains("ctx-key:"), "{arguments:?} {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    for arguments in [&["new", "--scopes", "users:read"][..], &["completions", "bash"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("can't write to standard output"));
    }
}

#[test]
fn no_colours_off_a_terminal() {
    let key = ApiKey::generate();
    for arguments in [&["scan", "-"][..], &["scan", "missing"], &["--help"], &["nonsense"]] {
        let stdin = key.expose_secret().as_bytes();
        let forced = finish(command(arguments).env("CLICOLOR_FORCE", "1"), stdin);
        assert!(!forced.stdout.contains('\x1b') && !forced.stderr.contains('\x1b'), "{forced:?}");
    }
}

/// Who forgets the command pastes a key where a name belongs; and a wrong key leaks as much as a right one.
#[test]
fn a_wrong_command_line_is_not_repeated() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    let broken = format!("{}-{}", &text[..30], &text[31..]);
    for pasted in [text, &broken, &text[4..], &text[30..]] {
        run(&[pasted]).exits(2).hides(&key);
        run(&["inspect", "x", pasted]).exits(2).hides(&key);
        run(&["scan", "--format", pasted]).exits(2).hides(&key);
        run(&["scan", "--threads", pasted]).exits(2).hides(&key);
        run(&["scan", &format!("--{pasted}")]).exits(2).hides(&key);
        run(&["completions", pasted]).exits(2).hides(&key);
        run(&["rules", pasted]).exits(2).hides(&key);
        run(&["man", pasted]).exits(2).hides(&key);
        run(&["new", "--scopes", pasted]).exits(2).hides(&key);
    }
    let typo = run(&["scna"]).exits(2);
    assert!(typo.stderr.contains("'scan'"), "{}", typo.stderr);
    assert!(run(&["scan", "--formt", "json"]).exits(2).stderr.contains("--format"));
}

#[test]
fn completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("inspect") && script.contains("history"), "{shell}");
    }
    assert!(run(&["man"]).exits(0).stdout.starts_with(".ie \\n(.g"));
    let page = run(&["man", "scan"]).exits(0).stdout;
    assert!(page.contains("ctx\\-key\\-scan") && page.contains("\\-\\-history"));
}

/// Each is the file of that tool, and none is another's.
#[test]
fn rules_of_other_scanners() {
    for (tool, file) in [
        ("betterleaks", "betterleaks.toml"),
        ("detect-secrets", "memorykit_api_key.py"),
        ("gitleaks", "gitleaks.toml"),
        ("kingfisher", "memorykit.yml"),
        ("ripgrep", "memorykit-api-key.regex"),
        ("secretlint", "index.js"),
        ("semgrep", "memorykit.yaml"),
    ] {
        let path = format!("{}/rules/{tool}/{file}", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(run(&["rules", tool]).exits(0).stdout, std::fs::read_to_string(path).unwrap(), "{tool}");
    }
    run(&["rules", "grep"]).exits(2);
}
