//! Agents as real processes under real supervisors: started, ended, killed at random, raced for.

mod loops;
mod names;
mod races;
mod terminal;
mod traces;
mod trees;
mod verbs;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Home, Ran, run};

pub(crate) const AGENTCTL: &str = env!("CARGO_BIN_EXE_agentctl");

/// A home whose agents end with the test.
pub(crate) struct Swarm {
    pub(crate) home: Home,
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let down = self.command().args(["down", "--grace", "0s"]).output();
        if !std::thread::panicking() {
            let down = down.unwrap();
            assert!(down.status.success(), "{down:?}");
        }
    }
}

impl Swarm {
    /// With these agents, as `agents.yaml` has them below `agents:`.
    pub(crate) fn new(agents: &str) -> Self {
        let it = Self { home: Home::new() };
        it.configure(agents);
        it
    }

    pub(crate) fn configure(&self, agents: &str) {
        let indented = agents.replace('\n', "\n  ");
        let text = format!("version: 1\nagents:\n  {indented}\n");
        std::fs::write(self.home.dir.join("config/agents.yaml"), text).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        self.home.command(AGENTCTL)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(self.command().args(args), b"")
    }

    pub(crate) fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "agentctl {args:?}: {ran:?}");
        ran
    }

    /// What `status` tells of it; `Null` where it was never started.
    pub(crate) fn state(&self, agent: &str) -> Value {
        let ran = self.run(&["status", agent, "--json"]);
        assert!(matches!(ran.code, 0 | 1), "{ran:?}");
        ran.json()["state"].clone()
    }

    pub(crate) fn word(&self, agent: &str) -> String {
        self.state(agent)["state"]
            .as_str()
            .unwrap_or("never")
            .to_owned()
    }

    pub(crate) fn pid(&self, agent: &str) -> i32 {
        let pid = self.state(agent)["child"]["pid"].as_i64().unwrap();
        i32::try_from(pid).unwrap()
    }

    pub(crate) fn supervisor(&self, agent: &str) -> i32 {
        let pid = self.state(agent)["supervisor"]["pid"].as_i64().unwrap();
        i32::try_from(pid).unwrap()
    }

    pub(crate) fn file(&self, agent: &str, name: &str) -> PathBuf {
        self.home.dir.join("runtime/agents").join(agent).join(name)
    }

    pub(crate) fn output(&self, agent: &str) -> String {
        std::fs::read_to_string(self.file(agent, "output.log")).unwrap_or_default()
    }

    pub(crate) fn wait_for(&self, agent: &str, word: &str) {
        until(&format!("{agent} is {word}"), || self.word(agent) == word);
    }

    /// The events of an agent, in their order.
    pub(crate) fn events(&self, agent: &str) -> Vec<String> {
        let log = self.home.dir.join("runtime/logs/agents.log");
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|event| event["agent"] == agent)
            .map(|event| event["event"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Waits for it, and fails where it does not come.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "not {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that is no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    matches!(state, Some(Some(state)) if state != 'Z' && state != 'X')
}

pub(crate) fn signal(pid: i32, signal: &str) {
    let killed = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .output()
        .unwrap();
    drop(killed);
}

/// Living processes with this word among their arguments.
pub(crate) fn with_argument(word: &str) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0)
                .any(|it| it == word.as_bytes())
                && lives(*pid)
        })
        .collect()
}
