//! A bar for whoever waits: on a terminal alone, and only if it takes a while.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use dreamos::cli::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const AFTER: Duration = Duration::from_millis(500);

pub(crate) struct Progress {
    started: Instant,
    shown: bool,
    bar: Mutex<Option<ProgressBar>>,
    what: &'static str,
}

impl Progress {
    pub(crate) fn new(context: &Context, what: &'static str) -> Self {
        Self {
            started: Instant::now(),
            shown: context.on_terminal(),
            bar: Mutex::new(None),
            what,
        }
    }

    pub(crate) fn tick(&self, done: usize, of: usize) {
        if !self.shown || self.started.elapsed() < AFTER {
            return;
        }
        // Whoever finds it taken is told by the next.
        let Ok(mut bar) = self.bar.try_lock() else {
            return;
        };
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(of as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(self.what);
            bar
        });
        bar.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(Some(bar)) = self.bar.get_mut().map(Option::take) {
            bar.finish_and_clear();
        }
    }
}
