//! Fragments that somebody else wrote, one a line: `id` or `memory_id`, `timestamp`, `agent_id`, `type`, `content`,
//! `context`, and whatever else he likes, which is kept.

use std::path::Path;

use serde_json::{Map, Value};

use super::found::{Found, made_id};
use super::lines::{At, Growing};
use super::source::{Skip, Source};
use super::text::name;
use crate::memory::error::Error;
use crate::memory::line::{instant, is_id};
use crate::time::Timestamp;

/// What is made anew of every memory here, whoever said it of it elsewhere.
const OURS: [&str; 5] = [
    "ingested_at",
    "insights",
    "connections",
    "narrative_weight",
    "template",
];

pub(super) struct Given {
    name: String,
    lines: Growing,
    agent: Option<String>,
    last: Option<Timestamp>,
    fallback: Timestamp,
}

impl Given {
    pub(super) fn open(
        path: &Path,
        stream: Option<Box<dyn std::io::Read + Send>>,
        agent: Option<String>,
        place: &dyn Fn(&str) -> Option<Value>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let name = name(path);
        let kept = place(&name).filter(|_| stream.is_none());
        let kept: Option<At> = kept.and_then(|it| serde_json::from_value(it).ok());
        let lines = Growing::open(path, stream, kept)?;
        let fallback = lines.modified().unwrap_or(now);
        Ok(Self {
            name,
            lines,
            agent,
            last: None,
            fallback,
        })
    }
}

impl Source for Given {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        self.lines.lost().into_iter().for_each(&mut *skip);
        loop {
            let path = self.lines.path.display().to_string();
            let Some(line) = self.lines.next()? else {
                return Ok(None);
            };
            let (number, is_open) = (line.number, line.is_open);
            let read = match line.text {
                None => Err("a line of more than 256 KiB".to_owned()),
                Some(text) if text.trim_ascii().is_empty() => continue,
                Some(text) => fragment(text, self.agent.as_deref(), self.last),
            };
            match read {
                Ok(mut found) => {
                    if found.at == Timestamp::default() {
                        found.at = self.last.unwrap_or(self.fallback);
                    }
                    self.last = Some(found.at);
                    return Ok(Some(found));
                }
                // Whoever writes it has not done yet.
                Err(_) if is_open => return Ok(None),
                Err(why) => skip(Skip {
                    at: format!("{path}:{number}"),
                    why,
                }),
            }
        }
    }

    fn place(&self) -> Value {
        serde_json::to_value(self.lines.place()).expect("every key is text")
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.lines.progress()
    }
}

fn fragment(line: &[u8], agent: Option<&str>, last: Option<Timestamp>) -> Result<Found, String> {
    let text = std::str::from_utf8(line).map_err(|_| "no UTF-8".to_owned())?;
    let fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("no JSON object: {error}"))?;
    of_fields(fields, None, agent, last)
}

/// A memory as somebody else wrote it; `key` is its name where that stands before it.
pub(super) fn of_fields(
    mut fields: Map<String, Value>,
    key: Option<&str>,
    agent: Option<&str>,
    last: Option<Timestamp>,
) -> Result<Found, String> {
    for name in OURS {
        fields.shift_remove(name);
    }
    let mut text = |names: &[&str]| {
        let mut found = None;
        for name in names {
            if let Some(Value::String(text)) = fields.get(*name)
                && found.is_none()
            {
                found = Some(text.clone());
                fields.shift_remove(*name);
            }
        }
        found
    };
    let said = text(&["content"]).ok_or("it has no content")?;
    let who = text(&["agent_id", "agent", "from"]);
    let kind = text(&["type", "kind"]);
    let id = text(&["memory_id", "id"]);
    let time = fields.shift_remove("timestamp");
    let at = time.as_ref().and_then(instant);
    if at.is_none() && time.as_ref().is_some_and(|it| !it.is_null()) {
        return Err(format!(
            "its timestamp {} is no time",
            time.unwrap_or_default()
        ));
    }
    let context = match fields.shift_remove("context") {
        Some(Value::Object(context)) => context,
        _ => Map::new(),
    };
    let id = id.or_else(|| key.map(str::to_owned));
    if let Some(id) = &id
        && !is_id(id)
    {
        return Err("its id is no text on one line of at most 256 bytes".into());
    }
    let who = who.as_deref().or(agent).unwrap_or("unknown");
    let kind = kind.as_deref().unwrap_or("note");
    let is_named = id.is_some();
    let id = id.unwrap_or_else(|| {
        let at = at.unwrap_or_default().unix_ms();
        made_id(
            "n-",
            &[
                &at.to_le_bytes(),
                who.as_bytes(),
                kind.as_bytes(),
                said.as_bytes(),
            ],
        )
    });
    let mut found = Found::new(
        id,
        at.or(last).unwrap_or_default(),
        who,
        kind,
        String::new(),
    );
    found.context = context;
    found.content = said;
    found.cut();
    found.rest = fields;
    found.may_change = is_named;
    if at.is_none() {
        found.note("undated", true);
    }
    Ok(found)
}
