//! Mail that is sealed: only its recipient reads it, and what it says stands nowhere on the disk, in no argument and in no
//! environment.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::home::{CELLPHONE, Home, LOGCTL, Ran, SECCTL, has_tool, path, run};

const CAPTAINPHONE: &str = env!("CARGO_BIN_EXE_captainphone");
const SECRET: &str = "the launch code is 4711-xyzzy";

fn speak(home: &Home, program: &str, line: &str, input: &str) -> Ran {
    let mut command = home.command(program);
    run(command.args(line.split_whitespace()), input.as_bytes())
}

fn ok(home: &Home, program: &str, line: &str, input: &str) -> String {
    let ran = speak(home, program, line, input);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out
}

fn json(home: &Home, line: &str) -> Value {
    serde_json::from_str(&ok(home, CELLPHONE, &format!("{line} --json"), "")).unwrap()
}

/// A home in which these have keys.
fn with_keys(agents: &[&str]) -> Home {
    let home = Home::new();
    for agent in agents {
        ok(&home, SECCTL, &format!("keys make {agent}"), "");
    }
    home
}

fn send(home: &Home, line: &str) {
    ok(home, CELLPHONE, &format!("{line} --seal"), SECRET);
}

/// Every file below, with what is in it, unpacked.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let bytes = match path.extension().and_then(OsStr::to_str) {
            Some("zst") => zstd::decode_all(&*bytes).unwrap(),
            Some("gz") => {
                let mut text = Vec::new();
                let mut packed = flate2::read::GzDecoder::new(&*bytes);
                packed.read_to_end(&mut text).unwrap();
                text
            }
            _ => bytes,
        };
        all.push((path.display().to_string(), bytes));
    }
    all
}

fn lies_somewhere(home: &Home, text: &str) -> Vec<String> {
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    let found = files(&home.dir).into_iter();
    found.filter(|it| has(&it.1)).map(|it| it.0).collect()
}

#[test]
fn what_is_sealed_is_read_by_its_recipient_and_stands_nowhere() {
    let home = with_keys(&["agent-1", "agent-2"]);
    send(&home, "send agent-2 - --as agent-1");
    send(&home, "send agent-2 - --as agent-1 --mode PRIORITY");
    ok(&home, CELLPHONE, "send agent-2 plain --as agent-1", "");
    let shown = ok(&home, CELLPHONE, "show 1 --as agent-2", "");
    assert!(shown.contains(&format!("\n\n{SECRET}\n")), "{shown}");
    assert!(
        shown.contains("sealed    to agent-2") && shown.contains("signature verified"),
        "{shown}"
    );
    let plain = ok(&home, CELLPHONE, "show 1 --as agent-2 --format plain", "");
    assert_eq!(plain, format!("{SECRET}\n"));
    let one = json(&home, "show 1 --as agent-2");
    assert_eq!(
        (
            &one["content"],
            &one["sealed"],
            &one["opened"],
            &one["proof"]
        ),
        (
            &SECRET.into(),
            &"age".into(),
            &true.into(),
            &"verified".into()
        )
    );
    for line in ["inbox --full", "thread agent-2/1"] {
        let all = json(&home, &format!("{line} --as agent-2"));
        let all = all["messages"].as_array().unwrap();
        for message in all.iter().filter(|it| !it["sealed"].is_null()) {
            assert_eq!(message["content"], SECRET, "{line}: {message}");
        }
        let text = ok(&home, CELLPHONE, &format!("{line} --as agent-2"), "");
        assert!(text.contains(SECRET), "{line}: {text}");
    }
    let plain = &json(&home, "show 3 --as agent-2");
    assert!(
        plain["sealed"].is_null() && plain["opened"].is_null(),
        "{plain}"
    );
    // A listing shows none of it.
    let listed = ok(&home, CELLPHONE, "inbox --as agent-2", "");
    let line = "(sealed: only agent-2 can read";
    assert_eq!(listed.matches(line).count(), 2, "{listed}");
    let listed = json(&home, "inbox --as agent-2");
    let content = listed["messages"][0]["content"].as_str().unwrap();
    assert!(content.starts_with("-----BEGIN AGE"), "{listed}");
    assert!(listed["messages"][0]["opened"].is_null(), "{listed}");
    let next = json(&home, "next --as agent-2");
    assert_eq!(
        (&next["content"], &next["opened"]),
        (&SECRET.into(), &true.into())
    );
    ok(&home, CELLPHONE, "reply 2 - --seal --as agent-2", SECRET);
    assert_eq!(json(&home, "show 1 --as agent-1")["content"], SECRET);
    let env = ok(&home, CELLPHONE, "next --format env --as agent-2", "");
    assert!(env.contains(SECRET), "{env}");
    // Neither search nor what becomes of it later.
    let found = speak(&home, CELLPHONE, "search xyzzy --as agent-2", "");
    assert_eq!(found.code, 1, "{found:?}");
    ok(&home, CELLPHONE, "ack --all --as agent-2", "");
    send(&home, "send agent-2 - --as agent-1 --mode PRIORITY");
    ok(&home, CELLPHONE, "recall agent-2/4 --as agent-1", "");
    ok(&home, CELLPHONE, "restore agent-2/4 --as agent-2", "");
    let restored = json(&home, "show 5 --as agent-2");
    assert_eq!(
        (&restored["content"], &restored["opened"]),
        (&SECRET.into(), &true.into())
    );
    ok(&home, CELLPHONE, "ack 5 --as agent-2", "");
    ok(&home, CELLPHONE, "prune --as agent-2", "");
    ok(&home, LOGCTL, "rotate", "");
    assert!(files(&home.dir).iter().any(|it| it.0.contains("/archive/")));
    assert_eq!(lies_somewhere(&home, "xyzzy"), [""; 0]);
    assert_ne!(
        lies_somewhere(&home, "plain"),
        [""; 0],
        "it finds what lies there"
    );
}

#[test]
fn nobody_else_opens_it_and_everybody_is_told_so() {
    let home = with_keys(&["agent-1", "agent-2", "captain"]);
    send(&home, "send agent-2 - --as agent-1");
    let armored = json(&home, "show agent-2/1 --as agent-1")["content"].clone();
    let armored = armored.as_str().unwrap();
    for caller in ["agent-1", "captain"] {
        let shown = ok(
            &home,
            CELLPHONE,
            &format!("show agent-2/1 --as {caller}"),
            "",
        );
        assert!(
            shown.ends_with("\n\n(sealed: only agent-2 can read it)\n"),
            "{shown}"
        );
        let told = json(&home, &format!("thread agent-2/1 --as {caller}"));
        let told = &told["messages"][0];
        assert_eq!(
            (&told["content"], &told["opened"], &told["unopened_why"]),
            (
                &armored.into(),
                &false.into(),
                &"only agent-2 can read it".into()
            )
        );
        let ran = speak(
            &home,
            SECCTL,
            &format!("open agent-2 --as {caller}"),
            armored,
        );
        assert_eq!((ran.code, &*ran.out), (77, ""), "{ran:?}");
        // With his own key.
        let ran = speak(&home, SECCTL, &format!("open --as {caller}"), armored);
        assert_eq!((ran.code, &*ran.out), (77, ""), "{ran:?}");
        assert!(ran.err.contains("it is sealed to another key"), "{ran:?}");
    }
    let ran = speak(&home, SECCTL, "open --as agent-3", armored);
    assert_eq!((ran.code, &*ran.out), (66, ""), "{ran:?}");
    assert!(ran.err.contains("agent-3 has no key"), "{ran:?}");
    // The person at the terminal may, which is recorded: once, however many they are.
    send(&home, "send agent-2 - --as agent-1 --mode PRIORITY");
    let trail = home.dir.join("runtime/audit/audit.jsonl");
    let records = || {
        let text = fs::read_to_string(&trail).unwrap();
        text.matches("\"verb\":\"mail.open\"").count()
    };
    let before = records();
    let text = ok(&home, CELLPHONE, "inbox agent-2 --full", "");
    assert_eq!(text.matches(SECRET).count(), 2, "{text}");
    assert_eq!(records(), before + 1);
    ok(&home, CELLPHONE, "inbox --full --as agent-2", "");
    ok(&home, CELLPHONE, "inbox agent-2 --full --as captain", "");
    assert_eq!(
        records(),
        before + 1,
        "one's own mail, and what was not asked for"
    );
    home.obey("deny:\n  - {rule: shut, principals: '*', actions: mail.open}\n");
    let shown = ok(&home, CELLPHONE, "show 1 --as agent-2", "");
    assert!(
        shown.contains("(sealed: only agent-2 can read it)"),
        "{shown}"
    );
    let ran = speak(&home, SECCTL, "open --as agent-2", armored);
    assert_eq!((ran.code, &*ran.out), (77, ""), "{ran:?}");
}

#[test]
fn what_was_cut_off_or_changed_is_not_opened_at_all() {
    let home = with_keys(&["agent-2"]);
    let long = "0123456789abcdef\n".repeat(20_000);
    let sealed = ok(&home, SECCTL, "seal agent-2", &long);
    let opened = ok(&home, SECCTL, "open --as agent-2", &sealed);
    assert!(opened == long);
    let told = ok(&home, SECCTL, "open --as agent-2 --json", &sealed);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["content"], *long);
    let end = "\n-----END AGE ENCRYPTED FILE-----\n";
    let body = sealed.strip_suffix(end).unwrap();
    for tenth in 0..10 {
        let at = body.len() * tenth / 10;
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let line = body[..at].rfind('\n').unwrap_or(0);
        for broken in [
            sealed[..at].to_owned(),
            format!("{}{end}", &body[..line]),
            String::from_utf8(changed).unwrap(),
        ] {
            let ran = speak(&home, SECCTL, "open --as agent-2", &broken);
            assert!(matches!(ran.code, 65 | 77), "{at}: {ran:?}");
            assert_eq!(ran.out, "", "{at}");
        }
    }
    // As mail it is told of each, and the others are opened.
    send(&home, "send agent-2 -");
    send(&home, "send agent-2 -");
    let face = home.face("agent-2");
    let mut messages: Value = serde_json::from_slice(&fs::read(&face).unwrap()).unwrap();
    let cut = messages[0]["content"].as_str().unwrap()[..150].to_owned();
    messages[0]["content"] = cut.clone().into();
    messages[0]["opened"] = true.into();
    fs::write(&face, messages.to_string()).unwrap();
    let all = json(&home, "inbox --full --as agent-2");
    let (first, second) = (&all["messages"][0], &all["messages"][1]);
    assert_eq!(
        (&first["content"], &first["opened"]),
        (&cut.into(), &false.into())
    );
    let why = first["unopened_why"].as_str().unwrap();
    assert!(why.contains("it is cut off or was changed"), "{why}");
    assert_eq!(second["content"], SECRET);
    let listed = json(&home, "inbox --as agent-2");
    assert!(listed["messages"][0]["opened"].is_null(), "{listed}");
    let shown = ok(&home, CELLPHONE, "show 1 --as agent-2", "");
    assert!(shown.contains("(sealed: this was not opened"), "{shown}");
}

#[test]
fn another_signing_key_opens_what_came_before() {
    let home = with_keys(&["agent-2"]);
    send(&home, "send agent-2 -");
    ok(&home, SECCTL, "keys rotate agent-2", "");
    send(&home, "send agent-2 -");
    let text = ok(&home, CELLPHONE, "inbox --full --as agent-2", "");
    assert_eq!(text.matches(SECRET).count(), 2, "{text}");
}

#[test]
fn of_a_broadcast_everybody_has_a_copy_of_his_own() {
    let home = with_keys(&["agent-1", "agent-2"]);
    let ran = speak(
        &home,
        CELLPHONE,
        "broadcast - --to agent-1,agent-2,agent-3 --seal",
        SECRET,
    );
    assert_eq!(ran.code, 66, "{ran:?}");
    assert!(
        ran.out.contains("failed agent-3: agent-3 has no key"),
        "{ran:?}"
    );
    let copies = ["agent-1", "agent-2"].map(|agent| {
        assert_eq!(
            json(&home, &format!("show 1 --as {agent}"))["content"],
            SECRET
        );
        json(&home, &format!("inbox --as {agent}"))["messages"][0]["content"].clone()
    });
    for (reader, copy) in [("agent-1", &copies[1]), ("agent-2", &copies[0])] {
        let line = format!("open --as {reader}");
        let ran = speak(&home, SECCTL, &line, copy.as_str().unwrap());
        assert_eq!((ran.code, &*ran.out), (77, ""), "{ran:?}");
    }
    assert!(!home.mailbox("agent-3").exists());
    let order = speak(
        &home,
        CAPTAINPHONE,
        "broadcast - --to agent-1 --seal --no-wait",
        SECRET,
    );
    assert_eq!(order.code, 0, "{order:?}");
    assert_eq!(json(&home, "show 2 --as agent-1")["content"], SECRET);
    assert_eq!(lies_somewhere(&home, "xyzzy"), [""; 0]);
}

#[test]
fn an_order_that_is_passed_on_stays_sealed() {
    let home = with_keys(&["agent-1", "captain"]);
    let order = speak(
        &home,
        CAPTAINPHONE,
        "send agent-1 - --seal --no-wait",
        SECRET,
    );
    assert_eq!(order.code, 0, "{order:?}");
    // The captain cannot read it either.
    let ran = speak(&home, CAPTAINPHONE, "escalate agent-1/1 --no-wait", "");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("(sealed: only agent-1 can read it)"),
        "{ran:?}"
    );
    assert!(!home.mailbox("captain").exists());
    let ran = speak(
        &home,
        CAPTAINPHONE,
        "escalate agent-1/1 --no-wait --as agent-1",
        "",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(json(&home, "show 1 --as captain")["content"], SECRET);
    assert_eq!(lies_somewhere(&home, "xyzzy"), [""; 0]);
}

#[test]
fn who_waits_for_an_answer_reads_it() {
    let home = with_keys(&["agent-1"]);
    let answer = "until cellphone check; do :; done; cellphone reply 1 - --seal";
    let mut agent = home.command("sh");
    agent.args(["-c", answer]).env("DREAMOS_AGENT", "agent-2");
    let agent = std::thread::spawn(move || run(&mut agent, SECRET.as_bytes()));
    let line = "send agent-2 question --as agent-1 --wait=reply --timeout 20s";
    let asked = ok(&home, CELLPHONE, line, "");
    assert_eq!(agent.join().unwrap().code, 0);
    assert!(asked.ends_with(&format!(": {SECRET}\n")), "{asked}");
}

#[test]
fn a_handler_has_the_text_on_its_stdin_and_not_in_its_environment() {
    let home = with_keys(&["agent-2"]);
    send(&home, "send agent-2 -");
    let (said, env) = (
        home.dir.with_file_name("said"),
        home.dir.with_file_name("env"),
    );
    let handler = format!("cat > {}; env > {}", said.display(), env.display());
    let watch = ["watch", "--once", "--as", "agent-2", "--exec", &handler];
    home.ok(&watch);
    let said: Value = serde_json::from_slice(&fs::read(said).unwrap()).unwrap();
    assert_eq!(
        (&said["content"], &said["opened"]),
        (&SECRET.into(), &true.into())
    );
    let env = fs::read_to_string(env).unwrap();
    assert!(env.contains("DREAMOS_CONTENT=\n"), "{env}");
    assert!(!env.contains("xyzzy"), "{env}");
}

#[test]
fn the_text_is_no_argument_and_in_no_environment() {
    if !has_tool("strace") {
        return;
    }
    let home = with_keys(&["agent-2"]);
    let trace = home.dir.with_file_name("trace");
    let traced = |line: &str, input: &str| {
        let mut command = home.command("strace");
        command.args([
            "-f",
            "-v",
            "-s",
            "100000",
            "-e",
            "trace=execve",
            "-o",
            path(&trace),
        ]);
        command.arg(CELLPHONE).args(line.split_whitespace());
        let ran = run(&mut command, input.as_bytes());
        assert_eq!(ran.code, 0, "{ran:?}");
        let text = fs::read_to_string(&trace).unwrap();
        assert!(text.contains("secctl"), "{text}");
        assert!(!text.contains("xyzzy"), "{text}");
        ran.out
    };
    traced("send agent-2 - --seal", SECRET);
    assert!(traced("show 1 --as agent-2", "").contains(SECRET));
}

/// By another process: whatever this one starts meanwhile would hold the copy open, which then could not be run.
fn copy(program: &str, to: &Path) {
    let done = Command::new("cp").arg(program).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
fn without_secctl_nothing_is_sent_and_what_came_is_not_lost() {
    let home = with_keys(&["agent-2"]);
    send(&home, "send agent-2 -");
    let alone = home.dir.with_file_name("cellphone");
    copy(CELLPHONE, &alone);
    let speak = |line: &str| {
        let mut command = home.command(path(&alone));
        command
            .args(line.split_whitespace())
            .env("PATH", "/usr/bin:/bin");
        run(&mut command, SECRET.as_bytes())
    };
    let ran = speak("send agent-2 - --seal");
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(
        ran.err
            .contains("secctl is neither beside this program nor on the PATH"),
        "{ran:?}"
    );
    assert_eq!(home.all("agent-2").len(), 1);
    let shown = speak("show 1 --as agent-2");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.out.contains("(sealed: secctl is neither"),
        "{shown:?}"
    );
    assert!(shown.err.contains("what is sealed stays so"), "{shown:?}");
    let full = speak("inbox --full --as agent-2");
    assert_eq!(full.code, 0, "{full:?}");
    let status = ok(&home, CELLPHONE, "status agent-2/1 --json", "");
    assert!(
        status.contains("\"status\":\"queued\""),
        "nobody read it: {status}"
    );
    // No handler gets, and acknowledges, what it cannot read.
    let watch = speak("watch --once --exec true --as agent-2");
    assert_eq!(watch.code, 69, "{watch:?}");
    assert_eq!(home.pending("agent-2").len(), 1);
    // Beside it, wherever the person stands and whatever the PATH says.
    copy(SECCTL, &alone.with_file_name("secctl"));
    assert!(speak("show 1 --as agent-2").out.contains(SECRET));
}

#[test]
fn a_text_is_sealed_up_to_755_kib_and_a_file_beside_it_is_refused() {
    let home = with_keys(&["agent-2"]);
    let line = "send agent-2 - --seal";
    let long = "x".repeat(755 << 10);
    ok(&home, CELLPHONE, line, &long);
    assert!(json(&home, "show 1 --as agent-2")["content"] == *long);
    let before = files(&home.mailboxes());
    let longer = speak(&home, CELLPHONE, line, &"x".repeat(800 << 10));
    assert_eq!(longer.code, 2, "{longer:?}");
    assert!(longer.err.contains("755 KiB can be sealed"), "{longer:?}");
    fs::write(home.dir.join("f.txt"), SECRET).unwrap();
    for (line, said) in [
        ("send agent-2 - --seal --file f.txt", "secctl seal AGENT"),
        ("broadcast - --seal --file f.txt", "secctl seal AGENT"),
        ("send agent-2 --seal --batch -", "cannot be used with"),
    ] {
        let ran = speak(&home, CELLPHONE, line, "{\"content\": \"x\"}");
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
    assert!(files(&home.mailboxes()) == before, "something was written");
    // As that hint says.
    let sealed = ok(&home, SECCTL, "seal agent-2", SECRET);
    fs::write(home.dir.join("f.age"), sealed).unwrap();
    ok(&home, CELLPHONE, "send agent-2 --file f.age", "");
    let file = &json(&home, "show 2 --as agent-2")["metadata"]["attachments"][0]["path"];
    let file = fs::read_to_string(file.as_str().unwrap()).unwrap();
    assert_eq!(ok(&home, SECCTL, "open --as agent-2", &file), SECRET);
}

#[test]
fn two_sealed_texts_are_never_alike_but_answers_are_counted_and_said_again_they_are_the_same() {
    let home = with_keys(&["agent-1", "agent-2"]);
    for _ in 0..4 {
        send(&home, "send agent-2 - --as agent-1");
    }
    ok(&home, CELLPHONE, "send agent-1 question --as agent-2", "");
    let reply = "reply agent-1/1 - --as agent-1";
    send(&home, reply);
    let again = ok(&home, CELLPHONE, &format!("{reply} --seal"), SECRET);
    assert!(again.starts_with("already replied to agent-1/1"), "{again}");
    assert_eq!(home.all("agent-2").len(), 5);
    // Its key tells nobody what was said: who guesses it has another.
    ok(&home, CELLPHONE, "send agent-3 question --as agent-2", "");
    let ids = json(&home, "inbox --as agent-2 --all");
    let key = ids["messages"][4]["reply_to"].as_str().unwrap();
    assert!(key.len() == 26 && lies_somewhere(&home, &format!("reply:{key}:")).len() == 1);
    let third = "send agent-2 - --as agent-1 --reply-to agent-1/1";
    send(&home, third);
    send(&home, third);
    let fourth = speak(&home, CELLPHONE, &format!("{third} --seal"), SECRET);
    assert_eq!(fourth.code, 77, "{fourth:?}");
    assert!(fourth.err.contains("replied to"), "{fourth:?}");
}

#[test]
fn the_sender_of_a_dead_one_is_told_without_a_word_of_it() {
    let home = with_keys(&["agent-1", "agent-2"]);
    ok(&home, CELLPHONE, "send agent-1 hello", "");
    send(&home, "send agent-2 - --as agent-1");
    for _ in 0..5 {
        ok(&home, CELLPHONE, "next --as agent-2", "");
        ok(&home, CELLPHONE, "nack 1 --as agent-2", "");
    }
    let notice = json(&home, "show 2 --as agent-1");
    let notice = notice["content"].as_str().unwrap();
    assert_eq!(notice, "agent-2/1 was given up after 5 attempts: (sealed)");
}

#[test]
fn where_identity_is_required_whoever_opens_shows_his_token() {
    let home = with_keys(&["agent-2"]);
    send(&home, "send agent-2 -");
    ok(&home, SECCTL, "token issue agent-2 --out its.token", "");
    home.obey("identity: required\n");
    let speak = |program: &str, line: &str| {
        let mut command = home.command(program);
        command.env("DREAMOS_TOKEN_FILE", home.dir.join("its.token"));
        run(command.args(line.split_whitespace()), b"")
    };
    let shown = speak(CELLPHONE, "show 1 --as agent-2");
    assert!(shown.code == 0 && shown.out.contains(SECRET), "{shown:?}");
    let armored = speak(CELLPHONE, "inbox --as agent-2 --json").json();
    let armored = armored["messages"][0]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let stranger = run(
        home.command(SECCTL).args(["open", "--as", "agent-2"]),
        armored.as_bytes(),
    );
    assert_eq!((stranger.code, &*stranger.out), (77, ""), "{stranger:?}");
}
