//! Where a name is defined: classes, and functions that stand in no class.

use super::align::{Aligner, ratio};
use super::blocks::Form;
use super::lex::word;
use super::source::{Source, Span};
use crate::duplicates::Fragment;

/// Heads that add to what is defined elsewhere.
const ADDS: &[&str] = &["impl", "extension", "namespace", "mod", "module"];
/// Names that each file may have of its own.
const COMMON: &[&str] = &[
    "main",
    "init",
    "setup",
    "teardown",
    "constructor",
    "tests",
    "test",
];
/// Of so many definitions each is compared with each.
const COMPARED: usize = 12;

#[derive(Debug, Clone, Copy)]
pub(in crate::duplicates) struct Definition<'s> {
    pub(in crate::duplicates) name: &'s str,
    pub(in crate::duplicates) what: &'static str,
    source: &'s Source,
    span: Span,
}

impl Source {
    pub(in crate::duplicates) fn definitions(&self) -> impl Iterator<Item = Definition<'_>> {
        let adds: Vec<u32> = ADDS.iter().map(|it| word(it.as_bytes())).collect();
        self.names.iter().filter_map(move |(at, name)| {
            let block = self.plan.blocks[*at as usize];
            let head = block.start as usize..block.name? as usize;
            let stands_alone = self.plan.blocks[block.parent as usize].form == Form::File;
            let what = match block.form {
                Form::Class if !self.tokens.words[head].iter().any(|it| adds.contains(it)) => {
                    "class"
                }
                Form::Function if stands_alone && !COMMON.contains(&&**name) => "function",
                _ => return None,
            };
            Some(Definition {
                name,
                what,
                source: self,
                span: block.span(0),
            })
        })
    }
}

impl Definition<'_> {
    pub(in crate::duplicates) fn fragment(&self) -> Fragment {
        let tokens = &self.source.tokens;
        Fragment {
            file: self.source.file.clone(),
            start: tokens.lines[self.span.start as usize] as usize,
            end: tokens.last_line(self.span.end as usize - 1) as usize,
            name: Some(self.name.to_owned()),
        }
    }

    fn words(&self) -> &[u32] {
        &self.source.tokens.words[self.span.start as usize..self.span.end as usize]
    }
}

/// Of the two that are least like each other.
pub(in crate::duplicates) fn least_likeness(all: &[Definition]) -> f64 {
    let mut aligner = Aligner::default();
    let mut least = 1.0_f64;
    for (at, one) in all.iter().take(COMPARED).enumerate() {
        for other in all.iter().take(at) {
            let (a, b) = (one.words(), other.words());
            let longest = a.len().max(b.len());
            let like = if a == b {
                1.0
            } else if longest > super::compare::LONGEST {
                0.0
            } else {
                ratio(aligner.common(a, b, 0), a.len(), b.len())
            };
            least = least.min(like);
        }
    }
    (least * 1000.0).floor() / 1000.0
}
