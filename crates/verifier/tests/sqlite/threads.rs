//! A source has one thread for each connection.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ctx_key_verifier::sqlite::Options;

use crate::File;

/// The source is in a process of its own, because the other tests of this program have sources, too.
#[test]
fn each_connection_has_a_thread() {
    for connections in ["1", "3"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "threads::a_source_has_its_threads", "--ignored"]);
        let output = command.env("TEST_CONNECTIONS", connections).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own"]
async fn a_source_has_its_threads() {
    let Ok(connections) = std::env::var("TEST_CONNECTIONS") else { return };
    let connections = connections.parse().unwrap();
    let _source = File::new().source_with(Options { connections, ..Options::default() }).await;
    let count = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|comm| comm.trim_end() == name).count()
    };
    let expected = [connections, 1, 1];
    let counts = || ["ctx-key-read", "ctx-key-poll", "ctx-key-write"].map(count);
    // a thread gets its name after it has started
    let deadline = Instant::now() + Duration::from_secs(10);
    while counts() != expected {
        assert!(Instant::now() < deadline, "{:?}, not {expected:?}", counts());
        thread::sleep(Duration::from_millis(1));
    }
}
