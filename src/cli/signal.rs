//! Ctrl-C and SIGTERM during a wait. Installed by waiting verbs only: every other verb may be killed anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown, register_usize};
use signal_hook::iterator::Signals;

use super::failure::{Error, Exit};

/// Whether the person has had enough.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// For the thread that is going to wait: a signal unparks it, so that it need not look now and then.
    pub fn install() -> Result<Self, Error> {
        let code = Arc::new(AtomicUsize::new(0));
        let once = Arc::new(AtomicBool::new(false));
        for (signal, exit) in [(SIGINT, Exit::INTERRUPTED), (SIGTERM, Exit::TERMINATED)] {
            // In this order: the second signal finds the flag of the first, and ends the program at once.
            register_conditional_shutdown(signal, exit.code().into(), Arc::clone(&once))
                .and_then(|_| register(signal, Arc::clone(&once)))
                .and_then(|_| register_usize(signal, Arc::clone(&code), exit.code().into()))
                .map_err(Error::Signals)?;
        }
        // After the flags, so that whoever is woken finds them set.
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Error::Signals)?;
        let waiting = thread::current();
        thread::Builder::new()
            .spawn(move || signals.forever().for_each(|_| waiting.unpark()))
            .map_err(Error::Signals)?;
        Ok(Self(code))
    }

    pub fn came(&self) -> bool {
        self.exit().is_some()
    }

    /// 130 or 143, once it came.
    pub fn exit(&self) -> Option<Exit> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            code if code == usize::from(Exit::TERMINATED.code()) => Some(Exit::TERMINATED),
            _ => Some(Exit::INTERRUPTED),
        }
    }
}
