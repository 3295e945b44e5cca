//! Waiting until something was written to a log, or a log came or went. Nothing is held while one waits.

use std::time::Duration;

use crate::root::Home;
use crate::store::DirWatch;

/// Between two events nobody sleeps longer: events get lost, and network file systems send none.
const NET: Duration = Duration::from_secs(1);

pub struct Waker {
    home: Home,
    watch: DirWatch,
    is_there: bool,
}

impl Waker {
    /// What is read after this returned misses nothing.
    pub fn new(home: &Home) -> Self {
        Self {
            home: home.clone(),
            is_there: home.logs().is_dir(),
            watch: DirWatch::new(&home.logs()),
        }
    }

    /// Sleeps until it is time to look, or until this thread is unparked. Whether something was surely written.
    pub fn rest(&mut self) -> bool {
        let slept = self.watch.wait(NET);
        // Nobody watches what was not there yet.
        if !slept.news && !self.is_there {
            *self = Self::new(&self.home);
        }
        slept.news
    }
}
