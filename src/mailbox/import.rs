//! What the original Python system left behind, read as mail: whole files, and what is whole in broken ones.
//!
//! Pure: bytes in, messages and what could not be read out; which file of a tree is whose mail is decided from
//! its path. Nothing is dropped in silence: text that is no message comes back as [`Unread`] with its place.
//! Does not resolve names against a roster, send, or walk directories.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::json::{self, Fields};
use crate::names::{AgentId, Class, Mode};
use crate::time::Timestamp;

/// What is known of a file beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Tells Markdown from JSON, and messages without id and time from their likes in other files.
    pub file_name: String,
    /// Whose mailbox the file lies in; the recipient of what names none.
    pub folder: Option<String>,
    /// Whose outbox the file lies in; the sender of what names none.
    pub sender: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub mail: Vec<Foreign>,
    pub unread: Vec<Unread>,
}

/// A part of a file that is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub line: usize,
    pub column: usize,
    pub why: String,
    /// How it begins.
    pub head: String,
}

/// A message as the original kept it. Names are as written: see [`canonical_name`].
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    pub from: Option<String>,
    pub to: Option<String>,
    pub content: String,
    pub mode: Mode,
    pub foreign_id: Option<String>,
    pub timestamp: Option<Timestamp>,
    /// It was acknowledged, processed or called off there: it must not come back as new.
    pub handled: bool,
    /// Its own metadata, and under `original` every field that has no place here or was changed.
    pub metadata: Map<String, Value>,
    /// The same for the same message at every import, also after its status changed.
    pub key: String,
}

pub fn read(bytes: &[u8], hint: &Source) -> Parsed {
    let text = readable(bytes);
    let mut reader = Reader {
        text: &text,
        hint,
        mail: Vec::new(),
        gaps: Vec::new(),
        seen: HashMap::new(),
        listed: HashSet::new(),
    };
    if is_prose(&hint.file_name) {
        reader.prose();
    } else {
        reader.documents();
    }
    reader.finish()
}

fn is_prose(file_name: &str) -> bool {
    let extension = file_name.rsplit_once('.').map_or("", |(_, end)| end);
    ["md", "markdown", "txt"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Stands where bytes are not UTF-8. JSON forbids it in strings, so what contains it is not taken for whole.
const SPOILT: char = '\u{1}';

fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(SPOILT);
        }
    }
    text
}

/// What stands between messages and is no loss.
const fn is_filler(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\n' | '\r' | '\0' | '\u{feff}' | ',' | '[' | ']' | '{' | '}' | ':'
    )
}

struct Reader<'a> {
    text: &'a str,
    hint: &'a Source,
    mail: Vec<Foreign>,
    gaps: Vec<Gap>,
    /// How many of each identity there have been.
    seen: HashMap<String, usize>,
    /// The identities in the arrays that were read whole: a stale tail repeats them.
    listed: HashSet<String>,
}

/// Text that no message was made of.
struct Gap {
    start: usize,
    end: usize,
    why: String,
}

type Outcome = Result<(), Cow<'static, str>>;

const NO_CONTENT: Cow<'static, str> =
    Cow::Borrowed("no message: nothing that could be its content");

impl<'a> Reader<'a> {
    /// One document after the other; where one is broken, what is whole inside.
    fn documents(&mut self) {
        // Each failed attempt may look at all that follows: what an attacker nests must not cost its square.
        let mut budget = (self.text.len() * 32).saturating_add(1 << 22);
        let (mut at, mut gap, mut broken) = (0, None, None);
        while let Some(offset) = self.text[at..].find(['{', '[']) {
            let start = at + offset;
            self.widen(&mut gap, at, start);
            match value_at(&self.text[start..]) {
                Ok(raw) => {
                    match self.document(raw) {
                        Ok(()) => self.close(gap.take(), start),
                        Err(why) => {
                            gap.get_or_insert_with(|| (start, why.into_owned()));
                        }
                    }
                    at = start + raw.len();
                }
                Err((why, cost)) => {
                    let reached = (start + cost).min(self.text.len());
                    broken.get_or_insert_with(|| (reached, why.clone()));
                    gap.get_or_insert((start, why));
                    at = start + 1;
                    budget = budget.saturating_sub(cost + 1);
                    if budget == 0 {
                        break;
                    }
                }
            }
        }
        self.widen(&mut gap, at, self.text.len());
        self.close(gap, self.text.len());
        // Cut off between two messages: none of what is left was lost, but there may have been more.
        if let Some((at, why)) = broken.filter(|_| self.gaps.is_empty()) {
            self.report(&self.text[at..], why);
        }
    }

    fn widen(&self, gap: &mut Option<(usize, String)>, from: usize, to: usize) {
        let between = &self.text[from..to];
        if gap.is_none()
            && let Some(first) = between.find(|c| !is_filler(c))
        {
            *gap = Some((from + first, "part of no whole object".into()));
        }
    }

    fn close(&mut self, gap: Option<(usize, String)>, end: usize) {
        let Some((start, why)) = gap else { return };
        let text = &self.text[start..end];
        if text.contains(SPOILT) {
            self.report(text, json::Why::NotUtf8.to_string());
        } else if !text.chars().all(is_filler) {
            self.report(text, why);
        }
    }

    fn report(&mut self, part: &'a str, why: String) {
        let start = self.offset(part);
        self.gaps.push(Gap {
            start,
            end: start + part.len(),
            why,
        });
    }

    fn finish(mut self) -> Parsed {
        self.gaps.sort_by_key(|gap| gap.start);
        let (mut passed, mut here) = (0, (1, 1));
        let unread = self.gaps.into_iter().map(|gap| {
            here = json::advance(here, &self.text.as_bytes()[passed..gap.start]);
            passed = gap.start;
            let head = self.text[gap.start..gap.end].trim_end_matches(is_filler);
            Unread {
                line: here.0,
                column: here.1,
                why: gap.why,
                head: head
                    .replace(char::is_control, " ")
                    .chars()
                    .take(60)
                    .collect(),
            }
        });
        Parsed {
            unread: unread.collect(),
            mail: self.mail,
        }
    }

    fn document(&mut self, raw: &'a str) -> Outcome {
        if raw.starts_with('[') {
            return self.array(raw, self.hint.folder.as_deref());
        }
        let fields = Fields::parse(raw).map_err(|fault| fault.why.to_string())?;
        if fields.is_empty() {
            return Ok(());
        }
        // What has a content of its own is a message, whatever else it holds.
        if content_of(&fields).is_some() {
            return self.message(raw, &fields, self.hint.folder.as_deref());
        }
        if let Some(messages) = fields.get("messages").filter(|raw| is_array(raw)) {
            let to = named(&fields, &["agent_id"])
                .or_else(|| named(&inner(&fields, "metadata")?, &["agent_id"]))
                .filter(|name| canonical_name(name).is_some());
            return self.array(
                messages.get(),
                to.as_deref().or(self.hint.folder.as_deref()),
            );
        }
        if fields.get("onboarding_prompt").is_some() || inner(&fields, "message_history").is_some()
        {
            return self.onboarding(raw, &fields);
        }
        self.message(raw, &fields, self.hint.folder.as_deref())
    }

    /// A list of messages. What is none of them is reported; a list without any is no list of messages.
    fn array(&mut self, raw: &'a str, to: Option<&str>) -> Outcome {
        let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|e| e.to_string())?;
        if !items.is_empty() && !items.iter().any(|item| item.get().starts_with('{')) {
            return Err("a list without messages".into());
        }
        let before = self.mail.len();
        for item in items {
            let item = item.get();
            let outcome = match Fields::parse(item) {
                Ok(fields) => self.message(item, &fields, to),
                Err(fault) => Err(fault.why.to_string().into()),
            };
            if let Err(why) = outcome {
                self.report(item, why.into_owned());
            }
        }
        let identities = self.mail[before..]
            .iter()
            .filter_map(|mail| mail.key.rsplit_once(':'));
        self.listed
            .extend(identities.map(|(identity, _)| identity.to_owned()));
        Ok(())
    }

    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }

    /// The prompt is a message, and so is each of the history: those were shown already.
    fn onboarding(&mut self, raw: &'a str, fields: &Fields<'a>) -> Outcome {
        let history = inner(fields, "message_history").unwrap_or_default();
        let prompt = fields.str("onboarding_prompt").unwrap_or_default();
        if prompt.trim().is_empty() && history.is_empty() {
            return Err(NO_CONTENT);
        }
        json::depth(raw.as_bytes()).map_err(|fault| fault.why.to_string())?;
        if !prompt.trim().is_empty() {
            let rest = fields
                .iter()
                .filter(|(name, _)| *name != "message_history" && *name != "onboarding_prompt");
            let mut original: Map<_, _> =
                rest.map(|(name, raw)| (name.into(), value(raw))).collect();
            original.insert("type".into(), "onboarding_prompt".into());
            self.accept(
                Foreign {
                    from: self.hint.sender.clone(),
                    to: self.hint.folder.clone(),
                    content: prompt.into_owned(),
                    mode: Mode::Normal,
                    foreign_id: None,
                    timestamp: None,
                    handled: false,
                    metadata: with_original(Map::new(), original),
                    key: String::new(),
                },
                raw,
            );
        }
        for (hash, entry) in history.iter() {
            let raw = entry.get();
            let outcome = Fields::parse(raw)
                .map_err(|fault| fault.why.to_string().into())
                .and_then(|entry| foreign(&entry, self.hint, self.hint.folder.as_deref()));
            match outcome {
                Ok(mut mail) => {
                    mail.foreign_id.get_or_insert_with(|| hash.into());
                    mail.handled = true;
                    self.accept(mail, raw);
                }
                Err(why) => self.report(raw, why.into_owned()),
            }
        }
        Ok(())
    }

    fn message(&mut self, raw: &str, fields: &Fields<'a>, to: Option<&str>) -> Outcome {
        json::depth(raw.as_bytes()).map_err(|fault| fault.why.to_string())?;
        let mail = foreign(fields, self.hint, to)?;
        self.accept(mail, raw);
        Ok(())
    }

    fn accept(&mut self, mut mail: Foreign, raw: &str) {
        let lasting = mail.foreign_id.is_some() || mail.timestamp.is_some();
        let identity = if lasting {
            identity(&mail)
        } else {
            hash([self.hint.file_name.as_bytes(), &json::canonical(raw)])
        };
        if lasting && self.listed.contains(&identity) {
            return;
        }
        let times = self.seen.entry(identity.clone()).or_default();
        mail.key = format!("{identity}:{times}");
        *times += 1;
        self.mail.push(mail);
    }

    /// Markdown: lines `**From**: x` and the like, then the text.
    fn prose(&mut self) {
        let mut head = Header::default();
        let mut rest = self.text.trim_start_matches('\u{feff}');
        while let Some(line) = rest.lines().next() {
            if !head.take(line) {
                break;
            }
            rest = rest[line.len()..].trim_start_matches('\r');
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        let body = if head.fields.is_empty() {
            self.text
        } else {
            rest
        };
        let body = body.trim_matches(is_blank);
        let content = if body.is_empty() {
            head.title.clone()
        } else {
            body.into()
        };
        if let Some(spoilt) = self.text.find(SPOILT) {
            return self.report(&self.text[spoilt..], json::Why::NotUtf8.to_string());
        }
        if content.is_empty() {
            if !self.text.chars().all(is_blank) {
                self.report(self.text, NO_CONTENT.into_owned());
            }
            return;
        }
        let object = head.object(content);
        let outcome = Fields::parse(&object)
            .map_err(|fault| fault.why.to_string().into())
            .and_then(|fields| foreign(&fields, self.hint, self.hint.folder.as_deref()));
        match outcome {
            Ok(mail) => self.accept(mail, &object),
            Err(why) => self.report(self.text, why.into_owned()),
        }
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\0' | '\u{feff}')
}

/// The value at the start of `text`, or why there is none and how far the parser came.
fn value_at(text: &str) -> Result<&str, (String, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(raw)) => Ok(raw.get()),
        Some(Err(error)) => {
            let reached = json::offset_of(text.as_bytes(), &error);
            Err((json::words(&error), reached))
        }
        None => Err((NO_CONTENT.into_owned(), text.len())),
    }
}

fn hash<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    let sum = sum.finalize();
    let half = sum.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}

/// Of a message with an id or a time: what does not change when it is worked on or copied.
fn identity(mail: &Foreign) -> String {
    let name = |raw: &Option<String>| {
        let raw = raw.as_deref()?;
        Some(canonical_name(raw).map_or_else(|| raw.to_owned(), |id| id.to_string()))
    };
    let when = mail.timestamp.map(|time| time.to_string());
    let parts = [
        mail.foreign_id.clone(),
        when,
        name(&mail.from),
        name(&mail.to),
    ];
    let parts = parts.map(Option::unwrap_or_default);
    hash(
        parts
            .iter()
            .map(String::as_bytes)
            .chain([mail.content.as_bytes()]),
    )
}

const FROM: &[&str] = &["from", "from_agent", "sender", "sender_id"];
const TO: &[&str] = &["to", "to_agent", "recipient", "recipient_id"];
const ID: &[&str] = &["id", "message_id", "queue_id", "task_id"];
const TIME: &[&str] = &["timestamp", "created_at", "completed_at"];
const CONTENT: &[&str] = &["content", "message", "body", "text", "prompt", "response"];

/// One object of any shape as a message.
fn foreign(outer: &Fields, hint: &Source, to: Option<&str>) -> Result<Foreign, Cow<'static, str>> {
    // A queue element wraps its message; what the wrapper says counts where the message says nothing.
    let wrapped = inner(outer, "message");
    let all: Vec<&Fields> = wrapped.iter().chain([outer]).collect();
    let find = |names: &[&str]| all.iter().find_map(|fields| named(fields, names));

    let said = all.iter().find_map(|fields| content_of(fields));
    let (content_raw, content) = match said {
        Some((raw, text)) => (Some(raw.get()), text),
        None => (None, task_text(outer).ok_or(NO_CONTENT)?),
    };
    let status = find(&["status"]).unwrap_or_default().to_ascii_lowercase();
    let queued = outer.get("queue_id").is_some();
    let foreign_id = find(ID);
    let time = TIME.iter().find_map(|name| {
        all.iter().find_map(|fields| {
            let written = scalar(fields.get(name)?)?;
            Some((*name, written.clone(), parse_time(&written)?))
        })
    });
    let own = all.iter().find_map(|fields| {
        let own = inner(fields, "metadata")?;
        let usable = !own.is_empty() && own.get("original").is_none();
        usable.then_some((fields.get("metadata")?.get(), own))
    });
    let priority = find(&["priority"]).or_else(|| named(&own.as_ref()?.1, &["priority"]));
    let written_mode = find(&["mode"]);
    let is_task = content_raw.is_none();
    let (mode, content) = urgency(
        written_mode.as_deref(),
        priority.as_deref(),
        is_task,
        content,
    );
    let (from, to_written) = (find(FROM), find(TO));

    // Of two values of one name, the wrapper's gets another name.
    let mut original = Map::new();
    for fields in &all {
        for (name, raw) in fields.iter() {
            let is = |part: Option<&str>| part.is_some_and(|part| std::ptr::eq(part, raw.get()));
            let says_it_all = match name {
                _ if is(content_raw) => raw.get().starts_with('"'),
                "message" => wrapped.is_some(),
                "metadata" => {
                    is(own.as_ref().map(|own| own.0)) || matches!(raw.get(), "{}" | "null")
                }
                "mode" => scalar(raw).as_deref() == Some(mode.as_str()),
                _ if FROM.contains(&name) => scalar(raw) == from,
                _ if TO.contains(&name) => scalar(raw) == to_written,
                _ if ID.contains(&name) => scalar(raw) == foreign_id,
                _ if TIME.contains(&name) => time.as_ref().is_some_and(|(used, written, _)| {
                    *used == name && Timestamp::parse(written).is_some()
                }),
                _ => false,
            };
            if says_it_all {
                continue;
            }
            let value = value(raw);
            match original.get(name) {
                Some(other) if *other != value => original.insert(format!("queue_{name}"), value),
                _ => original.insert(name.into(), value),
            };
        }
    }
    let own = own.map(|(_, own)| {
        own.iter()
            .map(|(name, raw)| (name.into(), value(raw)))
            .collect()
    });
    let sender = || hint.sender.clone().or_else(|| named(outer, &["agent_id"]));
    Ok(Foreign {
        from: from.or_else(sender),
        to: to_written.or_else(|| to.map(Into::into)),
        content,
        mode,
        foreign_id,
        timestamp: time.map(|(_, _, time)| time),
        handled: is_handled(&status, queued) || all.iter().any(|fields| says_handled(fields)),
        metadata: with_original(own.unwrap_or_default(), original),
        key: String::new(),
    })
}

fn with_original(
    mut metadata: Map<String, Value>,
    original: Map<String, Value>,
) -> Map<String, Value> {
    if !original.is_empty() {
        metadata.insert("original".into(), original.into());
    }
    metadata
}

fn is_array(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

fn inner<'a>(fields: &Fields<'a>, name: &str) -> Option<Fields<'a>> {
    Fields::parse(fields.get(name)?.get()).ok()
}

/// A string or a number that says something: templates left `null`, empty text and `{timestamp}`.
fn scalar(raw: &RawValue) -> Option<String> {
    let text = match raw.get().bytes().next()? {
        b'"' => json::string(raw.get())?.trim().to_owned(),
        b'-' | b'0'..=b'9' => raw.get().to_owned(),
        _ => return None,
    };
    let unfilled = text.starts_with('{') && text.ends_with('}');
    (!text.is_empty() && !unfilled).then_some(text)
}

fn named(fields: &Fields, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| scalar(fields.get(name)?))
}

/// Text that does not parse as a value, for half a surrogate pair in it, is kept as the text it is.
fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())
}

/// The content and the value it stands in.
fn content_of<'a>(fields: &Fields<'a>) -> Option<(&'a RawValue, String)> {
    CONTENT.iter().find_map(|name| {
        let raw = fields.get(name)?;
        let text = match raw.get().bytes().next()? {
            b'"' => json::string(raw.get())?.into_owned(),
            b'{' => {
                let object = Fields::parse(raw.get()).ok()?;
                let prose = ["prompt", "content", "text"]
                    .iter()
                    .find_map(|name| object.str(name));
                prose.map_or_else(|| compacted(raw), Cow::into_owned)
            }
            b'[' => compacted(raw),
            _ => return None,
        };
        let says_something = !text.trim().is_empty() && text != "{}" && text != "[]";
        says_something.then_some((raw, text))
    })
}

fn compacted(raw: &RawValue) -> String {
    let mut out = Vec::new();
    json::compact(&mut out, raw.get());
    String::from_utf8_lossy(&out).into_owned()
}

/// A task as an order: its title, its description, its steps.
fn task_text(fields: &Fields) -> Option<String> {
    let title = named(fields, &["title", "name"]);
    let description = named(fields, &["description"]);
    let mut parts: Vec<String> = title.into_iter().chain(description).collect();
    if parts.is_empty() {
        return None;
    }
    let steps: Vec<String> = list(fields, "tasks").flat_map(step_lines).collect();
    parts.extend((!steps.is_empty()).then(|| steps.join("\n")));
    let criteria: Vec<String> = list(fields, "success_criteria")
        .filter_map(bullet)
        .collect();
    if !criteria.is_empty() {
        parts.push(format!("Done when:\n{}", criteria.join("\n")));
    }
    let deadline = named(fields, &["deadline"]);
    parts.extend(deadline.map(|deadline| format!("Deadline: {deadline}")));
    Some(parts.join("\n\n"))
}

fn list<'a>(fields: &Fields<'a>, name: &str) -> impl Iterator<Item = &'a RawValue> + use<'a> {
    let raws: Vec<&'a RawValue> = fields
        .get(name)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    raws.into_iter()
}

fn bullet(raw: &RawValue) -> Option<String> {
    Some(format!("- {}", scalar(raw)?))
}

fn step_lines(raw: &RawValue) -> Vec<String> {
    let Ok(step) = Fields::parse(raw.get()) else {
        return bullet(raw).into_iter().collect();
    };
    let name = named(&step, &["description", "title", "name", "id"]);
    let below = list(&step, "steps")
        .filter_map(bullet)
        .map(|line| format!("  {line}"));
    name.map(|name| format!("- {name}"))
        .into_iter()
        .chain(below)
        .collect()
}

/// The one urgency word, and the content without the `[MODE] ` that said it. Numbers as priorities contradict
/// each other (0 was the most and the least urgent), so that they change nothing.
fn urgency(
    mode: Option<&str>,
    priority: Option<&str>,
    task: bool,
    content: String,
) -> (Mode, String) {
    // In lower case these say how it was delivered, not what it is for.
    let mode = mode.filter(|mode| !matches!(*mode, "sync" | "async" | "broadcast"));
    let said = mode.and_then(|mode| mode.parse::<Mode>().ok());
    let prefix = prefix_of(&content);
    let (mode, content) = match (said, prefix) {
        (None | Some(Mode::Normal), Some((mode, rest))) => (mode, rest.to_owned()),
        (Some(said), Some((mode, rest))) if said == mode => (mode, rest.to_owned()),
        (None, None) if task => (Mode::Task, content),
        (said, _) => (said.unwrap_or_default(), content),
    };
    let mode = match priority.map(str::to_ascii_lowercase).as_deref() {
        Some("urgent" | "high" | "critical") if mode.class() > Class::System => Mode::Priority,
        Some("low") if mode == Mode::Normal => Mode::Bulk,
        _ => mode,
    };
    (mode, content)
}

fn prefix_of(content: &str) -> Option<(Mode, &str)> {
    let (word, rest) = content.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    let upper = word.bytes().all(|b| b.is_ascii_uppercase());
    let mode = word.parse().ok().filter(|_| upper && !rest.is_empty())?;
    Some((mode, rest))
}

/// Delivered was the end in the queue, and the beginning everywhere else. What failed or timed out was not done.
fn is_handled(status: &str, queued: bool) -> bool {
    match status {
        "acknowledged" | "acked" | "response" | "processed" | "complete" | "completed" | "done"
        | "cancelled" | "discarded" => true,
        "delivered" => queued,
        _ => false,
    }
}

fn says_handled(fields: &Fields) -> bool {
    ["acknowledged", "processed", "handled"]
        .iter()
        .any(|name| fields.get(name).is_some_and(|raw| raw.get() == "true"))
}

/// Times without a zone.
const PLAIN_TIMES: [&str; 3] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y%m%d_%H%M%S",
];

/// Every spelling of a time that was written; one without a zone is taken as UTC.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let plain = PLAIN_TIMES
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_hms_opt(0, 0, 0)
        });
    if let Some(time) = plain {
        return Some(Timestamp::from_unix_ms(time.and_utc().timestamp_millis()));
    }
    seconds(text)
}

/// Unix seconds, whole or not; beyond the year 5138 they must be milliseconds.
fn seconds(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let ms = if number.abs() < 1e11 {
        number * 1000.0
    } else {
        number
    };
    // 1 … 9999-12-31; the fraction of a millisecond is below our clock.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (1.0..253_402_300_800_000.0)
        .contains(&ms)
        .then(|| Timestamp::from_unix_ms(ms.round() as i64))
}

/// The lines above a Markdown message.
#[derive(Default)]
struct Header {
    title: String,
    fields: Vec<(String, String)>,
}

impl Header {
    /// Whether the line belongs to the header.
    fn take(&mut self, line: &str) -> bool {
        let line = line.trim();
        if line.is_empty() || line == "---" {
            return true;
        }
        if self.fields.is_empty() && self.title.is_empty() && line.starts_with('#') {
            self.title = line.trim_start_matches('#').trim().into();
            return true;
        }
        match header_line(line) {
            Some(field) => {
                self.fields.push(field);
                true
            }
            None => false,
        }
    }

    fn object(self, content: String) -> String {
        let mut object = Map::new();
        if !self.title.is_empty() && self.title != content {
            object.insert("title".into(), self.title.into());
        }
        for (name, value) in self.fields {
            object.insert(name, value.into());
        }
        object.insert("content".into(), content.into());
        Value::Object(object).to_string()
    }
}

/// `From: x`, `**From**: x`, `- **Message ID:** x`. Any name in bold type, plain ones only where we know them.
fn header_line(line: &str) -> Option<(String, String)> {
    let line = line.trim_start_matches(['-', ' ']);
    let bold = line.starts_with("**");
    let line = if bold {
        line.trim_start_matches('*')
    } else {
        line.trim_start_matches('*').trim_start()
    };
    let (name, value) = line.split_once(':')?;
    let name = name
        .trim_matches(['*', ' '])
        .to_ascii_lowercase()
        .replace([' ', '-'], "_");
    let value = value.trim_matches(['*', ' ', '`']);
    let known = [
        "from",
        "to",
        "priority",
        "message_id",
        "timestamp",
        "date",
        "type",
        "mode",
        "status",
    ];
    let fits = known.contains(&name.as_str()) || (bold && name.len() <= 40 && !value.is_empty());
    let name = if name == "date" {
        "timestamp".into()
    } else {
        name
    };
    (fits && name != "content").then(|| (name, value.into()))
}

/// The id that a name of the original stands for: `Agent-1`, `agent1`, `1` and the daemon's `agent-agent-1` are
/// `agent-1`, `user#1` is `user`. `None` for what never was a name.
pub fn canonical_name(raw: &str) -> Option<AgentId> {
    let lower = raw.trim().to_lowercase();
    let lower = match lower.split_once('#') {
        Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) => return None,
        None => &lower,
    };
    let mut bare = lower;
    while let Some(rest) = bare.strip_prefix("agent") {
        let rest = rest.strip_prefix(['-', '_']).unwrap_or(rest);
        if !rest.starts_with("agent") && !is_number(rest) {
            break;
        }
        bare = rest;
    }
    if is_number(bare) {
        return AgentId::parse(&format!("agent-{bare}")).ok();
    }
    let written = lower
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !written || lower.ends_with(['-', '_']) || matches!(lower, "null" | "undefined") {
        return None;
    }
    AgentId::parse(bare).ok().filter(|id| {
        !id.is_reserved() || matches!(id.as_str(), crate::names::USER | crate::names::SYSTEM)
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// What a path says about a file of an imported tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    pub source: Source,
    /// It lies where the original put what was done.
    pub handled: bool,
}

/// Directories that are no agent's name.
const PLACES: &[&str] = &[
    "inbox",
    "outbox",
    "processed",
    "responses",
    "messages",
    "archive",
    "claimed",
    "complete",
    "failed",
    "new",
    "queue",
    "queues",
    "mailbox",
    "agent_mailboxes",
    "agent_memory",
    "agent_workspaces",
    "agent_comms",
    "agent_tools",
    "agent-bus",
    "bridge_outbox",
    "response_outbox",
    "corrupted",
    "runtime",
    "data",
    "dreamos",
];

/// Whose mail the file is, by its path (components joined with `/`; the more of them the better). `None`: not
/// mail. Handled files first: then a copy of them elsewhere is known already.
pub fn spot(path: &str) -> Option<Spot> {
    let mut dirs: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let file = dirs.pop()?;
    let dir = |n: usize| dirs.iter().rev().nth(n).copied().unwrap_or_default();
    let lower = file.to_ascii_lowercase();
    let (stem, extension) = lower.rsplit_once('.')?;
    let prose = is_prose(&lower);
    let backup = dirs.iter().any(|dir| dir.contains("_backup_"));
    let no_mail = [
        "status", "devlog", "sequence", "readme", "state", "tasks", "dead", "agents",
    ];
    if !(prose || extension == "json") || stem.is_empty() || backup || no_mail.contains(&stem) {
        return None;
    }
    let handled = [dir(0), dir(1)]
        .iter()
        .any(|dir| matches!(*dir, "processed" | "archive" | "complete"));
    // Above `processed/` everything is as it was before.
    let dirs: Vec<&str> = dirs
        .iter()
        .copied()
        .filter(|dir| !matches!(*dir, "processed" | "archive"))
        .collect();
    let dir = |n: usize| dirs.iter().rev().nth(n).copied().unwrap_or_default();
    let agent = |name: &str| {
        (!PLACES.contains(&name) && canonical_name(name).is_some()).then(|| name.to_owned())
    };
    let numbered =
        |name: &str| agent(name).filter(|name| name.ends_with(|c: char| c.is_ascii_digit()));
    let from_stem = |stem: &str| agent(stem.rsplit_once("_to_").map_or("", |(_, to)| to));

    let (folder, sender) = match (dir(1), dir(0)) {
        (_, _) if stem == "inbox" => (agent(dir(0)), None),
        (_, "responses") => (
            Some("captain".into()),
            stem.split_once('_').and_then(|(name, _)| numbered(name)),
        ),
        ("response_outbox", name) => (Some("captain".into()), agent(name)),
        (_, "bridge_outbox") => (Some(agent(stem)?), None),
        (_, "corrupted") => (stem.split_once('_').and_then(|(name, _)| agent(name)), None),
        ("agent-bus", "claimed" | "complete" | "failed") => (None, None),
        ("inbox", node) if agent(node).is_some() => (agent(node), None),
        (owner, "inbox") => (from_stem(stem).or_else(|| agent(owner)), None),
        ("mailbox" | "agent_mailboxes" | "agent_memory" | "agent_workspaces", name) => {
            (Some(agent(name)?), None)
        }
        ("queue", "messages") | (_, "messages" | "queue" | "queues") if !prose => (None, None),
        (_, "runtime" | "message_queue") if stem == "messages" || stem == "queue" => (None, None),
        (_, name) if stem.starts_with("message_") || stem.starts_with("msg_") => {
            (from_stem(stem).or_else(|| numbered(name)), None)
        }
        _ => return None,
    };
    Some(Spot {
        source: Source {
            file_name: file.into(),
            folder,
            sender,
        },
        handled,
    })
}
