//! Where statements begin, and which of them stand in which function or class.

use serde::{Deserialize, Serialize};

use super::language::{Blocks, Language};
use super::lex::{ends_by_line, sign, word};
use super::tokens::{Sort, Tokens};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    Function,
    Class,
    /// A loop, a branch, a closure, a value.
    Other,
    /// All of a file.
    File,
}

/// From the first token of its head to its last token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) form: Form,
    /// The block that it stands in; the file stands in itself.
    pub(super) parent: u32,
    /// The token that is its name.
    pub(super) name: Option<u32>,
}

/// Blocks in more blocks than this are no blocks of their own: whoever asks what is around a place goes from one to the next.
const DEEPEST: usize = 100;
/// What begins a block is looked for in so many tokens before it.
const LONGEST_HEAD: usize = 400;

/// How a file is built.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The first tokens of statements.
    pub(super) statements: Vec<u32>,
    /// Statements that only name other files: from and to which token.
    pub(super) imports: Vec<(u32, u32)>,
    /// By their starts, the outer before the inner; the first is the file.
    pub(super) blocks: Vec<Block>,
}

pub(super) fn plan(tokens: &Tokens, language: &Language) -> Plan {
    let mut plan = match language.blocks {
        Blocks::Braces => Braces::read(tokens, language),
        Blocks::Indentation => by_indentation(tokens, language),
    };
    plan.statements.sort_unstable();
    plan.statements.dedup();
    plan.imports = imports(tokens, &plan.statements);
    plan.nest(tokens.len());
    plan
}

/// What is read before the code itself.
const IMPORTS: &[&str] = &[
    "import", "use", "using", "from", "package", "include", "require", "extern",
];

fn imports(tokens: &Tokens, statements: &[u32]) -> Vec<(u32, u32)> {
    let words: Vec<u32> = IMPORTS.iter().map(|it| word(it.as_bytes())).collect();
    let mut imports: Vec<(u32, u32)> = Vec::new();
    for (at, &start) in statements.iter().enumerate() {
        let end = statements
            .get(at + 1)
            .map_or(tokens.len(), |it| *it as usize);
        // `pub use`, `#include`.
        let mut first = (start as usize..end).take(2);
        if first
            .any(|it| tokens.sorts[it] == Sort::Fixed as u8 && words.contains(&tokens.words[it]))
        {
            match imports.last_mut() {
                Some(last) if last.1 == start => last.1 = index(end),
                _ => imports.push((start, index(end))),
            }
        }
    }
    imports
}

fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Plan {
    /// Puts the file around all and tells each block which one it stands in.
    fn nest(&mut self, tokens: usize) {
        self.blocks.push(Block {
            start: 0,
            end: index(tokens),
            form: Form::File,
            parent: 0,
            name: None,
        });
        let order = |it: &Block| (it.start, std::cmp::Reverse(it.end), it.form != Form::File);
        self.blocks.sort_by_key(order);
        let mut open: Vec<usize> = Vec::new();
        let all = std::mem::take(&mut self.blocks);
        for mut block in all {
            while open
                .last()
                .is_some_and(|it| self.blocks[*it].end <= block.start && *it != 0)
            {
                open.pop();
            }
            if open.len() < DEEPEST {
                block.parent = index(open.last().copied().unwrap_or(0));
                open.push(self.blocks.len());
                self.blocks.push(block);
            }
        }
    }

    /// The imports that a token is of.
    pub(super) fn import_at(&self, token: u32) -> Option<(u32, u32)> {
        let after = self.imports.partition_point(|it| it.0 <= token);
        let import = self.imports[after.checked_sub(1)?];
        (token < import.1).then_some(import)
    }

    /// The first block from and to just these tokens.
    pub(super) fn block_with(&self, start: u32, end: u32) -> Option<usize> {
        let first = self.blocks.partition_point(|it| it.start < start);
        let mut same = self.blocks[first..]
            .iter()
            .take_while(|it| it.start == start);
        same.position(|it| it.end == end).map(|at| first + at)
    }

    /// The first statement that begins at or after a token.
    pub(super) fn statement_from(&self, token: u32) -> Option<u32> {
        let at = self.statements.partition_point(|it| *it < token);
        self.statements.get(at).copied()
    }

    /// The last statement that begins at or before a token.
    pub(super) fn statement_of(&self, token: u32) -> u32 {
        let at = self.statements.partition_point(|it| *it <= token);
        at.checked_sub(1).map_or(0, |at| self.statements[at])
    }
}

struct Open {
    head: usize,
    brackets: usize,
    is_in_brackets: bool,
    brace: usize,
}

struct Braces<'t> {
    tokens: &'t Tokens,
    language: &'t Language,
    plan: Plan,
    open: Vec<Open>,
    head: usize,
    brackets: usize,
}

const GOES_ON: &[&[u8]] = &[
    b",", b"(", b"[", b"=", b"+", b"-", b"*", b"/", b"%", b"|", b"&", b"||", b"&&", b"??", b"?",
    b":", b".", b"::", b"=>", b"->", b"==", b"!=", b"<", b"<=", b">=", b"===", b"!==", b"+=",
    b"-=", b":=", b"|=", b"<<", b"?.",
];
const TAKES_UP: &[&[u8]] = &[
    b".", b"?.", b"::", b"+", b"-", b"*", b"/", b"||", b"&&", b"??", b"?", b":", b")", b"]", b"{",
    b",", b"=", b"=>", b"|", b"==", b"->",
];
const AFTER_A_BLOCK: &[&[u8]] = &[b"else", b"elif", b"catch", b"finally", b"while", b"except"];

impl<'t> Braces<'t> {
    fn read(tokens: &'t Tokens, language: &'t Language) -> Plan {
        let mut reader = Self {
            tokens,
            language,
            plan: Plan::default(),
            open: Vec::new(),
            head: 0,
            brackets: 0,
        };
        reader.run();
        reader.plan
    }

    fn begin(&mut self, token: usize) {
        self.head = token;
        self.plan.statements.push(index(token));
    }

    fn run(&mut self) {
        self.begin(0);
        let by_line = ends_by_line(self.language);
        let mut heads = self.tokens.heads.iter().map(|it| it.0 as usize).peekable();
        for token in 0..self.tokens.len() {
            let is_line_head = heads.next_if(|it| *it <= token).is_some();
            if is_line_head
                && token > self.head
                && self.brackets == 0
                && self.line_begins_statement(token, by_line)
            {
                self.begin(token);
            }
            let word = self.tokens.words[token];
            let Ok(byte) = u8::try_from(word) else {
                continue;
            };
            match byte {
                b'(' | b'[' => self.brackets += 1,
                b')' | b']' => self.brackets = self.brackets.saturating_sub(1),
                b'{' => self.opens(token),
                b'}' => self.closes(token),
                b';' if self.brackets == 0 => self.begin(token + 1),
                // An arm, a field, an entry.
                b',' if self.brackets == 0 && heads.peek() == Some(&(token + 1)) => {
                    self.begin(token + 1);
                }
                _ => {}
            }
        }
    }

    fn line_begins_statement(&self, token: usize, by_line: bool) -> bool {
        let is = |at: usize, signs: &[&[u8]]| {
            self.tokens.sorts[at] == Sort::Fixed as u8
                && signs.iter().any(|it| sign(it) == self.tokens.words[at])
        };
        if self.language.habits.preprocessor {
            return self.tokens.is(token, b'#') || self.tokens.is(self.head, b'#');
        }
        // Attributes and annotations of their own lines.
        if is(self.head, &[b"@", b"#"]) && !is(token, TAKES_UP) {
            return true;
        }
        by_line && !is(token - 1, GOES_ON) && !is(token, TAKES_UP)
    }

    fn opens(&mut self, token: usize) {
        self.open.push(Open {
            head: self.head,
            brackets: self.brackets,
            is_in_brackets: self.brackets > 0,
            brace: token,
        });
        self.brackets = 0;
        self.begin(token + 1);
    }

    fn closes(&mut self, token: usize) {
        // The brace itself is no statement.
        self.plan.statements.pop_if(|it| *it as usize == token);
        let Some(open) = self.open.pop() else {
            self.brackets = 0;
            return self.begin(token + 1);
        };
        let start = if open.is_in_brackets {
            open.brace.max(open.head)
        } else {
            open.head
        };
        let (form, name) = if open.is_in_brackets {
            (Form::Other, None)
        } else {
            form_of(
                self.tokens,
                open.head,
                open.brace,
                self.language.habits.regexes,
            )
        };
        self.plan.blocks.push(Block {
            start: index(start),
            end: index(token + 1),
            form,
            parent: 0,
            name,
        });
        self.brackets = open.brackets;
        let next = self.tokens.words.get(token + 1).copied().unwrap_or(0);
        let goes_on = open.is_in_brackets
            || [&b","[..], b")", b";", b".", b"]", b"?.", b"("]
                .iter()
                .any(|it| sign(it) == next)
            || AFTER_A_BLOCK.iter().any(|it| word(it) == next);
        if goes_on {
            self.head = open.head;
        } else {
            self.begin(token + 1);
        }
    }
}

fn is_any(found: u32, words: &[&str]) -> bool {
    words.iter().any(|it| word(it.as_bytes()) == found)
}

const FUNCTIONS: &[&str] = &[
    "fn",
    "func",
    "function",
    "def",
    "fun",
    "constructor",
    "init",
];
const CLASSES: &[&str] = &[
    "class",
    "struct",
    "interface",
    "impl",
    "trait",
    "enum",
    "union",
    "object",
    "record",
    "extension",
    "protocol",
    "module",
    "mod",
    "namespace",
    "actor",
];
const CONTROL: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "match",
    "try",
    "do",
    "else",
    "catch",
    "with",
    "unless",
    "loop",
    "select",
    "case",
    "default",
    "foreach",
    "until",
    "guard",
    "when",
    "synchronized",
    "finally",
    "using",
    "lock",
    "return",
    "rescue",
    "begin",
    "elif",
    "except",
];

/// What a head begins, and the token that names it.
fn form_of(tokens: &Tokens, head: usize, brace: usize, arrows: bool) -> (Form, Option<u32>) {
    let range = head..brace.min(head + 80);
    let name_after = |at: usize| {
        let mut open = 0_usize;
        for token in at + 1..brace.min(at + LONGEST_HEAD) {
            match tokens.words[token] {
                it if it == sign(b"(") || it == sign(b"<") || it == sign(b"[") => open += 1,
                it if it == sign(b")") || it == sign(b">") || it == sign(b"]") => {
                    open = open.saturating_sub(1);
                }
                _ if open == 0 && tokens.sorts[token] <= Sort::Member as u8 => {
                    return Some(index(token));
                }
                _ => {}
            }
        }
        None
    };
    let mut called = None;
    let mut arrow = false;
    let mut open = 0_usize;
    for token in range {
        let found = tokens.words[token];
        if open == 0 && is_any(found, FUNCTIONS) && tokens.sorts[token] == Sort::Fixed as u8 {
            return (Form::Function, name_after(token).or(called));
        }
        if open == 0 && is_any(found, CLASSES) && tokens.sorts[token] == Sort::Fixed as u8 {
            return (Form::Class, name_after(token));
        }
        if is_any(found, CONTROL) && open == 0 && token < head + 3 {
            return (Form::Other, None);
        }
        if found == sign(b"(") {
            let before = token
                .checked_sub(1)
                .filter(|it| *it >= head && tokens.sorts[*it] <= Sort::Member as u8);
            if open == 0 && called.is_none() {
                called = before.map(index);
            }
            open += 1;
        } else if found == sign(b")") {
            open = open.saturating_sub(1);
        } else if arrows && found == sign(b"=>") {
            arrow = true;
        } else if found == sign(b"=") && open == 0 {
            called = called.or_else(|| token.checked_sub(1).filter(|it| *it >= head).map(index));
        }
    }
    let assigned = (head..brace.min(head + LONGEST_HEAD)).any(|it| tokens.words[it] == sign(b"="));
    if arrow || called.is_some() && !assigned {
        (Form::Function, called)
    } else {
        (Form::Other, None)
    }
}

/// Lines that a deeper one follows are heads.
fn by_indentation(tokens: &Tokens, language: &Language) -> Plan {
    let mut plan = Plan::default();
    let lines = logical_lines(tokens);
    plan.statements.extend(lines.iter().map(|it| it.0));
    if language.name == "text" {
        return plan;
    }
    let end_word = word(b"end");
    let mut ends = Vec::new();
    for (at, &(start, column)) in lines.iter().enumerate() {
        let is_head = lines.get(at + 1).is_some_and(|it| it.1 > column);
        if !is_head {
            continue;
        }
        let inside = lines[at + 1..]
            .iter()
            .take_while(|it| it.1 > column)
            .count();
        let after = lines.get(at + 1 + inside);
        let mut end = after.map_or(index(tokens.len()), |it| it.0);
        if after.is_some_and(|it| it.1 == column && tokens.words[it.0 as usize] == end_word) {
            end += 1;
            ends.push(end - 1);
        }
        // Decorators belong to what they decorate.
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|it| it.1 == column && tokens.is(it.0 as usize, b'@'))
            .last();
        let head_end = lines[at + 1].0 as usize;
        let (form, name) = form_of_line(tokens, start as usize, head_end);
        plan.blocks.push(Block {
            start: above.map_or(start, |it| it.0),
            end,
            form,
            parent: 0,
            name,
        });
    }
    ends.sort_unstable();
    plan.statements.retain(|it| ends.binary_search(it).is_err());
    plan
}

fn form_of_line(tokens: &Tokens, head: usize, end: usize) -> (Form, Option<u32>) {
    let named = |at: usize| {
        (at + 1..end)
            .find(|it| tokens.sorts[*it] <= Sort::Member as u8)
            .map(index)
    };
    for token in head..end.min(head + 3) {
        if tokens.words[token] == word(b"def") {
            return (Form::Function, named(token));
        }
        if is_any(tokens.words[token], &["class", "module"]) {
            return (Form::Class, named(token));
        }
    }
    (Form::Other, None)
}

/// What stands in no brackets: where such a line begins no further in than the one that opened some, they were forgotten.
const STATEMENTS: &[&str] = &[
    "def", "class", "import", "return", "raise", "while", "with", "try",
];

/// The first token of each line that begins a statement, with its column.
fn logical_lines(tokens: &Tokens) -> Vec<(u32, u32)> {
    let mut lines: Vec<(u32, u32)> = Vec::with_capacity(tokens.heads.len());
    let mut open = 0_usize;
    let mut from = 0;
    for &(token, column) in &tokens.heads {
        for word in &tokens.words[from..token as usize] {
            match *word {
                it if it == sign(b"(") || it == sign(b"[") || it == sign(b"{") => open += 1,
                it if it == sign(b")") || it == sign(b"]") || it == sign(b"}") => {
                    open = open.saturating_sub(1);
                }
                _ => {}
            }
        }
        from = token as usize;
        if open > 0 && begins_statement(tokens, from) {
            let opened = lines.last().map_or(0, |it| it.1);
            open = if column <= opened { 0 } else { open };
        }
        if open == 0 {
            lines.push((token, column));
        }
    }
    lines
}

fn begins_statement(tokens: &Tokens, token: usize) -> bool {
    tokens.sorts[token] == Sort::Fixed as u8
        && (tokens.is(token, b'@') || is_any(tokens.words[token], STATEMENTS))
}
