//! The calls that need `unsafe`: the one audited file. Each takes and returns plain integers.
#![expect(unsafe_code, reason = "fcntl leases have no safe wrapper")]

use std::os::fd::{AsRawFd, OwnedFd};

/// A read lease is refused while anybody has the file open for writing (own uid or `CAP_LEASE`).
pub(super) fn has_writer(fd: &OwnedFd) -> bool {
    !is_leased(fd, libc::F_RDLCK)
        && std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// A write lease is refused while anybody else has the file open or mapped, and where nobody can tell.
pub(super) fn is_alone(fd: &OwnedFd) -> bool {
    is_leased(fd, libc::F_WRLCK)
}

fn is_leased(fd: &OwnedFd, lease: libc::c_int) -> bool {
    // SAFETY: fcntl on a descriptor that we own, with integer arguments; no memory is passed.
    let granted = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, lease) } == 0;
    if granted {
        // SAFETY: as above. It ends the lease; a lease that is already broken ends all the same.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    }
    granted
}
