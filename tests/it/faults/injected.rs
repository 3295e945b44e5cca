//! A disk that refuses a call: ENOSPC and EIO at every call of a verb, each in a fresh home. The verb says the
//! truth about what happened, nothing that was accepted is lost, and nothing is needed afterwards but a disk
//! that works again.

use std::collections::HashMap;

use super::*;

/// The calls that change something, and reading.
const CALLS: &str = "write,pwrite64,pread64,fdatasync,fsync,fallocate,open,openat,openat2,renameat2,renameat,\
                     mkdirat,ftruncate,unlinkat,utimensat";

/// One call of a run: the n-th of its name.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    n: usize,
    /// As it was traced: where to look when it fails.
    line: String,
}

impl Call {
    /// A disk that is full refuses nothing else.
    fn may_need_room(&self) -> bool {
        match self.name.as_str() {
            "pread64" | "unlinkat" | "ftruncate" | "utimensat" => false,
            "open" | "openat" | "openat2" => self.line.contains("O_CREAT"),
            _ => true,
        }
    }
}

/// What is done to a home that `prepare` has made, and what must hold afterwards.
struct Scenario {
    prepare: fn(&Home),
    verb: &'static [&'static str],
    judge: fn(&Home, &Ran),
}

impl Scenario {
    fn home(&self) -> Home {
        let home = Home::new();
        (self.prepare)(&home);
        home
    }

    fn traced(&self, home: &Home, options: &[&str]) -> Ran {
        let mut command = home.command("strace");
        let log = home.dir.join("trace");
        command.args(["-f", "-qq", "-o", path(&log)]).args(options);
        run(command.arg(CELLPHONE).args(self.verb), b"")
    }

    /// Every call once the program has found its home.
    fn calls(&self) -> Vec<Call> {
        let home = self.home();
        let ran = self.traced(&home, &["-e", &format!("trace={CALLS}")]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let trace = std::fs::read_to_string(home.dir.join("trace")).unwrap();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut calls = Vec::new();
        for line in trace.lines() {
            let Some((name, _)) = line
                .split_once(' ')
                .and_then(|(_, call)| call.split_once('('))
            else {
                continue;
            };
            let n = seen.entry(name.trim()).or_default();
            *n += 1;
            if calls.is_empty() && !line.contains(path(&home.dir)) {
                continue;
            }
            calls.push(Call {
                name: name.trim().to_owned(),
                n: *n,
                line: line.to_owned(),
            });
        }
        assert!(calls.len() > 20, "{trace}");
        calls
    }

    /// All calls, failing one after the other; what went wrong is told at the end, all of it.
    fn survives(&self, errno: &str) {
        if !has_tool("strace") {
            return;
        }
        let mut failed = Vec::new();
        for call in self.calls() {
            if errno == "ENOSPC" && !call.may_need_room() {
                continue;
            }
            let home = self.home();
            let inject = format!("inject={}:error={errno}:when={}", call.name, call.n);
            let ran = self.traced(&home, &["-e", &inject]);
            let verdict = std::panic::catch_unwind(|| {
                assert!(
                    ran.took < Duration::from_secs(4),
                    "somebody waited for himself: {ran:?}"
                );
                // The face is a face at any moment.
                if home.face("agent-1").exists() {
                    home.shown_contents();
                }
                (self.judge)(&home, &ran);
                afterwards(&home);
            });
            if let Err(why) = verdict {
                let why = why
                    .downcast_ref::<String>()
                    .map_or("an assertion", String::as_str);
                let Call { name, n, line } = &call;
                failed.push(format!("{errno} at {name} {n}: {line}\n{ran:?}\n  {why}\n"));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

/// With a disk that works again everything works, by itself.
fn afterwards(home: &Home) {
    home.ok(&["send", "agent-1", "later"]);
    let pending = home.pending("agent-1");
    assert_eq!(home.times("agent-1", "later"), 1);
    assert_eq!(home.shown_contents(), pending, "the face is behind");
    let mut names = home.names("agent-1");
    if !names.iter().any(|name| name == ".ballast") {
        // Given back to a full disk; a prune puts it there again.
        home.ok(&["prune", "--as", "agent-1"]);
        names = home.names("agent-1");
    }
    let passing: Vec<_> = names
        .iter()
        .filter(|name| {
            [".face-", ".displaced-", "inbox.json.rejected"]
                .iter()
                .any(|passing| name.starts_with(passing))
        })
        .collect();
    assert!(passing.is_empty(), "left over: {passing:?}");
    home.assert_well("all that");
}

/// Whether the outcome is unknown; then the key is said that makes a retry safe.
fn is_unknown(ran: &Ran) -> bool {
    assert_eq!(ran.code, 75, "{ran:?}");
    // On stderr, behind any warnings.
    let told: Value = ran
        .err
        .lines()
        .chain(ran.out.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|told: &Value| told["schema"] == "dreamos.error/1")
        .unwrap_or_else(|| panic!("nothing is said of the outcome: {ran:?}"));
    told["outcome"] == "unknown"
}

fn two_messages(home: &Home) {
    home.ok(&["send", "agent-1", "one", "--key", "k1"]);
    home.ok(&["send", "agent-1", "two"]);
}

fn two_messages_and_nothing_derived(home: &Home) {
    two_messages(home);
    for derived in [".index", ".keys", ".stamp", ".durable"] {
        std::fs::remove_file(home.mailbox("agent-1").join(derived)).unwrap();
    }
}

const SEND: &[&str] = &["send", "agent-1", "three", "--key", "k3", "--json"];

fn judge_send(home: &Home, ran: &Ran) {
    let there = || home.times("agent-1", "three");
    match ran.code {
        0 => assert_eq!(there(), 1, "it was accepted"),
        74 => assert_eq!(there(), 0, "nothing was to have happened"),
        75 if !is_unknown(ran) => assert_eq!(there(), 0, "nothing was to have happened"),
        75 => assert_eq!(error_of(ran)["key"], "k3", "no key"),
        _ => panic!("an exit code that says nothing"),
    }
    home.ok(SEND);
    let mut all = home.all("agent-1");
    all.sort();
    assert_eq!(all, ["one", "three", "two"], "exactly once");
    assert_eq!(home.pending("agent-1").len(), 3);
}

const SENDING: Scenario = Scenario {
    prepare: two_messages,
    verb: SEND,
    judge: judge_send,
};

#[test]
fn a_send_whose_disk_is_full_at_any_call_tells_the_truth() {
    SENDING.survives("ENOSPC");
}

#[test]
fn a_send_whose_disk_fails_at_any_call_tells_the_truth() {
    SENDING.survives("EIO");
}

const REBUILDING: Scenario = Scenario {
    prepare: two_messages_and_nothing_derived,
    verb: SEND,
    judge: judge_send,
};

#[test]
fn a_send_that_makes_the_index_anew_on_a_full_disk_tells_the_truth() {
    REBUILDING.survives("ENOSPC");
}

#[test]
fn a_send_that_makes_the_index_anew_on_a_failing_disk_tells_the_truth() {
    REBUILDING.survives("EIO");
}

/// Sends the lines of a batch again, each with the key that was told for it; how often each is there then.
pub(super) fn repeated_with_their_keys(home: &Home, lines: &[Value], told: &Value) {
    let messages = told["messages"].as_array().unwrap();
    assert_eq!(messages.len(), lines.len(), "{told}");
    let mut again = String::new();
    for (n, (line, message)) in lines.iter().zip(messages).enumerate() {
        // Each second one is blank.
        assert_eq!(message["line"], 2 * n + 1, "{told}");
        let given = &line["key"];
        assert!(given.is_null() || *given == message["key"], "{told}");
        let mut line = line.clone();
        line["key"] = message["key"].clone();
        again.push_str(&(line.to_string() + "\n"));
    }
    for _ in 0..2 {
        let mut send = home.command(CELLPHONE);
        send.args(["send", "agent-1", "--batch", "-", "--force"]);
        let ran = run(&mut send, again.as_bytes());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let all = home.all("agent-1");
    for line in lines {
        assert_eq!(
            all.iter()
                .filter(|it| *it == line["content"].as_str().unwrap())
                .count(),
            1,
            "{all:?}"
        );
    }
}

pub(super) fn as_batch(lines: &[Value]) -> String {
    lines.iter().map(|line| line.to_string() + "\n\n").collect()
}

/// The document of the error, behind any warnings.
pub(super) fn error_of(ran: &Ran) -> Value {
    let documents = ran
        .err
        .lines()
        .filter_map(|it| serde_json::from_str(it).ok());
    documents
        .into_iter()
        .find(|told: &Value| told["schema"] == "dreamos.error/1")
        .unwrap_or_else(|| panic!("no error is told: {ran:?}"))
}

#[test]
fn a_batch_of_unknown_outcome_names_the_key_that_makes_each_line_safe_to_repeat() {
    if !has_tool("strace") {
        return;
    }
    let lines = [
        serde_json::json!({"content": "b1"}),
        serde_json::json!({"content": "b2", "key": "mine"}),
        serde_json::json!({"content": "b3"}),
    ];
    // The flush alone, so that a new generation saves it; and every flush from there on.
    for when in ["1", "1+"] {
        let home = Home::new();
        two_messages(&home);
        let send = |format: &str| {
            let mut strace = home.command("strace");
            let inject = format!("inject=fdatasync:error=EIO:when={when}");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject, CELLPHONE]);
            strace.args([
                "send", "agent-1", "--batch", "-", "--force", "--format", format,
            ]);
            let ran = run(&mut strace, as_batch(&lines).as_bytes());
            assert_eq!(ran.code, 75, "{when}: {ran:?}");
            ran
        };
        let ran = send("json");
        assert!(is_unknown(&ran));
        let told = error_of(&ran);
        repeated_with_their_keys(&home, &lines, &told);
        let ran = send("table");
        assert!(ran.err.contains("\n  line 3: key mine\n"), "{ran:?}");
        assert!(ran.err.contains("\n  line 5: key 0"), "{ran:?}");
        home.assert_well("all of it");
    }
}

const TAKING: Scenario = Scenario {
    prepare: two_messages,
    verb: &["next", "--as", "agent-1", "--json"],
    judge: judge_next,
};

fn judge_next(home: &Home, ran: &Ran) {
    let first = || home.list(&["inbox", "agent-1"])[0].clone();
    match ran.code {
        0 => {
            assert_eq!(ran.json()["content"], "one");
            let token = ran.json()["token"].as_str().unwrap().to_owned();
            assert_eq!(first()["attempts"], 1);
            home.ok(&["nack", "agent-1/1", "--as", "agent-1", "--token", &token]);
        }
        74 => assert_eq!(first()["attempts"], 0, "nothing was to have happened"),
        75 if !is_unknown(ran) => assert_eq!(first()["attempts"], 0),
        75 => {}
        _ => panic!("an exit code that says nothing"),
    }
    assert_eq!(
        home.pending("agent-1"),
        ["one", "two"],
        "a lease closes nothing"
    );
    home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    assert_eq!(home.pending("agent-1"), ["two"]);
}

#[test]
fn a_next_whose_disk_is_full_at_any_call_tells_the_truth() {
    TAKING.survives("ENOSPC");
}

#[test]
fn a_next_whose_disk_fails_at_any_call_tells_the_truth() {
    TAKING.survives("EIO");
}

const ACK: &[&str] = &["ack", "agent-1/1", "--as", "agent-1", "--json"];

const CLOSING: Scenario = Scenario {
    prepare: two_messages,
    verb: ACK,
    judge: judge_ack,
};

fn judge_ack(home: &Home, ran: &Ran) {
    match ran.code {
        0 => assert_eq!(home.pending("agent-1"), ["two"], "an ack is final"),
        74 => assert_eq!(
            home.pending("agent-1"),
            ["one", "two"],
            "nothing was to have happened"
        ),
        75 if !is_unknown(ran) => assert_eq!(home.pending("agent-1"), ["one", "two"]),
        75 => {}
        _ => panic!("an exit code that says nothing"),
    }
    home.ok(ACK);
    assert_eq!(home.pending("agent-1"), ["two"]);
    assert_eq!(home.all("agent-1"), ["one", "two"]);
}

#[test]
fn an_ack_whose_disk_is_full_at_any_call_tells_the_truth() {
    CLOSING.survives("ENOSPC");
}

#[test]
fn an_ack_whose_disk_fails_at_any_call_tells_the_truth() {
    CLOSING.survives("EIO");
}

/// Time has something to say before the verb has.
fn one_has_expired(home: &Home) {
    two_messages(home);
    home.ok(&["send", "agent-1", "fleeting", "--expires", "1ms"]);
}

const REPLY: &[&str] = &[
    "reply",
    "agent-1/1",
    "three",
    "--as",
    "agent-1",
    "--key",
    "k3",
    "--json",
];

const ANSWERING: Scenario = Scenario {
    prepare: one_has_expired,
    verb: REPLY,
    judge: judge_reply,
};

fn judge_reply(home: &Home, ran: &Ran) {
    let answers = |home: &Home| {
        let there = home.mailbox("user").exists();
        let all = there.then(|| contents(&home.list(&["inbox", "user", "--all"])));
        all.map_or(0, |all| all.iter().filter(|it| *it == "three").count())
    };
    match ran.code {
        0 => assert_eq!(answers(home), 1, "it was accepted"),
        74 => assert_eq!(answers(home), 0, "nothing was to have happened"),
        75 if !is_unknown(ran) => assert_eq!(answers(home), 0),
        75 => assert_eq!(error_of(ran)["key"], "k3", "no key"),
        _ => panic!("an exit code that says nothing"),
    }
    home.ok(REPLY);
    assert_eq!(answers(home), 1, "exactly once");
    assert_eq!(home.pending("agent-1"), ["two"]);
    // Its ballast may have been given back.
    home.ok(&["prune", "--as", "user"]);
}

#[test]
fn an_answer_whose_disk_is_full_at_any_call_tells_the_truth() {
    ANSWERING.survives("ENOSPC");
}

#[test]
fn an_answer_whose_disk_fails_at_any_call_tells_the_truth() {
    ANSWERING.survives("EIO");
}

/// A sender was killed before its flush, and whoever looks next cannot flush either.
#[test]
fn after_a_failed_flush_of_what_another_wrote_everything_is_in_a_new_journal() {
    if !has_tool("strace") {
        return;
    }
    let generation = |home: &Home| {
        let text = std::fs::read_to_string(home.journal("agent-1")).unwrap();
        let opening: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        opening["gen"].as_u64().unwrap()
    };
    for reader in [
        &["inbox", "agent-1"][..],
        &["status", "agent-1/1"],
        &["show", "agent-1/3"],
        &["search", "three"],
    ] {
        let home = Home::new();
        two_messages(&home);
        let strace = |inject: &str, line: &[&str]| {
            let mut strace = home.command("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", inject, CELLPHONE]);
            strace.args(line).output().unwrap()
        };
        strace(
            "inject=fdatasync:signal=KILL:when=1",
            &["send", "agent-1", "three"],
        );
        assert_eq!(generation(&home), 1);
        let looked = strace("inject=fdatasync:error=EIO:when=1", reader);
        assert_eq!(looked.status.code(), Some(74), "{reader:?}: {looked:?}");
        assert_eq!(
            generation(&home),
            2,
            "{reader:?}: the old one cannot be trusted"
        );
        assert_eq!(home.pending("agent-1"), ["one", "two", "three"]);
        home.assert_well("all of it");
    }
}

/// Three messages, the first of them done with.
fn something_to_prune(home: &Home) {
    two_messages(home);
    home.ok(&["send", "agent-1", "three"]);
    home.ok(ACK);
}

const PRUNING: Scenario = Scenario {
    prepare: something_to_prune,
    verb: &["prune", "--as", "agent-1", "--json"],
    judge: judge_prune,
};

fn judge_prune(home: &Home, ran: &Ran) {
    assert!(
        matches!(ran.code, 0 | 74 | 75),
        "an exit code that says nothing"
    );
    assert_eq!(home.pending("agent-1"), ["two", "three"]);
    let again = home.ok(&["send", "agent-1", "one", "--key", "k1", "--json"]);
    assert_eq!(again.json()["repeated"], true, "its key was forgotten");
    home.ok(&["prune", "--as", "agent-1"]);
    assert_eq!(home.pending("agent-1"), ["two", "three"]);
    let new = home.ok(&["send", "agent-1", "four", "--json"]);
    assert_eq!(new.json()["name"], "agent-1/4", "a number went astray");
    assert_eq!(
        home.all("agent-1"),
        ["one", "two", "three", "four"],
        "the archive tells it all"
    );
}

#[test]
fn a_prune_whose_disk_is_full_at_any_call_loses_nothing() {
    PRUNING.survives("ENOSPC");
}

#[test]
fn a_prune_whose_disk_fails_at_any_call_loses_nothing() {
    PRUNING.survives("EIO");
}

/// A script added an entry by hand and took another away; a person will change nothing else.
fn an_edited_face(home: &Home) {
    two_messages(home);
    let text = std::fs::read_to_string(home.face("agent-1")).unwrap();
    let mut entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    entries.remove(0);
    entries.push(serde_json::json!({"id": "mine", "from": "agent-2", "content": "by hand"}));
    std::fs::write(home.face("agent-1"), serde_json::to_vec(&entries).unwrap()).unwrap();
}

const MERGING: Scenario = Scenario {
    prepare: an_edited_face,
    verb: SEND,
    judge: judge_merge,
};

fn judge_merge(home: &Home, ran: &Ran) {
    let there = |home: &Home| home.times("agent-1", "three");
    match ran.code {
        0 => assert_eq!(there(home), 1, "it was accepted"),
        74 => assert_eq!(there(home), 0, "nothing was to have happened"),
        75 if !is_unknown(ran) => assert_eq!(there(home), 0),
        75 => assert_eq!(error_of(ran)["key"], "k3", "no key"),
        _ => panic!("an exit code that says nothing"),
    }
    home.ok(SEND);
    let mut pending = home.pending("agent-1");
    pending.sort();
    assert_eq!(
        pending,
        ["by hand", "three", "two"],
        "an edit was lost or doubled"
    );
    assert_eq!(home.all("agent-1").len(), 4);
}

#[test]
fn a_merge_whose_disk_is_full_at_any_call_loses_no_edit() {
    MERGING.survives("ENOSPC");
}

#[test]
fn a_merge_whose_disk_fails_at_any_call_loses_no_edit() {
    MERGING.survives("EIO");
}

const CREATING: Scenario = Scenario {
    prepare: |_| {},
    verb: SEND,
    judge: judge_creation,
};

fn judge_creation(home: &Home, ran: &Ran) {
    let there = || home.times("agent-1", "three");
    match ran.code {
        0 => assert_eq!(there(), 1, "it was accepted"),
        74 => assert_eq!(there(), 0, "nothing was to have happened"),
        75 if !is_unknown(ran) => assert_eq!(there(), 0),
        75 => assert_eq!(error_of(ran)["key"], "k3", "no key"),
        _ => panic!("an exit code that says nothing"),
    }
    home.ok(SEND);
    assert_eq!(home.all("agent-1"), ["three"], "exactly once");
    let mailboxes = home.dir.join("runtime/mailbox");
    home.ok(&["send", "agent-2", "sweeps what was left half made"]);
    let left: Vec<_> = std::fs::read_dir(mailboxes)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".new-"))
        .collect();
    assert!(left.is_empty(), "half a mailbox was left: {left:?}");
}

#[test]
fn a_mailbox_that_is_made_on_a_full_disk_is_whole_or_not_there() {
    CREATING.survives("ENOSPC");
}

#[test]
fn a_mailbox_that_is_made_on_a_failing_disk_is_whole_or_not_there() {
    CREATING.survives("EIO");
}
