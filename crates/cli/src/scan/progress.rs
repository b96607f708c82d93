//! Counts what is searched, and shows the progress of a long search on a terminal.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time before the bar appears. A shorter search has none.
const DELAY: Duration = Duration::from_millis(700);
/// Time between two drawings of the bar.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);

/// A reader that counts its bytes.
pub(crate) struct Counting<'p, R> {
    reader: R,
    bytes: &'p AtomicU64,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

/// The number of files and bytes that all threads have searched so far, and of named files that are excluded.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    excluded: AtomicU64,
}

impl Progress {
    pub(crate) fn add_file(&self) {
        self.counts.files.fetch_add(1, Relaxed);
    }

    /// Counts a file that was named and is excluded.
    pub(crate) fn add_excluded(&self) {
        self.counts.excluded.fetch_add(1, Relaxed);
    }

    /// Returns a reader that counts its bytes as they are read, so that the bar moves even within one large file.
    pub(crate) fn counting<R: Read>(&self, reader: R) -> Counting<'_, R> {
        Counting { reader, bytes: &self.counts.bytes }
    }

    pub(crate) fn files(&self) -> u64 {
        self.counts.files.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Relaxed)
    }

    pub(crate) fn excluded(&self) -> u64 {
        self.counts.excluded.load(Relaxed)
    }
}

/// The progress bar, which appears only on a terminal and only if the search takes long.
pub(crate) struct Bar {
    progress: Progress,
    start: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(crate) fn new(progress: Progress) -> Self {
        Self { progress, start: Instant::now(), bar: None }
    }

    pub(crate) fn tick(&mut self) {
        let elapsed = self.start.elapsed();
        if elapsed < DELAY {
            return;
        }
        let bar = self.bar.get_or_insert_with(new_bar);
        let per_second = self.progress.bytes() as f64 / elapsed.as_secs_f64();
        let (files, bytes) = (HumanCount(self.progress.files()), HumanBytes(self.progress.bytes()));
        bar.set_message(format!("{files} files, {bytes}, {}/s", HumanBytes(per_second as u64)));
        bar.tick();
    }

    /// Removes the bar, so that a line can be written in its place.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}
