//! The number of a group, and what is shown of one.

use std::fmt;

use crate::time::Timestamp;

/// Never given twice. What a line was given stays; what has become of it [`super::Miner::resolve`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub(super) u32);

impl Group {
    /// As it is shown: `t17`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('t')?;
        let number = digits.parse().ok()?;
        (Self(number).to_string() == text).then_some(Self(number))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("t{}", self.0))
    }
}

/// Lines that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The oldest of the groups that it was put together from.
    pub group: Group,
    /// `Received block <*> of size <*> from <*>`
    pub text: String,
    /// Lines.
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_as_it_is_written() {
        assert_eq!(Group::parse("t17"), Some(Group(17)));
        assert_eq!(Group(17).to_string(), "t17");
        for wrong in [
            "",
            "t",
            "17",
            "t017",
            "t+1",
            "t-1",
            "t4294967296",
            "T1",
            "t1 ",
        ] {
            assert_eq!(Group::parse(wrong), None, "{wrong}");
        }
    }
}
