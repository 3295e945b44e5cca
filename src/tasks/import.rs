//! The lists of tasks that the original wrote, in all their shapes, as tasks of ours. Pure.
//!
//! Bare arrays (`working_tasks.json`, `future_tasks.json`, `runtime/tasks.json`), objects of lists
//! (`{"TEST_FIX": [], …}`, `{"pending_tasks": [], "completed_tasks": []}`, `{"tasks": []}`), a text for each agent
//! (`{"Agent-1": "…"}`), one task alone. Names of things by word, by the word in capitals or by number. What a field of
//! theirs is none of ours for is kept in `data`.

use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::fields;
use super::id::TaskId;
use super::task::{Category, Priority, Status};
use super::verbs::NewTask;

/// What was made of a file. Each task has an id: the same file twice is the same tasks.
#[derive(Debug, Default, PartialEq)]
pub struct Foreign {
    pub tasks: Vec<NewTask>,
    /// Where something stood that is no task, and why it is none.
    pub unread: Vec<(String, String)>,
}

/// `assigned_to` is as they wrote it: whoever knows the agents says who that is.
pub fn read(text: &[u8]) -> Result<Foreign, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut foreign = Foreign::default();
    match value {
        Value::Array(items) => foreign.list("", items, &Map::new()),
        Value::Object(fields) if is_task(&fields) => {
            foreign.one("", Value::Object(fields), &Map::new());
        }
        Value::Object(fields) => foreign.lists(fields),
        other => return Err(format!("{other} is neither a list nor an object of tasks")),
    }
    Ok(foreign)
}

fn is_task(fields: &Map<String, Value>) -> bool {
    let has = |name: &str| fields.get(name).is_some_and(Value::is_string);
    has("task_id") || has("id") && (has("name") || has("description") || has("title"))
}

impl Foreign {
    fn lists(&mut self, fields: Map<String, Value>) {
        for (key, value) in fields {
            match value {
                Value::Array(items) => self.list(&key, items, &meaning(&key)),
                Value::String(text) if !text.trim().is_empty() => {
                    let task = json!({"description": text, "assigned_to": key});
                    self.one(&key, task, &Map::new());
                }
                Value::Object(fields) if is_task(&fields) => {
                    self.one(&key, Value::Object(fields), &Map::new());
                }
                // Of the file, not of a task.
                _ => {}
            }
        }
    }

    fn list(&mut self, key: &str, items: Vec<Value>, besides: &Map<String, Value>) {
        for (n, item) in items.into_iter().enumerate() {
            let place = match key {
                "" => format!("entry {}", n + 1),
                key => format!("{key}, entry {}", n + 1),
            };
            self.one(&place, item, besides);
        }
    }

    fn one(&mut self, place: &str, item: Value, besides: &Map<String, Value>) {
        match task(item, besides) {
            Ok(task) => self.tasks.push(task),
            Err(why) => self.unread.push((place.to_owned(), why)),
        }
    }
}

/// What the name of a list says of each task in it.
fn meaning(key: &str) -> Map<String, Value> {
    let mut besides = Map::new();
    let status = key.strip_suffix("_tasks").and_then(Status::parse);
    match status {
        Some(status) => drop(besides.insert("status".into(), status.as_str().into())),
        None if key != "tasks" => drop(besides.insert("type".into(), key.into())),
        None => {}
    }
    besides
}

fn task(item: Value, besides: &Map<String, Value>) -> Result<NewTask, String> {
    let Value::Object(mut theirs) = item else {
        return Err(format!("{item} is no object"));
    };
    for (key, value) in besides {
        theirs.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let unique = xxh3_64(Value::Object(theirs.clone()).to_string().as_bytes());
    let mut data = Map::new();
    let mut take = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| theirs.shift_remove(*name));
        let first = found.find(|value| !value.is_null());
        // A second name for the same thing says the same.
        found.for_each(drop);
        first
    };
    let theirs_id = take(&["id", "task_id"]);
    let name = take(&["name", "title"]);
    let description = take(&["description", "content"]);
    let category = take(&["category"]);
    let priority = take(&["priority"]);
    let status = take(&["status"]);
    let assigned = take(&["assigned_to", "agent_id", "agent"]);
    let kept: Vec<(&str, Option<Value>)> = [
        "dependencies",
        "deadline",
        "created_at",
        "started_at",
        "completed_at",
        "result",
        "error",
    ]
    .into_iter()
    .map(|field| (field, take(&[field])))
    .collect();
    for more in [take(&["data"]), take(&["metadata"])].into_iter().flatten() {
        match more {
            Value::Object(more) => data.extend(more),
            other => drop(data.insert("data".into(), other)),
        }
    }
    data.extend(theirs);

    let mut out = named(name.as_ref(), description.as_ref())?;
    let data_of = &mut data;
    word(
        &mut out,
        data_of,
        "category",
        category,
        |it| Category::parse(it).map(Category::as_str),
        &[],
    );
    word(
        &mut out,
        data_of,
        "priority",
        priority,
        |it| Priority::parse(it).map(Priority::as_str),
        &PRIORITIES,
    );
    word(
        &mut out,
        data_of,
        "status",
        status,
        |it| Status::parse(it).map(Status::as_str),
        &STATUSES,
    );
    if let Some(agent) = assigned {
        out.insert("assigned_to".into(), text(&agent).into());
    }
    for (field, value) in kept {
        let Some(value) = value else { continue };
        match fields::checked(field, &value) {
            Ok(Some(value)) => drop(out.insert(field.into(), value)),
            Ok(None) => {}
            Err(_) => drop(data.insert(field.into(), value)),
        }
    }
    let id = identified(theirs_id, unique, &mut data)?;
    if !data.is_empty() {
        out.insert("data".into(), data.into());
    }
    Ok(NewTask {
        id: Some(id),
        fields: out,
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The name, or the first line of what else it says, and the description.
fn named(name: Option<&Value>, description: Option<&Value>) -> Result<Map<String, Value>, String> {
    let said = |value: Option<&Value>| value.map(text).filter(|text| !text.trim().is_empty());
    let description = said(description);
    let Some(name) = said(name).or_else(|| description.clone()) else {
        return Err("it has neither a name nor a description".into());
    };
    let line = name.trim().lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST_NAME).collect();
    // What was cut off is not lost.
    let description = description.or_else(|| (short != name).then(|| name.clone()));
    let mut out = Map::from_iter([("name".to_owned(), Value::from(short))]);
    out.extend(description.map(|text| ("description".to_owned(), text.into())));
    Ok(out)
}

/// Their id, where it can be one of ours; else one that is made of all that they say.
fn identified(
    theirs: Option<Value>,
    unique: u64,
    data: &mut Map<String, Value>,
) -> Result<TaskId, String> {
    if let Some(theirs) = theirs {
        if let Ok(id) = TaskId::parse(&text(&theirs)) {
            return Ok(id);
        }
        data.insert("original_id".into(), theirs);
    }
    TaskId::parse(&format!("import-{unique:016x}")).map_err(|error| error.to_string())
}

/// Longer names are cut, and kept whole in the description.
const LONGEST_NAME: usize = 200;
/// By their numbers: LOW 0 … CRITICAL 3, and of the other list URGENT 4, CRITICAL 5.
const PRIORITIES: [&str; 6] = ["low", "medium", "high", "critical", "high", "critical"];
const STATUSES: [&str; 5] = ["pending", "running", "completed", "failed", "cancelled"];

/// One of our words, or what they wrote, kept in `data`.
fn word(
    out: &mut Map<String, Value>,
    data: &mut Map<String, Value>,
    field: &str,
    theirs: Option<Value>,
    parse: impl Fn(&str) -> Option<&'static str>,
    numbered: &[&'static str],
) {
    let Some(theirs) = theirs else { return };
    let ours = match &theirs {
        Value::String(word) => parse(word),
        other => {
            let at = other.as_u64().and_then(|at| usize::try_from(at).ok());
            at.and_then(|at| numbered.get(at).copied())
        }
    };
    match ours {
        Some(ours) => drop(out.insert(field.into(), ours.into())),
        None => drop(data.insert(field.into(), theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, Value)> {
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read.unread, []);
        let shown = |task: NewTask| (task.id.unwrap().to_string(), Value::Object(task.fields));
        read.tasks.into_iter().map(shown).collect()
    }

    #[test]
    fn the_lists_of_working_and_future_tasks() {
        let text = r#"[{"id":"0b9f6b1c-0000-4000-8000-000000000001","category":"system","name":"N","description":"",
            "priority":1,"status":"pending","created_at":"2025-06-09T15:37:07.410271","started_at":null,
            "completed_at":null,"error":null,"data":{"k":1},"dependencies":["x"],"assigned_to":null}]"#;
        assert_eq!(
            all(text),
            [(
                "0b9f6b1c-0000-4000-8000-000000000001".into(),
                json!({"name":"N","category":"system","priority":"medium","status":"pending","dependencies":["x"],
                    "created_at":"2025-06-09T15:37:07.410Z","data":{"k":1}})
            )]
        );
    }

    #[test]
    fn objects_of_lists_and_their_names() {
        assert_eq!(all(r#"{"TEST_FIX":[],"BLOCKER-TEST-DEBUG":[]}"#), []);
        let read = all(
            r#"{"pending_tasks":[{"id":"a","name":"A"}],"completed_tasks":[{"id":"b","name":"B"}],
                "TEST_FIX":[{"id":"c","description":"C"}],"tasks":[{"id":"TEST_FIX_001","type":"TEST_FIX",
                "description":"D","file":"f.py","error":"E","status":"pending"}]}"#,
        );
        let field = |n: usize, name: &str| read[n].1[name].clone();
        assert_eq!(
            (field(0, "status"), field(1, "status")),
            (json!("pending"), json!("completed"))
        );
        assert_eq!(field(2, "data"), json!({"type": "TEST_FIX"}));
        assert_eq!(read[3].0, "TEST_FIX_001");
        assert_eq!(
            field(3, "data"),
            json!({"type": "TEST_FIX", "file": "f.py"})
        );
        assert_eq!(
            (field(3, "name"), field(3, "error")),
            (json!("D"), json!("E"))
        );
    }

    #[test]
    fn the_list_of_the_runtime_by_names() {
        let read = all(
            r#"[{"name":"N","description":"D","agent_id":"Agent-1","status":"BLOCKED","priority":"URGENT",
                "task_id":"t-7","metadata":{"m":1},"result":{"r":1},"error":null,"created_at":"2025-06-09T15:37:07Z"},
               {"name":"O","status":"TIMEOUT","priority":"NORMAL","task_id":"not / an id"}]"#,
        );
        assert_eq!(read[0].0, "t-7");
        assert_eq!(
            read[0].1,
            json!({"name":"N","description":"D","priority":"high","status":"pending","assigned_to":"Agent-1",
                "created_at":"2025-06-09T15:37:07.000Z","result":{"r":1},"data":{"m":1}})
        );
        assert!(read[1].0.starts_with("import-"));
        assert_eq!(read[1].1["status"], "failed");
        assert_eq!(read[1].1["data"]["original_id"], "not / an id");
    }

    #[test]
    fn a_text_for_each_agent_and_a_task_alone() {
        let text = r#"{"Agent-1":"look at it\nsoon","Agent-2":""}"#;
        let read = all(text);
        assert_eq!(read.len(), 1);
        assert_eq!(
            read[0].1,
            json!({"name":"look at it","description":"look at it\nsoon","assigned_to":"Agent-1"})
        );
        assert_eq!(all(text), read, "the same file is the same tasks");
        let one = all(
            r#"{"task_id":"x1","priority":"high","type":"T","title":"Title","context":{"c":1},
            "tasks":[{"id":"s","description":"d","steps":[]}],"estimated_time":"2h","dependencies":[]}"#,
        );
        assert_eq!(one[0].1["name"], "Title");
        assert_eq!(one[0].1["data"]["tasks"][0]["id"], "s");
    }

    #[test]
    fn what_is_no_task_is_told_with_its_place() {
        let read = read(br#"{"tasks":[7,{"id":"a"},{"name":"x"}]}"#).unwrap();
        assert_eq!(read.tasks.len(), 1);
        assert_eq!(
            read.unread,
            [
                ("tasks, entry 1".into(), "7 is no object".into()),
                (
                    "tasks, entry 2".into(),
                    "it has neither a name nor a description".into()
                ),
            ]
        );
        assert!(super::read(b"7").is_err());
        assert!(super::read(b"[").unwrap_err().contains("line 1"));
    }
}
