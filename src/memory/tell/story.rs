//! What happened, as one reads it: days as headings, threads as paragraphs, every sentence with the id of what it was
//! made from.
//!
//! It says what fragments say and no more: that somebody *finished* is believed of an event or a status, of words only
//! that he wrote them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::deed::{self, Deed};
use super::text::{clip, clock, counted, day, likeness, minute};
use super::{Fixed, Told};
use crate::memory::{Connection, Fragment, Reason};
use crate::time::{Timestamp, in_units};

/// What is told of one fragment.
const SAID: usize = 240;
const TITLE: usize = 80;

/// One thread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chapter {
    pub thread: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How it began, after its task.
    pub title: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// In the order in which they came in.
    pub agents: Vec<String>,
    pub steps: Vec<Step>,
}

/// One fragment, or a run of like ones of the same agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub at: Timestamp,
    pub agent: String,
    /// `wrote`, `asked`, `finished it`.
    pub did: String,
    pub said: String,
    pub id: String,
    /// How many like ones follow one another here, with this.
    pub times: usize,
    /// The last of them.
    pub until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_id: Option<String>,
    /// Why it belongs here; nothing for what began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    #[serde(skip)]
    like: u64,
    #[serde(skip)]
    end: Option<Deed>,
}

/// The link to what came before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Because {
    pub id: String,
    pub reason: Reason,
    pub score: f64,
}

/// In the order in which the threads began.
pub fn chapters(told: &[Told<'_>]) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut places: HashMap<u32, usize, Fixed> = HashMap::default();
    let mut threads: HashMap<&str, u32, Fixed> = HashMap::default();
    for one in told {
        let fragment = one.fragment;
        let place = *places.entry(one.thread).or_insert_with(|| {
            chapters.push(Chapter::begin(one));
            chapters.len() - 1
        });
        let within = |link: &&Connection| threads.get(link.id.as_str()) == Some(&one.thread);
        let because = fragment.connections.iter().find(within).map(Because::of);
        chapters[place].go_on(fragment, because);
        threads.insert(&fragment.memory_id, one.thread);
    }
    chapters
}

impl Because {
    fn of(link: &Connection) -> Self {
        Self {
            id: link.id.clone(),
            reason: link.reason,
            score: link.score,
        }
    }
}

impl Chapter {
    fn begin(told: &Told<'_>) -> Self {
        let fragment = told.fragment;
        let opening = clip(&fragment.content, TITLE);
        let title = match fragment.context_text("task_id") {
            Some(task) => format!("task {task}: {opening}"),
            None => opening,
        };
        Self {
            thread: told.thread,
            task: fragment.context_text("task_id").map(ToOwned::to_owned),
            title,
            from: fragment.timestamp,
            to: fragment.timestamp,
            agents: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn go_on(&mut self, fragment: &Fragment, because: Option<Because>) {
        self.to = self.to.max(fragment.timestamp);
        if !self.agents.contains(&fragment.agent_id) {
            self.agents.push(fragment.agent_id.clone());
        }
        let step = Step::of(fragment, because);
        match self.steps.last_mut() {
            Some(last) if last.is_like(&step) => {
                last.times += 1;
                last.until = step.at;
                last.last_id = Some(step.id);
            }
            _ => self.steps.push(step),
        }
    }

    /// Where the last word on it was an end.
    fn end(&self) -> Option<String> {
        let last = self.steps.last()?;
        let how = match last.end? {
            Deed::Finished => "finished",
            Deed::Failed => "failed",
            Deed::Dropped => "dropped",
            _ => return None,
        };
        let took = last.until.since(self.from);
        let after = match took.as_secs() {
            0 => String::new(),
            _ => format!(" after {}", in_units(took)),
        };
        Some(format!("It ended{after}: {how}."))
    }
}

impl Step {
    fn of(fragment: &Fragment, because: Option<Because>) -> Self {
        let (did, end) = did(fragment);
        Self {
            at: fragment.timestamp,
            agent: fragment.agent_id.clone(),
            did,
            said: clip(&fragment.content, SAID),
            id: fragment.memory_id.clone(),
            times: 1,
            until: fragment.timestamp,
            last_id: None,
            because,
            like: likeness(fragment),
            end,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.like, &self.agent, &self.did) == (other.like, &other.agent, &other.did)
    }

    fn sentence(&self, before: Option<&Self>, title: &str) -> String {
        let Self {
            agent, did, said, ..
        } = self;
        let opening = match before {
            Some(before) => later(before.until, self.at),
            None => format!("At {}", clock(self.at)),
        };
        let mut sentence = format!("{opening} {} {did}", escaped(agent));
        // The title has said it.
        if !said.is_empty() && !title.ends_with(said.as_str()) {
            write!(sentence, ": “{}”", escaped(said)).expect("a string grows");
        }
        if self.times > 1 {
            let until = if day(self.at) == day(self.until) {
                clock(self.until)
            } else {
                minute(self.until)
            };
            write!(sentence, ", {} until {until}", counted(self.times, "time"))
                .expect("a string grows");
        }
        let of_before = |because: &&Because| before.is_none_or(|it| !it.is(&because.id));
        if let Some(because) = self.because.as_ref().filter(of_before) {
            sentence.push_str(&because.told());
        }
        write!(sentence, " [{}]", self.id).expect("a string grows");
        if let Some(last) = &self.last_id {
            write!(sentence, " … [{last}]").expect("a string grows");
        }
        sentence.push('.');
        sentence
    }

    fn is(&self, id: &str) -> bool {
        self.id == id || self.last_id.as_deref() == Some(id)
    }
}

impl Because {
    /// Empty where the paragraph itself says it.
    fn told(&self) -> String {
        let why = match self.reason {
            Reason::Task | Reason::Thread => return String::new(),
            Reason::Reply => "in answer to",
            Reason::Identifier => "naming the same as",
            Reason::Addressed => "to who said",
            Reason::OwnTurn => "going on from",
            Reason::Similar => "on the same as",
        };
        format!(", {why} [{}]", self.id)
    }
}

/// And what kind of end it is, if it is one.
fn did(fragment: &Fragment) -> (String, Option<Deed>) {
    let of_task = fragment.kind == "task" || fragment.context_text("task_id").is_some();
    // A level says how loud a line is, not what became of a task.
    let is_told = ["event", "status"]
        .iter()
        .any(|key| fragment.context_text(key).is_some());
    let sure = deed::sure(fragment).filter(|_| of_task && is_told && fragment.kind != "message");
    let plain = |verb: &str| (verb.to_owned(), None);
    match sure {
        Some(end @ Deed::Finished) => ("finished it".into(), Some(end)),
        Some(end @ Deed::Failed) => ("told that it failed".into(), Some(end)),
        Some(end @ Deed::Dropped) => ("dropped it".into(), Some(end)),
        Some(Deed::Created) => plain("opened it"),
        Some(Deed::Taken) => plain("took it up"),
        Some(Deed::Progress) => plain("told how it goes"),
        Some(Deed::Reopened) => plain("reopened it"),
        Some(Deed::Blocked) => plain("told that it is held up"),
        Some(Deed::Handed) => match deed::handed_to(fragment) {
            Some(to) => (format!("gave it to {}", escaped(to)), None),
            None => plain("handed it on"),
        },
        Some(Deed::Decided | Deed::Asked | Deed::Beat | Deed::Said) | None => plain(verb(fragment)),
    }
}

fn verb(fragment: &Fragment) -> &'static str {
    match fragment.kind.as_str() {
        "message" if fragment.content.trim_end().ends_with('?') => "asked",
        "message" => "wrote",
        "devlog" => "noted",
        "summary" => "did, in short",
        "task" => "has as a task",
        _ => "told",
    }
}

/// `Two hours later`.
fn later(before: Timestamp, at: Timestamp) -> String {
    let seconds = at.since(before).as_secs();
    let (count, unit) = match seconds {
        0..60 => return "Then".into(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural} later", spelled(count))
}

fn spelled(count: u64) -> String {
    const WORDS: [&str; 12] = [
        "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
        "Twelve",
    ];
    let nth = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_sub(1));
    nth.and_then(|nth| WORDS.get(nth))
        .map_or_else(|| count.to_string(), ToString::to_string)
}

/// What somebody wrote is shown and not obeyed: it makes no link, no emphasis and no reference of its own.
fn escaped(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = before.is_alphanumeric() && rest.peek().is_some_and(|it| it.is_alphanumeric());
        if matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|') || c == '_' && !inside {
            told.push('\\');
        }
        told.push(c);
        before = c;
    }
    told
}

/// The same as Markdown.
pub fn markdown(chapters: &[Chapter]) -> String {
    let Some(from) = chapters.iter().map(|it| it.from).min() else {
        return "Nothing happened.\n".into();
    };
    let to = chapters.iter().map(|it| it.to).max().unwrap_or(from);
    let memories = chapters
        .iter()
        .flat_map(|it| &it.steps)
        .map(|step| step.times)
        .sum();
    let mut text = format!(
        "# {}{}\n\n{} in {}.\n",
        day(from),
        if day(from) == day(to) {
            String::new()
        } else {
            format!(" to {}", day(to))
        },
        counted(memories, "memory"),
        counted(chapters.len(), "thread")
    );
    let mut paragraphs: Vec<(String, Timestamp, usize, String)> = Vec::new();
    for (nth, chapter) in chapters.iter().enumerate() {
        let mut before: Option<&Step> = None;
        for steps in chapter.steps.chunk_by(|a, b| day(a.at) == day(b.at)) {
            let at = steps[0].at;
            paragraphs.push((day(at), at, nth, paragraph(chapter, before, steps)));
            before = steps.last();
        }
    }
    paragraphs.sort_by_key(|it| (it.1, it.2));
    let mut last_day = "";
    for (day, _, _, paragraph) in &paragraphs {
        if day != last_day {
            write!(text, "\n## {day}\n").expect("a string grows");
            last_day = day;
        }
        write!(text, "\n{paragraph}\n").expect("a string grows");
    }
    text
}

/// What a thread had on one day.
fn paragraph(chapter: &Chapter, yesterday: Option<&Step>, steps: &[Step]) -> String {
    let is_alone = chapter.steps.len() == 1;
    let title = match (&chapter.task, is_alone) {
        (_, false) => chapter.title.clone(),
        (Some(task), true) => format!("task {task}"),
        (None, true) => String::new(),
    };
    let mut text = match yesterday {
        _ if title.is_empty() => String::new(),
        None => format!("**{}** — ", escaped(&title)),
        Some(before) => format!(
            "**{}**, {} — ",
            escaped(&title),
            gap(steps[0].at.since(before.until))
        ),
    };
    // A new day begins with the time of its clock.
    let mut before = None;
    for (nth, step) in steps.iter().enumerate() {
        if before.is_some() {
            text.push(' ');
        }
        let is_first = nth == 0 && yesterday.is_none();
        text.push_str(&step.sentence(before, if is_first { &title } else { "" }));
        before = Some(step);
    }
    let is_last = chapter.steps.last().map(|it| &it.id) == steps.last().map(|it| &it.id);
    if let Some(end) = chapter.end().filter(|_| is_last) {
        text.push(' ');
        text.push_str(&end);
    }
    text
}

fn gap(span: Duration) -> String {
    later(Timestamp::default(), Timestamp::default().plus(span)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::memory::tell::sample::{DAY, HOUR, MINUTE, event, fragment, linked, with};

    fn story(told: &[(u32, Fragment)]) -> String {
        markdown(&chapters(&seen(told)))
    }

    fn seen(told: &[(u32, Fragment)]) -> Vec<Told<'_>> {
        let told = told.iter();
        told.map(|(thread, fragment)| Told {
            fragment,
            thread: *thread,
        })
        .collect()
    }

    #[test]
    fn a_story_is_read_from_day_to_day_with_what_it_was_made_from() {
        let answer = linked(
            fragment(
                "m4",
                2 * HOUR + 20 * MINUTE,
                "b",
                "message",
                "see the *notes*",
            ),
            "m2",
            Reason::Reply,
        );
        let all = [
            (1, event("m1", 0, "captain", "task.created", "t1")),
            (2, fragment("m2", 5 * MINUTE, "a", "message", "which port?")),
            (1, event("m3", 2 * HOUR, "a", "task.started", "t1")),
            (2, answer),
            (1, fragment("m5", 3 * HOUR, "a", "log", "try 1")),
            (1, fragment("m6", 3 * HOUR + MINUTE, "a", "log", "try 2")),
            (
                1,
                fragment("m7", 3 * HOUR + 2 * MINUTE, "a", "log", "try 3"),
            ),
            (1, event("m8", DAY + HOUR, "a", "task.completed", "t1")),
        ];
        let expected = "\
# 2026-11-02 to 2026-11-03

8 memories in 2 threads.

## 2026-11-02

**task t1: t1 created** — At 00:00 captain opened it [m1]. Two hours later a took it up: “t1 started” [m3]. One hour later a told: “try 1”, 3 times until 03:02 [m5] … [m7].

**which port?** — At 00:05 a asked [m2]. Two hours later b wrote: “see the \\*notes\\*” [m4].

## 2026-11-03

**task t1: t1 created**, 21 hours later — At 01:00 a finished it: “t1 completed” [m8]. It ended after 1d 1h: finished.
";
        assert_eq!(story(&all), expected);
    }

    #[test]
    fn a_link_to_what_is_not_told_right_before_is_named() {
        let far = linked(
            fragment("m3", 2, "a", "message", "yes"),
            "m1",
            Reason::Reply,
        );
        let all = [
            (1, fragment("m1", 0, "b", "message", "is it?")),
            (1, fragment("m2", 1, "c", "message", "no")),
            (1, far),
        ];
        assert!(story(&all).contains("Then a wrote: “yes”, in answer to [m1] [m3]."));
        let chapters = chapters(&seen(&all));
        let because = chapters[0].steps[2].because.as_ref().unwrap();
        assert_eq!((because.id.as_str(), because.reason), ("m1", Reason::Reply));
        let json = serde_json::to_value(&chapters).unwrap();
        assert_eq!(
            json[0]["steps"][2]["because"],
            json!({"id": "m1", "reason": "reply", "score": 0.9})
        );
    }

    #[test]
    fn words_alone_finish_nothing_and_make_no_reference() {
        let claims = with(
            fragment("m1", 0, "a", "message", "done, see [m9] and `x`"),
            json!({"task_id": "t1"}),
        );
        let told = story(&[(1, claims)]);
        assert!(
            told.contains("**task t1** — At 00:00 a wrote: “done, see \\[m9\\] and \\`x\\`” [m1]."),
            "{told}"
        );
        assert!(!told.contains("ended"));
    }

    #[test]
    fn of_nothing_it_tells_nothing() {
        assert_eq!(story(&[]), "Nothing happened.\n");
    }

    proptest! {
        #[test]
        fn every_memory_is_told_once_and_no_other(
            lines in proptest::collection::vec((0_u32..4, 0_i64..4, "\\PC{0,12}"), 0..30)
        ) {
            let mut at = 0;
            let all: Vec<_> = lines.iter().enumerate().map(|(nth, (thread, gap, text))| {
                at += gap * HOUR;
                (*thread, fragment(&format!("m{nth}"), at, "a", "message", text))
            }).collect();
            let chapters = chapters(&seen(&all));
            let told: usize = chapters.iter().flat_map(|it| &it.steps).map(|it| it.times).sum();
            prop_assert_eq!(told, all.len());
            let text = markdown(&chapters);
            for step in chapters.iter().flat_map(|it| &it.steps) {
                let reference = format!(" [{}]", step.id);
                prop_assert_eq!(text.matches(&reference).count(), 1);
            }
            prop_assert_eq!(&text, &story(&all));
        }
    }
}
