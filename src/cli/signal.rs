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
pub struct Interrupt {
    code: Arc<AtomicUsize>,
    /// A signal ends the program at once.
    is_last: Arc<AtomicBool>,
}

impl Interrupt {
    /// For the thread that is going to wait: a signal unparks it, so that it need not look now and then.
    pub fn install() -> Result<Self, Error> {
        Self::with(AtomicBool::new(false))
    }

    /// Until it is taken `in_order`, the first signal ends the program at once: of one that works before it waits.
    pub fn at_once() -> Result<Self, Error> {
        Self::with(AtomicBool::new(true))
    }

    fn with(is_last: AtomicBool) -> Result<Self, Error> {
        let code = Arc::new(AtomicUsize::new(0));
        let is_last = Arc::new(is_last);
        for (signal, exit) in [(SIGINT, Exit::INTERRUPTED), (SIGTERM, Exit::TERMINATED)] {
            // In this order: the second signal finds the flag of the first, and ends the program at once.
            register_conditional_shutdown(signal, exit.code().into(), Arc::clone(&is_last))
                .and_then(|_| register(signal, Arc::clone(&is_last)))
                .and_then(|_| register_usize(signal, Arc::clone(&code), exit.code().into()))
                .map_err(Error::Signals)?;
        }
        // After the flags, so that whoever is woken finds them set.
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Error::Signals)?;
        let waiting = thread::current();
        thread::Builder::new()
            .spawn(move || signals.forever().for_each(|_| waiting.unpark()))
            .map_err(Error::Signals)?;
        Ok(Self { code, is_last })
    }

    /// From now on a signal is left to whoever asks for it.
    pub fn in_order(&self) {
        self.is_last.store(false, Ordering::SeqCst);
    }

    pub fn came(&self) -> bool {
        self.exit().is_some()
    }

    /// 130 or 143, once it came.
    pub fn exit(&self) -> Option<Exit> {
        match self.code.load(Ordering::Relaxed) {
            0 => None,
            code if code == usize::from(Exit::TERMINATED.code()) => Some(Exit::TERMINATED),
            _ => Some(Exit::INTERRUPTED),
        }
    }
}
