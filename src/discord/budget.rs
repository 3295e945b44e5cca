//! `runtime/discord/identify.json`: how often a new session was asked for within a day. Discord resets the token of whoever
//! does so a thousand times; a bot that a supervisor starts again and again must stop long before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::kept;
use crate::root::Home;
use crate::time::Timestamp;

const NAME: &str = "identify.json";
const DAY: Duration = Duration::from_hours(24);
/// Of the 1,000 that Discord allows: another program may have the same token.
pub(super) const MOST: usize = 500;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Asked {
    at: Vec<Timestamp>,
}

/// One was granted: kept on the disk, so that no crash forgets it.
pub(super) fn spend(home: &Home, now: Timestamp) -> Result<usize, Error> {
    let used = kept::change(home, NAME, |it: &mut Asked| {
        it.at.retain(|at| *at <= now && now.since(*at) < DAY);
        if it.at.len() < MOST {
            it.at.push(now);
            Ok(it.at.len())
        } else {
            Err(it.at.len())
        }
    })?;
    used.map_err(|used| Error::Spent { used })
}

/// Whether one may be asked for at all.
pub(super) fn left(home: &Home, now: Timestamp) -> Result<(), Error> {
    let asked: Asked = kept::load(home, NAME)?;
    let lately = |at: &&Timestamp| **at <= now && now.since(**at) < DAY;
    match asked.at.iter().filter(lately).count() {
        used if used >= MOST => Err(Error::Spent { used }),
        _ => Ok(()),
    }
}

/// How long to wait before the next: a fault that comes again and again comes ever more slowly.
pub(super) fn pause(failures: u32) -> Duration {
    let seconds = 2u64.saturating_pow(failures.min(9)).min(300);
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_so_many_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let start = Timestamp::parse("2026-11-22T12:00:00.000Z").unwrap();
        let at: Vec<_> = (0..MOST).map(|_| start).collect();
        kept::change(&home, NAME, |it: &mut Asked| it.at = at).unwrap();
        assert!(matches!(
            spend(&home, start),
            Err(Error::Spent { used: MOST })
        ));
        assert_eq!(spend(&home, start.plus(DAY)).unwrap(), 1);
        assert_eq!(spend(&home, start.plus(DAY)).unwrap(), 2);
    }

    #[test]
    fn faults_come_ever_more_slowly() {
        let pauses: Vec<u64> = (0..12).map(|it| pause(it).as_secs()).collect();
        assert_eq!(pauses[..5], [1, 2, 4, 8, 16]);
        assert_eq!(pauses[11], 300);
    }
}
