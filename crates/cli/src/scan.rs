//! `scan`: finds leaked keys, writes a report, and returns an exit code.
//!
//! | layer | files |
//! |---|---|
//! | nouns and settings | `encoding`, `finding`, `summary`, `progress`, `root`, `exclude`, `config` |
//! | search of bytes | `wide`, `runs`, `escapes`, `decode` (finds encoded keys), `searcher`, `archive` |
//! | git | `git` (runs it), `alternates`, `object`, `repository`, `worktree`, `batch` (objects), `changes` (commits) |
//! | places of finds in a history | `origin`, `tally`, `refs`, `missing`, `revisions` |
//! | sources of bytes | `files`, `staged`, `history` |
//! | reports | `baseline`, `json`, `sarif`, `target`, `report` |
//!
//! A file imports only from its own layer and from those above it in this table. A source searches on its own threads
//! and sends events. The main thread only writes them, so that it can react to an interrupt at any time.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cli::{ReportFormat, ScanOptions};
use crate::outcome::{FAILED, FOUND, IGNORED, Outcome, SUCCESS};
use crate::output;
use crate::scan::exclude::{ALL_EXCLUDED, Exclude};
use crate::scan::finding::{Event, Sink};
use crate::scan::progress::{Bar, PERIOD, Progress};
use crate::scan::report::Report;
use crate::scan::summary::Summary;

mod alternates;
mod archive;
mod baseline;
mod batch;
mod changes;
mod config;
pub(crate) mod decode;
mod encoding;
mod escapes;
mod exclude;
mod files;
mod finding;
mod git;
mod history;
mod json;
mod missing;
mod object;
mod origin;
mod progress;
mod refs;
mod report;
mod repository;
mod revisions;
mod root;
mod runs;
mod sarif;
mod searcher;
mod staged;
mod summary;
mod tally;
mod target;
mod wide;
mod worktree;

/// Maximum number of events that wait to be written.
const MAX_EVENTS: usize = 1024;
/// Maximum number of threads. More are not faster, and each has a buffer.
const MAX_THREADS: usize = 64;
/// Time that the source has to end after an interrupt.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn run(mut options: ScanOptions) -> Outcome {
    let (exclude, note) = config::apply(&mut options)?;
    let options = Arc::new(options);
    let mut report = Report::new(&options)?;
    if let Some(note) = note {
        report.take(Event::Noted(note));
    }
    let (events, received) = mpsc::sync_channel(MAX_EVENTS);
    let sink = Sink::new(events.clone());
    report_interrupts(&sink)?;
    let progress = Progress::default();
    let temporary = report.temporary_name().map(OsStr::to_owned);
    let source = start(&options, exclude, temporary, sink, events, &progress);
    let mut bar = Bar::new(progress.clone());
    let is_complete = receive(&received, &mut report, &mut bar);
    bar.clear();
    if !is_complete {
        report.take(Event::Failed("interrupted: not everything was searched; run this again".to_owned()));
    } else if source.join().is_err() {
        report.take(Event::Failed(
            "the search failed, and not everything was searched; report this as a bug".to_owned(),
        ));
    }
    add_totals(&options, &mut report, &progress);
    let summary = report.finish()?;
    print_advice(&options, &summary);
    Ok(exit_code(&options, &summary))
}

fn report_interrupts(sink: &Sink) -> Result<(), String> {
    let sink = sink.clone();
    let handler = move || {
        sink.stop();
        sink.send(Event::Interrupted);
    };
    ctrlc::set_handler(handler).map_err(|error| format!("can't prepare for an interrupt: {error}; try again"))
}

/// Starts the source on a new thread, which sends [`Event::Done`] last, even if it panics.
fn start(
    options: &Arc<ScanOptions>,
    exclude: Exclude,
    temporary: Option<OsString>,
    sink: Sink,
    events: SyncSender<Event>,
    progress: &Progress,
) -> JoinHandle<()> {
    struct End(SyncSender<Event>);
    impl Drop for End {
        fn drop(&mut self) {
            // The receiver is gone only after an interrupt.
            let _ = self.0.send(Event::Done);
        }
    }
    let (options, progress, end) = (options.clone(), progress.clone(), End(events));
    thread::spawn(move || {
        let _end = end;
        if let Err(message) = search(&options, exclude, temporary, &sink, &progress) {
            sink.failed(message);
        }
    })
}

/// Searches what the options name, except for the temporary file with this name.
fn search(
    options: &ScanOptions,
    exclude: Exclude,
    temporary: Option<OsString>,
    sink: &Sink,
    progress: &Progress,
) -> Result<(), String> {
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS)),
        threads => threads.min(MAX_THREADS),
    };
    if options.staged {
        staged::search(options, &exclude, sink, progress)
    } else if options.history {
        history::search(options, exclude, threads, sink, progress)
    } else {
        files::search(options, exclude, temporary, threads, sink, progress)
    }
}

/// Writes the events of the source. Returns false after an interrupt.
fn receive(received: &Receiver<Event>, report: &mut Report, bar: &mut Bar) -> bool {
    let mut deadline: Option<Instant> = None;
    loop {
        match received.recv_timeout(PERIOD) {
            Ok(Event::Done) | Err(RecvTimeoutError::Disconnected) => return deadline.is_none(),
            Ok(Event::Interrupted) => deadline = deadline.or(Some(Instant::now() + INTERRUPT_TIMEOUT)),
            // The same interrupt also stops the processes of git. Their failures are not errors.
            Ok(Event::Failed(_)) if deadline.is_some() => {}
            Ok(event) => {
                bar.clear();
                report.take(event);
            }
            Err(RecvTimeoutError::Timeout) => bar.tick(),
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return false;
        }
    }
}

/// Adds the totals, and the notes and errors that depend on them.
fn add_totals(options: &ScanOptions, report: &mut Report, progress: &Progress) {
    (report.summary.files, report.summary.bytes) = (progress.files(), progress.bytes());
    let summary = &report.summary;
    let (files, bytes, known) = (summary.files, summary.bytes, summary.known);
    let may_be_empty = options.staged || options.range.is_some() || options.since.is_some();
    if files == 0 && !may_be_empty && summary.errors.is_empty() {
        let is_named = !options.paths.is_empty() && progress.excluded() == options.paths.len() as u64;
        report.take(match is_named {
            true => Event::Noted(ALL_EXCLUDED.to_owned()),
            false => Event::Failed(
                "nothing was searched: there are no files, or all are excluded; name a path with files"
                    .to_owned(),
            ),
        });
    }
    for (count, one, many) in [
        (
            report.summary.allowed,
            "key is allowed by a comment on its line",
            "keys are allowed by comments on their lines",
        ),
        (known, "find is known from the baseline", "finds are known from the baseline"),
    ] {
        if count > 0 {
            report.take(Event::Noted(output::counted(count, one, many)));
        }
    }
    report.take(Event::Detail(format!("searched {files} files or objects, {bytes} bytes")));
}

/// Says what to do about the finds of a text report.
fn print_advice(options: &ScanOptions, summary: &Summary) {
    if options.format != ReportFormat::Text {
        return;
    }
    if summary.found + summary.ignored > 0 {
        output::print_message("revoke these keys in the dashboard under API Keys, and create new ones");
    }
}

/// Returns the exit code. An error comes first: what could not be read may hold more keys.
fn exit_code(options: &ScanOptions, summary: &Summary) -> u8 {
    match summary {
        Summary { errors, .. } if !errors.is_empty() => FAILED,
        Summary { found: 1.., .. } => options.exit_code.unwrap_or(FOUND),
        Summary { ignored: 1.., .. } => options.exit_code.unwrap_or(IGNORED),
        _ => SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The interrupt also stops the processes of git.
    #[test]
    fn a_failure_after_an_interrupt_is_not_an_error() {
        let Command::Scan(options) = Cli::parse_from(["ctx-key", "scan"]).command else { panic!() };
        for (interrupts, is_complete, errors) in [(0, true, &["x"][..]), (1, false, &[]), (2, false, &[])] {
            let (events, received) = mpsc::sync_channel(MAX_EVENTS);
            let sent = (0..interrupts).map(|_| Event::Interrupted);
            sent.chain([Event::Failed("x".into()), Event::Done])
                .for_each(|event| events.send(event).unwrap());
            let mut report = Report::new(&options).unwrap();
            let mut bar = Bar::new(Progress::default());
            assert_eq!(receive(&received, &mut report, &mut bar), is_complete);
            assert_eq!(report.summary.errors, errors);
        }
    }

    #[test]
    fn another_interrupt_gives_the_source_no_more_time() {
        let Command::Scan(options) = Cli::parse_from(["ctx-key", "scan"]).command else { panic!() };
        // Each event waits for the receiver, so at most 21 are received in time, however slow the machine is.
        let (events, received) = mpsc::sync_channel(0);
        let send = move |_: &i32| {
            thread::sleep(INTERRUPT_TIMEOUT / 20);
            events.send(Event::Interrupted).is_ok()
        };
        let sender = thread::spawn(move || (0..60).take_while(send).count());
        let mut report = Report::new(&options).unwrap();
        assert!(!receive(&received, &mut report, &mut Bar::new(Progress::default())));
        drop(received);
        let count = sender.join().unwrap();
        assert!(count < 23, "{count}");
    }
}
