//! Waiting until something in a directory changes. An event says "look", never "what": after any of them, an
//! overflow, or a second, the caller looks for himself.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher};

pub(crate) struct DirWatch {
    changed: Receiver<()>,
    // Dropping it ends the watch. `None` where the system has no watch left: then only the clock wakes us.
    _watcher: Option<RecommendedWatcher>,
}

impl DirWatch {
    /// The watch stands when this returns: what is read afterwards misses nothing.
    pub(crate) fn new(dir: &Path) -> Self {
        let (tell, changed) = sync_channel(1);
        let watcher = RecommendedWatcher::new(
            move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| is_news(&event)) {
                    // Full: the reader has not looked since the last one, and will see this too.
                    let _ = tell.try_send(());
                }
            },
            Config::default(),
        )
        .and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        Self {
            changed,
            _watcher: watcher.ok(),
        }
    }

    /// Returns on news, `true`, or when `timeout` is over.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        match self.changed.recv_timeout(timeout) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(timeout);
                false
            }
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
