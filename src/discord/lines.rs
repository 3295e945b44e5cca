//! Log lines on their way into a channel: as people read them, many in one message, and never more messages than the channel
//! takes. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use super::reply::{File, Reply};
use super::split::block;
use crate::logs::{Line, Make, fields, redacted};

/// Five messages in five seconds are a channel's limit; others want to speak there too.
pub(super) const PAUSE: Duration = Duration::from_secs(3);
/// Of one message.
const MOST_SHOWN: usize = 1800;
/// Of one file: far below the 10 MiB that Discord takes.
const MOST_BYTES: usize = 1 << 20;
/// Of one line.
const LONGEST: usize = 300;

/// Time, level, channel, event and what happened; whoever asked the line for more looks into the log.
pub(super) fn told(line: &Line) -> String {
    let at = line.at.to_string();
    let clock = at.get(11..19).unwrap_or(&at).to_owned();
    let text = match line.make {
        Make::Event => {
            let all = fields(&line.bytes);
            let text = |name: &str| {
                all.get(name)
                    .and_then(|it| it.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            let (level, event, msg) = (text("level"), text("event"), text("msg"));
            format!("{level:<5} {event} {msg}")
        }
        Make::Foreign | Make::Torn => String::from_utf8_lossy(&line.bytes).into_owned(),
    };
    let text = redacted(&text);
    let text: String = text
        .chars()
        .filter(|it| !it.is_control())
        .take(LONGEST)
        .collect();
    format!("{clock} {}\n", text.trim_end())
}

/// Lines that wait for the next message.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    count: usize,
    left_out: usize,
}

impl Batch {
    pub(super) fn add(&mut self, line: &str) {
        self.count += 1;
        if self.text.len() + line.len() <= MOST_BYTES {
            self.text.push_str(line);
        } else {
            self.left_out += 1;
        }
    }

    /// All that waits, as one message.
    pub(super) fn take(&mut self) -> Option<Reply> {
        if self.count == 0 {
            return None;
        }
        let Self {
            mut text,
            count,
            left_out,
        } = std::mem::take(self);
        if left_out > 0 {
            writeln!(text, "… and {left_out} lines more, in the log").expect("a string grows");
        }
        let shown = block(&text);
        if shown.chars().count() <= MOST_SHOWN {
            return Some(Reply::text(shown));
        }
        Some(Reply {
            text: format!("{count} lines, in the file"),
            file: Some(File {
                name: "lines.log".into(),
                bytes: text.into_bytes(),
            }),
            ..Reply::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Channel;
    use crate::time::Timestamp;

    fn line(text: &str) -> Line {
        Line {
            channel: Channel::Tasks,
            at: Timestamp::parse("2026-11-22T12:00:01.000Z").unwrap(),
            make: Make::Event,
            bytes: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_line_says_when_how_grave_and_what() {
        let event = r#"{"v":1,"ts":"2026-11-22T12:00:01.000Z","level":"warn","channel":"tasks","event":"task.failed","msg":"t5 failed\n@everyone"}"#;
        assert_eq!(
            told(&line(event)),
            "12:00:01 warn  task.failed t5 failed@everyone\n"
        );
    }

    #[test]
    fn a_thousand_lines_are_one_message() {
        let mut batch = Batch::default();
        assert_eq!(batch.take(), None);
        for n in 0..1000 {
            batch.add(&format!("12:00:01 info  line {n}\n"));
        }
        let message = batch.take().unwrap();
        assert_eq!(message.text, "1000 lines, in the file");
        let file = String::from_utf8(message.file.unwrap().bytes).unwrap();
        assert_eq!(file.lines().count(), 1000);
        assert_eq!(batch.take(), None);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut batch = Batch::default();
        let long = "x".repeat(MOST_BYTES / 2);
        for _ in 0..3 {
            batch.add(&format!("{long}\n"));
        }
        let file = batch.take().unwrap().file.unwrap();
        assert!(
            file.bytes
                .ends_with("… and 2 lines more, in the log\n".as_bytes())
        );
    }
}
