//! Many workers, one queue: each task is done once, whoever is killed.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Den, Dice, TASKCTL};

const TASKS: usize = 1000;
const WORKERS: usize = 8;
/// What a dead one held is nobody's after so long.
const LEASE: &str = "3s";
/// So many lives are ended.
const KILLS: usize = 12;

/// Takes whatever is ready, until it is killed; says in `log` what it was told.
const WORKER: &str = r#"
while line=$("$T" claim --wait --timeout 30s --lease "$L" --format plain); do
  id=${line%%$'\t'*}
  "$T" start "$id" --lease "$L" -q 2>>errors || continue
  echo "started $id $DREAMOS_AGENT $DREAMOS_INCARNATION" >>log
  "$T" complete "$id" --no-mail -q 2>>errors || continue
  echo "completed $id $DREAMOS_AGENT $DREAMOS_INCARNATION" >>log
done
"#;

struct Worker {
    agent: String,
    life: usize,
    process: Child,
}

impl Worker {
    fn start(den: &Den, nth: usize, life: usize) -> Self {
        let agent = format!("agent-{}", nth + 1);
        let mut bash = den.home.command("bash");
        bash.args(["-c", WORKER])
            .env("T", TASKCTL)
            .env("L", LEASE)
            .env("DREAMOS_AGENT", &agent)
            .env("DREAMOS_INCARNATION", format!("life-{nth}-{life}"))
            .stdin(Stdio::null())
            .process_group(0);
        Self {
            agent,
            life,
            process: bash.spawn().unwrap(),
        }
    }

    /// It and the program that it runs, at whatever they are.
    fn kill(&mut self) {
        let group = format!("-{}", self.process.id());
        let killed = Command::new("kill").args(["-9", "--", &group]).status();
        assert!(killed.unwrap().success(), "{} was gone", self.agent);
        self.process.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            self.kill();
        }
    }
}

fn archived(den: &Den) -> Vec<Value> {
    let archive = den.dir().join("runtime/tasks/archive");
    let texts = super::files(&archive).into_values();
    let texts: Vec<String> = texts.map(|text| String::from_utf8(text).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// At least as many as are done.
fn lines_of_archive(den: &Den) -> usize {
    let archive = super::files(&den.dir().join("runtime/tasks/archive"));
    let lines = |text: &Vec<u8>| text.split(|byte| *byte == b'\n').count() - 1;
    archive.values().map(lines).sum()
}

/// Whoever looks without a lock sees no task held by two.
fn nobody_shares(den: &Den) {
    let mut holders: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (name, text) in super::files(&den.dir().join("runtime/tasks")) {
        if !name.ends_with(".state.json") || name.starts_with('.') {
            continue;
        }
        let state: Value = serde_json::from_slice(&text).unwrap();
        for (id, claim) in state["claims"].as_object().unwrap() {
            let until = claim["until"].as_str().unwrap().to_owned();
            let holder = (claim["incarnation"].as_str().unwrap().to_owned(), until);
            if let Some(other) = holders.insert(id.clone(), holder.clone()) {
                // On its way from one document to the other, or left there by one who was killed on it.
                let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                let is_over = other.1 < now || holder.1 < now;
                assert!(
                    other.0 == holder.0 || is_over,
                    "{id} is held by {other:?} and {holder:?}"
                );
            }
        }
    }
}

/// One history: whoever completed it had started it last, and nobody else meanwhile.
fn was_done_once(task: &Value) {
    let history = task["history"].as_array().unwrap();
    let mut holder: Option<String> = None;
    for change in history {
        let who = change["incarnation"].as_str().map(ToOwned::to_owned);
        match change["what"].as_str().unwrap() {
            "start" => {
                assert_eq!(holder, None, "started while another worked on it: {task}");
                holder = who;
            }
            "retry" => assert!(holder.take().is_some(), "{task}"),
            "complete" => assert_eq!((holder.take(), change), (who, history.last().unwrap())),
            "create" => {}
            other => panic!("{other}: {task}"),
        }
    }
    assert_eq!(task["status"], "completed", "{task}");
}

#[test]
fn eight_workers_some_of_them_killed_do_each_of_a_thousand_tasks_once() {
    let den = Den::new();
    let agents = (1..=WORKERS).map(|n| format!("  agent-{n}:\n    roles: [worker]\n"));
    let roster = format!("version: 1\nagents:\n{}", agents.collect::<String>());
    std::fs::write(den.dir().join("config/agents.yaml"), roster).unwrap();
    let task = |n| serde_json::json!({"name": format!("part {n}")}).to_string();
    let batch: Vec<String> = (0..TASKS).map(task).collect();
    let batch = batch.join("\n");
    std::fs::write(den.dir().join("batch"), batch).unwrap();
    den.must("create --batch batch --no-mail");

    let mut dice = Dice(4);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|n| Worker::start(&den, n, 0)).collect();
    let mut kills = 0;
    let mut progress = (0, Instant::now());
    loop {
        let done = lines_of_archive(&den);
        if done > progress.0 {
            progress = (done, Instant::now());
        }
        // At the beginning, in the middle and towards the end, at whatever they are just then.
        if kills < KILLS && done > (kills + 1) * TASKS / (KILLS + 2) {
            // The first is killed once and stays dead: what it had is for the others.
            let nth = match kills {
                5 => 0,
                _ => 1 + usize::try_from(dice.roll(WORKERS as u64 - 1)).unwrap(),
            };
            std::thread::sleep(Duration::from_micros(dice.roll(20_000)));
            workers[nth].kill();
            kills += 1;
            if nth != 0 {
                let life = workers[nth].life + 1;
                workers[nth] = Worker::start(&den, nth, life);
            }
        }
        nobody_shares(&den);
        if done >= TASKS && den.places().unwrap().0.is_empty() {
            break;
        }
        assert!(
            progress.1.elapsed() < Duration::from_mins(1),
            "{done} are done, and no more come"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(workers);
    assert_eq!(kills, KILLS);
    // What a killed one had half written is finished by whoever comes next.
    den.must("archive");
    den.well().unwrap();
    let tasks = den.tasks().unwrap();
    assert_eq!(tasks.len(), TASKS);
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for task in archived(&den) {
        newest.insert(task["id"].as_str().unwrap().to_owned(), task);
    }
    newest.values().for_each(was_done_once);
    // And nobody was told of a task that it had completed it, who had not.
    let log = std::fs::read_to_string(den.dir().join("log")).unwrap();
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines().filter(|line| line.starts_with("completed ")) {
        *told.entry(line.split(' ').nth(1).unwrap()).or_default() += 1;
    }
    assert!(told.values().all(|n| *n == 1), "{told:?}");
    assert!(told.len() >= TASKS - KILLS, "{} were told", told.len());
}

/// He had taken it from the queue, not been given it: it is anybody's again.
#[test]
fn what_a_dead_one_had_started_from_the_queue_is_for_everybody() {
    let den = Den::new();
    den.must("create part --no-mail");
    den.must("create his --for agent-1 --no-mail");
    den.must("start t1 t2 --as agent-1 --lease 50ms");
    den.must("claim --wait --timeout 10s --as agent-2");
    let tasks = den.tasks().unwrap();
    assert_eq!(tasks["t1"]["holder"], "agent-2");
    den.must("start t1 --as agent-2");
    den.must("complete t1 --as agent-2");
    let tasks = den.tasks().unwrap();
    assert_eq!(tasks["t1"]["assigned_to"], "agent-2");
    assert_eq!(
        (&tasks["t2"]["assigned_to"], &tasks["t2"]["status"]),
        (&"agent-1".into(), &"pending".into())
    );
}
