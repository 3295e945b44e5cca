//! Every shape that the original wrote, as files where it wrote them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use dreamos::mailbox::import::{self, Parsed, Source};
use dreamos::names::Mode;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/original")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All of the tree: the path below it, and what was read, `None` where it is no mail.
fn all() -> Vec<(String, Option<(Parsed, bool)>)> {
    let mut found = Vec::new();
    files(&tree(), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let below = path
            .strip_prefix(tree())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let read =
            import::spot(&below).map(|spot| (import::read(&bytes, &spot.source), spot.handled));
        (below, read)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn every_sample_reads_as_the_table_says() {
    let mut table = String::new();
    for (path, read) in all() {
        let Some((parsed, handled)) = read else {
            writeln!(table, "{path}: no mail").unwrap();
            continue;
        };
        writeln!(table, "{path}: {} messages", parsed.mail.len()).unwrap();
        // Of a long list, the ends.
        let many = parsed.mail.len() > 10;
        for (i, mail) in parsed.mail.iter().enumerate() {
            if many && (2..parsed.mail.len() - 2).contains(&i) {
                continue;
            }
            let name = |name: &Option<String>| {
                name.as_deref()
                    .and_then(import::canonical_name)
                    .map_or("?".into(), |id| id.to_string())
            };
            writeln!(
                table,
                "  {} -> {} {}{} {} {} {:?}\n      {}",
                name(&mail.from),
                name(&mail.to),
                mail.mode,
                if mail.handled || handled {
                    " handled"
                } else {
                    ""
                },
                mail.timestamp
                    .map_or("no time".into(), |time| time.to_string()),
                mail.foreign_id.as_deref().unwrap_or("no id"),
                mail.content,
                serde_json::to_string(&mail.metadata).unwrap(),
            )
            .unwrap();
        }
        for unread in &parsed.unread {
            writeln!(
                table,
                "  unread {}:{} {}: {}",
                unread.line, unread.column, unread.why, unread.head
            )
            .unwrap();
        }
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/original.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, &table).unwrap();
    }
    assert_eq!(table, std::fs::read_to_string(kept).unwrap());
}

#[test]
fn a_copy_of_a_message_has_its_key_and_no_other_has() {
    let mut keys: Vec<(String, String)> = Vec::new();
    for (path, read) in all() {
        for mail in read.map(|(parsed, _)| parsed.mail).unwrap_or_default() {
            keys.push((mail.key, path.clone()));
        }
    }
    keys.sort();
    let shared: Vec<_> = keys
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .collect();
    let paths: Vec<_> = shared
        .iter()
        .map(|pair| (&*pair[0].1, &*pair[1].1))
        .collect();
    assert_eq!(
        paths,
        [(
            "data/mailbox/agent2/20250609_153707.json",
            "data/mailbox/inbox/msg_0_agent1_to_agent2.json"
        )]
    );
}

/// A message of the original with a number in its content, so that each can be found again.
fn message() -> impl Strategy<Value = Map<String, Value>> {
    let text = r#"[a-z"\\{}\[\],: é\n]{0,20}"#;
    let field = prop_oneof![
        text.prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"k": [1, {"content": null}]})),
    ];
    let extra = prop::collection::vec(("(from|id|timestamp|type|x|metadata)", field), 0..4);
    (text, extra).prop_map(|(text, extra)| {
        let mut fields: Map<_, _> = extra.into_iter().collect();
        fields.insert("content".into(), text.into());
        fields
    })
}

/// A document, and the span of each message in it.
fn document(messages: Vec<Map<String, Value>>, shape: u8) -> (String, Vec<Range<usize>>) {
    let (open, between, close) = [
        ("[", ",", "]"),
        ("[\n  ", ",\n  ", "\n]\n"),
        (
            "{\"messages\":[",
            ",",
            "],\"metadata\":{\"version\":\"1.0\"}}",
        ),
        ("", "", ""),
        ("", "\n", "\n"),
    ][usize::from(shape) % 5];
    let mut text = String::from(open);
    let mut spans = Vec::new();
    for (n, mut fields) in messages.into_iter().enumerate() {
        let content = fields["content"].as_str().unwrap();
        fields["content"] = format!("m{n} {content}").into();
        if n > 0 {
            text.push_str(between);
        }
        let start = text.len();
        text.push_str(&Value::Object(fields).to_string());
        spans.push(start..text.len());
    }
    text.push_str(close);
    (text, spans)
}

fn numbers(parsed: &Parsed) -> Vec<usize> {
    let number = |content: &str| content.strip_prefix('m')?.split(' ').next()?.parse().ok();
    let mut found: Vec<_> = parsed
        .mail
        .iter()
        .filter_map(|mail| number(&mail.content))
        .collect();
    found.sort_unstable();
    found
}

fn inbox() -> Source {
    Source {
        file_name: "inbox.json".into(),
        folder: Some("agent-1".into()),
        sender: None,
    }
}

proptest! {
    #[test]
    fn a_cut_at_either_end_loses_no_whole_message_and_doubles_none(
        messages in prop::collection::vec(message(), 0..8),
        shape in any::<u8>(),
        cut in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        whole in any::<bool>(),
    ) {
        let (text, spans) = document(messages, shape);
        let (a, b) = (cut.0.index(text.len() + 1), cut.1.index(text.len() + 1));
        let kept = if whole { 0..text.len() } else { a.min(b)..a.max(b) };
        let parsed = import::read(&text.as_bytes()[kept.clone()], &inbox());
        let inside: Vec<usize> = (0..spans.len())
            .filter(|&n| kept.start <= spans[n].start && spans[n].end <= kept.end)
            .collect();
        prop_assert_eq!(numbers(&parsed), inside);
        if whole {
            prop_assert_eq!(parsed.unread, []);
        }
    }

    #[test]
    fn a_stale_tail_doubles_nothing_and_gives_what_only_it_has(
        messages in prop::collection::vec(message(), 1..8),
        at in any::<prop::sample::Index>(),
        kept in 0usize..8,
    ) {
        let stamped: Vec<_> = messages
            .into_iter()
            .map(|mut fields| {
                fields.insert("timestamp".into(), "2025-06-09T15:37:07".into());
                fields
            })
            .collect();
        let count = stamped.len();
        let (older, spans) = document(stamped.clone(), 0);
        let newer: Vec<_> = stamped.into_iter().take(kept).collect();
        let newer_count = newer.len();
        let (newer, _) = document(newer, 0);
        let at = at.index(older.len());
        let bytes = [newer.as_bytes(), &older.as_bytes()[at..]].concat();
        let parsed = import::read(&bytes, &inbox());
        let want: Vec<usize> = (0..count)
            .filter(|&n| n < newer_count || at <= spans[n].start)
            .collect();
        prop_assert_eq!(numbers(&parsed), want);
    }

    #[test]
    fn an_appended_message_changes_no_earlier_key(
        messages in prop::collection::vec(message(), 1..8),
        shape in any::<u8>(),
    ) {
        let (all, _) = document(messages.clone(), shape);
        let (fewer, _) = document(messages[..messages.len() - 1].to_vec(), shape);
        let keys = |text: &str| -> Vec<String> {
            import::read(text.as_bytes(), &inbox()).mail.into_iter().map(|mail| mail.key).collect()
        };
        prop_assert!(keys(&all).starts_with(&keys(&fewer)));
    }
}

#[test]
fn a_name_is_prefixed_once_and_what_was_no_name_is_none() {
    let id = |raw: &str| import::canonical_name(raw).map(|id| id.to_string());
    for raw in [
        "Agent-1",
        "agent-1",
        "agent1",
        "agent_1",
        "1",
        "agent-agent-1",
        " AGENT-1 ",
    ] {
        assert_eq!(id(raw).as_deref(), Some("agent-1"), "{raw:?}");
    }
    for (raw, want) in [
        ("user#1", "user"),
        ("CLI", "cli"),
        ("chatgpt_bridge", "chatgpt_bridge"),
        ("captain", "captain"),
        ("system", "system"),
        ("agentic", "agentic"),
    ] {
        assert_eq!(id(raw).as_deref(), Some(want));
    }
    for raw in [
        "",
        " ",
        "null",
        "none",
        "Invalid/Agent/ID",
        "Agent*ID",
        "--agent",
        "Agent-",
        "all",
        "a..b",
        "user#x",
    ] {
        assert_eq!(id(raw), None, "{raw:?}");
    }
}

#[test]
fn every_spelling_of_a_time_is_read_or_kept() {
    for (written, want) in [
        (
            r#""2025-06-09T15:37:07.410271""#,
            Some("2025-06-09T15:37:07.410Z"),
        ),
        (
            r#""2024-03-14T12:00:00Z""#,
            Some("2024-03-14T12:00:00.000Z"),
        ),
        (
            r#""2025-09-09T10:00:00+02:00""#,
            Some("2025-09-09T08:00:00.000Z"),
        ),
        ("1716444000", Some("2024-05-23T06:00:00.000Z")),
        ("1716444000.12", Some("2024-05-23T06:00:00.120Z")),
        ("1716444000120", Some("2024-05-23T06:00:00.120Z")),
        (r#""20250609_153707""#, Some("2025-06-09T15:37:07.000Z")),
        ("null", None),
        (r#""{timestamp}""#, None),
        ("1e+400", None),
        ("-5", None),
        (r#""soon""#, None),
    ] {
        let text = format!(r#"{{"content":"x","timestamp":{written}}}"#);
        let mail = import::read(text.as_bytes(), &inbox()).mail.remove(0);
        assert_eq!(
            mail.timestamp.map(|time| time.to_string()).as_deref(),
            want,
            "{written}"
        );
        if want.is_none() {
            let kept = mail.metadata["original"]["timestamp"].to_string();
            assert_eq!(kept, written);
        }
    }
}

#[test]
fn one_urgency_word_comes_of_mode_prefix_and_priority() {
    for (fields, want, content) in [
        (r#""content":"x""#, Mode::Normal, "x"),
        (r#""content":"[RESUME] x""#, Mode::Resume, "x"),
        (r#""content":"[resume] x""#, Mode::Normal, "[resume] x"),
        (r#""content":"[DANCE] x""#, Mode::Normal, "[DANCE] x"),
        (
            r#""content":"[RESUME] x","mode":"VERIFY""#,
            Mode::Verify,
            "[RESUME] x",
        ),
        (r#""content":"x","mode":"sync""#, Mode::Normal, "x"),
        (r#""content":"x","mode":"SYNC""#, Mode::Sync, "x"),
        (r#""content":"x","mode":"DANCE""#, Mode::Normal, "x"),
        (
            r#""content":"x","priority":"CRITICAL""#,
            Mode::Priority,
            "x",
        ),
        (
            r#""content":"x","mode":"TASK","priority":"High""#,
            Mode::Priority,
            "x",
        ),
        (
            r#""content":"x","mode":"CAPTAIN","priority":"urgent""#,
            Mode::Captain,
            "x",
        ),
        (r#""content":"x","priority":"low""#, Mode::Bulk, "x"),
        (r#""content":"x","priority":"regular""#, Mode::Normal, "x"),
        (r#""content":"x","priority":4"#, Mode::Normal, "x"),
        (r#""title":"x""#, Mode::Task, "x"),
    ] {
        let mail = import::read(format!("{{{fields}}}").as_bytes(), &inbox())
            .mail
            .remove(0);
        assert_eq!(
            (mail.mode, mail.content.as_str()),
            (want, content),
            "{fields}"
        );
    }
}

#[test]
fn what_has_no_place_in_a_message_is_kept_beside_it() {
    for (text, want) in [
        (
            r#"{"message":{"content":"x","status":"a","metadata":{}},"content":"outer","status":"b",
                "metadata":{"k":1e2},"queue_id":"q"}"#,
            json!({"k": 100.0, "original": {"status": "a", "content": "outer", "queue_status": "b"}}),
        ),
        (
            r#"{"content":"x","from":"a","sender":"b","messages":[1],"onboarding_prompt":"p"}"#,
            json!({"original": {"sender": "b", "messages": [1], "onboarding_prompt": "p"}}),
        ),
        (
            r#"{"content":"x","metadata":{"original":1}}"#,
            json!({"original": {"metadata": {"original": 1}}}),
        ),
    ] {
        let mail = import::read(text.as_bytes(), &inbox()).mail.remove(0);
        assert_eq!(mail.content, "x");
        let text = serde_json::to_string(&mail.metadata).unwrap();
        assert_eq!(text, want.to_string().replace("100.0", "1e+2"));
    }
}

#[test]
fn bytes_that_are_no_text_spoil_one_message_only() {
    let parsed = import::read(
        b"[{\"content\":\"a\"},\n{\"content\":\"\xFF\"},{\"content\":\"c\"}]",
        &inbox(),
    );
    let contents: Vec<_> = parsed
        .mail
        .iter()
        .map(|mail| mail.content.as_str())
        .collect();
    assert_eq!(contents, ["a", "c"]);
    let [unread] = &parsed.unread[..] else {
        panic!("{:?}", parsed.unread)
    };
    assert_eq!(
        (unread.line, unread.column, &*unread.why),
        (2, 1, "not UTF-8 text")
    );
}

#[test]
fn what_an_attacker_nests_costs_no_square() {
    for text in [
        "{\"a\":".repeat(200_000),
        "[".repeat(1 << 20),
        "[{},7".repeat(100_000),
    ] {
        let start = std::time::Instant::now();
        let parsed = import::read(text.as_bytes(), &inbox());
        assert_eq!(parsed.mail, []);
        assert!(!parsed.unread.is_empty());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
