//! Lives that end: what is said of a start that fails, and when nobody tries any more.

use std::process::Stdio;

use super::{Swarm, lives, until};

#[test]
fn a_start_is_said_to_run_only_if_it_does() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    let ran = swarm.ok(&["start", "agent-1"]);
    let pid = swarm.pid("agent-1");
    assert_eq!(ran.out, format!("running agent-1 (pid {pid})\n"));
    assert!(lives(pid));
    let again = swarm.ok(&["start", "agent-1"]);
    assert_eq!(again.out, format!("already running agent-1 (pid {pid})\n"));
    assert_eq!(swarm.ok(&["stop", "agent-1"]).out, "stopped agent-1\n");
    assert!(!lives(pid));
    assert_eq!(
        swarm.ok(&["stop", "agent-1"]).out,
        "already stopped agent-1\n"
    );
    assert_eq!(
        swarm.events("agent-1"),
        ["agent.started", "agent.stopping", "agent.stopped"]
    );
}

#[test]
fn one_that_dies_at_once_fails_with_its_exit_code_and_last_output() {
    let swarm = Swarm::new("agent-1: {restart: never}");
    let line = "echo out; echo err >&2; exit 7";
    let ran = swarm.run(&["start", "agent-1", "--", "sh", "-c", line]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        "error: agent-1 does not run: ended with exit code 7; it has ended\n  | out\n  | err\n"
    );
    let ran = swarm.run(&["start", "agent-1", "--json", "--", "/bin/false"]);
    let one = ran.json()["results"][0].clone();
    assert_eq!((ran.code, one["result"].as_str()), (1, Some("failed")));
    assert_eq!(one["state"]["exit"]["code"], 1);
}

#[test]
fn what_can_never_start_is_fatal_at_once_with_the_reason() {
    let swarm = Swarm::new(
        "agent-1: {command: [nosuch-program], restart: always}\n\
         agent-2: {command: [/etc/passwd], restart: always}\n\
         agent-3: {command: [sleep, '9'], cwd: nosuch, restart: always}\n\
         agent-4: {roles: [worker]}",
    );
    for (agent, why) in [
        (
            "agent-1",
            "\"nosuch-program\" cannot be run: there is no such command",
        ),
        (
            "agent-2",
            "\"/etc/passwd\" cannot be run: it is not executable",
        ),
        ("agent-3", "to run in"),
    ] {
        let ran = swarm.run(&["start", agent]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.err.contains(why) && ran.err.contains("it was given up"),
            "{ran:?}"
        );
        assert_eq!(swarm.word(agent), "fatal");
        assert_eq!(swarm.events(agent), ["agent.fatal"]);
    }
    let ran = swarm.run(&["start", "agent-4"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("agent-4 has no command"), "{ran:?}");
    assert_eq!(swarm.run(&["start", "agnet-1"]).code, 66);
}

#[test]
fn a_missing_directory_is_no_fault_of_a_precondition() {
    let swarm = Swarm::new(
        "agent-1: {command: [sleep, '9'], cwd: nosuch, restart: always, preconditions: ['true']}",
    );
    let ran = swarm.run(&["start", "agent-1"]);
    assert!(ran.err.contains("to run in; it was given up"), "{ran:?}");
}

#[test]
fn a_restart_without_a_command_leaves_the_life_that_is() {
    let swarm = Swarm::new("agent-1: {}");
    swarm.ok(&["start", "agent-1", "--", "sleep", "1000"]);
    let pid = swarm.pid("agent-1");
    assert_eq!(swarm.run(&["restart", "agent-1"]).code, 78);
    assert!(lives(pid) && swarm.word("agent-1") == "running");
}

#[test]
fn a_crash_loop_ends_in_fatal_and_a_start_by_hand_forgives_it() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'exit 3'\n  restart: always\n  backoff: {initial: 0, max: 0}\n  \
         budget: {restarts: 4, within: 1m}",
    );
    swarm.run(&["start", "agent-1"]);
    swarm.wait_for("agent-1", "fatal");
    let state = swarm.state("agent-1");
    assert_eq!(state["restarts"], 4);
    let why = "crash loop: 4 restarts within 60s, the last life ended with exit code 3";
    assert_eq!(state["reason"], why);
    assert_eq!(
        swarm.ok(&["up"]).out,
        "",
        "nobody but its owner tries again"
    );
    swarm.configure("agent-1: {command: [sleep, '1000']}");
    swarm.ok(&["start", "agent-1"]);
    assert_eq!(swarm.state("agent-1")["restarts"], 0);
}

#[test]
fn one_that_dies_after_a_while_comes_back_as_another_life() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'echo life $DREAMOS_INCARNATION; sleep 0.4; exit 1'\n  \
         backoff: {initial: 10ms, max: 10ms}\n  budget: {restarts: 100}",
    );
    swarm.ok(&["start", "agent-1"]);
    let lives = || {
        let output = swarm.output("agent-1");
        output
            .lines()
            .filter(|line| line.contains(" life "))
            .count()
    };
    until("in its third life", || lives() >= 3);
    let output = swarm.output("agent-1");
    let mut names: Vec<&str> = output
        .lines()
        .filter_map(|it| it.split(' ').nth(2))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "each life has a name of its own");
}

#[test]
fn a_precondition_that_fails_starts_nothing_and_is_tried_again() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'touch started; sleep 1000'\n  preconditions: ['test -e logged-in']\n  \
         backoff: {initial: 20ms, max: 20ms}",
    );
    let ran = swarm.run(&["start", "agent-1"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("precondition") && ran.err.contains("logged-in"),
        "{ran:?}"
    );
    assert!(!swarm.home.dir.join("started").exists());
    assert_eq!(swarm.state("agent-1")["restarts"], 0);
    std::fs::write(swarm.home.dir.join("logged-in"), "").unwrap();
    swarm.wait_for("agent-1", "running");
    assert!(swarm.home.dir.join("started").exists());
}

#[test]
fn a_child_that_says_when_it_is_ready_is_waited_for() {
    let swarm = Swarm::new(
        "agent-1:\n  command: 'sleep 0.6; echo >&3; sleep 1000'\n  ready_fd: 3\n\
         agent-2:\n  command: 'echo >&3; sleep 1000'\n  ready_fd: 3",
    );
    let slow = swarm.ok(&["start", "agent-1"]);
    assert!(slow.took.as_millis() >= 600, "{slow:?}");
    swarm.ok(&["start", "agent-2"]);
    assert_eq!(swarm.state("agent-2")["reason"], "it said that it is ready");
}

#[test]
fn a_child_that_prints_a_gigabyte_fills_no_disk_and_waits_for_nobody() {
    let swarm = Swarm::new(
        "agent-1:\n  command: \"yes 'a line of fifty characters, which is quite common...' | head -c 1G; echo done > \
         done; sleep 1000\"\n  output: {bytes: 100000, older: 2}",
    );
    swarm.ok(&["start", "agent-1"]);
    let done = swarm.home.dir.join("done");
    let began = std::time::Instant::now();
    while !done.exists() {
        assert!(began.elapsed().as_secs() < 120, "it hangs");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let sizes = || -> Vec<u64> {
        let names = ["output.log", "output.log.1", "output.log.2", "output.log.3"];
        let all = names
            .iter()
            .filter_map(|name| std::fs::metadata(swarm.file("agent-1", name)).ok());
        all.map(|meta| meta.len()).collect()
    };
    // What the pipe still holds is being written: a look may fall between two renames.
    until("three files", || sizes().len() == 3);
    let sizes = sizes();
    assert!(sizes.iter().all(|size| *size < 200_000), "{sizes:?}");
}

#[test]
fn a_supervisor_holds_nothing_that_its_starter_had_open() {
    let swarm = Swarm::new("agent-1: {command: [sleep, '1000']}");
    let mut shell = swarm.home.command("bash");
    shell.args(["-c", "exec 7>&1; agentctl start agent-1"]);
    // It hangs where somebody still holds the other end of the pipe.
    let ran = crate::home::run(&mut shell, b"");
    assert!(ran.out.starts_with("running agent-1"), "{ran:?}");
}

#[test]
fn a_program_that_is_being_written_is_started_once_it_is_there() {
    let swarm = Swarm::new("agent-1: {}");
    let program = swarm.home.dir.join("program");
    std::fs::copy("/bin/sleep", &program).unwrap();
    swarm.configure(&format!(
        "agent-1: {{command: [{}, '1000'], backoff: {{initial: 20ms, max: 20ms}}, budget: {{restarts: 10000}}}}",
        program.display()
    ));
    let writing = std::fs::File::options().append(true).open(&program);
    let writing = writing.unwrap();
    let ran = swarm.run(&["start", "agent-1"]);
    assert!(
        ran.err.contains("cannot be run") && ran.err.contains("it waits for its next start"),
        "{ran:?}"
    );
    drop(writing);
    swarm.wait_for("agent-1", "running");
}

#[test]
fn who_is_given_up_after_many_tries_is_said_to_have_had_them() {
    let swarm = Swarm::new("agent-1: {}");
    let program = swarm.home.dir.join("program");
    std::fs::copy("/bin/sleep", &program).unwrap();
    swarm.configure(&format!(
        "agent-1:\n  command: [{}, '1000']\n  preconditions: ['test -e ready']\n  \
         backoff: {{initial: 20ms, max: 20ms}}\n  budget: {{restarts: 2, within: 1m}}",
        program.display()
    ));
    let writing = std::fs::File::options().append(true).open(&program);
    let _writing = writing.unwrap();
    let ran = swarm.run(&["start", "agent-1"]);
    assert!(ran.err.contains("precondition"), "{ran:?}");
    std::fs::write(swarm.home.dir.join("ready"), "").unwrap();
    swarm.wait_for("agent-1", "fatal");
    let reason = swarm.state("agent-1")["reason"].clone();
    let reason = reason.as_str().unwrap();
    let told = "3 failures within 60s, the last: ";
    assert!(
        reason.starts_with(told) && reason.contains("cannot be run: Text file busy"),
        "{reason}"
    );
}

#[test]
fn a_child_that_closes_what_it_could_say_that_it_is_ready_on_runs_if_it_lives() {
    let swarm =
        Swarm::new("agent-1: {command: 'exec 3>&-; sleep 1000', ready_fd: 3, restart: never}");
    swarm.ok(&["start", "agent-1"]);
    let reason = swarm.state("agent-1")["reason"].clone();
    assert!(reason.as_str().unwrap().contains("closed"), "{reason}");
}

#[test]
fn every_descriptor_that_may_be_configured_is_one_to_say_ready_on() {
    for at in 3..=9 {
        let swarm = Swarm::new(&format!(
            "agent-1: {{command: 'echo >&{at}; sleep 1000', ready_fd: {at}, restart: never}}"
        ));
        swarm.ok(&["start", "agent-1"]);
        assert_eq!(swarm.state("agent-1")["reason"], "it said that it is ready");
    }
}

#[test]
fn it_is_asked_to_end_with_a_real_time_signal_where_that_is_its_own() {
    let swarm = Swarm::new(
        "agent-1:\n  command: [bash, -c, 'trap \"echo asked; exit\" 40; while :; do sleep 0.01; done']\n  \
         stop: {signal: 40, grace: 20s}",
    );
    swarm.ok(&["start", "agent-1"]);
    swarm.ok(&["stop", "agent-1"]);
    assert!(swarm.output("agent-1").contains(" asked\n"));
}

#[test]
fn who_comes_during_the_start_of_another_is_told_what_became_of_it() {
    let swarm = Swarm::new(
        "agent-1: {command: 'sleep 0.3; exit 7', ready_fd: 3, restart: never, autostart: false}",
    );
    let mut first = swarm.command();
    first.args(["start", "agent-1"]).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    swarm.wait_for("agent-1", "starting");
    let second = swarm.run(&["start", "agent-1"]);
    assert_eq!(first.wait().unwrap().code(), Some(1));
    assert_eq!(
        (second.code, second.out.as_str(), second.err.as_str()),
        (
            1,
            "",
            "error: agent-1 does not run: ended with exit code 7; it has ended\n"
        )
    );
}
