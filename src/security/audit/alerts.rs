//! Somebody who is refused again and again. Pure, but for `refuse`, which decides under the lock that it writes under.

use std::time::Duration;

use super::append::Trail;
use super::entry::{Entry, Verdict};
use super::error::Error;
use super::hash::Head;
use super::record::Record;
use crate::names::SYSTEM;
use crate::root::Home;
use crate::time::Timestamp;

/// So many refusals of one caller within the window are told, once in it.
const MANY: usize = 5;
const WINDOW: Duration = Duration::from_mins(10);
/// That it was told is itself a record, whose target is the caller.
pub const ALERT: &str = "audit.alert";
/// In a flood of refusals of others no more are looked through.
const MOST_LOOKED_AT: usize = 1024;

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub who: String,
    pub refusals: usize,
    /// When the first of them was.
    pub since: Timestamp,
}

impl Alert {
    /// The record that it was told, after that of the refusal.
    fn entry(&self, refused: &Entry) -> Entry {
        Entry {
            verb: ALERT.into(),
            who: SYSTEM.into(),
            target: self.who.clone(),
            verdict: Verdict::Allowed,
            rule: String::new(),
            policy: None,
            uid: refused.uid,
            login: refused.login.clone(),
            incarnation: None,
            why: format!("{} refusals since {}", self.refusals, self.since),
            detail: Vec::new(),
        }
    }
}

/// Whether a refusal is one too many, by the records before it. A record from the future is of a clock that was set
/// back: it counts, and it was told.
pub fn repeated(tail: &[Record], entry: &Entry, now: Timestamp) -> Option<Alert> {
    let recent = || tail.iter().filter(|it| now.since(it.at) < WINDOW);
    let is_told = recent().any(|it| it.entry.verb == ALERT && it.entry.target == entry.who);
    let refusals =
        || recent().filter(|it| it.entry.verdict == Verdict::Refused && it.entry.who == entry.who);
    let count = refusals().count() + 1;
    (entry.verdict == Verdict::Refused && !is_told && count >= MANY).then(|| Alert {
        who: entry.who.clone(),
        refusals: count,
        since: refusals().map(|it| it.at).fold(now, Timestamp::min),
    })
}

/// Chains a refusal and, where it is one too many, that this was told: of many at once one tells it.
pub fn refuse(home: &Home, entry: &Entry, now: Timestamp) -> Result<(Head, Option<Alert>), Error> {
    let mut trail = Trail::open(home, now)?;
    let newest = trail.tail(now.minus(WINDOW), MOST_LOOKED_AT)?;
    let alert = repeated(&newest, entry, now);
    let mut entries = vec![entry.clone()];
    entries.extend(alert.as_ref().map(|it| it.entry(entry)));
    Ok((trail.append(&entries, now)?, alert))
}

#[cfg(test)]
mod tests {
    use super::super::volumes::Volumes;
    use super::*;
    use crate::names::{AgentId, Caller};

    const START: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

    fn refusal(who: &str) -> Entry {
        let caller = Caller {
            agent: AgentId::parse(who).unwrap(),
            incarnation: None,
            uid: 1000,
            login: None,
            guest: None,
        };
        Entry::new("agent.stop", &caller, "agent-1", Verdict::Refused)
    }

    fn minutes(minutes: u64) -> Timestamp {
        START.plus(Duration::from_mins(minutes))
    }

    /// At which minutes of those of the refusals somebody is told.
    fn told(refusals: &[(&str, u64)]) -> Vec<(String, u64, usize)> {
        let place = tempfile::tempdir().unwrap();
        let home = Home::at(place.path());
        let mut told = Vec::new();
        for &(who, minute) in refusals {
            let (_, alert) = refuse(&home, &refusal(who), minutes(minute)).unwrap();
            told.extend(alert.map(|it| (it.who, minute, it.refusals)));
        }
        told
    }

    #[test]
    fn the_fifth_refusal_within_ten_minutes_is_told_once_in_them() {
        let five = [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("a", 9)];
        assert_eq!(told(&five), [("a".into(), 9, 5)]);
        assert_eq!(told(&five[..4]), []);
        assert_eq!(told(&[five[0], five[1], five[2], five[3], ("b", 4)]), []);
        let slow = [("a", 0), ("a", 3), ("a", 6), ("a", 9), ("a", 12), ("a", 15)];
        assert_eq!(told(&slow), []);
        let many: Vec<_> = (0..25).map(|minute| ("a", minute)).collect();
        assert_eq!(
            told(&many),
            [
                ("a".into(), 4, 5),
                ("a".into(), 14, 10),
                ("a".into(), 24, 10)
            ]
        );
    }

    /// Of records of which a file that is closed in tests has few.
    fn fill(home: &Home, minute: u64) {
        let mut other = refusal("other");
        other.verdict = Verdict::Allowed;
        other.detail = vec![("filled".into(), "x".repeat(500)); 16];
        super::super::append(home, &[other.clone(), other], minutes(minute)).unwrap();
    }

    #[test]
    fn a_file_that_is_closed_in_the_middle_of_a_series_hides_none_of_it() {
        // Between any two of them, and between the alert and what comes after it.
        for closed in 0..8 {
            let place = tempfile::tempdir().unwrap();
            let home = Home::at(place.path());
            let mut told = Vec::new();
            for minute in 0..8 {
                let (_, alert) = refuse(&home, &refusal("a"), minutes(minute)).unwrap();
                told.extend(alert.map(|it| (minute, it.refusals, it.since)));
                if minute == closed {
                    fill(&home, minute);
                }
            }
            assert_eq!(told, [(4, 5, START)], "closed after {closed}");
            let files = Volumes::look(&home).unwrap().unwrap().len();
            assert_eq!(files, if closed == 7 { 1 } else { 2 });
        }
    }

    #[test]
    fn what_was_allowed_is_no_refusal() {
        let mut allowed = refusal("a");
        allowed.verdict = Verdict::Allowed;
        let place = tempfile::tempdir().unwrap();
        let home = Home::at(place.path());
        for _ in 0..10 {
            assert_eq!(refuse(&home, &allowed, START).unwrap().1, None);
        }
        for n in 0..5 {
            let (_, alert) = refuse(&home, &refusal("a"), START).unwrap();
            assert_eq!(alert.is_some(), n == 4);
        }
    }
}
