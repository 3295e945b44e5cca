//! Who or what was many times more frequent in a window than usual.
//!
//! Usual is the median of the other windows in which it was there at all, so that nights and idle days do not make every
//! working hour a burst. A window stands out where its count passes a floor, is a multiple of the usual, and lies so many
//! standard deviations above it, by the square root that evens out the variance of counts (Freeman and Tukey, 1950);
//! neighbouring windows are one burst, as in Kleinberg's states (2002).

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::text::clip;
use super::{Fixed, Told};
use crate::time::Timestamp;

/// At first; it doubles whenever there are too many.
const WINDOW_MS: i64 = 3_600_000;
const MOST_WINDOWS: usize = 300_000;
/// Agents and templates together; later ones are not counted.
const MOST_KEYS: usize = 60_000;
/// Fewer are never a burst.
const FLOOR: u32 = 12;
const TIMES: f64 = 4.0;
/// What nobody sees by chance in all windows of many years.
const DEVIATIONS: f64 = 6.0;
/// Who was there in fewer windows has no usual.
const KNOWN: usize = 5;
/// Fragments that are remembered of windows beyond the floor, in all and of one burst.
const MOST_EXAMPLES: usize = 20_000;
pub(super) const OF_ONE: usize = 8;
const NAMED: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Agent,
    Template,
}

struct Key {
    who: Who,
    name: Box<str>,
    /// Its last window.
    open: u32,
}

#[derive(Clone, Copy)]
struct Window {
    key: u32,
    nth: i32,
    count: u32,
}

struct Example {
    key: u32,
    at: Timestamp,
    id: Box<str>,
    agent: Box<str>,
}

pub(super) struct Bursts {
    width_ms: i64,
    keys: Vec<Key>,
    by_name: HashMap<u64, u32, Fixed>,
    windows: Vec<Window>,
    examples: Vec<Example>,
}

/// Windows that hang together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Burst {
    pub who: Who,
    pub name: String,
    pub from: Timestamp,
    /// The end of its last window.
    pub to: Timestamp,
    pub count: usize,
    /// In one window.
    pub usual: f64,
    pub window_ms: i64,
    /// How many times the usual, at most.
    pub times: f64,
    pub ids: Vec<String>,
    pub agents: Vec<String>,
}

impl Default for Bursts {
    fn default() -> Self {
        Self {
            width_ms: WINDOW_MS,
            keys: Vec::new(),
            by_name: HashMap::default(),
            windows: Vec::new(),
            examples: Vec::new(),
        }
    }
}

impl Bursts {
    pub(super) fn see(&mut self, told: &Told<'_>) {
        let fragment = told.fragment;
        // A summary stands for what was counted in its own time.
        if fragment.kind == "summary" {
            return;
        }
        self.count(Who::Agent, &fragment.agent_id, told);
        if let Some(template) = &fragment.template {
            self.count(Who::Template, template, told);
        }
    }

    fn count(&mut self, who: Who, name: &str, told: &Told<'_>) {
        let at = told.fragment.timestamp;
        let Some(key) = self.key(who, name) else {
            return;
        };
        let nth = self.nth(at);
        let open = self.open(key);
        match self.windows.get_mut(open) {
            Some(window) if window.key == key && window.nth >= nth => window.count += 1,
            _ => {
                self.keys[index(key)].open = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
                let count = 1;
                self.windows.push(Window { key, nth, count });
            }
        }
        let count = self.windows[self.open(key)].count;
        if count >= FLOOR && (count / FLOOR).is_power_of_two() && count.is_multiple_of(FLOOR) {
            self.remember(key, told);
        }
        if self.windows.len() >= MOST_WINDOWS {
            self.widen();
        }
    }

    fn open(&self, key: u32) -> usize {
        index(self.keys[index(key)].open)
    }

    fn key(&mut self, who: Who, name: &str) -> Option<u32> {
        let salt = match who {
            Who::Agent => 0,
            Who::Template => 1,
        };
        let hash = xxh3_64(name.as_bytes()) ^ salt;
        if let Some(key) = self.by_name.get(&hash) {
            return Some(*key);
        }
        if self.keys.len() >= MOST_KEYS {
            return None;
        }
        let key = u32::try_from(self.keys.len()).ok()?;
        let (name, open) = (clip(name, NAMED).into(), u32::MAX);
        self.keys.push(Key { who, name, open });
        self.by_name.insert(hash, key);
        Some(key)
    }

    fn nth(&self, at: Timestamp) -> i32 {
        let nth = at.unix_ms().div_euclid(self.width_ms);
        i32::try_from(nth).unwrap_or(if nth < 0 { i32::MIN } else { i32::MAX })
    }

    fn remember(&mut self, key: u32, told: &Told<'_>) {
        if self.examples.len() >= MOST_EXAMPLES {
            return;
        }
        let fragment = told.fragment;
        self.examples.push(Example {
            key,
            at: fragment.timestamp,
            id: fragment.memory_id.as_str().into(),
            agent: fragment.agent_id.as_str().into(),
        });
    }

    /// Two windows become one, until there is room for as many again.
    fn widen(&mut self) {
        while self.windows.len() > MOST_WINDOWS / 2 {
            let Some(width_ms) = self.width_ms.checked_mul(2) else {
                return;
            };
            self.width_ms = width_ms;
            self.windows.sort_by_key(|it| (it.key, it.nth));
            let mut kept: Vec<Window> = Vec::with_capacity(MOST_WINDOWS);
            for mut window in self.windows.drain(..) {
                window.nth = window.nth.div_euclid(2);
                match kept.last_mut() {
                    Some(last) if (last.key, last.nth) == (window.key, window.nth) => {
                        last.count += window.count;
                    }
                    _ => kept.push(window),
                }
            }
            self.windows = kept;
        }
        for (place, window) in self.windows.iter().enumerate() {
            self.keys[index(window.key)].open = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Burst> {
        self.windows.sort_by_key(|it| (it.key, it.nth));
        self.examples.sort_by_key(|it| it.key);
        let new = self.usual_of_new();
        let of_keys = self.windows.chunk_by(|a, b| a.key == b.key);
        of_keys
            .flat_map(|windows| self.of_key(windows, new))
            .collect()
    }

    /// What is usual for a template that was there in few windows: what templates have in one, if there is a past that
    /// tells it.
    fn usual_of_new(&self) -> Option<f64> {
        let templates = || {
            self.windows
                .iter()
                .filter(|it| self.keys[index(it.key)].who == Who::Template)
        };
        let (first, last) = (
            templates().map(|it| it.nth).min()?,
            templates().map(|it| it.nth).max()?,
        );
        let mut counts: Vec<u32> = templates().map(|it| it.count).collect();
        counts.sort_unstable();
        (last.saturating_sub(first) >= 24 && counts.len() >= 24).then(|| median(&counts))
    }

    fn of_key(&self, windows: &[Window], new: Option<f64>) -> Vec<Burst> {
        let key = &self.keys[index(windows[0].key)];
        let mut counts: Vec<u32> = windows.iter().map(|it| it.count).collect();
        counts.sort_unstable();
        let usual = match key.who {
            _ if windows.len() >= KNOWN => median(&counts),
            Who::Template => match new {
                Some(usual) => usual,
                None => return Vec::new(),
            },
            Who::Agent => return Vec::new(),
        };
        let hot: Vec<&Window> = windows
            .iter()
            .filter(|it| stands_out(it.count, usual))
            .collect();
        let apart = |a: &&Window, b: &&Window| b.nth.saturating_sub(a.nth) <= 1;
        hot.chunk_by(apart)
            .map(|hot| self.burst(hot, usual))
            .collect()
    }

    fn burst(&self, hot: &[&Window], usual: f64) -> Burst {
        let first = hot[0];
        let last = hot[hot.len() - 1];
        let key = &self.keys[index(first.key)];
        let start =
            |nth: i32| Timestamp::from_unix_ms(i64::from(nth).saturating_mul(self.width_ms));
        let (from, to) = (start(first.nth), start(last.nth.saturating_add(1)));
        let begin = self.examples.partition_point(|it| it.key < first.key);
        let within = self.examples[begin..]
            .iter()
            .take_while(|it| it.key == first.key)
            .filter(|it| from <= it.at && it.at < to);
        let mut agents: Vec<String> = within.clone().map(|it| it.agent.to_string()).collect();
        agents.sort_unstable();
        agents.dedup();
        let most = hot.iter().map(|it| it.count).max().unwrap_or(0);
        Burst {
            who: key.who,
            name: key.name.to_string(),
            from,
            to,
            count: hot.iter().map(|it| index(it.count)).sum(),
            usual,
            window_ms: self.width_ms,
            times: f64::from(most) / usual,
            ids: within.take(OF_ONE).map(|it| it.id.to_string()).collect(),
            agents,
        }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Never less than one, of what is sorted.
fn median(counts: &[u32]) -> f64 {
    let middle = counts.len() / 2;
    let upper = counts.get(middle).copied().unwrap_or(1);
    let lower = if counts.len().is_multiple_of(2) {
        counts.get(middle.wrapping_sub(1)).copied().unwrap_or(upper)
    } else {
        upper
    };
    f64::midpoint(f64::from(lower), f64::from(upper)).max(1.0)
}

fn stands_out(count: u32, usual: f64) -> bool {
    let of = f64::from(count);
    count >= FLOOR && of >= TIMES * usual && 2.0 * (of.sqrt() - usual.sqrt()) >= DEVIATIONS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Fragment;
    use crate::memory::tell::sample::{HOUR, MINUTE, at, fragment};

    fn found(fragments: &[Fragment]) -> Vec<Burst> {
        let mut bursts = Bursts::default();
        for fragment in fragments {
            bursts.see(&Told {
                fragment,
                thread: 0,
            });
        }
        bursts.finish()
    }

    fn hours(counts: &[i64]) -> Vec<Fragment> {
        let hour = |(hour, count): (i64, &i64)| {
            (0..*count).map(move |nth| {
                let at = hour * HOUR + nth * (HOUR / 200);
                fragment(&format!("{hour}-{nth}"), at, "a", "log", "it goes on")
            })
        };
        (0..).zip(counts).flat_map(hour).collect()
    }

    #[test]
    fn an_hour_many_times_as_busy_as_usual_is_a_burst() {
        let all = found(&hours(&[3, 2, 0, 4, 3, 0, 0, 60, 50, 2, 3]));
        assert_eq!(all.len(), 1);
        let burst = &all[0];
        assert_eq!(
            (burst.from, burst.to, burst.count),
            (at(7 * HOUR), at(9 * HOUR), 110)
        );
        assert_eq!((burst.usual, burst.times), (3.0, 20.0));
        assert_eq!(burst.ids, ["7-11", "7-23", "7-47", "8-11", "8-23", "8-47"]);
    }

    #[test]
    fn steady_work_after_a_night_is_none_and_neither_are_a_few_or_who_is_new() {
        assert_eq!(
            found(&hours(&[50, 60, 0, 0, 0, 0, 0, 40, 70, 55, 0, 80])),
            []
        );
        assert_eq!(found(&hours(&[1, 1, 1, 1, 1, 1, 1, 11])), []);
        assert_eq!(found(&hours(&[100])), []);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn a_new_template_that_floods_an_old_log_is_a_burst() {
        let line = |ms, template: &str| {
            let mut line = fragment(&format!("{ms}{template}"), ms, "a", "log", template);
            line.template = Some(template.into());
            line
        };
        let mut all: Vec<_> = (0..40).map(|nth| line(nth * HOUR, "usual")).collect();
        all.extend((0..100).map(|nth| line(40 * HOUR + nth * MINUTE / 4, "flood")));
        let bursts = found(&all);
        assert!(
            bursts
                .iter()
                .any(|it| it.who == Who::Template && it.name == "flood")
        );
    }

    #[test]
    fn many_windows_become_wider_ones_and_lose_no_count() {
        let mut bursts = Bursts::default();
        let one = fragment("1", 0, "a", "log", "x");
        let months = 450_000;
        for hour in 0..months {
            let mut fragment = one.clone();
            fragment.timestamp = at(hour * HOUR);
            bursts.see(&Told {
                fragment: &fragment,
                thread: 0,
            });
        }
        assert!(bursts.windows.len() < MOST_WINDOWS);
        let all: u32 = bursts.windows.iter().map(|it| it.count).sum();
        assert_eq!(i64::from(all), months);
        assert!(bursts.width_ms > WINDOW_MS);
    }
}
