//! From a line of a log to what it counts for. Pure.
//!
//! Our own writer puts the keys of a line in one order, so that its level and event are found at once. Whatever has
//! another order is read key by key. Either way a line counts only if it is JSON to its end.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::totals::{ACK_BOUNDS, Lives, OfChannel, Totals, WAIT_BOUNDS, named};
use crate::logs::{Entry, Raw};
use crate::names::{Level, MessageId};

/// How a line of ours begins; a time of this shape follows.
const START: &[u8] = br#"{"v":1,"ts":""#;
const TIME: &[u8] = b"0000-00-00T00:00:00.000Z";
/// A quotation mark within a text has a backslash before it: this is a key wherever it stands.
static WAITED: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#""waited_ms":"#));

/// What every line is counted by.
struct Head<'l> {
    level: Level,
    event: &'l [u8],
}

pub(super) fn see(line: Raw<'_>, own: &mut OfChannel, totals: &mut Totals) {
    let Raw::Whole(line) = line else {
        own.foreign += 1;
        return;
    };
    if let Some(head) = at_once(line) {
        count(&head, line, own, totals);
    } else if let Some(entry) = Entry::parse(line) {
        let head = Head {
            level: entry.level(),
            event: entry.event.as_bytes(),
        };
        count(&head, line, own, totals);
    } else {
        own.foreign += 1;
    }
}

/// `None` where the line must be read key by key.
fn at_once(line: &[u8]) -> Option<Head<'_>> {
    let rest = line.strip_prefix(START)?;
    let (time, rest) = rest.split_at_checked(TIME.len())?;
    if !is_time(time) {
        return None;
    }
    let rest = rest.strip_prefix(br#"","level":""#)?;
    let (level, rest) = word(rest)?;
    let level = match level {
        b"debug" => Level::Debug,
        b"info" => Level::Info,
        b"warn" => Level::Warn,
        b"error" => Level::Error,
        _ => return None,
    };
    let (_, rest) = word(rest.strip_prefix(br#","channel":""#)?)?;
    let (event, rest) = word(rest.strip_prefix(br#","event":""#)?)?;
    rest.strip_prefix(br#","msg":""#)?;
    serde_json::from_str::<IgnoredAny>(std::str::from_utf8(line).ok()?).ok()?;
    Some(Head { level, event })
}

/// As far as it takes no calendar to tell.
fn is_time(text: &[u8]) -> bool {
    let two = |at: usize| (text[at] - b'0') * 10 + (text[at + 1] - b'0');
    let is_shaped = text.iter().zip(TIME).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    is_shaped && is_day(two(5), two(8)) && two(11) < 24 && two(14) < 60 && two(17) < 60
}

/// But for the 29th of February, which takes a year to tell.
const fn is_day(month: u8, day: u8) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28,
        _ => 0,
    };
    1 <= day && day <= last
}

/// Up to its quotation mark; one with an escape in it is none.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}

#[derive(Deserialize)]
struct Waited {
    #[serde(default)]
    waited_ms: u64,
}

fn count(head: &Head<'_>, line: &[u8], own: &mut OfChannel, totals: &mut Totals) {
    own.lines.count(head.level);
    if WAITED.find(line).is_some()
        && let Ok(Waited {
            waited_ms: ms @ 1..,
        }) = serde_json::from_slice(line)
    {
        totals.waits.add(ms, &WAIT_BOUNDS);
    }
    match head.event {
        b"mail.sent" => own.sent += 1,
        b"mail.refused" | b"agent.refused" | b"task.refused" | b"log.refused"
        | b"memory.refused" | b"token.refused" | b"approval.refused" | b"audit.refused"
        | b"key.refused" | b"secret.refused" => {
            own.refused += 1;
        }
        b"mail.announced" => totals.announced += 1,
        b"mail.read" => totals.read += 1,
        b"mail.taken" => totals.taken += 1,
        b"mail.acked" => {
            totals.acked += 1;
            totals.acks.add(since_accepted(line), &ACK_BOUNDS);
        }
        b"mail.replied" => totals.replied += 1,
        b"mail.expired" => totals.expired += 1,
        b"mail.dead" => totals.given_up += 1,
        b"mail.discarded" => totals.discarded += 1,
        b"mail.recalled" => totals.recalled += 1,
        b"task.completed" => totals.runs.completed += 1,
        b"task.run_ended" => {
            totals.runs.completed += 1;
            ended_well(line, totals);
        }
        b"task.failed" | b"task.run_failed" => totals.runs.failed += 1,
        b"task.retried" => totals.runs.retried += 1,
        b"task.lapsed" => totals.runs.lapsed += 1,
        event if is_of_a_life(event) => {
            if let Some(agent) = Entry::parse(line).and_then(|entry| entry.agent)
                && let Some(lives) = named(&mut totals.agents, &agent)
            {
                live(event, lives);
            }
        }
        _ => {}
    }
}

/// An id tells when it was given.
fn since_accepted(line: &[u8]) -> u64 {
    let span = || {
        let entry = Entry::parse(line)?;
        let id = MessageId::parse(entry.id.as_deref()?).ok()?;
        u64::try_from(entry.ts().unix_ms() - id.made_at().unix_ms()).ok()
    };
    // One without an id, or acknowledged before it was sent, where the clock was set: as good as none.
    span().unwrap_or(0)
}

fn ended_well(line: &[u8], totals: &mut Totals) {
    let Some(entry) = Entry::parse(line) else {
        return;
    };
    if let Some(task) = entry.task.as_deref()
        && let Some(at) = named(&mut totals.well, task)
    {
        *at = (*at).max(entry.ts().unix_ms());
    }
}

/// What `live` knows; others take no place of a name.
fn is_of_a_life(event: &[u8]) -> bool {
    matches!(
        event,
        b"agent.exited"
            | b"agent.backoff"
            | b"agent.lost"
            | b"agent.started"
            | b"agent.fatal"
            | b"agent.stopped"
            | b"agent.over"
    )
}

fn live(event: &[u8], lives: &mut Lives) {
    match event {
        b"agent.exited" | b"agent.backoff" | b"agent.lost" => lives.has_died = true,
        b"agent.started" => {
            lives.restarts += u64::from(lives.has_died);
            lives.has_died = false;
        }
        b"agent.fatal" => {
            lives.fatal += 1;
            lives.has_died = false;
        }
        b"agent.stopped" | b"agent.over" => lives.has_died = false,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::totals::{ByLevel, Spans};
    use super::*;

    fn folded(lines: &[&str]) -> (OfChannel, Totals) {
        let (mut own, mut totals) = (OfChannel::default(), Totals::default());
        for line in lines {
            see(Raw::Whole(line.as_bytes()), &mut own, &mut totals);
        }
        (own, totals)
    }

    fn event(name: &str, rest: &str) -> String {
        format!(
            r#"{{"v":1,"ts":"2027-01-15T08:00:00.000Z","level":"info","channel":"messages","event":"{name}","msg":"m","who":"user",{rest}"pid":7}}"#
        )
    }

    #[test]
    fn a_line_of_ours_is_found_at_once_and_any_other_key_by_key() {
        let ours = event("mail.sent", "");
        assert!(at_once(ours.as_bytes()).is_some());
        let other = r#"{"event":"mail.sent","level":"info","ts":"2027-01-15T08:00:00Z"}"#;
        assert!(at_once(other.as_bytes()).is_none());
        let (own, _) = folded(&[&ours, other]);
        assert_eq!(
            (own.sent, own.lines.of(Level::Info), own.foreign),
            (2, 2, 0)
        );
    }

    #[test]
    fn both_ways_count_the_same() {
        let lines = [
            event("mail.sent", ""),
            event("mail.refused", ""),
            event("task.refused", ""),
            event("mail.acked", r#""id":"01kf0000000000000000000000","#),
            event("mail.acked", ""),
            event("task.run_ended", r#""task":"t1","#),
            event("agent.backoff", r#""agent":"a","#),
            event("agent.started", r#""agent":"a","waited_ms":12,"#),
            event("mail.sent", r#""msgs":{"waited_ms":9},"#),
            event("what.ever", r#""text":"\"waited_ms\":5","#),
        ];
        let slow: Vec<String> = lines.iter().map(|it| format!(" {it}")).collect();
        assert!(at_once(slow[0].as_bytes()).is_none());
        let all = |lines: &[String]| folded(&lines.iter().map(|it| &**it).collect::<Vec<_>>());
        assert_eq!(all(&lines), all(&slow));
        let (own, totals) = all(&lines);
        assert_eq!((own.sent, own.refused), (2, 2));
        assert_eq!((totals.acked, totals.acks.count()), (2, 2));
        assert_eq!(totals.waits.count(), 1);
        assert_eq!(totals.agents["a"].restarts, 1);
        assert_eq!(totals.well["t1"], 1_800_000_000_000);
    }

    #[test]
    fn an_acknowledgement_is_as_old_as_the_id_of_its_message() {
        let id = MessageId::next(None, 1_800_000_000_000 - 90_000, || 0);
        let line = event("mail.acked", &format!(r#""id":"{id}","#));
        let (_, totals) = folded(&[&line]);
        let mut acks = Spans::default();
        acks.add(90_000, &ACK_BOUNDS);
        assert_eq!(totals.acks, acks);
    }

    #[test]
    fn a_day_of_no_calendar_is_foreign_and_one_of_any_month_is_found_at_once() {
        let of = |day: &str| event("mail.sent", "").replace("01-15", day);
        for day in ["01-31", "04-30", "12-29", "02-28"] {
            assert!(at_once(of(day).as_bytes()).is_some(), "{day}");
        }
        for day in ["04-31", "02-30", "13-01", "00-10", "06-00"] {
            assert_eq!(folded(&[&of(day)]).0.foreign, 1, "{day}");
        }
        assert_eq!(folded(&[&of("02-29").replace("2027", "2028")]).0.sent, 1);
    }

    #[test]
    fn names_of_others_take_no_place_and_long_ones_none_at_all() {
        let long = "a".repeat(1000);
        let (_, totals) = folded(&[
            &event("agent.typed", r#""agent":"a","#),
            &event("agent.exited", &format!(r#""agent":"{long}","#)),
            &event("task.run_ended", &format!(r#""task":"{long}","#)),
        ]);
        assert!(totals.agents.is_empty() && totals.well.is_empty());
        assert_eq!(totals.runs.completed, 1);
    }

    #[test]
    fn what_is_no_utf_8_is_foreign() {
        let mut line = event("task.completed", "").into_bytes();
        let at = line.iter().position(|byte| *byte == b'm').unwrap();
        line[at] = 0xff;
        let mut own = OfChannel::default();
        see(Raw::Whole(&line), &mut own, &mut Totals::default());
        assert_eq!((own.foreign, own.lines), (1, ByLevel::default()));
    }

    #[test]
    fn what_is_torn_or_of_another_make_is_foreign() {
        let whole = event("mail.sent", "");
        let torn = &whole[..whole.len() - 1];
        let double = format!("{torn}{whole}");
        let late = whole.replace("01-15", "02-31");
        let (own, totals) = folded(&["", "plain", torn, &double, &late, "\u{fffd}", "{}", "[1]"]);
        assert_eq!((own.foreign, own.sent), (8, 0));
        assert_eq!(totals, Totals::default());
        let mut own = OfChannel::default();
        see(
            Raw::Torn(whole.as_bytes()),
            &mut own,
            &mut Totals::default(),
        );
        assert_eq!((own.foreign, own.sent), (1, 0));
    }

    #[test]
    fn a_restart_is_a_start_after_a_life_that_ended_by_itself() {
        let of = |events: &[&str]| {
            let lines: Vec<String> = events
                .iter()
                .map(|name| event(name, r#""agent":"a","#))
                .collect();
            let lines: Vec<&str> = lines.iter().map(|it| &**it).collect();
            folded(&lines).1.agents["a"].restarts
        };
        let (start, exit) = ("agent.started", "agent.exited");
        assert_eq!(of(&[start, "agent.stopping", "agent.stopped", start]), 0);
        assert_eq!(of(&[start, exit, "agent.over", start]), 0);
        assert_eq!(of(&[start, exit, "agent.backoff", start, exit, start]), 2);
        assert_eq!(of(&[start, "agent.lost", start]), 1);
        assert_eq!(of(&[start, exit, "agent.fatal", start]), 0);
    }
}
