//! What processes use, and how the machine does, as `/proc` tells (`proc(5)`). One pass over all processes, however
//! many agents there are.

use std::collections::HashMap;
use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

use super::family::{Family, float};
use crate::root::Home;
use crate::store::proc::{Stat, pids, stat};

/// A process whose whole tree is meant, itself left out, but not what it has waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Root {
    pub(super) pid: i32,
    pub(super) start_ticks: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Of processor time, since the root began. What a process used whom nobody waited for (`SIGCHLD` ignored), or who
    /// ended while we looked, is missing.
    pub(super) cpu_ticks: u64,
    pub(super) bytes: u64,
    pub(super) files: u64,
    pub(super) processes: u64,
}

/// Of each root that lives.
pub(super) fn used(roots: &[Root]) -> HashMap<Root, Used> {
    if roots.is_empty() {
        return HashMap::new();
    }
    let mut pids = pids();
    // Parents first: who is still there when it is looked at was not waited for before, and counts once.
    pids.sort_unstable();
    let all: HashMap<i32, Stat> = pids
        .into_iter()
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect();
    let living = roots.iter().copied().filter(|root| {
        all.get(&root.pid)
            .is_some_and(|stat| stat.start_ticks == root.start_ticks)
    });
    let waited_for = |root: Root| Used {
        cpu_ticks: all[&root.pid].waited_ticks,
        ..Used::default()
    };
    let mut used: HashMap<Root, Used> = living.map(|root| (root, waited_for(root))).collect();
    let by_pid: HashMap<i32, Root> = used.keys().map(|root| (root.pid, *root)).collect();
    let mut known: HashMap<i32, Option<Root>> = HashMap::new();
    let page = page_size() as u64;
    for (pid, stat) in &all {
        let root = above(*pid, &all, &by_pid, &mut known);
        let Some(sum) = root.and_then(|root| used.get_mut(&root)) else {
            continue;
        };
        sum.cpu_ticks += stat.own_ticks + stat.waited_ticks;
        sum.bytes += stat.pages * page;
        sum.files += open_files(*pid);
        sum.processes += 1;
    }
    used
}

/// Of clock ticks.
pub(super) fn in_seconds(ticks: u64) -> f64 {
    float(ticks) / float(clock_ticks_per_second())
}

/// The root below which a process is. What was seen on the way is remembered.
fn above(
    pid: i32,
    all: &HashMap<i32, Stat>,
    roots: &HashMap<i32, Root>,
    known: &mut HashMap<i32, Option<Root>>,
) -> Option<Root> {
    let mut way = Vec::new();
    let mut at = pid;
    let found = loop {
        if let Some(found) = known.get(&at) {
            break *found;
        }
        way.push(at);
        let Some(stat) = all.get(&at) else {
            break None;
        };
        if let Some(root) = roots.get(&stat.parent) {
            break Some(*root);
        }
        // The numbers were not read in one moment: a circle is none of anybody's.
        if way.contains(&stat.parent) {
            break None;
        }
        at = stat.parent;
    };
    known.extend(way.into_iter().map(|pid| (pid, found)));
    found
}

/// Of one that we may not look into, or that has ended: none.
fn open_files(pid: i32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64)
}

/// What is not told there is absent.
pub(super) fn look(home: &Home) -> Vec<Family> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let mut families = of_memory(&read("meminfo"));
    families.push(of_processors(&read("stat")));
    families.push(of_load(&read("loadavg")));
    families.extend(of_disk(home));
    families
}

fn of_load(loadavg: &str) -> Family {
    let mut load = Family::gauge(
        "dreamos_host_load1",
        "How many processes ran or waited to run, over the last minute.",
    );
    let first = loadavg.split_whitespace().next();
    if let Some(first) = first.and_then(|first| first.parse().ok()) {
        load.add(&[], first);
    }
    load
}

fn of_memory(meminfo: &str) -> Vec<Family> {
    let mut families = Vec::new();
    for (key, family) in [
        (
            "MemTotal:",
            Family::gauge("dreamos_host_memory_bytes", "Memory of this machine."),
        ),
        (
            "MemAvailable:",
            Family::gauge(
                "dreamos_host_memory_available_bytes",
                "Memory that a new program could have.",
            ),
        ),
    ] {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        families.extend(kib.map(|kib| family.with(float(kib * 1024))));
    }
    families
}

fn of_processors(stat: &str) -> Family {
    let mut cpu = Family::counter(
        "dreamos_host_cpu_seconds_total",
        "Time of all processors of this machine, by what they did.",
    );
    let all = stat
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("cpu "));
    let times = all.unwrap_or_default().split_whitespace();
    let modes = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    for (mode, time) in modes.iter().zip(times) {
        if let Ok(time) = time.parse::<u64>() {
            cpu.add(&[("mode", mode)], in_seconds(time));
        }
    }
    cpu
}

fn of_disk(home: &Home) -> Vec<Family> {
    let Ok(disk) = rustix::fs::statvfs(home.dir()) else {
        return Vec::new();
    };
    vec![
        Family::gauge(
            "dreamos_host_disk_bytes",
            "Size of the disk that the home lies on.",
        )
        .with(float(disk.f_blocks * disk.f_frsize)),
        Family::gauge(
            "dreamos_host_disk_available_bytes",
            "What programs may still write there.",
        )
        .with(float(disk.f_bavail * disk.f_frsize)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::family::Value;
    use super::*;

    #[test]
    fn what_a_tree_uses_is_that_of_all_below_its_root() {
        let own = i32::try_from(std::process::id()).unwrap();
        let root = Root {
            pid: own,
            start_ticks: stat(own).unwrap().start_ticks,
        };
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        // The shell has to start its own child first.
        let used = loop {
            let used = used(&[root])[&root];
            if used.processes >= 2 {
                break used;
            }
            std::thread::yield_now();
        };
        let pid = i32::try_from(child.id()).unwrap();
        let below = pids()
            .into_iter()
            .find(|it| stat(*it).is_some_and(|it| it.parent == pid));
        child.kill().unwrap();
        child.wait().unwrap();
        let below = rustix::process::Pid::from_raw(below.unwrap()).unwrap();
        rustix::process::kill_process(below, rustix::process::Signal::KILL).unwrap();
        assert!(used.bytes > 0 && used.files >= 6, "{used:?}");
        let another = Root {
            start_ticks: root.start_ticks + 1,
            ..root
        };
        assert!(super::used(&[another]).is_empty(), "another of that number");
    }

    #[test]
    fn what_the_machine_tells_is_read_and_what_it_does_not_is_absent() {
        let values = |families: &[Family]| -> Vec<Value> {
            let samples = families.iter().flat_map(|it| &it.samples);
            samples.map(|it| it.value.clone()).collect()
        };
        let memory = of_memory("MemTotal:  8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n");
        assert_eq!(
            values(&memory),
            [Value::Value(8192.0), Value::Value(4096.0)]
        );
        assert!(of_memory("").is_empty());
        assert_eq!(
            values(&[of_load("0.52 0.58 0.59 1/1 1\n")]),
            [Value::Value(0.52)]
        );
        assert!(of_load("").samples.is_empty());
        let cpu = of_processors("cpu  100 0 50 900 1 2 3 4 0 0\ncpu0 1 2 3\n");
        assert_eq!(cpu.samples.len(), 8);
    }
}
