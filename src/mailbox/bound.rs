//! How much may wait in a mailbox together with what a send adds. Pure: whoever sends says how much, the mailbox counts.

use std::fmt;

use crate::names::Class;

/// What a send must stay within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<'r> {
    /// The name under which a refusal tells of it.
    pub rule: &'r str,
    /// Messages of anybody.
    pub pending: Option<u64>,
    /// Messages of the sender.
    pub of_sender: Option<u64>,
    /// A send of nothing but urgent mail passes.
    pub spares_urgent: bool,
}

/// What a send adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct New {
    pub(super) all: u64,
    urgent: u64,
}

/// That it would be too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Pending { waiting: u64, most: u64 },
    OfSender { waiting: u64, most: u64 },
}

impl New {
    /// A message of which nobody says yet whether it is urgent.
    pub(super) const PERHAPS_URGENT: Self = Self { all: 1, urgent: 1 };

    pub(super) fn add(&mut self, class: Class) {
        self.all += 1;
        self.urgent += match class {
            Class::Urgent => 1,
            Class::System | Class::Normal | Class::Bulk => 0,
        };
    }
}

impl Bound<'_> {
    /// Why `new` does not fit beside what waits. The sender's own are counted, up to a number, only where there could be
    /// too many of them.
    pub(super) fn excess<E>(
        &self,
        new: New,
        waiting: u64,
        of_sender: impl FnOnce(u64) -> Result<u64, E>,
    ) -> Result<Option<Excess>, E> {
        if new.all == 0 || self.spares_urgent && new.urgent == new.all {
            return Ok(None);
        }
        let is_too_many = |waiting: u64, most: u64| waiting.saturating_add(new.all) > most;
        if let Some(most) = self.pending.filter(|most| is_too_many(waiting, *most)) {
            return Ok(Some(Excess::Pending { waiting, most }));
        }
        // Not more than all.
        let Some(most) = self.of_sender.filter(|most| is_too_many(waiting, *most)) else {
            return Ok(None);
        };
        let waiting = of_sender(most)?;
        Ok(is_too_many(waiting, most).then_some(Excess::OfSender { waiting, most }))
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, most, whose) = match self {
            Self::Pending { waiting, most } => (waiting, most, ""),
            Self::OfSender { waiting, most } => (waiting, most, " of the same sender"),
        };
        match waiting {
            1 => write!(f, "1 message{whose} waits there, and at most {most} may"),
            n => write!(f, "{n} messages{whose} wait there, and at most {most} may"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn new(urgent: u64, others: u64) -> New {
        let mut new = New::default();
        (0..urgent).for_each(|_| new.add(Class::Urgent));
        (0..others).for_each(|_| new.add(Class::Normal));
        new
    }

    fn bound(pending: Option<u64>, of_sender: Option<u64>) -> Bound<'static> {
        Bound {
            rule: "some",
            pending,
            of_sender,
            spares_urgent: true,
        }
    }

    fn excess(bound: &Bound<'_>, new: New, waiting: u64, own: u64) -> Option<Excess> {
        let Ok(excess) = bound.excess(new, waiting, |most| Ok::<_, Infallible>(own.min(most)));
        excess
    }

    #[test]
    fn a_batch_fits_whole_or_not_at_all() {
        let ten = bound(Some(10), None);
        assert_eq!(excess(&ten, new(0, 3), 7, 0), None);
        let too_many = Excess::Pending {
            waiting: 8,
            most: 10,
        };
        assert_eq!(excess(&ten, new(0, 3), 8, 0), Some(too_many));
        assert_eq!(excess(&ten, new(2, 1), 8, 0), Some(too_many));
        assert_eq!(excess(&ten, new(3, 0), 8, 0), None, "all of it is urgent");
        let strict = Bound {
            spares_urgent: false,
            ..ten
        };
        assert_eq!(excess(&strict, new(3, 0), 8, 0), Some(too_many));
        assert_eq!(excess(&ten, new(0, 0), 99, 0), None, "all of it is known");
    }

    #[test]
    fn the_sender_s_own_are_counted_only_where_there_could_be_too_many() {
        let two = bound(None, Some(2));
        let uncounted = two.excess(new(0, 1), 1, |_| Err("counted"));
        assert_eq!(uncounted, Ok(None));
        assert_eq!(two.excess(new(0, 1), 2, |_| Err("counted")), Err("counted"));
        assert_eq!(excess(&two, new(0, 1), 50, 1), None);
        let too_many = Excess::OfSender {
            waiting: 2,
            most: 2,
        };
        assert_eq!(excess(&two, new(0, 1), 50, 2), Some(too_many));
    }

    proptest! {
        /// Whatever is sent in whatever order, a mailbox never holds more than the bound but for what is spared.
        #[test]
        fn what_is_let_in_stays_within(
            most in 0u64..12,
            most_own in 0u64..12,
            sends in prop::collection::vec((any::<bool>(), 0u64..3, 0u64..5), 0..40),
        ) {
            let bound = bound(Some(most), Some(most_own));
            let (mut own, mut others, mut spared) = (0, 0, 0);
            for (is_own, urgent, plain) in sends {
                let new = new(urgent, plain);
                let mine = if is_own { own } else { others };
                let refused = excess(&bound, new, own + others, mine).is_some();
                let fits = own + others + new.all <= most && mine + new.all <= most_own;
                prop_assert_eq!(refused, !fits && plain > 0);
                if refused {
                    continue;
                }
                if plain == 0 {
                    spared += urgent;
                }
                *(if is_own { &mut own } else { &mut others }) += new.all;
                prop_assert!(own + others <= most + spared);
                prop_assert!(own.max(others) <= most_own + spared);
            }
        }
    }
}
