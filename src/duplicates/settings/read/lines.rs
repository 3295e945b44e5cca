//! The formats that are read a line at a time. Each has many dialects: what all of them mean by a line is taken, what none does is a
//! fault.

use super::{DEEPEST, Fault};
use crate::duplicates::settings::tree::{Entry, Map, Node, What, Written};

/// The dialect of Python's `configparser`, of git and of systemd: a deeper line goes on with the value above it.
pub(super) fn ini(text: &str) -> Result<Vec<Node>, Fault> {
    let mut sections = Sections::default();
    let mut deep = usize::MAX;
    for (line, raw) in numbered(text) {
        let content = raw.trim();
        let indent = raw.len() - raw.trim_start().len();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = bracketed(content) {
            sections.close_all();
            sections.open(name, line)?;
            deep = usize::MAX;
        } else if indent > deep {
            sections.go_on(content, line);
        } else {
            let (key, value) = parted(content, &['=', ':']).unwrap_or((content, ""));
            if key.is_empty() || value.is_empty() && key == content && key.contains(' ') {
                return Err(Fault::new(line, "neither a section nor a setting"));
            }
            sections.set(key, value, line);
            deep = indent;
        }
    }
    Ok(sections.done())
}

/// `.conf` files of servers: `[section]`, `name {` … `}` or `<Name>` … `</Name>`; `key = value`, `key: value` or `key value;`.
pub(super) fn conf(text: &str) -> Result<Vec<Node>, Fault> {
    let mut sections = Sections::default();
    for (line, raw) in numbered(text) {
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';', '!']) || content.starts_with("//") {
            continue;
        }
        if content.starts_with("<?xml") || content.starts_with("<!") {
            return Err(Fault::new(line, "XML, which is not read"));
        }
        if let Some(name) = bracketed(content) {
            sections.close_all();
            sections.open(name, line)?;
        } else if content.starts_with("</") || matches!(content, "}" | "};" | "},") {
            sections.close(line);
        } else if let Some(name) = content.strip_suffix('{') {
            sections.open(name.trim_end_matches([' ', '\t', '=', ':']), line)?;
        } else if content.starts_with('<') && content.ends_with('>') {
            sections.open(content.trim_matches(['<', '>']), line)?;
        } else {
            let content = content.trim_end_matches([';', ',']);
            let (key, value) = parted(content, &['=', ':'])
                .filter(|(key, _)| !key.contains([' ', '\t']))
                .or_else(|| parted(content, &[' ', '\t']))
                .unwrap_or((content, ""));
            sections.set(key, value, line);
        }
    }
    Ok(sections.done())
}

/// Java's properties: dots in a key are a path, a backslash at the end of a line joins it with the next.
pub(super) fn properties(text: &str) -> Vec<Node> {
    let mut root = Vec::new();
    let mut lines = numbered(text);
    while let Some((line, raw)) = lines.next() {
        let content = raw.trim_start();
        if content.trim_end().is_empty() || content.starts_with(['#', '!']) {
            continue;
        }
        let (mut whole, mut end) = (content.to_owned(), line);
        while goes_on(&whole) {
            whole.pop();
            let Some((next, more)) = lines.next() else {
                break;
            };
            whole.push_str(more.trim_start());
            end = next;
        }
        let (key, value) = key_of_properties(&whole);
        let node = Node::scalar(&unescaped(value), Written::Bare, line, end);
        put(&mut root, &unescaped(key), line, node);
    }
    whole_file(root)
}

/// `KEY=value`, `export KEY="value"`; a value in quotes may go over several lines.
pub(super) fn env(text: &str) -> Result<Vec<Node>, Fault> {
    let mut root = Vec::new();
    let mut lines = numbered(text);
    while let Some((line, raw)) = lines.next() {
        let content = raw.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let content = content
            .strip_prefix("export ")
            .unwrap_or(content)
            .trim_start();
        let (key, value) = content.split_once('=').unwrap_or((content, ""));
        let key = key.trim_end();
        if key.is_empty() || key.contains(|letter: char| letter.is_whitespace()) {
            return Err(Fault::new(line, "no KEY=value"));
        }
        let (mut value, mut end) = (value.trim().to_owned(), line);
        while let Some(quote) = unclosed(&value) {
            let Some((next, more)) = lines.next() else {
                return Err(Fault::new(line, format!("a {quote} that is not closed")));
            };
            value = format!("{value}\n{}", more.trim_end());
            end = next;
        }
        let node = bare(&value, line, end);
        root.push(Entry {
            key: key.to_owned(),
            line,
            node,
        });
    }
    Ok(whole_file(root))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// The quote that a value begins with and does not end with.
fn unclosed(value: &str) -> Option<char> {
    let quote = value
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let mut escaped = false;
    for letter in value.chars().skip(1) {
        if letter == quote && !escaped {
            return None;
        }
        escaped = letter == '\\' && !escaped;
    }
    Some(quote)
}

fn bracketed(content: &str) -> Option<&str> {
    let inner = content.strip_prefix('[')?;
    inner.rfind(']').map(|end| inner[..end].trim())
}

/// Key and value around the first of these.
fn parted<'t>(content: &'t str, between: &[char]) -> Option<(&'t str, &'t str)> {
    content
        .split_once(between)
        .map(|(key, value)| (key.trim(), value.trim()))
}

/// A value without its quotes or, if it has none, without the comment behind it.
fn bare(value: &str, start: usize, end: usize) -> Node {
    if let Some(quote) = value
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))
        && let Some(close) = value[1..].rfind(quote)
        && (value[close + 2..].trim().is_empty() || value[close + 2..].trim().starts_with('#'))
    {
        return Node::scalar(&value[1..=close], Written::Quoted, start, end);
    }
    let comment = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((at, before), mark)| *at > 0 && before.is_whitespace() && matches!(mark, '#' | ';'))
        .map_or(value.len(), |((at, _), _)| at);
    Node::scalar(value[..comment].trim_end(), Written::Bare, start, end)
}

/// An odd number of backslashes at the end.
fn goes_on(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn key_of_properties(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        if !escaped && matches!(letter, '=' | ':' | ' ' | '\t') {
            let value = line[at..].trim_start();
            return (
                &line[..at],
                value.strip_prefix(['=', ':']).unwrap_or(value).trim(),
            );
        }
        escaped = letter == '\\' && !escaped;
    }
    (line.trim_end(), "")
}

fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('u') => plain.extend(code_point(&mut letters)),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// The four digits behind `\u`; half of a pair is none.
fn code_point(letters: &mut std::str::Chars) -> Option<char> {
    let digits: String = letters.by_ref().take(4).collect();
    u32::from_str_radix(&digits, 16)
        .ok()
        .and_then(char::from_u32)
}

/// Sets a dotted key: below the mapping of the same name if that is the last, so that each stays where its lines are.
fn put(mut entries: &mut Vec<Entry>, key: &str, line: usize, node: Node) {
    let mut path: Vec<&str> = key.split('.').collect();
    if path.len() > 16 || path.iter().any(|part| part.is_empty()) {
        path = vec![key];
    }
    let last = path.pop().unwrap_or_default();
    for part in path {
        let same = matches!(entries.last(), Some(Entry { key, node: Node { what: What::Map(_), .. }, .. }) if key == part);
        if !same {
            let empty = Node::map(Vec::new(), line, node.end);
            entries.push(Entry {
                key: part.to_owned(),
                line,
                node: empty,
            });
        }
        let Some(Entry {
            node:
                Node {
                    end,
                    what: What::Map(map),
                    ..
                },
            ..
        }) = entries.last_mut()
        else {
            return;
        };
        *end = node.end;
        entries = &mut map.entries;
    }
    entries.push(Entry {
        key: last.to_owned(),
        line,
        node,
    });
}

fn whole_file(entries: Vec<Entry>) -> Vec<Node> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Vec::new();
    };
    let (start, end) = (first.line, last.node.end);
    vec![Node::map(entries, start, end)]
}

/// Sections within sections, and what stands before the first.
#[derive(Default)]
struct Sections {
    root: Vec<Entry>,
    open: Vec<Entry>,
}

impl Sections {
    fn open(&mut self, name: &str, line: usize) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(Fault::too_deep(line));
        }
        let node = Node::map(Vec::new(), line, line);
        self.open.push(Entry {
            key: name.to_owned(),
            line,
            node,
        });
        Ok(())
    }

    fn close(&mut self, line: usize) {
        if let Some(mut section) = self.open.pop() {
            section.node.end = line;
            self.add(section);
        }
    }

    fn close_all(&mut self) {
        while let Some(section) = self.open.pop() {
            self.add(section);
        }
    }

    fn set(&mut self, key: &str, value: &str, line: usize) {
        self.add(Entry {
            key: key.to_owned(),
            line,
            node: bare(value, line, line),
        });
    }

    fn add(&mut self, entry: Entry) {
        let entries = match self.open.last_mut() {
            Some(Entry {
                node:
                    Node {
                        end,
                        what: What::Map(map),
                        ..
                    },
                ..
            }) => {
                *end = entry.node.end;
                &mut map.entries
            }
            _ => &mut self.root,
        };
        entries.push(entry);
    }

    /// One more line of the last value.
    fn go_on(&mut self, content: &str, line: usize) {
        let entries = match self.open.last_mut() {
            Some(Entry {
                node:
                    Node {
                        end,
                        what: What::Map(Map { entries, .. }),
                        ..
                    },
                ..
            }) => {
                *end = line;
                entries
            }
            _ => &mut self.root,
        };
        if let Some(Entry {
            node:
                Node {
                    end,
                    what: What::Scalar(value),
                    ..
                },
            ..
        }) = entries.last_mut()
        {
            *end = line;
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(content);
        }
    }

    fn done(mut self) -> Vec<Node> {
        self.close_all();
        whole_file(self.root)
    }
}
