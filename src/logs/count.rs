//! How many lines there are of each kind. Pure.

use std::collections::HashMap;

use serde_json::Value;

use super::entry::fields;
use super::merge::{Line, Make};

/// By the values of some fields; `None` where a line has not got one.
#[derive(Debug)]
pub struct Counts {
    fields: Vec<String>,
    found: HashMap<Vec<Option<String>>, u64>,
}

impl Counts {
    pub fn by(fields: Vec<String>) -> Self {
        Self {
            fields,
            found: HashMap::new(),
        }
    }

    pub fn add(&mut self, line: &Line) {
        let all = match line.make {
            Make::Event => fields(&line.bytes),
            Make::Foreign | Make::Torn => serde_json::Map::new(),
        };
        let value = |field: &String| match all.get(field) {
            // A line may leave out, or say wrongly, where it stands.
            _ if field == "channel" => Some(line.channel.as_str().to_owned()),
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let key: Vec<_> = self.fields.iter().map(value).collect();
        *self.found.entry(key).or_default() += 1;
    }

    /// The most first.
    pub fn sorted(self) -> Vec<(Vec<Option<String>>, u64)> {
        let mut all: Vec<_> = self.found.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Channel;
    use crate::time::Timestamp;

    #[test]
    fn the_most_come_first_and_a_field_may_be_absent() {
        let line = |text: &str, make| Line {
            channel: Channel::Tasks,
            at: Timestamp::default(),
            make,
            bytes: text.into(),
        };
        let event = r#"{"ts":"2027-01-15T08:00:00Z","level":"info","event":"a.b","channel":"forged","n":1}"#;
        let mut counts = Counts::by(vec!["channel".into(), "n".into()]);
        counts.add(&line("alien", Make::Foreign));
        counts.add(&line(event, Make::Event));
        counts.add(&line(event, Make::Event));
        let tasks = || Some("tasks".to_owned());
        let all = [
            (vec![tasks(), Some("1".into())], 2),
            (vec![tasks(), None], 1),
        ];
        assert_eq!(counts.sorted(), all);
    }
}
