//! What a home itself tells.

use super::{found, fragments, ids, ingest, must, speak, text, threads};
use crate::home::{Home, TASKCTL, run};

fn task(home: &Home, line: &str) {
    let ran = run(home.command(TASKCTL).args(line.split_whitespace()), b"");
    assert_eq!(ran.code, 0, "taskctl {line}: {ran:?}");
}

#[test]
fn events_mail_tasks_and_devlogs_become_memories_once() {
    let home = Home::new();
    home.ok(&[
        "send",
        "agent-3",
        "the deploy waits for db-7",
        "--as",
        "captain",
    ]);
    home.ok(&["next", "--as", "agent-3"]);
    home.ok(&["reply", "agent-3/1", "db-7 is up", "--as", "agent-3"]);
    task(&home, "create mend --id t1 --for agent-1 --no-mail");
    task(&home, "start t1 --as agent-1");
    task(&home, "complete t1 --as agent-1 --result pinned --no-mail");
    let devlog = home.dir.join("runtime/devlog/agents/agent-1");
    std::fs::create_dir_all(&devlog).unwrap();
    let entry = "# agent-1 Devlog\n\n## 2026-11-22 12:00 Boot\nup\n\n## Zip\nzlib it is\n";
    std::fs::write(devlog.join("devlog.md"), entry).unwrap();

    let added = ingest(&home, "");
    let all = fragments(&home);
    assert_eq!(added, all.len() as u64);
    let of = |kind: &str| all.iter().filter(|it| it["type"] == kind).count();
    assert_eq!((of("message"), of("task"), of("devlog")), (2, 1, 2));
    assert!(of("event") >= 7, "{all:#?}");
    for one in &all {
        let own = text(&one["timestamp"]);
        assert!(own <= text(&one["ingested_at"]), "{one}");
    }
    assert_eq!(ingest(&home, ""), 0);
    assert_eq!(ids(&home).len(), all.len());

    // All that names the task is one thread, with the task itself.
    let of_task = must(&home, "task t1 --json").json()["fragments"].clone();
    let of_task: Vec<String> = of_task
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["memory_id"]))
        .collect();
    assert!(of_task.len() >= 4, "{of_task:?}");
    let thread = threads(&home)
        .into_iter()
        .find(|it| it.contains(&of_task[0]))
        .unwrap();
    assert!(of_task.iter().all(|id| thread.contains(id)), "{thread:?}");
    // A message and its answer are another.
    let mail = found(&home, "db-7 --type message");
    assert_eq!(mail.len(), 2);
    let thread = threads(&home)
        .into_iter()
        .find(|it| it.contains(&mail[0]))
        .unwrap();
    assert!(thread.contains(&mail[1]) && !thread.contains(&of_task[0]));
}

#[test]
fn a_line_of_a_script_in_a_log_has_the_time_at_which_it_was_seen() {
    let home = Home::new();
    ingest(&home, "");
    let log = home.dir.join("runtime/logs/bridge.log");
    std::fs::write(log, "plain words\n").unwrap();
    assert_eq!(ingest(&home, "events"), 1);
    assert_eq!(ingest(&home, "events"), 0);
    let one = &fragments(&home)[0];
    assert_eq!(one["timestamp"], one["ingested_at"]);
    assert_eq!(one["context"]["undated"], true);
}

#[test]
fn what_was_sealed_pruned_and_carried_over_comes_once() {
    let home = Home::new();
    for n in 0..5 {
        home.ok(&["send", "agent-2", &format!("order {n}"), "--as", "captain"]);
    }
    assert_eq!(ingest(&home, "mail"), 5);
    home.ok(&["next", "--as", "agent-2"]);
    home.ok(&["ack", "--all", "--as", "agent-2"]);
    home.ok(&["prune", "agent-2", "--as", "agent-2"]);
    home.ok(&["send", "agent-2", "order 5", "--as", "captain"]);
    assert_eq!(ingest(&home, "mail"), 1);
    // Also for somebody who begins only now.
    std::fs::remove_file(home.dir.join("runtime/memories/ingest.json")).unwrap();
    assert_eq!(ingest(&home, "mail"), 0);
    assert_eq!(ids(&home).len(), 6);
}

#[test]
fn a_section_of_a_devlog_that_was_written_on_is_a_later_version() {
    let home = Home::new();
    let devlog = home.dir.join("runtime/devlog/agents/agent-1");
    std::fs::create_dir_all(&devlog).unwrap();
    let write = |text: &str| std::fs::write(devlog.join("devlog.md"), text).unwrap();
    write("## Plan\nuse bzip\n\n## Rest\nnone\n");
    assert_eq!(ingest(&home, "devlogs"), 2);
    write("## Plan\nuse bzip\nno: zlib\n\n## Rest\nnone\n");
    assert_eq!(ingest(&home, "devlogs"), 1);
    assert_eq!(ingest(&home, "devlogs"), 0);
    let hits = must(&home, "query bzip --json").json()["hits"].clone();
    let by = |it: &serde_json::Value| {
        (
            text(&it["fragment"]["memory_id"]),
            it["superseded_by"].clone(),
        )
    };
    let all: Vec<_> = hits.as_array().unwrap().iter().map(by).collect();
    let (new, _) = all.iter().find(|(_, later)| later.is_null()).unwrap();
    assert!(new.ends_with("~2"), "{all:?}");
    for (id, later) in &all {
        assert!(id == new || later == new.as_str(), "{all:?}");
    }
}

/// With what is there by now; the whole of it with a signal.
struct Follower<'h> {
    home: &'h Home,
    child: std::process::Child,
}

impl<'h> Follower<'h> {
    fn of(home: &'h Home, sources: &[&str]) -> Self {
        let mut command = home.command(super::DREAMSCRIBE);
        command.args(["ingest", "--follow"]).args(sources);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        Self { home, child }
    }

    fn wait_for(&self, content: &str) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while !fragments(self.home)
            .iter()
            .any(|it| it["content"] == content)
        {
            assert!(std::time::Instant::now() < deadline, "it does not follow");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What it said beside its result.
    fn end(mut self) -> String {
        use std::io::Read as _;
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
        let mut said = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

#[test]
fn a_follower_remembers_what_comes() {
    let home = Home::new();
    must(&home, "ingest");
    let follower = Follower::of(&home, &[]);
    home.ok(&["send", "agent-3", "saffron", "--as", "captain"]);
    follower.wait_for("saffron");
    assert_eq!(follower.end(), "");
    assert_eq!(speak(&home, "ingest").code, 0);
}

/// What stays in memory between two looks is what is on the disk, also where somebody else was there meanwhile.
#[test]
fn a_follower_links_as_one_does_who_begins_anew_each_time() {
    let (watched, anew) = (Home::new(), Home::new());
    let line = |n: u32| {
        let at = format!("2026-11-22T10:00:{n:02}Z");
        super::line(
            &format!("n{n}"),
            &at,
            "agent-1",
            &format!("saffron step {n}"),
            &serde_json::json!({}),
        )
    };
    // As a log grows: a file that is cut off first may be seen as such.
    let write = |home: &Home, name: &str, lines: std::ops::Range<u32>| {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .open(home.dir.join(name))
            .unwrap();
        let lines: String = lines.map(line).collect();
        std::io::Write::write_all(&mut file, lines.as_bytes()).unwrap();
    };
    for home in [&watched, &anew] {
        write(home, "f.jsonl", 0..4);
    }
    let follower = Follower::of(&watched, &["f.jsonl"]);
    follower.wait_for("saffron step 3");
    ingest(&anew, "f.jsonl");
    for (from, n, name) in [(4, 4, "g.jsonl"), (4, 8, "f.jsonl"), (12, 12, "f.jsonl")] {
        for home in [&watched, &anew] {
            write(home, name, from..n + 4);
        }
        ingest(&anew, name);
        if name == "g.jsonl" {
            // It may be busy.
            while speak(&watched, "ingest g.jsonl").code == 75 {}
        }
        follower.wait_for(&format!("saffron step {}", n + 3));
    }
    assert_eq!(follower.end(), "");
    let told = |home: &Home| -> Vec<serde_json::Value> {
        let mut all = fragments(home);
        for one in &mut all {
            one.as_object_mut().unwrap().remove("ingested_at");
        }
        all
    };
    assert_eq!(told(&watched), told(&anew));
    assert_eq!(threads(&watched), threads(&anew));
}
