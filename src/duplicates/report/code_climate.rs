//! Code Climate's JSON, as GitLab reads it for merge requests: an issue a fragment, a setting likewise.

use std::collections::HashMap;

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::words::{self, on_one_line};
use crate::duplicates::{Class, Conflict, Found, Fragment, Sameness, Setting};

/// So many of the other places an issue names; their number is in its description. With all of them a class of a thousand
/// copies would be a million places.
const OTHERS: usize = 50;

pub fn code_climate(found: &Found) -> String {
    let mut prints = Fingerprints::default();
    let mut issues = Vec::new();
    for class in &found.clones {
        issues.extend(of_class(class, &mut prints));
    }
    for conflict in &found.conflicts {
        issues.extend(of_conflict(conflict, &mut prints));
    }
    format!("{}\n", Value::Array(issues))
}

/// GitLab takes two issues of one fingerprint for one, and one of another fingerprint for new.
#[derive(Default)]
struct Fingerprints(HashMap<u128, usize>);

impl Fingerprints {
    /// Of the class, the file and how often both were there before: lines may move.
    fn of(&mut self, class: &str, file: &str) -> String {
        let key = xxh3_128(format!("{class}\0{file}").as_bytes());
        let before = self.0.entry(key).or_default();
        *before += 1;
        format!("{:032x}", xxh3_128(format!("{key:x} {before}").as_bytes()))
    }
}

fn of_class(class: &Class, prints: &mut Fingerprints) -> Vec<Value> {
    let severity = match class.kind {
        Sameness::Exact => "major",
        Sameness::Renamed | Sameness::Similar => "minor",
    };
    let text = format!("{}, {}", words::size(class), words::meaning(class.kind));
    let places: Vec<Value> = class
        .fragments
        .iter()
        .map(|it| location(&it.file, it.start, it.end))
        .collect();
    let issue = |(at, it): (usize, &Fragment)| {
        json!({
            "type": "issue",
            "check_name": words::kind(class.kind),
            "description": format!("{text}{}", elsewhere(class.fragments.iter().map(words::place), at)),
            "categories": ["Duplication"],
            "severity": severity,
            "fingerprint": prints.of(&class.fingerprint, &it.file),
            "location": places[at],
            "other_locations": others(&places, at),
        })
    };
    class.fragments.iter().enumerate().map(issue).collect()
}

fn of_conflict(conflict: &Conflict, prints: &mut Fingerprints) -> Vec<Value> {
    let key = on_one_line(&conflict.key);
    let text = format!("{key} has {}", words::values(conflict));
    let print = format!("conflict\0{}", conflict.key);
    let places: Vec<Value> = conflict
        .values
        .iter()
        .map(|it| location(&it.file, it.line, it.line))
        .collect();
    let issue = |(at, it): (usize, &Setting)| {
        let all = conflict.values.iter();
        let all = all.map(|it| format!("{}:{}", on_one_line(&it.file), it.line));
        json!({
            "type": "issue",
            "check_name": "conflict",
            "description": format!("{text}{}", elsewhere(all, at)),
            "categories": ["Duplication"],
            "severity": "major",
            "fingerprint": prints.of(&print, &it.file),
            "location": places[at],
            "other_locations": others(&places, at),
        })
    };
    conflict.values.iter().enumerate().map(issue).collect()
}

/// The first place besides its own: all that a line of a merge request has room for.
fn elsewhere(mut places: impl Iterator<Item = String>, own: usize) -> String {
    let other = if own == 0 {
        places.nth(1)
    } else {
        places.next()
    };
    other.map_or_else(String::new, |it| format!(": also in {it}"))
}

fn others(places: &[Value], own: usize) -> Vec<Value> {
    let others = places.iter().enumerate().filter(|&(at, _)| at != own);
    others.map(|(_, it)| it.clone()).take(OTHERS).collect()
}

/// Lines count from 1, and the last is not before the first; a copied file may have none.
fn location(file: &str, start: usize, end: usize) -> Value {
    let start = start.max(1);
    json!({"path": file, "lines": {"begin": start, "end": end.max(start)}})
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{class, fragment, hostile, many};
    use super::*;

    fn issues(found: &Found) -> Vec<Value> {
        serde_json::from_str(&code_climate(found)).unwrap()
    }

    #[test]
    fn every_fragment_is_an_issue_with_what_gitlab_reads() {
        assert_eq!(code_climate(&Found::default()), "[]\n");
        let found = hostile();
        let all = issues(&found);
        let fragments = found
            .clones
            .iter()
            .map(|it| it.fragments.len())
            .sum::<usize>();
        let values = found
            .conflicts
            .iter()
            .map(|it| it.values.len())
            .sum::<usize>();
        assert_eq!(all.len(), fragments + values);
        for issue in &all {
            for key in ["description", "check_name", "fingerprint"] {
                assert!(!issue[key].as_str().unwrap().is_empty());
            }
            let severity = issue["severity"].as_str().unwrap();
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity));
            assert!(issue["location"]["path"].is_string());
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
            assert!(
                !issue["description"]
                    .as_str()
                    .unwrap()
                    .contains(char::is_control)
            );
        }
    }

    #[test]
    fn fingerprints_differ_within_a_file_and_stay_when_lines_move() {
        let prints = |by: usize| -> Vec<String> {
            let both = vec![
                fragment("a", 1 + by, 5 + by),
                fragment("a", 11 + by, 15 + by),
            ];
            let class = class(Sameness::Exact, both);
            let found = Found {
                clones: vec![class.clone(), class],
                ..Found::default()
            };
            let print = |it: &Value| it["fingerprint"].as_str().unwrap().to_owned();
            issues(&found).iter().map(print).collect()
        };
        assert_eq!(prints(0), prints(7));
        assert_eq!(prints(0).iter().collect::<HashSet<_>>().len(), 4);
    }

    #[test]
    fn a_great_class_does_not_grow_with_its_square() {
        let mut found = many(1);
        found.clones[0].fragments = (0..2000)
            .map(|at| fragment("a", at * 9 + 1, at * 9 + 7))
            .collect();
        let all = issues(&found);
        assert_eq!(all[0]["other_locations"].as_array().unwrap().len(), OTHERS);
        assert_eq!(
            all[0]["description"],
            "12 lines × 2,000 copies, the same but for layout and comments: also in a:10-16"
        );
        assert_eq!(all[1]["other_locations"][0]["lines"]["begin"], 1);
    }
}
