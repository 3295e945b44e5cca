//! Work that is done on a thread of its own once there is much of it; a little is not worth one.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// So many jobs may wait.
const MOST_WAITING: usize = 64;

/// Does one job after the other. What comes of them it tells on a channel of its own.
pub(super) trait Work: Send + 'static {
    type Job: Send + 'static;

    fn take(&mut self, job: Self::Job);
}

pub(super) struct Beside<W: Work> {
    /// As long as it is done here.
    here: Option<W>,
    jobs: Option<SyncSender<W::Job>>,
    thread: Option<JoinHandle<()>>,
}

impl<W: Work> Beside<W> {
    pub(super) const fn new(work: W) -> Self {
        Self {
            here: Some(work),
            jobs: None,
            thread: None,
        }
    }

    /// From now on it has its thread.
    pub(super) fn go(&mut self) {
        let Some(mut work) = self.here.take() else {
            return;
        };
        let (jobs, waiting) = sync_channel(MOST_WAITING);
        let all = move || waiting.into_iter().for_each(|job| work.take(job));
        self.thread = Some(std::thread::spawn(all));
        self.jobs = Some(jobs);
    }

    pub(super) fn tell(&mut self, job: W::Job) {
        if let Some(work) = &mut self.here {
            work.take(job);
        } else if let Some(jobs) = &self.jobs {
            jobs.send(job)
                .expect("the thread ends after this end of the channel");
        }
    }
}

impl<W: Work> Drop for Beside<W> {
    /// All that was told is done, and the thread has ended.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing more to say.
            let _ = thread.join();
        }
    }
}
