//! What may stand in each field of a task, and how it is written. Pure.

use chrono::NaiveDateTime;
use serde_json::Value;

use super::error::Error;
use super::id::TaskId;
use super::record::ORDER;
use super::run::Action;
use super::schedule::{Schedule, Zone};
use super::task::{Category, Priority, Status};
use crate::names::{AgentId, Explain as _};
use crate::time::{Timestamp, parse_span, parse_time};

/// So much of a name is shown on a line.
const LONGEST_NAME: usize = 500;

fn bad(field: &str, why: impl Into<String>, hint: Option<&str>) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why: why.into(),
        hint: hint.map(Into::into),
    }
}

/// The value as it is stored; `None` for what is not there. Fields that we do not know take anything.
pub(super) fn checked(field: &str, value: &Value) -> Result<Option<Value>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    let value = match field {
        "name" => name(value)?,
        "description" => text(field, value)?.into(),
        "category" => word(field, value, Category::parse, Category::ALL)?,
        "priority" => word(field, value, Priority::parse, Priority::ALL)?,
        "status" => word(field, value, Status::parse, Status::ALL)?,
        "assigned_to" => agent(field, value)?,
        "dependencies" => dependencies(value)?,
        "capabilities" => list(field, value)?,
        "deadline" | "created_at" | "started_at" | "completed_at" => time(field, value)?,
        "run" => {
            Action::parse(value).map_err(|why| bad(field, why, None))?;
            value.clone()
        }
        "schedule" => {
            // In which zone is asked when it runs; the rest is looked at here.
            Schedule::parse(value.clone(), Zone::UTC).map_err(|error| {
                let hint = error.hint();
                bad(field, error.to_string(), hint.as_deref())
            })?;
            value.clone()
        }
        "retries" => match value.as_u64() {
            Some(n) if n <= 1000 => n.into(),
            _ => {
                return Err(bad(
                    field,
                    format!("{value} is no number from 0 to 1000"),
                    None,
                ));
            }
        },
        "timeout" => span(field, value)?,
        "data" if !value.is_object() => {
            return Err(bad(
                field,
                format!("{value} is no object"),
                Some("write {\"key\": value}"),
            ));
        }
        _ => value.clone(),
    };
    Ok(Some(value).filter(|value| !is_nothing(field, value)))
}

/// That a task has such a field: what is its owner's own goes into `data`.
pub(super) fn must_be_known(field: &str) -> Result<(), Error> {
    let fields = ORDER.iter().filter(|it| !it.is_empty());
    let far = fields
        .clone()
        .map(|it| (strsim::osa_distance(field, it), *it));
    match far.min() {
        Some((0, _)) => Ok(()),
        Some((far, near)) if far <= 2 && far <= field.len() / 3 => Err(bad(
            field,
            "a task has no such field",
            Some(&format!("did you mean {near}?")),
        )),
        _ => Err(bad(
            field,
            "a task has no such field",
            Some(&format!("what is your own goes into data: data.{field}")),
        )),
    }
}

/// A value as somebody says it at the terminal: times are understood as of `now`.
pub fn spoken(field: &str, value: Value, now: Timestamp) -> Result<Value, Error> {
    match (field, &value) {
        ("deadline", Value::String(text)) => {
            let at = parse_time(text, now).map_err(|error| bad(field, error.to_string(), None))?;
            Ok(at.to_string().into())
        }
        _ => Ok(value),
    }
}

/// Whether what is said of a field is its very text, and no JSON.
pub fn is_text(field: &str) -> bool {
    matches!(
        field,
        "name"
            | "description"
            | "category"
            | "priority"
            | "deadline"
            | "timeout"
            | "schedule"
            | "error"
    )
}

/// Lists that say nothing are left out.
fn is_nothing(field: &str, value: &Value) -> bool {
    let is_list = matches!(field, "dependencies" | "capabilities");
    is_list && value.as_array().is_some_and(Vec::is_empty)
}

fn text<'v>(field: &str, value: &'v Value) -> Result<&'v str, Error> {
    let text = value.as_str();
    text.ok_or_else(|| {
        bad(
            field,
            format!("{value} is no text"),
            Some("write it in \"…\""),
        )
    })
}

fn name(value: &Value) -> Result<Value, Error> {
    let name = text("name", value)?.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(['\n', '\0']) {
        let why = format!("a name is one line of 1 to {LONGEST_NAME} letters");
        return Err(bad(
            "name",
            why,
            Some("what is longer belongs into the description"),
        ));
    }
    Ok(name.into())
}

fn word<T: Copy + std::fmt::Display>(
    field: &str,
    value: &Value,
    parse: impl Fn(&str) -> Option<T>,
    all: &[T],
) -> Result<Value, Error> {
    let numbered = value
        .as_u64()
        .and_then(|at| all.get(usize::try_from(at).ok()?));
    let word = value.as_str().and_then(parse).or(numbered.copied());
    let words: Vec<_> = all.iter().map(ToString::to_string).collect();
    let why = || format!("{value} is none of {}", words.join(", "));
    word.map(|word| word.to_string().into())
        .ok_or_else(|| bad(field, why(), None))
}

fn agent(field: &str, value: &Value) -> Result<Value, Error> {
    let id = text(field, value)?;
    AgentId::parse(id).map_err(|error| bad(field, error.to_string(), None))?;
    Ok(id.into())
}

fn list(field: &str, value: &Value) -> Result<Value, Error> {
    let items = value.as_array();
    let items = items.ok_or_else(|| bad(field, format!("{value} is no list"), None))?;
    let mut words: Vec<Value> = Vec::new();
    for item in items {
        let word: Value = text(field, item)?.into();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words.into())
}

fn dependencies(value: &Value) -> Result<Value, Error> {
    let ids = list("dependencies", value)?;
    for id in ids
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        TaskId::parse(id).map_err(|error| bad("dependencies", error.to_string(), None))?;
    }
    Ok(ids)
}

/// RFC 3339; without a zone, as the original wrote it, it is UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| {
        let naive = text.parse::<NaiveDateTime>();
        let naive = naive.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"));
        naive
            .ok()
            .map(|time| Timestamp::from_unix_ms(time.and_utc().timestamp_millis()))
    })
}

fn time(field: &str, value: &Value) -> Result<Value, Error> {
    let at = value.as_str().and_then(instant);
    let hint = Some(
        "write it as 2026-12-01T09:00:00Z; on the command line \"tomorrow 17:00\" is understood too",
    );
    let at = at.ok_or_else(|| bad(field, format!("{value} is no time"), hint))?;
    Ok(at.to_string().into())
}

/// Seconds, or "5m".
fn span(field: &str, value: &Value) -> Result<Value, Error> {
    let hint = Some("write it as 30s, 5m or 2h");
    let span = match value {
        Value::String(text) => parse_span(text).map(|_| text.clone()),
        Value::Number(seconds) => {
            Ok(format!("{seconds}s")).and_then(|text| parse_span(&text).map(|_| text))
        }
        _ => return Err(bad(field, format!("{value} is no span of time"), hint)),
    };
    span.map(Value::from)
        .map_err(|error| bad(field, error.to_string(), hint))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_in_one_way() {
        for (field, value, stored) in [
            ("priority", json!("HIGH"), json!("high")),
            ("priority", json!(0), json!("low")),
            ("status", json!("done"), json!("completed")),
            (
                "deadline",
                json!("2026-12-01T09:00:00+01:00"),
                json!("2026-12-01T08:00:00.000Z"),
            ),
            (
                "created_at",
                json!("2025-06-09T15:37:07.410271"),
                json!("2025-06-09T15:37:07.410Z"),
            ),
            ("dependencies", json!(["a", "b", "a"]), json!(["a", "b"])),
            ("timeout", json!(90), json!("90s")),
            ("name", json!("  x "), json!("x")),
            ("theirs", json!({"a": 1}), json!({"a": 1})),
        ] {
            assert_eq!(
                checked(field, &value).unwrap(),
                Some(stored),
                "{field} {value}"
            );
        }
        for (field, value) in [("dependencies", json!([])), ("deadline", Value::Null)] {
            assert_eq!(checked(field, &value).unwrap(), None);
        }
    }

    #[test]
    fn a_field_that_no_task_has_is_refused_with_the_nearest() {
        let hint =
            |field| must_be_known(field).map_err(|error| crate::names::Explain::hint(&error));
        assert_eq!(hint("priority"), Ok(()));
        assert_eq!(
            hint("prioritty"),
            Err(Some("did you mean priority?".into()))
        );
        let own = "what is your own goes into data: data.colour".to_owned();
        assert_eq!(hint("colour"), Err(Some(own)));
        assert!(hint("").is_err());
    }

    #[test]
    fn what_cannot_stand_there_is_told_why() {
        for (field, value, why) in [
            (
                "priority",
                json!("urgentest"),
                "is none of low, medium, high, critical",
            ),
            ("deadline", json!("2026-02-30T00:00:00Z"), "is no time"),
            ("dependencies", json!("a"), "is no list"),
            ("dependencies", json!(["a b"]), "is no task id"),
            ("retries", json!(-1), "is no number"),
            ("timeout", json!("soon"), "soon"),
            ("name", json!("a\nb"), "one line"),
            ("assigned_to", json!("Agent One"), "is no agent name"),
            ("data", json!([]), "is no object"),
            ("run", json!({}), "missing field `command`"),
        ] {
            let said = checked(field, &value).unwrap_err().to_string();
            assert!(
                said.contains(why) && said.starts_with(field),
                "{field} {value}: {said}"
            );
        }
    }
}
