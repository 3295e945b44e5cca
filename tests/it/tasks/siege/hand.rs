//! People who write into documents while programs do: whichever way their editors save, neither side loses a change.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Den, Dice, files};

/// Of each document.
const TASKS: usize = 30;
const PROGRAMS: usize = 4;
const CHANGES: usize = 60;
const CONFLICTS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Editor {
    /// A new file under the old name.
    Renames,
    /// The same file, emptied and written.
    Overwrites,
    /// As well, piece after piece, and sometimes for longer than anybody waits.
    Dawdles,
}

/// One document, and the one person who edits it.
struct Desk<'d> {
    den: &'d Den,
    agent: &'static str,
    editor: Editor,
    /// Odd as long as he writes in place.
    writes: AtomicU64,
    saves: AtomicU64,
}

impl Desk<'_> {
    fn read(&self) -> Value {
        let text = std::fs::read(self.den.document(self.agent)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn save(&self, text: &str, dice: &mut Dice) {
        let document = self.den.document(self.agent);
        if self.editor == Editor::Renames {
            let beside = document.with_extension("swp");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(beside, document).unwrap();
            return;
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut file = std::fs::File::create(document).unwrap();
        if self.editor == Editor::Overwrites {
            file.write_all(text.as_bytes()).unwrap();
        } else {
            let is_slow = dice.roll(8) == 0;
            let pause = Duration::from_millis(if is_slow { 80 } else { dice.roll(4) });
            for piece in text.as_bytes().chunks(text.len() / 4) {
                file.write_all(piece).unwrap();
                std::thread::sleep(pause);
            }
        }
        drop(file);
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    /// Edits until the programs are done: each time one new key in the data of a task, and a description now and then.
    fn edit(&self, are_done: &AtomicBool) {
        let mut dice = Dice(self.agent.bytes().map(u64::from).sum());
        while !are_done.load(Ordering::SeqCst) {
            let n = self.saves.load(Ordering::SeqCst);
            let mut document = self.read();
            let at = usize::try_from(dice.roll(TASKS as u64)).unwrap();
            let id = format!("{}-{at}", self.agent);
            let tasks = document["tasks"].as_array_mut().unwrap();
            let task = tasks.iter_mut().find(|it| it["id"] == id).unwrap();
            task["data"][format!("hand-{n}")] = json!(n);
            let disputed = format!("{}-both-{n}", self.agent);
            if let Some(task) = tasks.iter_mut().find(|it| it["id"] == disputed) {
                task["description"] = format!("by hand {n}").into();
            }
            // He thinks; nobody saves as fast as programs do.
            std::thread::sleep(Duration::from_millis(60 + dice.roll(120)));
            self.save(&serde_json::to_string_pretty(&document).unwrap(), &mut dice);
            self.saves.store(n + 1, Ordering::SeqCst);
            // What he reads next is what programs made of it, if they got to it by now.
            std::thread::sleep(Duration::from_millis(dice.roll(200)));
        }
    }

    /// Whoever reads without a lock, while nobody writes in place, reads a whole document.
    fn watch(&self, are_done: &AtomicBool) -> usize {
        let mut looks = 0;
        while !are_done.load(Ordering::SeqCst) {
            let before = self.writes.load(Ordering::SeqCst);
            let text = std::fs::read(self.den.document(self.agent)).unwrap();
            let after = self.writes.load(Ordering::SeqCst);
            if before == after && before.is_multiple_of(2) {
                let document: Value = serde_json::from_slice(&text).unwrap_or_else(|error| {
                    panic!("{error}: {}", String::from_utf8_lossy(&text));
                });
                let tasks = document["tasks"].as_array().unwrap().len();
                assert_eq!(tasks, TASKS + CONFLICTS, "{document}");
                looks += 1;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        looks
    }
}

/// Says it until it is done: half of what somebody writes cannot be read, and is refused.
fn insist(den: &Den, line: &str) {
    for _ in 0..50 {
        let ran = den.run(line);
        if ran.code == 0 {
            return;
        }
        assert!([65, 75].contains(&ran.code), "{line}: {ran:?}");
    }
    panic!("{line}: nobody could do it");
}

fn program(den: &Den, nth: usize, agents: &[&str]) {
    let mut dice = Dice(nth as u64);
    for n in 0..CHANGES {
        let agent = agents[n % agents.len()];
        let at = dice.roll(TASKS as u64);
        insist(den, &format!("set {agent}-{at} data.p{nth}-{n} {n}"));
        let disputed = n / agents.len();
        if nth == 0 && disputed < CONFLICTS {
            let line = format!("set {agent}-both-{disputed} description by-program-{disputed}");
            insist(den, &line);
        }
    }
}

#[test]
fn editors_of_every_kind_and_programs_lose_nothing_of_each_other() {
    let den = Den::new();
    let agents = ["agent-1", "agent-2", "agent-3"];
    let mut batch = Vec::new();
    for agent in agents {
        let plain = (0..TASKS).map(|n| format!("{agent}-{n}"));
        for id in plain.chain((0..CONFLICTS).map(|n| format!("{agent}-both-{n}"))) {
            let task = json!({"id": id, "name": id, "assigned_to": agent, "data": {"at": 0}});
            batch.push(task.to_string());
        }
    }
    std::fs::write(den.dir().join("batch"), batch.join("\n")).unwrap();
    den.must("create --batch batch --no-mail");
    let editors = [Editor::Renames, Editor::Overwrites, Editor::Dawdles];
    let desks: Vec<Desk<'_>> = std::iter::zip(agents, editors)
        .map(|(agent, editor)| Desk {
            den: &den,
            agent,
            editor,
            writes: AtomicU64::new(0),
            saves: AtomicU64::new(0),
        })
        .collect();
    let are_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let programs: Vec<_> = (0..PROGRAMS)
            .map(|nth| {
                scope.spawn({
                    let den = &den;
                    move || program(den, nth, &agents)
                })
            })
            .collect();
        let watchers: Vec<_> = desks
            .iter()
            .map(|desk| {
                scope.spawn(|| desk.edit(&are_done));
                scope.spawn(|| desk.watch(&are_done))
            })
            .collect();
        let ends: Vec<_> = programs
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        are_done.store(true, Ordering::SeqCst);
        for end in ends {
            end.unwrap();
        }
        for watcher in watchers {
            assert!(watcher.join().unwrap() > 20, "hardly anybody looked");
        }
    });
    // The last of them has saved: whoever comes next merges it.
    den.must("archive");
    den.well_but_for("conflict").unwrap();
    let tasks = den.tasks().unwrap();
    let holds = |agent: &str, key: &str, value: &Value| {
        let mut of_his = tasks.iter().filter(|it| it.0.starts_with(agent));
        of_his.any(|(_, task)| task["data"][key] == *value)
    };
    let mut lost = Vec::new();
    for desk in &desks {
        let saves = desk.saves.load(Ordering::SeqCst);
        assert!(saves > 5, "{} saved {saves} times", desk.agent);
        for n in 0..saves {
            if !holds(desk.agent, &format!("hand-{n}"), &json!(n)) {
                lost.push(format!("{}: hand-{n} of {saves}", desk.agent));
            }
        }
    }
    for nth in 0..PROGRAMS {
        for n in 0..CHANGES {
            if !holds(agents[n % agents.len()], &format!("p{nth}-{n}"), &json!(n)) {
                lost.push(format!("program {nth}: {n}"));
            }
        }
    }
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Of what both wrote, each value stands, is kept beside it, or was there before the other in the history.
    let all: String = ["config/agent_comms", "runtime/tasks"]
        .iter()
        .flat_map(|dir| files(&den.dir().join(dir)).into_values())
        .map(|text| String::from_utf8(text).unwrap())
        .collect();
    for n in 0..CONFLICTS {
        for words in [format!("\"by-program-{n}\""), format!("\"by hand {n}\"")] {
            assert!(all.matches(&words).count() >= agents.len(), "{words}");
        }
    }
}
