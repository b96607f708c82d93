//! Deletes old rows of the change log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::connections::Connections;
use super::{Snapshot, statements};
use crate::SourceError;

/// Deletes the rows that were visible to this process a while ago: every process that reads the log has read them since.
/// The time at which a row was written is not enough, because a long transaction commits rows that are already old.
#[derive(Debug)]
pub(super) struct Pruner {
    connections: Connections,
    retention: Duration,
    mark: Mutex<Option<Mark>>,
}

/// A snapshot that this process saw, and when.
#[derive(Debug)]
struct Mark {
    snapshot: Snapshot,
    recorded: Instant,
}

impl Pruner {
    pub(super) fn new(connections: Connections, retention: Duration) -> Self {
        Self { connections, retention, mark: Mutex::default() }
    }

    /// Records a snapshot, unless one of this history is recorded. Returns whether the recorded one is old enough.
    pub(super) fn is_due(&self, snapshot: &Snapshot) -> bool {
        let mut mark = self.mark();
        let is_same_history = |mark: &Mark| mark.snapshot.history() == snapshot.history();
        match mark.as_ref().filter(|mark| is_same_history(mark)) {
            Some(mark) => mark.recorded.elapsed() >= self.retention,
            None => {
                *mark = Some(Mark { snapshot: snapshot.clone(), recorded: Instant::now() });
                false
            }
        }
    }

    pub(super) async fn prune(&self) -> Result<(), SourceError> {
        let is_old = |mark: &mut Mark| mark.recorded.elapsed() >= self.retention;
        let Some(mark) = self.mark().take_if(is_old) else { return Ok(()) };
        let (below, history) = (mark.snapshot.first_unseen().to_string(), mark.snapshot.history());
        let parameters = &[(&below as _, Type::TEXT), (&history as _, Type::TEXT)];
        self.connections.query(statements::PRUNE, parameters).await.map(drop)
    }

    fn mark(&self) -> MutexGuard<'_, Option<Mark>> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns a pruner with an address that has no server.
    fn pruner() -> Pruner {
        let pool = Config::new("postgres://postgres@127.0.0.1:1/d?sslmode=disable").unwrap().pool(1);
        Pruner::new(Connections::new(pool, Duration::ZERO), MINUTE)
    }

    fn snapshot(transactions: &str, history: &str) -> Snapshot {
        Snapshot::new(transactions, history, None).unwrap()
    }

    fn age(pruner: &Pruner, time: Duration) {
        pruner.mark().as_mut().unwrap().recorded -= time;
    }

    /// Returns the lowest number that the mark leaves, and its history.
    fn mark(pruner: &Pruner) -> Option<(u64, String)> {
        let mark = pruner.mark();
        mark.as_ref().map(|mark| (mark.snapshot.first_unseen(), mark.snapshot.history().to_owned()))
    }

    #[test]
    fn the_first_snapshot_of_a_history_is_kept_for_the_retention() {
        let pruner = pruner();
        assert!(!pruner.is_due(&snapshot("10:20:12", "a")));
        age(&pruner, MINUTE - Duration::from_secs(10));
        assert!(!pruner.is_due(&snapshot("30:30:", "a")), "not yet");
        age(&pruner, Duration::from_secs(10));
        assert!(pruner.is_due(&snapshot("40:40:", "a")));
        assert_eq!(mark(&pruner), Some((12, "a".to_owned())));
        // numbers of different histories are not comparable
        assert!(!pruner.is_due(&snapshot("50:60:50", "b")));
        assert_eq!(mark(&pruner), Some((50, "b".to_owned())));
    }

    #[tokio::test]
    async fn a_mark_is_used_once_and_only_when_it_is_old() {
        let pruner = pruner();
        pruner.prune().await.unwrap();
        assert!(!pruner.is_due(&snapshot("10:20:12", "a")));
        age(&pruner, MINUTE - Duration::from_secs(10));
        pruner.prune().await.unwrap();
        assert_eq!(mark(&pruner), Some((12, "a".to_owned())));
        age(&pruner, Duration::from_secs(10));
        assert!(matches!(pruner.prune().await, Err(SourceError::Unavailable(_))), "the statement is sent");
        assert_eq!(mark(&pruner), None);
    }
}
