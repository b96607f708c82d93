//! The program's log says once that the change log can't be read, and once that it can be read again. This test is alone
//! in its process, because other tests of the process would write to the same log.

mod common;
#[path = "common/kept_log.rs"]
mod kept_log;

use std::time::Duration;

use common::{Fixture, run_until_idle};
use ctx_key_verifier::{Options, SourceError};
use kept_log::Log;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn an_outage_is_logged_when_it_begins_and_when_it_ends() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let options = Options::default();
    let mut fixture = Fixture::new(options.clone());
    let key = fixture.database.create("project");
    for is_slow in [false, true] {
        fixture.poll().await;
        fixture.poll().await;
        for _ in 0..2 {
            let poll = fixture.polls.recv().await.unwrap();
            if is_slow {
                sleep(options.lease + Duration::from_millis(1)).await;
            } else {
                poll.answer(Err(SourceError::Busy));
            }
        }
    }
    fixture.poll().await;
    fixture.fill(&key).await;
    for _ in 0..2 {
        fixture.writes.recv().await.unwrap().answer(Err(SourceError::Busy));
        run_until_idle().await;
    }
    let busy = "error=the database is busy: try again";
    let late = "error=the database is unavailable: no answer in time";
    let begins = " WARN ctx_key_verifier::verifier: the change log of API keys can't be read: keys are looked up one by one";
    let ends = " INFO ctx_key_verifier::verifier: the change log of API keys can be read again";
    let unwritten =
        " WARN ctx_key_verifier::verifier: uses of API keys can't be written: they are kept for later";
    let expected = [
        &*format!("{begins} {busy}"),
        ends,
        &format!("{begins} {late}"),
        ends,
        // nobody answers the reads of the log while the uses are written
        &format!("{begins} {late}"),
        &format!("{unwritten} {busy}"),
        &format!("{unwritten} {busy}"),
    ];
    let log = log.text();
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
}
