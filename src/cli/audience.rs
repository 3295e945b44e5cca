//! Whoever reads stdout, watched during a wait in which nothing is printed: a write would show that he is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::failure::Error;

/// Whether he is still there.
pub struct Audience(Arc<AtomicBool>);

impl Audience {
    /// For the thread that is going to wait: it is unparked when he goes. A file is always there.
    pub fn watch() -> Result<Self, Error> {
        let gone = Arc::new(AtomicBool::new(false));
        let (told, waiting) = (Arc::clone(&gone), thread::current());
        let watch = move || {
            if wait_for_an_end() {
                told.store(true, Ordering::Release);
                waiting.unpark();
            }
        };
        thread::Builder::new()
            .spawn(watch)
            .map_err(Error::Signals)?;
        Ok(Self(gone))
    }

    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// `false` where it cannot be known: then the next write tells.
fn wait_for_an_end() -> bool {
    // Nothing is asked for: what goes wrong is told all the same.
    let mut stdout = [PollFd::from_borrowed_fd(
        rustix::stdio::stdout(),
        PollFlags::empty(),
    )];
    loop {
        match poll(&mut stdout, None) {
            Err(Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => {
                let ends = PollFlags::ERR | PollFlags::HUP;
                return stdout[0].revents().intersects(ends);
            }
        }
    }
}
