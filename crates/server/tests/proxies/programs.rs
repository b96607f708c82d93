//! The real proxies, with their configurations.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::common::{DEADLINE, becomes};

/// A program, and its configuration in `integrations/`.
pub struct Kind {
    pub name: &'static str,
    file: &'static str,
    /// The text before a port in the configuration.
    before_port: &'static str,
    /// The path of the program if it is not on the search path, relative to cargo's target folder.
    place: &'static str,
    /// Arguments, with FILE and FOLDER to be replaced.
    arguments: &'static [&'static str],
}

pub static NGINX: Kind = Kind {
    name: "nginx",
    file: "nginx.conf",
    place: "/usr/sbin/nginx",
    before_port: ":",
    arguments: &["-e", "stderr", "-g", "daemon off; master_process off;", "-p", "FOLDER", "-c", "FILE"],
};

pub static CADDY: Kind = Kind {
    name: "caddy",
    file: "Caddyfile",
    place: "/usr/bin/caddy",
    before_port: ":",
    arguments: &["run", "--adapter", "caddyfile", "--config", "FILE"],
};

pub static ENVOY: Kind = Kind {
    name: "envoy",
    file: "envoy.yaml",
    place: "envoy/envoy/_bin/envoy",
    before_port: "port_value: ",
    arguments: &["--config-path", "FILE", "--disable-hot-restart", "--concurrency", "1"],
};

impl Kind {
    /// Returns the program. `cargo xtask tools` installs it.
    pub fn program(&self) -> Option<PathBuf> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let is_there = |program: &PathBuf| {
            Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let found = [PathBuf::from(self.name), target.join(self.place)].into_iter().find(is_there);
        assert!(found.is_some() || std::env::var_os("CI").is_none(), "{} is not installed", self.name);
        if found.is_none() {
            // not with `eprintln`, because the harness hides the output of a test that passes
            let _ = writeln!(
                io::stderr(),
                "SKIPPED proxies: {} is not installed: see cargo xtask tools",
                self.name
            );
        }
        found
    }

    /// Returns the configuration with its ports replaced.
    fn configuration(&self, ports: [(u16, u16); 3]) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations").join(self.file);
        let replace = |text: String, (from, to): (u16, u16)| {
            let [from, to] = [from, to].map(|port| format!("{}{port}", self.before_port));
            assert_eq!(text.matches(&from).count(), 1, "{from} in {text}");
            text.replace(&from, &to)
        };
        ports.into_iter().fold(fs::read_to_string(file).unwrap(), replace)
    }
}

/// A running proxy, in a folder of its own.
pub struct Proxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Proxy {
    pub fn start(kind: &Kind, program: &Path, check: u16, platform: u16) -> Self {
        // another process may take the port after it was found free
        let start = || Self::try_start(kind, program, [(9000, free_port()), (8080, check), (9002, platform)]);
        (0..5).find_map(|_| start()).unwrap_or_else(|| panic!("{} does not start", kind.name))
    }

    fn try_start(kind: &Kind, program: &Path, ports: [(u16, u16); 3]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(kind.file);
        fs::write(&file, kind.configuration(ports)).unwrap();
        let arguments = kind.arguments.iter().map(|&argument| match argument {
            "FILE" => file.as_os_str(),
            "FOLDER" => folder.path().as_os_str(),
            other => other.as_ref(),
        });
        let output = File::create(folder.path().join("output.log")).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let port = ports[0].1;
        let mut has_ended = false;
        let is_up = becomes(|| {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        (is_up && !has_ended).then_some(Self { child, port, folder })
    }

    /// Sends exactly these bytes: a client library would tidy the path and the headers.
    pub fn send(&self, method: &str, target: &str, headers: &[String], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let close = "Host: localhost\r\nConnection: close\r\n";
        let head = format!("{method} {target} HTTP/1.1\r\n{close}{length}{headers}\r\n");
        Answer::read(&self.exchange(&[head.as_bytes(), body].concat()))
    }

    pub fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Stops the program, and returns all that it logged.
    pub fn stop(mut self) -> String {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
        let logs = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        logs.filter(|path| path.extension().is_some_and(|end| end == "log"))
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|header| header.0 == name).map(|header| header.1.as_str()).collect()
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
