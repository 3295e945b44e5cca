//! What a person does with agents besides starting and stopping them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::{AGENTCTL, Swarm, lives, signal, until};
use crate::home::{has_tool, run};

/// Acknowledges whatever comes, as a shell script does.
const OBEDIENT: &str = "agent-1:\n  command: 'while :; do cellphone next --wait >/dev/null && cellphone ack --all; done'\n  \
                        env: {PATH: '[PATH]'}";

fn obedient() -> Swarm {
    let programs = std::path::Path::new(AGENTCTL).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    Swarm::new(&OBEDIENT.replace("[PATH]", &path))
}

#[test]
fn verify_says_whether_the_agent_acknowledged_and_leaves_late_mail_queued() {
    let swarm = obedient();
    let ran = swarm.run(&["verify", "agent-1", "--timeout", "300ms"]);
    assert_eq!(ran.code, 124, "{ran:?}");
    assert_eq!(ran.out, "queued agent-1/1: not acked within 300ms\n");
    swarm.ok(&["start", "agent-1"]);
    until("the late one is acknowledged", || {
        swarm.home.pending("agent-1").is_empty()
    });
    let ran = swarm.ok(&["verify", "agent-1"]);
    assert_eq!(ran.out, "acked agent-1/2\n");
    let ran = swarm.ok(&["resume", "agent-1", "--context", "task 14", "--json"]);
    let result = ran.json()["results"][0].clone();
    assert_eq!(
        (&result["status"], &result["name"]),
        (&"acked".into(), &"agent-1/3".into())
    );
    assert!(
        swarm
            .home
            .all("agent-1")
            .contains(&"resume: task 14".to_owned())
    );
    assert_eq!(swarm.run(&["verify", "agnet-1"]).code, 66);
}

#[test]
fn onboarding_is_sent_once_in_each_life() {
    let swarm = Swarm::new(
        "agent-1:\n  command: [sleep, '1000']\n  roles: [scribe]\n  \
         onboarding: 'You are {{ agent }}, a {{ role }}. {{ mailbox }}'",
    );
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["onboard", "agent-1", "--no-wait"]);
    swarm.ok(&["onboard", "agent-1", "--no-wait"]);
    let mailbox = swarm.home.mailbox("agent-1");
    let text = format!("You are agent-1, a scribe. {}", mailbox.display());
    assert_eq!(swarm.home.pending("agent-1"), [text.as_str()]);
    swarm.ok(&["restart", "agent-1"]);
    swarm.ok(&["onboard", "agent-1", "--no-wait"]);
    assert_eq!(swarm.home.pending("agent-1").len(), 2);
    swarm.ok(&["set", "agent-1", "onboarding", "'{{ agnet }}'"]);
    let ran = swarm.run(&["onboard", "agent-1", "--no-wait"]);
    assert_eq!(ran.code, 78);
    assert!(
        ran.err.contains("the onboarding of agent-1 is no template"),
        "{ran:?}"
    );
}

#[test]
fn one_that_does_not_run_is_onboarded_once_for_its_next_life() {
    let swarm =
        Swarm::new("agent-1: {command: [sleep, '1000'], onboarding: 'You are {{ agent }}.'}");
    let onboard = || swarm.ok(&["onboard", "agent-1", "--no-wait"]).out;
    assert_eq!(onboard(), "queued agent-1/1\n");
    assert_eq!(onboard(), "queued agent-1/1\n");
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(onboard(), "queued agent-1/2\n", "a life later");
    assert_eq!(onboard(), "queued agent-1/2\n");
    swarm.ok(&["set", "agent-1", "onboarding", "'You were {{ agent }}.'"]);
    assert_eq!(onboard(), "queued agent-1/3\n", "it is told something else");
    assert_eq!(swarm.home.pending("agent-1").len(), 3);
}

#[test]
fn an_agent_is_registered_changed_and_taken_out_and_every_comment_stays() {
    let swarm = Swarm::new("agent-1: {roles: [worker]}  # the first");
    let args = [
        "register",
        "agent-9",
        "--role",
        "worker",
        "--set",
        "restart=always",
        "--",
        "sleep",
        "1000",
    ];
    assert_eq!(swarm.ok(&args).out, "registered agent-9\n");
    swarm.ok(&["start", "agent-9"]);
    let ran = swarm.ok(&["set", "agent-9", "backoff.max", "5m"]);
    assert!(ran.err.contains("agentctl restart agent-9"), "{ran:?}");
    let running = swarm.run(&["unregister", "agent-9"]);
    assert_eq!(running.code, 2, "{running:?}");
    let yaml = swarm.home.dir.join("config/agents.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    assert!(
        text.contains("# the first") && text.contains("max: 5m"),
        "{text}"
    );
    for (args, code) in [
        (["set", "agent-9", "restrat", "always"], 2),
        (["set", "agent-9", "restart", "sometimes"], 2),
        (["set", "agent-8", "restart", "always"], 66),
        (["register", "Agent_9", "--set", "restart=always"], 2),
    ] {
        assert_eq!(swarm.run(&args).code, code, "{args:?}");
        assert_eq!(std::fs::read_to_string(&yaml).unwrap(), text, "{args:?}");
    }
    swarm.ok(&["stop", "agent-9"]);
    swarm.ok(&["unregister", "agent-9"]);
    let text = std::fs::read_to_string(&yaml).unwrap();
    assert!(
        text.contains("# the first") && !text.contains("agent-9"),
        "{text}"
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_78_with_its_place_and_stays() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000'], restart: sometimes}");
    let yaml = swarm.home.dir.join("config/agents.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    for args in [&["start", "agent-1"][..], &["set", "agent-1", "cwd", "x"]] {
        let ran = swarm.run(args);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.err.contains("agents.yaml:3:"), "{ran:?}");
    }
    assert_eq!(std::fs::read_to_string(&yaml).unwrap(), text);
    swarm.configure("agent-1: {}");
}

/// `agentctl logs -f`, and what it says.
struct Follow {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Follow {
    fn of(swarm: &Swarm, agent: &str) -> Self {
        let (out, err) = (swarm.home.dir.join("out"), swarm.home.dir.join("err"));
        let mut command = swarm.command();
        command
            .args(["logs", agent, "-f"])
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap());
        let child = command.spawn().unwrap();
        Self { child, out, err }
    }

    /// Without their times.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.out).unwrap();
        // The last may be half written.
        let whole = text.rfind('\n').unwrap_or_default();
        without_times(&text[..whole])
    }

    fn warnings(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    fn signal(&self, name: &str) {
        signal(i32::try_from(self.child.id()).unwrap(), name);
    }

    fn end(mut self) {
        self.signal("INT");
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        // It has ended where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An empty line has no time.
fn without_times(text: &str) -> Vec<String> {
    let text_of = |line: &str| line.split_once(' ').unwrap_or_default().1.to_owned();
    text.lines().map(text_of).collect()
}

#[test]
fn what_runs_is_stopped_though_nobody_can_read_the_configuration() {
    let swarm = Swarm::new("agent-1: {command: 'echo up; exec sleep 1000'}\nagent-2: {}");
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["start", "agent-2", "--", "sleep", "1000"]);
    let again = swarm.ok(&["start", "agent-2"]);
    assert!(
        again.out.starts_with("already running agent-2"),
        "{again:?}"
    );
    let yaml = swarm.home.dir.join("config/agents.yaml");
    std::fs::write(&yaml, "agents: {agent-1: {\n").unwrap();
    let status = swarm.ok(&["status", "agent-1"]);
    let warned = format!("warning: {}:", yaml.display());
    assert!(status.err.starts_with(&warned), "{status:?}");
    assert!(swarm.ok(&["logs", "agent-1"]).out.ends_with(" up\n"));
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
    assert_eq!(swarm.run(&["stop", "agnet-1"]).code, 66);
    let down = swarm.ok(&["down"]);
    assert_eq!(down.out, "stopped agent-2\n");
    assert_eq!(swarm.run(&["start", "agent-1"]).code, 78);
    // Who is not there any more can be stopped too.
    swarm.configure("agent-1: {}");
    swarm.ok(&["start", "agent-1", "--", "sleep", "1000"]);
    swarm.configure("agent-2: {}");
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
}

#[test]
fn a_list_that_cannot_read_what_was_promised_says_so() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000'], heartbeat: {interval: 1m}}");
    swarm.ok(&["start", "agent-1"]);
    swarm.configure("agent-1: {command: [sleep, '1000'], heartbeat: {interval: 1m, timeout: 1s}}");
    let list = swarm.ok(&["list"]);
    assert!(list.err.contains("`timeout` must be longer"), "{list:?}");
    assert!(list.out.contains("running"), "{list:?}");
    swarm.configure("agent-1: {command: [sleep, '1000']}");
}

#[test]
fn logs_show_the_last_lines_and_follow_through_a_rotation() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'seq 5; while ! test -e go; do sleep 0.02; done; seq 6 400; sleep 1000'\n  \
         output: {bytes: 2000, older: 9}",
    );
    swarm.ok(&["start", "agent-1"]);
    let last = swarm.ok(&["logs", "agent-1", "-n", "2"]).out;
    assert_eq!(without_times(&last), ["4", "5"]);
    assert_eq!(
        swarm
            .ok(&["logs", "agent-1", "--since", "2020-01-01T00:00:00Z"])
            .out
            .lines()
            .count(),
        5
    );
    assert_eq!(
        swarm
            .ok(&["logs", "agent-1", "--since", "2100-01-01T00:00:00Z"])
            .out,
        ""
    );

    let follow = Follow::of(&swarm, "agent-1");
    until("it follows", || follow.lines().len() == 5);
    std::fs::write(swarm.home.dir.join("go"), "").unwrap();
    until("it has seen all", || {
        follow.lines().last().is_some_and(|last| last == "400")
    });
    let expected: Vec<String> = (1..=400).map(|n| n.to_string()).collect();
    assert_eq!(follow.lines(), expected, "each line once, in order");
    follow.end();
}

/// Somebody who follows, and looks away while the log is rotated again and again.
fn looks_away(older: u32) -> (Swarm, Follow) {
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'seq 5; while ! test -e go; do sleep 0.02; done; seq 6 20000; echo end; sleep 1000'\n  \
         output: {{bytes: 1000, older: {older}}}"
    ));
    swarm.ok(&["start", "agent-1"]);
    let follow = Follow::of(&swarm, "agent-1");
    until("it follows", || follow.lines().len() == 5);
    follow.signal("STOP");
    std::fs::write(swarm.home.dir.join("go"), "").unwrap();
    until("all is printed", || {
        let last = swarm.ok(&["logs", "agent-1", "-n", "3"]).out;
        without_times(&last).concat().ends_with("end")
    });
    follow.signal("CONT");
    until("it has seen the end", || {
        follow.lines().concat().ends_with("end")
    });
    (swarm, follow)
}

/// What was printed, in one: a rotation may cut a line in two.
fn whole() -> String {
    let numbers = (1..=20_000).map(|n| n.to_string());
    numbers.chain(["end".into()]).collect()
}

#[test]
fn who_follows_the_logs_sees_what_was_rotated_many_times_since_he_looked() {
    let (swarm, follow) = looks_away(99);
    let rotated = |n: &u32| swarm.file("agent-1", &format!("output.log.{n}")).exists();
    assert!((1..=99).filter(rotated).count() > 5);
    assert!(
        follow.lines().concat() == whole(),
        "everything once, in order: {:?}",
        follow.lines()
    );
    assert_eq!(follow.warnings(), "");
    follow.end();
}

#[test]
fn who_follows_the_logs_is_told_where_lines_are_gone_and_sees_all_that_is_there() {
    let (swarm, follow) = looks_away(1);
    let kept = ["output.log.1", "output.log"].map(|name| {
        let text = std::fs::read_to_string(swarm.file("agent-1", name)).unwrap();
        without_times(&text).concat()
    });
    let seen = follow.lines().concat();
    // The file in which he stood is his for as long as he holds it.
    assert!(seen.starts_with("12345678"), "{seen}");
    assert!(seen.ends_with(&kept.concat()), "{kept:?}: {seen}");
    assert!(seen.len() < whole().len(), "nothing was gone");
    assert_eq!(
        follow.warnings(),
        "warning: lines may be missing here: their file was gone before it was read\n"
    );
    follow.end();
}

#[test]
fn an_agent_says_how_it_does_and_its_silence_is_seen() {
    let swarm = Swarm::new(
        "agent-1:\n  command: [sleep, '1000']\n  heartbeat: {interval: 100ms, timeout: 300ms}",
    );
    swarm.ok(&["start", "agent-1"]);
    let life = swarm.state("agent-1")["incarnation"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut speak = swarm.command();
    speak.args(["activity", "epoch 5/100"]);
    speak
        .env("DREAMOS_AGENT", "agent-1")
        .env("DREAMOS_INCARNATION", &life);
    assert_eq!(run(&mut speak, b"").code, 0);
    let health = || {
        let ran = swarm.run(&["status", "agent-1", "--json"]);
        ran.json()["health"].clone()
    };
    let now = health();
    assert_eq!(
        (&now["state"], &now["activity"]),
        (&"ok".into(), &"working".into())
    );
    assert_eq!(now["evidence"], "it says: epoch 5/100");
    until("its silence is seen", || health()["state"] == "silent");
    swarm.home.ok(&["send", "agent-1", "work"]);
    until("what it owes is seen", || health()["state"] == "stalled");
    assert_eq!(
        swarm.word("agent-1"),
        "running",
        "nothing is killed for a signal"
    );
    let ran = swarm.run(&["heartbeat", "--as", "agent-2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn what_outlived_its_life_takes_no_mail_and_closes_none() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    swarm.home.ok(&["send", "agent-1", "work"]);
    swarm.home.ok(&["send", "agent-1", "more"]);
    let of_life = |life: &str, args: &[&str]| {
        let mut command = swarm.home.command(crate::home::CELLPHONE);
        command
            .args(args)
            .env("DREAMOS_AGENT", "agent-1")
            .env("DREAMOS_INCARNATION", life);
        run(&mut command, b"")
    };
    let life = || {
        swarm.state("agent-1")["incarnation"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    swarm.ok(&["start", "agent-1"]);
    let first = life();
    assert_eq!(of_life(&first, &["next"]).code, 0);
    swarm.ok(&["restart", "agent-1"]);
    let second = life();
    for args in [
        &["next"][..],
        &["ack", "1"],
        &["nack", "1"],
        &["reply", "1", "done"],
    ] {
        let ran = of_life(&first, args);
        assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
        assert!(ran.err.contains("this life of agent-1 is over"), "{ran:?}");
    }
    // What the first held is the second's now.
    let taken = of_life(&second, &["next", "--json"]);
    assert_eq!(
        (taken.code, taken.json()["seq"].as_u64()),
        (0, Some(1)),
        "{taken:?}"
    );
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(
        of_life(&second, &["ack", "1"]).code,
        1,
        "a stopped agent does nothing"
    );
    assert_eq!(
        swarm.home.run(&["ack", "--as", "agent-1", "1"]).code,
        0,
        "a person does"
    );
}

#[test]
fn a_wait_ends_when_it_has_come_so_far_or_in_time() {
    let swarm = Swarm::new(
        "agent-1: {command: 'while ! test -e end; do sleep 0.02; done', restart: never}",
    );
    swarm.ok(&["start", "agent-1"]);
    assert_eq!(
        swarm
            .run(&["wait", "agent-1", "--for", "exited", "--timeout", "50ms"])
            .code,
        124
    );
    swarm.home.ok(&["send", "agent-1", "work"]);
    assert_eq!(
        swarm
            .run(&["wait", "agent-1", "--for", "acked", "--timeout", "50ms"])
            .code,
        124
    );
    swarm.home.ok(&["ack", "--all", "--as", "agent-1"]);
    swarm.ok(&["wait", "agent-1", "--for", "acked"]);
    let mut idle = swarm.command();
    idle.args(["activity", "--idle"])
        .env("DREAMOS_AGENT", "agent-1");
    idle.env(
        "DREAMOS_INCARNATION",
        swarm.state("agent-1")["incarnation"].as_str().unwrap(),
    );
    assert_eq!(run(&mut idle, b"").code, 0);
    swarm.ok(&["wait", "agent-1", "--for", "idle"]);
    std::fs::write(swarm.home.dir.join("end"), "").unwrap();
    swarm.ok(&["wait", "agent-1", "--for", "exited"]);
    assert_eq!(swarm.word("agent-1"), "exited");
}

#[test]
fn a_devlog_keeps_what_was_told_and_a_cleared_one_leaves_a_backup() {
    let swarm = Swarm::new("agent-1: {}");
    swarm.ok(&["devlog", "agent-1", "add", "The parser is done."]);
    swarm.ok(&["devlog", "agent-1", "add", "Next: the printer."]);
    let told = swarm.ok(&["devlog", "agent-1"]).out;
    assert!(told.starts_with("# agent-1 Devlog\n\n## "), "{told}");
    assert!(told.contains("\n\nThe parser is done.\n\n## "), "{told}");
    swarm.ok(&["devlog", "agent-1", "clear"]);
    let cleared = swarm.ok(&["devlog", "agent-1"]).out;
    assert!(
        cleared.starts_with("# agent-1 Devlog\n\nLog cleared at "),
        "{cleared}"
    );
    let backup = swarm
        .home
        .dir
        .join("runtime/devlog/agents/agent-1/devlog.md.backup");
    assert_eq!(std::fs::read_to_string(backup).unwrap(), told);
}

#[test]
fn a_home_is_made_once_and_what_is_there_stays() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("swarm");
    let init = || {
        let mut command = std::process::Command::new(AGENTCTL);
        command.arg("init").arg(&home).env_remove("DREAMOS_HOME");
        run(&mut command, b"")
    };
    let first = init();
    assert!(
        first.code == 0 && first.out.lines().all(|line| line.starts_with("created")),
        "{first:?}"
    );
    std::fs::write(home.join("config/agents.yaml"), "version: 1\n").unwrap();
    let second = init();
    assert!(
        second.out.lines().all(|line| line.starts_with("exists")),
        "{second:?}"
    );
    assert_eq!(
        std::fs::read_to_string(home.join("config/agents.yaml")).unwrap(),
        "version: 1\n"
    );
    let mut root = std::process::Command::new(AGENTCTL);
    root.arg("root")
        .current_dir(home.join("config"))
        .env_clear();
    assert_eq!(run(&mut root, b"").out, format!("{}\n", home.display()));
}

#[test]
fn whoever_is_idle_for_too_long_is_told_to_go_on_once() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000'], fallback_if_idle_minutes: 1}");
    swarm.ok(&["start", "agent-1"]);
    swarm.home.ok(&["send", "agent-1", "waits"]);
    let life = swarm.state("agent-1")["incarnation"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut idle = swarm.command();
    idle.args(["activity", "--idle"]);
    idle.env("DREAMOS_AGENT", "agent-1")
        .env("DREAMOS_INCARNATION", life);
    assert_eq!(run(&mut idle, b"").code, 0);
    swarm.ok(&["up"]);
    assert_eq!(swarm.home.pending("agent-1"), ["waits"], "not yet");
    let heartbeat = swarm.file("agent-1", "heartbeat");
    let mut pulse: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&heartbeat).unwrap()).unwrap();
    pulse["since"] = "2026-01-01T00:00:00Z".into();
    std::fs::write(&heartbeat, pulse.to_string()).unwrap();
    for _ in 0..2 {
        swarm.ok(&["up"]);
        let expected = ["waits", "resume: idle since 2026-01-01T00:00:00.000Z"];
        assert_eq!(swarm.home.pending("agent-1"), expected);
    }
}

#[test]
fn doctor_names_what_is_wrong_and_takes_away_what_the_killed_left() {
    let swarm =
        Swarm::new("agent-1: {comand: [sleep, '1000']}\nagent-2: {command: [sleep, '1000']}");
    swarm.ok(&["start", "agent-2"]);
    let supervisor = swarm.supervisor("agent-2");
    swarm.ok(&["stop", "agent-2"]);
    // As long as it holds the lock, what it writes is no left-over.
    until("its supervisor is gone", || !lives(supervisor));
    std::fs::write(swarm.file("agent-2", ".state-0123456789abcdef"), "{").unwrap();
    let found = |ran: &crate::home::Ran| -> Vec<String> {
        let findings = ran.json()["findings"].clone();
        let words = findings.as_array().unwrap().iter();
        words
            .map(|it| it["what"].as_str().unwrap().to_owned())
            .collect()
    };
    let ran = swarm.run(&["doctor", "--json"]);
    assert_eq!(
        (ran.code, found(&ran)),
        (1, vec!["unknown-key".into(), "left-over".into()])
    );
    assert!(ran.out.contains("did you mean command?"), "{ran:?}");
    let ran = swarm.run(&["doctor", "agent-2", "--fix", "--json"]);
    assert_eq!(ran.code, 1, "what only a person can mend stays");
    assert!(!swarm.file("agent-2", ".state-0123456789abcdef").exists());
    swarm.configure("agent-2: {command: [sleep, '1000']}");
    std::fs::write(swarm.file("agent-2", "state.json"), "{ no state").unwrap();
    let ran = swarm.run(&["doctor", "--json"]);
    assert_eq!(
        (ran.code, found(&ran)),
        (1, vec!["state-unreadable".into()])
    );
    assert_eq!(
        swarm.run(&["start", "agent-2"]).code,
        65,
        "what cannot be read is not replaced"
    );
    std::fs::remove_file(swarm.file("agent-2", "state.json")).unwrap();
    assert_eq!(swarm.ok(&["doctor"]).err, "all is well\n");
}

/// Its supervisor sleeps before each file that it puts in place.
#[test]
fn who_was_told_that_an_agent_is_over_may_replace_its_state() {
    if !has_tool("strace") {
        return;
    }
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    let slow = "inject=rename,renameat,renameat2:delay_enter=300000";
    let mut strace = swarm.home.command("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", slow, AGENTCTL]);
    let mut supervised = strace
        .args(["start", "agent-1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    swarm.wait_for("agent-1", "running");
    swarm.ok(&["stop", "agent-1"]);
    let file = swarm.file("agent-1", "state.json");
    std::fs::write(&file, "mine").unwrap();
    assert!(supervised.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    std::fs::remove_file(file).unwrap();
}

/// Its supervisor sleeps before it writes that it lives.
#[test]
fn a_life_that_is_not_written_down_yet_takes_mail() {
    if !has_tool("strace") {
        return;
    }
    let swarm = Swarm::new("agent-1: {command: 'cellphone next; exec sleep 1000'}");
    swarm.home.ok(&["send", "agent-1", "work"]);
    swarm.ok(&["start", "agent-1", "--", "sleep", "1000"]);
    swarm.ok(&["stop", "agent-1"]);
    let slow = "inject=rename,renameat,renameat2:delay_enter=300000";
    let mut strace = swarm.home.command("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", slow, AGENTCTL]);
    let mut supervised = strace
        .args(["start", "agent-1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("it has asked for its mail", || {
        !swarm.output("agent-1").is_empty()
    });
    let said = swarm.output("agent-1");
    assert!(said.contains("lease"), "{said}");
    swarm.ok(&["stop", "agent-1"]);
    assert!(supervised.wait().unwrap().success());
}

#[test]
fn a_state_of_a_newer_format_is_refused_and_stays() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["stop", "agent-1"]);
    let file = swarm.file("agent-1", "state.json");
    let newer = r#"{"v": 2, "shape": "another"}"#;
    std::fs::write(&file, newer).unwrap();
    let ran = swarm.run(&["start", "agent-1"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains("newer than this program"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), newer);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_harness_knows_how_to_go_on_with_its_last_session() {
    let swarm = Swarm::new(
        "agent-1: {harness: claude, command: [sh, tell.sh, --model, x], tty: false}\n\
         agent-2: {harness: claude, command: 'echo $0; sleep 1000'}\n\
         agent-3: {command: [sleep, '1000']}",
    );
    let tell = "echo \"told: $*\"; exec sleep 1000";
    std::fs::write(swarm.home.dir.join("tell.sh"), tell).unwrap();
    swarm.ok(&["start", "agent-1", "--resume"]);
    until("it says what it was told", || {
        swarm
            .output("agent-1")
            .contains("told: --model x --continue")
    });
    swarm.ok(&["restart", "agent-1"]);
    until("the next life is a session of its own", || {
        swarm.output("agent-1").contains("told: --model x\n")
    });
    swarm.ok(&["restart", "agent-1", "--resume"]);
    for (agent, why) in [("agent-2", "a line for a shell"), ("agent-3", "no harness")] {
        let ran = swarm.run(&["start", agent, "--resume"]);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
        assert_eq!(swarm.word(agent), "never");
    }
}

#[test]
fn a_prompt_on_a_screen_that_does_not_change_is_idle() {
    let swarm = Swarm::new("agent-1: {harness: shell, env: {PS1: 'ready$ '}}");
    swarm.ok(&["start", "agent-1"]);
    let health = || swarm.run(&["status", "agent-1", "--json"]).json()["health"].clone();
    assert_eq!(health()["activity"], "unknown", "it has just drawn it");
    swarm.ok(&["wait", "agent-1", "--for", "idle", "--timeout", "1m"]);
    let idle = health();
    let told = idle["evidence"].as_str().unwrap();
    assert_eq!(told, "its screen shows \"$\" and does not change");
    assert!(idle["activity_since"].is_string(), "{idle}");
    swarm.ok(&["type", "agent-1", "sleep 1000", "--enter"]);
    assert_eq!(health()["activity"], "unknown", "it works");
}

/// A process that is stopped until this is dropped.
struct Halted(i32);

impl Halted {
    fn new(pid: i32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

/// Knocks until no more can wait to be let in.
fn crowd(socket: &Path) {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let address = SocketAddrUnix::new(socket).unwrap();
    // Whoever has gone away again waits all the same.
    for _ in 0..1_000_000 {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let line = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        match rustix::net::connect(line.unwrap(), &address) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, rustix::io::Errno::AGAIN);
                return;
            }
        }
    }
    panic!("everybody has room");
}

#[test]
fn a_supervisor_that_lets_nobody_in_any_more_is_not_waited_for_for_ever() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000'], tty: true}");
    swarm.ok(&["start", "agent-1"]);
    let (child, supervisor) = (swarm.pid("agent-1"), swarm.supervisor("agent-1"));
    let halted = Halted::new(supervisor);
    crowd(&swarm.file("agent-1", "control"));
    let ran = swarm.run(&["start", "agent-1"]);
    assert_eq!(ran.code, 75, "{ran:?}");
    let told = "the supervisor of agent-1 did not answer within 2 s";
    assert!(ran.err.contains(told), "{ran:?}");
    drop(halted);
    // All who knocked have gone: it is asked and answers.
    assert_eq!(swarm.ok(&["peek", "agent-1"]).out, "");
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
    assert!(!lives(child));
}
