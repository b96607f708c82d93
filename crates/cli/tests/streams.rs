//! All commands keep these promises about their streams.

mod common;

use std::process::Stdio;

use common::{command, finish, run};
use ctx_key::ApiKey;

/// When a reader such as `head` closes the pipe, the exit code is that of the work, and the command does not panic.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_not_an_error() {
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
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let (text, new, lost) =
        (key.expose_secret(), ["new", "--scopes", "users:read"], "; the key is lost: throw its record away");
    std::fs::write(tree.path().join("a"), text).unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["completions", "bash"], ""),
        (&["inspect", text], ""),
        (&["inspect", "no key"], ""),
        (&["rules", "gitleaks"], ""),
        (&["man"], ""),
        (&new, lost),
        (&[&new[..], &["--format", "json"]].concat(), lost),
        (&["scan", "a"], ""),
    ];
    for (arguments, advice) in cases {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(arguments).current_dir(&tree).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        let line = message.lines().find(|line| line.starts_with("ctx-key: ")).unwrap_or_default();
        assert!(line.starts_with("ctx-key: can't write to standard output: "), "{arguments:?} {message}");
        assert!(line.ends_with(&format!("; is the disk full?{advice}")), "{arguments:?} {message}");
    }
    // A report can also be written to a device.
    for format in ["text", "json", "sarif"] {
        let run = common::run_in(tree.path(), &["scan", "a", "--format", format, "--output", "/dev/full"]);
        let message = "ctx-key: can't write the report to /dev/full: ";
        assert!(run.exits(2).stderr.contains(message), "{format}");
    }
}

#[test]
fn there_are_no_colours_without_a_terminal() {
    let key = ApiKey::generate();
    for arguments in [&["scan", "-"][..], &["scan", "missing"], &["--help"], &["nonsense"]] {
        let stdin = key.expose_secret().as_bytes();
        let forced = finish(command(arguments).env("CLICOLOR_FORCE", "1"), stdin);
        assert!(!forced.stdout.contains('\x1b') && !forced.stderr.contains('\x1b'), "{forced:?}");
    }
}

/// `script` runs a command with a terminal for all streams that are not redirected.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_colours() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    std::fs::write(tree.path().join("a"), key.expose_secret()).unwrap();
    let on_terminal = |arguments: &str, variable: (&str, &str)| {
        let run = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_ctx-key"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &run, "/dev/null"]).current_dir(&tree).stdin(Stdio::null());
        // With `CI` set, even a terminal without support for colours gets them.
        script.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CI");
        script.env("TERM", "xterm").env(variable.0, variable.1);
        String::from_utf8(script.output().unwrap().stdout).unwrap()
    };
    let file = |name: &str| std::fs::read_to_string(tree.path().join(name)).unwrap();
    let (key, scan) = (common::masked(&key), "scan a missing");
    let coloured = on_terminal(scan, ("TERM", "xterm"));
    assert!(coloured.contains(&format!("\x1b[1ma\x1b[0m:1:1: \x1b[31m{key}\x1b[0m\r\n")), "{coloured:?}");
    assert!(coloured.contains("\x1b[1m\x1b[31mctx-key:\x1b[0m can't read missing: "), "{coloured:?}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_terminal(scan, variable);
        assert!(plain.contains(&format!("a:1:1: {key}\r\n")), "{plain:?}");
        assert!(plain.contains("ctx-key: can't read missing: "), "{plain:?}");
    }
    // Each stream is judged by itself: a file gets no colours, and the terminal does.
    let rest = on_terminal(&format!("{scan} > finds"), ("TERM", "xterm"));
    assert_eq!(file("finds"), format!("a:1:1: {key}\n"));
    assert!(rest.contains("\x1b[1m\x1b[31mctx-key:\x1b[0m "), "{rest:?}");
    on_terminal(&format!("{scan} --output report"), ("TERM", "xterm"));
    assert_eq!(file("report"), format!("a:1:1: {key}\n"));
    on_terminal("--help > help", ("TERM", "xterm"));
    on_terminal("scan --formt 2> error", ("TERM", "xterm"));
    for (name, start) in [("help", "Make, examine, find and hide"), ("error", "error: unexpected argument")] {
        assert!(file(name).starts_with(start) && !file(name).contains('\x1b'), "{name}: {:?}", file(name));
    }
    assert!(on_terminal("--help", ("TERM", "xterm")).contains('\x1b'));
    assert!(on_terminal("scan --formt", ("TERM", "xterm")).contains('\x1b'));
}

/// The input ends only when the bar is on the terminal.
#[cfg(target_os = "linux")]
#[test]
fn the_bar_of_a_long_search_is_removed_from_the_terminal() {
    let (folder, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    // the brackets keep the pattern, which `script` writes into the file, from matching itself
    let is_shown = "grep -q 'files[,]' screen || [ $((n += 1)) -gt 600 ]";
    let input = format!("n=0; until {is_shown}; do sleep 0.1; done; echo {}", key.expose_secret());
    let run = format!("({input}) | '{}' scan -", env!("CARGO_BIN_EXE_ctx-key"));
    let mut script = std::process::Command::new("script");
    script.args(["-qefc", &run, "screen"]).current_dir(&folder).env("TERM", "xterm").env_remove("CI");
    assert_eq!(script.stdin(Stdio::null()).output().unwrap().status.code(), Some(1));
    let screen = std::fs::read_to_string(folder.path().join("screen")).unwrap();
    let (_, after_bar) = screen.rsplit_once("B/s").unwrap();
    let (removal, _) = after_bar.split_once(&common::masked(&key)).unwrap();
    assert!(removal.contains("\x1b[2K") && !removal.contains('\n'), "{removal:?}");
}

/// A user who forgets the command pastes a key where a name belongs. A key with a mistake leaks almost as much.
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
    // One text has more than fourteen characters. The others have a capital letter, a digit or an underscore.
    let refusal = "ctx-key: there is something unexpected on the command line; it is not repeated, as it may be a part \
                   of a key: try `ctx-key --help`\n";
    for part in ["abcdefghijklmno", "abcdefgHij", "abcdefgh1j", "abcd_efghij"] {
        let arguments: [&[&str]; 5] = [
            &[part],
            &["scan", "--format", part],
            &["scan", &format!("--{part}")],
            &["rules", part],
            &["completions", part],
        ];
        for arguments in arguments {
            let run = run(arguments).exits(2);
            assert_eq!((run.stdout, run.stderr), (String::new(), refusal.to_owned()), "{arguments:?}");
        }
    }
    // A mistyped name is repeated, together with the right one.
    for (arguments, typed, meant) in [
        (&["scna"][..], "'scna'", "'scan'"),
        (&["scan", "--formt", "json"], "'--formt'", "'--format'"),
        (&["scan", "--format", "jsn"], "'jsn'", "'json'"),
        (&["scan", "--no-archivess"], "'--no-archivess'", "'--no-archives'"),
        (&["rules", "gitleeks"], "'gitleeks'", "'gitleaks'"),
        (&["rules", "detect-secrtes"], "'detect-secrtes'", "'detect-secrets'"),
    ] {
        let error = run(arguments).exits(2).stderr;
        assert!(error.contains(typed) && error.contains(meant), "{error}");
    }
}

/// Help is a success if the user asked for it, and an error if a command is missing.
#[test]
fn help_and_the_version_are_printed() {
    for arguments in [&["--help"][..], &["-h"], &["scan", "--help"], &["--version"]] {
        let help = run(arguments).exits(0);
        assert!(!help.stdout.is_empty() && help.stderr.is_empty(), "{help:?}");
    }
    assert_eq!(run(&["--version"]).stdout, format!("ctx-key {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = run(&[]).exits(2);
    assert!(nothing.stdout.is_empty() && nothing.stderr.contains("Usage: ctx-key <COMMAND>"), "{nothing:?}");
}

#[test]
fn contradictory_options_are_an_error() {
    for arguments in [
        &["--staged", "--history"][..],
        &["--staged", "--no-ignore"],
        &["--history", "--no-ignore"],
        &["--config", "a", "--no-config"],
        &["--range", "HEAD"],
        &["--since", "2 weeks"],
        &["--shallow-ok"],
        &["--staged", "--range", "HEAD"],
        &["--staged", "--since", "2 weeks"],
        &["--staged", "--shallow-ok"],
        &["--history", "--range", "--all"],
    ] {
        let run = run(&[&["scan"], arguments].concat()).exits(2);
        assert!(run.stdout.is_empty() && run.stderr.starts_with("error: "), "{arguments:?} {run:?}");
    }
}

#[test]
fn completions_and_man_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("inspect") && script.contains("history"), "{shell}");
    }
    assert!(run(&["man"]).exits(0).stdout.starts_with(".ie \\n(.g"));
    let page = run(&["man", "scan"]).exits(0).stdout;
    assert!(page.contains("ctx\\-key\\-scan") && page.contains("\\-\\-history"));
    let none = run(&["man", "scna"]).exits(2);
    let message = "ctx-key: no such command; `ctx-key --help` names them\n";
    assert_eq!((none.stdout, none.stderr), (String::new(), message.to_owned()));
}

/// Each tool gets its own file.
#[test]
fn rules_for_other_scanners_are_printed() {
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
