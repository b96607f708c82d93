//! Deletes old rows of the change log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::connections::Connections;
use super::{Snapshot, statements};
use crate::SourceError;

/// Deletes the rows that were visible to this process a while ago: every process that reads the log has read them since.
/// The row's own time would not do, because a long transaction commits rows that are old already.
#[derive(Debug)]
pub(super) struct Pruner {
    connections: Connections,
    retention: Duration,
    mark: Mutex<Option<Mark>>,
}

/// What this process saw at some time.
#[derive(Debug)]
struct Mark {
    snapshot: Snapshot,
    recorded: Instant,
}

impl Pruner {
    pub(super) fn new(connections: Connections, retention: Duration) -> Self {
        Self { connections, retention, mark: Mutex::default() }
    }

    /// Records a snapshot, unless there is one of this history, and returns whether that is old enough.
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
