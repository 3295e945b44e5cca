//! A script that knows nothing of us: it loads `inbox.json`, appends, and dumps it without a lock.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Guard, House, script};
use crate::home::has_tool;

const SENDERS: usize = 8;
const EACH: usize = 60;
const DUMPS: usize = 60;

/// By turns in place, truncating first, and by rename.
const FOREIGN: &str = r#"#!/bin/bash
set -e
face=$1 dumps=$2
for (( i = 0; i < dumps; i++ )); do
  jq -c --arg id "theirs-$i" '. + [{id: $id, from: "user", content: $id}]' "$face" > load.tmp
  (( i % 3 )) || sleep 0.03
  if (( i % 2 )); then cat load.tmp > "$face"; else cp load.tmp dump.tmp; mv dump.tmp "$face"; fi
  echo "theirs-$i" >> dumped
done
"#;

const SENDER: &str = r#"#!/bin/bash
w=$1 each=$2
for (( i = 0; i < each; i++ )); do
  cellphone send agent-1 "ours-$w-$i" --quiet 2>> "errors-$w" && echo "ours-$w-$i" >> "told-$w"
done
echo done >> "told-$w"
"#;

#[test]
fn a_script_that_loads_appends_and_dumps_without_a_lock_loses_nobody_s_mail() {
    if !has_tool("jq") {
        return;
    }
    let house = House::new();
    house.must("send agent-1 first");
    let foreign = script(&house, "foreign", FOREIGN);
    let sender = script(&house, "sender", SENDER);
    let start = |program: &std::path::Path, arguments: [String; 2]| {
        let mut command = house.command("bash");
        command.arg(program);
        Guard(
            command
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    };
    let mut senders: Vec<Guard> = (0..SENDERS)
        .map(|w| start(&sender, [w.to_string(), EACH.to_string()]))
        .collect();
    let mut script = start(
        &foreign,
        [
            house.face("agent-1").display().to_string(),
            DUMPS.to_string(),
        ],
    );
    for sender in &mut senders {
        assert!(sender.0.wait().unwrap().success());
    }
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut script.0.stderr.take().unwrap(), &mut complaint).unwrap();
    assert!(script.0.wait().unwrap().success(), "{complaint}");

    // The writer is gone: the next verbs take over whatever it left, displaced or in place.
    house.must("send agent-1 last");
    house.must("send agent-1 very-last");
    let truths = house.check_settled();
    let mut pending: HashMap<&str, usize> = HashMap::new();
    for mail in truths["agent-1"].mail.values() {
        assert!(mail.is_pending(), "nobody removed {mail:?}");
        *pending.entry(&mail.content).or_default() += 1;
    }
    let mut accepted = 0;
    for w in 0..SENDERS {
        let told = std::fs::read_to_string(house.home().join(format!("told-{w}"))).unwrap();
        assert!(told.ends_with("done\n"));
        for content in told.lines().filter(|line| *line != "done") {
            assert_eq!(pending.get(content), Some(&1), "{content}");
            accepted += 1;
        }
    }
    assert_eq!(accepted, SENDERS * EACH, "a send failed");
    let dumped = std::fs::read_to_string(house.home().join("dumped")).unwrap();
    for content in dumped.lines() {
        assert_eq!(pending.get(content), Some(&1), "{content}");
        let own_id = truths["agent-1"].with_content(content)[0]
            .foreign_id
            .as_deref();
        assert_eq!(own_id, Some(content), "the id that the script gave is kept");
    }
    assert_eq!(dumped.lines().count(), DUMPS);
    let rejected: Vec<_> = std::fs::read_dir(house.mailbox("agent-1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("rejected"))
        .collect();
    assert!(rejected.is_empty(), "{rejected:?}");
}

/// A writer that has the face open when it is displaced, and writes a second later.
#[test]
fn a_dump_into_a_face_that_was_displaced_meanwhile_is_taken_over() {
    let house = House::new();
    house.must("send agent-1 first");
    house.must("send agent-1 second");
    let slow = script(
        &house,
        "slow",
        "#!/bin/bash\nexec 3<>\"$1\"\necho open\nread -r go\nprintf '%s' \"$2\" >&3\necho written\nread -r go\nexit 0\n",
    );
    let face = house.face("agent-1");
    let mut entries: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(&face).unwrap()).unwrap();
    entries.push(serde_json::json!({"id": "late", "from": "user", "content": "late"}));
    let mut text = serde_json::to_string(&entries).unwrap();
    // As long as what it overwrites, so that nothing of that is left behind it.
    let old = usize::try_from(std::fs::metadata(&face).unwrap().len()).unwrap();
    text.push_str(&" ".repeat(old.saturating_sub(text.len())));
    let mut child = house
        .command("bash")
        .arg(&slow)
        .arg(&face)
        .arg(&text)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut say = child.stdin.take().unwrap();
    let mut hear = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut slow = Guard(child);
    super::hear(&mut hear, "open");
    house.must("send agent-1 meanwhile");
    super::say(&mut say);
    super::hear(&mut hear, "written");
    // Still open: it may write more, and nothing of it is taken or removed yet.
    house.must("send agent-1 later");
    drop(say);
    assert!(slow.0.wait().unwrap().success());

    let begun = Instant::now();
    loop {
        house.must("send agent-1 nudge --key nudge");
        house.must("ack --all --as captain");
        let truths = house.check();
        let late = truths["agent-1"].with_content("late").len();
        assert!(late <= 1, "it was adopted {late} times");
        if late == 1 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it was never taken over"
        );
    }
    house.must("send agent-1 last");
    let truths = house.check_settled();
    for content in ["first", "second", "meanwhile", "later", "late", "last"] {
        let them = truths["agent-1"].with_content(content);
        assert!(
            them.len() == 1 && them[0].is_pending(),
            "{content}: {them:?}"
        );
    }
}
