//! How much a fragment matters: its type, how rare its like is, how many refer to it, how old it is.

use std::time::Duration;

use super::deed::{self, Deed};
use super::{number, rounded};

/// After so long the same weighs half.
const HALF_LIFE: Duration = Duration::from_hours(24 * 30);
/// What a reference adds, by the logarithm of their number.
const OF_REFERENCES: f64 = 0.5;
/// A line that is like all others keeps so much.
const OF_THE_COMMONEST: f64 = 0.2;
/// One line in so many is as rare as can be.
const RAREST: f64 = 1_000_000.0;

/// What somebody wrote by hand weighs more than what a program said.
fn of_type(kind: &str) -> f64 {
    match kind {
        "devlog" => 1.5,
        "task" | "summary" => 1.2,
        "message" => 1.0,
        "event" => 0.6,
        "log" => 0.3,
        _ => 0.8,
    }
}

const fn of_deed(deed: Deed) -> f64 {
    match deed {
        Deed::Decided => 1.8,
        Deed::Failed => 1.7,
        Deed::Handed | Deed::Blocked => 1.6,
        Deed::Finished => 1.5,
        Deed::Reopened | Deed::Asked => 1.3,
        Deed::Dropped | Deed::Created => 1.2,
        Deed::Taken | Deed::Progress => 1.1,
        Deed::Said => 1.0,
        Deed::Beat => 0.2,
    }
}

/// At ingest: of its type and what it tells, and how rare its like is. `template_share` is the part of all lines that its
/// template has, 0 for what has none.
pub fn base(kind: &str, content: &str, template_share: f64) -> f64 {
    of(kind, deed::said(kind, content), template_share)
}

pub(super) fn of(kind: &str, deed: Deed, template_share: f64) -> f64 {
    rounded(of_type(kind) * of_deed(deed) * rarity(template_share))
}

/// Even steps with every tenth part, as inverse document frequency has them.
fn rarity(share: f64) -> f64 {
    // What is no number is as good as none.
    let share = if share > 0.0 {
        share.clamp(1.0 / RAREST, 1.0)
    } else {
        1.0 / RAREST
    };
    OF_THE_COMMONEST + (1.0 - OF_THE_COMMONEST) * -share.ln() / RAREST.ln()
}

/// What it weighs now.
pub fn now(base: f64, references: u32, age: Duration) -> f64 {
    let references = 1.0 + OF_REFERENCES * f64::from(references).ln_1p();
    base * references * decay(age, HALF_LIFE)
}

pub(super) fn decay(age: Duration, half_life: Duration) -> f64 {
    (-age.as_secs_f64() / half_life.as_secs_f64()).exp2()
}

/// Of many of the same: the second counts much, the hundredth little. 1 for one hundred and more.
pub(super) fn of_many(count: usize) -> f64 {
    (number(count).ln() / 100.0_f64.ln()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_handovers_failures_and_what_was_finished_weigh_more_than_a_heartbeat() {
        let beat = base("event", "heartbeat of a", 0.0);
        for text in [
            "decided: b",
            "handed over to b",
            "it failed",
            "finished",
            "anything",
        ] {
            assert!(base("event", text, 0.0) > 2.0 * beat, "{text}");
        }
        assert!(base("event", "it failed", 0.0) > base("event", "it ran", 0.0));
        let mut last = f64::INFINITY;
        for kind in ["devlog", "task", "message", "whatever", "event", "log"] {
            let weight = base(kind, "created as asked", 0.0);
            assert!(weight < last, "{kind}");
            last = weight;
        }
    }

    #[test]
    fn the_rarer_the_heavier() {
        let of = |share| base("log", "connected", share);
        assert!(of(0.0) > of(0.001) && of(0.001) > of(0.1) && of(0.1) > of(1.0) && of(1.0) > 0.0);
        for odd in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(of(odd).total_cmp(&of(0.0)), std::cmp::Ordering::Equal);
        }
        assert_eq!(
            of(f64::INFINITY).total_cmp(&of(1.0)),
            std::cmp::Ordering::Equal
        );
    }

    #[test]
    fn age_halves_and_references_raise() {
        let day = Duration::from_hours(24);
        assert!((now(2.0, 0, day * 30) - 1.0).abs() < 1e-9);
        assert!((now(2.0, 0, Duration::ZERO) - 2.0).abs() < 1e-9);
        assert!(now(1.0, 10, day) > now(1.0, 1, day) && now(1.0, 1, day) > now(1.0, 0, day));
        assert!(now(1.0, u32::MAX, Duration::MAX) >= 0.0);
    }
}
