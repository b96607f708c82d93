//! A queue for work that takes much memory and time, such as hashing a password: `HashQueue`.

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Maximum number of hashes at the same time. Each takes 19 MiB and 20 ms of a core.
const MAX_RUNNING: usize = 2;

/// Maximum number of hashes that wait. The last of them waits for a third of a second.
const MAX_WAITING: usize = 32;

/// Reason why a password is not hashed: the maximum number of hashes waits already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// A queue that limits how much work runs at the same time, and how much waits.
///
/// A caller may give up at any time. If its work is waiting, the place in the queue is free at once. If its work is
/// running, it runs to its end and keeps its turn until then. Otherwise, clients that hang up could make any number
/// of hashes run at the same time.
pub(super) struct HashQueue {
    /// Places for all work that waits or runs.
    places: Semaphore,
    turns: Semaphore,
}

impl HashQueue {
    pub(super) const fn new() -> Self {
        let places = Semaphore::const_new(MAX_RUNNING + MAX_WAITING);
        Self { places, turns: Semaphore::const_new(MAX_RUNNING) }
    }

    /// Runs the work on a thread of its own, once it has its turn.
    ///
    /// # Errors
    ///
    /// - The maximum number of callers waits already.
    ///
    /// # Panics
    ///
    /// If the work panics.
    pub(super) async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = self.places.try_acquire().map_err(|_| Busy)?;
        let turn = self.turns.acquire().await.map_err(|_| Busy)?;
        let work = spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        work.await.map_err(|failure| std::panic::resume_unwind(failure.into_panic()))
    }
}

#[cfg(test)]
impl HashQueue {
    /// Takes all places, until the result is dropped.
    pub(super) fn fill(&self) -> tokio::sync::SemaphorePermit<'_> {
        let all = u32::try_from(MAX_RUNNING + MAX_WAITING).unwrap();
        self.places.try_acquire_many(all).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::RwLock;
    use tokio::task::{JoinHandle, yield_now};
    use tokio::time::timeout;

    use super::*;

    /// A queue full of work that ends when `gate` is opened.
    struct Fixture {
        queue: &'static HashQueue,
        gate: Arc<RwLock<usize>>,
        /// Number of pieces of work that have begun.
        begun: Arc<AtomicUsize>,
    }

    impl Fixture {
        fn new() -> Self {
            Self { queue: Box::leak(Box::new(HashQueue::new())), gate: Arc::default(), begun: Arc::default() }
        }

        fn add(&self, number: usize) -> JoinHandle<Result<usize, Busy>> {
            let (gate, begun) = (self.gate.clone(), self.begun.clone());
            tokio::spawn(self.queue.run(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                *gate.blocking_read() + number
            }))
        }

        /// Waits until two pieces of work run, and asserts that no place and no turn is free then.
        async fn is_full(&self) {
            self.becomes((0, 0)).await;
            let wait = async {
                while self.begun.load(Ordering::SeqCst) < 2 {
                    yield_now().await;
                }
            };
            assert!(timeout(Duration::from_secs(60), wait).await.is_ok(), "nothing runs");
            assert_eq!((self.free(), self.begun.load(Ordering::SeqCst)), ((0, 0), 2));
        }

        /// Returns the number of free places and of free turns.
        fn free(&self) -> (usize, usize) {
            (self.queue.places.available_permits(), self.queue.turns.available_permits())
        }

        async fn becomes(&self, free: (usize, usize)) {
            let wait = async {
                while self.free() != free {
                    yield_now().await;
                }
            };
            let outcome = timeout(Duration::from_secs(60), wait).await;
            assert!(outcome.is_ok(), "{:?} are free, not {free:?}", self.free());
        }
    }

    #[tokio::test]
    async fn two_run_and_32_wait() {
        let fixture = Fixture::new();
        let gate = fixture.gate.clone();
        let closed = gate.write().await;
        let tasks: Vec<_> = (0..34).map(|number| fixture.add(number)).collect();
        fixture.is_full().await;
        assert_eq!(fixture.add(34).await.unwrap(), Err(Busy));
        drop(closed);
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), Ok(number));
        }
        fixture.becomes((34, 2)).await;
    }

    #[tokio::test]
    async fn giving_up_frees_a_place_at_once_and_a_turn_at_the_end() {
        let fixture = Fixture::new();
        let gate = fixture.gate.clone();
        let closed = gate.write().await;
        let mut tasks: Vec<_> = (0..34).map(|number| fixture.add(number)).collect();
        fixture.is_full().await;
        for waiting in tasks.drain(2..) {
            waiting.abort();
            assert!(waiting.await.unwrap_err().is_cancelled());
        }
        assert_eq!(fixture.free(), (32, 0));
        for running in tasks {
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
        }
        assert_eq!(fixture.free(), (32, 0));
        let next = fixture.add(7);
        fixture.becomes((31, 0)).await;
        drop(closed);
        assert_eq!(next.await.unwrap(), Ok(7));
        fixture.becomes((34, 2)).await;
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let fixture = Fixture::new();
        let work = tokio::spawn(fixture.queue.run(|| panic!("a defect")));
        assert!(work.await.unwrap_err().is_panic());
        assert_eq!(fixture.free(), (34, 2));
    }
}
