//! The processor time of an agent is a counter: it never falls, whatever becomes of the processes that used it.

use super::{export, samples, wait_until};
use crate::home::Home;
use crate::lives::Swarm;

/// Uses some, tells who it is, and ends once it may.
const WORK: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done
echo $$ >$1.new; mv $1.new $1; while [ ! -e $1.go ]; do sleep 0.02; done
";

fn spent(home: &Home) -> f64 {
    let sample = "dreamos_agent_cpu_seconds_total{agent=\"worker\"}";
    samples(&export(home).out)[sample].parse().unwrap()
}

#[test]
fn what_a_process_used_that_has_ended_is_not_forgotten() {
    for (how, command) in [
        ("its parent waits for it", "sh work done; sleep 1000"),
        (
            "it has lost its parent",
            "(sh work done &); exec sleep 1000",
        ),
        (
            "nobody waits for it",
            "sh work done & exec env --ignore-signal=CHLD sleep 1000",
        ),
    ] {
        let swarm = Swarm::new("worker: {command: [sh, start]}");
        let dir = &swarm.home.dir;
        std::fs::write(dir.join("work"), WORK).unwrap();
        std::fs::write(dir.join("start"), command).unwrap();
        swarm.ok(&["start", "worker"]);
        let done = dir.join("done");
        wait_until(how, || done.exists());
        let before = spent(&swarm.home);
        assert!(before >= 0.05, "{how}: {before}");
        let pid = std::fs::read_to_string(&done).unwrap();
        std::fs::write(dir.join("done.go"), "").unwrap();
        let process = std::path::Path::new("/proc").join(pid.trim());
        wait_until(how, || !process.exists());
        for _ in 0..2 {
            let after = spent(&swarm.home);
            assert!(after >= before, "{how}: {before}, then {after}");
        }
        assert_eq!(swarm.word("worker"), "running", "{how}");
    }
}
