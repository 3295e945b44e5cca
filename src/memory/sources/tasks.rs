//! The archives of tasks: each task as it ended, and each change of it that somebody gave a reason for.

use std::collections::VecDeque;

use serde_json::Value;

use super::found::{Found, made_id};
use super::lines::{At, Growing};
use super::source::{Skip, Source};
use crate::memory::error::Error;
use crate::names::AgentId;
use crate::root::Home;
use crate::store::Dir;
use crate::tasks::Record;
use crate::time::Timestamp;

pub(super) struct Archive {
    agent: AgentId,
    lines: Growing,
    ready: VecDeque<Found>,
    /// Behind the last task of which all was given out.
    told: At,
}

impl Archive {
    pub(super) fn open_all(
        home: &Home,
        place: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Vec<Self>, Error> {
        let dir = match Dir::of(home, &home.task_archive()) {
            Err(error) if error.is_absent() => return Ok(Vec::new()),
            other => other?,
        };
        let mut all = Vec::new();
        for file in dir.file_names()? {
            let agent = file.strip_suffix(".jsonl");
            let Some(agent) = agent.and_then(|it| AgentId::parse(it).ok()) else {
                continue;
            };
            let kept: Option<At> =
                place(&name(&agent)).and_then(|it| serde_json::from_value(it).ok());
            all.push(Self {
                agent,
                told: kept.clone().unwrap_or_default(),
                lines: Growing::open(&dir.path().join(&file), None, kept)?,
                ready: VecDeque::new(),
            });
        }
        Ok(all)
    }
}

fn name(agent: &AgentId) -> String {
    format!("tasks/{agent}")
}

impl Source for Archive {
    fn name(&self) -> String {
        name(&self.agent)
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                if self.ready.is_empty() {
                    self.told = self.lines.place();
                }
                return Ok(Some(found));
            }
            let path = self.lines.path.display().to_string();
            let Some(line) = self.lines.next()? else {
                self.told = self.lines.place();
                return Ok(None);
            };
            let (number, is_open) = (line.number, line.is_open);
            let record = line.text.and_then(|it| serde_json::from_slice(it).ok());
            match record.map(Record::of) {
                Some(record) => self.ready.extend(told(&self.agent, &record)),
                // A crash tore it: its task stands in the document still.
                None if is_open => return Ok(None),
                None => skip(Skip {
                    at: format!("{path}:{number}"),
                    why: "no task".into(),
                }),
            }
        }
    }

    fn place(&self) -> Value {
        serde_json::to_value(&self.told).expect("every key is text")
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.lines.progress()
    }
}

fn told(agent: &AgentId, record: &Record) -> Vec<Found> {
    let id = record.id();
    let time = |field: &str| record.str(field).and_then(Timestamp::parse);
    let history = record.history();
    let mut found = Vec::new();
    for change in &history {
        let Some(why) = change.why.as_deref().filter(|why| !why.trim().is_empty()) else {
            continue;
        };
        let key = made_id(
            "h-",
            &[id.as_bytes(), &change.rev.to_le_bytes(), why.as_bytes()],
        );
        let text = format!("{} {id}: {why}", change.what);
        let mut one = Found::new(key, change.at, &change.by, "task_change", text);
        one.note("task_id", id);
        one.note("rev", change.rev);
        found.push(one);
    }
    let last = history.last().map(|it| it.at);
    let at = time("completed_at").or(last).or_else(|| time("created_at"));
    let mut text = record.str("name").unwrap_or(id).to_owned();
    for field in ["description", "result", "error"] {
        if let Some(said) = record.str(field).filter(|it| !it.trim().is_empty()) {
            text.push_str(if field == "description" { ". " } else { "\n" });
            if field != "description" {
                text.push_str(field);
                text.push_str(": ");
            }
            text.push_str(said);
        }
    }
    let rev = record.rev().unwrap_or_default();
    let by = record.str("assigned_to").unwrap_or(agent.as_str());
    let key = made_id("k-", &[id.as_bytes(), &rev.to_le_bytes()]);
    let mut one = Found::new(key, at.unwrap_or_default(), by, "task", text);
    one.note("task_id", id);
    one.note("status", record.status().as_str());
    one.note("rev", rev);
    for field in ["created_at", "category", "priority"] {
        if let Some(value) = record.get(field) {
            one.note(field, value.clone());
        }
    }
    found.push(one);
    found
}
