//! Accounts and invitations from the command line.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, EVE, PASSWORD, Server, rest, wait};
use crate::trouble::number;
use crate::{assert_succeeds, trouble};

#[test]
fn an_invitation_leads_to_the_running_server() {
    let data = Data::new();
    let server = Server::start(&data);
    let invite = |arguments: &[&str]| {
        let output = data.run(&[arguments, &["invite"]].concat());
        assert_succeeds(&output);
        let link = String::from_utf8(output.stdout).unwrap();
        let (url, secret) = link.split_once("/set-up?link=").expect("a link");
        assert!(secret.trim_end().len() == 64 && secret.ends_with('\n'), "{link}");
        url.to_owned()
    };
    assert_eq!(invite(&[]), server.url);
    assert_eq!(invite(&["--public-url", "https://keys.example.com/"]), "https://keys.example.com");
    assert_eq!(invite(&[]), server.url, "the URL of a command is not that of the server");
    trouble::execute(&data, "UPDATE settings SET value = value || '/' WHERE name = 'public-url'");
    assert_eq!(invite(&[]), server.url);
    drop(server);
    let server = Server::start_with(&data, &["--public-url", "https://keys.example.org"]);
    assert_eq!(server.url, "https://keys.example.org");
    assert_eq!(invite(&[]), server.url);
    drop(server);
    trouble::execute(&data, "DELETE FROM settings");
    assert_eq!(invite(&[]), "http://127.0.0.1:0");
}

#[test]
fn the_operator_makes_an_account_beside_a_server() {
    let data = Data::new();
    let server = Server::start(&data);
    let add = |email: &str, company: &str, input: &str| {
        let output = data.run_with(&["account", "add", "--email", email, "--company", company], input);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let failed = |message: &str| (Some(1), String::new(), format!("error: {message}\n"));
    // one byte more than a password may have
    let long: String = format!("{PASSWORD} ").chars().cycle().take(1025).collect();
    for (email, company, input, message) in [
        ("ada", "Example, Inc.", PASSWORD, "--email: not an email address: send one such as ada@example.com"),
        (
            EMAIL,
            " ",
            PASSWORD,
            "--company: not a name: send 1 to 100 characters on one line, and not only spaces",
        ),
        (EMAIL, "Example, Inc.", "", "there is no password on standard input: write it there as one line"),
        (
            EMAIL,
            "Example, Inc.",
            "\n",
            "the password needs at least 15 characters: choose a longer one, such as several words",
        ),
        (
            EMAIL,
            "Example, Inc.",
            long.as_str(),
            "the password may have at most 1024 bytes: choose a shorter one",
        ),
    ] {
        assert_eq!(add(email, company, input), failed(message));
    }
    let (code, made, error) = add(" Ada@Example.com", "Example, Inc.", &format!("{PASSWORD}\r\n"));
    let (token, company) = server.log_in();
    let expected = format!("made the account ada@example.com of the company Example, Inc. ({company})\n");
    assert_eq!((code, made, error), (Some(0), expected, String::new()));
    server.key(&token, &company, &["memories:read"]);
    let log = "SELECT count(*) FROM audit_log WHERE actor = 'the operator' AND action = 'created project'";
    assert_eq!(number(&data, log), Some(1));
    assert_eq!(
        add("ADA@example.com", "Other", PASSWORD),
        failed("there is an account with this email address: use another address")
    );
    // the address is checked first
    assert_eq!(
        add(EMAIL, "Example, Inc.", PASSWORD),
        failed("there is an account with this email address: use another address")
    );
    assert_eq!(
        add(EVE, "example, inc.", PASSWORD),
        failed("there is a company of this name, with an account of its own: use another name")
    );
    assert_eq!(number(&data, "SELECT count(*) FROM companies"), Some(1));

    // a space at the end belongs to the password
    let with_space = format!("{PASSWORD} ");
    assert_eq!(add(EVE, "Eve", &format!("{with_space}\n")).0, Some(0));
    assert_ne!(Browser::new(&server).sign_in(EVE, PASSWORD).status, 303);
    Browser::new(&server).sign_in(EVE, &with_space).leads_to("/keys");

    // a password is never an argument, which other users of the machine could read
    let help = String::from_utf8(data.run(&["account", "add", "--help"]).stdout).unwrap();
    assert!(!help.contains("--password"), "{help}");
}

#[test]
fn a_password_that_never_ends_is_refused_at_once() {
    let data = Data::new();
    let _server = Server::start(&data);
    let mut command = data.command(&["account", "add", "--email", EMAIL, "--company", "Example, Inc."]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(&[b'a'; 64 * 1024]).unwrap();
    // the program ends while its input is still open
    wait(|| process.try_wait().unwrap().is_some());
    let message = rest(process.stderr.take().unwrap());
    assert!(
        message.starts_with("error: the password ") && process.wait().unwrap().code() == Some(1),
        "{message}"
    );
    drop(input);
}

#[test]
fn a_password_that_is_not_utf_8_is_refused() {
    let data = Data::new();
    let _server = Server::start(&data);
    let mut command = data.command(&["account", "add", "--email", EMAIL, "--company", "Example, Inc."]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"a long enough passw\xf6rd\n").unwrap();
    let message = rest(process.stderr.take().unwrap());
    let expected = "error: the password can't be read from standard input: invalid data\n";
    assert_eq!((process.wait().unwrap().code(), message.as_str()), (Some(1), expected));
}

#[test]
fn a_password_that_is_typed_at_a_terminal_is_not_shown() {
    let data = Data::new();
    let server = Server::start(&data);
    let add = data.command(&["account", "add", "--email", EMAIL, "--company", "Example, Inc."]);
    let words = [add.get_program()].into_iter().chain(add.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let terminal = data.folder.path().join("terminal");
    let line = format!("tty > '{}' && {}", terminal.display(), words.join(" "));
    // `script` gives the program a terminal of its own
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_remove("DATABASE_URL").envs(data.server_url().map(|url| ("DATABASE_URL", url)));
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut screen) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !shown.ends_with(b"Password: ") {
        let mut byte = [0];
        screen.read_exact(&mut byte).expect("a prompt");
        shown.extend(byte);
    }
    let terminal = fs::read_to_string(terminal).unwrap();
    wait(|| {
        let state = Command::new("stty").args(["-a", "-F", terminal.trim()]).output().unwrap();
        String::from_utf8(state.stdout).unwrap().contains(" -echo ")
    });
    keyboard.write_all(format!("{PASSWORD}\r").as_bytes()).unwrap();
    let shown = rest(screen);
    assert!(shown.contains("made the account ada@example.com") && !shown.contains(PASSWORD), "{shown}");
    assert!(process.wait().unwrap().success());
    server.log_in();
}
