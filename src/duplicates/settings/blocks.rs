//! Trees taken apart: every setting with the path of its keys, and every block that holds enough of them.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::read::Format;
use super::tree::{Entry, Map, Node, What};

/// A text of several lines is as many settings as it has lines, but no more than this,
const TEXT_SETTINGS: usize = 4;
/// and weighs as many as this.
const TEXT_WEIGHT: f64 = 2.0;
/// So many mappings of one shape side by side are the rows of a table: that they are alike says nothing.
const TABLE_ROWS: usize = 8;
/// So many of any shape are rows too.
const MIXED_ROWS: usize = 24;

/// Everything that was read.
#[derive(Default)]
pub(super) struct Catalogue {
    pub(super) keys: Vec<Key>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) blocks: Vec<Block>,
    formats: HashMap<usize, Format, FixedState>,
    documents: usize,
}

/// One step of a path.
pub(super) struct Key {
    pub(super) parent: Option<usize>,
    pub(super) text: String,
    /// Of its spelling without case and separators: `maxSize`, `max_size` and `MAX-SIZE` are one.
    folded: u64,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Named,
    /// Into a list. Items have no place of their own, so that one more at the front moves none.
    Item,
    /// Into the lines of a text.
    Line,
}

/// A setting.
pub(super) struct Leaf {
    pub(super) file: usize,
    pub(super) key: usize,
    /// Which of all documents it is in; a file of YAML may hold several.
    pub(super) document: usize,
    pub(super) line: usize,
    /// Through an alias.
    pub(super) borrowed: bool,
    pub(super) value: String,
    /// How much it tells that two have it: a `true` less than an address.
    pub(super) weight: f64,
    /// Of the last key and the value, wherever they stand.
    pub(super) stem: u64,
}

pub(super) struct Block {
    pub(super) file: usize,
    /// None for a whole document.
    pub(super) key: Option<usize>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Which leaves; of these only those between its lines, as a TOML table may stand in several places.
    leaves: (usize, usize),
    /// The same for the same settings, whatever their order, layout and format.
    pub(super) content: u64,
    pub(super) settings: usize,
    /// The block around it.
    pub(super) parent: Option<usize>,
    /// The key of the table that it is a row of.
    pub(super) table: Option<usize>,
}

/// A setting as a block sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// Of the path below the block and the value.
    pub(super) whole: u64,
    /// Of the path below the block.
    pub(super) path: u64,
    pub(super) leaf: usize,
}

impl Catalogue {
    pub(super) fn add(&mut self, file: usize, format: Format, documents: &[Node], least: usize) {
        self.formats.insert(file, format);
        let first = self.leaves.len();
        let blocks = self.blocks.len();
        let mut walk = Walk {
            catalogue: self,
            file,
            least,
            inside: Vec::new(),
            sections: Vec::new(),
            borrowed: false,
        };
        for document in documents {
            walk.catalogue.documents += 1;
            walk.node(document, None, None);
            walk.stretches();
        }
        let in_order = self.leaves[first..].is_sorted_by_key(|leaf| leaf.line);
        if !in_order {
            self.drop_scattered(first, blocks);
        }
    }

    pub(super) fn format(&self, file: usize) -> Option<Format> {
        self.formats.get(&file).copied()
    }

    /// What a block says, sorted.
    pub(super) fn seen(&self, block: &Block) -> Vec<Seen> {
        let mut seen: Vec<Seen> = self
            .leaves_of(block)
            .map(|at| self.see(at, block.key))
            .collect();
        seen.sort_unstable();
        seen
    }

    fn see(&self, leaf: usize, below: Option<usize>) -> Seen {
        let mut whole = xxh3_64(self.leaves[leaf].value.as_bytes());
        let mut path = 0;
        let mut step = Some(self.leaves[leaf].key);
        while let Some(key) = step.filter(|_| step != below) {
            // The first line of a text stays itself when another is added.
            if self.keys[key].step != Step::Line {
                whole = mixed(whole, self.keys[key].folded);
                path = mixed(path, self.keys[key].folded);
            }
            step = self.keys[key].parent;
        }
        Seen { whole, path, leaf }
    }

    /// The leaves of a block, by their numbers.
    pub(super) fn leaves_of(&self, block: &Block) -> impl Iterator<Item = usize> {
        let (from, to) = block.leaves;
        let lines = block.start..=block.end;
        (from..to).filter(move |at| lines.contains(&self.leaves[*at].line))
    }

    pub(super) fn settings(&self, block: &Block) -> impl Iterator<Item = &Leaf> {
        self.leaves_of(block).map(|at| &self.leaves[at])
    }

    /// Of a path from the top, however its keys are spelled.
    pub(super) fn path_folded(&self, key: usize) -> u64 {
        let (mut path, mut step) = (0, Some(key));
        while let Some(at) = step {
            path = mixed(path, self.keys[at].folded);
            step = self.keys[at].parent;
        }
        path
    }

    /// `services.web.ports[]`, below a key or from the top.
    pub(super) fn path(&self, key: usize, below: Option<usize>) -> String {
        let mut steps = Vec::new();
        let mut step = Some(key);
        while let Some(at) = step.filter(|_| step != below) {
            steps.push(at);
            step = self.keys[at].parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev().map(|at| &self.keys[at]) {
            match step.step {
                Step::Named => {
                    let dot = if path.is_empty() { "" } else { "." };
                    path.push_str(dot);
                    path.push_str(&step.text);
                }
                Step::Item => path.push_str("[]"),
                Step::Line => {}
            }
        }
        path
    }

    /// Whether one key names the setting, and not its place in a list or a text.
    pub(super) fn is_named(&self, leaf: &Leaf) -> bool {
        let mut step = Some(leaf.key);
        while let Some(key) = step {
            if self.keys[key].step != Step::Named {
                return false;
            }
            step = self.keys[key].parent;
        }
        true
    }

    /// Whether a block of this content stands around a block.
    pub(super) fn is_within(&self, block: usize, content: u64) -> bool {
        let mut around = self.blocks[block].parent;
        while let Some(outer) = around {
            if self.blocks[outer].content == content {
                return true;
            }
            around = self.blocks[outer].parent;
        }
        false
    }

    /// A block between whose lines strangers stand has no lines to point at. (TOML lets a table's parts stand anywhere.)
    fn drop_scattered(&mut self, first_leaf: usize, first_block: usize) {
        let mut lines: Vec<usize> = self.leaves[first_leaf..].iter().map(|l| l.line).collect();
        lines.sort_unstable();
        for at in first_block..self.blocks.len() {
            let block = &self.blocks[at];
            let within = lines.partition_point(|line| *line <= block.end)
                - lines.partition_point(|line| *line < block.start);
            if within != self.settings(block).count() {
                self.blocks[at].settings = 0;
            }
        }
    }
}

/// The way through one file.
struct Walk<'c> {
    catalogue: &'c mut Catalogue,
    file: usize,
    least: usize,
    /// The blocks around the place.
    inside: Vec<usize>,
    /// What stands under each header of TOML.
    sections: Vec<Section>,
    /// Whether the node in hand is.
    borrowed: bool,
}

struct Section {
    key: Option<usize>,
    start: usize,
    end: usize,
    leaves: (usize, usize),
    /// Keys and values, hashed.
    parts: Vec<(u64, u64)>,
    settings: usize,
}

/// What became of a node.
struct Taken {
    content: u64,
    settings: usize,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, key: Option<usize>, entry: Option<&Entry>) -> Taken {
        self.borrowed = node.borrowed;
        let mut taken = match &node.what {
            What::Scalar(text) => self.scalar(text, key, node),
            What::Map(map) if map.entries.is_empty() => self.nothing("{}", key, node.start),
            What::List(items) if items.is_empty() => self.nothing("[]", key, node.start),
            What::Map(map) if node.borrowed => self.map(map, key),
            What::List(items) if node.borrowed => self.list(items, key),
            What::Map(map) => self.block(node, key, entry, |walk| walk.map(map, key)),
            What::List(items) => self.block(node, key, entry, |walk| walk.list(items, key)),
        };
        if node.borrowed {
            // All that was written is one name, or for a merge nothing.
            let is_scalar = matches!(node.what, What::Scalar(_));
            taken.settings = usize::from(!is_scalar);
        }
        taken
    }

    fn scalar(&mut self, text: &str, key: Option<usize>, node: &Node) -> Taken {
        let key = key.unwrap_or_else(|| self.key(None, "", Step::Item));
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let content = xxh3_64(text.as_bytes());
        if lines.len() < 2 {
            self.leaf(key, node.start, text.to_owned(), telling(text));
            return Taken {
                content,
                settings: 1,
            };
        }
        let step = self.key(Some(key), "", Step::Line);
        #[expect(clippy::cast_precision_loss, reason = "lines of one text")]
        let weight = (TEXT_WEIGHT / lines.len() as f64).min(1.0);
        let first = (node.end + 1).saturating_sub(lines.len()).max(node.start);
        for (at, line) in lines.iter().enumerate() {
            self.leaf(
                step,
                (first + at).min(node.end),
                line.trim().to_owned(),
                weight,
            );
        }
        Taken {
            content,
            settings: lines.len().min(TEXT_SETTINGS),
        }
    }

    fn nothing(&mut self, text: &str, key: Option<usize>, line: usize) -> Taken {
        let key = key.unwrap_or_else(|| self.key(None, "", Step::Item));
        self.leaf(key, line, text.to_owned(), telling(""));
        Taken {
            content: xxh3_64(text.as_bytes()),
            settings: 1,
        }
    }

    /// Makes a block of what `inner` goes through, if that is enough and more than one other block.
    fn block(
        &mut self,
        node: &Node,
        key: Option<usize>,
        entry: Option<&Entry>,
        inner: impl FnOnce(&mut Self) -> Taken,
    ) -> Taken {
        let (block, leaf) = (self.catalogue.blocks.len(), self.catalogue.leaves.len());
        let start = entry.map_or(node.start, |entry| entry.line.min(node.start));
        self.catalogue.blocks.push(Block {
            file: self.file,
            key,
            start,
            end: node.end,
            leaves: (leaf, leaf),
            content: 0,
            settings: 0,
            parent: self.inside.last().copied(),
            table: None,
        });
        self.inside.push(block);
        let taken = inner(self);
        self.inside.pop();
        let leaves = (leaf, self.catalogue.leaves.len());
        if taken.settings >= self.least && is_worth(node) {
            let made = &mut self.catalogue.blocks[block];
            (made.leaves, made.content, made.settings) = (leaves, taken.content, taken.settings);
        }
        if let What::Map(Map {
            head: Some(head),
            entries,
        }) = &node.what
        {
            self.section(block, *head, entries, leaves);
        }
        self.mark_rows(node, key, block);
        taken
    }

    fn map(&mut self, map: &Map, key: Option<usize>) -> Taken {
        let mut parts = Vec::with_capacity(map.entries.len());
        let mut settings = 0;
        for entry in &map.entries {
            let key = self.key(key, &entry.key, Step::Named);
            let taken = self.node(&entry.node, Some(key), Some(entry));
            settings += taken.settings;
            parts.push((xxh3_64(entry.key.as_bytes()), taken.content));
        }
        Taken {
            content: content_of(&mut parts),
            settings,
        }
    }

    fn list(&mut self, items: &[Node], key: Option<usize>) -> Taken {
        let mut settings = 0;
        let mut content = 1;
        let key = self.key(key, "", Step::Item);
        for item in items {
            let taken = self.node(item, Some(key), None);
            settings += taken.settings;
            content = mixed(content, taken.content);
        }
        Taken { content, settings }
    }

    /// What stands under a TOML header itself is a block of its own, beside the one with all the tables below it.
    fn section(&mut self, whole: usize, head: usize, entries: &[Entry], leaves: (usize, usize)) {
        let block = Block {
            leaves,
            end: head,
            ..self.catalogue.blocks[whole]
        };
        let start = block.start;
        let own: Vec<&Entry> = entries
            .iter()
            .filter(|entry| is_own(entry, start, head))
            .collect();
        let part = |entry: &&Entry| (xxh3_64(entry.key.as_bytes()), content(&entry.node));
        let section = Section {
            key: block.key,
            start,
            end: head,
            leaves,
            parts: own.iter().map(part).collect(),
            settings: own.iter().map(|entry| size(&entry.node)).sum(),
        };
        if section.settings >= self.least && head < self.catalogue.blocks[whole].end {
            let content = content_of(&mut section.parts.clone());
            let settings = section.settings;
            self.catalogue.blocks.push(Block {
                content,
                settings,
                parent: Some(whole),
                ..block
            });
        }
        self.sections.push(section);
    }

    /// A section and the `[[tables]]` behind it, up to the next `[header]`, are read as one and copied as one.
    fn stretches(&mut self) {
        let mut sections = std::mem::take(&mut self.sections);
        sections.sort_by_key(|section| section.start);
        let mut at = 0;
        while at < sections.len() {
            let behind = &sections[at + 1..];
            let count = behind
                .iter()
                .take_while(|next| self.array_of(next).is_some())
                .count();
            if count > 0 && self.array_of(&sections[at]).is_none() && sections[at].key.is_some() {
                self.stretch(&sections[at], &behind[..count]);
            }
            at += count + 1;
        }
    }

    /// The key of the array at the top of the file that a section is an item of.
    fn array_of(&self, section: &Section) -> Option<usize> {
        let item = &self.catalogue.keys[section.key?];
        let array = item.parent.filter(|_| item.step == Step::Item)?;
        self.catalogue.keys[array].parent.is_none().then_some(array)
    }

    fn stretch(&mut self, first: &Section, behind: &[Section]) {
        let settings = first.settings + behind.iter().map(|item| item.settings).sum::<usize>();
        let Some(last) = behind.last().filter(|_| settings >= self.least) else {
            return;
        };
        let mut parts = first.parts.clone();
        for items in behind.chunk_by(|one, other| self.array_of(one) == self.array_of(other)) {
            let tables = items
                .iter()
                .map(|item| content_of(&mut item.parts.clone()))
                .fold(1, mixed);
            let name = self
                .array_of(&items[0])
                .map(|array| &self.catalogue.keys[array].text);
            parts.push((xxh3_64(name.map_or("", String::as_str).as_bytes()), tables));
        }
        let all = || std::iter::once(first).chain(behind);
        let from = all()
            .map(|section| section.leaves.0)
            .min()
            .unwrap_or_default();
        let to = all()
            .map(|section| section.leaves.1)
            .max()
            .unwrap_or_default();
        self.catalogue.blocks.push(Block {
            file: self.file,
            key: first.key,
            start: first.start,
            end: last.end,
            leaves: (from, to),
            content: content_of(&mut parts),
            settings,
            parent: None,
            table: None,
        });
    }

    /// Marks the blocks right below this one if they are the rows of a table.
    fn mark_rows(&mut self, node: &Node, key: Option<usize>, block: usize) {
        let rows: Vec<u64> = match &node.what {
            What::List(items) => items.iter().filter_map(shape).collect(),
            What::Map(map) => map
                .entries
                .iter()
                .filter_map(|entry| shape(&entry.node))
                .collect(),
            What::Scalar(_) => return,
        };
        if rows.len() < TABLE_ROWS {
            return;
        }
        let mut shapes: HashMap<u64, usize, FixedState> = HashMap::default();
        for row in &rows {
            *shapes.entry(*row).or_default() += 1;
        }
        let most = shapes.into_values().max().unwrap_or_default();
        if most >= TABLE_ROWS.max(rows.len() / 2) || rows.len() >= MIXED_ROWS {
            let table = key.map_or(usize::MAX - self.file, |key| key);
            for inner in &mut self.catalogue.blocks[block + 1..] {
                if inner.parent == Some(block) {
                    inner.table = Some(table);
                }
            }
        }
    }

    fn key(&mut self, parent: Option<usize>, text: &str, step: Step) -> usize {
        let folded = match step {
            Step::Named => fold(text),
            Step::Item => 1,
            Step::Line => 2,
        };
        self.catalogue.keys.push(Key {
            parent,
            text: text.to_owned(),
            folded,
            step,
        });
        self.catalogue.keys.len() - 1
    }

    fn leaf(&mut self, key: usize, line: usize, value: String, weight: f64) {
        let mut named = key;
        while let (Some(parent), true) = (
            self.catalogue.keys[named].parent,
            self.catalogue.keys[named].step != Step::Named,
        ) {
            named = parent;
        }
        let stem = mixed(xxh3_64(value.as_bytes()), self.catalogue.keys[named].folded);
        let (file, document, borrowed) = (self.file, self.catalogue.documents, self.borrowed);
        self.catalogue.leaves.push(Leaf {
            file,
            key,
            document,
            line,
            borrowed,
            value,
            weight,
            stem,
        });
    }
}

/// A list of scalars is one value; a mapping of one is what is in it.
fn is_worth(node: &Node) -> bool {
    let is_block = |node: &Node| !matches!(node.what, What::Scalar(_));
    match &node.what {
        What::Scalar(_) => false,
        What::List(items) => items.len() > 1 && items.iter().any(is_block),
        What::Map(map) => map.entries.len() > 1 || !map.entries.iter().all(|e| is_worth(&e.node)),
    }
}

fn is_own(entry: &Entry, start: usize, head: usize) -> bool {
    (start..=head).contains(&entry.line) && entry.node.end <= head
}

/// Which keys a mapping has.
fn shape(node: &Node) -> Option<u64> {
    let What::Map(map) = &node.what else {
        return None;
    };
    let mut keys: Vec<u64> = map.entries.iter().map(|entry| fold(&entry.key)).collect();
    keys.sort_unstable();
    Some(keys.into_iter().fold(0, mixed))
}

fn size(node: &Node) -> usize {
    match &node.what {
        What::Scalar(text) => text.lines().count().clamp(1, TEXT_SETTINGS),
        What::Map(map) => map
            .entries
            .iter()
            .map(|entry| size(&entry.node))
            .sum::<usize>()
            .max(1),
        What::List(items) => items.iter().map(size).sum::<usize>().max(1),
    }
}

fn content(node: &Node) -> u64 {
    match &node.what {
        What::Scalar(text) => xxh3_64(text.as_bytes()),
        What::Map(map) if map.entries.is_empty() => xxh3_64(b"{}"),
        What::List(items) if items.is_empty() => xxh3_64(b"[]"),
        What::Map(map) => {
            let parts = map.entries.iter();
            let part = |entry: &Entry| (xxh3_64(entry.key.as_bytes()), content(&entry.node));
            content_of(&mut parts.map(part).collect::<Vec<_>>())
        }
        What::List(items) => items.iter().map(content).fold(1, mixed),
    }
}

/// The keys of a mapping have no order.
fn content_of(parts: &mut [(u64, u64)]) -> u64 {
    parts.sort_unstable();
    parts
        .iter()
        .fold(2, |all, (key, value)| mixed(mixed(all, *key), *value))
}

fn mixed(all: u64, more: u64) -> u64 {
    xxh3_64_with_seed(&more.to_le_bytes(), all)
}

fn fold(key: &str) -> u64 {
    let folded = folded(key);
    xxh3_64(if folded.is_empty() { key } else { &folded }.as_bytes())
}

/// A key without case and separators.
pub(super) fn folded(key: &str) -> String {
    key.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// How much a value says by being the same twice.
fn telling(value: &str) -> f64 {
    match value.len() {
        0 => 0.4,
        1 => 0.6,
        _ if matches!(value, "true" | "false") => 0.6,
        _ => 1.0,
    }
}

/// The order of fragments in a report; what lies within another comes after it.
pub(super) fn place(block: &Block) -> (usize, usize, Reverse<usize>) {
    (block.file, block.start, Reverse(block.end))
}
