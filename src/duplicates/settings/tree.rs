//! What every format becomes: keys and values with their lines, values written in one way.

/// A value and the lines that it stands on, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
    /// Written elsewhere, under an anchor of YAML, and only named here.
    pub(super) borrowed: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Scalar(String),
    Map(Map),
    List(Vec<Node>),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Map {
    /// As they stand in the file: a key may come twice.
    pub(super) entries: Vec<Entry>,
    /// Of a TOML table with a header: the last line of what stands under it, before any header of a table below.
    pub(super) head: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) line: usize,
    pub(super) node: Node,
}

/// How a scalar was written, which says what else it may be than a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The format knows numbers, and this is none of its strings.
    Typed,
    /// The format knows only texts: `1.10` may be a version.
    Bare,
    Quoted,
}

impl Node {
    pub(super) fn scalar(text: &str, written: Written, start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            what: What::Scalar(normal(text, written)),
            borrowed: false,
        }
    }

    pub(super) fn map(entries: Vec<Entry>, start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            what: What::Map(Map {
                entries,
                head: None,
            }),
            borrowed: false,
        }
    }

    pub(super) fn list(items: Vec<Node>, start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            what: What::List(items),
            borrowed: false,
        }
    }

    /// How many nodes it is, at most one more than `most`.
    pub(super) fn count(&self, most: usize) -> usize {
        let mut count = 1;
        let inner: Box<dyn Iterator<Item = &Node>> = match &self.what {
            What::Scalar(_) => return count,
            What::Map(map) => Box::new(map.entries.iter().map(|entry| &entry.node)),
            What::List(items) => Box::new(items.iter()),
        };
        for node in inner {
            if count > most {
                break;
            }
            count += node.count(most - count);
        }
        count
    }

    /// The same as if it stood on that line.
    pub(super) fn lent(&self, line: usize) -> Self {
        let mut lent = self.clone();
        lent.borrow_at(line);
        lent
    }

    fn borrow_at(&mut self, line: usize) {
        (self.start, self.end, self.borrowed) = (line, line, true);
        match &mut self.what {
            What::Scalar(_) => {}
            What::Map(map) => {
                for entry in &mut map.entries {
                    entry.line = line;
                    entry.node.borrow_at(line);
                }
            }
            What::List(items) => items.iter_mut().for_each(|item| item.borrow_at(line)),
        }
    }
}

/// A value as all formats write it: `True`, `"true"` and `yes` are `true`; `1_000` is `1000`, `1.50` is `1.5`, `~` is nothing.
pub(super) fn normal(text: &str, written: Written) -> String {
    let text = text.trim_end();
    if let Some(truth) = truth(text, written) {
        return truth.to_string();
    }
    if written != Written::Quoted && matches!(text, "~" | "null" | "Null" | "NULL") {
        return String::new();
    }
    if let Some(number) = integer(text, written) {
        return number.to_string();
    }
    if written == Written::Typed
        && let Some(number) = float(text)
    {
        return number.to_string();
    }
    moment(text).unwrap_or_else(|| text.to_owned())
}

fn truth(text: &str, written: Written) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let loose = written != Written::Quoted;
    if is(&["true"]) || loose && is(&["yes", "on"]) {
        Some(true)
    } else if is(&["false"]) || loose && is(&["no", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// Leading zeros are octal where YAML 1.1 reads them so; in a text they may be a part of it, as in a telephone number.
fn integer(text: &str, written: Written) -> Option<i128> {
    let first = *text.as_bytes().first()?;
    if text.len() > 40 || !(first.is_ascii_digit() || matches!(first, b'-' | b'+')) {
        return None;
    }
    let typed = written == Written::Typed;
    let plain = if typed {
        text.replace('_', "")
    } else {
        text.to_owned()
    };
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let radix = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] if typed => 16,
        [b'0', b'o' | b'O', ..] if typed => 8,
        [b'0', b'b' | b'B', ..] if typed => 2,
        [b'0', _, ..] if typed && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7')) => {
            return i128::from_str_radix(&plain, 8).ok();
        }
        [b'0', _, ..] => return None,
        _ => return plain.parse().ok(),
    };
    let size = i128::from_str_radix(&digits[2..], radix).ok()?;
    Some(if plain.starts_with('-') { -size } else { size })
}

fn float(text: &str) -> Option<f64> {
    let may_be = |byte: u8| byte.is_ascii_digit() || b"+-._eE".contains(&byte);
    let digit = text.bytes().any(|byte| byte.is_ascii_digit());
    if !digit || text.len() > 40 || !text.bytes().all(may_be) {
        return None;
    }
    text.replace('_', "")
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// A date with a time: `T` between them, `+00:00` for `Z`.
fn moment(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let dated = (19..=40).contains(&bytes.len())
        && text.is_ascii()
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[13] == b':';
    dated.then(|| {
        let time = text[11..].trim_end_matches(['Z', 'z']);
        let zone = if time.len() + 11 < text.len() {
            "+00:00"
        } else {
            ""
        };
        format!("{}T{time}{zone}", &text[..10])
    })
}

/// A name and its value in a mapping of two, and variables in a list of texts, are settings by that name: `env` of Kubernetes and
/// `environment` of Compose say the same as an `.env`.
pub(super) fn settle(node: &mut Node) {
    match &mut node.what {
        What::Scalar(_) => {}
        What::Map(map) => {
            for entry in &mut map.entries {
                settle(&mut entry.node);
                if matches!(entry.key.as_str(), "env" | "environment") {
                    spell_out(&mut entry.node, assigned);
                }
            }
        }
        What::List(items) => {
            items.iter_mut().for_each(settle);
            spell_out(node, named);
        }
    }
}

/// Makes a mapping of a list, each of whose items is a setting.
fn spell_out(node: &mut Node, setting: fn(&Node) -> Option<Entry>) {
    if let What::List(items) = &node.what
        && !items.is_empty()
        && let Some(entries) = items.iter().map(setting).collect()
    {
        node.what = What::Map(Map {
            entries,
            head: None,
        });
    }
}

/// `{name: PORT, value: 80}`
fn named(item: &Node) -> Option<Entry> {
    let What::Map(map) = &item.what else {
        return None;
    };
    let [name, value] = map.entries.as_slice() else {
        return None;
    };
    let What::Scalar(key) = &name.node.what else {
        return None;
    };
    (name.key == "name" && value.key.starts_with("value")).then(|| Entry {
        key: key.clone(),
        line: item.start,
        node: value.node.clone(),
    })
}

/// `PORT=80`
fn assigned(item: &Node) -> Option<Entry> {
    let What::Scalar(text) = &item.what else {
        return None;
    };
    let (key, value) = text.split_once('=')?;
    is_variable(key).then(|| Entry {
        key: key.to_owned(),
        line: item.start,
        node: Node::scalar(value, Written::Bare, item.start, item.end),
    })
}

/// Whether it is spelled as variables of the environment are by custom: `DATABASE_URL`.
pub(super) fn is_variable(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    key.bytes().all(fits)
        && key
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}
