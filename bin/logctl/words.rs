//! A line for people and for programs: always one line, never longer than a screen can bear, and nothing in it that a
//! terminal obeys.

use std::borrow::Cow;
use std::fmt::Write as _;

use dreamos::cli::{Context, in_one_line};
use dreamos::logs::{Line, Make, fields};
use dreamos::names::Level;
use serde_json::{Map, Value};

/// So much of a name is shown, and of a value.
const LONGEST_NAME: usize = 80;
const LONGEST_VALUE: usize = 500;
/// A value for programs.
const LONGEST_TEXT: usize = 4096;
/// So many fields at most.
const MOST_FIELDS: usize = 64;

/// What is said in the head of a line, or is the same for all.
const HEAD: [&str; 9] = [
    "v", "ts", "level", "channel", "event", "msg", "who", "agent", "pid",
];

pub(crate) fn pretty(context: &Context, line: &Line) -> String {
    let mut out = String::new();
    let (at, channel) = (line.at, line.channel.as_str());
    let all = match line.make {
        Make::Event => fields(&line.bytes),
        Make::Foreign | Make::Torn => {
            let mark = context.faint(&format!("({})", made(line.make)));
            let text = shown(&line.bytes, LONGEST_VALUE);
            return format!("{at} {:<5} {channel:<8} {mark} {text}\n", "-");
        }
    };
    let level = Level::parse(text(&all, "level")).unwrap_or(Level::Info);
    let level = context.graded(level, &format!("{:<5}", level.as_str()));
    let event = in_one_line(text(&all, "event"), LONGEST_NAME);
    let who = in_one_line(text(&all, "who"), LONGEST_NAME);
    let agent = in_one_line(text(&all, "agent"), LONGEST_NAME);
    let whom = match (who.as_str(), agent.as_str()) {
        (who, agent) if agent.is_empty() || who == agent => who.to_owned(),
        (who, agent) => format!("{who} → {agent}"),
    };
    let msg = in_one_line(text(&all, "msg"), LONGEST_VALUE);
    let event = context.strong(&event);
    write!(out, "{at} {level} {channel:<8} {event} {whom}: {msg}").expect("a string grows");
    let others = all.iter();
    let mut others =
        others.filter(|(name, value)| !HEAD.contains(&name.as_str()) && !value.is_null());
    for (name, value) in others.by_ref().take(MOST_FIELDS) {
        let pair = format!(" {}", pair(name, value, LONGEST_VALUE));
        out.push_str(&context.faint(&pair));
    }
    say_more(&mut out, others.count());
    out.push('\n');
    out
}

/// As it is said: `error in tasks: t5 failed`.
pub(crate) fn aloud(line: &Line) -> String {
    let channel = line.channel.as_str();
    if line.make != Make::Event {
        return format!("in {channel}: {}", shown(&line.bytes, LONGEST_VALUE));
    }
    let all = fields(&line.bytes);
    let level = in_one_line(text(&all, "level"), LONGEST_NAME);
    let msg = match text(&all, "msg") {
        "" => text(&all, "event").replace(['.', '_'], " "),
        msg => msg.to_owned(),
    };
    format!("{level} in {channel}: {}", in_one_line(&msg, LONGEST_VALUE))
}

/// Pairs as `logfmt` readers take them (<https://brandur.org/logfmt>).
pub(crate) fn logfmt(line: &Line) -> String {
    let mut out = String::new();
    let all = match line.make {
        Make::Event => fields(&line.bytes),
        Make::Foreign | Make::Torn => {
            let text = value(&start(&line.bytes, LONGEST_TEXT), LONGEST_TEXT);
            let (at, channel, made) = (line.at, line.channel.as_str(), made(line.make));
            return format!("ts={at} channel={channel} {made}={text}\n");
        }
    };
    let mut all = all.iter().filter(|(_, value)| !value.is_null());
    for (name, value) in all.by_ref().take(MOST_FIELDS) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&pair(name, value, LONGEST_TEXT));
    }
    say_more(&mut out, all.count());
    out.push('\n');
    out
}

/// Time, level, channel, event, who, whom, message, with tabs between.
pub(crate) fn tabbed(line: &Line) -> String {
    let all = match line.make {
        Make::Event => fields(&line.bytes),
        Make::Foreign | Make::Torn => Map::new(),
    };
    let event = match line.make {
        Make::Event => text(&all, "event"),
        Make::Foreign | Make::Torn => made(line.make),
    };
    let msg = match line.make {
        Make::Event => in_one_line(text(&all, "msg"), LONGEST_TEXT),
        Make::Foreign | Make::Torn => shown(&line.bytes, LONGEST_TEXT),
    };
    let cell = |name| in_one_line(text(&all, name), LONGEST_NAME);
    let cells = [
        line.at.to_string(),
        cell("level"),
        line.channel.as_str().to_owned(),
        in_one_line(event, LONGEST_NAME),
        cell("who"),
        cell("agent"),
        msg,
    ];
    format!("{}\n", cells.join("\t"))
}

pub(crate) const fn made(make: Make) -> &'static str {
    match make {
        Make::Event => "event",
        Make::Foreign => "foreign",
        Make::Torn => "torn",
    }
}

fn say_more(out: &mut String, more: usize) {
    if more > 0 {
        write!(out, " …={more}").expect("a string grows");
    }
}

fn text<'f>(all: &'f Map<String, Value>, name: &str) -> &'f str {
    all.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn shown(bytes: &[u8], most: usize) -> String {
    in_one_line(&start(bytes, most), most)
}

/// More than is shown of it.
fn start(bytes: &[u8], most: usize) -> Cow<'_, str> {
    // A character has four bytes at most.
    String::from_utf8_lossy(&bytes[..bytes.len().min(4 * most + 4)])
}

fn pair(name: &str, of: &Value, most: usize) -> String {
    let name = in_one_line(name, LONGEST_NAME).replace([' ', '=', '"'], "_");
    let of = match of {
        Value::String(text) => value(text, most),
        other => value(&other.to_string(), most),
    };
    format!("{name}={of}")
}

/// In quotation marks where it would be read as something else without.
fn value(text: &str, most: usize) -> String {
    // A backslash of its own is none of those that we add.
    let text = start(text.as_bytes(), most).replace('\\', "\\\\");
    let text = in_one_line(&text, most);
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '=' | '"' | '\\');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("\"{}\"", text.replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamos::names::Channel;
    use dreamos::time::Timestamp;

    fn line(make: Make, bytes: &[u8]) -> Line {
        Line {
            channel: Channel::Tasks,
            at: Timestamp::from_unix_ms(1_800_000_000_000),
            make,
            bytes: bytes.into(),
        }
    }

    #[test]
    fn pairs_can_be_read_apart() {
        let event = br#"{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"warn","event":"a.b","msg":"it \"is\"\nso\\","agent":null,"a b":"","n":[1,2]}"#;
        assert_eq!(
            logfmt(&line(Make::Event, event)),
            "v=1 ts=2027-01-15T08:00:00.000Z level=warn event=a.b msg=\"it \\\"is\\\"\\nso\\\\\" a_b=\"\" n=[1,2]\n"
        );
        assert_eq!(
            logfmt(&line(Make::Torn, b"{\"v\":1")),
            "ts=2027-01-15T08:00:00.000Z channel=tasks torn=\"{\\\"v\\\":1\"\n"
        );
    }

    #[test]
    fn a_line_is_said_in_words() {
        let said = |make, bytes: &[u8]| aloud(&line(make, bytes));
        let event = br#"{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"error","event":"task.run_failed","msg":"t5\nfailed"}"#;
        assert_eq!(said(Make::Event, event), "error in tasks: t5\\nfailed");
        let event =
            br#"{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"warn","event":"task.run_failed"}"#;
        assert_eq!(said(Make::Event, event), "warn in tasks: task run failed");
        assert_eq!(said(Make::Foreign, b"alien"), "in tasks: alien");
    }

    #[test]
    fn whatever_somebody_wrote_is_one_line_of_a_bounded_length() {
        let long = "\u{1b}[2J\r\u{202e}\u{9b}x".repeat(1_000_000);
        let mut fields = Map::new();
        for n in 0..200 {
            fields.insert(format!("{n}\u{1b}"), long[..1000].into());
        }
        fields.insert("level".into(), "info".into());
        fields.insert("ts".into(), "2027-01-15T08:00:00.000Z".into());
        for name in ["event", "msg", "who", "agent"] {
            fields.insert(name.into(), long.as_str().into());
        }
        let event = serde_json::to_vec(&fields).unwrap();
        for (make, bytes) in [(Make::Event, &event[..]), (Make::Foreign, long.as_bytes())] {
            let line = line(make, bytes);
            for text in [logfmt(&line), tabbed(&line)] {
                let text = text.strip_suffix('\n').unwrap();
                assert!(text.len() < 512 << 10, "{}", text.len());
                let obeyed = |c: char| (c.is_control() && c != '\t') || c == '\u{202e}';
                assert!(!text.contains(obeyed));
            }
        }
    }
}
