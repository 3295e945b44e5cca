//! How far long work is: to a person alone, and never of what is done at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

use dreamos::cli::Context;
use dreamos::memory::Progress;

/// Before the first word.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Pace<'c> {
    context: &'c Context,
    /// What is done, as it is told: `remembered`.
    doing: &'static str,
    next: Cell<Instant>,
}

impl<'c> Pace<'c> {
    pub(crate) fn of(context: &'c Context, doing: &'static str) -> Self {
        Self {
            context,
            doing,
            next: Cell::new(Instant::now() + PATIENCE),
        }
    }

    pub(crate) fn say(&self, it: Progress) {
        let now = Instant::now();
        if now < self.next.get() || !self.context.talk_on_terminal() {
            return;
        }
        self.next.set(now + PAUSE);
        let part = it.of.map(|(n, of)| format!("{}%", 100 * n / of.max(1)));
        let added = (it.added > 0).then(|| format!("{} remembered", it.added));
        let parts: Vec<String> = added.into_iter().chain(part).collect();
        self.context
            .note(&format!("{}: {}", self.doing, parts.join(", ")));
    }
}
