//! What is told of fragments: how much they weigh, what stands out in them, and the texts that agents and people read.
//!
//! All of it is pure: fragments and the time come in, values and text go out. Nothing here is invented: what a
//! fragment *did* is believed of the name of its event or its status; of its mere words only a weight or a finding is made,
//! never a sentence that says more than they do.

mod bursts;
mod compact;
mod deed;
mod digest;
mod failures;
mod insights;
mod notice;
mod open;
mod remember;
mod signal;
mod story;
mod text;
pub mod weight;

pub use compact::{Fold, KEPT_FOR, LIGHT, Plan, Summary};
pub use digest::{Form, digest};
pub use insights::{Finding, FindingKind, Gather};
pub use notice::{Insight, notice};
pub use remember::{remember, remembered};
pub use story::{Because, Chapter, Step, chapters, markdown};

use super::Fragment;

/// As it is taken in: what stands out in it, and what it weighs. `template_share` is the part of all lines that its
/// template has, 0 for what has none.
pub(super) fn weigh(fragment: &mut Fragment, template_share: f64) {
    let (kind, content) = (&fragment.kind, &fragment.content);
    let heard = signal::hear(content);
    let deed = deed::of_heard(kind, content, &heard);
    fragment.insights = notice::noticed(kind, content, &heard);
    fragment.narrative_weight = weight::of(kind, deed, template_share);
}

/// What tellers see: fragments in the order of their time, with the number of their thread.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub fragment: &'a Fragment,
    pub thread: u32,
}

/// The same fragments in the same order give the same text: no hasher is seeded by chance.
type Fixed = foldhash::fast::FixedState;

/// For a share or a score; beyond four billions it does not matter.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Three places are enough to rank by, and a person reads them.
fn rounded(score: f64) -> f64 {
    (score * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod sample {
    use serde_json::{Map, Value, json};

    use crate::memory::{Connection, Fragment, Reason};
    use crate::time::Timestamp;

    pub(super) const MINUTE: i64 = 60_000;
    pub(super) const HOUR: i64 = 60 * MINUTE;
    pub(super) const DAY: i64 = 24 * HOUR;

    /// 2026-11-02T00:00:00Z and so many milliseconds.
    pub(super) fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_793_577_600_000 + ms)
    }

    pub(super) fn fragment(id: &str, ms: i64, agent: &str, kind: &str, content: &str) -> Fragment {
        Fragment {
            memory_id: id.into(),
            timestamp: at(ms),
            ingested_at: at(ms),
            agent_id: agent.into(),
            kind: kind.into(),
            content: content.into(),
            context: Map::new(),
            insights: super::notice(kind, content),
            connections: Vec::new(),
            narrative_weight: super::weight::base(kind, content, 0.0),
            template: None,
            rest: Map::new(),
        }
    }

    pub(super) fn with(mut fragment: Fragment, context: Value) -> Fragment {
        let Value::Object(context) = context else {
            unreachable!("a context is an object")
        };
        fragment.context.extend(context);
        fragment
    }

    pub(super) fn linked(mut fragment: Fragment, to: &str, reason: Reason) -> Fragment {
        let score = 0.9;
        let id = to.into();
        fragment.connections.push(Connection { id, reason, score });
        fragment
    }

    /// An event of a task, as our own log tells it.
    pub(super) fn event(id: &str, ms: i64, agent: &str, name: &str, task: &str) -> Fragment {
        let content = format!("{task} {}", name.rsplit('.').next().unwrap_or_default());
        let plain = fragment(id, ms, agent, "event", &content);
        with(plain, json!({"event": name, "task_id": task}))
    }
}
