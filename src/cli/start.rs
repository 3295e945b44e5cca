//! What Rust's own start-up would do for us, less what a program that ends after a millisecond does not need: it
//! reads `/proc/self/maps` to place a guard below the stack, a tenth of a send.

#![expect(unsafe_code, reason = "signal dispositions have no safe wrapper")]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

/// So much freed memory is kept: what a short run gives back it asks for again, or ends.
const KEPT: i32 = 8 << 20;

/// The first thing in `main`.
pub(super) fn start() {
    // SAFETY: a number for the allocator to go by. Where it does not, nothing is lost.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT) };
    open_the_standard_three();
    // A reader that went away is an error of `write`; so is a file that grows beyond `ulimit -f`.
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: SIG_IGN is a valid disposition, and no handler of ours is replaced.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// A program that was started without stdout must not write its talk into the first file that it opens.
fn open_the_standard_three() {
    let three = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    let mut fds = three.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::empty()));
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if poll(&mut fds, Some(&at_once)).is_err() {
        return;
    }
    for fd in fds {
        // The lowest free number is taken: those below are open by now.
        if fd.revents().contains(PollFlags::NVAL)
            && let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())
        {
            std::mem::forget(null);
        }
    }
}
