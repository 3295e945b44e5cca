//! Answers to answers are counted, and two agents that only answer each other are stopped.

use std::fs;

use serde_json::{Value, json};

use crate::home::{CELLPHONE, Home, Ran, run};

fn speak(home: &Home, line: &str) -> Ran {
    let mut command = home.command(CELLPHONE);
    run(command.args(line.split_whitespace()), b"")
}

fn ok(home: &Home, line: &str) -> Ran {
    let ran = speak(home, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran
}

fn hops(home: &Home, name: &str) -> Value {
    ok(home, &format!("show {name} --json")).json()["hops"].clone()
}

/// Like none of those that came shortly before.
fn text(n: u32) -> String {
    char::from_u32(u32::from('a') + n % 26)
        .unwrap()
        .to_string()
        .repeat(12)
}

/// The two answer each other, each time the last answer, until one is refused: how many there were, and the refusal. The
/// last of them lies alone in its mailbox.
fn ping_pong(home: &Home, most: u32) -> (u32, Ran) {
    ok(home, "send agent-2 begin --as agent-1");
    for n in 0..=most {
        let me = if n % 2 == 0 { "agent-2" } else { "agent-1" };
        let seq = n / 2 + 1;
        let line = format!("reply {seq} {} --as {me}", text(n));
        let ran = speak(home, &line);
        if ran.code != 0 {
            return (n, ran);
        }
    }
    panic!("nobody stops them");
}

/// A home in which so many answers in a row are the most.
fn strict(most: u32) -> Home {
    let home = Home::new();
    let path = home.dir.join("config/agents.yaml");
    let yaml = fs::read_to_string(&path).unwrap();
    let limits = format!("most_hops: {most}");
    assert!(yaml.contains("most_hops: 64"));
    fs::write(path, yaml.replace("most_hops: 64", &limits)).unwrap();
    home
}

#[test]
fn two_agents_that_answer_each_other_stop_at_the_bound() {
    let home = Home::new();
    let (answers, refused) = ping_pong(&home, 100);
    assert_eq!(answers, 64);
    assert_eq!(refused.code, 77, "{refused:?}");
    assert_eq!(
        refused.err,
        "error: this makes 65 answers in a row, the limit is 64\n  \
         hint: let a person answer, or begin anew, or send it all the same with --force\n"
    );
    assert_eq!(hops(&home, "agent-2/33"), 64);
    assert_eq!(hops(&home, "agent-2/1"), Value::Null);
    let trail = fs::read_to_string(home.dir.join("runtime/audit/audit.jsonl")).unwrap();
    let last: Value = serde_json::from_str(trail.lines().last().unwrap()).unwrap();
    assert_eq!(last["rule"], "loop-breaker");
}

#[test]
fn what_is_forced_or_urgent_passes_and_a_person_begins_anew() {
    let home = strict(4);
    let (answers, _) = ping_pong(&home, 9);
    assert_eq!(answers, 4);
    // The fourth is agent-2/3.
    for again in [
        "send agent-1 whatever --reply-to 3 --as agent-2",
        "send agent-3 elsewhere --reply-to 3 --as agent-2",
    ] {
        let ran = speak(&home, again);
        assert_eq!(ran.code, 77, "{ran:?}");
        assert!(ran.err.contains("this makes 5 answers in a row"), "{ran:?}");
    }
    ok(
        &home,
        "send agent-1 forced --reply-to 3 --force --as agent-2",
    );
    assert_eq!(hops(&home, "agent-1/3"), 5);
    ok(&home, "reply agent-1/3 urgent --mode PRIORITY --as agent-1");
    assert_eq!(hops(&home, "agent-2/4"), 6);
    ok(&home, "reply agent-2/4 calm --as user");
    assert_eq!(hops(&home, "agent-1/4"), Value::Null);
    ok(&home, "reply agent-1/4 indeed --as agent-1");
    assert_eq!(hops(&home, "user/1"), 1);
    // Answers to nobody make no row.
    ok(&home, "send agent-2 anew --thread agent-2/4 --as agent-1");
    assert_eq!(hops(&home, "agent-2/5"), Value::Null);
    let shown = ok(&home, "show agent-1/3").out;
    assert!(shown.contains("hops      5\n"), "{shown}");
    assert!(!ok(&home, "show agent-1/4").out.contains("hops"));
}

#[test]
fn a_line_of_a_batch_is_counted_like_any_other_answer() {
    let home = strict(1);
    let first = ok(&home, "send agent-2 begin --json --as agent-1").json();
    let batch = |by: &str, to: &str, line: Value| {
        let mut command = home.command(CELLPHONE);
        let args = ["send", to, "--batch", "-", "--as", by];
        run(command.args(args), line.to_string().as_bytes())
    };
    let answer = |id: &Value, text: &str| json!({"content": text, "reply_to": id});
    let ran = batch("agent-2", "agent-1", answer(&first["id"], "one"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let second = ok(&home, "show agent-1/1 --json").json();
    assert_eq!(second["hops"], 1);
    let ran = batch("agent-1", "agent-2", answer(&second["id"], "two"));
    assert_eq!(ran.code, 77, "{ran:?}");
    let told = json!({"content": "three", "hops": 0});
    let ran = batch("agent-1", "agent-2", told);
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(
        ran.err.contains("\"hops\" is for the mailbox to decide"),
        "{ran:?}"
    );
    // What nobody has any more is one answer at least.
    let gone = json!("00000000000000000000000007");
    let ran = batch("agent-1", "agent-2", answer(&gone, "four"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(hops(&home, "agent-2/2"), 1);
}

#[test]
fn nobody_writes_them_himself() {
    let home = Home::new();
    let refused = speak(&home, "send agent-2 x --meta hops=7 --as agent-1");
    assert_eq!(refused.code, 2, "{refused:?}");
    ok(&home, "send agent-1 begin --as agent-2");
    ok(&home, "reply 1 answer --as agent-1");
    let face = home.face("agent-2");
    let rewrite = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut entries: Vec<Value> = serde_json::from_slice(&fs::read(&face).unwrap()).unwrap();
        change(&mut entries);
        fs::write(&face, serde_json::to_vec_pretty(&entries).unwrap()).unwrap();
        ok(&home, "inbox agent-2 --json").json()["messages"].clone()
    };
    let id = home.shown("agent-2")[0]["id"].clone();
    assert_eq!(home.shown("agent-2")[0]["hops"], 1);
    for written in [json!(0), json!(9), json!("none"), Value::Null] {
        let inbox = rewrite(&|entries| entries[0]["hops"] = written.clone());
        assert_eq!(inbox[0]["hops"], 1, "{written}");
    }
    let inbox = rewrite(&|entries| drop(entries[0].as_object_mut().unwrap().remove("hops")));
    assert_eq!(inbox[0]["hops"], 1);
    let edits = fs::read_to_string(home.journal("agent-2")).unwrap();
    assert!(!edits.contains("\"t\":\"edit\""), "{edits}");
    for (n, written) in [json!(9), json!("many"), json!(-1)].into_iter().enumerate() {
        let inbox = rewrite(&|entries| {
            entries.push(json!({
                "from": "agent-1", "content": format!("by hand {n}"), "reply_to": id, "hops": written,
            }));
        });
        let adopted = inbox.as_array().unwrap().last().unwrap();
        assert_eq!(adopted["content"], format!("by hand {n}"));
        assert_eq!(adopted["hops"], Value::Null, "{adopted}");
        assert_eq!(adopted["reply_to"], id);
    }
    // From there the count goes on.
    ok(&home, "reply agent-2/2 seen --as agent-2");
    assert_eq!(hops(&home, "agent-1/2"), 1);
    home.assert_well("hops by hand");
}

/// A message that was closed and is sent again is as far from the beginning as it was.
#[test]
fn a_restored_message_keeps_them() {
    let home = Home::new();
    ok(&home, "send agent-1 begin --as agent-2");
    ok(&home, "reply 1 answer --as agent-1");
    ok(&home, "recall agent-2/1 --as agent-1");
    ok(&home, "restore agent-2/1 --as agent-2");
    assert_eq!(hops(&home, "agent-2/2"), 1);
}
