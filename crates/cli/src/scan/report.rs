//! Writes the report in one of three formats, without any key.
//!
//! Finds are collected, sorted and written in groups of [`MAX_HELD`], so that memory does not grow with their number.
//! A report of fewer finds is sorted as a whole.

use std::ffi::OsStr;
use std::io::{self, Write};

use crate::cli::{ReportFormat, ScanOptions};
use crate::output;
use crate::scan::baseline::Baseline;
use crate::scan::encoding::encoded_as;
use crate::scan::finding::{Event, Finding, Place};
use crate::scan::summary::Summary;
use crate::scan::target::Target;
use crate::{name, scan::json, scan::sarif};

/// Maximum number of finds in memory.
const MAX_HELD: usize = 10_000;

pub(crate) struct Report {
    format: ReportFormat,
    is_verbose: bool,
    baseline: Option<Baseline>,
    target: Target,
    held: Vec<Finding>,
    is_first: bool,
    /// The first error of a write. The search continues after it, since the exit code depends on all finds.
    written: io::Result<()>,
    pub(crate) summary: Summary,
}

impl Report {
    pub(crate) fn new(options: &ScanOptions) -> Result<Self, String> {
        let baseline = options.baseline.as_deref().map(Baseline::read).transpose()?;
        let mut report = Self {
            format: options.format,
            is_verbose: options.verbose,
            baseline,
            target: Target::open(options.output.as_deref())?,
            held: Vec::new(),
            is_first: true,
            written: Ok(()),
            summary: Summary::default(),
        };
        report.written = match report.format {
            ReportFormat::Text => Ok(()),
            ReportFormat::Json => json::write_head(&mut report.target),
            ReportFormat::Sarif => sarif::write_head(&mut report.target),
        };
        Ok(report)
    }

    /// Returns the name of the temporary file that holds the report until it is complete.
    pub(crate) fn temporary_name(&self) -> Option<&OsStr> {
        self.target.temporary_name()
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Found(finding) => self.add(*finding),
            Event::Failed(message) => {
                output::print_error(&message);
                self.summary.errors.push(message);
            }
            Event::Noted(message) => {
                output::print_message(&format!("note: {message}"));
                self.summary.notes.push(message);
            }
            Event::Detail(message) if self.is_verbose => output::print_message(&message),
            Event::Detail(_) | Event::Interrupted | Event::Done => {}
        }
    }

    fn add(&mut self, finding: Finding) {
        let summary = &mut self.summary;
        if finding.find.is_allowed {
            summary.allowed += 1;
        } else if self.baseline.as_ref().is_some_and(|baseline| baseline.knows(finding.find.id)) {
            summary.known += 1;
        } else {
            *(if finding.is_ignored { &mut summary.ignored } else { &mut summary.found }) += 1;
            self.held.push(finding);
            if self.held.len() == MAX_HELD {
                self.write_held();
            }
        }
    }

    /// Sorts and writes the finds in memory. Threads send them in any order, but short reports on one tree are equal.
    fn write_held(&mut self) {
        self.held.sort_by(|a, b| {
            let key = |finding: &Finding| {
                (finding.is_ignored, finding.place != Place::Content, finding.find.offset)
            };
            let paths = (&a.path, &a.object).cmp(&(&b.path, &b.object));
            a.is_ignored.cmp(&b.is_ignored).then(paths).then(key(a).cmp(&key(b)))
        });
        for finding in std::mem::take(&mut self.held) {
            if self.written.is_ok() {
                self.written = self.write(&finding);
            }
        }
    }

    fn write(&mut self, finding: &Finding) -> io::Result<()> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.format {
            ReportFormat::Text => write_text(&mut self.target, finding),
            ReportFormat::Json => json::write_finding(&mut self.target, finding, is_first),
            ReportFormat::Sarif => sarif::write_finding(&mut self.target, finding, is_first),
        }
    }

    /// Writes the rest of the report. A closed pipe is not an error.
    pub(crate) fn finish(mut self) -> Result<Summary, String> {
        self.write_held();
        if self.written.is_ok() {
            self.written = match self.format {
                ReportFormat::Text => Ok(()),
                ReportFormat::Json => json::write_tail(&mut self.target, &self.summary),
                ReportFormat::Sarif => sarif::write_tail(&mut self.target, &self.summary),
            };
        }
        self.target.finish(self.written)?;
        Ok(self.summary)
    }
}

fn write_text(out: &mut Target, finding: &Finding) -> io::Result<()> {
    let (mut bold, mut red) = (anstyle::Style::new(), anstyle::Style::new());
    if out.takes_colours() {
        (bold, red) = (bold.bold(), anstyle::AnsiColor::Red.on_default());
    }
    let (path, find) = (name::to_text(&finding.path), &finding.find);
    let (line, column, key) = (find.line, find.column, find.id.masked());
    write!(out, "{bold}{path}{bold:#}:{line}:{column}: {red}{key}{red:#}")?;
    let remarks = remarks(finding);
    if remarks.is_empty() { writeln!(out) } else { writeln!(out, " ({})", remarks.join(", ")) }
}

fn remarks(finding: &Finding) -> Vec<String> {
    let mut remarks = Vec::new();
    if finding.place == Place::Name {
        remarks.push("in the name".to_owned());
    }
    if !finding.find.encodings.is_empty() {
        remarks.push(encoded_as(&finding.find.encodings));
    }
    remarks.extend(finding.commit.as_ref().map(|commit| format!("commit {commit}")));
    if finding.count > 1 {
        remarks.push(format!("{} times", finding.count));
    }
    if finding.is_ignored {
        remarks.push("ignored by git".to_owned());
    }
    remarks
}
