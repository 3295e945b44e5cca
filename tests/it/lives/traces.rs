//! What another boot, another process or a person left where an agent's state is.

use std::process::{Child, Command};

use serde_json::{Value, json};

use super::{Swarm, lives, signal, until, with_argument};

/// A process of somebody else, in a session of its own.
struct Stranger(Child);

impl Stranger {
    fn new() -> Self {
        // A child of ours leads no group, so that `setsid` does not fork.
        let child = Command::new("setsid").args(["sleep", "1000"]).spawn();
        let it = Self(child.unwrap());
        until("a session of its own", || {
            it.stat(5) == u64::from(it.0.id())
        });
        it
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    /// A field of `/proc/PID/stat`, counted as proc(5) does, from 1.
    fn stat(&self, field: usize) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(field - 3).unwrap().parse().unwrap()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// As if its supervisor had been killed while that child ran.
fn left_behind(swarm: &Swarm, change: impl Fn(&mut Value)) {
    swarm.ok(&["start", "agent-1"]);
    let file = swarm.file("agent-1", "state.json");
    let running = std::fs::read_to_string(&file).unwrap();
    let supervisor = swarm.supervisor("agent-1");
    swarm.ok(&["stop", "agent-1"]);
    until("let go of the lock", || !lives(supervisor));
    let mut state: Value = serde_json::from_str(&running).unwrap();
    change(&mut state);
    std::fs::write(&file, state.to_string()).unwrap();
}

const SLEEPS: &str = "agent-1: {command: [sleep, '1000'], restart: never}";

#[test]
fn a_number_that_somebody_else_has_now_is_not_our_child() {
    let swarm = Swarm::new(SLEEPS);
    let stranger = Stranger::new();
    left_behind(&swarm, |state| {
        // It began later than the child that had its number.
        let began = stranger.stat(22) - 1;
        state["child"] = json!({"pid": stranger.pid(), "start_ticks": began});
        state["supervisor"] = json!({"pid": stranger.pid(), "start_ticks": began});
    });
    let state = swarm.state("agent-1");
    assert_eq!(state["state"], "stopped", "{state}");
    let reason = "its supervisor was lost; processes that were ended: 0";
    assert_eq!(state["reason"], reason);
    assert!(lives(stranger.pid()));
}

#[test]
fn what_is_left_of_its_session_is_ended_with_it() {
    let swarm = Swarm::new(SLEEPS);
    let stranger = Stranger::new();
    left_behind(&swarm, |state| {
        state["child"] = json!({"pid": stranger.pid(), "start_ticks": stranger.stat(22)});
    });
    let state = swarm.state("agent-1");
    let reason = "its supervisor was lost; processes that were ended: 1";
    assert_eq!(state["reason"], reason);
    assert!(!lives(stranger.pid()));
}

/// Sleeps in a session whose leader has gone, each with one of these environments; whose session it was.
fn orphans(word: &str, environments: &[&str]) -> i32 {
    let sleeps = environments
        .iter()
        .map(|it| format!("env -i {it} sleep {word} &"));
    let line = sleeps.collect::<Vec<_>>().join(" ");
    // A child of ours leads no group, so that `setsid` does not fork.
    let mut leader = Command::new("setsid")
        .args(["/bin/sh", "-c", &line])
        .spawn()
        .unwrap();
    assert!(leader.wait().unwrap().success());
    until("asleep", || with_argument(word).len() == environments.len());
    i32::try_from(leader.id()).unwrap()
}

#[test]
fn a_session_of_somebody_else_whose_leader_has_gone_is_not_our_childs() {
    let swarm = Swarm::new(SLEEPS);
    let word = (600_000 + std::process::id() % 100_000).to_string();
    let session = orphans(&word, &["", "DREAMOS_INCARNATION=another"]);
    left_behind(&swarm, |state| {
        // Its number was given to the leader of that session when it was dead.
        state["child"] = json!({"pid": session, "start_ticks": 1});
    });
    let state = swarm.state("agent-1");
    let reason = "its supervisor was lost; processes that were ended: 0";
    assert_eq!(state["reason"], reason);
    let strangers = with_argument(&word);
    assert_eq!(strangers.len(), 2);
    for stranger in strangers {
        signal(stranger, "KILL");
    }
}

#[test]
fn a_session_in_which_somebody_bears_the_name_of_the_life_is_ended_whole() {
    let swarm = Swarm::new(SLEEPS);
    let word = (700_000 + std::process::id() % 100_000).to_string();
    let session = orphans(&word, &["", "DREAMOS_INCARNATION=this-life", ""]);
    left_behind(&swarm, |state| {
        state["child"] = json!({"pid": session, "start_ticks": 1});
        state["incarnation"] = "this-life".into();
    });
    let state = swarm.state("agent-1");
    let reason = "its supervisor was lost; processes that were ended: 3";
    assert_eq!(state["reason"], reason);
    assert_eq!(with_argument(&word), [0; 0]);
}

#[test]
fn after_another_boot_nothing_is_looked_for_and_up_starts_it_anew() {
    let swarm = Swarm::new(SLEEPS);
    let stranger = Stranger::new();
    left_behind(&swarm, |state| {
        state["boot"] = "00000000000000000000000000000000".into();
        state["child"] = json!({"pid": stranger.pid(), "start_ticks": stranger.stat(22)});
    });
    let state = swarm.state("agent-1");
    assert_eq!(state["state"], "stopped", "{state}");
    assert_eq!(state["reason"], "the machine was started anew");
    assert!(lives(stranger.pid()));
    assert!(swarm.ok(&["up"]).out.starts_with("running agent-1"));
}

#[test]
fn a_lock_that_is_none_is_refused_by_name_and_nothing_is_started() {
    let word = (500_000 + std::process::id() % 100_000).to_string();
    let swarm = Swarm::new(&format!("agent-1: {{command: [sleep, '{word}']}}"));
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["stop", "agent-1"]);
    let lock = swarm.file("agent-1", "lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let as_directory = swarm.run(&["start", "agent-1"]);
    std::fs::remove_dir(&lock).unwrap();
    std::os::unix::fs::symlink("/dev/null", &lock).unwrap();
    let as_link = swarm.run(&["start", "agent-1"]);
    for ran in [as_directory, as_link] {
        assert!(matches!(ran.code, 74 | 77), "{ran:?}");
        assert!(ran.err.contains("runtime/agents/agent-1/lock"), "{ran:?}");
    }
    assert_eq!(with_argument(&word), [0; 0]);
    std::fs::remove_file(&lock).unwrap();
    swarm.ok(&["start", "agent-1"]);
}
