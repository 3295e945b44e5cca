//! A file that was read, and places in it.

use serde::{Deserialize, Deserializer, Serialize};

use super::blocks::{Block, Form, Plan, plan};
use super::compare::Piece;
use super::language::Language;
use super::lex::lex;
use super::tokens::Tokens;

/// Of the table. An alias, or else serde would borrow it from what it reads.
type LanguageName = &'static str;

/// One file as the search knows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Source {
    pub file: String,
    /// The name of its language.
    #[serde(deserialize_with = "known")]
    pub language: LanguageName,
    pub(super) tokens: Tokens,
    pub(super) plan: Plan,
    /// Names of blocks that have one, by their number.
    pub(super) names: Vec<(u32, Box<str>)>,
    pub lines: usize,
    /// A program wrote it.
    pub generated: bool,
    /// First and last lines of what is not told.
    pub(super) ignored: Vec<(u32, u32)>,
    /// The line from which on it cannot be what its name says, and why.
    pub fault: Option<(u32, String)>,
}

impl Source {
    /// What is to be told of a file that was read.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let fault = self.fault.as_ref();
        let fault = fault.map(|(line, what)| format!("line {line}: {what}; the rest is compared"));
        let generated = self.generated.then(|| {
            "generated: what such files have in common is not told (--generated)".to_owned()
        });
        fault.into_iter().chain(generated)
    }
}

impl Source {
    pub(super) fn read(file: String, text: &str, language: &'static Language) -> Self {
        let tokens = lex(text.as_bytes(), language);
        let plan = plan(&tokens, language);
        let names = names(&tokens, &plan, text);
        let fault = super::brackets::fault(&tokens, language);
        Self {
            file,
            language: language.name,
            tokens,
            plan,
            names,
            lines: 0,
            generated: false,
            ignored: Vec::new(),
            fault,
        }
    }
}

fn known<'de, D: Deserializer<'de>>(name: D) -> Result<LanguageName, D::Error> {
    let name = String::deserialize(name)?;
    let known = super::language::names().find(|it| *it == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("no language is called {name:?}")))
}

/// Further from the beginning of its line no name is looked for.
const FAR: usize = 1 << 10;

/// What stands where a block's name is.
fn names(tokens: &Tokens, plan: &Plan, text: &str) -> Vec<(u32, Box<str>)> {
    let mut lines: Vec<u32> = Vec::new();
    let mut names = Vec::new();
    for (at, block) in plan.blocks.iter().enumerate() {
        let Some(name) = block
            .name
            .filter(|_| matches!(block.form, Form::Function | Form::Class))
        else {
            continue;
        };
        if lines.is_empty() {
            lines.push(0);
            let ends = memchr::memchr_iter(b'\n', text.as_bytes());
            lines.extend(ends.map(|it| u32::try_from(it + 1).unwrap_or(u32::MAX)));
        }
        let start = lines.get(tokens.lines[name as usize] as usize - 1);
        let line = text
            .get(start.map_or(text.len(), |it| *it as usize)..)
            .unwrap_or_default();
        let line = &line[..line.floor_char_boundary(FAR)];
        let line = line.split('\n').next().unwrap_or_default();
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
        let found = words
            .filter(|it| !it.is_empty())
            .find(|it| super::lex::word(it.as_bytes()) == tokens.words[name as usize]);
        if let Some(found) = found {
            names.push((u32::try_from(at).unwrap_or(0), found.into()));
        }
    }
    names
}

/// Longer comments are about what follows.
const COMMENT: u32 = 8;

/// Tokens of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) file: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const fn len(self) -> u32 {
        self.end - self.start
    }

    /// Tokens that both hold.
    pub(super) fn common(self, other: Self) -> u32 {
        if self.file != other.file {
            return 0;
        }
        self.end
            .min(other.end)
            .saturating_sub(self.start.max(other.start))
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.common(other) == other.len()
    }
}

/// All files of a scan, as if they were one text.
pub(super) struct Sources<'s> {
    pub(super) all: &'s [&'s Source],
    /// The place of each file's first token.
    pub(super) bases: Vec<u32>,
    /// The words of each file, names and literals blinded.
    blind: Vec<Vec<u32>>,
}

impl<'s> Sources<'s> {
    pub(super) fn new(all: &'s [&'s Source]) -> Self {
        let mut next = 0;
        let bases = all
            .iter()
            .map(|it| {
                let base = next;
                // One place lies between two files, so that nothing goes on from one into the next.
                next += u32::try_from(it.tokens.len()).unwrap_or(0) + 1;
                base
            })
            .collect();
        let blind = all.iter().map(|it| it.tokens.blinded()).collect();
        Self { all, bases, blind }
    }

    /// The file of a place.
    pub(super) fn file_of(&self, place: u32) -> u32 {
        let after = self.bases.partition_point(|it| *it <= place);
        u32::try_from(after).unwrap_or(0) - 1
    }

    pub(super) fn of(&self, file: u32) -> &'s Source {
        self.all[file as usize]
    }

    pub(super) fn blind(&self, file: u32) -> &[u32] {
        &self.blind[file as usize]
    }

    pub(super) fn piece(&self, span: Span) -> Piece<'_> {
        let tokens = &self.of(span.file).tokens;
        let range = span.start as usize..span.end as usize;
        Piece {
            words: &tokens.words[range.clone()],
            sorts: &tokens.sorts[range.clone()],
            blind: &self.blind(span.file)[range],
        }
    }

    /// First and last line.
    pub(super) fn lines(&self, span: Span) -> (u32, u32) {
        let tokens = &self.of(span.file).tokens;
        (
            tokens.lines[span.start as usize],
            tokens.last_line(span.end as usize - 1),
        )
    }

    /// A function, a class or a file.
    pub(super) fn is_whole(&self, span: Span) -> bool {
        let plan = &self.of(span.file).plan;
        let block = plan.block_with(span.start, span.end);
        block.is_some_and(|it| plan.blocks[it].form != Form::Other)
    }

    /// With the comments that end a piece which is no whole block.
    pub(super) fn lines_told(&self, span: Span) -> (u32, u32) {
        let source = self.of(span.file);
        let (first, last) = self.lines(span);
        let plan = &source.plan;
        let is_block = self.is_whole(span);
        let is_in_function = plan.function_of(plan.block_of(span.end - 1)) != 0 && !is_block;
        let comments = source
            .tokens
            .comments_after(span.end as usize - 1)
            .filter(|it| is_in_function && *it <= last + COMMENT);
        (first, comments.map_or(last, |it| it.max(last)))
    }

    /// The name of the function or class that it is.
    pub(super) fn name(&self, span: Span) -> Option<&'s str> {
        let source = self.of(span.file);
        let first = source.plan.block_with(span.start, span.end)?;
        let after = source.names.partition_point(|it| (it.0 as usize) < first);
        let (at, name) = source.names.get(after)?;
        let block = source.plan.blocks[*at as usize];
        (block.start == span.start && block.end == span.end).then_some(&**name)
    }
}

impl Plan {
    /// The innermost block that holds a token.
    pub(super) fn block_of(&self, token: u32) -> usize {
        let after = self.blocks.partition_point(|it| it.start <= token);
        let mut at = after.saturating_sub(1);
        while at != 0 && self.blocks[at].end <= token {
            at = self.blocks[at].parent as usize;
        }
        at
    }

    /// The innermost function around a block, or itself; the file, if there is none.
    pub(super) fn function_of(&self, mut block: usize) -> usize {
        while block != 0 && self.blocks[block].form != Form::Function {
            block = self.blocks[block].parent as usize;
        }
        block
    }

    /// The class or file around a block.
    pub(super) fn class_of(&self, block: usize) -> usize {
        let mut at = self.blocks[block].parent as usize;
        while at != 0 && self.blocks[at].form != Form::Class {
            at = self.blocks[at].parent as usize;
        }
        at
    }
}

impl Block {
    pub(super) const fn span(&self, file: u32) -> Span {
        Span {
            file,
            start: self.start,
            end: self.end,
        }
    }
}
