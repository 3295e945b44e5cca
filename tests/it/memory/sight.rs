//! Who sees which memories, and by which names people are asked for.

use serde_json::json;

use super::{file, found, ingest, line, must, speak};
use crate::home::Home;

const AT: &str = "2026-11-22T10:00:00Z";

/// The id of the only message that says it.
fn message(home: &Home, word: &str) -> String {
    let found = found(home, &format!("{word} --type message"));
    assert_eq!(found.len(), 1, "{word}");
    found[0].clone()
}

#[test]
fn mail_is_told_to_whoever_may_read_it_alone() {
    let home = Home::new();
    let send = |from, to, text| home.ok(&["send", to, text, "--as", from]);
    send("captain", "agent-3", "the saffron plan");
    send("agent-1", "agent-3", "saffron for you");
    send("agent-2", "agent-1", "no saffron here");
    ingest(&home, "");
    let sees = |who: &str| found(&home, &format!("saffron --as {who}")).len();
    assert_eq!(sees("user"), 3);
    assert_eq!(sees("captain"), 3);
    assert_eq!(sees("agent-3"), 2);
    assert_eq!(sees("agent-2"), 1);
    // What is in his mailbox, and what he sent.
    assert_eq!(sees("agent-1"), 2);
    let plan = message(&home, "plan");
    for verb in [
        "query saffron -n 1",
        "recent --type message -n 3",
        "story",
        "digest",
        "context",
        "topic saffron",
        "insights",
    ] {
        let ran = speak(&home, &format!("{verb} --as agent-2"));
        assert!([0, 1].contains(&ran.code), "{verb}: {ran:?}");
        assert!(!ran.out.contains("saffron plan"), "{verb}: {ran:?}");
        assert!(ran.err.contains("left out"), "{verb}: {ran:?}");
    }
    // The best that he may see, though others are better.
    let ran = must(&home, "query saffron -n 1 --as agent-2");
    assert!(ran.out.contains("no saffron here"), "{ran:?}");
    for verb in ["show", "similar"] {
        let ran = speak(&home, &format!("{verb} {plan} --as agent-2"));
        assert_eq!((ran.code, ran.out.as_str()), (77, ""), "{verb}: {ran:?}");
    }
    let ran = must(&home, &format!("thread {plan} --as agent-2 --json"));
    assert_eq!(ran.json()["fragments"], json!([]));
    assert_eq!(must(&home, "query saffron").err, "");
}

/// Nobody escapes being forgotten by being hidden.
#[test]
fn forgetting_takes_also_what_the_asker_may_not_read() {
    let home = Home::new();
    home.ok(&["send", "agent-3", "the saffron plan", "--as", "agent-1"]);
    ingest(&home, "mail");
    assert_eq!(found(&home, "saffron --as agent-2"), Vec::<String>::new());
    let ran = must(&home, "forget --agent agent-1 --dry-run --as agent-2");
    assert_eq!(ran.out, "would forget 1\n");
    must(&home, "forget --agent agent-1 --yes");
    assert_eq!(found(&home, "saffron"), Vec::<String>::new());
}

#[test]
fn an_agent_is_asked_for_by_any_of_his_names() {
    let home = Home::new();
    let of = |id: &str, agent: &str| line(id, AT, agent, "saffron", &json!({}));
    let all = [of("a", "agent-3"), of("b", "agent1"), of("c", "host")];
    file(&home, "f.jsonl", &all.concat());
    ingest(&home, "f.jsonl");
    for name in ["agent-3", "Agent_3", "agent3"] {
        assert_eq!(found(&home, &format!("saffron --agent {name}")), ["a"]);
    }
    // Whom nobody registered, and a name of which nothing else is remembered.
    assert_eq!(found(&home, "saffron --agent host"), ["c"]);
    assert_eq!(found(&home, "saffron --agent agent1"), ["b"]);
    file(&home, "g.jsonl", "{\"id\":\"d\",\"content\":\"pepper\"}\n");
    ingest(&home, "g.jsonl --agent AGENT_3");
    assert_eq!(found(&home, "pepper --agent agent-3"), ["d"]);
}

#[test]
fn a_thread_is_narrowed_before_it_is_ranked_or_cut() {
    let home = Home::new();
    let of = |n: u32, task: &str| {
        let at = format!("2026-11-22T10:{n:02}:00Z");
        line(
            &format!("n{n}"),
            &at,
            "agent-1",
            "saffron",
            &json!({"task_id": task}),
        )
    };
    let mut all = of(0, "t1") + &of(1, "t1");
    all.extend((2..40).map(|n| of(n, "t2")));
    file(&home, "f.jsonl", &all);
    ingest(&home, "f.jsonl");
    let recent = must(&home, "recent --thread n0 -n 1 --json").json();
    assert_eq!(recent["fragments"][0]["memory_id"], "n1");
    let hits = must(&home, "query saffron --thread n0 -n 1 --json").json();
    assert_eq!(hits["hits"][0]["fragment"]["memory_id"], "n1");
    let ran = must(&home, "story -n 3");
    assert!(ran.err.contains("only the last 3 memories"), "{ran:?}");
    assert_eq!(must(&home, "story -n 40").err, "");
}
