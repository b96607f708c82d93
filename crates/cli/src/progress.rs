//! How far a long search is, on a terminal.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that ends sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(700);
const PERIOD: Duration = Duration::from_millis(100);

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

#[derive(Default)]
pub(crate) struct Progress {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    pub(crate) fn add_file(&self) {
        self.files.fetch_add(1, Relaxed);
    }

    /// A reader whose bytes are counted as they come: one file may be all the work.
    pub(crate) fn counting<R: Read>(&self, reader: R) -> Counting<'_, R> {
        Counting { reader, bytes: &self.bytes }
    }

    pub(crate) fn files(&self) -> u64 {
        self.files.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Does `work`, and shows a bar beside it once it takes long. Off a terminal the bar is not drawn.
    pub(crate) fn show_during<T>(&self, work: impl FnOnce() -> T) -> T {
        let (done, is_done) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if is_done.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(
                    ProgressStyle::with_template("{spinner} {msg}")
                        .unwrap_or_else(|_| ProgressStyle::default_spinner()),
                );
                while is_done.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    bar.set_message(self.describe(bar.elapsed() + PATIENCE));
                    bar.tick();
                }
                bar.finish_and_clear();
            });
            let result = work();
            drop(done);
            result
        })
    }

    fn describe(&self, elapsed: Duration) -> String {
        let per_second = self.bytes() as f64 / elapsed.as_secs_f64();
        let (files, bytes) = (HumanCount(self.files()), HumanBytes(self.bytes()));
        format!("{files} files, {bytes}, {}/s", HumanBytes(per_second as u64))
    }
}
