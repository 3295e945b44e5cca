//! Agents that get another name, or go with all that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{AGENTCTL, Swarm, until};
use crate::home::{CELLPHONE, Home, Ran, SECCTL, has_tool, path, run};

const SLEEPER: &str =
    "agent-1: {command: [sleep, '1000'], roles: [worker]}  # the first\nother: {}";

/// An agent that has everything that one can have: handled and waiting mail, a lease, an attachment, a sealed journal,
/// a state, a devlog, tasks, keys.
fn with_everything() -> Swarm {
    let swarm = Swarm::new(SLEEPER);
    let home = &swarm.home;
    let figure = home.dir.join("figure.txt");
    std::fs::write(&figure, "42\n").unwrap();
    home.ok(&["send", "agent-1", "handled"]);
    home.ok(&["next", "--as", "agent-1"]);
    home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    home.ok(&["prune", "agent-1"]);
    home.ok(&["send", "agent-1", "taken", "--as", "other"]);
    home.ok(&["next", "--as", "agent-1"]);
    home.ok(&["send", "agent-1", "waits", "--file", path(&figure)]);
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["stop", "agent-1"]);
    swarm.ok(&["devlog", "agent-1", "add", "begun"]);
    let tasks = home.dir.join("config/agent_comms/agent-1.json");
    std::fs::write(tasks, "{\"tasks\": []}\n").unwrap();
    let made = run(home.command(SECCTL).args(["keys", "make", "agent-1"]), b"");
    assert_eq!(made.code, 0, "{made:?}");
    swarm
}

/// What is said of who wrote the mail of `agent`, in its order.
fn proofs(home: &Home, agent: &str) -> Vec<String> {
    let all = home.list(&["inbox", agent]);
    let proof = |it: &Value| it["proof"].as_str().unwrap_or("nothing").to_owned();
    all.iter().map(proof).collect()
}

/// Another with the same files.
fn copy(of: &Swarm) -> Swarm {
    let place = tempfile::tempdir().unwrap();
    let home = Home::copy_of(&of.home.dir, place);
    // A copy's face is another file than the stamp knows: it is looked at, and is our own again.
    for agent in ["agent-1", "other"] {
        if home.mailbox(agent).is_dir() {
            home.ok(&["inbox", agent]);
        }
    }
    Swarm { home }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(listing) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = listing
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What lies there that is of an agent: in the mailboxes, the states, the devlogs and the tasks.
fn places(home: &Home) -> [Vec<String>; 4] {
    let below = |dir: &str| names(&home.dir.join(dir));
    let mut states = below("runtime/agents");
    states.retain(|name| name != ".edit.lock");
    [
        below("runtime/mailbox"),
        states,
        below("runtime/devlog/agents"),
        below("config/agent_comms"),
    ]
}

fn yaml(home: &Home) -> String {
    std::fs::read_to_string(home.dir.join("config/agents.yaml")).unwrap()
}

/// Who signs and opens.
fn keys(home: &Home) -> Vec<String> {
    let mut all = names(&home.dir.join("runtime/keys"));
    all.retain(|name| !name.starts_with('.'));
    all
}

/// Both doctors find nothing.
fn assert_well(swarm: &Swarm, after: &str) {
    swarm.home.assert_well(after);
    let ran = swarm.run(&["doctor", "--json"]);
    assert_eq!(
        ran.json()["findings"],
        serde_json::json!([]),
        "after {after}"
    );
}

#[test]
fn a_renamed_agent_has_all_that_it_had_and_both_names() {
    let swarm = with_everything();
    let home = &swarm.home;
    swarm.ok(&["set", "other", "after", "[agent-1]"]);
    let ran = swarm.ok(&["rename", "Agent_1", "cook", "--json"]);
    let told = ran.json();
    assert_eq!(told["schema"], "dreamos.renamed/1");
    assert_eq!(
        (&told["agent"], &told["from"]),
        (&"cook".into(), &"agent-1".into())
    );
    for name in ["agent-1", "cook"] {
        assert_eq!(home.all(name), ["handled", "taken", "waits"]);
        assert_eq!(home.pending(name), ["taken", "waits"]);
        let status = home.ok(&["status", &format!("{name}/1")]).out;
        assert!(status.contains("acked"), "{status}");
        let figure = home.ok(&["show", &format!("{name}/3"), "--json"]).json();
        let file = figure["metadata"]["attachments"][0]["path"]
            .as_str()
            .unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "42\n");
    }
    assert!(home.ok(&["inbox", "agent-1"]).out.contains("cook/2"));
    // What it had taken it still holds, and what others sent they still follow.
    assert_eq!(home.run(&["ack", "cook/2", "--as", "other"]).code, 77);
    home.ok(&["status", "agent-1/2", "--as", "other"]);
    home.ok(&["ack", "agent-1/2", "--as", "cook"]);
    let sent = home.ok(&["send", "agent-1", "late", "--json"]).json();
    assert_eq!(sent["name"], "cook/4");
    home.ok(&["reply", "cook/3", "an answer", "--as", "agent-1"]);
    let [mailboxes, states, devlogs, tasks] = places(home);
    assert_eq!(mailboxes, ["agent-1", "cook", "user"]);
    assert_eq!(states, ["cook"]);
    assert_eq!(devlogs, ["cook"]);
    assert_eq!(tasks, ["cook.json"]);
    assert!(swarm.ok(&["devlog", "cook"]).out.contains("begun"));
    let state = swarm.state("agent-1");
    assert_eq!(
        (&state["agent"], &state["state"]),
        (&"cook".into(), &"stopped".into())
    );
    let text = yaml(home);
    assert!(
        text.contains("cook: {command") && text.contains("aliases: [agent-1]"),
        "{text}"
    );
    assert!(text.contains("# the first"), "{text}");
    assert_eq!(swarm.events("cook").last().unwrap(), "agent.renamed");
    assert_well(&swarm, "a rename");

    swarm.ok(&["start", "cook"]);
    let environment = std::fs::read(format!("/proc/{}/environ", swarm.pid("cook"))).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    assert!(
        environment.contains("DREAMOS_AGENT=cook\0"),
        "{environment}"
    );
    let token = "DREAMOS_TOKEN_FILE=";
    let token = environment
        .split('\0')
        .find_map(|it| it.strip_prefix(token));
    assert!(token.unwrap().ends_with("runtime/agents/cook/token"));
    assert_eq!(swarm.state("cook")["agent"], "cook");
    assert_eq!(swarm.word("agent-1"), "running");
    let runs = swarm.run(&["rename", "cook", "chef"]);
    assert_eq!(runs.code, 2, "{runs:?}");
    assert!(runs.err.contains("agentctl stop cook"), "{runs:?}");
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(states_of(&swarm), ["cook"]);
}

fn states_of(swarm: &Swarm) -> Vec<String> {
    places(&swarm.home)[1].clone()
}

#[test]
fn a_rename_is_said_again_goes_back_and_on() {
    let swarm = with_everything();
    swarm.ok(&["rename", "agent-1", "b"]);
    let again = swarm.ok(&["rename", "agent-1", "b"]);
    assert!(
        again.out.starts_with("already renamed agent-1 to b"),
        "{again:?}"
    );
    swarm.ok(&["rename", "b", "c"]);
    swarm.home.ok(&["send", "agent-1", "over two names"]);
    swarm.ok(&["rename", "c", "agent-1"]);
    for name in ["agent-1", "b", "c"] {
        assert_eq!(swarm.home.all(name).len(), 4, "{name}");
    }
    assert_eq!(states_of(&swarm), ["agent-1"]);
    assert_eq!(swarm.state("agent-1")["agent"], "agent-1");
    assert_well(&swarm, "renames");
    swarm.ok(&["start", "agent-1"]);
}

/// Every file below, with what is in it.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}

#[test]
fn a_dry_run_says_what_would_be_renamed_or_removed_and_does_nothing() {
    let swarm = with_everything();
    let home = &swarm.home;
    let at = |path: &str| home.dir.join(path).to_str().unwrap().to_owned();
    swarm.ok(&["list"]);
    let before = contents(&home.dir);
    let rename = ["rename", "agent-1", "cook", "--dry-run"];
    let yaml = at("config/agents.yaml");
    let moved = [
        ("runtime/mailbox/agent-1", "runtime/mailbox/cook"),
        ("runtime/agents/agent-1", "runtime/agents/cook"),
        (
            "runtime/devlog/agents/agent-1",
            "runtime/devlog/agents/cook",
        ),
        (
            "config/agent_comms/agent-1.json",
            "config/agent_comms/cook.json",
        ),
        ("runtime/keys/agent-1.json", "runtime/keys/cook.json"),
    ]
    .map(|(path, to)| (at(path), at(to)));
    let mut lines: Vec<String> = moved
        .iter()
        .map(|(path, to)| format!("would rename {path} to {to}"))
        .collect();
    lines.insert(1, format!("would write {}", moved[0].0));
    for (nth, name) in [(5, "agent-1"), (6, "cook")] {
        let public = at(&format!("config/security/keys/{name}.json"));
        lines.insert(nth, format!("would write {public}"));
    }
    lines.push(format!("would write {yaml}"));
    assert_eq!(swarm.ok(&rename).out, lines.join("\n") + "\n");
    let told = swarm
        .ok(&["rename", "agent-1", "cook", "--dry-run", "--json"])
        .json();
    assert_eq!(told["schema"], "dreamos.dry-run/1");
    assert_eq!(told["would"].as_array().unwrap().len(), lines.len());
    assert_eq!(told["would"][0]["to"], at("runtime/mailbox/cook"));
    let out = swarm.ok(&["unregister", "agent-1", "--dry-run"]).out;
    assert_eq!(out, format!("would write {yaml}\n"));
    let removed = swarm
        .ok(&["unregister", "agent-1", "--purge", "--dry-run", "--json"])
        .json();
    assert_eq!(removed["would"].as_array().unwrap().len(), 7, "{removed}");
    assert!(contents(&home.dir) == before, "it did something");
    for args in [
        &rename[..],
        &["unregister", "agent-1", "--dry-run"],
        &["unregister", "agent-1", "--purge", "--dry-run"],
    ] {
        let stranger = swarm.run(&[args, &["--as", "other"]].concat());
        assert_eq!(stranger.code, 77, "{stranger:?}");
    }
    swarm.ok(&["start", "agent-1"]);
    let runs = swarm.run(&rename);
    assert!(
        runs.code == 2 && runs.err.contains("agentctl stop agent-1"),
        "{runs:?}"
    );
    swarm.ok(&["stop", "agent-1"]);
    swarm.ok(&["rename", "agent-1", "cook"]);
    for (path, to) in moved {
        let is_stone = path == at("runtime/mailbox/agent-1");
        assert!(Path::new(&path).is_file() == is_stone && Path::new(&to).exists());
    }
    assert_eq!(swarm.ok(&rename).out, "", "it is done");
}

#[test]
fn a_name_that_is_not_free_is_not_given_and_nothing_has_moved() {
    let swarm = with_everything();
    let home = &swarm.home;
    home.ok(&["send", "no-body", "hello", "--create"]);
    home.ok(&["send", "captain", "hello", "--create"]);
    swarm.ok(&["register", "third"]);
    swarm.ok(&["rename", "third", "fourth"]);
    // Of one that went long ago.
    std::fs::create_dir_all(home.dir.join("runtime/devlog/agents/gone")).unwrap();
    std::fs::write(home.dir.join("runtime/devlog/agents/gone/devlog.md"), "x").unwrap();
    let before = (places(home), yaml(home));
    for (old, new, code) in [
        ("agent-1", "other", 73),
        ("agent-1", "Other", 2),
        ("agent-1", "no-body", 73),
        ("agent-1", "no_body", 73),
        ("agent-1", "third", 73),
        ("agent-1", "fourth", 73),
        ("agent-1", "gone", 73),
        ("agent-1", "user", 73),
        ("agent-1", "agent-1", 2),
        ("agent-1", "a b", 2),
        ("agent-2", "b", 66),
        ("no-body", "b", 66),
        ("captain", "b", 77),
        ("user", "b", 77),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let ran = swarm.run(&[&["rename", old, new], dry].concat());
            assert_eq!(ran.code, code, "{old} to {new}: {ran:?}");
        }
    }
    assert_eq!(
        swarm.run(&["rename", "agent-1", "b", "--as", "other"]).code,
        77
    );
    assert_eq!((places(home), yaml(home)), before);
    // A former name is nobody's as long as its bearer is there.
    swarm.ok(&["set", "fourth", "aliases", "[]"]);
    let ran = swarm.run(&["register", "third"]);
    assert_eq!(ran.code, 73, "{ran:?}");
    assert!(ran.err.contains("third was a name of fourth"), "{ran:?}");
    let hint = swarm.run(&["set", "agent-1", "id", "b"]);
    assert!(hint.err.contains("agentctl rename OLD NEW"), "{hint:?}");
}

#[test]
fn a_retry_with_its_key_is_the_same_message_whatever_its_sender_was_called_then() {
    let swarm = Swarm::new("agent-1: {}\nother: {}\nthird: {}\nfourth: {}");
    let home = &swarm.home;
    let send = |from: &str, key: &str| {
        let args = ["send", "other", key, "--key", key, "--as", from, "--json"];
        let sent = home.ok(&args).json();
        let name = sent["name"].as_str().unwrap().to_owned();
        (name, sent["repeated"] == true)
    };
    let at = |seq: u32, repeated| (format!("other/{seq}"), repeated);
    assert_eq!(send("agent-1", "first"), at(1, false));
    swarm.ok(&["rename", "agent-1", "cook"]);
    assert_eq!(send("cook", "first"), at(1, true));
    assert_eq!(send("cook", "second"), at(2, false));
    assert_eq!(send("agent-1", "second"), at(2, true));
    swarm.ok(&["rename", "cook", "chef"]);
    for from in ["chef", "cook", "agent-1"] {
        assert_eq!(send(from, "first"), at(1, true), "{from}");
        assert_eq!(send(from, "second"), at(2, true), "{from}");
    }
    swarm.ok(&["rename", "chef", "agent-1"]);
    assert_eq!(send("agent-1", "second"), at(2, true));
    // Many at once, also with what is new.
    let lines = "{\"content\": \"first\", \"key\": \"first\"}\n{\"content\": \"third\", \"key\": \"third\"}\n";
    let batch = ["send", "other", "--batch", "-", "--as", "cook"];
    assert_eq!(home.run_with(&batch, lines.as_bytes()).code, 0);
    assert_eq!(home.all("other"), ["first", "second", "third"]);
    // Who answers to the name of another one, who is gone, is not he.
    assert_eq!(send("third", "report"), at(4, false));
    swarm.ok(&["unregister", "third"]);
    swarm.ok(&["set", "fourth", "aliases", "[third]"]);
    assert_eq!(send("fourth", "report"), at(5, false));
    assert_eq!(send("third", "report"), at(5, true));
}

/// Programs that had read the old configuration go on with it.
#[test]
fn who_still_knows_only_the_old_name_delivers_to_the_right_place() {
    use dreamos::desk::{Breaker, Desk, Unknown};
    use dreamos::names::{AgentId, Caller};
    use dreamos::time::Now;

    let swarm = Swarm::new("agent-1: {}\nother: {}");
    let caller = Caller {
        agent: AgentId::user(),
        incarnation: None,
        uid: 0,
        login: None,
        guest: None,
    };
    let home = dreamos::root::Home::at(&swarm.home.dir);
    let desk = Desk::open(home, caller, |warning| panic!("{warning}")).unwrap();
    let mut watch = swarm.home.command(CELLPHONE);
    let seen = swarm.home.dir.join("seen");
    let mut watch = watch
        .args(["watch", "agent-1", "--json"])
        .stdout(std::fs::File::create(&seen).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = || std::fs::read_to_string(&seen).unwrap();
    until("it watches", || {
        swarm.home.ok(&["send", "agent-1", "is it there?"]);
        !told().is_empty()
    });
    // Nobody has written to it yet.
    swarm.ok(&["rename", "other", "another"]);
    swarm.ok(&["rename", "agent-1", "b"]);
    for old in ["agent-1", "other"] {
        let to = AgentId::parse(old).unwrap();
        let draft = desk.draft(&to, "from before".into());
        let sent = desk.send(draft, Unknown::Refuse, Breaker::Obey, Now::read());
        let expected = if old == "other" { "another" } else { "b" };
        assert_eq!(sent.unwrap().at.mailbox.as_str(), expected);
    }
    let everybody = desk.everybody().unwrap();
    let everybody: Vec<&str> = everybody.iter().map(AgentId::as_str).collect();
    assert_eq!(everybody, ["agent-1", "other"], "each once");
    assert_eq!(swarm.home.pending("another"), ["from before"]);
    until("the watch has told it", || told().contains("from before"));
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_well(&swarm, "late mail");
}

#[test]
fn senders_lose_nothing_while_the_agent_is_renamed_under_their_hands() {
    let swarm = Swarm::new("agent-1: {}");
    let accepted = Mutex::new(BTreeSet::new());
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (swarm, accepted, is_over, count) = (&swarm, &accepted, &is_over, &count);
            scope.spawn(move || {
                for n in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let text = format!("{sender}-{n}");
                    let ran = swarm.home.run(&["send", "agent-1", &text, "--force"]);
                    assert_eq!(ran.code, 0, "{ran:?}");
                    accepted.lock().unwrap().insert(text);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (old, new) in [
            ("agent-1", "b"),
            ("b", "c"),
            ("agent-1", "d"),
            ("d", "agent-1"),
        ] {
            let before = count.load(Ordering::Relaxed);
            until("some were sent", || {
                count.load(Ordering::Relaxed) > before + 8
            });
            swarm.ok(&["rename", old, new]);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let all = swarm.home.all("agent-1");
    let unique: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(unique.len(), all.len(), "nothing twice");
    assert_eq!(unique, accepted.into_inner().unwrap());
    assert_eq!(places(&swarm.home)[0], ["agent-1", "b", "c", "d"]);
    assert_well(&swarm, "renames among senders");
}

#[test]
fn renames_starts_and_purges_at_once_leave_one_agent_whole() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    let home = &swarm.home;
    home.ok(&["send", "agent-1", "hello"]);
    for round in 0..12 {
        let [a, b] = [format!("a{round}"), format!("b{round}")];
        let purge = ["unregister", "agent-1", "--purge"];
        let lines: [&[&str]; 6] = [
            &["rename", "agent-1", &a],
            &["start", "agent-1"],
            &["rename", "agent-1", &b],
            &["rename", "agent-1", &a],
            &purge,
            &["start", "agent-1"],
        ];
        let running = lines.map(|args| {
            let mut command = swarm.command();
            command.args(args).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        for one in running {
            let ended = one.wait_with_output().unwrap();
            let code = ended.status.code().unwrap();
            assert!(matches!(code, 0 | 2 | 66 | 73 | 75 | 77), "{ended:?}");
        }
        swarm.ok(&["down", "--grace", "0s"]);
        assert_eq!(home.all("agent-1"), ["hello"], "round {round}");
        let listed = swarm.ok(&["list", "--json"]).json();
        let agents = listed["agents"].as_array().unwrap();
        assert_eq!(agents.len(), 1, "{listed}");
        let name = agents[0]["agent"].as_str().unwrap();
        if let Some(its) = agents[0]["state"]["agent"].as_str() {
            assert_eq!(its, name, "{listed}");
        }
        let mut states = states_of(&swarm);
        states.retain(|state| state != name);
        assert_eq!(states, [""; 0], "round {round}");
        assert!(home.mailbox(name).is_dir(), "round {round}");
        assert_well(&swarm, "all at once");
        if name != "agent-1" {
            swarm.ok(&["rename", name, "agent-1"]);
        }
    }
}

#[test]
fn the_original_s_agents_are_renamed_in_ours() {
    let swarm = Swarm::new("");
    let config = swarm.home.dir.join("config");
    std::fs::remove_file(config.join("agents.yaml")).unwrap();
    let list = r#"[{"id": "Agent-1", "role": "x"}]"#;
    std::fs::write(config.join("agents.json"), list).unwrap();
    swarm.home.ok(&["send", "agent-1", "hello"]);
    swarm.ok(&["rename", "Agent-1", "cook"]);
    let again = swarm.ok(&["rename", "AGENT_1", "cook"]);
    assert!(again.out.starts_with("already"), "{again:?}");
    assert_eq!(swarm.home.all("Agent-1"), ["hello"]);
    assert_eq!(
        std::fs::read_to_string(config.join("agents.json")).unwrap(),
        list
    );
    assert_well(&swarm, "an edit of the original's list");
}

// Killed at any call that changes something.

const CHANGES: &[&str] = &[
    "renameat",
    "renameat2",
    "unlinkat",
    "mkdirat",
    "fsync",
    "fdatasync",
    "write",
    "pwrite64",
    "flock",
];

/// The calls of a verb that change something, each with the how manieth of its name it is.
fn calls(swarm: &Swarm, args: &[&str]) -> Vec<(String, usize)> {
    let text = traced(swarm, args);
    let home = path(&swarm.home.dir);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut at_home = false;
    let mut calls = Vec::new();
    for line in text.lines() {
        let call = line.split_once(' ').map(|(_, call)| call.trim_start());
        let Some((name, rest)) = call.and_then(|call| call.split_once('(')) else {
            continue;
        };
        let nth = counts.entry(name).or_default();
        *nth += 1;
        at_home |= rest.contains(home) && name != "execve";
        // Of those that only open something most say nothing new.
        let changes = CHANGES.contains(&name) || rest.contains("O_CREAT");
        if at_home && changes {
            calls.push((name.to_owned(), *nth));
        }
    }
    calls
}

fn traced(swarm: &Swarm, args: &[&str]) -> String {
    let log = swarm.home.dir.with_file_name("trace");
    let done = strace(swarm, &["-o", path(&log)], args);
    assert_eq!(done.code, 0, "{done:?}");
    std::fs::read_to_string(&log).unwrap()
}

fn strace(swarm: &Swarm, options: &[&str], args: &[&str]) -> Ran {
    let mut command = swarm.home.command("strace");
    command
        .args(["-f", "-qq"])
        .args(options)
        .arg(AGENTCTL)
        .args(args);
    killed_or_not(&mut command)
}

/// As `run`, of one that may be killed.
fn killed_or_not(command: &mut Command) -> Ran {
    use std::os::unix::process::ExitStatusExt as _;

    let done = command.stdin(Stdio::null()).output().unwrap();
    Ran {
        code: done
            .status
            .code()
            .unwrap_or_else(|| 128 + done.status.signal().unwrap()),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
        took: Duration::ZERO,
    }
}

/// Kills the verb before each of its calls in a fresh copy, and lets `then` look.
fn kill_everywhere(template: &Swarm, args: &[&str], then: impl Fn(&Swarm, &str) + Sync) {
    let calls = calls(&copy(template), args);
    assert!(calls.len() > 30, "{calls:?}");
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, nth)) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let swarm = copy(template);
                    let inject = format!("inject={name}:signal=KILL:when={nth}");
                    let trace = format!("trace={name}");
                    let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
                    let done = strace(&swarm, &options, args);
                    killed.fetch_add(usize::from(done.code == 137), Ordering::Relaxed);
                    then(&swarm, &format!("{name} {nth}"));
                }
            });
        }
    });
    let killed = killed.into_inner();
    assert!(
        killed * 100 >= calls.len() * 95,
        "only {killed} of {} kills landed",
        calls.len()
    );
}

#[test]
fn a_rename_killed_at_any_change_loses_nothing_and_said_again_finishes() {
    if !has_tool("strace") {
        return;
    }
    let template = with_everything();
    template.home.ok(&["send", "agent-1", "sealed", "--seal"]);
    let signed = ["send", "other", "signed", "--as", "agent-1"];
    template.home.ok(&signed);
    let all = [template.home.all("agent-1"), vec!["meanwhile".into()]].concat();
    kill_everywhere(&template, &["rename", "agent-1", "cook"], |swarm, at| {
        let home = &swarm.home;
        assert_eq!(proofs(home, "other"), ["verified"], "{at}");
        // Whatever is half done, mail comes in under the old name, and all of it is there.
        let sent = home.run(&["send", "agent-1", "meanwhile"]);
        assert_eq!(sent.code, 0, "{at}: {sent:?}");
        assert_eq!(home.all("agent-1"), all, "{at}");
        let ran = swarm.run(&["rename", "agent-1", "cook"]);
        assert_eq!(ran.code, 0, "{at}: {ran:?}");
        assert_eq!(ran.err, "", "{at}: {ran:?}");
        for name in ["agent-1", "cook"] {
            assert_eq!(home.all(name), all, "{at}");
        }
        assert!(home.mailbox("agent-1").is_file(), "{at}");
        assert!(home.mailbox("cook").is_dir(), "{at}");
        let [_, states, devlogs, tasks] = places(home);
        assert_eq!(
            (states, devlogs),
            (vec!["cook".into()], vec!["cook".into()]),
            "{at}"
        );
        assert_eq!(tasks, ["cook.json"], "{at}");
        assert_eq!(swarm.state("cook")["agent"], "cook", "{at}");
        // It signs by its new name, and opens what was sealed to the old one.
        home.ok(&["send", "other", "as cook", "--as", "cook"]);
        assert_eq!(proofs(home, "other"), ["verified"; 2], "{at}");
        let opened = home.ok(&["show", "agent-1/4", "--as", "cook", "--json"]);
        assert_eq!(opened.json()["content"], "sealed", "{at}");
        assert_eq!(keys(home), ["cook.json"], "{at}");
        // What a kill leaves of a file on its way is swept by the doctors alone.
        home.ok(&["doctor", "--fix"]);
        swarm.ok(&["doctor", "--fix"]);
        assert_well(swarm, at);
        assert_eq!(places(home)[0], ["agent-1", "cook", "other"], "{at}");
    });
}

#[test]
fn a_purge_killed_at_any_change_said_again_finishes_and_touches_nobody_else() {
    if !has_tool("strace") {
        return;
    }
    let template = with_everything();
    template
        .home
        .ok(&["send", "other", "stays", "--as", "agent-1"]);
    template.ok(&["rename", "agent-1", "cook"]);
    let purge = ["unregister", "cook", "--purge", "--yes"];
    kill_everywhere(&template, &purge, |swarm, at| {
        let home = &swarm.home;
        let again = swarm.run(&purge);
        // Killed when all was done.
        let is_over = again.code == 66 && again.err.contains("no agent \"cook\"");
        assert!(again.code == 0 || is_over, "{at}: {again:?}");
        for left in places(home) {
            let left: Vec<_> = left.iter().filter(|name| *name != "other").collect();
            assert_eq!(left, [""; 0], "{at}");
        }
        assert!(!yaml(home).contains("cook"), "{at}");
        assert_eq!(home.run(&["send", "agent-1", "too late"]).code, 66, "{at}");
        assert_eq!(home.pending("other"), ["stays"], "{at}");
        assert_eq!(proofs(home, "other"), ["verified"], "{at}");
        assert_eq!(keys(home), [""; 0], "{at}");
        // `other` comes after one that is no more.
        home.assert_well(at);
    });
}

#[test]
fn what_a_killed_purge_left_is_found_and_removed_by_the_doctors() {
    let swarm = with_everything();
    let home = &swarm.home;
    std::fs::rename(
        home.mailbox("agent-1"),
        home.mailboxes().join(".gone-agent-1.0"),
    )
    .unwrap();
    let agents = home.dir.join("runtime/agents");
    std::fs::rename(agents.join("agent-1"), agents.join(".gone-agent-1.0")).unwrap();
    let words = |ran: Ran| {
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        let word = |it: &Value| (it["what"].as_str().unwrap().to_owned(), it["fixed"] == true);
        findings.iter().map(word).collect::<Vec<_>>()
    };
    for (fix, code) in [(false, 1), (true, 0)] {
        let args: &[&str] = if fix {
            &["doctor", "--json", "--fix"]
        } else {
            &["doctor", "--json"]
        };
        for ran in [home.run(args), swarm.run(args)] {
            assert_eq!(ran.code, code, "{ran:?}");
            assert_eq!(words(ran), [("left-over".to_owned(), fix)]);
        }
    }
    assert_well(&swarm, "that");
    let half = with_everything();
    let tombstone = r#"{"v":1,"from":"agent-1","moved_to":"cook","at":"2026-11-22T12:00:00Z"}"#;
    std::fs::rename(half.home.mailbox("agent-1"), half.home.mailbox("cook")).unwrap();
    std::fs::write(half.home.mailbox("agent-1"), tombstone).unwrap();
    let ran = half.run(&["doctor", "--json"]);
    let finding = &ran.json()["findings"][0];
    assert_eq!(finding["what"], "half-renamed");
    assert_eq!(finding["detail"], "finish it: agentctl rename agent-1 cook");
    assert_eq!(half.run(&["rename", "agent-1", "b"]).code, 73);
    half.ok(&["rename", "agent-1", "cook"]);
    assert_well(&half, "the rest of it");
}

// Going for good.

#[test]
fn a_purge_takes_all_that_the_agent_had_and_only_on_purpose_what_waits() {
    let swarm = with_everything();
    let home = &swarm.home;
    swarm.ok(&["rename", "agent-1", "cook"]);
    home.ok(&["send", "other", "stays"]);
    let before = (places(home), yaml(home));
    let ran = swarm.run(&["unregister", "cook", "--purge"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("2 messages wait for cook") && ran.err.contains("--yes"),
        "{ran:?}"
    );
    let dry = swarm
        .ok(&["unregister", "cook", "--purge", "--dry-run"])
        .out;
    for gone in [
        "mailbox/cook",
        "mailbox/agent-1",
        "agents/cook",
        "devlog/agents/cook",
        "agent_comms/cook.json",
        "runtime/keys/cook.json",
    ] {
        assert!(dry.contains(gone), "{gone}: {dry}");
    }
    swarm.ok(&["start", "cook"]);
    let runs = swarm.run(&["unregister", "cook", "--purge", "--yes"]);
    assert_eq!(runs.code, 2, "{runs:?}");
    assert!(runs.err.contains("agentctl stop cook"), "{runs:?}");
    swarm.ok(&["stop", "cook"]);
    for (args, code) in [
        (
            ["unregister", "cook", "--purge", "--yes", "--as", "other"],
            77,
        ),
        (
            ["unregister", "cook", "--purge", "--yes", "--as", "captain"],
            77,
        ),
        (
            ["unregister", "user", "--purge", "--yes", "--as", "user"],
            77,
        ),
        (
            ["unregister", "system", "--purge", "--yes", "--as", "user"],
            77,
        ),
        (
            ["unregister", "nobody", "--purge", "--yes", "--as", "user"],
            66,
        ),
    ] {
        assert_eq!(swarm.run(&args).code, code, "{args:?}");
    }
    assert_eq!((places(home), yaml(home)), before);
    let told = swarm
        .ok(&["unregister", "cook", "--purge", "--yes", "--json"])
        .json();
    assert_eq!(
        (&told["agent"], &told["purged"], &told["waited"]),
        (&"cook".into(), &true.into(), &2.into())
    );
    assert_eq!(
        places(home),
        [vec!["other".to_owned()], vec![], vec![], vec![]]
    );
    assert!(!yaml(home).contains("cook") && yaml(home).contains("other: {}"));
    assert_eq!(swarm.events("cook").last().unwrap(), "agent.purged");
    for name in ["cook", "agent-1"] {
        assert_eq!(home.run(&["send", name, "too late"]).code, 66, "{name}");
    }
    // Both names are free again.
    swarm.ok(&["register", "cook"]);
    swarm.ok(&["register", "agent-1"]);
    home.ok(&["send", "agent-1", "hello"]);
    assert_eq!(home.all("agent-1"), ["hello"]);
    home.assert_well("a purge");
}

#[test]
fn what_nobody_registered_is_purged_by_its_name() {
    let swarm = Swarm::new("agent-1: {}\ncaptain: {}");
    let home = &swarm.home;
    home.ok(&["send", "stranger", "hello", "--create"]);
    home.ok(&["send", "captain", "hello"]);
    home.ok(&["ack", "--all", "--as", "stranger"]);
    swarm.ok(&["unregister", "stranger", "--purge"]);
    assert_eq!(places(home)[0], ["captain"]);
    assert_eq!(
        swarm
            .run(&["unregister", "captain", "--purge", "--yes"])
            .code,
        77
    );
    // Without a mailbox, and a state alone.
    swarm.ok(&["unregister", "agent-1", "--purge"]);
    let state = home.dir.join("runtime/agents/alone");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("output.log"), "x").unwrap();
    swarm.ok(&["unregister", "alone", "--purge"]);
    assert_eq!(
        places(home),
        [vec!["captain".to_owned()], vec![], vec![], vec![]]
    );
    // One whose journal cannot be read any more.
    home.ok(&["send", "broken", "hello", "--create"]);
    std::fs::write(home.journal("broken"), "no journal\n").unwrap();
    let ran = swarm.run(&["unregister", "broken", "--purge"]);
    assert!(
        ran.code == 2 && ran.err.contains("can't be read"),
        "{ran:?}"
    );
    let told = swarm
        .ok(&["unregister", "broken", "--purge", "--yes", "--json"])
        .json();
    assert_eq!(told["waited"], Value::Null);
    home.assert_well("purges");
}

/// A sender that is held up before each lock that it takes, while the mailbox goes: with its mail nothing is lost.
#[test]
fn who_waits_for_a_lock_of_a_mailbox_that_goes_is_refused() {
    if !has_tool("strace") {
        return;
    }
    let handled = || {
        let swarm = Swarm::new("agent-1: {}");
        swarm.home.ok(&["send", "agent-1", "first"]);
        swarm.home.ok(&["ack", "--all", "--as", "agent-1"]);
        swarm
    };
    // Before it removes the first file of what it has taken out of its place.
    let trace = traced(&handled(), &["unregister", "agent-1", "--purge"]);
    let (before, _) = trace.split_once("\".gone-agent-1.").unwrap();
    let kill = format!(
        "inject=unlinkat:signal=KILL:when={}",
        before.matches(" unlinkat(").count() + 1
    );
    let mut outcomes = BTreeSet::new();
    for lock in 1..=8 {
        for killed in [false, true] {
            let swarm = handled();
            let home = &swarm.home;
            let mut sender = home.command("strace");
            let inject = format!("inject=flock:delay_enter=1500000:when={lock}");
            sender.args(["-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", &inject]);
            sender.args([CELLPHONE, "send", "agent-1", "late"]);
            let sender = sender
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(600));
            let purged = if killed {
                strace(
                    &swarm,
                    &["-o", "/dev/null", "-e", "trace=unlinkat", "-e", &kill],
                    &["unregister", "agent-1", "--purge"],
                )
            } else {
                swarm.run(&["unregister", "agent-1", "--purge"])
            };
            let sender = sender.wait_with_output().unwrap();
            let case = format!("lock {lock}, killed {killed}: {sender:?}, {purged:?}");
            let is_accepted = sender.status.success();
            if is_accepted {
                assert!(home.mailbox("agent-1").is_dir(), "{case}");
                let journal = std::fs::read_to_string(home.journal("agent-1")).unwrap();
                assert_eq!(journal.matches("\"late\"").count(), 1, "{case}");
                assert_eq!(purged.code, 2, "{case}");
            } else {
                assert_eq!(sender.status.code(), Some(66), "{case}");
                assert_eq!(purged.code, if killed { 137 } else { 0 }, "{case}");
                let again = swarm.run(&["unregister", "agent-1", "--purge"]);
                assert_eq!(again.code, if killed { 0 } else { 66 }, "{case}: {again:?}");
                assert_eq!(names(&home.mailboxes()), [""; 0], "{case}");
            }
            outcomes.insert(is_accepted);
        }
    }
    assert_eq!(outcomes.len(), 2, "some were before it and some after it");
}

/// A purge that may not take what waits takes nothing that was accepted, whatever the order.
#[test]
fn senders_and_a_purge_at_once_lose_nothing_that_was_accepted() {
    let swarm = Swarm::new("agent-1: {}");
    let home = &swarm.home;
    let purge = |more: &[&str]| swarm.run(&[&["unregister", "agent-1", "--purge"], more].concat());
    let (mut refused, mut purged) = (0, 0);
    for round in 0..40 {
        home.ok(&["send", "agent-1", "handled", "--force"]);
        home.ok(&["ack", "--all", "--as", "agent-1"]);
        let accepted = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for sender in 0..4 {
                let accepted = &accepted;
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(round % 8 * 4 + sender * 2));
                    let text = format!("{round}-{sender}");
                    let ran = home.run(&["send", "agent-1", &text, "--force"]);
                    if ran.code == 0 {
                        accepted.lock().unwrap().insert(text);
                    } else {
                        assert_eq!(ran.code, 66, "{ran:?}");
                    }
                });
            }
            let ran = purge(&[]);
            match ran.code {
                0 => purged += 1,
                _ => refused += 1,
            }
            assert!(matches!(ran.code, 0 | 2 | 77), "{ran:?}");
        });
        let accepted = accepted.into_inner().unwrap();
        let there = if home.mailbox("agent-1").is_dir() {
            home.pending("agent-1").into_iter().collect()
        } else {
            BTreeSet::new()
        };
        assert_eq!(there, accepted, "round {round}");
        home.assert_well("a purge among senders");
        // Begin anew, whoever was first.
        assert!(matches!(purge(&["--yes"]).code, 0 | 66));
        swarm.ok(&["register", "agent-1"]);
    }
    assert!(
        refused > 0 && purged > 0,
        "{refused} refused, {purged} purged"
    );
}
