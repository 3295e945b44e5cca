//! What a verification found, in words. Pure.

use std::fmt;
use std::path::PathBuf;

use super::hash::Head;

/// One break is one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// As seen from the home.
    pub path: PathBuf,
    /// From 1, where a line shows it.
    pub line: Option<u64>,
    /// The record that it is about, as far as that is known.
    pub n: Option<u64>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A record whose hash is not that of its bytes.
    Edited,
    /// So many lines that no program of ours wrote.
    Foreign {
        lines: u64,
    },
    /// A record of a format that we do not know.
    Newer(u64),
    /// Records that are nowhere, before this one.
    Missing {
        from: u64,
        to: u64,
    },
    /// Records that stand further down, out of their order.
    Moved {
        from: u64,
        to: u64,
    },
    /// A record that does not belong here, or does so once more.
    Inserted,
    /// The record before it was replaced by another.
    Unlinked,
    /// The chain ends before a record that was there once.
    Truncated {
        last: u64,
        known: u64,
    },
    /// Another record has the number of one that was published.
    Rewritten,
    /// What a killed or powerless writer left. Nobody did anything.
    Torn,
    /// Of a list of journals and histories: it is not the one that was recorded.
    ListChanged,
    ListGone,
    /// Of a journal or a history: what it was when the anchor was set it is no more.
    Changed {
        anchor: u64,
        len: u64,
    },
    Shortened {
        anchor: u64,
        len: u64,
        now: u64,
    },
    Gone {
        anchor: u64,
    },
    /// Of a journal that was done with and is kept no longer, or of an agent that was purged since.
    NotChecked {
        anchor: u64,
        why: String,
    },
    Unreadable(String),
}

impl What {
    /// A stable word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Foreign { .. } => "foreign",
            Self::Newer(_) => "newer",
            Self::Missing { .. } => "missing",
            Self::Moved { .. } => "moved",
            Self::Inserted => "inserted",
            Self::Unlinked => "unlinked",
            Self::Truncated { .. } => "truncated",
            Self::Rewritten => "rewritten",
            Self::Torn => "torn",
            Self::ListChanged => "list-changed",
            Self::ListGone => "list-gone",
            Self::Changed { .. } => "changed",
            Self::Shortened { .. } => "shortened",
            Self::Gone { .. } => "gone",
            Self::NotChecked { .. } => "not-checked",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Whether somebody has had his hands in it, or it cannot be ruled out.
    pub const fn is_breach(&self) -> bool {
        !matches!(self, Self::Torn | Self::NotChecked { .. })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited => f.write_str("the record was edited: its hash is another"),
            Self::Foreign { lines: 1 } => {
                f.write_str("no record of ours: written by hand, or edited")
            }
            Self::Foreign { lines } => {
                write!(
                    f,
                    "{lines} lines that are no records of ours: written by hand, or edited"
                )
            }
            Self::Newer(format) => {
                write!(f, "a record of format {format}, which is not known here")
            }
            Self::Missing { from, to } => write!(f, "{} missing before it", numbers(*from, *to)),
            Self::Moved { from, to } => {
                write!(
                    f,
                    "{} standing further down, out of order",
                    numbers(*from, *to)
                )
            }
            Self::Inserted => f.write_str("the record does not belong here: inserted, or doubled"),
            Self::Unlinked => {
                f.write_str("the record before it is not the one that it was written after")
            }
            Self::Truncated { last, known } => {
                write!(
                    f,
                    "cut off: it ends with record {last}, and record {known} was there once"
                )
            }
            Self::Rewritten => {
                f.write_str("the record is not the one that was published: rewritten")
            }
            Self::Torn => f.write_str("torn by a crash: nothing was lost that was ever confirmed"),
            Self::ListChanged => f.write_str("the list is not the one that was recorded"),
            Self::ListGone => f.write_str("the list that was recorded is gone"),
            Self::Changed { anchor, len } => {
                write!(
                    f,
                    "its first {len} bytes are not those of anchor {anchor}: edited, or reordered"
                )
            }
            Self::Shortened { anchor, len, now } => {
                write!(
                    f,
                    "cut off: it has {now} bytes and had {len} at anchor {anchor}"
                )
            }
            Self::Gone { anchor } => write!(f, "gone since anchor {anchor}"),
            Self::NotChecked { anchor, why } => {
                write!(f, "{why}: not checked against anchor {anchor}")
            }
            Self::Unreadable(why) => write!(f, "not readable, hence not checked: {why}"),
        }
    }
}

fn numbers(from: u64, to: u64) -> String {
    if from == to {
        format!("record {from} is")
    } else {
        format!("records {from} to {to} are")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(n) = self.n {
            write!(f, ": record {n}")?;
        }
        write!(f, ": {}", self.what)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files of the trail.
    pub files: usize,
    /// Records with the hash of their bytes.
    pub records: u64,
    /// The last of them; `None` where there is none.
    pub head: Option<Head>,
    /// The records whose lists were checked, and how many journals and histories were found to be as they were.
    pub anchors: Vec<u64>,
    pub intact: usize,
    /// In the order of the files and lines. What are no breaches are notes.
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        !self.findings.iter().any(|it| it.what.is_breach())
    }
}

/// How far a verification has got, in bytes of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}
