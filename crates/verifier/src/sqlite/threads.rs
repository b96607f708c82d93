//! Threads with a connection each. They are not threads of tokio, so that a read of the log never waits for other work of
//! the program.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::source::SourceError;
use crate::sqlite::connection::{Database, Session, unexpected};

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// Threads that take their jobs from one queue. They end when `self` is dropped.
pub(super) struct Threads(mpsc::Sender<Job>);

impl Threads {
    pub(super) fn start(name: &str, count: usize, database: &Arc<Database>) -> Result<Self, SourceError> {
        let (sender, receiver) = mpsc::channel(count);
        let receiver: Arc<Mutex<mpsc::Receiver<Job>>> = Arc::new(Mutex::new(receiver));
        for _ in 0..count {
            let (receiver, mut worker) =
                (receiver.clone(), Worker { database: database.clone(), session: None });
            let run = move || {
                // if this fails, the first job connects again and reports the error
                let _ = worker.session();
                while let Some(job) = next(&receiver) {
                    job(&mut worker);
                }
            };
            let spawned = thread::Builder::new().name(name.into()).spawn(run);
            spawned.map_err(|error| SourceError::Unavailable(format!("no thread: {error}").into()))?;
        }
        Ok(Self(sender))
    }

    /// Runs a job on one of the threads, unless this future is dropped before it begins.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (sender, receiver) = oneshot::channel();
        let job = move |worker: &mut Worker| {
            if !sender.is_closed() {
                // the caller may have gone
                let _ = sender.send(worker.run(job));
            }
        };
        let ended = || unexpected("a thread of the SQLite source has ended");
        self.0.send(Box::new(job)).await.map_err(|_| ended())?;
        receiver.await.map_err(|_| ended())?
    }

    /// Runs an optional job, unless the queue is full.
    pub(super) fn try_run(&self, job: impl FnOnce(&mut Worker) -> Result<(), SourceError> + Send + 'static) {
        let job = move |worker: &mut Worker| _ = worker.run(job);
        let _ = self.0.try_send(Box::new(job));
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

/// A thread's connection.
pub(super) struct Worker {
    database: Arc<Database>,
    session: Option<Session>,
}

impl Worker {
    /// Returns the connection to the file that is at the path.
    pub(super) fn session(&mut self) -> Result<&mut Session, SourceError> {
        let file = self.database.file()?;
        self.session.take_if(|session| session.file != file);
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(Session::open(&self.database)?)),
        }
    }

    pub(super) fn create(&mut self) -> Result<(), SourceError> {
        self.database.create()
    }

    /// Runs a job. If it fails, the connection is closed, unless the file was only busy.
    fn run<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, SourceError>) -> Result<T, SourceError> {
        let result = job(self);
        if result.as_ref().is_err_and(|error| !matches!(error, SourceError::Busy)) {
            self.session = None;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_job_that_fails_closes_the_connection_unless_the_file_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("keys.sqlite"), Duration::ZERO).unwrap();
        let mut worker = Worker { database, session: None };
        worker.create().unwrap();
        for (error, is_kept) in [
            (None, true),
            (Some(SourceError::Busy), true),
            (Some(SourceError::Unavailable("the disk is full".into())), false),
            (Some(unexpected("no such table")), false),
        ] {
            assert!(worker.session().is_ok());
            let expected = error.as_ref().map(ToString::to_string);
            let result = worker.run(|_| error.map_or(Ok(()), Err));
            assert_eq!(result.err().map(|error| error.to_string()), expected);
            assert_eq!(worker.session.is_some(), is_kept, "{expected:?}");
        }
    }
}
