//! What an agent starts ends with it, and nothing else does.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{AGENTCTL, Swarm, lives, signal, until, with_argument};
use crate::home::run;

/// Sleeps that only this test knows: so many seconds.
fn seconds(at: u32) -> String {
    (200_000 + std::process::id() % 100_000 * 10 + at).to_string()
}

#[test]
fn grandchildren_in_sessions_of_their_own_die_on_stop_and_strangers_do_not() {
    let [one, two, stranger] = [1, 2, 3].map(seconds);
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'setsid sleep {one} & setsid -f sh -c \"trap : TERM; sleep {two}; sleep {two}\"; sleep 1000'\n  \
         stop: {{grace: 200ms}}"
    ));
    let mut bystander = std::process::Command::new("sleep")
        .arg(&stranger)
        .spawn()
        .unwrap();
    swarm.ok(&["start", "agent-1"]);
    until("started", || {
        !with_argument(&one).is_empty() && !with_argument(&two).is_empty()
    });
    let ran = swarm.ok(&["stop", "agent-1"]);
    assert!(ran.out.starts_with("stopped agent-1"), "{ran:?}");
    assert_eq!(
        with_argument(&one),
        [0; 0],
        "a session of its own is no way out"
    );
    assert_eq!(with_argument(&two), [0; 0], "nor is deafness");
    assert!(!with_argument(&stranger).is_empty());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn what_a_life_left_is_ended_before_the_next_begins() {
    let left = seconds(4);
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'setsid sleep {left} & sleep 0.3; exit 1'\n  backoff: {{initial: 10s}}"
    ));
    swarm.ok(&["start", "agent-1"]);
    swarm.wait_for("agent-1", "backoff");
    assert_eq!(with_argument(&left), [0; 0]);
}

/// A child that has left its session behind, and a supervisor that was killed.
fn killed(restart: &str, left: &str) -> Swarm {
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'setsid sleep {left} & sleep 1000'\n  restart: {restart}"
    ));
    swarm.ok(&["start", "agent-1"]);
    until("started", || !with_argument(left).is_empty());
    let (child, supervisor) = (swarm.pid("agent-1"), swarm.supervisor("agent-1"));
    signal(supervisor, "KILL");
    until("its child is gone", || !lives(child));
    swarm
}

#[test]
fn after_a_killed_supervisor_the_next_call_clears_up_says_so_and_starts_anew() {
    let left = seconds(5);
    let swarm = killed("on-failure", &left);
    let ran = swarm.ok(&["list"]);
    let lost = "the supervisor of agent-1 was lost; processes that were ended: ";
    assert!(ran.err.contains(lost), "{ran:?}");
    assert!(ran.err.ends_with("agent-1 was started anew\n"), "{ran:?}");
    assert_eq!(swarm.word("agent-1"), "running");
    until("the new life has one", || with_argument(&left).len() == 1);
    assert!(swarm.events("agent-1").contains(&"agent.lost".to_owned()));
    assert_eq!(swarm.ok(&["list"]).err, "");
    assert_eq!(swarm.ok(&["up"]).out, "");
}

#[test]
fn who_is_never_to_be_restarted_stays_down_until_somebody_wants_it_up() {
    let left = seconds(6);
    let swarm = killed("never", &left);
    let ran = swarm.run(&["status", "agent-1", "--json"]);
    assert!(ran.err.contains("agent-1 is not started anew"), "{ran:?}");
    let state = &ran.json()["state"];
    assert_eq!(state["state"], "stopped", "{state}");
    let reason = state["reason"].as_str().unwrap();
    assert!(reason.starts_with("its supervisor was lost"), "{reason}");
    assert_eq!(with_argument(&left), [0; 0]);
    // It was wanted up: the last net starts it anew.
    let up = swarm.ok(&["up"]);
    assert!(up.out.starts_with("running agent-1"), "{up:?}");
    assert_eq!(swarm.ok(&["up"]).out, "");
}

/// Of those, and the shell that started them, only what bears the name of the life is plainly of it.
#[test]
fn who_has_dropped_the_name_of_its_life_is_known_by_where_it_prints_and_a_stop_finds_all() {
    let [own, errors, session, hidden] = [14, 15, 16, 17].map(seconds);
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'env -i setsid sleep {own} & env -i setsid sleep {errors} >/dev/null & \
         env -i sleep {session} >/dev/null 2>&1 & env -i setsid sleep {hidden} >/dev/null 2>&1 & \
         env -i sleep 1000 & exec sleep 1000'\n  restart: never"
    ));
    let all = [&own, &errors, &session, &hidden];
    let started = || {
        swarm.ok(&["start", "agent-1"]);
        until("started", || {
            all.iter().all(|it| !with_argument(it).is_empty())
        });
    };
    started();
    swarm.ok(&["stop", "agent-1"]);
    for it in all {
        assert_eq!(with_argument(it), [0; 0], "nothing hides from its parent");
    }
    started();
    let (child, supervisor) = (swarm.pid("agent-1"), swarm.supervisor("agent-1"));
    signal(supervisor, "KILL");
    until("its child is gone", || !lives(child));
    let state = swarm.state("agent-1");
    assert_eq!(state["state"], "stopped", "{state}");
    let outlived = with_argument(&hidden);
    for it in &outlived {
        signal(*it, "KILL");
    }
    for it in [own, errors, session] {
        assert_eq!(with_argument(&it), [0; 0]);
    }
    assert_eq!(outlived.len(), 1, "or the README says too little");
}

#[test]
fn a_stop_outlives_its_supervisor() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000'], autostart: true}");
    swarm.ok(&["up"]);
    signal(swarm.supervisor("agent-1"), "KILL");
    let stopped = swarm.ok(&["stop", "agent-1"]);
    let lost = "the supervisor of agent-1 was lost";
    assert!(stopped.err.contains(lost), "{stopped:?}");
    assert_eq!(swarm.ok(&["up"]).out, "");
    assert_eq!(swarm.word("agent-1"), "stopped");
    assert!(
        swarm
            .ok(&["up", "--all"])
            .out
            .starts_with("running agent-1")
    );
}

#[test]
fn up_starts_in_order_and_down_stops_in_the_reverse() {
    let swarm = Swarm::new(
        "agent-1: {command: [sleep, '1000'], autostart: true, after: [agent-2]}\n\
         agent-2: {command: [sleep, '1000'], autostart: true, after: [agent-3]}\n\
         agent-3: {command: [sleep, '1000'], autostart: true}\n\
         agent-4: {command: [sleep, '1000'], autostart: false}",
    );
    let names = |out: &str| -> Vec<String> {
        let words = out
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap().to_owned());
        words.collect()
    };
    let up = swarm.ok(&["up"]).out;
    assert_eq!(names(&up), ["agent-3", "agent-2", "agent-1"]);
    let down = swarm.ok(&["down"]).out;
    assert_eq!(names(&down), ["agent-1", "agent-2", "agent-3"]);
}

#[test]
fn the_environment_is_the_agents_own() {
    let swarm = Swarm::new("agent-1:\n  command: 'env; sleep 1000'\n  env: {COLOUR: blue}");
    let mut start = swarm.command();
    start
        .args(["start", "agent-1"])
        .env("CLAUDECODE", "1")
        .env("TMUX_PANE", "%1")
        .env("ANTHROPIC_API_KEY", "kept");
    assert_eq!(crate::home::run(&mut start, b"").code, 0);
    let output = swarm.output("agent-1");
    let has = |line: &str| {
        output
            .lines()
            .any(|it| it.split_once(' ').unwrap().1 == line)
    };
    assert!(has("COLOUR=blue") && has("ANTHROPIC_API_KEY=kept") && has("DREAMOS_AGENT=agent-1"));
    assert!(has(&format!("DREAMOS_HOME={}", swarm.home.dir.display())));
    assert!(output.contains("DREAMOS_INCARNATION=") && output.contains("DREAMOS_TOKEN_FILE="));
    assert!(
        !output.contains("CLAUDECODE") && !output.contains("TMUX_PANE"),
        "{output}"
    );
}

#[test]
fn fifty_agents_go_up_and_down() {
    let mark = seconds(9);
    let agents: Vec<String> = (1..=50)
        .map(|n| format!("agent-{n}: {{command: [sleep, '{mark}']}}"))
        .collect();
    let swarm = Swarm::new(&agents.join("\n"));
    let up = swarm.ok(&["up"]);
    assert_eq!(
        up.out
            .lines()
            .filter(|line| line.starts_with("running "))
            .count(),
        50
    );
    assert_eq!(with_argument(&mark).len(), 50);
    assert_eq!(swarm.ok(&["up"]).out, "");
    let down = swarm.ok(&["down"]);
    assert_eq!(
        down.out
            .lines()
            .filter(|line| line.starts_with("stopped "))
            .count(),
        50
    );
    assert_eq!(with_argument(&mark), [0; 0]);
}

#[test]
fn what_its_starter_ignores_an_agent_does_not() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'grep -h SigIgn checked /proc/self/status; exec sleep 1000'\n  \
         preconditions: ['cp /proc/self/status checked']",
    );
    let ignoring = format!("trap '' HUP INT QUIT TERM USR1; exec {AGENTCTL} start agent-1");
    let ran = run(swarm.home.command("sh").args(["-c", &ignoring]), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    let ignored = || -> Vec<u64> {
        let output = swarm.output("agent-1");
        let masks = output
            .lines()
            .filter_map(|line| line.split_once("SigIgn:\t"));
        masks
            .map(|(_, mask)| u64::from_str_radix(mask, 16).unwrap())
            .collect()
    };
    until("its precondition's and its own", || ignored().len() == 2);
    // 32 and 33 are the C library's own.
    let of_c = 0b11 << 31;
    assert_eq!(
        ignored().into_iter().fold(0, |all, one| all | one) & !of_c,
        0
    );
}

/// Its programs on the path, for agents that call them.
fn path() -> String {
    let programs = std::path::Path::new(AGENTCTL).parent().unwrap();
    format!("{}:/usr/bin:/bin", programs.display())
}

#[test]
fn an_agent_that_another_one_started_outlives_it() {
    let swarm = Swarm::new(&format!(
        "captain:\n  command: 'agentctl start agent-1; setsid sleep 1000 & exec sleep 1000'\n  \
         env: {{PATH: '{}'}}\nagent-1: {{command: [sleep, '1000']}}",
        path()
    ));
    swarm.ok(&["start", "captain"]);
    swarm.wait_for("agent-1", "running");
    let child = swarm.pid("agent-1");
    swarm.ok(&["stop", "captain"]);
    assert!(lives(child), "{}", swarm.state("agent-1"));
    assert_eq!(swarm.pid("agent-1"), child);
    // Also of one that dies and comes back.
    swarm.ok(&["start", "captain"]);
    let first = swarm.pid("captain");
    signal(first, "KILL");
    until("in its next life", || {
        let state = swarm.state("captain");
        state["state"] == "running" && state["child"]["pid"] != first
    });
    assert_eq!(swarm.pid("agent-1"), child);
}

#[test]
fn an_agent_can_restart_itself() {
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: 'echo life >> all; [ -e again ] || {{ touch again; agentctl restart agent-1; }}; exec sleep 1000'\n  \
         env: {{PATH: '{}'}}",
        path()
    ));
    swarm.run(&["start", "agent-1"]);
    until("in its second life", || {
        let all = std::fs::read_to_string(swarm.home.dir.join("all")).unwrap_or_default();
        all == "life\nlife\n" && swarm.word("agent-1") == "running"
    });
    assert_eq!(swarm.state("agent-1")["wanted"], "up");
    assert!(lives(swarm.pid("agent-1")));
}

#[test]
fn a_restart_whose_client_was_killed_is_finished_by_up() {
    let swarm = Swarm::new(
        "agent-1: {command: [bash, -c, 'trap \"\" TERM; while :; do sleep 0.1; done'], stop: {grace: 1s}}",
    );
    swarm.ok(&["start", "agent-1"]);
    let mut restart = swarm.command();
    let mut client = restart.args(["restart", "agent-1"]).spawn().unwrap();
    swarm.wait_for("agent-1", "stopping");
    client.kill().unwrap();
    client.wait().unwrap();
    swarm.wait_for("agent-1", "stopped");
    assert!(swarm.ok(&["up"]).out.starts_with("running agent-1"));
}

#[test]
fn a_stop_in_the_middle_of_a_restart_has_the_last_word() {
    let swarm = Swarm::new(
        "agent-1: {command: [bash, -c, 'trap \"\" TERM; while :; do sleep 0.1; done'], stop: {grace: 1s}}",
    );
    swarm.ok(&["start", "agent-1"]);
    let mut restart = swarm.command();
    let restart = restart.args(["restart", "agent-1"]);
    let mut restart = restart.stderr(Stdio::null()).spawn().unwrap();
    swarm.wait_for("agent-1", "stopping");
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(restart.wait().unwrap().code(), Some(1), "it does not run");
    assert_eq!(swarm.word("agent-1"), "stopped");
    assert_eq!(swarm.ok(&["up"]).out, "");
}

#[test]
fn a_stop_while_up_is_at_work_is_kept() {
    let swarm = Swarm::new(
        "agent-1: {command: [bash, -c, 'sleep 1; echo >&3; exec sleep 1000'], ready_fd: 3}\n\
         agent-2: {command: [sleep, '1000'], after: agent-1}",
    );
    swarm.ok(&["start", "agent-1", "agent-2"]);
    for agent in ["agent-1", "agent-2"] {
        signal(swarm.supervisor(agent), "KILL");
    }
    let mut up = swarm.command();
    let mut up = up.arg("up").stdout(Stdio::null()).spawn().unwrap();
    // It has seen that both are missing, and waits for the first.
    let file = swarm.file("agent-1", "state.json");
    until("the first is started", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"starting\""))
    });
    swarm.ok(&["stop", "agent-2"]);
    assert!(up.wait().unwrap().success());
    assert_eq!(swarm.word("agent-2"), "stopped");
}

#[test]
fn one_whose_state_nobody_can_read_is_stopped_all_the_same() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    swarm.ok(&["start", "agent-1"]);
    let child = swarm.pid("agent-1");
    std::fs::write(swarm.file("agent-1", "state.json"), "x").unwrap();
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
    assert!(!lives(child));
    assert_eq!(swarm.word("agent-1"), "stopped");
}

#[test]
fn whatever_looked_first_a_lost_one_is_started_anew_by_the_next_list() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    swarm.ok(&["start", "agent-1"]);
    let child = swarm.pid("agent-1");
    signal(swarm.supervisor("agent-1"), "KILL");
    until("its child is gone", || !lives(child));
    swarm.ok(&["set", "agent-1", "capabilities", "[x]"]);
    assert!(
        swarm
            .ok(&["list"])
            .err
            .ends_with("agent-1 was started anew\n")
    );
    assert_eq!(swarm.word("agent-1"), "running");
}

#[test]
fn a_start_of_one_that_waits_for_its_next_try_is_no_success() {
    let swarm = Swarm::new(
        "agent-1: {command: 'exit 3', backoff: {initial: 1h, max: 1h}}\n\
         agent-2: {command: [bash, -c, 'trap \"sleep 0.5; exit\" TERM; while :; do sleep 0.1; done']}",
    );
    swarm.run(&["start", "agent-1"]);
    let again = swarm.run(&["start", "agent-1"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(
        again.err.contains("waits for its next start at"),
        "{again:?}"
    );
    // One that is being stopped is started when that is done.
    swarm.ok(&["start", "agent-2"]);
    let mut stop = swarm.command();
    let mut stop = stop
        .args(["stop", "agent-2"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    swarm.wait_for("agent-2", "stopping");
    assert!(
        swarm
            .ok(&["start", "agent-2"])
            .out
            .starts_with("running agent-2")
    );
    assert!(stop.wait().unwrap().success());
    assert_eq!(swarm.word("agent-2"), "running");
}

#[test]
fn what_a_precondition_left_is_ended_whatever_it_said() {
    let [one, two] = [10, 11].map(seconds);
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: [sleep, '1000']\n  preconditions: ['sleep {one} & false']\n\
         agent-2:\n  command: [nosuch-program]\n  preconditions: ['sleep {two} & true']"
    ));
    let ran = swarm.run(&["start", "agent-1"]);
    assert!(ran.err.contains("it waits for its next start"), "{ran:?}");
    assert_eq!(with_argument(&one), [0; 0], "before it is tried again");
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
    assert_eq!(with_argument(&one), [0; 0]);
    let ran = swarm.run(&["start", "agent-2"]);
    assert!(ran.err.contains("it was given up"), "{ran:?}");
    assert_eq!(with_argument(&two), [0; 0]);
    assert_eq!(swarm.events("agent-2"), ["agent.fatal"]);
}

#[test]
fn a_precondition_dies_with_its_supervisor_and_what_it_left_is_found() {
    let [one, two] = [12, 13].map(seconds);
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: [sleep, '1000']\n  preconditions: ['sleep {two} & true', [sleep, '{one}']]"
    ));
    let mut start = swarm.command();
    start.args(["start", "agent-1"]).stderr(Stdio::null());
    let mut start = start.spawn().unwrap();
    until("looked at", || !with_argument(&one).is_empty());
    signal(swarm.supervisor("agent-1"), "KILL");
    start.wait().unwrap();
    until("dead with it", || with_argument(&one).is_empty());
    swarm.ok(&["stop", "agent-1"]);
    assert_eq!(
        with_argument(&two),
        [0; 0],
        "it carries the name of the life"
    );
}

#[test]
fn the_umask_of_its_starter_is_an_agents_own() {
    let swarm =
        Swarm::new("agent-1: {command: 'umask; sleep 1000', preconditions: ['umask > checked']}");
    let start = format!("umask 023; exec {AGENTCTL} start agent-1");
    let ran = run(swarm.home.command("sh").args(["-c", &start]), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    let checked = std::fs::read_to_string(swarm.home.dir.join("checked"));
    assert_eq!(checked.unwrap(), "0023\n");
    assert!(swarm.output("agent-1").ends_with(" 0023\n"));
    let state = std::fs::metadata(swarm.file("agent-1", "state.json")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o600);
}

#[test]
fn who_ended_a_moment_before_its_supervisor_was_told_to_is_still_wanted() {
    let swarm = Swarm::new(
        "agent-1: {command: [bash, -c, 'trap exit TERM; echo on; while :; do sleep 0.01; done']}",
    );
    let mut lives_begun = 0;
    let mut until_it_traps = || {
        lives_begun += 1;
        until("it traps", || {
            swarm.output("agent-1").matches(" on\n").count() == lives_begun
        });
    };
    // A machine that goes down tells everybody, in whatever order. We must come to the second before it thinks that the
    // first ended by itself.
    let tell_both = || {
        let (child, supervisor) = (swarm.pid("agent-1"), swarm.supervisor("agent-1"));
        let began = Instant::now();
        signal(child, "TERM");
        until("its child is gone", || !lives(child));
        signal(supervisor, "TERM");
        until("it is over", || !lives(supervisor));
        began.elapsed() < Duration::from_millis(100)
    };
    let was_fast = (0..20).any(|_| {
        swarm.ok(&["start", "agent-1"]);
        until_it_traps();
        tell_both()
    });
    assert!(was_fast, "the machine is too slow for this test");
    let state = swarm.state("agent-1");
    assert_eq!(state["state"], "stopped", "{state}");
    assert_eq!(state["reason"], "its supervisor was told to end");
    assert!(swarm.ok(&["up"]).out.starts_with("running agent-1"));
    until_it_traps();
    // One that ends by itself is done, and stays so.
    signal(swarm.pid("agent-1"), "TERM");
    swarm.wait_for("agent-1", "exited");
    assert_eq!(swarm.ok(&["up"]).out, "");
}
