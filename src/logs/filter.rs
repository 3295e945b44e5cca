//! Which lines somebody wants to see. Pure.

use regex::bytes::Regex;

use super::entry::Entry;
use crate::names::Level;
use crate::time::Timestamp;

/// All of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who did it, or whom it was about: one of these names, where any is said.
    pub agents: Vec<String>,
    /// At least so grave.
    pub level: Option<Level>,
    pub since: Option<Timestamp>,
    /// Up to here, itself left out.
    pub until: Option<Timestamp>,
    /// The name of an event, or `mail.` for all of a room.
    pub event: Option<String>,
    pub task: Option<String>,
    pub id: Option<String>,
    /// In the line as it stands in the file.
    pub grep: Option<Regex>,
}

impl Filter {
    /// Whether anything but the text of a line is asked for.
    fn asks(&self) -> bool {
        !self.agents.is_empty()
            || self.level.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.event.is_some()
            || self.task.is_some()
            || self.id.is_some()
    }

    /// A line that is no event passes where only its text is asked for.
    pub fn passes(&self, line: &[u8]) -> bool {
        if self.grep.as_ref().is_some_and(|it| !it.is_match(line)) {
            return false;
        }
        !self.asks() || Entry::parse(line).is_some_and(|entry| self.wants(&entry))
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        let is = |wanted: &Option<String>, has: &Option<std::borrow::Cow<'_, str>>| {
            wanted
                .as_deref()
                .is_none_or(|it| Some(it) == has.as_deref())
        };
        let names = [&entry.agent, &entry.who];
        let of_agent = || {
            let mut names = names.into_iter().filter_map(|it| it.as_deref());
            self.agents.is_empty() || names.any(|it| self.agents.iter().any(|name| name == it))
        };
        let of_event = |wanted: &String| {
            *wanted == entry.event || (wanted.ends_with('.') && entry.event.starts_with(&**wanted))
        };
        let of_time = || {
            let at = entry.ts();
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
        };
        of_agent()
            && self.level.is_none_or(|level| entry.level() >= level)
            && self.event.as_ref().is_none_or(of_event)
            && is(&self.task, &entry.task)
            && is(&self.id, &entry.id)
            && ((self.since.is_none() && self.until.is_none()) || of_time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = br#"{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"warn","channel":"tasks","event":"task.failed","msg":"t5 failed","who":"agent-2","agent":"agent-1","id":null,"pid":7,"task":"t5"}"#;
    const AT: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    #[test]
    fn each_condition_must_hold() {
        let none = Filter::default();
        let with = |change: fn(&mut Filter)| {
            let mut filter = none.clone();
            change(&mut filter);
            filter.passes(LINE)
        };
        let holds: [fn(&mut Filter); 9] = [
            |_| {},
            |it| it.agents = vec!["agent-0".into(), "agent-1".into()],
            |it| it.agents = vec!["agent-2".into()],
            |it| it.level = Some(Level::Warn),
            |it| it.since = Some(AT),
            |it| it.until = Some(AT.plus(std::time::Duration::from_millis(1))),
            |it| it.event = Some("task.".into()),
            |it| it.task = Some("t5".into()),
            |it| it.grep = Some(Regex::new("t[0-9] failed").unwrap()),
        ];
        assert!(holds.into_iter().all(with));
        let fails: [fn(&mut Filter); 8] = [
            |it| it.agents = vec!["agent-3".into()],
            |it| it.level = Some(Level::Error),
            |it| it.since = Some(AT.plus(std::time::Duration::from_millis(1))),
            |it| it.until = Some(AT),
            |it| it.event = Some("task".into()),
            |it| it.task = Some("t4".into()),
            |it| it.id = Some("x".into()),
            |it| it.grep = Some(Regex::new("T5").unwrap()),
        ];
        assert!(!fails.into_iter().any(with));
    }

    #[test]
    fn a_foreign_line_is_found_by_its_text_alone() {
        let grep = Filter {
            grep: Some(Regex::new("panic").unwrap()),
            ..Filter::default()
        };
        assert!(grep.passes(b"thread main panicked"));
        let and_more = Filter {
            level: Some(Level::Debug),
            ..grep
        };
        assert!(!and_more.passes(b"thread main panicked"));
    }
}
