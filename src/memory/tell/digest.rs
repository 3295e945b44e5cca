//! What there was since a time, short enough for a chat or to be spoken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Told;
use super::deed::{self, Deed};
use super::failures::Failures;
use super::insights::ABANDONED;
use super::open::{Opens, Wait};
use super::text::{clip, counted, likeness, minute};
use crate::memory::Fragment;
use crate::time::{Timestamp, in_units};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Markdown,
    /// One message: at most 2,000 characters, however they are counted.
    Discord,
    /// At most a minute to be spoken: no signs, ids or addresses.
    Voice,
}

const DISCORD: usize = 2000;
/// A minute, of one who speaks calmly.
const SPOKEN_WORDS: usize = 150;
const SPOKEN_OF_ONE: usize = 10;
const LINE: usize = 140;
const NAME: usize = 32;
/// Lines of a section at most.
const LINES: usize = 12;
const SPOKEN_LINES: usize = 3;
/// The same is done once; of more, the oldest are only counted.
const MOST: usize = 1000;

/// Of what is told, what happened from `since` on; what is older tells only what still waits.
pub fn digest(told: &[Told<'_>], since: Timestamp, now: Timestamp, form: Form) -> String {
    let day = Day::of(told, since, now);
    match form {
        Form::Markdown => day.written(Marks::Markdown, LINES),
        Form::Discord => day.fitting(),
        Form::Voice => day.spoken(),
    }
}

struct Item {
    agent: String,
    task: Option<String>,
    text: String,
    /// Since when it waits.
    note: String,
    times: usize,
    id: String,
}

/// What one did.
#[derive(Default)]
struct Share {
    memories: usize,
    done: usize,
    failed: usize,
}

struct Day {
    since: Timestamp,
    now: Timestamp,
    memories: usize,
    done: Vec<Item>,
    failed: Vec<Item>,
    waiting: Vec<Item>,
    decided: Vec<Item>,
    /// Who did most, first.
    shares: Vec<(String, Share)>,
}

impl Day {
    fn of(told: &[Told<'_>], since: Timestamp, now: Timestamp) -> Self {
        let mut opens = Opens::default();
        let mut failures = Failures::default();
        let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
        let (mut done, mut decided) = (Once::default(), Once::default());
        let mut memories = 0;
        for one in told.iter().filter(|it| it.fragment.timestamp <= now) {
            let fragment = one.fragment;
            let deed = deed::of(fragment);
            opens.see(one, deed);
            if fragment.timestamp < since {
                continue;
            }
            memories += 1;
            failures.see(one, deed);
            let share = shares.entry(&fragment.agent_id).or_default();
            share.memories += 1;
            match deed {
                Deed::Finished if is_an_end(fragment) => {
                    share.done += usize::from(done.see(fragment));
                }
                Deed::Decided if fragment.kind != "log" => _ = decided.see(fragment),
                Deed::Failed => share.failed += 1,
                _ => {}
            }
        }
        let mut shares: Vec<_> = shares
            .into_iter()
            .map(|(name, it)| (name.to_owned(), it))
            .collect();
        shares.sort_by(|a, b| b.1.memories.cmp(&a.1.memories).then_with(|| a.0.cmp(&b.0)));
        Self {
            since,
            now,
            memories,
            done: done.newest_first(),
            failed: failed(failures),
            waiting: waiting(opens, since, now),
            decided: decided.newest_first(),
            shares,
        }
    }

    fn sections(&self) -> [(&'static str, &[Item]); 4] {
        [
            ("Done", &self.done),
            ("Failed", &self.failed),
            ("Waiting", &self.waiting),
            ("Decided", &self.decided),
        ]
    }

    fn written(&self, marks: Marks, most: usize) -> String {
        let (from, to) = (minute(self.since), minute(self.now));
        let (memories, agents) = (
            counted(self.memories, "memory"),
            counted(self.shares.len(), "agent"),
        );
        let heading = marks.heading(&format!("Digest, {from} to {to} UTC"), 1);
        let mut text = format!("{heading}\n{memories} of {agents}.\n");
        for (name, items) in self
            .sections()
            .into_iter()
            .filter(|(_, items)| !items.is_empty())
        {
            let heading = marks.heading(&format!("{name} ({})", items.len()), 2);
            let lines = items.iter().map(|item| marks.item(item));
            text.push_str(&section(&heading, lines, items.len(), most));
        }
        if !self.shares.is_empty() {
            let lines = self
                .shares
                .iter()
                .map(|(name, share)| marks.share(name, share));
            text.push_str(&section(
                &marks.heading("Who", 2),
                lines,
                self.shares.len(),
                most,
            ));
        }
        text
    }

    /// With as many lines a section as there is room for.
    fn fitting(&self) -> String {
        let texts = (0..=LINES)
            .rev()
            .map(|most| self.written(Marks::Discord, most));
        let fits = |text: &String| text.encode_utf16().count() <= DISCORD;
        // Without a line it is a dozen short ones.
        texts.into_iter().find(fits).unwrap_or_default()
    }

    fn spoken(&self) -> String {
        let span = in_words(&in_units(self.now.since(self.since)));
        let agents = counted(self.shares.len(), "agent");
        let memories = counted(self.memories, "memory");
        let mut sentences = vec![match self.memories {
            0 => format!("Nothing happened in the last {span}."),
            _ => format!("In the last {span}, {agents} left {memories}."),
        }];
        let named = ["done", "failed", "waiting", "decided"];
        for (what, (_, items)) in named.into_iter().zip(self.sections()) {
            sentences.extend(spoken_section(what, items));
        }
        if let Some((name, share)) = self.shares.first().filter(|_| self.shares.len() > 1) {
            let (name, memories) = (spoken_name(name), counted(share.memories, "memory"));
            sentences.push(format!("Most was heard of {name}, {memories}."));
        }
        let mut left = SPOKEN_WORDS;
        sentences.retain(|sentence| {
            let words = sentence.split_whitespace().count();
            let fits = words <= left;
            left -= if fits { words } else { 0 };
            fits
        });
        sentences.join(" ")
    }
}

/// What is alike is told once, as it was last.
#[derive(Default)]
struct Once {
    items: Vec<(u64, Item)>,
}

impl Once {
    /// Whether it is new.
    fn see(&mut self, fragment: &Fragment) -> bool {
        let like = match fragment.context_text("task_id") {
            Some(task) => xxhash_rust::xxh3::xxh3_64(task.as_bytes()),
            None => likeness(fragment),
        };
        let known = self.items.iter().rposition(|(it, _)| *it == like);
        let is_new = known.is_none();
        let times = known.map_or(1, |at| self.items.remove(at).1.times + 1);
        if self.items.len() >= MOST {
            self.items.remove(0);
        }
        self.items.push((like, item(fragment, times)));
        is_new
    }

    fn newest_first(self) -> Vec<Item> {
        self.items.into_iter().rev().map(|(_, item)| item).collect()
    }
}

fn item(fragment: &Fragment, times: usize) -> Item {
    Item {
        agent: fragment.agent_id.clone(),
        task: fragment.context_text("task_id").map(ToOwned::to_owned),
        text: clip(&fragment.content, LINE),
        note: String::new(),
        times,
        id: fragment.memory_id.clone(),
    }
}

/// Programs finish something with every line; only of a task it is news.
fn is_an_end(fragment: &Fragment) -> bool {
    match fragment.kind.as_str() {
        "log" | "summary" => false,
        "event" => fragment.context_text("task_id").is_some(),
        _ => true,
    }
}

/// What failed most often first, then the newest.
fn failed(failures: Failures) -> Vec<Item> {
    let mut all = failures.into_sorted();
    all.sort_by_key(|it| std::cmp::Reverse((it.count, it.last)));
    let told = all.into_iter().map(|it| Item {
        agent: it.agents.first().cloned().unwrap_or_default(),
        task: it.task.map(Into::into),
        text: clip(&it.text, LINE),
        note: String::new(),
        times: it.count,
        id: it.ids.last().cloned().unwrap_or_default(),
    });
    told.collect()
}

/// Tasks first, then what waits longest; at the end what nobody spoke of for weeks.
fn waiting(opens: Opens, since: Timestamp, now: Timestamp) -> Vec<Item> {
    let mut all: Vec<_> = opens
        .into_sorted()
        .into_iter()
        .map(|(_, open)| open)
        .collect();
    // An old question has long been answered elsewhere, or nobody cares.
    all.retain(|it| it.wait == Wait::Task || it.since >= since);
    all.sort_by_key(|it| (now.since(it.last) >= ABANDONED, it.wait, it.since));
    let told = all.into_iter().map(|it| Item {
        agent: it.holder.unwrap_or(it.by).into(),
        task: it.task.map(Into::into),
        text: clip(&it.text, LINE),
        note: format!(" (for {})", in_units(now.since(it.since))),
        times: 1,
        id: it.id.into(),
    });
    told.collect()
}

fn section(heading: &str, lines: impl Iterator<Item = String>, all: usize, most: usize) -> String {
    let mut text = format!("\n{heading}\n");
    for line in lines.take(most) {
        text.push_str(&line);
        text.push('\n');
    }
    if all > most && most > 0 {
        writeln!(text, "… and {} more", all - most).expect("a string grows");
    }
    text
}

/// How one writes where it is read.
#[derive(Clone, Copy)]
enum Marks {
    Markdown,
    Discord,
}

impl Marks {
    fn heading(self, text: &str, level: usize) -> String {
        match self {
            Self::Markdown => format!("{} {text}", "#".repeat(level)),
            Self::Discord => format!("**{text}**"),
        }
    }

    fn item(self, item: &Item) -> String {
        let Item {
            agent,
            task,
            text,
            note,
            times,
            id,
        } = item;
        let times = match times {
            0 | 1 => String::new(),
            times => format!(" ({times} times)"),
        };
        let reference = match self {
            Self::Markdown => format!(" [{id}]"),
            Self::Discord => String::new(),
        };
        let mut who = self.shown(&clip(agent, NAME));
        if let Some(task) = task {
            write!(who, ", {}", self.shown(&clip(task, NAME))).expect("a string grows");
        }
        format!("- {who}: {}{note}{times}{reference}", self.shown(text))
    }

    fn share(self, name: &str, share: &Share) -> String {
        let mut text = format!(
            "- {}: {}",
            self.shown(&clip(name, NAME)),
            counted(share.memories, "memory")
        );
        for (count, what) in [(share.done, "done"), (share.failed, "failed")] {
            if count > 0 {
                write!(text, ", {count} {what}").expect("a string grows");
            }
        }
        text
    }

    /// Somebody's words give nobody a notice and no style to what follows.
    fn shown(self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|') {
                shown.push('\\');
            }
            shown.push(c);
            // `@everyone`: a sign without width keeps it a word.
            if c == '@' && matches!(self, Self::Discord) {
                shown.push('\u{200b}');
            }
        }
        shown
    }
}

/// How many, then the first of them.
fn spoken_section(what: &str, items: &[Item]) -> Vec<String> {
    let things = counted(items.len(), "thing");
    let (was, is) = if items.len() == 1 {
        ("was", "is")
    } else {
        ("were", "are")
    };
    let opening = match what {
        _ if items.is_empty() => return Vec::new(),
        "failed" => format!("{things} failed."),
        "waiting" => format!("{things} {is} still waiting."),
        _ => format!("{things} {was} {what}."),
    };
    let told = items.iter().filter_map(spoken_item).take(SPOKEN_LINES);
    std::iter::once(opening).chain(told).collect()
}

fn spoken_item(item: &Item) -> Option<String> {
    let text = spoken(&item.text, SPOKEN_OF_ONE);
    let times = match item.times {
        0 | 1 => String::new(),
        times => format!(", {}", counted(times, "time")),
    };
    (!text.is_empty()).then(|| format!("{}, {text}{times}.", spoken_name(&item.agent)))
}

/// `agent-1` is said as two words.
fn spoken_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().take(4).collect();
    let is_id = words.iter().any(|word| word.chars().count() > 20);
    if is_id || words.is_empty() {
        return "somebody".into();
    }
    words.join(" ")
}

/// Words only: addresses, paths, ids and signs are nothing to listen to.
fn spoken(text: &str, most: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    for token in text.split_whitespace() {
        if is_number(token) {
            words.push(token.trim_matches(|c: char| !c.is_ascii_digit()).to_owned());
        } else if is_speakable(token) {
            words.extend(plain(token).split_whitespace().map(ToOwned::to_owned));
        }
    }
    words.retain(|word| word.chars().count() <= 24);
    words.truncate(most);
    words.join(" ")
}

/// Letters, and apostrophes within a word.
fn plain(token: &str) -> String {
    let token = token.trim_matches(|c: char| !c.is_alphanumeric());
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '\'' {
            c
        } else {
            ' '
        }
    };
    token.chars().map(plain).collect()
}

/// `12`, `3.5`, with signs around: no address and no version.
fn is_number(token: &str) -> bool {
    let digits = token.trim_matches(|c: char| c.is_ascii_punctuation());
    let mut inner = digits.chars().filter(|c| !c.is_ascii_digit());
    let signs = (inner.next(), inner.next());
    !digits.is_empty() && digits.len() <= 7 && matches!(signs, (None | Some('.' | ','), None))
}

fn is_speakable(token: &str) -> bool {
    let is_address = token.starts_with("www.") || token.contains(['/', '\\', '@', '#', '=', '_']);
    !is_address && !token.chars().any(char::is_numeric)
}

/// `1d 2h` as one says it.
fn in_words(span: &str) -> String {
    let units = [
        ("d", "day"),
        ("h", "hour"),
        ("m", "minute"),
        ("s", "second"),
    ];
    let part = |part: &str| {
        let unit = units
            .iter()
            .find_map(|(short, long)| Some((part.strip_suffix(short)?, long)));
        unit.and_then(|(count, long)| Some(counted(count.parse().ok()?, long)))
    };
    let parts: Vec<String> = span.split(' ').filter_map(part).collect();
    match parts.as_slice() {
        [] => "moment".into(),
        // In the last day.
        [one] => one.strip_prefix("1 ").unwrap_or(one).to_owned(),
        several => several.join(" and "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::memory::tell::sample::{DAY, HOUR, MINUTE, at, event, fragment, with};

    fn of(all: &[Fragment], form: Form) -> String {
        let told: Vec<_> = (0..)
            .zip(all)
            .map(|(nth, fragment)| Told {
                fragment,
                thread: nth,
            })
            .collect();
        digest(&told, at(0), at(DAY), form)
    }

    fn a_day() -> Vec<Fragment> {
        vec![
            event("m0", -HOUR, "captain", "task.created", "t9"),
            with(event("m1", 0, "a-1", "task.completed", "t1"), json!({})),
            fragment("m2", MINUTE, "b", "log", "connection to 10.0.0.1 failed"),
            fragment(
                "m3",
                2 * MINUTE,
                "b",
                "log",
                "connection to 10.0.0.2 failed",
            ),
            fragment(
                "m4",
                HOUR,
                "a-1",
                "devlog",
                "decided: one file a day, @everyone, see http://x.y/z",
            ),
            fragment("m5", 2 * HOUR, "b", "message", "which port?"),
        ]
    }

    #[test]
    fn a_day_is_told_by_what_was_done_what_failed_what_waits_and_who_did_it() {
        let expected = "\
# Digest, 2026-11-02 00:00 to 2026-11-03 00:00 UTC
5 memories of 2 agents.

## Done (1)
- a-1, t1: t1 completed [m1]

## Failed (1)
- b: connection to 10.0.0.1 failed (2 times) [m3]

## Waiting (2)
- captain, t9: t9 created (for 1d 1h) [m0]
- b: which port? (for 22h) [m5]

## Decided (1)
- a-1: decided: one file a day, @everyone, see http://x.y/z [m4]

## Who
- b: 3 memories, 2 failed
- a-1: 2 memories, 1 done
";
        assert_eq!(of(&a_day(), Form::Markdown), expected);
        let discord = of(&a_day(), Form::Discord);
        assert!(discord.starts_with("**Digest,") && !discord.contains("@everyone"));
    }

    #[test]
    fn it_is_spoken_without_signs_ids_and_addresses() {
        assert_eq!(
            of(&a_day(), Form::Voice),
            "In the last day, 2 agents left 5 memories. 1 thing was done. a 1, completed. 1 thing failed. \
             b, connection to failed, 2 times. 2 things are still waiting. captain, created. b, which port. \
             1 thing was decided. a 1, decided one file a day see. Most was heard of b, 3 memories."
        );
        assert_eq!(of(&[], Form::Voice), "Nothing happened in the last day.");
    }

    #[test]
    fn of_a_long_day_whole_lines_are_left_out() {
        let all: Vec<_> = (0..3000_u16)
            .map(|nth| {
                let long = usize::from(nth);
                let text = format!(
                    "finished {} 𝄞 {}",
                    "x".repeat(long % 90),
                    "é".repeat(long % 70)
                );
                fragment(
                    &format!("m{nth}"),
                    i64::from(nth),
                    &format!("agent-{}", nth % 50),
                    "devlog",
                    &text,
                )
            })
            .collect();
        let text = of(&all, Form::Discord);
        assert!(text.encode_utf16().count() <= DISCORD && text.len() > 1000);
        assert!(text.ends_with("more\n") && text.contains("**Who**"));
    }

    proptest! {
        #[test]
        fn however_much_there_is_it_fits(texts in proptest::collection::vec(("\\PC{0,300}", "\\PC{0,40}", 0_usize..5), 0..60)) {
            let kinds = ["message", "task", "event", "log", "devlog"];
            let words = ["failed", "done", "decided", "why?", "blocked"];
            let mut ms = 0;
            let all: Vec<_> = texts.iter().enumerate().map(|(nth, (text, agent, kind))| {
                ms += 1;
                let text = format!("{} {text}", words[nth % 5]);
                fragment(&nth.to_string(), ms, agent, kinds[*kind], &text)
            }).collect();
            prop_assert!(of(&all, Form::Discord).encode_utf16().count() <= DISCORD);
            let spoken = of(&all, Form::Voice);
            prop_assert!(spoken.split_whitespace().count() <= SPOKEN_WORDS);
            let plain = |c: char| c.is_alphanumeric() || " ,.'".contains(c);
            prop_assert!(spoken.chars().all(plain), "{}", spoken);
            prop_assert_eq!(spoken, of(&all, Form::Voice));
        }
    }
}
