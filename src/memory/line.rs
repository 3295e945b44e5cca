//! A fragment as a line: how it is written, and how it is read whatever a person or a newer program made of it. Pure.

use serde::{Deserialize as _, Serialize};
use serde_json::{Map, Value};

use super::fragment::{BadFragment, Connection, Fragment};
use super::tell::Insight;
use crate::time::Timestamp;

/// Every line of ours begins so.
const HEAD: &[u8] = br#"{"memory_id":""#;

/// Appends it with its line break: as `serde_json` writes it, without a look for what is to be escaped in our own keys.
pub(super) fn print(fragment: &Fragment, out: &mut Vec<u8>) {
    let Fragment {
        memory_id,
        timestamp,
        ingested_at,
        agent_id,
        kind,
        content,
        context,
        insights,
        connections,
        narrative_weight,
        template,
        rest,
    } = fragment;
    value(out, b"{\"memory_id\":", memory_id);
    value(out, b",\"timestamp\":", timestamp);
    value(out, b",\"ingested_at\":", ingested_at);
    value(out, b",\"agent_id\":", agent_id);
    value(out, b",\"type\":", kind);
    value(out, b",\"content\":", content);
    value(out, b",\"context\":", context);
    value(out, b",\"insights\":", insights);
    value(out, b",\"connections\":", connections);
    value(out, b",\"narrative_weight\":", narrative_weight);
    value(out, b",\"template\":", template);
    for (key, told) in rest {
        value(out, b",", key);
        value(out, b":", told);
    }
    out.extend_from_slice(b"}\n");
}

fn value(out: &mut Vec<u8>, before: &[u8], value: &impl Serialize) {
    out.extend_from_slice(before);
    serde_json::to_writer(out, value).expect("every key is text");
}

/// Without its line break.
pub(super) fn parse(line: &[u8]) -> Result<Fragment, BadFragment> {
    let text = std::str::from_utf8(line).map_err(|_| BadFragment("it is no UTF-8".into()))?;
    let mut fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| BadFragment(error.to_string()))?;
    let memory_id = taken_text(&mut fields, "memory_id")
        .filter(|id| is_id(id))
        .ok_or_else(|| BadFragment("it has no memory_id".into()))?;
    let timestamp = fields.shift_remove("timestamp");
    let timestamp = timestamp
        .as_ref()
        .and_then(instant)
        .ok_or_else(|| BadFragment("its timestamp is no time".into()))?;
    let ingested_at = fields.shift_remove("ingested_at");
    let list = |fields: &mut Map<String, Value>, name: &str| match fields.shift_remove(name) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    let insights = list(&mut fields, "insights");
    let connections = list(&mut fields, "connections");
    Ok(Fragment {
        memory_id,
        timestamp,
        ingested_at: ingested_at.as_ref().and_then(instant).unwrap_or(timestamp),
        agent_id: taken_text(&mut fields, "agent_id").unwrap_or_default(),
        kind: taken_text(&mut fields, "type").unwrap_or_default(),
        content: taken_text(&mut fields, "content").unwrap_or_default(),
        context: match fields.shift_remove("context") {
            Some(Value::Object(context)) => context,
            _ => Map::new(),
        },
        insights: insights
            .iter()
            .filter_map(|it| Insight::deserialize(it).ok())
            .collect(),
        connections: connections
            .iter()
            .filter_map(|it| Connection::deserialize(it).ok())
            .collect(),
        narrative_weight: fields
            .shift_remove("narrative_weight")
            .and_then(|it| it.as_f64())
            .unwrap_or(1.0),
        template: taken_text(&mut fields, "template"),
        rest: fields,
    })
}

/// The id alone, of a line that is as we write it.
pub(super) fn id_of(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(HEAD)?;
    let id = &rest[..memchr::memchr2(b'"', b'\\', rest)?];
    (rest.get(id.len()) == Some(&b'"')).then(|| std::str::from_utf8(id).ok())?
}

/// The id that a line tells which is torn, or that a person made something else of.
pub(super) fn id_within(line: &[u8]) -> Option<String> {
    const KEY: &[u8] = br#""memory_id""#;
    let at = memchr::memmem::find(line, KEY)?;
    let rest = line[at + KEY.len()..].trim_ascii_start();
    let value = rest.strip_prefix(b":")?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
    values.next()?.ok()
}

/// What names a memory: some text on one line.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)
}

fn taken_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.shift_remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Seconds or milliseconds since 1970, or a time as people write it with its date.
pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    /// Seconds beyond it are milliseconds: the year 5138.
    const LAST_SECOND: f64 = 1e11;
    match value {
        Value::Number(number) => {
            let number = number.as_f64().filter(|it| it.is_finite())?;
            let ms = if number.abs() < LAST_SECOND {
                number * 1000.0
            } else {
                number
            };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float beyond the last millisecond becomes that one"
            )]
            let ms = ms.round() as i64;
            Some(Timestamp::from_unix_ms(ms))
        }
        Value::String(text) => Timestamp::parse(text).or_else(|| naive(text)),
        _ => None,
    }
}

/// The original wrote its times without a zone: they are taken as UTC.
fn naive(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let forms = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ];
    let read = |form: &&str| chrono::NaiveDateTime::parse_from_str(text, form).ok();
    let time = forms.iter().find_map(read)?;
    Some(Timestamp::from_unix_ms(time.and_utc().timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was_written_with_what_others_wrote_beside() {
        let line = br#"{"memory_id":"a","timestamp":"2026-11-22T12:00:00.000Z","ingested_at":"2026-11-22T12:00:01.000Z","agent_id":"agent-1","type":"log","content":"x","context":{"task_id":"t1"},"insights":[],"connections":[{"id":"b","reason":"task","score":0.5}],"narrative_weight":1.5,"template":null,"theirs":{"n":12345678901234567890123}}"#;
        let fragment = parse(line).unwrap();
        assert_eq!(fragment.context_text("task_id"), Some("t1"));
        let mut out = Vec::new();
        print(&fragment, &mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        assert_eq!(out, serde_json::to_vec(&fragment).unwrap());
        assert_eq!(
            std::str::from_utf8(&out).unwrap(),
            std::str::from_utf8(line).unwrap()
        );
        assert_eq!(id_of(line), Some("a"));
    }

    #[test]
    fn what_a_person_left_out_is_empty_and_what_names_nothing_is_no_fragment() {
        let least = parse(br#"{"timestamp":5,"memory_id":"a b"}"#).unwrap();
        assert_eq!(least.timestamp.unix_ms(), 5000);
        assert_eq!((least.content.as_str(), least.narrative_weight), ("", 1.0));
        for bad in [
            &b""[..],
            b"{",
            b"[]",
            b"{}",
            b"\xff",
            br#"{"memory_id":"","timestamp":5}"#,
            br#"{"memory_id":"a\nb","timestamp":5}"#,
            br#"{"memory_id":"a"}"#,
            br#"{"memory_id":"a","timestamp":"soon"}"#,
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(id_of(br#"{"memory_id":"a\"b"}"#), None);
    }

    #[test]
    fn a_torn_line_tells_its_id_if_that_is_whole() {
        let whole = |line: &[u8]| id_within(line);
        assert_eq!(
            whole(br#"{"memory_id":"a\"b","timest"#).as_deref(),
            Some("a\"b")
        );
        assert_eq!(whole(br#"x "memory_id" : "a b""#).as_deref(), Some("a b"));
        for torn in [
            &br#"{"memory_id":"a"#[..],
            br#"{"memory_id":"#,
            br#"{"memory"#,
            b"\xff",
        ] {
            assert_eq!(whole(torn), None);
        }
    }

    #[test]
    fn times_are_seconds_milliseconds_or_text() {
        let ms = |value: Value| instant(&value).map(Timestamp::unix_ms);
        assert_eq!(ms(json!(1_751_900_000.25)), Some(1_751_900_000_250));
        assert_eq!(ms(json!(1_751_900_000_250_i64)), Some(1_751_900_000_250));
        let text = Some(1_749_310_630_271);
        assert_eq!(ms(json!("2025-06-07T15:37:10.271410")), text);
        assert_eq!(ms(json!("2025-06-07T15:37:10.271Z")), text);
        assert_eq!(ms(json!("2025-06-07")), None);
        assert_eq!(ms(json!(null)), None);
    }
}
