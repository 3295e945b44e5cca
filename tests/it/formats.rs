//! Each version of the files that was ever written is read by the programs of today: `tests/formats/v1` and so on,
//! each made by the programs of its time.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::home::{Home, checkout, contents, has_privilege};
use crate::invariants;

const DERIVED: [&str; 4] = [".index", ".keys", ".durable", ".stamp"];
/// The newest number in the mailbox of agent-1.
const LAST: u64 = 22;
/// What `.ballast` holds is no format: it is not kept.
const BALLAST: usize = 256 << 10;

fn kept(name: &str) -> PathBuf {
    checkout().join("tests/formats/v1").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(kept(name)).unwrap()
}

fn home() -> Home {
    let home = Home::copy_of(&kept("home"), tempfile::tempdir().unwrap());
    for agent in ["agent-1", "agent-2", "captain"] {
        let ballast = home.mailbox(agent).join(".ballast");
        std::fs::write(&ballast, vec![0; BALLAST]).unwrap();
        std::fs::set_permissions(ballast, Permissions::from_mode(0o600)).unwrap();
        for name in [".lock", ".render.lock"] {
            assert!(home.mailbox(agent).join(name).exists(), "not kept: {name}");
        }
    }
    home
}

fn home_without_derived_files() -> Home {
    let home = home();
    for agent in ["agent-1", "agent-2", "captain"] {
        for name in DERIVED {
            std::fs::remove_file(home.mailbox(agent).join(name)).unwrap();
        }
    }
    home
}

/// As found on a disk from another machine, and as a person left it who deleted what may be deleted.
fn homes() -> [(&'static str, Home); 2] {
    [
        ("the derived files are there", home()),
        ("they are gone", home_without_derived_files()),
    ]
}

/// Everything that is told of agent-1's mail, a line and its steps for each message.
fn told(home: &Home) -> String {
    let mut told = String::new();
    for message in home.list(&["inbox", "agent-1", "--all"]) {
        let name = format!("agent-1/{}", message["seq"]);
        let status = home.ok(&["status", &name, "--json"]).json();
        assert_eq!(status["message"]["content"], message["content"], "{name}");
        assert_eq!(status["lease"], Value::Null, "{name}");
        let content = message["content"].as_str().unwrap();
        let shown: String = content.chars().take(30).collect();
        let mut rest = message.as_object().unwrap().clone();
        for field in [
            "seq", "id", "from", "to", "mode", "content", "status", "attempts",
        ] {
            rest.remove(field).unwrap();
        }
        rest.retain(|_, value| *value != Value::Null && *value != json!({}));
        let [id, from, mode, status_word] =
            ["id", "from", "mode", "status"].map(|field| message[field].as_str().unwrap());
        writeln!(
            told,
            "{name} {id} {from} {mode} {status_word} {} attempts, {} bytes {shown:?}\n  {}",
            message["attempts"],
            content.len(),
            Value::from(rest),
        )
        .unwrap();
        for step in status["steps"].as_array().unwrap() {
            let [at, what] = ["at", "what"].map(|field| step[field].as_str().unwrap());
            writeln!(told, "  {at} {what} {} {}", step["by"], step["detail"]).unwrap();
        }
    }
    told
}

/// Both files were looked at by a person when they were made; with BLESS they are made anew.
#[test]
fn version_1_tells_of_every_message_what_its_own_time_told() {
    for (how, home) in homes() {
        let inbox = home.ok(&["inbox", "agent-1", "--json"]).out;
        let told = told(&home);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(kept("inbox.json"), &inbox).unwrap();
            std::fs::write(kept("told.txt"), &told).unwrap();
        }
        assert_eq!(inbox, text("inbox.json"), "{how}");
        assert_eq!(told, text("told.txt"), "{how}");
    }
}

#[test]
fn the_kept_journal_has_a_record_of_every_type() {
    let journal = text("home/runtime/mailbox/agent-1/journal.jsonl");
    let contract = std::fs::read_to_string(checkout().join("runtime/README.md")).unwrap();
    let table = contract.split("| type | meaning |").nth(1).unwrap();
    let types: Vec<&str> = table
        .lines()
        .skip(2)
        .map_while(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0))
        .collect();
    assert_eq!(types.len(), 16, "{types:?}");
    for record in types {
        let start = format!("{{\"t\":\"{record}\"");
        assert!(
            journal.lines().any(|line| line.starts_with(&start)),
            "{record}"
        );
    }
    assert!(journal.contains("#torn\n") && journal.contains("\0\0"));
}

#[test]
fn nothing_is_wrong_with_a_mailbox_of_version_1_before_and_after_its_use() {
    for (how, home) in homes() {
        home.assert_well(how);
        home.ok(&["next", "--as", "agent-1"]);
        home.ok(&["inbox", "captain"]);
        home.ok(&["inbox", "agent-2"]);
        home.assert_well(how);
        invariants::check_swept(&home.dir).unwrap();
    }
}

/// Where the machine has not been started since, they are taken at their word.
#[test]
fn the_derived_files_of_version_1_are_believed_in_their_own_boot() {
    if !has_privilege() {
        return;
    }
    let mut home = home();
    home.boot = Some(kept("boot_id"));
    home.assert_well("its own boot");
    assert_eq!(again(&home, "sealed away", "once", "user"), "agent-1/1");
    assert_eq!(again(&home, "said twice", "again", "agent-2"), "agent-1/4");
    assert_eq!(sent(&home, "new"), LAST + 1);
    home.assert_well("a send");
    home.boot = None;
    home.assert_well("the next boot");
}

fn sent(home: &Home, content: &str) -> u64 {
    let sent = home.ok(&["send", "agent-1", content, "--json"]).json();
    assert_eq!(sent["repeated"], false);
    let name = sent["name"].as_str().unwrap();
    name.strip_prefix("agent-1/").unwrap().parse().unwrap()
}

/// The message that a keyed retry is told of.
fn again(home: &Home, content: &str, key: &str, sender: &str) -> String {
    let args = [
        "send", "agent-1", content, "--key", key, "--as", sender, "--json",
    ];
    let sent = home.ok(&args).json();
    assert_eq!(sent["repeated"], true, "{sent}");
    sent["name"].as_str().unwrap().to_owned()
}

#[test]
fn numbers_and_keys_go_on_from_version_1() {
    for (how, home) in homes() {
        assert_eq!(sent(&home, "new"), LAST + 1, "{how}");
        // Its message is in the archive, of the journal only its key.
        assert_eq!(again(&home, "sealed away", "once", "user"), "agent-1/1");
        assert_eq!(again(&home, "said twice", "again", "agent-2"), "agent-1/4");
        let old = home.dir.join("agent-1/inbox.json");
        std::fs::create_dir(old.parent().unwrap()).unwrap();
        let text = r#"[{"id":"old-1","from":"agent-4","content":"imported"}]"#;
        std::fs::write(old, text).unwrap();
        let imported = home.ok(&["import", "agent-1/inbox.json", "--json"]).json();
        assert_eq!(
            (&imported["sent"], &imported["known"]),
            (&json!([]), &json!(1)),
            "{imported}"
        );
        assert_eq!(sent(&home, "newer"), LAST + 2, "{how}");
    }
}

#[test]
fn mail_of_version_1_is_found_by_thread_text_number_and_id() {
    for (how, home) in homes() {
        let found = |args: &[&str]| contents(&home.list(args));
        let thread = found(&["thread", "agent-1/5"]);
        assert_eq!(thread, ["an order", "an answer"], "{how}");
        assert_eq!(found(&["search", "sealed"]), ["sealed away"], "{how}");
        assert_eq!(found(&["search", "FIGURE"]), ["with a figure"], "{how}");
        let archived = home.ok(&["show", "agent-1/1", "--json"]).json();
        assert_eq!(
            (&archived["content"], &archived["status"]),
            (&json!("sealed away"), &json!("acked")),
            "{how}"
        );
        let id = archived["id"].as_str().unwrap();
        assert!(home.ok(&["show", id]).out.contains("sealed away"), "{how}");
        // By the watch of that time the mail up to 18 has been told.
        let watched = home.ok(&["watch", "agent-1", "--cursor", "job", "--once"]);
        assert!(watched.out.starts_with("agent-1/20 "), "{how}: {watched:?}");
        let restored = home.ok(&["restore", "agent-1/7", "--json"]).json();
        assert_eq!(restored["name"], format!("agent-1/{}", LAST + 1), "{how}");
    }
}

#[test]
fn edits_of_a_face_of_version_1_are_merged() {
    for (how, home) in homes() {
        let mut face = home.shown("agent-1");
        let entry = |seq: u64| face.iter().position(|it| it["seq"] == seq).unwrap();
        let (long, figure) = (entry(11), entry(2));
        assert_eq!(face[long]["content_truncated"], true);
        face[long]["mode"] = json!("BULK");
        face[figure]["content"] = json!("changed by hand");
        face.push(json!({"id": "new", "from": "agent-4", "content": "added by hand"}));
        // What had been adopted stands in the face of that time under its foreign id.
        face.push(json!({"id": "theirs", "from": "agent-4", "content": "adopted"}));
        std::fs::write(home.face("agent-1"), Value::from(face).to_string()).unwrap();
        let all = home.all("agent-1");
        let count = |content: &str| all.iter().filter(|it| *it == content).count();
        assert_eq!(count("changed by hand"), 1, "{how}");
        assert_eq!(count("added by hand"), 1, "{how}");
        assert_eq!(count("adopted"), 1, "{how}");
        assert_eq!(count("with a figure"), 0, "{how}");
        let long = home.ok(&["show", "agent-1/11", "--json"]).json();
        assert_eq!(long["mode"], "BULK", "{how}");
        assert_eq!(long["content"], "long ".repeat(13_200), "{how}");
        home.assert_well(how);
    }
}

#[test]
fn a_mailbox_of_version_1_is_compacted_and_nothing_that_waits_is_lost() {
    for (how, home) in homes() {
        let before = home.ok(&["inbox", "agent-1", "--json"]).json();
        home.ok(&["prune", "agent-1"]);
        let after = home.ok(&["inbox", "agent-1", "--json"]).json();
        assert_eq!(after, before, "{how}");
        assert_eq!(sent(&home, "new"), LAST + 1, "{how}");
        home.assert_well(how);
        let truths = invariants::check_swept(&home.dir).unwrap();
        assert_eq!(truths["agent-1"].generation, 3, "{how}");
    }
}

/// The faces are rendered today as they were then.
#[test]
fn the_faces_of_version_1_are_those_of_today() {
    let home = home_without_derived_files();
    for name in ["inbox.json", "dead.json"] {
        std::fs::remove_file(home.mailbox("agent-1").join(name)).unwrap();
    }
    home.ok(&["send", "agent-2", "so that the roster is read"]);
    home.ok(&["inbox", "agent-1"]);
    let then = kept("home/runtime/mailbox/agent-1");
    let dead = |dir: &Path| std::fs::read_to_string(dir.join("dead.json")).unwrap();
    assert_eq!(dead(&home.mailbox("agent-1")), dead(&then));
    let face = |dir: &Path| -> Vec<String> {
        let text = std::fs::read_to_string(dir.join("inbox.json")).unwrap();
        // Which rendering it is, and that nobody works on the last one any more.
        text.lines()
            .filter(|line| !line.starts_with("    \"rev\": "))
            .map(|line| line.replace("\"status\": \"read\"", "\"status\": \"queued\""))
            .collect()
    };
    assert_eq!(face(&home.mailbox("agent-1")), face(&then));
}

/// Another program of the same format would take the kept copy for its own.
#[test]
fn the_compiled_roster_of_version_2_is_that_of_today_and_that_of_version_1_is_made_anew() {
    let home = home();
    let cache = home.dir.join("runtime/cache/roster");
    let read = || std::fs::read_to_string(&cache).unwrap();
    assert!(read().starts_with("{\"format\":1,"));
    home.ok(&["send", "role:reviewer", "hello"]);
    let now = read();
    assert!(now.starts_with("{\"format\":2,"));
    let then = std::fs::read_to_string(kept("../v2/roster")).unwrap();
    assert_eq!(now.split_once('\n').unwrap().1, then);
}

/// What a program of a later version left: its number, a record and a field that nobody here knows.
fn of_a_newer_version() -> Home {
    let home = home_without_derived_files();
    let journal = std::fs::read(home.journal("agent-1")).unwrap();
    let opening: Value =
        serde_json::from_slice(journal.split(|&b| b == b'\n').next().unwrap()).unwrap();
    let salt = u64::from_str_radix(opening["salt"].as_str().unwrap(), 16).unwrap();
    let mut newer = Vec::new();
    for (n, line) in journal.split_inclusive(|&b| b == b'\n').enumerate() {
        let changed = match std::str::from_utf8(line) {
            Ok(line) if n == 0 => line.replacen("\"v\":1,", "\"v\":2,\"colour\":\"red\",", 1),
            Ok(line) if line.starts_with("{\"t\":\"read\"") => {
                line.replacen("\"seq\":", "\"where\":{\"room\":7},\"seq\":", 1)
            }
            _ => {
                newer.extend_from_slice(line);
                continue;
            }
        };
        newer.extend(invariants::sealed(changed.trim_end(), salt).bytes());
        newer.push(b'\n');
    }
    newer.extend(invariants::sealed(r#"{"t":"pinned","seq":4,"sum":""}"#, salt).bytes());
    newer.push(b'\n');
    std::fs::write(home.journal("agent-1"), newer).unwrap();
    home
}

#[test]
fn a_newer_version_is_read_and_writing_is_refused_with_78() {
    let home = of_a_newer_version();
    let before = std::fs::read(home.journal("agent-1")).unwrap();
    let kept: Value = serde_json::from_str(&text("inbox.json")).unwrap();
    let kept = kept["messages"].as_array().unwrap();
    assert_eq!(home.pending("agent-1"), contents(kept));
    let all = |home: &Home| {
        let mut all = home.list(&["inbox", "agent-1", "--all"]);
        // Its lease has lapsed, which nobody may take down here.
        all.retain(|message| message["seq"] != LAST);
        all
    };
    assert_eq!(all(&home), all(&home_without_derived_files()));
    assert_eq!(home.list(&["search", "sealed"]).len(), 1);
    for args in [
        &["send", "agent-1", "new", "--json"][..],
        &["next", "--as", "agent-1", "--json"],
        &["ack", "agent-1/2", "--as", "agent-1", "--json"],
        &["nack", "agent-1/22", "--as", "agent-1", "--json"],
        &["reply", "agent-1/2", "yes", "--as", "agent-1", "--json"],
        &["recall", "agent-1/21", "--json"],
        &["restore", "agent-1/7", "--json"],
        &["prune", "agent-1", "--json"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 78, "{args:?}: {ran:?}");
        assert!(ran.err.contains("format 2"), "{args:?}: {ran:?}");
    }
    let doctor = home.run(&["doctor", "agent-1", "--fix", "--json"]);
    let findings = &doctor.json()["findings"];
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert_eq!(findings[0]["what"], "journal-newer", "{findings}");
    assert_eq!(std::fs::read(home.journal("agent-1")).unwrap(), before);
    assert_eq!(
        home.ok(&["inbox", "captain", "--json"]).json()["messages"][0]["content"],
        "an answer"
    );
}
