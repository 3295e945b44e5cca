//! A line as one JSON object: as it stands, unless it is none or too long; what a terminal obeys is escaped.

use dreamos::cli::visible_json;
use dreamos::logs::{Line, Make, fields};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::words::made;

/// A longer line is cut; our own are much shorter.
const LONGEST_LINE: usize = 256 << 10;
/// Of each text of a line that is cut, and of one that is no event.
const LONGEST_TEXT: usize = 4096;
/// Of lists and objects, the same.
const MOST_PARTS: usize = 256;

/// `None` of what is no JSON after all.
pub(crate) fn raw(line: &Line) -> Option<Box<RawValue>> {
    RawValue::from_string(spelled(line)).ok()
}

/// Without its line break.
pub(crate) fn spelled(line: &Line) -> String {
    let text = String::from_utf8_lossy(&line.bytes);
    let json = if line.make != Make::Event {
        let mut foreign = Map::new();
        foreign.insert(made(line.make).into(), short(&text).into());
        foreign.insert("channel".into(), json!(line.channel));
        foreign.insert("bytes".into(), line.bytes.len().into());
        Value::Object(foreign).to_string()
    } else if line.bytes.len() <= LONGEST_LINE {
        text.into_owned()
    } else {
        Value::Object(cut_fields(fields(&line.bytes))).to_string()
    };
    visible_json(&json).into_owned()
}

fn cut_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let some = fields.into_iter().take(MOST_PARTS);
    some.map(|(name, value)| (short(&name), cut(value)))
        .collect()
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) => short(&text).into(),
        Value::Array(all) => all.into_iter().take(MOST_PARTS).map(cut).collect(),
        Value::Object(fields) => Value::Object(cut_fields(fields)),
        plain => plain,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamos::names::Channel;
    use dreamos::time::Timestamp;

    fn line(make: Make, bytes: Vec<u8>) -> Line {
        Line {
            channel: Channel::Tasks,
            at: Timestamp::default(),
            make,
            bytes,
        }
    }

    #[test]
    fn a_line_stands_as_it_is_and_a_monster_is_cut() {
        let plain = br#"{"ts":"2027-01-15T08:00:00Z","level":"info","event":"a.b","n":1.50}"#;
        let said = spelled(&line(Make::Event, plain.to_vec()));
        assert_eq!(said.as_bytes(), plain);
        let mut fields: Map<String, Value> = serde_json::from_slice(plain).unwrap();
        fields.insert("msg".into(), "\u{9b}".repeat(10 << 20).into());
        fields.insert("all".into(), vec![0; 100_000].into());
        let monster = serde_json::to_vec(&fields).unwrap();
        let said = spelled(&line(Make::Event, monster));
        assert!(said.len() < 32 << 10, "{}", said.len());
        assert!(said.replace('…', "").is_ascii());
        let read: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(read["all"].as_array().unwrap().len(), MOST_PARTS);
    }

    #[test]
    fn what_is_no_event_says_so() {
        let foreign = line(Make::Foreign, b"a\xff\x1b".to_vec());
        assert_eq!(
            spelled(&foreign),
            "{\"foreign\":\"a\u{fffd}\\u001b\",\"channel\":\"tasks\",\"bytes\":3}"
        );
    }
}
