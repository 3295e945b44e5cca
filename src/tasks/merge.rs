//! What a person did to the text while programs changed it too: field by field, three ways. Pure.
//!
//! Of every task a person had some version before him; the history of ours tells which. Where only one side changed
//! a field its value stands; where both did, ours stands, and his is kept beside it.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::record::{OURS, Record};
use super::task::{Category, Priority, Status};

/// Both sides changed the same thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    /// `data.key` of what lies deeper.
    pub(super) field: String,
    pub(super) ours: Value,
    pub(super) by_hand: Value,
}

/// What becomes of one task.
#[derive(Debug, PartialEq)]
pub(super) enum Edit {
    New(Record),
    /// Programs have taken it away since he read it.
    Late(Record),
    Changed {
        id: String,
        sets: Vec<(String, Option<Value>)>,
        conflicts: Vec<Conflict>,
    },
    Removed {
        id: String,
    },
}

/// `seen` is the version of the document that the text was made from, where it says so.
pub(super) fn edits(ours: &[Record], theirs: Vec<Record>, seen: Option<u64>) -> Vec<Edit> {
    let known: HashMap<&str, &Record> = ours.iter().map(|it| (it.id(), it)).collect();
    let mut edits = Vec::new();
    let mut present = HashSet::new();
    for mut text in theirs {
        text.in_our_words();
        present.insert(text.id().to_owned());
        match known.get(text.id()) {
            Some(ours) => edits.extend(changed(ours, &text)),
            // It bears our number: it was here once, and he had it before him.
            None if text
                .rev()
                .is_some_and(|rev| seen.is_some_and(|seen| rev <= seen)) =>
            {
                edits.push(Edit::Late(text));
            }
            None => edits.push(Edit::New(text)),
        }
    }
    for task in ours {
        let was_seen = seen.is_some_and(|seen| arrived(task).is_some_and(|rev| rev <= seen));
        if was_seen && !present.contains(task.id()) {
            edits.push(Edit::Removed {
                id: task.id().to_owned(),
            });
        }
    }
    edits
}

/// The version of the document in which a task was first, as far back as its history tells.
fn arrived(task: &Record) -> Option<u64> {
    let history = task.history();
    let came = |what: &str| matches!(what, "create" | "import" | "assign" | "reopen" | "fetch");
    let arrival = history.iter().rev().find(|change| came(&change.what));
    arrival.or(history.first()).map(|change| change.rev)
}

/// What he did to one task, if anything.
pub(super) fn changed(ours: &Record, text: &Record) -> Option<Edit> {
    let seen = text.rev().and_then(|rev| ours.at(rev));
    // Of a version older than its history nobody knows what he changed: both stay.
    let is_forgotten = text.rev().is_some() && seen.is_none();
    let base = seen.as_ref().unwrap_or(ours);
    let mut sets = Vec::new();
    let mut conflicts = Vec::new();
    let mut fields: Vec<&String> = base.fields().keys().collect();
    fields.extend(
        text.fields()
            .keys()
            .filter(|it| !base.fields().contains_key(*it)),
    );
    for field in fields {
        if OURS.contains(&field.as_str()) {
            continue;
        }
        let (was, his) = (base.get(field), text.get(field));
        let now = ours.get(field);
        if is_forgotten && his != now {
            conflicts.push(Conflict {
                field: field.clone(),
                ours: now.cloned().unwrap_or(Value::Null),
                by_hand: his.cloned().unwrap_or(Value::Null),
            });
            continue;
        }
        let merged = merge(field, was, now, his, &mut conflicts);
        if merged.as_ref() != now {
            sets.push((field.clone(), merged));
        }
    }
    (!sets.is_empty() || !conflicts.is_empty()).then(|| Edit::Changed {
        id: ours.id().to_owned(),
        sets,
        conflicts,
    })
}

fn merge(
    field: &str,
    was: Option<&Value>,
    now: Option<&Value>,
    his: Option<&Value>,
    conflicts: &mut Vec<Conflict>,
) -> Option<Value> {
    if his == was || his == now {
        return now.cloned();
    }
    if now == was {
        return his.cloned();
    }
    match (was, now, his) {
        (was, Some(Value::Object(now)), Some(Value::Object(his))) => {
            let none = Map::new();
            let was = was.and_then(Value::as_object).unwrap_or(&none);
            let mut merged = Map::new();
            let new = his.keys().filter(|key| !now.contains_key(*key));
            for key in now.keys().chain(new) {
                let deeper = format!("{field}.{key}");
                let value = merge(&deeper, was.get(key), now.get(key), his.get(key), conflicts);
                if let Some(value) = value {
                    merged.insert(key.clone(), value);
                }
            }
            Some(Value::Object(merged))
        }
        (was, Some(Value::Array(now)), Some(Value::Array(his)))
            if matches!(field, "dependencies" | "capabilities") =>
        {
            let none = Vec::new();
            let was = was.and_then(Value::as_array).unwrap_or(&none);
            let kept = now
                .iter()
                .filter(|it| his.contains(it) || !was.contains(it));
            let added = his
                .iter()
                .filter(|it| !now.contains(it) && !was.contains(it));
            Some(kept.chain(added).cloned().collect())
        }
        _ => {
            conflicts.push(Conflict {
                field: field.to_owned(),
                ours: now.cloned().unwrap_or(Value::Null),
                by_hand: his.cloned().unwrap_or(Value::Null),
            });
            now.cloned()
        }
    }
}

impl Record {
    /// "HIGH" and 2 are "high"; what is no word of ours stays as it is.
    pub(super) fn in_our_words(&mut self) {
        fn spelled<T: DeserializeOwned + Serialize>(value: &Value) -> Option<Value> {
            let word: T = serde_json::from_str(&value.to_string()).ok()?;
            serde_json::to_value(word).ok()
        }
        let ours = [
            (
                "category",
                self.get("category").and_then(spelled::<Category>),
            ),
            (
                "priority",
                self.get("priority").and_then(spelled::<Priority>),
            ),
            ("status", self.get("status").and_then(spelled::<Status>)),
        ];
        for (field, word) in ours {
            if word.is_some() {
                self.put(field, word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::record::{By, Note};
    use super::*;
    use crate::time::Timestamp;

    fn record(value: &Value) -> Record {
        Record::parse(&value.to_string()).unwrap()
    }

    fn by() -> By {
        By::hand(0)
    }

    fn note<'a>(what: &'a str, by: &'a By) -> Note<'a> {
        Note {
            what,
            by,
            at: Timestamp::from_unix_ms(0),
            why: None,
        }
    }

    fn made(value: &Value, rev: u64) -> Record {
        let mut made = record(value);
        made.tell(note("create", &by()), rev, Map::new());
        made
    }

    fn set(record: &mut Record, rev: u64, field: &str, value: Value) {
        let by = by();
        let sets = [(field.to_owned(), Some(value))];
        record.change(note("set", &by), rev, sets).unwrap();
    }

    #[test]
    fn each_side_s_change_stands_and_a_field_that_both_changed_keeps_both() {
        let before = made(
            &json!({"id":"a","name":"x","priority":"low","data":{"k":1,"l":1}}),
            1,
        );
        let mut his = before.clone();
        his.put("name", Some("his".into()));
        his.put("priority", Some("HIGH".into()));
        his.put("theirs", Some(json!([1])));
        his.put("data", Some(json!({"k":2,"l":1,"m":1})));
        his.put("dependencies", Some(json!(["x"])));
        his.put("history", None);
        let mut ours = before.clone();
        set(&mut ours, 2, "priority", "critical".into());
        set(&mut ours, 3, "status", "running".into());
        set(&mut ours, 4, "data", json!({"k":1,"l":7}));
        set(&mut ours, 5, "dependencies", json!(["y"]));
        let edits = edits(&[ours], vec![his], Some(1));
        let [
            Edit::Changed {
                sets, conflicts, ..
            },
        ] = edits.as_slice()
        else {
            panic!("{edits:?}");
        };
        let sets: HashMap<_, _> = sets.iter().cloned().collect();
        assert_eq!(
            sets,
            HashMap::from([
                ("name".into(), Some("his".into())),
                ("theirs".into(), Some(json!([1]))),
                ("data".into(), Some(json!({"k":2,"l":7,"m":1}))),
                ("dependencies".into(), Some(json!(["y", "x"]))),
            ])
        );
        assert_eq!(
            conflicts,
            &[Conflict {
                field: "priority".into(),
                ours: "critical".into(),
                by_hand: "high".into()
            }]
        );
    }

    #[test]
    fn a_text_that_is_older_than_the_history_undoes_nothing() {
        let mut ours = made(&json!({"id":"a","priority":"low"}), 1);
        let mut text = ours.clone();
        text.put("name", Some("his".into()));
        for rev in 2..40 {
            set(&mut ours, rev, "progress", json!(rev));
        }
        set(&mut ours, 40, "priority", "critical".into());
        let Some(Edit::Changed {
            sets, conflicts, ..
        }) = changed(&ours, &text)
        else {
            panic!("nothing was seen of it");
        };
        assert_eq!(sets, []);
        let fields: Vec<_> = conflicts.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["priority", "progress", "name"]);
    }

    #[test]
    fn only_what_he_has_seen_can_he_remove() {
        let ours = [made(&json!({"id":"old"}), 3), made(&json!({"id":"new"}), 9)];
        let removed = |seen| edits(&ours, vec![], seen);
        assert_eq!(removed(Some(5)), [Edit::Removed { id: "old".into() }]);
        assert_eq!(
            removed(None),
            [],
            "who does not say what he saw removes nothing"
        );
        assert_eq!(removed(Some(9)).len(), 2);
    }

    #[test]
    fn what_programs_took_away_is_not_made_anew_by_an_old_text() {
        let gone = made(&json!({"id":"a"}), 3);
        let edits = |task: &Record| edits(&[], vec![task.clone()], Some(4));
        assert!(matches!(edits(&gone).as_slice(), [Edit::Late(_)]));
        assert!(matches!(
            edits(&record(&json!({"id":"a"}))).as_slice(),
            [Edit::New(_)]
        ));
    }

    proptest! {
        /// Two who change different fields, or the same to the same, both have their way; the text of an old version
        /// changes nothing by itself.
        #[test]
        fn no_change_of_either_side_is_lost(
            ours in prop::collection::vec((0..4_usize, 0..3_u8), 0..6),
            his in prop::collection::vec((0..4_usize, 0..3_u8), 0..4),
            read_at in 0..7_usize,
        ) {
            let field = |n: usize| format!("f{n}");
            let mut task = made(&json!({"id":"a"}), 1);
            let mut versions = vec![task.clone()];
            for (rev, (n, value)) in (2..).zip(&ours) {
                let by = by();
                let sets = [(field(*n), Some(json!(value)))];
                if task.change(note("set", &by), rev, sets).is_some() {
                    versions.push(task.clone());
                }
            }
            let base = &versions[read_at.min(versions.len() - 1)];
            prop_assert_eq!(changed(&task, base), None);
            let mut text = base.clone();
            for (n, value) in &his {
                text.put(&field(*n), Some(json!(value)));
            }
            let edit = changed(&task, &text);
            let (sets, conflicts) = match edit {
                Some(Edit::Changed { sets, conflicts, .. }) => (sets, conflicts),
                None => (vec![], vec![]),
                other => panic!("{other:?}"),
            };
            for n in 0..4 {
                let name = field(n);
                let (was, now, hand) = (base.get(&name), task.get(&name), text.get(&name));
                let set = sets.iter().find(|it| it.0 == name).map(|it| it.1.as_ref());
                let is_conflict = conflicts.iter().any(|it| it.field == name);
                let (he, we) = (hand != was, now != was);
                prop_assert_eq!(is_conflict, he && we && hand != now);
                prop_assert_eq!(set, (he && !we).then_some(hand));
            }
        }
    }
}
