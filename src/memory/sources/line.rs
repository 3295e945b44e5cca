//! The head of a line of any text log: when, how bad, who; and what is left is what was said.

use chrono::TimeZone;

use super::stamp::{Kind, Stamp, stamp};
use crate::names::Level;
use crate::time::Timestamp;

/// A time begins in the first bytes of a line, and is one of its first words.
const TIME_WITHIN: usize = 160;
const TIME_AMONG: usize = 5;
/// The words between a time and a level.
const LEVEL_AMONG: usize = 6;
const LONGEST_PROGRAM: usize = 100;

const LEVELS: [(&str, Level); 17] = [
    ("TRACE", Level::Debug),
    ("VERBOSE", Level::Debug),
    ("DEBUG", Level::Debug),
    ("INFO", Level::Info),
    ("INFORMATION", Level::Info),
    ("NOTICE", Level::Info),
    ("WARN", Level::Warn),
    ("WARNING", Level::Warn),
    ("ERROR", Level::Error),
    ("ERR", Level::Error),
    ("SEVERE", Level::Error),
    ("FATAL", Level::Error),
    ("CRIT", Level::Error),
    ("CRITICAL", Level::Error),
    ("ALERT", Level::Error),
    ("EMERG", Level::Error),
    ("PANIC", Level::Error),
];

/// A line, divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'l> {
    pub(super) time: Option<Timestamp>,
    pub(super) level: Option<Level>,
    /// A program, component or class, as `sshd`; without its process id.
    pub(super) program: Option<&'l str>,
    /// All of the line where something stands before the time that would be lost.
    pub(super) text: &'l str,
}

/// `zone`: what times mean that name none. `near`: a year that is not written is the last one in which the time is
/// not later than a day after it.
pub(super) fn head<'l, Z: TimeZone>(line: &'l str, zone: &Z, near: Timestamp) -> Head<'l> {
    let line = line.trim_end();
    let mut found = Head {
        time: None,
        level: None,
        program: None,
        text: line.trim_start(),
    };
    let Some((start, first)) = first_stamp(line, zone, near) else {
        found.without_time();
        return found;
    };
    found.time = Some(first.at);
    let before = &line[..start];
    let rest = &line[start + first.length..];
    if before
        .split_whitespace()
        .filter(|word| has_letter_or_digit(word))
        .count()
        > 1
    {
        return found;
    }
    found.level = before.split_whitespace().find_map(level_of);
    let columns = rest.starts_with('|');
    let (rest, last) = later_stamps(rest, first, &mut found, zone, near);
    found.text = unmarked(rest);
    if columns {
        found.columns();
        return found;
    }
    if last == Kind::Syslog || !found.level_first() {
        found.host_and_program();
    }
    found.named_program();
    found
}

fn has_letter_or_digit(word: &str) -> bool {
    word.contains(|letter: char| letter.is_alphanumeric())
}

/// Where it begins, and it.
fn first_stamp<Z: TimeZone>(line: &str, zone: &Z, near: Timestamp) -> Option<(usize, Stamp)> {
    let bytes = line.as_bytes();
    let (mut words, mut bare, mut day) = (0, true, None);
    for at in 0..bytes.len().min(TIME_WITHIN) {
        let byte = bytes[at];
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        if !byte.is_ascii_alphanumeric()
            || before.is_ascii_alphanumeric()
            || before == b'-' && at > 1 && bytes[at - 2] != b' '
        {
            continue;
        }
        if before == b' ' || before == b'\t' {
            words += 1;
        }
        if words > TIME_AMONG {
            break;
        }
        if b" \t[(<>\"'|=.".contains(&before)
            && let Some(stamp) = stamp(&line[at..], zone, near)
        {
            match stamp.kind {
                // A number without brackets, behind other words, is a number.
                Kind::Epoch if !bare && before != b'[' => {}
                Kind::Day => day = day.or(Some((at, stamp))),
                Kind::Epoch | Kind::Syslog | Kind::Other => return Some((at, stamp)),
            }
        }
        bare = false;
    }
    day
}

/// Some programs write the time several times, a host between.
fn later_stamps<'l, Z: TimeZone>(
    mut rest: &'l str,
    first: Stamp,
    found: &mut Head<'l>,
    zone: &Z,
    near: Timestamp,
) -> (&'l str, Kind) {
    let (mut kind, mut day) = (first.kind, first.kind == Kind::Day);
    // What follows a whole time is no part of the head.
    while matches!(kind, Kind::Epoch | Kind::Day) {
        let here = unmarked(rest);
        let after_host = here
            .split_once(' ')
            .filter(|(host, _)| host.contains(|c: char| c.is_ascii_digit()) && !host.ends_with(':'))
            .map(|(_, after)| after);
        let next = [Some(here), after_host]
            .into_iter()
            .flatten()
            .find_map(|text| {
                let stamp = stamp(text, zone, near)?;
                (stamp.kind != Kind::Epoch).then_some((text, stamp))
            });
        let Some((text, stamp)) = next else {
            break;
        };
        if day && stamp.kind != Kind::Day {
            found.time = Some(stamp.at);
            day = false;
        }
        kind = stamp.kind;
        rest = &text[stamp.length..];
    }
    (rest, kind)
}

/// Without what divides the parts of a head.
fn unmarked(text: &str) -> &str {
    let mut rest = text.trim_start_matches([']', ')', '>', '"', '\'']);
    loop {
        let divided = |mark: char| mark.is_whitespace() || matches!(mark, ',' | ';' | '|' | ':');
        rest = rest.trim_start_matches(divided);
        match rest.strip_prefix("- ") {
            Some(after) => rest = after,
            None => return rest,
        }
    }
}

/// One of the usual names, bare or in brackets; small letters only where they can be nothing else.
fn level_of(word: &str) -> Option<Level> {
    let bare = word.trim_matches(['[', ']', '<', '>', '(', ')', ':', ',', '|', '-', '*']);
    let bare = bare.strip_prefix("level=").unwrap_or(bare);
    let marked = bare.len() < word.len();
    if !marked && !bare.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        return None;
    }
    let found = LEVELS
        .iter()
        .find(|(name, _)| bare.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level)
}

/// Of Android's log.
fn letter_level(word: &str) -> Option<Level> {
    match word {
        "V" | "D" => Some(Level::Debug),
        "I" => Some(Level::Info),
        "W" => Some(Level::Warn),
        "E" | "F" => Some(Level::Error),
        _ => None,
    }
}

/// The first word, and what comes behind it. What is in brackets is one word.
fn cut(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    let bracketed = text.starts_with('[');
    for (at, letter) in text.char_indices() {
        match letter {
            '[' if bracketed => depth += 1,
            ']' if bracketed => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return text.split_at(at + 1);
                }
            }
            _ if letter.is_whitespace() && !bracketed => return text.split_at(at),
            _ => {}
        }
    }
    if bracketed {
        // It is never closed.
        return text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    }
    (text, "")
}

/// `sshd[123]:`, `su(pam_unix)[12]:`, `a.b.Class:` without what is not its name. Never a sentence, a number, or an address.
fn program_of(word: &str) -> Option<&str> {
    let word = word.strip_suffix(':')?;
    let name = match word.find(['[', '(']) {
        Some(at) if word.ends_with([']', ')']) => &word[..at],
        _ => word,
    };
    is_name(name).then_some(name)
}

fn is_name(word: &str) -> bool {
    word.len() <= LONGEST_PROGRAM
        && word
            .starts_with(|letter: char| letter.is_alphabetic() || matches!(letter, '_' | '-' | '/'))
        && word.contains(char::is_alphabetic)
        && word
            .chars()
            .all(|letter| letter.is_alphanumeric() || "_-./$@#+~".contains(letter))
}

impl Head<'_> {
    /// A prose line is not to lose its first word: only what can be nothing else is taken.
    fn without_time(&mut self) {
        let (word, rest) = cut(self.text);
        let sure = word.starts_with(['[', '<'])
            || word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b':');
        if sure && let Some(level) = level_of(word) {
            self.level = Some(level);
            self.text = unmarked(rest);
            self.named_program();
        } else if word.contains('[')
            && let Some(name) = program_of(word)
        {
            self.program = Some(name);
            self.text = rest.trim_start();
        }
    }

    /// Whether a level was found among the next words, and taken with what stands before it.
    fn level_first(&mut self) -> bool {
        let (mut rest, mut numbers, mut small) = (self.text, 0, 0);
        for _ in 0..LEVEL_AMONG {
            let (word, after) = cut(rest);
            if word.is_empty() || word.starts_with('"') {
                return false;
            }
            let level =
                level_of(word).or_else(|| (numbers == 2).then(|| letter_level(word)).flatten());
            if let Some(level) = level {
                self.level = Some(level);
                self.text = unmarked(after);
                return true;
            }
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                numbers += 1;
            } else if !word.starts_with('[') && word.bytes().any(|byte| byte.is_ascii_lowercase()) {
                small += 1;
            }
            if small > 1 || word.ends_with(':') {
                return false;
            }
            rest = after.trim_start();
        }
        false
    }

    /// `host sshd[123]: …`
    fn host_and_program(&mut self) {
        let (host, rest) = cut(self.text);
        let (word, rest) = cut(rest.trim_start());
        let pid = word.contains('[');
        if !host.ends_with(':')
            && (pid
                || host.contains(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'))
                || is_name(host))
            && let Some(name) = program_of(word)
        {
            self.program = Some(name);
            self.text = rest.trim_start();
        }
    }

    /// `sshd[123]: …`, `a.b.Class: …`, `[main] a.b.Class - …`, `a.b.Class [id] …`
    fn named_program(&mut self) {
        if self.program.is_some() {
            return;
        }
        if self.level.is_none() {
            let (word, rest) = cut(self.text);
            if let Some(level) = level_of(word).filter(|_| word.ends_with([']', ':', '>'])) {
                self.level = Some(level);
                self.text = unmarked(rest);
            }
        }
        let (word, rest) = cut(self.text);
        let said = rest.trim_start();
        if let Some(name) = program_of(word) {
            self.program = Some(name);
            self.text = said;
        } else if let Some(said) = said.strip_prefix(": ").or_else(|| said.strip_prefix("- "))
            && (is_name(word) || word.starts_with('['))
        {
            self.program = Some(word.trim_start_matches('[').trim_end_matches(']'));
            self.text = said.trim_start();
        } else if self.level.is_some() && word.starts_with('[') {
            // A thread.
            let (word, after) = cut(said);
            if let Some(name) = program_of(word) {
                self.program = Some(name);
                self.text = after.trim_start();
            }
        } else if self.level.is_some()
            && is_name(word)
            && (rest.starts_with("  ") || is_path_of_class(word))
            && !said.is_empty()
        {
            self.program = Some(word);
            self.text = said;
        }
    }

    /// `time|program|pid|text`
    fn columns(&mut self) {
        while let Some((column, rest)) = self.text.split_once('|') {
            let column = column.trim();
            if let Some(level) = level_of(column) {
                self.level = Some(level);
            } else if self.program.is_none() && is_name(column) {
                self.program = Some(column);
            } else if !column.bytes().all(|byte| byte.is_ascii_digit()) {
                return;
            }
            self.text = rest.trim_start();
        }
    }
}

/// `a.b.c`, as loggers are named.
fn is_path_of_class(word: &str) -> bool {
    word.split('.').count() > 2 && word.split('.').all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use bolero::check;
    use chrono::FixedOffset;

    use super::*;

    fn near() -> Timestamp {
        Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
    }

    fn read(line: &str) -> Head<'_> {
        head(line, &FixedOffset::east_opt(3600).unwrap(), near())
    }

    fn time(line: &str) -> Option<String> {
        read(line).time.map(|time| time.to_string())
    }

    #[test]
    fn every_common_way_of_writing_a_time_is_read() {
        for (line, expected) in [
            ("2015-07-29T17:41:41.536Z x", "2015-07-29T17:41:41.536Z"),
            ("2015-07-29T17:41:41+02:00 x", "2015-07-29T15:41:41.000Z"),
            ("2015-07-29T17:41:41-0130 x", "2015-07-29T19:11:41.000Z"),
            ("2015-07-29T17:41:41+02 x", "2015-07-29T15:41:41.000Z"),
            (
                "2015-07-29 17:41:41,536 - INFO x",
                "2015-07-29T16:41:41.536Z",
            ),
            (
                "2015-07-29 17:41:41.123456789 x",
                "2015-07-29T16:41:41.123Z",
            ),
            ("2015-07-29 17:41:41.5 +0000 x", "2015-07-29T17:41:41.500Z"),
            ("2015-07-29 17:41:41 UTC x", "2015-07-29T17:41:41.000Z"),
            ("2015-07-29 17:41:41 -5 x", "2015-07-29T16:41:41.000Z"),
            ("[2015-07-29 17:41] x", "2015-07-29T16:41:00.000Z"),
            ("2015/07/29 17:41:41 x", "2015-07-29T16:41:41.000Z"),
            ("2005-06-03-15.42.50.363779 x", "2005-06-03T14:42:50.363Z"),
            ("2005.06.03 x", "2005-06-02T23:00:00.000Z"),
            ("2005.06.03 17 x", "2005-06-02T23:00:00.000Z"),
            ("Feb 14 15:16:01 h p: x", "2026-02-14T14:16:01.000Z"),
            ("Feb  4 15:16:01 h p: x", "2026-02-04T14:16:01.000Z"),
            ("Jun 14 15:16:01 h p: x", "2025-06-14T14:16:01.000Z"),
            ("Mar  2 01:00:00 h p: x", "2026-03-02T00:00:00.000Z"),
            ("Feb 29 15:16:01 h p: x", "2024-02-29T14:16:01.000Z"),
            ("Jun 14 2019 15:16:01 h p: x", "2019-06-14T14:16:01.000Z"),
            ("[Sun Dec 04 04:47:44 2005] x", "2005-12-04T03:47:44.000Z"),
            ("[Sun Dec  4 04:47:44.5 2005] x", "2005-12-04T03:47:44.500Z"),
            ("Sun Dec  4 04:47:44 UTC 2005 x", "2005-12-04T04:47:44.000Z"),
            ("Sun Dec  4 04:47:44 CET 2005 x", "2005-12-04T03:47:44.000Z"),
            (
                "Sun, 04 Dec 2005 04:47:44 +0100 x",
                "2005-12-04T03:47:44.000Z",
            ),
            ("[10/Oct/2000:13:55:36 +0000] x", "2000-10-10T13:55:36.000Z"),
            (
                "10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\"",
                "2000-10-10T13:55:36.000Z",
            ),
            ("1117838570 x", "2005-06-03T22:42:50.000Z"),
            ("1117838570.25 x", "2005-06-03T22:42:50.250Z"),
            ("[1117838570250] x", "2005-06-03T22:42:50.250Z"),
            ("- 1117838570 x", "2005-06-03T22:42:50.000Z"),
            ("081109 203615 148 INFO x", "2008-11-09T19:36:15.000Z"),
            (
                "03-17 16:13:38.811  1702  2395 D Tag: x",
                "2025-03-17T15:13:38.811Z",
            ),
            ("[10.30 16:49:06] a.exe - x", "2025-10-30T15:49:06.000Z"),
            ("17/06/09 20:10:40 INFO a.B: x", "2017-06-09T19:10:40.000Z"),
            ("20171223-22:15:29:606|A|3|x", "2017-12-23T21:15:29.606Z"),
            ("20171223-2:5:9:606|A|3|x", "2017-12-23T01:05:09.606Z"),
            ("20240506T101112Z x", "2024-05-06T10:11:12.000Z"),
            ("<13>Feb 14 15:16:01 h p: x", "2026-02-14T14:16:01.000Z"),
            (
                "time=\"2024-05-06T10:11:12Z\" level=info msg=\"x\"",
                "2024-05-06T10:11:12.000Z",
            ),
            ("2016-12-31T23:59:60Z x", "2016-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(time(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_and_what_is_only_a_number_is_no_time() {
        for line in [
            "",
            "hello",
            "2015-07-32T17:41:41Z x",
            "2015-13-01 x",
            "2015-02-29 10:00:00 x",
            "2015-07-29T25:00:00Z x",
            "2015-07-29T17:61:00Z x",
            "Feb 30 15:16:01 h p: x",
            "Jun 14 24:16:01 h p: x",
            "[32/Oct/2000:13:55:36 +0000] x",
            "081399 203615 x",
            "123 x",
            "9999999999 x",
            "111783857 x",
            "got 1117838570 bytes",
            "1.2.3.4 said so",
            "2015-07-291 x",
            "17/06/09 x",
            "May I go",
        ] {
            assert_eq!(time(line), None, "{line}");
        }
    }

    /// Level, program, text.
    type Parts<'l> = (Option<Level>, Option<&'l str>, &'l str);

    const DIVIDED: [(&str, Parts<'static>); 28] = [
        ("2024-05-01 10:00:00 -5 degrees", (None, None, "-5 degrees")),
        (
            "2024-05-01 10:00:00 2020-01-01 is over",
            (None, None, "2020-01-01 is over"),
        ),
        (
            "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass",
            (None, Some("sshd"), "check pass"),
        ),
        (
            "Jun 14 15:16:01 combo kernel: up: yes",
            (None, Some("kernel"), "up: yes"),
        ),
        (
            "Jun 14 15:16:01 combo -- MARK --",
            (None, None, "combo -- MARK --"),
        ),
        (
            "2024-05-01T10:00:00+00:00 web-1 cron[12]: ran",
            (None, Some("cron"), "ran"),
        ),
        (
            "[Sun Dec 04 04:47:44 2005] [notice] ready a: b",
            (Some(Level::Info), None, "ready a: b"),
        ),
        (
            "[Sun Dec 04 04:47:44 2005] [error] [client 1.2.3.4] denied",
            (Some(Level::Error), None, "[client 1.2.3.4] denied"),
        ),
        (
            "081109 203615 148 INFO dfs.Node$Part: Part 1",
            (Some(Level::Info), Some("dfs.Node$Part"), "Part 1"),
        ),
        (
            "2015-10-18 18:01:47,978 INFO [main] org.example.App: made",
            (Some(Level::Info), Some("org.example.App"), "made"),
        ),
        (
            "2015-07-29 17:41:41,536 - WARN  [Peer[id=1]/0:0:2181:Part@774] - late",
            (
                Some(Level::Warn),
                Some("Peer[id=1]/0:0:2181:Part@774"),
                "late",
            ),
        ),
        (
            "17/06/09 20:10:40 ERROR spark.Env: lost",
            (Some(Level::Error), Some("spark.Env"), "lost"),
        ),
        (
            "03-17 16:13:38.811  1702  2395 D Window: open",
            (Some(Level::Debug), Some("Window"), "open"),
        ),
        (
            "2016-09-28 04:30:30, Info                  CBS    Loaded it",
            (Some(Level::Info), Some("CBS"), "Loaded it"),
        ),
        (
            "20171223-22:15:29:606|Step_X|30002312|on 35",
            (None, Some("Step_X"), "on 35"),
        ),
        (
            "[10.30 16:49:06] chrome.exe - a.example.org:443 close",
            (None, Some("chrome.exe"), "a.example.org:443 close"),
        ),
        (
            "api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.osapi.server [req-3] GET",
            (Some(Level::Info), Some("nova.osapi.server"), "[req-3] GET"),
        ),
        (
            "- 1117838570 2005.06.03 R02-M1:J12 2005-06-03-15.42.50.363779 R02-M1:J12 RAS KERNEL INFO parity error",
            (Some(Level::Info), None, "parity error"),
        ),
        (
            "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: closed",
            (None, Some("crond"), "closed"),
        ),
        (
            "2024-05-01 10:00:00 [WARN] disk: full",
            (Some(Level::Warn), Some("disk"), "full"),
        ),
        (
            "2024-05-01T10:00:00Z  INFO app::db: ready",
            (Some(Level::Info), None, "app::db: ready"),
        ),
        (
            "[ERROR] 2024-05-01 10:00:00 no way",
            (Some(Level::Error), None, "no way"),
        ),
        (
            "2024-05-01 10:00:00 error: no way",
            (Some(Level::Error), None, "no way"),
        ),
        (
            "WARNING: no time here",
            (Some(Level::Warn), None, "no time here"),
        ),
        (
            "sshd[17]: no time here",
            (None, Some("sshd"), "no time here"),
        ),
        ("note: a sentence", (None, None, "note: a sentence")),
        ("Error is human", (None, None, "Error is human")),
        (
            "10.0.0.1 - bob [10/Oct/2000:13:55:36 +0000] \"GET /\"",
            (
                None,
                None,
                "10.0.0.1 - bob [10/Oct/2000:13:55:36 +0000] \"GET /\"",
            ),
        ),
    ];

    #[test]
    fn level_program_and_text_are_told_apart() {
        for (line, expected) in DIVIDED {
            let Head {
                level,
                program,
                text,
                ..
            } = read(line);
            assert_eq!((level, program, text), expected, "{line}");
        }
    }

    #[test]
    fn any_line_is_read_and_its_text_is_a_part_of_it() {
        check!().with_type::<String>().for_each(|line| {
            let head = read(line);
            assert!(line.contains(head.text));
        });
        for text in [
            "2024-05-01 10:00:00",
            "Jun 14 15:16:01 ",
            "[2024-05-01 10:00]",
            "1117838570",
            "Sun Dec 04",
        ] {
            for cut in 0..=text.len() {
                for tail in ["", "ü", "[", "[ü", ":", " [a", "|", " é "] {
                    let line = format!("{}{tail}", &text[..cut]);
                    assert!(line.contains(read(&line).text), "{line}");
                }
            }
        }
    }
}
