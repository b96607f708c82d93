//! `scan`: finds leaked keys. Options in, report and exit code out.

use std::sync::mpsc::{self, Sender};

use crate::baseline::Baseline;
use crate::cli::{ReportFormat, ScanOptions};
use crate::progress::Progress;
use crate::report::{self, Report};
use crate::search::Find;
use crate::{FAILED, FOUND, Outcome, SUCCESS, git, output, walk};

/// What a source of bytes reports, from any thread.
pub(crate) enum Event {
    Found(Finding),
    /// In lower case, with what to do.
    Failed(String),
}

/// A find, and in which file.
pub(crate) struct Finding {
    /// As it is shown: a key in a name is hidden.
    pub(crate) path: String,
    pub(crate) find: Find,
    /// In a repository's history: the object, and the commit that brought it.
    pub(crate) object: Option<String>,
    pub(crate) commit: Option<String>,
}

/// Where a source sends what it reports.
#[derive(Clone)]
pub(crate) struct Sink {
    events: Sender<Event>,
}

impl Sink {
    pub(crate) fn found(&self, path: &str, object: Option<&str>, finds: &mut Vec<Find>) {
        for find in finds.drain(..) {
            let (path, object) = (path.to_owned(), object.map(str::to_owned));
            self.send(Event::Found(Finding { path, find, object, commit: None }));
        }
    }

    pub(crate) fn failed(&self, message: String) {
        self.send(Event::Failed(message));
    }

    fn send(&self, event: Event) {
        // The receiver outlives every source.
        let _ = self.events.send(event);
    }
}

pub(crate) fn run(options: &ScanOptions) -> Outcome {
    let baseline = options.baseline.as_deref().map(Baseline::read).transpose()?;
    let mut report = search(options);
    if let Some(baseline) = baseline {
        report.findings.retain(|finding| !baseline.knows(finding.find.id.as_str()));
    }
    report.sort();
    if options.history
        && let Err(error) = git::name_commits(&options.paths, &mut report)
    {
        report.errors.push(error);
    }
    for error in &report.errors {
        output::complain(error);
    }
    output::settle(report::write(&report, options.format))?;
    if options.format == ReportFormat::Text && !report.findings.is_empty() {
        output::tell("revoke these keys in the dashboard under API Keys, and create new ones");
    }
    Ok(exit_code(&report))
}

/// What could not be read may hold keys, whatever was found elsewhere.
fn exit_code(report: &Report) -> u8 {
    match (report.errors.is_empty(), report.findings.is_empty()) {
        (false, _) => FAILED,
        (true, false) => FOUND,
        (true, true) => SUCCESS,
    }
}

/// Runs the source to its end, or until it fails, with a progress bar beside it.
fn search(options: &ScanOptions) -> Report {
    let (events, received) = mpsc::channel();
    let sink = Sink { events };
    let progress = Progress::default();
    let searched = progress.show_during(|| {
        if options.staged {
            git::search_staged(&options.paths, sink, &progress)
        } else if options.history {
            git::search_history(&options.paths, sink, &progress)
        } else {
            walk::search(options, sink, &progress)
        }
    });
    let mut report = Report::new(&progress);
    // What was found before the source failed stays found.
    report.errors.extend(searched.err());
    for event in received {
        match event {
            Event::Found(finding) => report.findings.push(finding),
            Event::Failed(message) => report.errors.push(message),
        }
    }
    report
}
