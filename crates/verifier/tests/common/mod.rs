//! A database in memory, and a source whose calls wait until the test answers them.
#![allow(dead_code, reason = "every test file compiles this module, and none uses all of it")]

use std::collections::HashMap;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use ctx_key::{ApiKey, Grant, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::{Changed, Changes, LookedUp, Options, Source, SourceError, Verifier, VerifyError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio::time::{Timeout, timeout};

pub(crate) type Project = &'static str;

/// A point in the history of the database: the number of changes that were committed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) history: u32,
    pub(crate) changes: usize,
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.history == other.history).then(|| self.changes.cmp(&other.changes))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) history: u32,
    records: HashMap<KeyId, KeyRecord<Project>>,
    log: Vec<KeyId>,
}

impl Database {
    /// Creates a key with all scopes.
    pub(crate) fn create(&mut self, project: Project) -> ApiKey {
        let key = ApiKey::generate();
        self.commit(KeyRecord::new(&key, project, Scope::all()));
        key
    }

    pub(crate) fn commit(&mut self, record: KeyRecord<Project>) {
        self.log.push(record.id);
        self.records.insert(record.id, record);
    }

    pub(crate) fn revoke(&mut self, key: &ApiKey) {
        let mut record = self.records[&key.id()].clone();
        record.revoke(UnixTime::from_secs(0));
        self.commit(record);
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { history: self.history, changes: self.log.len() }
    }

    pub(crate) fn look_up(&self, ids: &[KeyId]) -> LookedUp<Project, Cursor> {
        let records = ids.iter().filter_map(|id| self.records.get(id)).cloned().collect();
        LookedUp { records, corrupt: Vec::new(), cursor: self.cursor() }
    }

    pub(crate) fn changes_since(&self, cursor: Option<Cursor>) -> Changes<Cursor> {
        let changed = match cursor {
            None => Changed::Keys(Vec::new()),
            Some(cursor) if cursor.history != self.history => Changed::History,
            Some(cursor) => Changed::Keys(self.log[cursor.changes..].to_vec()),
        };
        Changes { changed, cursor: self.cursor() }
    }
}

/// A call that waits for its answer. If the answer is never given, the call hangs.
#[derive(Debug)]
pub(crate) struct Call<Q, A> {
    pub(crate) question: Q,
    answer: oneshot::Sender<Result<A, SourceError>>,
}

impl<Q, A> Call<Q, A> {
    pub(crate) fn answer(self, answer: Result<A, SourceError>) {
        // the caller may have given up
        let _ = self.answer.send(answer);
    }

    /// Returns whether the caller has given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

pub(crate) type LookUp = Call<Vec<KeyId>, LookedUp<Project, Cursor>>;
pub(crate) type Poll = Call<Option<Cursor>, Changes<Cursor>>;
pub(crate) type Write = Call<Vec<(KeyId, UnixTime)>, Vec<KeyId>>;

/// The calls that arrive. If no call comes, `recv` fails the test; in paused time, it does so at once.
pub(crate) struct Calls<T>(mpsc::UnboundedReceiver<T>);

impl<T> Calls<T> {
    pub(crate) async fn recv(&mut self) -> Option<T> {
        timeout(DEADLINE, self.0.recv()).await.expect("no call comes")
    }

    pub(crate) fn try_recv(&mut self) -> Result<T, mpsc::error::TryRecvError> {
        self.0.try_recv()
    }
}

/// A call or a verification that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(600);

/// A source that sends each call to the test and waits for the answer.
pub(crate) struct Remote {
    look_ups: mpsc::UnboundedSender<LookUp>,
    polls: mpsc::UnboundedSender<Poll>,
    writes: mpsc::UnboundedSender<Write>,
}

async fn ask<Q, A>(calls: &mpsc::UnboundedSender<Call<Q, A>>, question: Q) -> Result<A, SourceError> {
    let (answer, receiver) = oneshot::channel();
    calls
        .send(Call { question, answer })
        .map_err(|_| SourceError::Unexpected("the test has ended".into()))?;
    receiver.await.expect("the test dropped a call: the source panics")
}

impl Source for Remote {
    type Project = Project;
    type Cursor = Cursor;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Project, Cursor>, SourceError> {
        let mut ids = ids.to_vec();
        ids.sort();
        ask(&self.look_ups, ids).await
    }

    async fn changes_since(&self, cursor: Option<&Cursor>) -> Result<Changes<Cursor>, SourceError> {
        ask(&self.polls, cursor.copied()).await
    }

    async fn record_uses(&self, uses: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        ask(&self.writes, uses.to_vec()).await
    }
}

/// A verifier whose source waits for answers of the test.
pub(crate) struct Fixture {
    pub(crate) verifier: Verifier<Remote>,
    pub(crate) database: Database,
    pub(crate) look_ups: Calls<LookUp>,
    pub(crate) polls: Calls<Poll>,
    pub(crate) writes: Calls<Write>,
}

impl Fixture {
    pub(crate) fn new(options: Options) -> Self {
        let (look_ups_in, look_ups) = mpsc::unbounded_channel();
        let (polls_in, polls) = mpsc::unbounded_channel();
        let (writes_in, writes) = mpsc::unbounded_channel();
        let source = Remote { look_ups: look_ups_in, polls: polls_in, writes: writes_in };
        let verifier = Verifier::new(source, options);
        Self {
            verifier,
            database: Database::default(),
            look_ups: Calls(look_ups),
            polls: Calls(polls),
            writes: Calls(writes),
        }
    }

    /// Answers the next poll at once.
    pub(crate) async fn poll(&mut self) {
        let poll = self.polls.recv().await.unwrap();
        let changes = self.database.changes_since(poll.question);
        poll.answer(Ok(changes));
        run_until_idle().await;
    }

    /// Answers the next look-up at once, and returns its ids.
    pub(crate) async fn look_up(&mut self) -> Vec<KeyId> {
        let look_up = self.look_ups.recv().await.unwrap();
        let (ids, found) = (look_up.question.clone(), self.database.look_up(&look_up.question));
        look_up.answer(Ok(found));
        run_until_idle().await;
        ids
    }

    /// Answers look-ups until no request waits for one, and returns their ids.
    pub(crate) async fn look_up_all(&mut self) -> Vec<KeyId> {
        let mut ids = Vec::new();
        run_until_idle().await;
        while let Ok(look_up) = self.look_ups.try_recv() {
            ids.extend_from_slice(&look_up.question);
            let found = self.database.look_up(&look_up.question);
            look_up.answer(Ok(found));
            run_until_idle().await;
        }
        ids.sort();
        ids
    }

    /// Starts a verification.
    pub(crate) fn verify(&self, key: &ApiKey) -> Verification {
        self.verify_for(key, Scope::MEMORIES_READ)
    }

    pub(crate) fn verify_for(&self, key: &ApiKey, required: Scope) -> Verification {
        let (verifier, key) = (self.verifier.clone(), ApiKey::parse(key.expose_secret()).unwrap());
        let task = tokio::spawn(async move { verifier.verify(&key, required).await });
        Verification { task: task.abort_handle(), result: Box::pin(timeout(DEADLINE, task)) }
    }

    /// Fills the cache with a key. The verifier has to be current.
    pub(crate) async fn fill(&mut self, key: &ApiKey) {
        let verification = self.verify(key);
        assert_eq!(self.look_up().await, [key.id()]);
        assert!(verification.await.unwrap().is_ok());
    }
}

type Verified = Result<Grant<Project>, VerifyError>;

/// A running verification. Like a call, it fails the test if it does not end.
pub(crate) struct Verification {
    task: AbortHandle,
    result: Pin<Box<Timeout<JoinHandle<Verified>>>>,
}

impl Verification {
    pub(crate) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    pub(crate) fn abort(&self) {
        self.task.abort();
    }
}

impl Future for Verification {
    type Output = Result<Verified, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> std::task::Poll<Self::Output> {
        self.result.as_mut().poll(context).map(|result| result.expect("the verification does not end"))
    }
}

/// Lets all tasks run until each waits for the clock or for the test.
pub(crate) async fn run_until_idle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
