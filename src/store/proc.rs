//! What `/proc` tells of processes (`proc(5)`).

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) parent: i32,
    pub(crate) session: i32,
    pub(crate) start_ticks: u64,
    pub(crate) is_zombie: bool,
    /// Of processor time, its own.
    pub(crate) own_ticks: u64,
    /// That of children it has waited for, and of those that these had waited for.
    pub(crate) waited_ticks: u64,
    /// In memory.
    pub(crate) pages: u64,
}

pub(crate) fn stat(pid: i32) -> Option<Stat> {
    // Some fifty numbers and a short name: it is there with one read.
    let mut bytes = [0; 2048];
    let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let read = file.read(&mut bytes).ok()?;
    // The name stands in brackets and may hold anything, also what is no text.
    let name_ends = bytes[..read].iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&bytes[name_ends + 1..read]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let user: u64 = fields.nth(7)?.parse().ok()?;
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let own_ticks = user + ticks()?;
    let waited_ticks = ticks()? + ticks()?;
    let start_ticks = fields.nth(4)?.parse().ok()?;
    let pages = fields.nth(1)?.parse().unwrap_or(0);
    Some(Stat {
        parent,
        session,
        start_ticks,
        is_zombie,
        own_ticks,
        waited_ticks,
        pages,
    })
}

/// Every process that we may see.
pub(crate) fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The signal to the process that began then, never to a later one of the same number.
pub(crate) fn signal(pid: i32, start_ticks: u64, signal: Signal) -> bool {
    let Some(number) = Pid::from_raw(pid) else {
        return false;
    };
    // By descriptor, and looked at again behind it.
    pidfd_open(number, PidfdFlags::empty()).is_ok_and(|process| {
        stat(pid).is_some_and(|now| now.start_ticks == start_ticks)
            && pidfd_send_signal(process.as_fd(), signal).is_ok()
    })
}

/// Whether the environment that a process was started with has this variable with this value.
pub(crate) fn has_variable(pid: i32, name: &str, value: &str) -> bool {
    let Ok(all) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let wanted = format!("{name}={value}");
    all.split(|byte| *byte == 0)
        .any(|variable| variable == wanted.as_bytes())
}

/// Whether a process prints, or tells of its faults, into this pipe.
pub(crate) fn prints_into(pid: i32, pipe: u64) -> bool {
    let name = format!("pipe:[{pipe}]");
    [1, 2].into_iter().any(|fd| {
        let file = fs::read_link(format!("/proc/{pid}/fd/{fd}"));
        file.is_ok_and(|file| file.as_os_str() == name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_process_is_seen_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        // No text, and what looks like the end of a name.
        let name = OsStr::from_bytes(b"\xff) S 1 (");
        let program = place.path().join(name);
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(program)
            .arg("60")
            .env("DREAMOS_TEST", "a=b")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let seen = stat(pid).unwrap();
        assert_eq!(seen.parent, i32::try_from(std::process::id()).unwrap());
        assert!(pids().contains(&pid));
        // Its parent goes on before the kernel has laid out what it was given.
        while !has_variable(pid, "DREAMOS_TEST", "a=b") {
            assert_eq!(child.try_wait().unwrap(), None);
        }
        assert!(stat(pid).is_some_and(|it| it.pages > 0));
        assert!(!has_variable(pid, "DREAMOS_TEST", "a"));
        assert!(
            !signal(pid, seen.start_ticks + 1, Signal::KILL),
            "another one"
        );
        assert!(signal(pid, seen.start_ticks, Signal::KILL));
        child.wait().unwrap();
        assert_eq!(stat(pid), None);
    }
}
