//! Work on many things at once, told in their order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Told how many are done, and of how many.
pub type Tick<'t> = &'t (dyn Fn(usize, usize) + Sync);

/// Each of `0..n` done once by some thread; `state` is that thread's own.
pub(super) fn each<S, T: Send>(
    n: usize,
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(usize, &mut S) -> T + Sync,
    tick: Tick,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let run = || {
        let mut own = state();
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= n {
                return done;
            }
            done.push((at, work(at, &mut own)));
            tick(finished.fetch_add(1, Ordering::Relaxed) + 1, n);
        }
    };
    let mut all: Vec<(usize, T)> = if threads <= 1 {
        run()
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .flat_map(|it| it.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    };
    all.sort_unstable_by_key(|it| it.0);
    all.into_iter().map(|it| it.1).collect()
}
