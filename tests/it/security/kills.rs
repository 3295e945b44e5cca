//! SIGKILL before every system call by which keys, secrets and tokens are changed: what was accepted can be read at every
//! instant, what is half done is taken for nothing, and whoever says it again has it done.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::home::{CELLPHONE, Home, Ran, SECCTL, has_tool, path, run};
use crate::siege::kills::{Call, Verdict, assert_landed, calls_in, each, require, was_killed};
use crate::siege::place;

/// By these something comes to be other than it was; between two of them it does not matter when somebody dies.
const CHANGING: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "fdatasync",
    "fsync",
    "fallocate",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
    "fchmodat",
    "utimensat",
];

fn changes(call: &Call) -> bool {
    CHANGING.contains(&call.name.as_str()) || call.line.contains("O_CREAT")
}

struct Case {
    prepare: fn(&Home),
    /// In which KEY is the first of agent-1.
    verb: &'static str,
    input: &'static str,
    /// Which of its calls.
    at: fn(&Call) -> bool,
    /// After the kill, before anything else.
    killed: fn(&Home) -> Verdict,
    /// The exit codes of what is said again: it was done, or it is done now.
    again: &'static [i32],
    healed: fn(&Home) -> Verdict,
}

fn command(home: &Home, program: &str) -> Command {
    let mut command = home.command(program);
    command.env("DREAMOS_SECRETS_KEY_FILE", home.dir.join("secrets.key"));
    command.env("DREAMOS_PASSPHRASE_FILE", home.dir.join("passphrase"));
    command.env("DREAMOS_NEW_PASSPHRASE_FILE", home.dir.join("passphrase"));
    command
}

fn speak(home: &Home, program: &str, line: &str, input: &str) -> Ran {
    let mut command = command(home, program);
    run(command.args(line.split_whitespace()), input.as_bytes())
}

fn must(home: &Home, program: &str, line: &str, input: &str) -> String {
    let ran = speak(home, program, line, input);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out
}

fn words(home: &Home, case: &Case) -> Vec<String> {
    let words = case.verb.split_whitespace();
    let spelled = words.map(|word| match word {
        "KEY" => {
            let public = home.dir.join("config/security/keys/agent-1.json");
            let public: Value = serde_json::from_slice(&std::fs::read(public).unwrap()).unwrap();
            public["keys"][0]["key"].as_str().unwrap().to_owned()
        }
        word => word.to_owned(),
    });
    spelled.collect()
}

fn strace(home: &Home, case: &Case, options: &[&str]) -> Output {
    let input = home.dir.join("input");
    std::fs::write(&input, case.input).unwrap();
    let mut command = command(home, "strace");
    command.args(["-f", "-qq"]).args(options).arg(SECCTL);
    command.args(words(home, case));
    let input = std::fs::File::open(input).unwrap();
    command.stdin(Stdio::from(input)).output().unwrap()
}

fn fresh(template: &Home) -> Home {
    Home::copy_of(&template.dir, place())
}

fn besiege(case: &Case) {
    if !has_tool("strace") {
        return;
    }
    let template = Home::below(place());
    (case.prepare)(&template);
    let traced = fresh(&template);
    let log = traced.dir.with_file_name("trace");
    let done = strace(&traced, case, &["-o", path(&log)]);
    assert!(done.status.success(), "{done:?}");
    let trace = std::fs::read_to_string(log).unwrap();
    let mut calls = calls_in(&trace, &traced.dir);
    calls.retain(|call| changes(call) && (case.at)(call));
    assert!(calls.len() > 2, "{trace}");
    let landed = AtomicUsize::new(0);
    let failed = each(calls.len(), |n| {
        let home = fresh(&template);
        let killing = calls[n].killing();
        let mut options = vec!["-o", "/dev/null"];
        options.extend(killing.iter().map(String::as_str));
        let done = strace(&home, case, &options);
        landed.fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
        let verdict = judge(&home, case);
        verdict.map_err(|why| format!("{}: {why}", calls[n].line))
    });
    assert_landed(landed.into_inner(), calls.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn judge(home: &Home, case: &Case) -> Verdict {
    (case.killed)(home)?;
    let mut again = command(home, SECCTL);
    let again = run(again.args(words(home, case)), case.input.as_bytes());
    require(case.again.contains(&again.code), || {
        format!("said again: {again:?}")
    })?;
    (case.healed)(home)?;
    let verified = speak(home, SECCTL, "audit verify", "");
    require(verified.code == 0, || format!("{verified:?}"))?;
    let swept = left_half_made(&home.dir);
    require(swept.is_empty(), || format!("left over: {swept:?}"))
}

/// What nobody sweeps but the next one of its kind.
fn left_half_made(dir: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for part in [
        "",
        "runtime/keys",
        "runtime/secrets",
        "runtime/security/tokens",
        "config/security/keys",
    ] {
        let Ok(entries) = std::fs::read_dir(dir.join(part)) else {
            continue;
        };
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        left.extend(names.filter(|name| name.starts_with(".new-")));
    }
    left
}

// Secrets.

fn two_secrets(home: &Home) {
    must(home, SECCTL, "secret set login", "one\n");
    must(home, SECCTL, "secret set other", "kept\n");
    std::fs::write(home.dir.join("passphrase"), "correct horse").unwrap();
}

/// What the store says; `None` where it says that there is none.
fn secret(home: &Home, name: &str) -> Result<Option<String>, String> {
    let ran = speak(home, SECCTL, &format!("secret get {name} --reveal"), "");
    match ran.code {
        0 => Ok(Some(ran.out.trim_end().to_owned())),
        66 => Ok(None),
        _ => Err(format!("get {name}: {ran:?}")),
    }
}

fn is(home: &Home, name: &str, expected: &[Option<&str>]) -> Verdict {
    let found = secret(home, name)?;
    require(expected.contains(&found.as_deref()), || {
        format!("{name} is {found:?}")
    })
}

#[test]
fn a_set_killed_at_any_call_leaves_the_old_secret_or_the_new_one() {
    let set = Case {
        prepare: two_secrets,
        verb: "secret set login",
        input: "two\n",
        at: |_| true,
        killed: |home| {
            is(home, "login", &[Some("one"), Some("two")])?;
            is(home, "other", &[Some("kept")])
        },
        again: &[0],
        healed: |home| {
            is(home, "login", &[Some("two")])?;
            is(home, "other", &[Some("kept")])
        },
    };
    besiege(&set);
    // The first of all makes the key and the store.
    besiege(&Case {
        prepare: |_| {},
        killed: |home| is(home, "login", &[None, Some("two")]),
        healed: |home| is(home, "login", &[Some("two")]),
        ..set
    });
}

#[test]
fn a_removal_killed_at_any_call_removes_it_or_does_not() {
    besiege(&Case {
        prepare: two_secrets,
        verb: "secret rm login",
        input: "",
        at: |_| true,
        killed: |home| {
            is(home, "login", &[Some("one"), None])?;
            is(home, "other", &[Some("kept")])
        },
        again: &[0, 66],
        healed: |home| {
            is(home, "login", &[None])?;
            // Whoever found it gone swept nothing.
            must(home, SECCTL, "secret set other", "kept\n");
            is(home, "other", &[Some("kept")])
        },
    });
}

fn both_as_they_were(home: &Home) -> Verdict {
    is(home, "login", &[Some("one")])?;
    is(home, "other", &[Some("kept")])
}

#[test]
fn a_rotation_of_the_stores_key_killed_at_any_call_locks_nobody_out() {
    let rotate = Case {
        prepare: two_secrets,
        verb: "secret rotate",
        input: "",
        at: |_| true,
        killed: both_as_they_were,
        again: &[0],
        healed: both_as_they_were,
    };
    besiege(&rotate);
    // To a passphrase, which takes long to try: only where the store itself is changed.
    besiege(&Case {
        verb: "secret rotate --passphrase",
        at: |call| call.line.contains(".new-") || call.line.contains("BEGIN AGE"),
        ..rotate
    });
}

// Keys.

fn one_message(home: &Home) {
    must(home, SECCTL, "keys make agent-1", "");
    must(home, CELLPHONE, "send agent-2 first --as agent-1", "");
}

fn proofs(home: &Home) -> Vec<(String, String)> {
    let listed: Value =
        serde_json::from_str(&must(home, CELLPHONE, "inbox agent-2 --json", "")).unwrap();
    let told = listed["messages"].as_array().unwrap().iter().map(|it| {
        let word = |name: &str| it[name].as_str().unwrap_or("none").to_owned();
        (word("content"), word("proof"))
    });
    told.collect()
}

fn proof(home: &Home, content: &str, expected: &[&str]) -> Verdict {
    let all = proofs(home);
    let found = all.iter().find(|(it, _)| it == content);
    require(
        found.is_some_and(|(_, proof)| expected.contains(&proof.as_str())),
        || format!("{content}: {all:?}"),
    )
}

/// What it sends now, and whether readers believe it.
fn sends(home: &Home, content: &str, expected: &[&str]) -> Verdict {
    let line = format!("send agent-2 {content} --as agent-1 --force");
    let sent = speak(home, CELLPHONE, &line, "");
    require(sent.code == 0, || format!("{sent:?}"))?;
    proof(home, content, expected)
}

/// Mail is sealed to nobody who could not open it.
fn can_open(home: &Home) -> Verdict {
    let document = |path: &str| {
        let text = std::fs::read(home.dir.join(path)).ok();
        text.map(|text| serde_json::from_slice::<Value>(&text).unwrap())
    };
    let public = document("config/security/keys/agent-1.json");
    let Some(recipient) = public.and_then(|it| it["age"].as_str().map(str::to_owned)) else {
        return Ok(());
    };
    let opens = document("runtime/keys/agent-1.json");
    let opens = opens.and_then(|it| {
        let identity = it["age_identity"].as_str()?;
        let identity = dreamos::security::secrets::Identity::parse(identity)?;
        Some(identity.recipient())
    });
    require(opens.as_ref() == Some(&recipient), || {
        format!("sealed to {recipient}, opened by {opens:?}")
    })
}

fn is_sealed_to(home: &Home) -> Verdict {
    let public = std::fs::read_to_string(home.dir.join("config/security/keys/agent-1.json"));
    let public = public.unwrap();
    require(public.contains("\"age1"), || public)
}

#[test]
fn a_first_key_killed_at_any_call_is_none_or_signs_and_is_completed() {
    besiege(&Case {
        prepare: |home| {
            must(home, CELLPHONE, "send agent-2 first --as agent-1", "");
        },
        verb: "keys make agent-1",
        input: "",
        at: |_| true,
        killed: |home| {
            can_open(home)?;
            // Of whom nobody knows a key nothing is said.
            sends(home, "second", &["none", "unsigned", "verified"])
        },
        // Whoever was done, but could not say so, has one.
        again: &[0, 73],
        healed: |home| {
            can_open(home)?;
            is_sealed_to(home)?;
            sends(home, "third", &["verified"])?;
            must(home, SECCTL, "keys rotate agent-1", "");
            is_sealed_to(home)
        },
    });
}

#[test]
fn a_rotation_of_a_key_killed_at_any_call_forges_nothing_that_was_signed() {
    besiege(&Case {
        prepare: one_message,
        verb: "keys rotate agent-1",
        input: "",
        at: |_| true,
        killed: |home| {
            can_open(home)?;
            proof(home, "first", &["verified"])?;
            sends(home, "second", &["verified"])
        },
        again: &[0],
        healed: |home| {
            can_open(home)?;
            is_sealed_to(home)?;
            for content in ["first", "second"] {
                proof(home, content, &["verified"])?;
            }
            sends(home, "third", &["verified"])
        },
    });
}

#[test]
fn a_revocation_killed_at_any_call_holds_or_is_none() {
    besiege(&Case {
        prepare: one_message,
        verb: "keys revoke agent-1 KEY",
        input: "",
        at: |_| true,
        killed: |home| {
            can_open(home)?;
            proof(home, "first", &["verified", "forged"])
        },
        again: &[0],
        healed: |home| {
            proof(home, "first", &["forged"])?;
            // It says what to do, and that does it.
            let sent = speak(home, CELLPHONE, "send agent-2 second --as agent-1", "");
            require(sent.code != 0 && sent.err.contains("keys rotate"), || {
                format!("{sent:?}")
            })?;
            must(home, SECCTL, "keys rotate agent-1", "");
            sends(home, "third", &["verified"])
        },
    });
}

// Tokens.

#[test]
fn a_token_killed_at_any_call_is_none_or_counts_and_is_issued_again() {
    const ISSUE: &str = "token issue agent-1 --out agent-1.token";
    fn speaks(home: &Home, token: &str) -> Ran {
        let mut command = command(home, CELLPHONE);
        command.args(["send", "agent-2", "hello", "--as", "agent-1", "--force"]);
        let token = home.dir.join(token);
        run(command.env("DREAMOS_TOKEN_FILE", token), b"")
    }
    besiege(&Case {
        prepare: |home| {
            must(home, SECCTL, "token issue agent-1 --out old.token", "");
            home.obey("identity: required\n");
        },
        verb: ISSUE,
        input: "",
        at: |_| true,
        killed: |home| {
            let old = speaks(home, "old.token");
            require(old.code == 0, || format!("the old one: {old:?}"))?;
            let new = speaks(home, "agent-1.token");
            require(matches!(new.code, 0 | 77), || format!("{new:?}"))
        },
        again: &[0, 73],
        healed: |home| {
            let new = speaks(home, "agent-1.token");
            require(new.code == 0, || format!("{new:?}"))
        },
    });
}
