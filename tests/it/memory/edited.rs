//! Fragments are a person's to edit.

use serde_json::json;

use super::{file, found, fragments, ids, ingest, line, speak, speak_with};
use crate::home::Home;

const AT: &str = "2026-11-22T10:00:00Z";

fn home() -> Home {
    let home = Home::new();
    let all: Vec<String> = ["saffron", "pepper", "thyme"]
        .iter()
        .map(|word| line(word, AT, "agent-1", &format!("we need {word}"), &json!({})))
        .collect();
    file(&home, "f.jsonl", &all.concat());
    assert_eq!(ingest(&home, "f.jsonl"), 3);
    home
}

fn day(home: &Home) -> std::path::PathBuf {
    home.dir.join("runtime/memories/fragments/2026-11-22.jsonl")
}

#[test]
fn what_a_person_changed_is_found_as_it_is_now() {
    let home = home();
    let text = std::fs::read_to_string(day(&home)).unwrap();
    // Of the same length, and shorter, and longer.
    for (old, new) in [
        ("need pepper", "need peeper"),
        ("need peeper", "cumin"),
        ("cumin", "much cardamom"),
    ] {
        let before = std::fs::read_to_string(day(&home)).unwrap();
        assert!(before.contains(old));
        std::fs::write(day(&home), before.replace(old, new)).unwrap();
        let word = new.rsplit(' ').next().unwrap();
        assert_eq!(found(&home, word), ["pepper"], "{new}");
        assert_eq!(found(&home, "saffron"), ["saffron"]);
    }
    // A line removed is a memory less; it comes back with its source, which still tells it.
    let rest: Vec<&str> = text.lines().filter(|it| !it.contains("thyme")).collect();
    std::fs::write(day(&home), rest.join("\n") + "\n").unwrap();
    assert_eq!(found(&home, "thyme"), Vec::<String>::new());
    assert_eq!(fragments(&home).len(), 2);
}

#[test]
fn a_line_that_a_script_appends_is_a_memory() {
    let home = home();
    let mut text = std::fs::read_to_string(day(&home)).unwrap();
    text += "{\"memory_id\":\"mine\",\"timestamp\":\"2026-11-22T11:00:00Z\",\"agent_id\":\"me\",\"content\":\"nutmeg\"}";
    std::fs::write(day(&home), &text).unwrap();
    assert_eq!(found(&home, "nutmeg"), ["mine"]);
    // Also what comes behind it.
    let more = line("last", AT, "agent-1", "clove", &json!({}));
    assert_eq!(speak_with(&home, "ingest -", &more).code, 0);
    assert_eq!(found(&home, "clove"), ["last"]);
    assert_eq!(ids(&home).len(), 5);
}

#[test]
fn a_torn_end_is_set_aside_and_nothing_else_is_lost() {
    let home = home();
    let mut text = std::fs::read_to_string(day(&home)).unwrap();
    text += "{\"memory_id\":\"half\",\"timest";
    std::fs::write(day(&home), &text).unwrap();
    let ran = speak(&home, "ingest");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains(".rejected-"), "{ran:?}");
    assert_eq!(ids(&home).len(), 3);
    let aside = std::fs::read_dir(day(&home).parent().unwrap()).unwrap();
    let aside = aside
        .map(|it| it.unwrap().path())
        .find(|it| it.to_string_lossy().contains("rejected"));
    assert_eq!(
        std::fs::read_to_string(aside.unwrap()).unwrap(),
        "{\"memory_id\":\"half\",\"timest"
    );
}

/// What is forgotten is not in what was set aside either.
#[test]
fn a_torn_memory_is_forgotten_by_its_id() {
    let home = home();
    let mut text = std::fs::read_to_string(day(&home)).unwrap();
    text += "{\"memory_id\":\"half\",\"content\":\"zebra";
    std::fs::write(day(&home), &text).unwrap();
    assert_eq!(speak(&home, "ingest").code, 0);
    let aside = || {
        let all = std::fs::read_dir(day(&home).parent().unwrap()).unwrap();
        let mut all = all.map(|it| it.unwrap().path());
        all.find(|it| it.to_string_lossy().contains("rejected"))
    };
    assert_eq!(speak(&home, "forget other").code, 66);
    assert_eq!(speak(&home, "forget saffron").out, "forgot 1\n");
    assert!(aside().is_some());
    assert_eq!(speak(&home, "forget half").out, "forgot 1\n");
    assert_eq!(aside(), None);
    assert_eq!(speak(&home, "forget half").code, 66);
    assert_eq!(ids(&home).len(), 2);
}

#[test]
fn a_line_that_is_no_fragment_is_named_and_kept() {
    let home = home();
    let mut text = std::fs::read_to_string(day(&home)).unwrap();
    text.insert_str(0, "not yet\n\n");
    text.push_str("\n\n");
    std::fs::write(day(&home), &text).unwrap();
    let ran = speak(&home, "ingest f.jsonl");
    assert!(ran.err.contains("no fragments"), "{ran:?}");
    assert!(
        std::fs::read_to_string(day(&home))
            .unwrap()
            .starts_with("not yet\n")
    );
    // What comes behind an empty line makes nothing anew.
    let more = line("last", AT, "agent-1", "clove", &json!({}));
    let ran = speak_with(&home, "ingest - --input fragments", &more);
    assert!(!ran.err.contains("made anew"), "{ran:?}");
    assert_eq!(found(&home, "clove"), ["last"]);
    assert_eq!(found(&home, "pepper"), ["pepper"]);
}

/// Whatever a person or a crash made of a day, forgetting takes what is meant and nothing else.
#[test]
fn forgetting_leaves_the_rest_of_a_day_byte_for_byte() {
    let home = home();
    let text = std::fs::read_to_string(day(&home)).unwrap();
    let pepper = text.lines().find(|it| it.contains("pepper")).unwrap();
    let odd = format!("# mine\n\nnul\0line\n{text}  \n");
    std::fs::write(day(&home), &odd).unwrap();
    let ran = speak(&home, "forget pepper");
    assert_eq!(ran.code, 0, "{ran:?}");
    let left = std::fs::read_to_string(day(&home)).unwrap();
    assert_eq!(left, odd.replace(&format!("{pepper}\n"), ""));
    assert_eq!(found(&home, "saffron"), ["saffron"]);
}
