//! The files of the trail, in the order in which they were written.

use std::time::Duration;

use super::error::Error;
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Lock, Open};
use crate::time::Timestamp;

/// The one that is written to.
pub(super) const OPEN: &str = "audit.jsonl";
pub(super) const LOCK: &str = ".lock";
/// Somebody who writes has it for one flush.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One that is never written to again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Closed {
    /// The number of its last record: so they sort, whatever the clock says.
    pub(super) n: u64,
    pub(super) name: String,
}

impl Closed {
    pub(super) fn new(n: u64, now: Timestamp) -> Self {
        let time = now.to_utc().format("%Y%m%dT%H%M%SZ");
        Self {
            n,
            name: format!("audit.{time}-{n}.jsonl"),
        }
    }

    /// `None` of what is no closed file of ours.
    fn parse(name: &str) -> Option<Self> {
        let (time, digits) = name
            .strip_prefix("audit.")?
            .strip_suffix(".jsonl")?
            .split_once('-')?;
        let n: u64 = digits.parse().ok()?;
        let is_time = time.len() == 16
            && time.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        (is_time && n.to_string() == digits).then(|| Self {
            n,
            name: name.to_owned(),
        })
    }

    /// Whether it was closed in a second before that of `at`.
    pub(super) fn is_before(&self, at: Timestamp) -> bool {
        // Times are written in the order of time.
        self.name.split('-').next() < Self::new(0, at).name.split('-').next()
    }

    /// Oldest first.
    pub(super) fn all(dir: &Dir) -> Result<Vec<Self>, store::Error> {
        let names = dir.file_names()?;
        let mut all: Vec<Self> = names.iter().filter_map(|name| Self::parse(name)).collect();
        all.sort();
        Ok(all)
    }
}

/// All of them as they stood at one moment: what is written later is not in it.
pub(super) struct Volumes {
    pub(super) dir: Dir,
    pub(super) closed: Vec<Closed>,
    /// With its size. It may have been closed meanwhile.
    pub(super) open: Option<(File, u64)>,
}

impl Volumes {
    /// `None` where nothing was ever recorded. Nothing is made.
    pub(super) fn look(home: &Home) -> Result<Option<Self>, Error> {
        let dir = match Dir::open(home.dir())?.sub(home.inside(&home.audit())) {
            Err(error) if error.is_absent() => return Ok(None),
            dir => dir?,
        };
        // Whoever closes the open one or takes back what he wrote is waited for.
        let _lock = Lock::acquire_if_any(&dir, LOCK, Deadline::after(PATIENCE))?;
        let closed = Closed::all(&dir)?;
        let open = match dir.file_if_any(OPEN, Open::Read)? {
            Some(file) => {
                let size = file.size()?;
                Some((file, size))
            }
            None => None,
        };
        Ok(Some(Self { dir, closed, open }))
    }

    pub(super) fn len(&self) -> usize {
        self.closed.len() + usize::from(self.open.is_some())
    }

    /// The `nth`, oldest first, and how far it is to be read.
    pub(super) fn with<T>(
        &self,
        nth: usize,
        read: impl FnOnce(&File, u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(closed) = self.closed.get(nth) {
            let file = self.dir.file(&closed.name, Open::Read)?;
            return read(&file, file.size()?);
        }
        let (file, size) = self.open.as_ref().expect("the last is the open one");
        read(file, *size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_file_is_known_by_its_name_and_they_sort_by_their_records() {
        let now = Timestamp::from_unix_ms(1_600_000_000_000);
        let closed = Closed::new(17, now);
        assert_eq!(closed.name, "audit.20200913T122640Z-17.jsonl");
        assert_eq!(Closed::parse(&closed.name), Some(closed.clone()));
        assert!(Closed::new(9, now) < closed);
        for name in [
            OPEN,
            "audit.20200913T122640Z-017.jsonl",
            "audit.20200913T122640Z-.jsonl",
            "audit.2020-17.jsonl",
            "audit.20200913T122640Z-17.jsonl.gz",
            ".audit.20200913T122640Z-17.jsonl",
        ] {
            assert_eq!(Closed::parse(name), None, "{name}");
        }
    }
}
