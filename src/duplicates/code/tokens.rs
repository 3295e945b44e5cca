//! A file as the search sees it: tokens without their text, comments and layout.

use serde::{Deserialize, Serialize};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    Name,
    /// A name that is reached through another: `.field`, `::item`.
    Member,
    Number,
    Text,
    Lifetime,
    /// Words and signs of the language itself: a copy keeps them.
    Fixed,
}

/// The signs that are one byte are their byte; longer ones are their bytes, little end first; all else is above.
pub(super) const WORDS: u32 = 1 << 31;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tokens {
    /// What it says: for signs their bytes, else a hash above [`WORDS`].
    pub(super) words: Vec<u32>,
    pub(super) sorts: Vec<u8>,
    /// Where it begins, from 1.
    pub(super) lines: Vec<u32>,
    /// Tokens that end on a later line than they begin: their place and that line.
    pub(super) ends: Vec<(u32, u32)>,
    /// Comments that begin on a line of their own: the token before which they stand, and their last line.
    pub(super) comments: Vec<(u32, u32)>,
    /// The first token of each line that has one, and its column.
    pub(super) heads: Vec<(u32, u32)>,
    /// The line on which something begins that nothing ends, and what: read once, for the fault of the file.
    #[serde(skip)]
    pub(super) open: Option<(u32, &'static str)>,
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn push(&mut self, word: u32, sort: Sort, line: u32) {
        self.words.push(word);
        self.sorts.push(sort as u8);
        self.lines.push(line);
    }

    pub(super) fn pop(&mut self) {
        self.words.pop();
        self.sorts.pop();
        self.lines.pop();
        let left = self.words.len();
        self.ends.pop_if(|end| end.0 as usize >= left);
        self.heads.pop_if(|head| head.0 as usize >= left);
    }

    /// The line on which it ends.
    pub(super) fn last_line(&self, token: usize) -> u32 {
        let found = self.ends.binary_search_by_key(&token, |end| end.0 as usize);
        found.map_or(self.lines[token], |at| self.ends[at].1)
    }

    /// The last line of the comments between a token and the next, if they stand below it.
    pub(super) fn comments_after(&self, token: usize) -> Option<u32> {
        let after = self
            .comments
            .partition_point(|it| it.0 as usize <= token + 1);
        let last = self.comments.get(after.checked_sub(1)?)?;
        (last.0 as usize == token + 1).then_some(last.1)
    }

    /// The words, names and literals blinded.
    pub(super) fn blinded(&self) -> Vec<u32> {
        let both = self.words.iter().zip(&self.sorts);
        both.map(|(word, sort)| blind(*word, *sort)).collect()
    }

    pub(super) fn is(&self, token: usize, sign: u8) -> bool {
        self.words.get(token) == Some(&u32::from(sign))
    }
}

/// What is left of a token when names and literals are blinded.
pub(super) const fn blind(word: u32, sort: u8) -> u32 {
    if sort == Sort::Fixed as u8 {
        word
    } else {
        // No sign is one byte below a blank.
        1 + sort as u32
    }
}
