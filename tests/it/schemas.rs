//! `--json` is a promise: what the programs print is what the schemas of mail, agents, tasks, logs and figures say
//! (`bin/*/schemas/`).
//!
//! The validator below knows the dozen keywords that our schemas use and refuses all others, so that a schema
//! cannot promise what is not checked. A key that no schema describes is a fault, too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::duplicates::DUPSCAN;
use crate::home::{Home, LOGCTL, METRICSD, SECCTL, TASKCTL, VOICE, run};
use crate::lives::{AGENTCTL, Swarm};
use crate::memory::DREAMSCRIBE;
use crate::metrics::serving;
use crate::speech::Dispatcher;

const MAIL: &str = "bin/phone/schemas";
const AGENTS: &str = "bin/agentctl/schemas";
const TASKS: &str = "bin/taskctl/schemas";
const LOGS: &str = "bin/logctl/schemas";
const FIGURES: &str = "bin/metricsd/schemas";
const MEMORY: &str = "bin/dreamscribe/schemas";
const COPIES: &str = "bin/dupscan/schemas";
const RIGHTS: &str = "bin/secctl/schemas";
const DISCORD: &str = "bin/discordbot/schemas";
const SPEECH: &str = "bin/voice/schemas";

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const NOTES: [&str; 6] = [
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "$comment",
];

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("the validator knows no type {other:?}"),
    }
}

fn check_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::String(name) => is_of_type(value, name),
        Value::Array(names) => names.iter().any(|name| check_type(name, value)),
        other => panic!("no type: {other}"),
    }
}

/// What is wrong with `value`, as lines of `place: what`.
fn faults(root: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let mut fault = |what: String| found.push(format!("{place}: {what}"));
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "type" if !check_type(rule, value) => fault(format!("{value} is no {rule}")),
            "const" if rule != value => fault(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                fault(format!("{value} is none of {rule}"));
            }
            "minimum" if value.is_number() && value.as_f64() < rule.as_f64() => {
                fault(format!("{value} is less than {rule}"));
            }
            "required" if value.is_object() => {
                let absent = rule.as_array().unwrap().iter();
                for key in absent.filter(|key| value.get(key.as_str().unwrap()).is_none()) {
                    fault(format!("{key} is absent"));
                }
            }
            "type"
            | "const"
            | "enum"
            | "minimum"
            | "required"
            | "properties"
            | "items"
            | "$ref"
            | "additionalProperties" => {}
            note if NOTES.contains(&note) => {}
            other => panic!("{place}: the validator knows no {other:?}"),
        }
    }
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference
            .as_str()
            .unwrap()
            .strip_prefix('#')
            .expect("of this file");
        let target = root.pointer(pointer).expect("a $ref leads somewhere");
        faults(root, target, value, place, found);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, each) in values.iter().enumerate() {
            faults(root, items, each, &format!("{place}/{index}"), found);
        }
    }
    let (named, others) = (schema.get("properties"), schema.get("additionalProperties"));
    if named.or(others).is_none() {
        return;
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        match named.and_then(|named| named.get(key)).or(others) {
            Some(rule) => faults(root, rule, field, &place, found),
            None => found.push(format!("{place}: not described")),
        }
    }
}

/// The keys that a schema describes, by their places; `*` stands for each of a list.
fn described(root: &Value, schema: &Value, place: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().trim_start_matches('#');
        described(root, root.pointer(pointer).unwrap(), place, found);
    }
    if let Some(items) = schema.get("items") {
        described(root, items, &format!("{place}/*"), found);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, rule) in properties.into_iter().flatten() {
        let place = format!("{place}/{key}");
        described(root, rule, &place, found);
        found.insert(place);
    }
}

/// The keys that a document has, in the same way.
fn printed(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    for each in value.as_array().into_iter().flatten() {
        printed(each, &format!("{place}/*"), found);
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        printed(field, &place, found);
        found.insert(place);
    }
}

fn schemas_in(dir: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(checkout().join(dir)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn schema_named(name: &str) -> Value {
    let own = [AGENTS, TASKS, LOGS, MEMORY, COPIES, FIGURES, RIGHTS, SPEECH].into_iter();
    let mut own = own.filter(|dir| schemas_in(dir).contains(name));
    let dir = own.next().unwrap_or(MAIL);
    let path = checkout().join(dir).join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Checks a document against the schema that it names itself, and returns that name.
fn assert_valid(document: &Value, what: &str) -> String {
    let marker = document["schema"]
        .as_str()
        .unwrap_or_else(|| panic!("{what}: no marker"));
    let name = marker
        .strip_prefix("dreamos.")
        .and_then(|marker| marker.strip_suffix("/1"))
        .unwrap_or_else(|| panic!("{what}: {marker:?} is no marker"));
    let schema = schema_named(name);
    let mut found = Vec::new();
    faults(&schema, &schema, document, "", &mut found);
    assert!(found.is_empty(), "{what}: {found:#?}\n{document:#}");
    name.to_owned()
}

struct Phone {
    home: PathBuf,
}

impl Phone {
    /// Runs a line in a home and returns the documents that came, from stderr if the line failed.
    fn documents(&self, program: &str, args: &[&str], input: &str) -> Vec<Value> {
        let binary = match program {
            "cellphone" => env!("CARGO_BIN_EXE_cellphone"),
            _ => env!("CARGO_BIN_EXE_captainphone"),
        };
        let mut child = Command::new(binary)
            .args(args)
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DREAMOS_HOME", &self.home)
            .env("EDITOR", "sed -i s/figure/figures/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let done = child.wait_with_output().unwrap();
        let spoken = if done.stdout.is_empty() {
            &done.stderr
        } else {
            &done.stdout
        };
        let text = String::from_utf8(spoken.clone()).unwrap();
        documents(&text, &format!("{program} {args:?}"))
    }
}

fn documents(text: &str, what: &str) -> Vec<Value> {
    assert!(!text.is_empty(), "{what} said nothing");
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{what}: {error}: {text}"))
}

#[test]
fn every_verb_prints_what_its_schema_says() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let made = Command::new(checkout().join("scripts/home"))
        .arg(&home)
        .output()
        .unwrap();
    assert!(made.status.success());
    std::fs::write(home.join("figure.txt"), "42\n").unwrap();
    std::fs::write(
        home.join("old.json"),
        "[{\"id\": \"old-1\", \"content\": \"x\"}, {",
    )
    .unwrap();
    let phone = Phone { home };

    let lines: &[(&str, &str, &str, &str)] = &[
        (
            "sent",
            "cellphone",
            "send agent-1 hello --key once --meta a=b",
            "",
        ),
        ("sent", "cellphone", "send agent-1 hello --key once", ""),
        (
            "sent",
            "cellphone",
            "send agent-1 - --file figure.txt",
            "a figure",
        ),
        ("broadcast", "cellphone", "broadcast everybody", ""),
        ("broadcast", "cellphone", "send role:reviewer please", ""),
        (
            "sent",
            "cellphone",
            "send agent-2 --batch -",
            "{\"content\": \"one\"}\n",
        ),
        ("error", "cellphone", "send agnet-3 hello", ""),
        (
            "error",
            "cellphone",
            "send agent-3 hello --no-such-option",
            "",
        ),
        ("messages", "cellphone", "inbox agent-1 --all --full", ""),
        ("message", "cellphone", "inbox agent-1 --format jsonl", ""),
        ("message", "cellphone", "show agent-1/1", ""),
        ("taken", "cellphone", "next --as agent-1", ""),
        ("changes", "cellphone", "nack agent-1/1 --as agent-1", ""),
        ("taken", "cellphone", "next --as agent-1", ""),
        ("sent", "cellphone", "reply agent-1/1 done --as agent-1", ""),
        ("status", "cellphone", "status agent-1/1", ""),
        ("messages", "cellphone", "thread agent-1/1", ""),
        ("messages", "cellphone", "search hello", ""),
        ("counts", "cellphone", "check agent-1", ""),
        ("merged", "cellphone", "edit agent-1", ""),
        ("changes", "cellphone", "ack --all --as agent-1", ""),
        (
            "changed",
            "cellphone",
            "recall agent-2/1 agent-2/99 --format jsonl",
            "",
        ),
        ("sent", "cellphone", "restore agent-2/1", ""),
        ("imported", "cellphone", "import old.json --to agent-3", ""),
        ("pruned", "cellphone", "prune agent-1", ""),
        ("findings", "cellphone", "doctor", ""),
        ("sent", "captainphone", "send agent-4 stop --no-wait", ""),
        (
            "sent",
            "captainphone",
            "send agent-4 stop --timeout 1ms",
            "",
        ),
        ("broadcast", "captainphone", "broadcast stop --no-wait", ""),
        ("sent", "captainphone", "escalate agent-4/1 --no-wait", ""),
    ];
    for (expected, program, line, input) in lines {
        let mut args: Vec<&str> = line.split_whitespace().collect();
        if !line.contains("--format") {
            args.push("--json");
        }
        for document in phone.documents(program, &args, input) {
            assert_eq!(&assert_valid(&document, line), expected, "{line}");
        }
    }

    let seen = lines.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(schemas_in(MAIL), seen);
}

/// One who runs, one who cannot, one with a terminal, one who answers, one who ends, one without a command, one who is
/// killed.
const AGENTS_YAML: &str = "\
agent-1: {command: [sleep, '1000'], colour: blue}
agent-2: {command: [nosuch-program], autostart: false}
agent-3: {command: [cat], tty: true}
agent-4: {command: 'cellphone next --wait && cellphone reply 1 here; sleep 1000'}
agent-5: {command: 'echo said; exit 3', backoff: {initial: 1h}, autostart: false}
agent-6: {onboarding: '{{ agnet }}'}
agent-7: {command: 'kill -9 $$', restart: never, autostart: false}";

#[test]
fn every_verb_of_agentctl_prints_what_its_schema_says() {
    let swarm = Swarm::new(AGENTS_YAML);
    let lines = [
        ("made", "init"),
        ("root", "root"),
        ("paths", "paths"),
        ("agents", "list"),
        ("agent", "status agent-1"),
        ("starts", "start agent-1 agent-2 agent-5 agent-6 agent-7"),
        ("starts", "start agent-1"),
        ("starts", "up"),
        ("agents", "list"),
        ("agent", "status agent-1"),
        ("agent", "status agent-2"),
        ("agent", "status agent-5"),
        ("output", "logs agent-5"),
        ("letters", "verify agent-4 --wait reply"),
        ("letters", "resume agent-1 --no-wait"),
        ("letters", "onboard agent-1 agent-6 --timeout 10ms"),
        ("screen", "peek agent-3"),
        ("typed", "type agent-3 hello"),
        ("error", "peek agent-1"),
        ("error", "status nobody"),
        ("registered", "register agent-9"),
        ("configured", "set agent-9 restart always"),
        ("dry-run", "rename agent-2 agent-8 --dry-run"),
        ("renamed", "rename agent-9 agent-8"),
        ("unregistered", "unregister agent-8"),
        ("findings", "doctor"),
        ("units", "unit"),
        ("noted", "devlog agent-1 clear"),
        ("noted", "devlog agent-1 add said"),
        ("devlog", "devlog agent-1"),
        ("starts", "restart agent-1"),
        ("stops", "stop agent-1 agent-6"),
        ("agent", "status agent-1"),
        ("stops", "stop agent-1 --as agent-2"),
        ("stops", "down"),
    ];
    let mut seen = BTreeSet::new();
    let mut print = |expected: &str, line: &str| {
        let args: Vec<&str> = line.split_whitespace().chain(["--json"]).collect();
        let ran = swarm.run(&args);
        let said = if ran.out.is_empty() {
            &ran.err
        } else {
            &ran.out
        };
        for document in documents(said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
    };
    for (expected, line) in lines {
        print(expected, line);
    }
    std::fs::write(swarm.file("agent-5", "state.json"), "{ no state").unwrap();
    print("agents", "list");
    std::fs::remove_file(swarm.file("agent-5", "state.json")).unwrap();

    assert_all_is_printed(AGENTS, &seen);
}

/// Every key that the schemas of a directory describe has been seen.
fn assert_all_is_printed(dir: &str, seen: &BTreeSet<String>) {
    for name in schemas_in(dir) {
        let schema = schema_named(&name);
        let mut promised = BTreeSet::new();
        described(&schema, &schema, &name, &mut promised);
        let absent: Vec<_> = promised.difference(seen).collect();
        assert!(absent.is_empty(), "nothing prints {absent:#?}");
    }
}

/// What is printed of what runs by itself, and of files of the original's.
const BY_ITSELF: [(&str, &str, &str); 8] = [
    (
        "task-changes",
        "create ticks --id ticks --schedule @hourly --shell true --no-mail",
        "",
    ),
    ("next", "next -n 2", ""),
    ("plans", "run --due --dry-run", ""),
    ("runs", "run --due", ""),
    ("runs", "run ticks", ""),
    ("schedule", "explain @daily --zone UTC", ""),
    (
        "tasks-imported",
        "import - --dry-run",
        "{\"tasks\":[7,{\"id\":\"z\",\"name\":\"Z\"}]}",
    ),
    ("units", "unit", ""),
];

#[test]
fn every_verb_of_taskctl_prints_what_its_schema_says() {
    let home = Home::new();
    let mut seen = BTreeSet::new();
    let mut print = |expected: &str, line: &str, input: &str| {
        let mut command = home.command(TASKCTL);
        if !line.contains("--format") {
            command.arg("--json");
        }
        command.args(line.split_whitespace());
        if line.contains("--as agent-3") {
            command
                .env("DREAMOS_AGENT", "agent-3")
                .env("DREAMOS_INCARNATION", "01jd8x3k5m6n7p8q9r0s1t2v3w");
        }
        command.env("EDITOR", "sed -i s/A.thing/Another/");
        let ran = run(&mut command, input.as_bytes());
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
    };
    for (expected, line, input) in [
        (
            "task-changes",
            "create first --for agent-3 --data a=1 --retries 1 --no-mail",
            "",
        ),
        (
            "task-changes",
            "create A-thing --after t1 --for agent-3 --category system --priority high --deadline 2026-01-01 \
             --timeout 5m --description text --needs rust --schedule @daily --zone UTC -- make backup",
            "",
        ),
        (
            "task-changes",
            "create --batch -",
            "{\"id\": \"a\", \"own\": 1}\n{\"id\": \"b\"}\n",
        ),
        ("error", "create --batch -", "{\"id\": \"a\"}\n"),
        ("tasks", "list", ""),
        ("tasks", "ready --agent agent-3 -n 1", ""),
        ("task", "claim t1 --as agent-3 --lease 1h", ""),
        ("task-changes", "start t1 nope --as agent-3", ""),
        ("task-changes", "progress t1 40 half --as agent-3", ""),
        ("task", "show t1", ""),
        ("task", "list --format jsonl", ""),
        ("task-changes", "fail t1 why --as agent-3", ""),
        ("task-changes", "start t1 --as agent-3", ""),
        (
            "task-changes",
            "complete t1 --result {\"n\":1} --as agent-3",
            "",
        ),
        ("task", "show t1", ""),
        ("task", "show t2", ""),
        ("task-changes", "dep add a b --dry-run", ""),
        ("task-changes", "dep add a b", ""),
        ("task-changes", "set a data.x [1]", ""),
        ("task-changes", "edit t2", ""),
        ("task-changes", "assign a agent-2 --no-mail", ""),
        ("task-graph", "graph", ""),
        ("task-changes", "cancel b why", ""),
        ("findings", "lint", ""),
        ("task-changes", "reopen b", ""),
        ("task-changes", "cancel t2 why", ""),
        ("task", "show t2", ""),
        ("task-history", "history t1", ""),
        ("task-archived", "archive", ""),
        ("task-stats", "stats", ""),
        ("tasks", "list --all", ""),
        ("error", "show nope", ""),
    ]
    .into_iter()
    .chain(BY_ITSELF)
    {
        print(expected, line, input);
    }
    // One who edits and a program change the same field.
    let document = home.dir.join("config/agent_comms/agent-2.json");
    let text = std::fs::read_to_string(&document).unwrap();
    print("task-changes", "set a name one", "");
    std::fs::write(
        &document,
        text.replace("\"name\": \"a\"", "\"name\": \"two\""),
    )
    .unwrap();
    print("tasks", "list", "");
    print("task", "show a", "");
    print("findings", "lint", "");
    print("tasks", "export --archived", "");
    assert_all_is_printed(TASKS, &seen);
}

#[test]
fn every_verb_of_logctl_prints_what_its_schema_says() {
    let home = Home::new();
    let mut seen = BTreeSet::new();
    let tasks = home.dir.join("runtime/logs/tasks.log");
    for (expected, line, input) in [
        (
            "log-written",
            "write tasks script.begun --task t5 --as agent-3",
            "",
        ),
        (
            "log-written",
            "write --batch -",
            "{\"event\": \"script.a\"}\n",
        ),
        ("error", "write --batch -", "{\"msg\": \"a\"}\n"),
        ("log-query", "query", ""),
        ("log-query", "query --by level,task", ""),
        ("log-query", "query --count", ""),
        ("log-query", "query --grep nothing", ""),
        ("log-stats", "stats --lines", ""),
        ("logs-rotated", "rotate --all --dry-run --as user", ""),
        ("logs-rotated", "rotate --all --as user", ""),
        ("error", "tail nowhere", ""),
    ] {
        let mut command = home.command(LOGCTL);
        command.arg("--json").args(line.split_whitespace());
        command
            .env("DREAMOS_AGENT", "agent-3")
            .env("DREAMOS_INCARNATION", "01jd8x3k5m6n7p8q9r0s1t2v3w");
        let ran = run(&mut command, input.as_bytes());
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
        if line.starts_with("write tasks") {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&tasks)
                .unwrap();
            file.write_all(b"alien\n{\"v\":1,\"ts\":\"2027\n").unwrap();
        }
    }
    assert_all_is_printed(LOGS, &seen);
}

#[test]
fn every_verb_of_voice_prints_what_its_schema_says() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    let home = Home::new();
    let mut seen = BTreeSet::new();
    for (expected, line) in [
        ("voice-said", "say hello"),
        ("voice-file", "generate hello --output hello.wav"),
        ("voice-queued", "enqueue hello"),
        ("voice-queue", "queue"),
        ("voices", "list"),
        ("voice-test", "test --engine espeak-ng"),
        ("error", "list --engine siri"),
    ] {
        let mut command = home.command(VOICE);
        speakers.given_to(&mut command);
        command.arg("--json").args(line.split_whitespace());
        let ran = run(&mut command, b"");
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
    }
    assert_all_is_printed(SPEECH, &seen);
}

#[test]
fn every_verb_of_dreamscribe_prints_what_its_schema_says() {
    let home = Home::new();
    let mut seen = BTreeSet::new();
    let old = "2026-01-03T10:00:";
    let mut lines = String::new();
    for n in 0..9 {
        writeln!(lines, r#"{{"id":"n{n}","timestamp":"{old}0{n}Z","agent_id":"net","type":"log","content":"link {n} timed out","mood":1}}"#).unwrap();
    }
    for (id, agent, text) in [
        ("a", "agent-1", "the deploy failed on db-7"),
        ("b", "agent-2", "the deploy failed on db-7"),
        ("c", "agent-1", "the deploy failed on db-8, and no more"),
    ] {
        writeln!(lines, r#"{{"id":"{id}","timestamp":"{old}30Z","agent_id":"{agent}","type":"note","content":"{text}","context":{{"task_id":"t1"}}}}"#).unwrap();
    }
    for n in 0..4 {
        writeln!(lines, r#"{{"id":"f{n}","timestamp":"{old}4{n}Z","agent_id":"agent-1","type":"event","content":"build {n} failed: no space left"}}"#).unwrap();
    }
    lines += "broken\n";
    for (expected, line, input) in [
        ("memory-stats", "stats", ""),
        ("memory-hits", "query nothing", ""),
        (
            "memory-ingested",
            "ingest - --input fragments",
            lines.as_str(),
        ),
        (
            "memory-ingested",
            "ingest - --input fragments",
            r#"{"id":"a","timestamp":1767434430,"agent_id":"agent-1","type":"note","content":"it failed on db-9"}"#,
        ),
        ("memory-hits", "query deploy failed", ""),
        ("memory-hits", "similar c", ""),
        ("memory-fragments", "recent", ""),
        ("memory-fragments", "thread a", ""),
        ("memory-fragments", "task t1", ""),
        ("memory", "show a --why", ""),
        ("memory", "show c --why", ""),
        ("memory-threads", "threads", ""),
        ("memory-story", "story", ""),
        ("memory-digest", "digest --since 2026-01-01T00:00:00Z", ""),
        ("memory-context", "context --agent agent-1", ""),
        ("memory-insights", "insights", ""),
        ("memory-patterns", "patterns", ""),
        ("memory-stats", "stats", ""),
        ("memory-topic", "topic deploy", ""),
        ("memory-forgotten", "forget a --dry-run", ""),
        ("memory-compacted", "compact --dry-run", ""),
        ("memory-rebuilt", "rebuild", ""),
        ("error", "show nobody", ""),
    ] {
        let mut command = home.command(DREAMSCRIBE);
        command.arg("--json").args(line.split_whitespace());
        let ran = run(&mut command, input.as_bytes());
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
    }
    assert_all_is_printed(MEMORY, &seen);
}

#[test]
fn every_verb_of_dupscan_prints_what_its_schema_says() {
    let home = Home::new();
    let code: Vec<String> = (0..12)
        .map(|n| format!("    step_{n}(value, {n})\n"))
        .collect();
    let code = code.concat();
    let code = format!("def same(value):\n{code}");
    for file in ["a.py", "b.py"] {
        std::fs::write(home.dir.join(file), &code).unwrap();
    }
    std::fs::write(home.dir.join("c.py"), b"\0").unwrap();
    std::fs::write(home.dir.join("one.env"), "PORT=1\nHOST=a\n").unwrap();
    std::fs::write(home.dir.join("two.env"), "PORT=2\nHOST=a\n").unwrap();
    let mut seen = BTreeSet::new();
    for (expected, line) in [
        ("duplicates", "code"),
        ("duplicates", "code -n 0 --any-text"),
        ("duplicates", "config"),
        ("duplicate-files", "files --min-size 0"),
        ("duplicate-files", "files a.py c.py"),
        ("duplicate-names", "names"),
        ("error", "code nosuch"),
        ("error", "diff"),
    ] {
        let mut command = home.command(DUPSCAN);
        command.args(line.split_whitespace()).arg("--json");
        let ran = run(command.env("XDG_CACHE_HOME", home.dir.join("cache")), b"");
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, line) {
            assert_eq!(assert_valid(&document, line), expected, "{line}");
            printed(&document, expected, &mut seen);
        }
    }
    std::os::unix::fs::symlink("a.py", home.dir.join("link")).unwrap();
    let mut command = home.command(DUPSCAN);
    let ran = run(command.args(["files", "--json"]), b"");
    printed(&ran.json(), "duplicate-files", &mut seen);
    assert_all_is_printed(COPIES, &seen);
}

#[test]
fn every_verb_of_metricsd_prints_what_its_schema_says() {
    let home = Home::new();
    let mut seen = BTreeSet::new();
    let mut check = |expected: &str, document: &Value| {
        assert_eq!(assert_valid(document, expected), expected);
        printed(document, expected, &mut seen);
    };
    let mut print = |expected: &str, args: &[&str]| {
        let ran = run(home.command(METRICSD).args(args).arg("--json"), b"");
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, expected) {
            check(expected, &document);
        }
    };
    print("metrics", &["export"]);
    print("textfile", &["textfile", "--out", "f.prom"]);
    print("error", &["textfile", "--out", "/"]);
    let server = serving(&home, &[]);
    check("serving", &server.said);
    assert_all_is_printed(FIGURES, &seen);
}

#[test]
fn every_verb_of_secctl_prints_what_its_schema_says() {
    let home = Home::new();
    let seen = RefCell::new(BTreeSet::new());
    let print_with = |expected: &str, args: &[&str], input: &[u8]| {
        let mut command = home.command(SECCTL);
        let key = home.dir.join("secrets.key");
        let command = command
            .args(args)
            .arg("--json")
            .env("DREAMOS_SECRETS_KEY_FILE", key);
        let ran = run(command, input);
        let said = if ran.out.is_empty() { ran.err } else { ran.out };
        for document in documents(&said, expected) {
            assert_eq!(assert_valid(&document, expected), expected);
            printed(&document, expected, &mut seen.borrow_mut());
        }
    };
    let print = |expected: &str, args: &[&str]| print_with(expected, args, b"opensesame\n");
    print("verdict", &["check", "agent-1", "mail.send", "role:worker"]);
    print(
        "verdict-explained",
        &["explain", "agent-1", "mail.read", "agent-2"],
    );
    print("policy-complaints", &["lint"]);
    home.obey("quotas:\n  - {rule: few, principals: 'agent:*', pending: 9}\n");
    print("verdict", &["check", "agent-1", "mail.send", "agent-2"]);
    print(
        "verdict-explained",
        &["explain", "agent-1", "mail.send", "agent-2"],
    );
    home.obey("allow:\n  - {rule: a, principals: 'role:nobody', actions: mail.read}\n");
    print("policy-complaints", &["lint"]);
    print(
        "verdict-explained",
        &["explain", "agent-1", "mail.read", "agent-2"],
    );
    print(
        "token-issued",
        &["token", "issue", "agent-1", "--out", "a.token"],
    );
    print("token-revoked", &["token", "revoke", "agent-1"]);
    print("error", &["check", "agent-99", "mail.send", "agent-1"]);
    print("key-changed", &["keys", "make", "agent-1"]);
    print("key-changed", &["keys", "rotate", "agent-1"]);
    print("keys", &["keys", "list"]);
    print("approvals", &["approvals"]);
    let mut stop = home.command(AGENTCTL);
    let stop = stop
        .args(["stop", "agent-1"])
        .env("DREAMOS_TAINT", "discord:1");
    assert_eq!(run(stop, b"").code, 77);
    let waiting = std::fs::read(home.dir.join("runtime/security/approvals/waiting.json")).unwrap();
    let waiting: Value = serde_json::from_slice(&waiting).unwrap();
    let id = waiting[0]["id"].as_str().unwrap();
    print("approval-answered", &["approve", id]);
    print("approvals", &["approvals"]);
    print("approval-answered", &["decline", id]);
    print("sealed", &["seal", "agent-1"]);
    let sealed = run(home.command(SECCTL).args(["seal", "agent-1"]), b"hello");
    print_with("opened", &["open", "agent-1"], sealed.out.as_bytes());
    let lines = b"{\"to\": \"agent-1\", \"content\": \"no age\", \"seq\": 1}\n";
    print_with("opened", &["open", "--batch"], lines);
    print("audit-anchored", &["audit", "anchor"]);
    print("audit-records", &["audit", "list"]);
    print("audit-verified", &["audit", "verify"]);
    print("secret-changed", &["secret", "set", "login"]);
    print("secrets", &["secret", "list"]);
    print("secret-changed", &["secret", "rm", "login"]);
    std::fs::remove_file(home.dir.join("runtime/audit/audit.jsonl")).unwrap();
    print("audit-verified", &["audit", "verify"]);
    assert_all_is_printed(RIGHTS, &seen.borrow());
}

/// The markers that stand in a source file.
fn markers(text: &str) -> impl Iterator<Item = String> {
    let behind = text.split("\"dreamos.").skip(1);
    let names = behind.filter_map(|rest| rest.split('"').next()?.strip_suffix("/1"));
    names.map(str::to_owned)
}

#[test]
fn every_document_of_the_programs_has_a_schema() {
    let mut named = BTreeSet::new();
    let mut dirs = vec![checkout().join("bin"), checkout().join("src/cli")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                named.extend(markers(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let all = [
        MAIL, AGENTS, TASKS, LOGS, MEMORY, COPIES, FIGURES, RIGHTS, DISCORD, SPEECH,
    ]
    .into_iter();
    let schemas: BTreeSet<String> = all.flat_map(schemas_in).collect();
    assert_eq!(named, schemas);
}

#[test]
fn the_validator_finds_what_breaks_a_promise() {
    let valid = serde_json::json!({
        "schema": "dreamos.counts/1", "agent": "agent-1", "pending": 1, "urgent": 0, "leased": 0
    });
    assert_eq!(assert_valid(&valid, "counts"), "counts");
    for (key, planted) in [
        ("pending", Value::from("1")),
        ("pending", Value::from(-1)),
        ("agent", Value::Null),
        ("schema", Value::from("dreamos.counts/2")),
        ("surplus", Value::from(1)),
    ] {
        let mut broken = valid.clone();
        broken[key] = planted;
        let schema = schema_named("counts");
        let mut found = Vec::new();
        faults(&schema, &schema, &broken, "", &mut found);
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("/{key}")),
            "{found:?}"
        );
    }
    let mut less = valid;
    less.as_object_mut().unwrap().remove("leased");
    let mut found = Vec::new();
    faults(
        &schema_named("counts"),
        &schema_named("counts"),
        &less,
        "",
        &mut found,
    );
    assert_eq!(found, [": \"leased\" is absent"]);
}
