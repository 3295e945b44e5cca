//! What people wrote into the documents, taken over: by the same rules as what programs are asked for. What breaks one
//! is named with its place, and nothing of that document is taken over or overwritten until it is mended.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::board::{Board, Stop};
use super::document::{self, Document, Fault};
use super::error::Error;
use super::fields;
use super::merge::{self, Conflict, Edit};
use super::record::{By, Note, Record};
use super::task::Status;
use crate::names::{AgentId, Channel, Event, Level, UNASSIGNED};

impl<'a> Board<'a> {
    pub(super) fn merge(&mut self, edited: Vec<(usize, Document<'a>)>) -> Result<(), Stop> {
        if edited.is_empty() {
            return Ok(());
        }
        let mut last = 0;
        for (page, document) in edited {
            last = page;
            self.merge_one(page, document)?;
        }
        // With all of them there: they may wait for one another.
        let cycle = self.graph().cycle();
        if let Some(ids) = cycle.map(|ids| ids.into_iter().map(Into::into).collect::<Vec<String>>())
        {
            let pages = ids.iter().filter_map(|id| self.find(id));
            let mut pages = pages.map(|at| self.entries[at].page);
            let page = pages
                .find(|&page| self.pages[page].is_changed)
                .unwrap_or(last);
            let first = ids[0].clone();
            return Err(self.stop(page, &first, &Error::Cycle { ids }));
        }
        self.must_know_dependencies()
    }

    fn merge_one(&mut self, page: usize, document: Document<'a>) -> Result<(), Stop> {
        let agent = self.pages[page].agent.clone();
        let texts: HashMap<&str, &str> = document
            .tasks
            .iter()
            .map(|(raw, task)| (&*task.id, *raw))
            .collect();
        let mut ours = Vec::new();
        let mut same = std::collections::HashSet::new();
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            if entry.page != page || self.find(&entry.task.id) != Some(at) {
                continue;
            }
            if self.is_written_as(at, texts.get(&*entry.task.id).copied()) {
                same.insert(entry.task.id.to_string());
            } else {
                ours.push(self.whole(at));
            }
        }
        let differing = document
            .tasks
            .iter()
            .filter(|(_, task)| !same.contains(&*task.id));
        let theirs = differing
            .map(|(raw, _)| Record::parse(raw))
            .collect::<Result<_, _>>();
        let theirs: Vec<Record> = theirs.map_err(|error| {
            let why = error.to_string();
            Stop::Fault(
                agent.clone(),
                Fault {
                    line: 1,
                    column: 1,
                    why,
                },
            )
        })?;
        let edits = merge::edits(&ours, theirs, document.rev);
        for (key, value) in document.keys {
            let keys = &mut self.pages[page].keys;
            match keys.iter_mut().find(|it| it.0 == key) {
                Some(known) => known.1 = value,
                None => keys.push((key, value)),
            }
        }
        let by = By::hand(
            self.texts
                .sheets
                .iter()
                .find(|it| it.agent == agent)
                .map_or(0, |it| it.uid),
        );
        for edit in edits {
            self.apply(page, edit, &by)?;
        }
        Ok(())
    }

    /// What was done to one task whose text was handed out.
    pub(super) fn edit_of(&self, at: usize, mut text: Record) -> Option<Edit> {
        text.in_our_words();
        merge::changed(&self.whole(at), &text)
    }

    pub(super) fn apply_one(&mut self, at: usize, edit: Edit, by: &By) -> Result<(), Error> {
        let page = self.entries[at].page;
        self.apply(page, edit, by).map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::Fault(_, fault) => Error::BadField {
                field: "the edited text".into(),
                why: fault.why,
                hint: Some("nothing was changed".into()),
            },
        })
    }

    /// What is wrong, at the place where the task stands.
    fn stop(&self, page: usize, id: &str, error: &Error) -> Stop {
        let agent = self.pages[page].agent.clone();
        let sheet = self.texts.sheets.iter().find(|it| it.agent == agent);
        let text = sheet.and_then(|it| it.text.as_deref()).unwrap_or_default();
        let read = document::parse(text).ok();
        let raw = read.and_then(|it| it.tasks.into_iter().find(|(_, task)| &*task.id == id));
        let (line, column) = raw.map_or((1, 1), |(raw, _)| document::place(text, raw));
        Stop::Fault(
            agent,
            Fault {
                line,
                column,
                why: format!("task {id}: {error}"),
            },
        )
    }

    fn apply(&mut self, page: usize, edit: Edit, by: &By) -> Result<(), Stop> {
        match edit {
            Edit::New(record) => self.appeared(page, &record, by),
            Edit::Changed {
                id,
                sets,
                conflicts,
            } => self.edited(page, &id, sets, conflicts, by),
            Edit::Removed { id } => self.removed(&id, by),
            Edit::Late(record) => self.late(&record, by),
        }
    }

    fn note<'n>(&self, what: &'n str, by: &'n By, why: Option<&str>) -> Note<'n> {
        Note {
            what,
            by,
            at: self.now,
            why: why.map(Into::into),
        }
    }

    fn appeared(&mut self, page: usize, text: &Record, by: &By) -> Result<(), Stop> {
        let id = text.id().to_owned();
        if let Some(owner) = self.owner(&id) {
            let place = format!("in {owner}.json");
            return Err(self.stop(
                page,
                &id,
                &Error::Exists {
                    id: id.clone(),
                    place,
                },
            ));
        }
        if let Some((owner, _)) = self.archived_one(&id)? {
            let place = format!("in the archive of {owner}");
            return Err(self.stop(
                page,
                &id,
                &Error::Exists {
                    id: id.clone(),
                    place,
                },
            ));
        }
        let agent = self.pages[page].agent.clone();
        let mut fields = text.fields().clone();
        if agent.as_str() != UNASSIGNED {
            let assigned = fields.entry("assigned_to").or_insert(Value::Null);
            if assigned.is_null() {
                *assigned = agent.as_str().into();
            }
        }
        let record = self
            .filled_in(&id, &fields, by)
            .map_err(|error| self.stop(page, &id, &error))?;
        let target = self.page_for(&record)?;
        let at = self.add(target, record, self.note("create", by, None))?;
        self.announce(at, &AgentId::user());
        self.say(Level::Info, "task.edited", at, "written by hand");
        Ok(())
    }

    fn edited(
        &mut self,
        page: usize,
        id: &str,
        sets: Vec<(String, Option<Value>)>,
        mut conflicts: Vec<Conflict>,
        by: &By,
    ) -> Result<(), Stop> {
        let Some(at) = self.find(id) else {
            return Ok(());
        };
        let mut checked = Vec::new();
        for (field, value) in sets {
            let value = value.as_ref().unwrap_or(&Value::Null);
            let value = fields::checked(&field, value).map_err(|e| self.stop(page, id, &e))?;
            if field == "assigned_to" {
                self.must_exist(value.as_ref())
                    .map_err(|error| self.stop(page, id, &error))?;
            }
            if field == "status" {
                let now = self.entries[at].task.status;
                let new = value
                    .as_ref()
                    .and_then(Value::as_str)
                    .and_then(Status::parse);
                let new = new.unwrap_or_default();
                let waits = new != Status::Cancelled && !self.is_free(at);
                let is_legal = now.may_become(new) || now == Status::Pending && new.is_over();
                if now == new {
                    continue;
                }
                if !is_legal || (waits && new != Status::Pending) {
                    conflicts.push(Conflict {
                        field,
                        ours: now.as_str().into(),
                        by_hand: new.as_str().into(),
                    });
                    continue;
                }
                checked.extend(self.times_of(new));
                if new != Status::Running {
                    self.release(at);
                }
            }
            checked.push((field, value));
        }
        let known = self.whole(at);
        let known = known.get("conflicts").and_then(Value::as_array);
        let known = known.cloned().unwrap_or_default();
        // His text may come again before he has read ours.
        conflicts.retain(|it| {
            !known.iter().any(|known| {
                known["field"] == it.field
                    && known["ours"] == it.ours
                    && known["by_hand"] == it.by_hand
            })
        });
        if checked.is_empty() && conflicts.is_empty() {
            return Ok(());
        }
        if !conflicts.is_empty() {
            let noted = conflicts.iter().map(|conflict| {
                json!({"field": conflict.field, "ours": conflict.ours, "by_hand": conflict.by_hand, "at": self.now})
            });
            let mut all = known;
            all.extend(noted);
            checked.push(("conflicts".into(), Some(all.into())));
            for Conflict {
                field,
                ours,
                by_hand,
            } in &conflicts
            {
                self.wake.warnings.push(format!(
                    "{id}: {field} was changed by hand to {by_hand}, and is {ours} here: both are kept, see `taskctl show {id}`"
                ));
            }
            self.say(
                Level::Warn,
                "task.conflict",
                at,
                "changed by hand and by a program",
            );
        }
        let assigned = checked
            .iter()
            .find(|(field, _)| field == "assigned_to")
            .cloned();
        let note = self.note("edit", by, None);
        let at = if let Some((_, new)) = assigned {
            let agent = new.as_ref().and_then(Value::as_str).unwrap_or(UNASSIGNED);
            let agent = AgentId::parse(agent).expect("it was looked at");
            let at = self.move_to(at, &agent, note, checked)?;
            self.announce(at, &AgentId::user());
            at
        } else {
            self.change(at, note, checked)?;
            at
        };
        self.say(Level::Info, "task.edited", at, "changed by hand");
        Ok(())
    }

    /// It goes where what is over goes: whoever did not mean it finds it there.
    fn removed(&mut self, id: &str, by: &By) -> Result<(), Stop> {
        let Some(at) = self.find(id) else {
            return Ok(());
        };
        if self.entries[at].task.status.is_over() {
            return Ok(());
        }
        let note = self.note("cancel", by, Some("removed by hand"));
        let mut sets = self.times_of(Status::Cancelled);
        sets.push(("status".into(), Some("cancelled".into())));
        self.release(at);
        self.change(at, note, sets)?;
        self.say(Level::Info, "task.cancelled", at, "removed by hand");
        Ok(())
    }

    /// The text is older than the way that its task went: what was changed in it still counts, where the task is.
    fn late(&mut self, text: &Record, by: &By) -> Result<(), Stop> {
        if let Some(at) = self.find(text.id()) {
            let page = self.entries[at].page;
            let edit = merge::changed(&self.whole(at), text);
            return edit.map_or(Ok(()), |edit| self.apply(page, edit, by));
        }
        let Some((owner, record)) = self.archived_one(text.id())? else {
            // Nobody knows where it went: it is not lost for that.
            let page = self.page_for(text)?;
            return self.appeared(page, text, by);
        };
        if let Some(Edit::Changed { sets, .. }) = merge::changed(&record, text) {
            let fields: Vec<_> = sets.iter().map(|(field, _)| field.as_str()).collect();
            self.wake.warnings.push(format!(
                "{id} is over and in the archive of {owner}: what was changed of it by hand ({}) was not taken over",
                fields.join(", "),
                id = text.id(),
            ));
        }
        Ok(())
    }

    pub(super) fn say(&mut self, level: Level, event: &'static str, at: usize, what: &str) {
        let task = &self.entries[at].task;
        self.wake.events.push(Event {
            channel: Channel::Tasks,
            level,
            event: event.into(),
            msg: format!("{} {what}", task.id),
            agent: task
                .assigned_to
                .as_deref()
                .and_then(|id| AgentId::parse(id).ok()),
            id: None,
            fields: vec![("task".into(), task.id.to_string().into())],
        });
    }

    /// Of edits by hand: programs are refused before.
    fn must_know_dependencies(&mut self) -> Result<(), Stop> {
        let mut unknown = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let is_news =
                self.pages[entry.page].is_changed && self.find(&entry.task.id) == Some(at);
            if is_news && !entry.task.status.is_over() {
                let missing = entry
                    .task
                    .dependencies
                    .iter()
                    .filter(|on| self.find(on).is_none());
                unknown.extend(
                    missing.map(|on| (entry.page, entry.task.id.to_string(), on.to_string())),
                );
            }
        }
        for (page, id, on) in unknown {
            if !self.fetch(&on)? {
                let error = Error::NoDependency { id: id.clone(), on };
                return Err(self.stop(page, &id, &error));
            }
        }
        Ok(())
    }
}
