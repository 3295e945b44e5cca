//! How often: the generic cell rate algorithm (ITU-T I.371), of which one time is kept for each rule and principal.

use std::time::Duration;

use super::decide::{Policy, Question};
use super::document::Limit;
use crate::names::Roster;
use crate::security::Principal;
use crate::time::Timestamp;

/// Until when the acts so far would have taken, had they come evenly.
pub(crate) type Until = Timestamp;

/// What came of one act more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Granted(Until),
    Wait(Duration),
}

impl Limit {
    /// A clock that was set back leaves at most one whole `per` to wait for.
    pub(crate) fn turn(&self, until: Option<Until>, now: Timestamp) -> Turn {
        if self.at_most == 0 {
            return Turn::Wait(self.per);
        }
        let latest = now.plus(self.per);
        let begin = until.map_or(now, |until| until.clamp(now, latest));
        let end = begin.plus(self.per / self.at_most);
        if end > latest {
            Turn::Wait(end.since(latest))
        } else {
            Turn::Granted(end)
        }
    }
}

impl Policy {
    /// The limits that count this act.
    pub(crate) fn counting(&self, question: &Question, roster: &Roster) -> Vec<&Limit> {
        let limits = self.limits().iter();
        limits
            .filter(|limit| self.counts(limit, question, roster))
            .collect()
    }

    fn counts(&self, limit: &Limit, question: &Question, roster: &Roster) -> bool {
        limit.actions.iter().any(|it| it.fits(question.verb))
            && self.names(&limit.principals, question, roster)
    }
}

/// Under which name a count is kept.
pub(crate) fn count(limit: &Limit, principal: &Principal) -> String {
    format!("{} {principal}", limit.rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn limit(at_most: u32, per: u64) -> Limit {
        Limit {
            rule: "some".into(),
            principals: Vec::new(),
            actions: Vec::new(),
            at_most,
            per: Duration::from_secs(per),
        }
    }

    /// How many of one act a second are granted within so many.
    fn granted(limit: &Limit, seconds: u64) -> usize {
        let mut until = None;
        let times = (0..seconds).map(|s| START.plus(Duration::from_secs(s)));
        times
            .filter(|now| match limit.turn(until, *now) {
                Turn::Granted(next) => {
                    until = Some(next);
                    true
                }
                Turn::Wait(_) => false,
            })
            .count()
    }

    #[test]
    fn so_many_at_once_and_then_one_each_part_of_the_span() {
        let limit = limit(3, 60);
        let mut until = None;
        for _ in 0..3 {
            let Turn::Granted(next) = limit.turn(until, START) else {
                panic!("within the limit");
            };
            until = Some(next);
        }
        assert_eq!(
            limit.turn(until, START),
            Turn::Wait(Duration::from_secs(20))
        );
        let later = START.plus(Duration::from_secs(20));
        assert!(matches!(limit.turn(until, later), Turn::Granted(_)));
        assert_eq!(granted(&limit, 60), 3 + 2);
        assert_eq!(granted(&limit, 600), 3 + 29);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_longer_than_the_span() {
        let limit = limit(2, 10);
        let ahead = START.plus(Duration::from_hours(24));
        assert_eq!(
            limit.turn(Some(ahead), START),
            Turn::Wait(Duration::from_secs(5))
        );
    }

    #[test]
    fn none_is_never() {
        assert_eq!(granted(&limit(0, 1), 100), 0);
    }
}
