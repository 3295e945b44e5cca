//! Many at once, killed at random: never two children, never a stop that is lost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Swarm, signal, until, with_argument};

#[test]
fn twenty_starts_at_once_make_one_child() {
    let mark = (300_000 + std::process::id() % 100_000).to_string();
    let swarm = Swarm::new(&format!("agent-1: {{command: [sleep, '{mark}']}}"));
    let starts: Vec<_> = (0..20)
        .map(|_| {
            let mut start = swarm.command();
            start.args(["start", "agent-1"]);
            start.stdout(Stdio::piped()).stderr(Stdio::piped());
            start.spawn().unwrap()
        })
        .collect();
    let mut running = 0;
    for start in starts {
        let ended = start.wait_with_output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let out = String::from_utf8(ended.stdout).unwrap();
        running += usize::from(out.starts_with("running"));
        assert!(
            out.starts_with("running") || out.starts_with("already"),
            "{out}"
        );
    }
    assert_eq!(running, 1);
    assert_eq!(with_argument(&mark).len(), 1);
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

#[test]
fn a_thousand_rounds_of_kills_leave_no_second_child_and_lose_no_stop() {
    let mark = (400_000 + std::process::id() % 100_000).to_string();
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: [sleep, '{mark}']\n  restart: always\n  backoff: {{initial: 0, max: 0}}\n  \
         budget: {{restarts: 100000}}\n  unproductive_after: 0\n  stop: {{grace: 100ms}}"
    ));
    let mut dice = Dice(20_261_125);
    let began = Instant::now();
    for round in 0..1_000 {
        match dice.roll(6) {
            // A client that is killed before it knows what became of it.
            0 => killed_after(swarm.command().args(["start", "agent-1"]), dice.roll(4)),
            1 => killed_after(swarm.command().args(["stop", "agent-1"]), dice.roll(4)),
            2 => drop(swarm.run(&["start", "agent-1"])),
            3 => {
                swarm.ok(&["stop", "agent-1"]);
                assert_eq!(
                    with_argument(&mark),
                    [0; 0],
                    "round {round}: a stop left something"
                );
                assert_eq!(swarm.ok(&["up"]).out, "", "round {round}: a stop was lost");
            }
            4 => {
                if let Some(pid) = swarm.state("agent-1")["supervisor"]["pid"].as_i64() {
                    signal(i32::try_from(pid).unwrap(), "KILL");
                }
            }
            _ => {
                for pid in with_argument(&mark) {
                    signal(pid, "KILL");
                }
            }
        }
        // One that was killed with its supervisor may take a moment to be gone.
        until("one child at most", || with_argument(&mark).len() <= 1);
        assert!(
            began.elapsed() < Duration::from_mins(10),
            "too slow: round {round}"
        );
    }
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(with_argument(&mark), [0; 0]);
}

fn killed_after(command: &mut Command, milliseconds: u64) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(milliseconds));
    // It may have ended by itself.
    drop(child.kill());
    child.wait().unwrap();
}
