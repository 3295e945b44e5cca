//! What cannot be read is counted, named and passed over.

use serde_json::json;

use super::killed::{has, lines_with};
use super::{DREAMSCRIBE, file, found, fragments, ids, ingest, line, must, speak};
use crate::faults::Disk;
use crate::home::{Home, has_privilege};

const AT: &str = "2026-11-22T10:00:00Z";

#[test]
fn broken_lines_of_fragments_are_named_by_their_place() {
    let home = Home::new();
    let good = |id: &str| line(id, AT, "agent-1", "x", &json!({}));
    let long = format!("{{\"id\":\"l\",\"content\":\"{}\"}}\n", "x".repeat(1 << 20));
    let all = [
        good("a"),
        "{\"id\": \"b\"\n".into(),
        "{\"id\":\"c\"}\n".into(),
        long,
        good("d"),
        "{\"id\":\"e\",\"timestamp\":\"soon\",\"content\":\"x\"}\n".into(),
        "[1]\n".into(),
        good("f"),
    ];
    file(&home, "f.jsonl", &all.concat());
    let ran = speak(&home, "ingest f.jsonl --json");
    assert_eq!(ran.code, 0);
    let told = ran.json();
    assert_eq!((&told["added"], &told["skipped"]), (&json!(3), &json!(5)));
    for (n, why) in [
        (2, "JSON"),
        (3, "content"),
        (4, "256 KiB"),
        (6, "timestamp"),
        (7, "JSON"),
    ] {
        let place = format!("f.jsonl:{n}: ");
        let said = ran.err.lines().find(|line| line.contains(&place));
        assert!(
            said.is_some_and(|it| it.contains(why)),
            "{place}{why}: {}",
            ran.err
        );
    }
    assert_eq!(ids(&home).len(), 3);
}

#[test]
fn binary_and_endless_lines_of_a_log_are_passed_over() {
    let home = Home::new();
    let mut log = b"2026-11-22T10:00:00Z one\n".to_vec();
    log.extend_from_slice(&[0, 1, 2, b'\n']);
    log.extend_from_slice(&[0xff, 0xfe, 0x80, 0x81, b'\n']);
    log.extend(std::iter::repeat_n(b'y', 1 << 20));
    log.extend_from_slice(b"\n2026-11-22T10:00:01Z na\xefve\n");
    std::fs::write(home.dir.join("app.log"), log).unwrap();
    let ran = speak(&home, "ingest app.log --json");
    assert_eq!(
        (&ran.json()["added"], &ran.json()["skipped"]),
        (&json!(2), &json!(3)),
        "{ran:?}"
    );
    let places: Vec<_> = ran.json()["places"].as_array().unwrap().clone();
    for (place, n) in places.iter().zip([2, 3, 4]) {
        assert!(
            place["at"]
                .as_str()
                .unwrap()
                .ends_with(&format!("app.log:{n}"))
        );
    }
}

#[test]
fn what_is_not_there_or_no_source_is_an_error_and_nothing_is_remembered() {
    let home = Home::new();
    assert_eq!(speak(&home, "ingest nowhere.log").code, 74);
    file(&home, "memory_corpus.json", "{\"a\": ");
    let ran = speak(&home, "ingest memory_corpus.json");
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(ran.err.contains("memory_corpus.json:1"), "{ran:?}");
    assert_eq!(speak(&home, "ingest x --input prose").code, 2);
    assert_eq!(speak(&home, "ingest - --input corpus").code, 2);
    std::fs::create_dir(home.dir.join("empty")).unwrap();
    assert_eq!(speak(&home, "ingest empty").code, 2);
    assert_eq!(fragments(&home).len(), 0);
    assert_eq!(speak(&home, "query anything").code, 1);
    assert_eq!(speak(&home, "show a").code, 66);
    assert_eq!(speak(&home, "forget").code, 2);
}

/// Whatever a disk made of it: the notice, then the right answer.
#[test]
fn a_broken_index_is_made_anew_with_a_notice() {
    let home = Home::new();
    let lines: Vec<String> = (0..50)
        .map(|n| {
            line(
                &format!("n{n}"),
                AT,
                "agent-1",
                &format!("saffron word{n}"),
                &json!({"task_id": "t"}),
            )
        })
        .collect();
    file(&home, "f.jsonl", &lines.concat());
    assert_eq!(ingest(&home, "f.jsonl"), 50);
    let before = found(&home, "word7");
    let index = home.dir.join("runtime/memories/index");
    let mut files = vec![
        index.join("days.json"),
        index.join("linking.bin"),
        index.join("terms/threads"),
    ];
    files.extend(
        std::fs::read_dir(index.join("terms"))
            .unwrap()
            .map(|it| it.unwrap().path()),
    );
    for path in files {
        let whole = std::fs::read(&path).unwrap();
        for broken in [
            Vec::new(),
            whole[..whole.len() / 2].to_vec(),
            vec![b'x'; whole.len()],
        ] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(ingest(&home, "f.jsonl"), 0, "{}", path.display());
            assert_eq!(found(&home, "word7"), before, "{}", path.display());
            assert_eq!(super::threads(&home)[0].len(), 50, "{}", path.display());
        }
    }
    let segment = std::fs::read_dir(index.join("terms"))
        .unwrap()
        .map(|it| it.unwrap().path());
    let segment = segment
        .filter(|it| it.extension().is_some_and(|it| it == "seg"))
        .max()
        .unwrap();
    std::fs::write(&segment, b"").unwrap();
    let ran = speak(&home, "query word7");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("made anew"), "{ran:?}");
    // Whole at its head and its end.
    let mut whole = std::fs::read(&segment).unwrap();
    let middle = whole.len() / 2;
    whole[middle - 2000..middle + 2000].fill(b'x');
    std::fs::write(&segment, whole).unwrap();
    assert_eq!(found(&home, "word7"), before);
    std::fs::remove_dir_all(&index).unwrap();
    assert_eq!(found(&home, "word7"), before);
    must(&home, "rebuild");
    assert_eq!(found(&home, "word7"), before);
}

/// What a newer program wrote is neither understood nor replaced.
#[test]
fn places_of_a_newer_format_stay_as_they_are() {
    let home = Home::new();
    file(
        &home,
        "f.jsonl",
        &line("a", AT, "agent-1", "saffron", &json!({})),
    );
    assert_eq!(ingest(&home, "f.jsonl"), 1);
    let newer = r#"{"v": 2, "sources": ["by other names"]}"#;
    let places = file(&home, "runtime/memories/ingest.json", newer);
    let ran = speak(&home, "ingest f.jsonl");
    assert_eq!(ran.code, 78, "{ran:?}");
    assert_eq!(std::fs::read_to_string(places).unwrap(), newer);
    assert_eq!(found(&home, "saffron"), ["a"]);
}

#[test]
fn what_a_full_disk_refuses_is_remembered_once_there_is_room() {
    const MANY: u32 = 700;
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=64m");
    let home = Home::at(disk.root().join("home"));
    let source = tempfile::NamedTempFile::new().unwrap();
    let long = format!(" {}", "x".repeat(10_000));
    std::fs::write(&source, lines_with(0, MANY, &long)).unwrap();
    // There is room for some of the fragments alone.
    let filler = disk.root().join("filler");
    std::fs::write(&filler, vec![1; 60 << 20]).unwrap();
    let refused = home
        .command(DREAMSCRIBE)
        .arg("ingest")
        .arg(source.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(74), "{said}");
    assert!(said.contains("No space left"), "{said}");
    let before = ids(&home);
    assert!(before.len() < MANY as usize, "all had room");
    std::fs::remove_file(filler).unwrap();
    must(&home, &format!("ingest {}", source.path().display()));
    has(&home, MANY).unwrap();
}
