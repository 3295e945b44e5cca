//! Waiting until a task may have changed: the documents, and who holds what. Nothing is held while one waits.

use std::time::Duration;

use super::disk::{Shelf, Stamp};
use super::error::Error;
use crate::root::Home;
use crate::store::{DirWatch, Slept};

/// Between two events nobody sleeps longer: events get lost, and network file systems send none.
const NET: Duration = Duration::from_secs(1);

pub struct Waker {
    shelf: Shelf,
    documents: DirWatch,
    states: DirWatch,
    seen: Stamp,
    /// Since it was last asked whether something has changed of which nobody told.
    slept: Duration,
}

impl Waker {
    /// What is read after this returned misses nothing.
    pub fn new(home: &Home) -> Result<Self, Error> {
        let shelf = Shelf::make(home)?;
        Ok(Self {
            documents: DirWatch::new(&home.comms()),
            states: DirWatch::new(&home.task_states()),
            seen: shelf.stamp()?,
            slept: Duration::ZERO,
            shelf,
        })
    }

    /// Sleeps for `most` at the longest, or until this thread is unparked. `true`: it is time to look. Also how long
    /// it was.
    pub fn rest(&mut self, most: Duration) -> Result<(bool, Duration), Error> {
        let nap = most.min(NET.saturating_sub(self.slept));
        let Slept { news, took } = self.documents.wait(nap);
        // The other one has woken us as well.
        let mut news = self.states.wait(Duration::ZERO).news || news;
        self.slept += took;
        if news || self.slept >= NET {
            self.slept = Duration::ZERO;
            let now = self.shelf.stamp()?;
            news = now != self.seen;
            self.seen = now;
        }
        Ok((news, took))
    }
}
