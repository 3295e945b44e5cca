//! The calls that need `unsafe`: the one audited file. Each takes and returns plain integers.
#![expect(unsafe_code, reason = "fcntl read leases have no safe wrapper")]

use std::os::fd::{AsRawFd, OwnedFd};

/// A read lease is refused while anybody has the file open for writing (own uid or `CAP_LEASE`).
pub(super) fn has_writer(fd: &OwnedFd) -> bool {
    // SAFETY: fcntl on a descriptor that we own, with integer arguments; no memory is passed.
    let granted = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) };
    if granted == 0 {
        // SAFETY: as above. It ends the lease; a lease that is already broken ends all the same.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
        return false;
    }
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}
