//! A wrong setting is an error, and settings can be in files.

use std::fs;

use crate::common::{Data, Server};
use crate::trouble::{Fixture, second, status};

#[track_caller]
fn assert_refused(data: &Data, arguments: &[&str], words: &[&str]) {
    let output = data.run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_wrong_setting_is_an_error_that_says_what_to_do() {
    let mut data = Data::new();
    data.database_url = None;
    let connections = ["expected a whole number from 1 to 1000"];
    let lease = ["expected 200 to 60000 milliseconds: the change log is read each 100 ms"];
    for (arguments, words) in [
        (["--connections", "0"], &connections[..]),
        (["--verifier-connections", "many"], &connections),
        (["--cache-size", "0"], &["expected a whole number from 1 to 1000000000"]),
        (["--max-connections", "15"], &["expected a whole number from 16 to 100000"]),
        (["--rate-limit", "-1"], &["unexpected argument"]),
        (["--rate-limit", "1000001"], &["expected a whole number from 0 to 1000000"]),
        (["--public-url", "foo"], &["expected http:// or https://, a host and perhaps a port"]),
        (["--lease", "100"], &lease),
        (["--lease", "60001"], &lease),
        (["--lease", "1s"], &lease),
        (["--drain", "3601"], &["3601 is not in"]),
        (["--database-url-file", "/nowhere/url"], &["/nowhere/url", "can't be read: entity not found"]),
        (["--database-url", "postgres://u:hunter2@127.0.0.1:x/d"], &[]),
        (
            ["--database-url", "postgres://u:hunter2@127.0.0.1:1/d"],
            &["the host can't be reached: Connection refused"],
        ),
    ] {
        assert_refused(&data, &arguments, words);
    }
    let file = data.folder.path().join("url");
    fs::write(&file, " \n").unwrap();
    let file = file.to_str().unwrap();
    assert_refused(&data, &["--database-url-file", file], &["is empty: write the URL"]);
    fs::write(file, "postgres://u:hunter2@127.0.0.1:1/d\n").unwrap();
    assert_refused(&data, &["--database-url-file", file], &["the host can't be reached: Connection refused"]);
    let url = "postgres://u:hunter2@127.0.0.1:1/d";
    let both = ["--database-url-file", file, "--database-url", url];
    assert_refused(
        &data,
        &both,
        &["'--database-url-file <FILE>'", "cannot be used with", "'--database-url <URL>'"],
    );
    for verifier in [["--verifier-database-url", url], ["--verifier-database-url-file", file]] {
        assert_refused(&data, &verifier, &["required arguments were not provided"]);
    }
    let both = ["--database-url", url, "--verifier-database-url", url, "--verifier-database-url-file", file];
    assert_refused(
        &data,
        &both,
        &["--verifier-database-url-file <FILE>", "cannot be used with", "--verifier-database-url <URL>"],
    );
}

#[test]
fn the_url_of_the_database_is_read_from_a_file() {
    const NAME: &str = "the_url_of_the_database_is_read_from_a_file";
    let Some(fixture) = Fixture::on_postgres(NAME) else { return };
    let key = fixture.key();
    let url = fixture.data.server_url().unwrap();
    let mut data = second(url.clone());
    data.database_url = None;
    let file = data.folder.path().join("url");
    fs::write(&file, format!("{url}\n")).unwrap();
    let mut command = data.command(&[]);
    command.env("DATABASE_URL_FILE", &file).env("CTX_KEY_VERIFIER_DATABASE_URL_FILE", &file);
    let server = Server::run(&data, command);
    assert_eq!(status(&server, &key), 200);
}
