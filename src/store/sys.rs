//! The calls that need `unsafe`: the one audited file. Each takes and returns plain integers.
#![expect(unsafe_code, reason = "fcntl leases have no safe wrapper")]

use std::os::fd::{AsRawFd, OwnedFd};

/// As in Linux' `asm-generic/fcntl.h`; the crate has it for few targets.
const F_SETSIG: libc::c_int = 10;

/// A read lease is refused while anybody has the file open for writing (own uid or `CAP_LEASE`).
pub(super) fn has_writer(fd: &OwnedFd) -> bool {
    Lease::take(fd, libc::F_RDLCK).is_err_and(|error| error.raw_os_error() == Some(libc::EAGAIN))
}

/// A write lease is refused while anybody else has the file open or mapped, and where nobody can tell.
pub(super) fn write_lease(fd: &OwnedFd) -> Option<Lease<'_>> {
    Lease::take(fd, libc::F_WRLCK).ok()
}

/// As long as it lasts, whoever opens the file in the way that it was granted against waits.
pub(super) struct Lease<'f>(&'f OwnedFd);

impl<'f> Lease<'f> {
    fn take(fd: &'f OwnedFd, kind: libc::c_int) -> Result<Self, std::io::Error> {
        // The holder is told that somebody waits: by SIGIO, which would end the process, unless another signal is named.
        // This one is ignored where nobody asked for it.
        set(fd, F_SETSIG, libc::SIGURG)?;
        set(fd, libc::F_SETLEASE, kind).map(|()| Self(fd))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // A lease that the kernel took back meanwhile ends all the same.
        let _ended = set(self.0, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

fn set(fd: &OwnedFd, what: libc::c_int, to: libc::c_int) -> Result<(), std::io::Error> {
    // SAFETY: fcntl on a descriptor that we own, with integer arguments; no memory is passed.
    match unsafe { libc::fcntl(fd.as_raw_fd(), what, to) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_lease_is_refused_where_somebody_has_the_file_open() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let ours: OwnedFd = File::open(&path).unwrap().into();
        assert!(!has_writer(&ours));
        assert!(write_lease(&ours).is_some());
        let reader = File::open(&path).unwrap();
        assert!(!has_writer(&ours));
        assert!(write_lease(&ours).is_none());
        drop(reader);
        assert!(write_lease(&ours).is_some());
        let writer = File::options().append(true).open(&path).unwrap();
        assert!(has_writer(&ours));
        assert!(write_lease(&ours).is_none());
        drop(writer);
        assert!(!has_writer(&ours));
    }

    /// The signal that tells of it ends nobody.
    #[test]
    fn who_opens_a_leased_file_waits_until_the_lease_is_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "before").unwrap();
        let ours = File::options().read(true).write(true).open(&path).unwrap();
        let ours: OwnedFd = ours.into();
        for _ in 0..200 {
            let lease = write_lease(&ours).unwrap();
            let is_over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let opened = scope.spawn(|| {
                    File::open(&path).unwrap();
                    is_over.load(Ordering::SeqCst)
                });
                while !is_waited_for(&ours) {
                    std::thread::yield_now();
                }
                is_over.store(true, Ordering::SeqCst);
                drop(lease);
                assert!(opened.join().unwrap());
            });
        }
    }

    /// Somebody waits for the lease: what it is to become is less than it was.
    fn is_waited_for(fd: &OwnedFd) -> bool {
        // SAFETY: fcntl on a descriptor that we own, with integer arguments; no memory is passed.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETLEASE) != libc::F_WRLCK }
    }
}
