//! Whether a build may pass: how much of what is too much.

use super::{Found, Sameness};

/// What may not be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Of these kinds none: `exact`, `renamed`, `similar`, `conflict`, or `any` of them.
    pub kinds: Vec<String>,
    /// So many percent of the lines at most.
    pub share: Option<f64>,
}

/// What a kind may be called.
pub const KINDS: [&str; 5] = ["exact", "renamed", "similar", "conflict", "any"];

impl Limits {
    /// What was found that may not be, each in a sentence; none: it may pass.
    pub fn broken(&self, found: &Found) -> Vec<String> {
        let mut broken = Vec::new();
        let clones = found.clones.iter().filter(|it| self.names(name(it.kind)));
        let conflicts = found.conflicts.iter().filter(|_| self.names("conflict"));
        let failing = clones.count() + conflicts.count();
        if failing > 0 {
            let kinds = self.kinds.join(", ");
            broken.push(format!("{failing} that may not be ({kinds})"));
        }
        let share = share(found);
        if let Some(most) = self.share.filter(|most| share > *most) {
            broken.push(format!(
                "{share:.1} % of the lines stand in copies, more than {most} %"
            ));
        }
        broken
    }

    fn names(&self, kind: &str) -> bool {
        self.kinds.iter().any(|it| it == kind || it == "any")
    }
}

const fn name(kind: Sameness) -> &'static str {
    match kind {
        Sameness::Exact => "exact",
        Sameness::Renamed => "renamed",
        Sameness::Similar => "similar",
    }
}

/// Percent of all lines that stand in copies.
#[expect(clippy::cast_precision_loss, reason = "lines of a tree are few")]
fn share(found: &Found) -> f64 {
    100.0 * found.totals.duplicated_lines as f64 / found.totals.lines.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplicates::{Class, Conflict, Totals};

    fn found(kind: Sameness) -> Found {
        let class = Class {
            kind,
            similarity: 1.0,
            lines: 5,
            tokens: 40,
            fingerprint: "f".to_owned(),
            fragments: Vec::new(),
        };
        Found {
            totals: Totals {
                files: 2,
                lines: 100,
                duplicated_lines: 10,
            },
            clones: vec![class],
            ..Found::default()
        }
    }

    fn limits(kinds: &[&str], share: Option<f64>) -> Limits {
        let kinds = kinds.iter().map(|it| (*it).to_owned()).collect();
        Limits { kinds, share }
    }

    #[test]
    fn what_is_named_may_not_be() {
        let passes = |kinds: &[&str], kind| limits(kinds, None).broken(&found(kind)).is_empty();
        assert!(passes(&[], Sameness::Exact));
        assert!(passes(&["exact", "conflict"], Sameness::Similar));
        assert!(!passes(&["exact", "renamed"], Sameness::Renamed));
        assert!(!passes(&["any"], Sameness::Similar));
        let mut contradicted = found(Sameness::Similar);
        contradicted.conflicts.push(Conflict {
            key: "port".to_owned(),
            values: Vec::new(),
        });
        let broken = limits(&["conflict"], None).broken(&contradicted);
        assert_eq!(broken, ["1 that may not be (conflict)"]);
    }

    #[test]
    fn a_share_is_too_much_above_its_limit() {
        let broken = |most| {
            limits(&[], Some(most))
                .broken(&found(Sameness::Exact))
                .len()
        };
        assert_eq!((broken(10.0), broken(9.9), broken(0.0)), (0, 1, 1));
        let nothing = limits(&["any"], Some(0.0)).broken(&Found::default());
        assert_eq!(nothing, [""; 0]);
    }
}
