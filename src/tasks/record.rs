//! One task whole, for whoever changes it: every field, the unknown ones too, and the history of every change.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::print;
use super::task::{Status, Task};
use crate::names::{AgentId, Caller};
use crate::time::Timestamp;

/// In this order they are written; what we do not know stands before the last three.
pub(super) const ORDER: [&str; 26] = [
    "id",
    "name",
    "description",
    "category",
    "priority",
    "status",
    "progress",
    "assigned_to",
    "dependencies",
    "capabilities",
    "deadline",
    "schedule",
    "run",
    "retries",
    "timeout",
    "data",
    "created_at",
    "started_at",
    "completed_at",
    "result",
    "error",
    "conflicts",
    "",
    "outbox",
    "rev",
    "history",
];
/// Those that no person changes by changing the text.
pub(super) const OURS: [&str; 5] = ["id", "conflicts", "outbox", "rev", "history"];
/// So many of the last changes stand in the document.
pub(super) const MOST_HISTORY: usize = 20;
/// Of a list of fields.
const INDENT: usize = 6;

/// Who changed something, and which way he came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub who: String,
    pub uid: u32,
    pub incarnation: Option<String>,
}

impl From<&Caller> for By {
    fn from(caller: &Caller) -> Self {
        Self {
            who: caller.agent.to_string(),
            uid: caller.uid,
            incarnation: caller.incarnation.clone(),
        }
    }
}

impl By {
    /// An edit of the text.
    pub(super) fn hand(uid: u32) -> Self {
        Self {
            who: "hand".into(),
            uid,
            incarnation: None,
        }
    }
}

/// One entry of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub rev: u64,
    pub at: Timestamp,
    pub by: String,
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Each field that changed: what it was, what it became.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub changes: Map<String, Value>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    fields: Map<String, Value>,
}

/// What one change says of itself.
#[derive(Clone, Debug)]
pub(super) struct Note<'a> {
    pub(super) what: &'a str,
    pub(super) by: &'a By,
    pub(super) at: Timestamp,
    pub(super) why: Option<String>,
}

impl Record {
    pub(super) fn new(id: &str) -> Self {
        Self {
            fields: Map::from_iter([("id".to_owned(), id.into())]),
        }
    }

    pub fn of(fields: Map<String, Value>) -> Self {
        Self { fields }
    }

    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self::of)
    }

    pub fn id(&self) -> &str {
        self.str("id").unwrap_or_default()
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub fn str(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    pub fn rev(&self) -> Option<u64> {
        self.get("rev").and_then(Value::as_u64)
    }

    pub fn status(&self) -> Status {
        self.str("status")
            .and_then(Status::parse)
            .unwrap_or_default()
    }

    /// How often it is tried again after a failure, where it says so.
    pub(super) fn retries(&self) -> Option<u32> {
        let retries = self.get("retries")?.as_u64()?;
        Some(u32::try_from(retries).unwrap_or(u32::MAX))
    }

    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// As the rules see it.
    pub fn task(&self) -> Result<Task<'static>, serde_json::Error> {
        let text = serde_json::to_string(&self.fields)?;
        serde_json::from_str::<Task<'_>>(&text).map(Task::into_owned)
    }

    pub fn assigned_to(&self) -> Option<AgentId> {
        self.str("assigned_to")
            .and_then(|id| AgentId::parse(id).ok())
    }

    /// What stands of its history here, oldest first; entries of another shape are nobody's.
    pub fn history(&self) -> Vec<Change> {
        let entries = self.get("history").and_then(Value::as_array);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let read = |entry: &Value| Change::deserialize(entry).ok();
        entries.iter().filter_map(read).collect()
    }

    /// Takes a value, or nothing, for a field, without a word in the history.
    pub(super) fn put(&mut self, field: &str, value: Option<Value>) {
        match value.filter(|value| !value.is_null()) {
            Some(value) => drop(self.fields.insert(field.to_owned(), value)),
            None => drop(self.fields.shift_remove(field)),
        }
    }

    /// Changes fields and says so in the history. `None` where all of them were so already; otherwise the entries
    /// for which there is no room here any more.
    pub(super) fn change(
        &mut self,
        note: Note<'_>,
        rev: u64,
        sets: impl IntoIterator<Item = (String, Option<Value>)>,
    ) -> Option<Vec<Value>> {
        let mut changes = Map::new();
        for (field, new) in sets {
            let new = new.unwrap_or(Value::Null);
            let old = self.get(&field).cloned().unwrap_or(Value::Null);
            if old == new {
                continue;
            }
            self.put(&field, Some(new.clone()));
            changes.insert(field, Value::Array(vec![old, new]));
        }
        if changes.is_empty() {
            return None;
        }
        Some(self.tell(note, rev, changes))
    }

    /// Adds an entry to the history, with no change or with these.
    pub(super) fn tell(
        &mut self,
        note: Note<'_>,
        rev: u64,
        changes: Map<String, Value>,
    ) -> Vec<Value> {
        let change = Change {
            rev,
            at: note.at,
            by: note.by.who.clone(),
            what: note.what.into(),
            uid: Some(note.by.uid),
            incarnation: note.by.incarnation.clone(),
            why: note.why,
            changes,
            extra: Map::new(),
        };
        self.put("rev", Some(rev.into()));
        let entry = serde_json::to_value(change).expect("every key is text");
        let history = self.fields.entry("history").or_insert(Value::Null);
        if !history.is_array() {
            *history = Value::Array(Vec::new());
        }
        let entries = history.as_array_mut().expect("it was made one");
        entries.push(entry);
        let old = entries.len().saturating_sub(MOST_HISTORY);
        entries.drain(..old).collect()
    }

    /// As it stood at `rev`, where its history reaches back so far.
    pub(super) fn at(&self, rev: u64) -> Option<Self> {
        if self.rev()? == rev {
            return Some(self.clone());
        }
        let history = self.history();
        // The entry of that time itself must be there, or one is missing between.
        history.iter().find(|change| change.rev == rev)?;
        let mut past = self.clone();
        for change in history.iter().rev().take_while(|change| change.rev > rev) {
            for (field, values) in &change.changes {
                past.put(field, values.get(0).cloned());
            }
        }
        past.put("rev", Some(rev.into()));
        Some(past)
    }

    /// As a person edits it: without what only programs write.
    pub fn text(&self) -> String {
        let shown = |field: &str| field == "id" || !OURS.contains(&field);
        let mut out = String::new();
        for (field, value) in self.ordered().into_iter().filter(|(field, _)| shown(field)) {
            out.push_str(if out.is_empty() { "{\n  " } else { ",\n  " });
            print::field(&mut out, field, value, 2);
        }
        out.push_str("\n}\n");
        out
    }

    /// The fields in the order in which they are written.
    fn ordered(&self) -> Vec<(&str, &Value)> {
        let place = |field: &str| {
            let known = ORDER.iter().position(|it| *it == field);
            known.unwrap_or(ORDER.len() - 4)
        };
        let fields = self.fields.iter();
        let mut fields: Vec<_> = fields
            .map(|(field, value)| (field.as_str(), value))
            .collect();
        fields.sort_by_key(|(field, _)| place(field));
        fields
    }

    /// As it stands in a document, indented as there.
    pub(super) fn print(&self) -> String {
        let fields = self.ordered();
        let mut out = String::with_capacity(512);
        out.push('{');
        for (n, (field, value)) in fields.into_iter().enumerate() {
            out.push_str(if n == 0 { "\n" } else { ",\n" });
            out.extend(std::iter::repeat_n(' ', INDENT));
            match value {
                Value::Array(entries) if field == "history" && !entries.is_empty() => {
                    history(&mut out, entries);
                }
                _ => print::field(&mut out, field, value, INDENT),
            }
        }
        out.push_str("\n    }");
        out
    }

    /// On one line, as it stands in an archive.
    pub(super) fn line(&self) -> String {
        let mut line = serde_json::to_string(&self.fields).expect("every key is text");
        line.push('\n');
        line
    }
}

/// One change a line, however long.
fn history(out: &mut String, entries: &[Value]) {
    out.push_str("\"history\": [");
    for (n, entry) in entries.iter().enumerate() {
        out.push_str(if n == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n(' ', INDENT + 2));
        out.push_str(&entry.to_string());
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', INDENT));
    out.push(']');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by() -> By {
        By {
            who: "agent-1".into(),
            uid: 1000,
            incarnation: None,
        }
    }

    fn note<'a>(what: &'a str, by: &'a By, ms: i64) -> Note<'a> {
        Note {
            what,
            by,
            at: Timestamp::from_unix_ms(ms),
            why: None,
        }
    }

    fn set(field: &str, value: Value) -> Vec<(String, Option<Value>)> {
        vec![(field.into(), Some(value))]
    }

    #[test]
    fn the_history_tells_every_change_and_leads_back_to_each() {
        let mut record =
            Record::parse(r#"{"id":"a","name":"x","theirs":{"k":1},"rev":1}"#).unwrap();
        record.tell(note("create", &by(), 1), 1, Map::new());
        let mut past = vec![record.clone()];
        for rev in 2..15_u64 {
            let changed = record.change(
                note("set", &by(), 5),
                rev,
                set(if rev % 2 == 0 { "name" } else { "theirs" }, json!(rev)),
            );
            assert_eq!(changed, Some(vec![]));
            past.push(record.clone());
        }
        assert_eq!(
            record.change(note("set", &by(), 6), 99, set("name", json!(14))),
            None
        );
        for (before, rev) in past.iter().zip(1..) {
            let then = record.at(rev).unwrap();
            assert_eq!(then.get("name"), before.get("name"));
            assert_eq!(then.get("theirs"), before.get("theirs"));
        }
        assert_eq!(record.at(99), None);
    }

    #[test]
    fn what_has_no_room_any_more_is_handed_out_oldest_first() {
        let mut record = Record::new("a");
        let mut out = Vec::new();
        for rev in 1..=25_u64 {
            out.extend(record.tell(note("set", &by(), 1), rev, Map::new()));
        }
        let revs: Vec<_> = out.iter().map(|it| it["rev"].as_u64().unwrap()).collect();
        assert_eq!(revs, [1, 2, 3, 4, 5]);
        assert_eq!(record.history().len(), MOST_HISTORY);
        assert_eq!(record.at(5), None, "nobody knows any more");
    }

    #[test]
    fn it_is_written_in_the_order_of_the_contract_with_unknown_fields_before_the_history() {
        let mut record =
            Record::parse(r#"{"rev":1,"theirs":[1],"status":"pending","id":"a","name":"x"}"#)
                .unwrap();
        record.tell(note("create", &by(), 1), 2, Map::new());
        assert_eq!(
            record.print(),
            r#"{
      "id": "a",
      "name": "x",
      "status": "pending",
      "theirs": [1],
      "rev": 2,
      "history": [
        {"rev":2,"at":"1970-01-01T00:00:00.001Z","by":"agent-1","what":"create","uid":1000}
      ]
    }"#
        );
        assert_eq!(Record::parse(&record.print()).unwrap(), record);
        assert_eq!(
            record.text(),
            "{\n  \"id\": \"a\",\n  \"name\": \"x\",\n  \"status\": \"pending\",\n  \"theirs\": [1]\n}\n"
        );
    }
}
