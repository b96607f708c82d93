//! Measures the cost of a route's guard. It sends `GET /v1/key` with random keys, which are all in the cache, to a server with
//! the guard and to one without it, alternately.
//!
//! wrk runs on the same cores as the servers, so the rates are a lower bound. The ratio of the processor times of a request
//! is the cost of the guard, whatever else the machine does.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::process::{self, Background};
use crate::{tools, tree};

/// Default number of keys.
const KEYS: usize = 100_000;
/// Rate limit in requests a minute: the server's largest, so that even a few keys do not exceed it, but each request counts.
const RATE_LIMIT: &str = "1000000";
/// Maximum growth of the server's memory, in MiB.
const MAX_GROWTH: u64 = 16;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Seconds of each turn
    #[arg(default_value_t = 5)]
    seconds: u32,
    /// Number of turns for each server
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Number of keys
    #[arg(long, default_value_t = KEYS)]
    keys: usize,
}

pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    measure_with(sh, arguments).map(drop)
}

/// Prints and returns a table. It is an error if an answer is not 200, or if the memory of the server grows.
pub fn measure(sh: &Shell, seconds: u32, turns: u32) -> Result<String> {
    measure_with(sh, &Arguments { seconds, turns, keys: KEYS })
}

fn measure_with(sh: &Shell, &Arguments { seconds, turns, keys: number }: &Arguments) -> Result<String> {
    tools::install(sh, &[&tools::WRK])?;
    cmd!(sh, "cargo build --release --locked -p ctx-key-server --bin ctx-key-server")
        .args(["--example", "unguarded", "--example", "store_keys"])
        .run()?;
    let folder = tempfile::tempdir()?;
    let (data, key_file) = (folder.path().join("data"), folder.path().join("keys"));
    let address = || process::free_port().map(|port| format!("127.0.0.1:{port}"));
    let (first, second) = (address()?, address()?);
    let arguments = ["--listen", &first, "--rate-limit", RATE_LIMIT, "--data"].map(AsRef::as_ref);
    let arguments = [&arguments[..], &[data.as_os_str()]].concat();
    let guarded = Server::start(sh, &first, "ctx-key-server", &arguments)?;
    let unguarded = Server::start(sh, &second, "examples/unguarded", &[second.as_ref()])?;
    let keys = store_keys(sh, &data.join("ctx-key.sqlite"), number)?;
    sh.write_file(&key_file, &keys)?;
    println!("filling the cache");
    fill_cache(&guarded.address, &keys)?;

    let ticks: f64 = cmd!(sh, "getconf CLK_TCK").quiet().read()?.parse()?;
    let servers = [("guarded", &guarded), ("unguarded", &unguarded)];
    for (_, server) in servers {
        server.load(sh, &key_file, 2)?;
    }
    let before = guarded.memory()?;
    let mut report = Report::default();
    report.line(format!(
        "{:10} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "", "CPU", "a second", "50 %", "90 %", "99 %", "99.9 %"
    ));
    let (mut rates, mut times) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..turns {
        for (index, (name, server)) in servers.iter().enumerate() {
            let before = server.processor_time(ticks)?;
            let turn = server.load(sh, &key_file, seconds)?;
            let time = (server.processor_time(ticks)? - before) * 1e6 / turn.requests;
            report.line(format!("{name:10} {time:6.2} µs {turn}"));
            ensure!(turn.failures == 0, "{} requests failed", turn.failures);
            rates[index].push(turn.rate);
            times[index].push(time);
        }
    }
    let after = guarded.memory()?;
    let ([guarded, unguarded], [guarded_time, unguarded_time]) = (rates.map(median), times.map(median));
    let (by_time, by_rate) = (unguarded_time / guarded_time, guarded / unguarded);
    report.line(format!(
        "medians: unguarded / guarded {by_time:.3} by CPU per request, guarded / unguarded {by_rate:.3} by rate"
    ));
    report.line(format!("memory: {before} MiB before, {after} MiB after"));
    ensure!(after <= before + MAX_GROWTH, "the memory grows");
    Ok(report.0)
}

/// The lines of the report, which are also printed at once.
#[derive(Default)]
struct Report(String);

impl Report {
    fn line(&mut self, line: String) {
        println!("{line}");
        self.0 += &line;
        self.0.push('\n');
    }
}

struct Server {
    process: Background,
    address: String,
}

impl Server {
    /// Starts a program of the release build, and waits until it accepts connections.
    fn start(sh: &Shell, address: &str, program: &str, arguments: &[&OsStr]) -> Result<Self> {
        let _log = sh.push_env("RUST_LOG", sh.var("RUST_LOG").unwrap_or_else(|_| "warn".into()));
        let program = tree::target().join("release").join(program);
        let process = Background::start(sh, &program, arguments, Stdio::null())?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(60), "{} does not start", program.display());
            sleep(Duration::from_millis(100));
        }
        Ok(Self { process, address: address.to_owned() })
    }

    fn load(&self, sh: &Shell, keys: &Path, seconds: u32) -> Result<Turn> {
        let (url, seconds) = (format!("http://{}", self.address), seconds.to_string());
        let script = "xtask/src/steps/load.lua";
        let wrk = cmd!(
            sh,
            "wrk --threads 1 --connections 32 --duration {seconds}s --latency --script {script} {url} -- {keys}"
        );
        parse(&process::read(wrk)?).context("wrk prints no result")
    }

    /// Returns the processor time of the server in seconds. The system counts it in ticks, `ticks` a second.
    fn processor_time(&self, ticks: f64) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.0.id()))?;
        Ok(ticks_used(&stat).context("no times in /proc/PID/stat")? as f64 / ticks)
    }

    /// Returns the size of the server in memory, in MiB.
    fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse::<u64>()? / 1024)
    }
}

/// Figures of a turn.
#[derive(Debug, PartialEq)]
struct Turn {
    requests: f64,
    /// Requests a second.
    rate: f64,
    /// The 50th, 90th, 99th and 99.9th percentile of the response time, in milliseconds.
    latencies: [f64; 4],
    failures: u64,
}

impl fmt::Display for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:9.0}", self.rate)?;
        self.latencies.iter().try_for_each(|time| write!(formatter, " {time:5.2} ms"))
    }
}

/// Reads the line that load.lua prints.
fn parse(printed: &str) -> Option<Turn> {
    let line = printed.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let words: Vec<_> = line.split(' ').collect();
    let [requests, rate, latencies @ .., failures] = &words[..] else { return None };
    let latencies: Result<Vec<f64>, _> = latencies.iter().map(|time| time.parse()).collect();
    Some(Turn {
        requests: requests.parse().ok()?,
        rate: rate.parse().ok()?,
        latencies: latencies.ok()?.try_into().ok()?,
        failures: failures.parse().ok()?,
    })
}

/// Reads the processor time of a process, in user and kernel mode, from its `/proc/PID/stat`. The unit is ticks.
fn ticks_used(stat: &str) -> Option<u64> {
    // the name of the program may contain spaces and parentheses
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut times = rest.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// Returns the median: the middle value, or the lower of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// Stores new keys in the server's database, and returns them, one in each line.
fn store_keys(sh: &Shell, database: &Path, number: usize) -> Result<String> {
    let (program, number) = (tree::target().join("release/examples/store_keys"), number.to_string());
    process::read(cmd!(sh, "{program} {database} {number}"))
}

/// Sends a request with each key, in groups of a hundred.
fn fill_cache(address: &str, keys: &str) -> Result<()> {
    const OK: &str = "HTTP/1.1 200 OK";
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let keys: Vec<_> = keys.lines().collect();
    for keys in keys.chunks(100) {
        let request = |key| format!("GET /v1/key HTTP/1.1\r\nhost: l\r\nauthorization: Bearer {key}\r\n\r\n");
        stream.write_all(keys.iter().map(request).collect::<String>().as_bytes())?;
        let (mut answers, mut buffer) = (String::new(), [0; 1 << 16]);
        while answers.matches(OK).count() < keys.len() || !answers.ends_with('}') {
            let length = stream.read(&mut buffer).with_context(|| format!("not all are 200: {answers}"))?;
            ensure!(length > 0, "the server has closed the connection: {answers}");
            answers += std::str::from_utf8(&buffer[..length])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_of_wrk_is_read() {
        let latencies = [0.35, 0.39, 2.87, 4.43];
        let turn = Turn { requests: 421245.0, rate: 84249.0, latencies, failures: 2 };
        assert_eq!(parse("Requests/sec: 1\nRESULT 421245 84249 0.35 0.39 2.87 4.43 2\n"), Some(turn));
        assert_eq!(parse("RESULT 84249 0.35 0.39 2.87 4.43 2\n"), None);
        assert_eq!(parse("Requests/sec: 1\n"), None);
    }

    #[test]
    fn the_processor_time_of_a_process_is_read() {
        let stat = "77 (a) b) S 1 77 77 0 -1 4194304 900 0 1 0 250 17 3 4 20 0 5 0 9 1 1";
        assert_eq!(ticks_used(stat), Some(267));
        assert_eq!(ticks_used("77 (a) S 1"), None);
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 3.0, 1.0, 2.0]), 2.0);
    }
}
