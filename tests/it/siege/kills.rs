//! SIGKILL before every system call that a verb makes in its home, and before calls of the recovery after that.
//!
//! Each verb is traced once undisturbed; then, for each of its calls, it runs in a fresh copy of the same home and
//! is killed before that call. What follows is what a person would do: say it again.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::House;
use crate::home::has_tool;
use crate::invariants::Truths;

/// Two at a time: as many as the smallest machine has processors.
const AT_ONCE: usize = 2;
/// So many recoveries of a verb are killed as well.
const MOST_RECOVERIES: usize = 160;

/// These change neither a file nor what the process will do to one.
const HARMLESS: &[&str] = &[
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "getrandom",
    "getuid",
    "getpid",
    "gettid",
    "prctl",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
    "exit_group",
    "clock_gettime",
    "sched_getaffinity",
];

pub(crate) type Verdict = Result<(), String>;

/// A verb, the home in which it runs, and what must be true after it was killed and said again.
struct Case {
    name: &'static str,
    prepare: fn(&House),
    /// Done in each copy of that home.
    ready: fn(&House),
    verb: &'static str,
    /// Said after the kill.
    again: &'static str,
    /// The exit codes that `again` may have.
    may_exit: &'static [i32],
    /// After the kill, before anything else. Knows what the killed verb printed.
    killed: fn(&Truths, &str) -> Verdict,
    /// After `again`, and after the verbs that sweep.
    healed: fn(&House, &Truths) -> Verdict,
}

/// A copy's face is another file than the one that the stamp knows: it is looked at, and is our own again.
fn look(house: &House) {
    for agent in ["agent-1", "captain"] {
        if house.mailbox(agent).exists() {
            house.must(&format!("inbox {agent}"));
        }
    }
}

pub(crate) fn require(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

fn count(truths: &Truths, agent: &str, content: &str) -> usize {
    truths
        .get(agent)
        .map_or(0, |truth| truth.with_content(content).len())
}

fn pending(truths: &Truths, agent: &str, content: &str) -> usize {
    let Some(truth) = truths.get(agent) else {
        return 0;
    };
    truth
        .pending()
        .iter()
        .filter(|it| it.content == content)
        .count()
}

fn once(truths: &Truths, agent: &str, content: &str) -> Verdict {
    let n = pending(truths, agent, content);
    let all = count(truths, agent, content);
    require(n == 1 && all == 1, || {
        format!("{content:?} is there {all} times, {n} pending")
    })
}

/// At most once, and once if it was said that it is.
fn once_if_said(truths: &Truths, agent: &str, content: &str, said: &str) -> Verdict {
    let n = count(truths, agent, content);
    let least = usize::from(!said.trim().is_empty());
    require((least..=1).contains(&n), || {
        format!("{content:?} is there {n} times, said: {said:?}")
    })
}

/// One line of a trace, as far as an injection needs it: which call, and the how manieth of its name.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    nth: usize,
    /// As it was traced.
    pub(crate) line: String,
}

impl Call {
    /// What strace is told, so that whoever makes this call is killed before it.
    ///
    /// Never with `--seccomp-bpf`: strace 6.1 then drops the signal without a word, and nobody is killed.
    pub(crate) fn killing(&self) -> [String; 4] {
        let trace = format!("trace={}", self.name);
        let inject = format!("inject={}:signal=KILL:when={}", self.name, self.nth);
        ["-e".into(), trace, "-e".into(), inject]
    }
}

/// The calls of `line` from its first look at the home on.
fn calls(house: &House, line: &str) -> Vec<Call> {
    let log = house.home().with_file_name("trace");
    let done = strace(house, line, &["-o", &log.display().to_string()]);
    assert!(done.status.code().is_some(), "{line}: {done:?}");
    calls_in(&std::fs::read_to_string(&log).unwrap(), house.home())
}

/// Those of a trace, from its first look at the home on.
pub(crate) fn calls_in(trace: &str, home: &Path) -> Vec<Call> {
    let home = home.display().to_string();
    // strace counts the calls of each thread.
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut calls = Vec::new();
    let mut at_home = false;
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        let nth = counts.entry((thread, name)).or_default();
        *nth += 1;
        at_home |= line.contains(&home) && name != "execve";
        if at_home && !HARMLESS.contains(&name) {
            calls.push(Call {
                name: name.to_owned(),
                nth: *nth,
                line: line.to_owned(),
            });
        }
    }
    calls
}

fn strace(house: &House, line: &str, options: &[&str]) -> Output {
    house
        .command("strace")
        .args(["-f", "-qq"])
        .args(options)
        .arg(crate::home::CELLPHONE)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn kill_at(house: &House, line: &str, call: &Call) -> Output {
    let killing = call.killing();
    let mut options = vec!["-o", "/dev/null"];
    options.extend(killing.iter().map(String::as_str));
    strace(house, line, &options)
}

fn fresh(template: &House, case: &Case) -> House {
    let house = template.copy();
    (case.ready)(&house);
    house
}

/// Kills the verb at one call, then says it again; `deeper` also kills what is said again.
fn kill_once(
    template: &House,
    case: &Case,
    call: &Call,
    deeper: Option<&Call>,
    landed: &[AtomicUsize; 2],
) -> Verdict {
    let house = fresh(template, case);
    let done = kill_at(&house, case.verb, call);
    landed[0].fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
    let mut said = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        // The call came later than in the trace, or not at all: then it must have done its work.
        said.push_str(" exit 0");
    }
    let truths = crate::invariants::check(house.home())?;
    (case.killed)(&truths, &said)?;
    if let Some(call) = deeper {
        let done = kill_at(&house, case.again, call);
        landed[1].fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
        let truths = crate::invariants::check(house.home())?;
        let deeper = String::from_utf8_lossy(&done.stdout).into_owned();
        (case.killed)(&truths, &format!("{said}{deeper}"))?;
    }
    heal(&house, case)
}

/// strace ends as the program that it ran did.
pub(crate) fn was_killed(done: &Output) -> bool {
    done.status.signal() == Some(9)
}

/// Kills that miss prove nothing: the calls of a verb hardly differ from one run to the next.
pub(crate) fn assert_landed(landed: usize, of: usize) {
    assert!(
        landed * 100 >= of * 95,
        "only {landed} of {of} kills landed"
    );
}

fn heal(house: &House, case: &Case) -> Verdict {
    let done = house.run(case.again);
    let code = done.status.code().unwrap_or(-1);
    require(case.may_exit.contains(&code), || {
        format!("said again: {done:?}")
    })?;
    // What each kind of verb leaves, the next of its kind sweeps.
    house.must("send agent-1 after");
    house.must("prune agent-1");
    if house.mailbox("captain").exists() {
        house.must("send captain after");
    }
    let truths = house.settled()?;
    (case.healed)(house, &truths)
}

/// All failures at once, so that a pattern shows.
fn besiege(case: &Case) {
    if !has_tool("strace") {
        return;
    }
    let template = House::new();
    (case.prepare)(&template);
    let calls_of_it = calls(&fresh(&template, case), case.verb);
    assert!(calls_of_it.len() > 20, "{}: {calls_of_it:?}", case.name);
    let calls_again = calls(&fresh(&template, case), case.again);
    let mut jobs: Vec<(usize, Option<&Call>)> = (0..calls_of_it.len()).map(|n| (n, None)).collect();
    // Of all pairs of a kill and a kill of its recovery some, spread evenly. An odd step meets every kind of call.
    let pairs = calls_of_it.len() * calls_again.len();
    for pair in (0..pairs).step_by((pairs / MOST_RECOVERIES) | 1) {
        let (n, m) = (pair / calls_again.len(), pair % calls_again.len());
        jobs.push((n, Some(&calls_again[m])));
    }
    let landed = [const { AtomicUsize::new(0) }; 2];
    let failed = each(jobs.len(), |job| {
        let (n, deeper) = jobs[job];
        let call = &calls_of_it[n];
        kill_once(&template, case, call, deeper, &landed).map_err(|why| {
            let then = deeper.map(|it| format!(", then at {} {}", it.name, it.nth));
            format!(
                "#{n} {} {}{}: {why}",
                call.name,
                call.nth,
                then.unwrap_or_default()
            )
        })
    });
    let of = jobs.len();
    let [first, second] = landed.map(AtomicUsize::into_inner);
    assert_landed(first, of);
    // What is to be done again differs with where the first time ended: not each call comes.
    let recoveries = of - calls_of_it.len();
    assert!(
        second * 2 >= recoveries,
        "only {second} of {recoveries} recoveries were killed"
    );
    assert!(
        failed.is_empty(),
        "{}: {} of {of} kills:\n{}",
        case.name,
        failed.len(),
        failed.join("\n")
    );
}

/// Does all of these jobs and collects what went wrong.
pub(crate) fn each(jobs: usize, job: impl Fn(usize) -> Verdict + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= jobs {
                        return;
                    }
                    let verdict = catch_unwind(AssertUnwindSafe(|| job(n)));
                    let verdict = verdict.unwrap_or_else(|panic| Err(words(panic.as_ref())));
                    if let Err(why) = verdict {
                        failed.lock().unwrap().push(format!("{n}: {why}"));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()))
        .unwrap_or_default()
}

fn some_mail(house: &House) {
    house.must("send agent-1 first --as captain");
    house.must("send agent-1 second");
    house.must("send captain greeting");
}

fn taken(house: &House) {
    some_mail(house);
    house.must("next --as agent-1");
}

#[test]
fn a_send_killed_at_any_call_is_whole_or_not_there_and_its_retry_is_one() {
    besiege(&Case {
        name: "send",
        prepare: some_mail,
        ready: look,
        verb: "send agent-1 victim --key once",
        again: "send agent-1 victim --key once",
        may_exit: &[0],
        killed: |truths, said| once_if_said(truths, "agent-1", "victim", said),
        healed: |_, truths| {
            once(truths, "agent-1", "first")?;
            once(truths, "agent-1", "second")?;
            once(truths, "agent-1", "victim")
        },
    });
}

#[test]
fn a_next_killed_at_any_call_loses_nothing_and_spends_one_attempt_at_most() {
    besiege(&Case {
        name: "next",
        prepare: some_mail,
        ready: look,
        verb: "next --as agent-1 --json",
        again: "next --as agent-1 --json",
        // Both messages may be held by those that were killed.
        may_exit: &[0, 1],
        killed: |truths, said| {
            let first = truths["agent-1"].with_content("first")[0].clone();
            let least = u64::from(said.contains("first"));
            require(
                first.is_pending() && (least..=1).contains(&first.attempts),
                || format!("{first:?}, said: {said:?}"),
            )?;
            once(truths, "agent-1", "second")
        },
        healed: |house, truths| {
            once(truths, "agent-1", "first")?;
            once(truths, "agent-1", "second")?;
            house.must("ack agent-1/1 agent-1/2 --force --as agent-1");
            let code = house.exit("ack agent-1/1 --as agent-1");
            require(code == 0, || format!("ack again: {code}"))?;
            let left = house.settled()?;
            require(left["agent-1"].pending().len() == 1, || format!("{left:?}"))
        },
    });
}

#[test]
fn an_ack_killed_at_any_call_holds_if_it_was_said_and_can_be_said_again() {
    besiege(&Case {
        name: "ack",
        prepare: taken,
        ready: look,
        verb: "ack agent-1/1 --as agent-1",
        again: "ack agent-1/1 --as agent-1",
        may_exit: &[0],
        killed: |truths, said| {
            let first = truths["agent-1"].with_content("first")[0].clone();
            require(said.trim().is_empty() || !first.is_pending(), || {
                format!("{first:?}, said: {said:?}")
            })
        },
        healed: |house, truths| {
            require(pending(truths, "agent-1", "first") == 0, || {
                "it is pending".into()
            })?;
            once(truths, "agent-1", "second")?;
            let next: Value = house.json("next --as agent-1");
            require(next["content"] == "second", || format!("next: {next}"))
        },
    });
}

#[test]
fn a_nack_killed_at_any_call_gives_back_once() {
    besiege(&Case {
        name: "nack",
        prepare: taken,
        ready: look,
        verb: "nack agent-1/1 --as agent-1",
        again: "nack agent-1/1 --as agent-1",
        may_exit: &[0, 1],
        killed: |truths, _| once(truths, "agent-1", "first"),
        healed: |house, truths| {
            let first = truths["agent-1"].with_content("first")[0].clone();
            require(first.is_pending() && first.attempts == 1, || {
                format!("{first:?}")
            })?;
            let next: Value = house.json("next --as agent-1");
            require(next["content"] == "first" && next["attempts"] == 2, || {
                format!("next: {next}")
            })
        },
    });
}

#[test]
fn a_reply_killed_at_any_call_answers_once_and_acknowledges() {
    besiege(&Case {
        name: "reply",
        prepare: taken,
        ready: look,
        verb: "reply agent-1/1 answer --as agent-1",
        again: "reply agent-1/1 answer --as agent-1",
        may_exit: &[0],
        killed: |truths, said| once_if_said(truths, "captain", "answer", said),
        healed: |_, truths| {
            once(truths, "captain", "answer")?;
            once(truths, "captain", "greeting")?;
            require(pending(truths, "agent-1", "first") == 0, || {
                "it is pending".into()
            })
        },
    });
}

#[test]
fn a_recall_killed_at_any_call_takes_back_one_message() {
    besiege(&Case {
        name: "recall",
        prepare: some_mail,
        ready: look,
        verb: "recall agent-1/2",
        again: "recall agent-1/2",
        may_exit: &[0],
        killed: |truths, said| {
            let n = pending(truths, "agent-1", "second");
            require(said.trim().is_empty() || n == 0, || {
                format!("pending, said: {said:?}")
            })
        },
        healed: |_, truths| {
            require(pending(truths, "agent-1", "second") == 0, || {
                "it is pending".into()
            })?;
            once(truths, "agent-1", "first")
        },
    });
}

/// Something of every kind that a compaction treats differently.
fn used(house: &House) {
    house.must("send agent-1 done --key done-key");
    house.must("ack agent-1/1 --as agent-1");
    house.must("send agent-1 first --as captain --key first-key");
    house.must("send agent-1 second --mode BULK");
    house.must("send agent-1 recalled");
    house.must("recall agent-1/4");
    house.must("send captain greeting");
    house.must("next --as agent-1");
    house.must("prune agent-1");
    house.must("send agent-1 third --key third-key");
    house.must("ack agent-1/5 --as agent-1");
    house.must("send agent-1 fourth");
}

#[test]
fn a_prune_killed_at_any_call_keeps_what_waits_and_the_keys_of_what_is_over() {
    besiege(&Case {
        name: "prune",
        prepare: used,
        ready: look,
        verb: "prune agent-1",
        again: "prune agent-1",
        may_exit: &[0],
        killed: |truths, _| {
            for content in ["first", "second", "fourth"] {
                once(truths, "agent-1", content)?;
            }
            Ok(())
        },
        healed: |house, truths| {
            for content in ["first", "second", "fourth"] {
                once(truths, "agent-1", content)?;
            }
            for (content, key, seq) in [("done", "done-key", 1), ("third", "third-key", 5)] {
                let sent = house.json(&format!("send agent-1 {content} --key {key}"));
                let name = format!("agent-1/{seq}");
                require(sent["name"] == *name && sent["repeated"] == true, || {
                    format!("retry: {sent}")
                })?;
            }
            Ok(())
        },
    });
}

/// By hand: the first is edited, the second removed, two are added, one of them without a name of its own.
fn edit_by_hand(house: &House) {
    look(house);
    let face = house.face("agent-1");
    let mut entries: Vec<Value> = serde_json::from_slice(&std::fs::read(&face).unwrap()).unwrap();
    edit(&mut entries);
    std::fs::write(&face, serde_json::to_vec(&entries).unwrap()).unwrap();
}

fn edit(entries: &mut Vec<Value>) {
    assert_eq!(entries[1]["content"], "second");
    entries[0]["content"] = "edited".into();
    entries.remove(1);
    entries.push(serde_json::json!({"id": "mine-1", "from": "user", "content": "named"}));
    entries.push(serde_json::json!({"content": "nameless"}));
}

fn by_hand(truths: &Truths) -> Verdict {
    for content in ["edited", "named", "nameless", "third"] {
        once(truths, "agent-1", content)?;
    }
    require(pending(truths, "agent-1", "second") == 0, || {
        "the second is still there".into()
    })
}

#[test]
fn a_merge_of_a_hand_edit_killed_at_any_call_takes_it_over_once() {
    besiege(&Case {
        name: "merge",
        prepare: |house| {
            some_mail(house);
            house.must("send agent-1 third");
        },
        ready: edit_by_hand,
        verb: "inbox agent-1 --json",
        again: "inbox agent-1 --json",
        may_exit: &[0],
        killed: |truths, said| {
            if said.contains("exit 0") {
                by_hand(truths)
            } else {
                Ok(())
            }
        },
        healed: |_, truths| by_hand(truths),
    });
}

/// Attack 2: whatever a killed renderer left, an edit of the face that stands there then is taken over once.
#[test]
fn an_edit_after_a_renderer_was_killed_at_any_call_is_taken_over_once() {
    if !has_tool("strace") {
        return;
    }
    let template = House::new();
    some_mail(&template);
    template.must("send agent-1 third");
    let ready = || {
        let house = template.copy();
        look(&house);
        house
    };
    let verb = "send agent-1 victim --key once";
    let calls = calls(&ready(), verb);
    let landed = AtomicUsize::new(0);
    let failed = each(calls.len(), |n| {
        let house = ready();
        let done = kill_at(&house, verb, &calls[n]);
        landed.fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
        let face = house.face("agent-1");
        let mut entries: Vec<Value> =
            serde_json::from_slice(&std::fs::read(&face).unwrap()).unwrap();
        edit(&mut entries);
        if n % 2 == 0 {
            std::fs::write(&face, serde_json::to_vec(&entries).unwrap()).unwrap();
        } else {
            let beside = house.home().join("beside");
            std::fs::write(&beside, serde_json::to_vec(&entries).unwrap()).unwrap();
            std::fs::rename(&beside, &face).unwrap();
        }
        house.must("inbox agent-1");
        house.must(verb);
        house.must("prune agent-1");
        let truths = house.settled()?;
        by_hand(&truths)?;
        once(&truths, "agent-1", "victim")
    });
    assert_landed(landed.into_inner(), calls.len());
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        calls.len(),
        failed.join("\n")
    );
}

/// Attack 2, twice over: killed before the swap, and the one that cleans up after it at any call. What the face
/// that never came would have shown was seen by nobody.
fn never_shown(
    prepare: fn(&House),
    [verb, cleaner]: [&str; 2],
    then: fn(&House),
    healed: fn(&Truths) -> Verdict,
) {
    if !has_tool("strace") {
        return;
    }
    let template = House::new();
    some_mail(&template);
    let ready = || {
        let house = template.copy();
        look(&house);
        prepare(&house);
        house
    };
    let firsts = calls(&ready(), verb);
    let renames: Vec<&Call> = firsts.iter().filter(|it| it.name == "renameat2").collect();
    assert!(!renames.is_empty(), "{firsts:?}");
    let landed = AtomicUsize::new(0);
    for rename in renames {
        let traced = ready();
        kill_at(&traced, verb, rename);
        let seconds = calls(&traced, cleaner);
        let failed = each(seconds.len(), |n| {
            let house = ready();
            kill_at(&house, verb, rename);
            let done = kill_at(&house, cleaner, &seconds[n]);
            landed.fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
            then(&house);
            house.must("inbox agent-1");
            house.must(verb);
            // Sweeps what is left.
            house.must("send agent-1 after");
            healed(&house.settled()?)
                .map_err(|why| format!("then before {} {}: {why}", seconds[n].name, seconds[n].nth))
        });
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
    assert!(landed.into_inner() > 20, "nobody was killed");
}

#[test]
fn an_entry_that_no_face_has_shown_yet_is_taken_over_once_after_two_kills() {
    never_shown(
        |house| {
            let nameless = r#"[{"content": "nameless"}]"#;
            std::fs::write(house.face("agent-1"), nameless).unwrap();
        },
        ["inbox agent-1"; 2],
        |_| {},
        |truths| once(truths, "agent-1", "nameless"),
    );
}

#[test]
fn an_emptied_face_discards_nothing_that_no_face_has_shown_after_two_kills() {
    never_shown(
        |_| {},
        [
            "send agent-1 victim --key once",
            "send agent-1 other --key other",
        ],
        |house| {
            let face = house.face("agent-1");
            let shown = std::fs::read_to_string(&face).unwrap();
            if shown.contains("victim") {
                return;
            }
            std::fs::write(&face, "[]").unwrap();
            let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
            let file = std::fs::File::options().write(true).open(&face).unwrap();
            file.set_modified(later).unwrap();
        },
        |truths| once(truths, "agent-1", "victim"),
    );
}

#[test]
fn a_creation_killed_at_any_call_leaves_a_whole_mailbox_or_none() {
    besiege(&Case {
        name: "create",
        prepare: |_| {},
        ready: look,
        verb: "send newcomer hello --create --key once",
        again: "send newcomer hello --create --key once",
        may_exit: &[0],
        killed: |truths, said| once_if_said(truths, "newcomer", "hello", said),
        healed: |house, truths| {
            once(truths, "newcomer", "hello")?;
            // The next creation sweeps what a killed one left.
            house.must("send another hello --create");
            let left: Vec<_> = names(&house.home().join("runtime/mailbox"));
            require(!left.iter().any(|name| name.starts_with('.')), || {
                format!("left over: {left:?}")
            })
        },
    });
}

#[test]
fn a_dead_letter_killed_at_any_call_is_told_to_its_sender_once() {
    besiege(&Case {
        name: "expiry",
        prepare: |house| {
            some_mail(house);
            house.must("send agent-1 fleeting --as captain --expires 1ms --key fleeting");
        },
        // It has expired: the first look at it would tell.
        ready: |_| {},
        verb: "send agent-1 nudge --key nudge",
        again: "send agent-1 nudge --key nudge",
        may_exit: &[0],
        killed: |truths, said| once_if_said(truths, "agent-1", "nudge", said),
        healed: |_, truths| {
            once(truths, "agent-1", "nudge")?;
            require(pending(truths, "agent-1", "fleeting") == 0, || {
                "it is pending".into()
            })?;
            let notices = truths["captain"]
                .mail
                .values()
                .filter(|it| it.from == "system")
                .count();
            require(notices == 1, || format!("{notices} notices"))
        },
    });
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
