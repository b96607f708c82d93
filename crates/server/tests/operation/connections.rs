//! The server listens at its address, and accepts as many connections as it may open files.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::common::{Data, Server, wait};
use crate::text;
use crate::trouble::skip_because;

#[test]
fn a_server_listens_at_an_address_of_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip_because("a_server_listens_at_an_address_of_ipv6", "the machine has no IPv6");
    }
    let data = Data::new();
    let server = Server::run(&data, data.command_at("[::1]:0", &[]));
    assert!(server.url.starts_with("http://[::1]:"), "{}", server.url);
    assert_eq!(text(&server, "/livez"), (200, "ok\n".to_owned()));
}

/// Starts a server with a soft and a hard limit on open files: `files` is `SOFT:HARD`.
fn start_with_files(data: &Data, files: &str, arguments: &[&str], log: &Path) -> Server {
    let program = data.command(arguments);
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={files}")).arg(program.get_program()).args(program.get_args());
    command.env_remove("DATABASE_URL");
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stderr(File::create(log).unwrap());
    Server::run(data, command)
}

#[test]
fn each_connection_may_be_an_open_file() {
    let warning = "fewer open files are allowed than the maximum numbers of connections need: raise the limit (ulimit -n)";
    let verified_by_many = "--max-connections=1000 --verifier-connections=1000";
    for (files, arguments, allowed) in [
        ("100:4096", "--max-connections=1000", "1256 4096"),
        ("1255:4096", "--max-connections=1000", "1256 4096"),
        ("1256:1256", "--max-connections=1000", "1256 1256"),
        ("2000:4096", "--max-connections=1000", "2000 4096"),
        ("100:1255", "--max-connections=1000", "1255 1255"),
        ("100:272", "--max-connections=16", "272 272"),
        ("100:4096", "--max-connections=1000 --connections=1000", "3240 4096"),
        ("100:4096", verified_by_many, "3240 4096"),
        ("100:3239", verified_by_many, "3239 3239"),
    ] {
        let data = Data::new();
        let log = data.folder.path().join("log");
        let server = start_with_files(&data, files, &arguments.split(' ').collect::<Vec<_>>(), &log);
        let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
        let found = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let found: Vec<_> = found.split_whitespace().take(2).collect();
        assert_eq!(found.join(" "), allowed, "{files} {arguments}");
        let is_warned = fs::read_to_string(&log).unwrap().contains(warning);
        assert_eq!(is_warned, ["100:1255", "100:3239"].contains(&files), "{files} {arguments}");
    }
}

#[test]
fn connections_beyond_the_open_files_wait_and_the_server_goes_on() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let server = start_with_files(&data, "64:64", &[], &log);
    let connections: Vec<_> = (0..100).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    wait(|| fs::read_to_string(&log).unwrap().contains("can't accept a connection"));
    drop(connections);
    wait(|| {
        server.agent.get(format!("{}/livez", server.url)).call().is_ok_and(|answer| answer.status() == 200)
    });
    // the server pauses between two attempts to accept a connection
    let lines = fs::read_to_string(&log).unwrap().lines().count();
    assert!(lines < 1000, "{lines}");
}
