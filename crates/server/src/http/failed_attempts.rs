//! Failed attempts to sign in that wait to be written to the audit log: [`FailedAttempts`].

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::warn;

use crate::database::Database;
use crate::store::sign_in_log::{self, FailedAttempt};

/// Maximum number of attempts that wait. At most 100 come in a second: two passwords are hashed at once, in 20 ms each.
const MAX_WAITING: usize = 256;

/// Time from an attempt to its line in the audit log. The response is sent in this time.
const PAUSE: Duration = Duration::from_millis(200);

/// A queue of failed attempts. The server looks up the account after its response, so that the response to an unknown
/// e-mail address takes as long as to a known one.
#[derive(Default)]
pub struct FailedAttempts {
    waiting: Mutex<VecDeque<FailedAttempt>>,
    added: Notify,
}

impl FailedAttempts {
    /// Adds an attempt, unless too many wait or no account can have its e-mail address.
    pub fn add(&self, attempt: FailedAttempt) {
        if !attempt.email.is_plausible() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.push_back(attempt);
            self.added.notify_one();
        }
    }

    /// Writes attempts until `stop` completes, and then those that still wait.
    pub async fn run(&self, database: &Database, stop: impl Future) {
        let mut stop = pin!(stop);
        let mut is_last = false;
        while !is_last {
            let pause = async {
                self.added.notified().await;
                sleep(PAUSE).await;
            };
            is_last = tokio::select! {
                _ = &mut stop => true,
                () = pause => false,
            };
            self.flush(database).await;
        }
    }

    /// Writes all attempts that wait. An attempt that can't be written is only in the server's log.
    async fn flush(&self, database: &Database) {
        while let Some(attempt) = self.next() {
            if let Err(error) = sign_in_log::failed(database, &attempt).await {
                warn!(%error, "a failed sign-in is not in the audit log");
            }
        }
    }

    fn next(&self) -> Option<FailedAttempt> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ctx_key::UnixTime;

    use super::*;
    use crate::database::Location;
    use crate::store::email::Email;

    fn add(attempts: &FailedAttempts, email: &str) {
        let (address, at) = (Ipv4Addr::LOCALHOST.into(), UnixTime::from_secs(0));
        attempts.add(FailedAttempt { email: Email::new(email), address, at, is_password_change: false });
    }

    #[test]
    fn a_flood_leaves_as_many_attempts_as_may_wait() {
        let attempts = FailedAttempts::default();
        let long = format!("{}@example.com", "x".repeat(300));
        for email in ["", "no address", &long] {
            add(&attempts, email);
        }
        assert!(attempts.next().is_none());
        for number in 0..1_000 {
            add(&attempts, &format!("{number}@example.com"));
        }
        let kept: Vec<_> = std::iter::from_fn(|| attempts.next()).collect();
        assert_eq!((kept.len(), kept[0].email.as_str()), (MAX_WAITING, "0@example.com"));
    }

    #[tokio::test]
    async fn an_attempt_that_can_not_be_written_keeps_no_other_waiting() {
        let folder = tempfile::TempDir::new().unwrap();
        let database = Database::open(Location::Sqlite(folder.path().join("without-tables"))).unwrap();
        let attempts = FailedAttempts::default();
        add(&attempts, "a@example.com");
        add(&attempts, "b@example.com");
        attempts.flush(&database).await;
        assert!(attempts.next().is_none());
    }
}
