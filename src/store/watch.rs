//! Waiting until something in a directory changes. An event says "look", never "what": after any of them, an
//! overflow, or a second, the caller looks for himself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use notify::event::{EventKind, ModifyKind};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher};

pub(crate) struct DirWatch {
    news: Arc<News>,
    // Dropping it ends the watch. `None` where the system has no watch left: then only the clock wakes us.
    _watcher: Option<RecommendedWatcher>,
}

struct News {
    came: AtomicBool,
    /// Who sleeps until it comes. Asleep as parked: anybody else may wake him too.
    sleeper: Mutex<Thread>,
}

impl News {
    fn sleeper(&self) -> std::sync::MutexGuard<'_, Thread> {
        self.sleeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slept {
    pub(crate) news: bool,
    pub(crate) took: Duration,
}

impl DirWatch {
    /// The watch stands when this returns: what is read afterwards misses nothing.
    pub(crate) fn new(dir: &Path) -> Self {
        let news = Arc::new(News {
            came: AtomicBool::new(false),
            sleeper: Mutex::new(thread::current()),
        });
        let tell = Arc::clone(&news);
        let watcher = RecommendedWatcher::new(
            move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| is_news(&event)) {
                    tell.came.store(true, Ordering::Release);
                    tell.sleeper().unpark();
                }
            },
            Config::default(),
        )
        .and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        Self {
            news,
            _watcher: watcher.ok(),
        }
    }

    /// Returns on news, when `timeout` is over, or when somebody else has unparked this thread.
    pub(crate) fn wait(&self, timeout: Duration) -> Slept {
        *self.news.sleeper() = thread::current();
        let began = Instant::now();
        let mut news = self.news.came.swap(false, Ordering::Acquire);
        if !news {
            thread::park_timeout(timeout);
            news = self.news.came.swap(false, Ordering::Acquire);
        }
        Slept {
            news,
            took: began.elapsed(),
        }
    }
}

/// Our own reading is no news.
fn is_news(event: &notify::Event) -> bool {
    event.need_rescan()
        || match event.kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Other => true,
        }
}
