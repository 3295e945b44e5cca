//! Waiting until something may have come that is not remembered yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::root::Home;
use crate::store::DirWatch;

/// Between two events nobody sleeps longer: events get lost, and network file systems send none.
const NET: Duration = Duration::from_secs(15);
/// A look at all watches.
const LOOK: Duration = Duration::from_secs(1);

pub struct Waker {
    watches: Vec<DirWatch>,
}

impl Waker {
    /// Every change of a home leaves an event in its logs; files are watched where they lie.
    pub fn new(home: &Home, files: &[PathBuf]) -> Self {
        let parents = files.iter().filter_map(|file| file.parent());
        let mut dirs: BTreeSet<&Path> = parents.collect();
        let (logs, devlogs) = (home.logs(), home.devlogs());
        dirs.extend([logs.as_path(), devlogs.as_path()]);
        Self {
            watches: dirs.into_iter().map(DirWatch::new).collect(),
        }
    }

    /// Sleeps until it is time to look, or until this thread is unparked.
    pub fn rest(&mut self) {
        let mut slept = Duration::ZERO;
        while slept < NET {
            let Some((first, others)) = self.watches.split_first() else {
                return;
            };
            // Each of them wakes this thread, and so does whoever wants it to end.
            let looked = first.wait(LOOK);
            let news = |it: &DirWatch| it.wait(Duration::ZERO).news;
            if looked.news || looked.took < LOOK || others.iter().any(news) {
                return;
            }
            slept += looked.took;
        }
    }
}
