//! Revokes keys, and checks every process for grants that begin too late.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{DEADLINE, becomes};
use crate::fleet::{Fleet, revocations};
use crate::trouble::{End, LEASE, status};

/// Number of threads that send requests to one process. There are several, because some requests wait for the database.
const ASKERS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Management,
    /// The key revokes itself.
    Itself,
    Sql,
}

/// One key, its revocation, and what was observed.
struct Trial {
    key: String,
    way: Way,
    /// The process that revokes the key, unless the way is SQL.
    by: usize,
    is_watched: AtomicBool,
    seen: Mutex<Seen>,
}

struct Seen {
    /// Time at which the commit was confirmed, so the commit was not later.
    committed: Option<Instant>,
    /// Start of the last request that was granted, for each process.
    last_grants: Vec<Option<Instant>>,
    /// Start of the first request that was refused, for each process.
    refusals: Vec<Option<Instant>>,
}

/// Keys that are revoked, and the processes that must not grant them afterwards.
pub struct Watch<'f> {
    fleet: &'f Fleet,
    trials: Vec<Trial>,
    is_over: AtomicBool,
    late: Mutex<Option<String>>,
}

/// Delays that were measured in a case. Each list has one element for each revocation.
#[derive(Default)]
pub struct Delays {
    /// Time from the commit to the first refusal, in the slowest other process.
    refusals: Vec<Duration>,
    /// Time from the commit to the start of the last grant in another process.
    grants: Vec<Duration>,
}

/// Runs a case in rounds of at most `size` revocations, and prints the delays. Each call of `round` gets new keys, which all
/// processes have cached, and revokes all of them.
pub fn measure(name: &str, fleet: &Fleet, size: usize, round: impl FnMut(&Watch<'_>)) {
    measure_without(None, name, fleet, size, round);
}

/// Runs a case in which one process can't revoke anything.
pub fn measure_without(
    absent: Option<usize>,
    name: &str,
    fleet: &Fleet,
    size: usize,
    mut round: impl FnMut(&Watch<'_>),
) {
    let case = format!("{name}, {} processes", fleet.servers.len());
    let mut delays = Delays::default();
    let count = revocations();
    for first in (0..count).step_by(size) {
        let keys = fleet.keys(size.min(count - first));
        Watch::new(fleet, absent, first, keys).run(&case, &mut round, &mut delays);
    }
    delays.print(&case);
}

impl<'f> Watch<'f> {
    fn new(fleet: &'f Fleet, absent: Option<usize>, first: usize, keys: Vec<String>) -> Self {
        let processes = fleet.servers.len();
        let trial = |(turn, key)| {
            let by = turn % processes;
            let way = match turn % 3 {
                _ if absent == Some(by) => Way::Sql,
                0 => Way::Management,
                1 => Way::Itself,
                _ => Way::Sql,
            };
            let seen =
                Seen { committed: None, last_grants: vec![None; processes], refusals: vec![None; processes] };
            Trial { key, way, by, is_watched: AtomicBool::new(false), seen: Mutex::new(seen) }
        };
        Self {
            fleet,
            trials: (first..).zip(keys).map(trial).collect(),
            is_over: AtomicBool::new(false),
            late: Mutex::default(),
        }
    }

    fn run(&self, case: &str, mut round: impl FnMut(&Watch<'_>), delays: &mut Delays) {
        thread::scope(|scope| {
            let _end = End(&self.is_over);
            for process in 0..self.fleet.servers.len() {
                for asker in 0..ASKERS {
                    scope.spawn(move || self.ask_on(process, asker));
                }
            }
            round(self);
            let is_done = becomes(|| self.has_failed() || self.trials.iter().all(Trial::is_refused));
            assert!(is_done, "{case}: not every key is refused after {DEADLINE:?}");
        });
        if let Some(late) = self.late.lock().expect("no panic").take() {
            panic!("{case}: {late}");
        }
        for trial in &self.trials {
            for (process, server) in self.fleet.servers.iter().enumerate() {
                let status = status(server, &trial.key);
                assert_ne!(status, 200, "{case}: process {process} grants a key that it had refused");
            }
            delays.add(trial);
        }
    }

    fn has_failed(&self) -> bool {
        self.late.lock().expect("no panic").is_some()
    }

    /// Sends requests with those of an asker's keys that the process has not refused yet, until the round is over.
    fn ask_on(&self, process: usize, asker: usize) {
        while !self.is_over.load(Ordering::Relaxed) {
            for trial in self.trials.iter().skip(asker).step_by(ASKERS) {
                if trial.is_watched.load(Ordering::Relaxed) && !trial.is_refused_by(process) {
                    self.ask(process, trial);
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends one request with every key to a process.
    pub fn ask_all(&self, process: usize) {
        self.trials.iter().for_each(|trial| self.ask(process, trial));
    }

    fn ask(&self, process: usize, trial: &Trial) {
        let begin = Instant::now();
        let status = status(&self.fleet.servers[process], &trial.key);
        let mut seen = trial.seen.lock().expect("no panic");
        match status {
            200 => seen.last_grants[process] = seen.last_grants[process].max(Some(begin)),
            401 => seen.refusals[process] = seen.refusals[process].or(Some(begin)),
            503 => (),
            other => panic!("process {process} answers {other}"),
        }
        self.judge(trial, &seen);
    }

    fn judge(&self, trial: &Trial, seen: &Seen) {
        let Some(committed) = seen.committed else { return };
        for (process, grant) in seen.last_grants.iter().enumerate() {
            let Some(delay) = grant.and_then(|begin| begin.checked_duration_since(committed)) else {
                continue;
            };
            let limit = if trial.is_revoked_by(process) { Duration::ZERO } else { LEASE };
            if delay > limit {
                let by = match trial.way {
                    Way::Sql => "SQL".to_owned(),
                    way => format!("{way:?} in process {}", trial.by),
                };
                let late = format!("process {process} granted a key {delay:?} after its revocation by {by}");
                self.late.lock().expect("no panic").get_or_insert(late);
            }
        }
    }

    /// Revokes all keys in `lanes` parallel lanes. A lane waits until every process refuses its key before it takes the next.
    pub fn revoke_and_see_refused(&self, lanes: usize) {
        self.in_lanes(lanes, &self.trials, |trial| {
            self.revoke(trial);
            becomes(|| self.has_failed() || trial.is_refused());
        });
    }

    /// Revokes half of the keys, calls `begin`, which starts the trouble, and revokes the other half while `end` runs.
    pub fn revoke_around(&self, begin: impl FnOnce(), end: impl FnOnce()) {
        let (before, during) = self.trials.split_at(self.trials.len() / 2);
        let lanes = self.fleet.servers.len();
        self.in_lanes(lanes, before, |trial| self.revoke(trial));
        begin();
        thread::scope(|scope| {
            scope.spawn(|| self.in_lanes(lanes, during, |trial| self.revoke(trial)));
            end();
        });
    }

    fn in_lanes(&self, lanes: usize, trials: &[Trial], work: impl Fn(&Trial) + Sync) {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                        work(trial);
                    }
                });
            }
        });
    }

    /// Revokes a key, and tries again as long as the database can't be reached.
    fn revoke(&self, trial: &Trial) {
        trial.is_watched.store(true, Ordering::Relaxed);
        let mut committed = None;
        let is_revoked = becomes(|| {
            committed = self.try_to_revoke(trial);
            committed.is_some()
        });
        assert!(is_revoked, "no revocation within {DEADLINE:?}");
        let mut seen = trial.seen.lock().expect("no panic");
        seen.committed = committed;
        self.judge(trial, &seen);
    }

    fn try_to_revoke(&self, trial: &Trial) -> Option<Instant> {
        let status = match trial.way {
            Way::Sql => return self.fleet.revoke_by_sql(&trial.key).ok(),
            Way::Management => self.fleet.revoke(trial.by, &trial.key),
            Way::Itself => {
                let server = &self.fleet.servers[trial.by];
                server.send("POST", "/v1/key/revoke", Some(&trial.key), None).0
            }
        };
        match status {
            // 401 means that an earlier attempt was committed, but its answer was lost
            200 | 204 | 401 => Some(Instant::now()),
            503 => None,
            other => panic!("{other} to a revocation by {:?}", trial.way),
        }
    }
}

impl Trial {
    fn is_revoked_by(&self, process: usize) -> bool {
        self.way != Way::Sql && self.by == process
    }

    fn is_refused(&self) -> bool {
        let seen = self.seen.lock().expect("no panic");
        seen.committed.is_some() && seen.refusals.iter().all(Option::is_some)
    }

    fn is_refused_by(&self, process: usize) -> bool {
        self.seen.lock().expect("no panic").refusals[process].is_some()
    }
}

impl Delays {
    fn add(&mut self, trial: &Trial) {
        let seen = trial.seen.lock().expect("no panic");
        let Some(committed) = seen.committed else { return };
        let others = (0..seen.refusals.len()).filter(|process| !trial.is_revoked_by(*process));
        let last = |times: &[Option<Instant>]| {
            let times = others.clone().filter_map(|process| times[process]);
            times.max().map_or(Duration::ZERO, |time| time.saturating_duration_since(committed))
        };
        self.refusals.push(last(&seen.refusals));
        self.grants.push(last(&seen.last_grants));
    }

    /// Prints the delays directly to stderr, which the test harness does not capture.
    fn print(mut self, case: &str) {
        let mut line = format!("REVOKED | {case} | {}", self.refusals.len());
        for times in [&mut self.refusals, &mut self.grants] {
            times.sort();
            let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
            let _ = write!(line, " | {} ms | {} ms", middle.as_millis(), longest.as_millis());
        }
        let _ = writeln!(io::stderr(), "{line}");
    }
}
