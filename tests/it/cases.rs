//! Exact-output cases, at least one a verb: `tests/cmd/<program>/<verb>.trycmd`, each in a home of its own.
//! `[HOME]` is that home; times, ids and pids differ and are elided as `[..]`. An agent ends with the case that starts it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::duplicates::DUPSCAN;
use crate::home::{LOGCTL, METRICSD, SECCTL, TASKCTL, VOICE};
use crate::lives::{AGENTCTL, with_argument};
use crate::memory::DREAMSCRIBE;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each with how many verbs it has at least.
const PROGRAMS: [(&str, &str, usize); 11] = [
    ("cellphone", env!("CARGO_BIN_EXE_cellphone"), 11),
    ("captainphone", env!("CARGO_BIN_EXE_captainphone"), 11),
    ("agentctl", AGENTCTL, 11),
    ("taskctl", TASKCTL, 11),
    ("logctl", LOGCTL, 5),
    ("metricsd", METRICSD, 3),
    ("dreamscribe", DREAMSCRIBE, 18),
    ("dupscan", DUPSCAN, 5),
    ("secctl", SECCTL, 7),
    ("discordbot", env!("CARGO_BIN_EXE_discordbot"), 3),
    ("voice", VOICE, 6),
];
/// A verb that two programs share is shown by the cases of one.
const FAMILIES: [&[&str]; 10] = [
    &["cellphone", "captainphone"],
    &["agentctl"],
    &["taskctl"],
    &["logctl"],
    &["metricsd"],
    &["dreamscribe"],
    &["dupscan"],
    &["secctl"],
    &["discordbot"],
    &["voice"],
];
/// How long a supervisor may be on its way out after a stop.
const ENDING: Duration = Duration::from_secs(5);

fn cases(program: &str) -> Vec<PathBuf> {
    let dir = checkout().join("tests/cmd").join(program);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Runs all, and says at the end which failed.
fn run_all(program: &str) {
    let failed: Vec<PathBuf> = cases(program)
        .into_iter()
        .filter(|case| catch_unwind(|| run(case)).is_err())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn run(case: &Path) {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let made = Command::new(checkout().join("scripts/home"))
        .arg(&home)
        .output()
        .unwrap();
    assert!(made.status.success());
    let cases = trycmd::TestCases::new();
    for (name, binary, _) in PROGRAMS {
        cases.register_bin(name, Path::new(binary));
    }
    let programs = Path::new(PROGRAMS[0].1).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    cases
        .register_bin("sh", Path::new("/bin/sh"))
        .insert_var("[HOME]", home.display().to_string())
        .unwrap()
        .env("DREAMOS_HOME", home.display().to_string())
        .env("DREAMOS_AGENT", "")
        .env("DREAMOS_INCARNATION", "")
        .env("NO_COLOR", "1")
        .env("LOGNAME", "alice")
        .env("PATH", path)
        .case(case);
    let ran = catch_unwind(AssertUnwindSafe(|| cases.run()));
    let left = living(&home);
    if !left.is_empty() {
        end_all(&home);
    }
    if let Err(failed) = ran {
        resume_unwind(failed);
    }
    assert!(left.is_empty(), "{} leaves its agents", case.display());
}

/// The supervisors that live in a home, once those on their way out are gone.
fn living(home: &Path) -> Vec<i32> {
    let began = Instant::now();
    loop {
        let living = with_argument(home.to_str().unwrap());
        if living.is_empty() || began.elapsed() > ENDING {
            return living;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whatever the case made of the configuration.
fn end_all(home: &Path) {
    let started = std::fs::read_dir(home.join("runtime/agents")).unwrap();
    let ids = started.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ids = ids.filter(|name| !name.starts_with('.'));
    let agents: Vec<String> = ids.map(|id| format!("  {id}: {{}}\n")).collect();
    let yaml = format!("agents:\n{}", agents.concat());
    std::fs::write(home.join("config/agents.yaml"), yaml).unwrap();
    let mut down = Command::new(AGENTCTL);
    down.args(["down", "--grace", "0s"])
        .env("DREAMOS_HOME", home);
    let down = down.output().unwrap();
    assert!(down.status.success(), "{down:?}");
}

#[test]
fn cellphone_prints_exactly_what_its_cases_say() {
    run_all("cellphone");
}

#[test]
fn captainphone_prints_exactly_what_its_cases_say() {
    run_all("captainphone");
}

#[test]
fn agentctl_prints_exactly_what_its_cases_say() {
    run_all("agentctl");
}

#[test]
fn taskctl_prints_exactly_what_its_cases_say() {
    run_all("taskctl");
}

#[test]
fn logctl_prints_exactly_what_its_cases_say() {
    run_all("logctl");
}

#[test]
fn dreamscribe_prints_exactly_what_its_cases_say() {
    run_all("dreamscribe");
}

#[test]
fn discordbot_prints_exactly_what_its_cases_say() {
    run_all("discordbot");
}

#[test]
fn voice_prints_exactly_what_its_cases_say() {
    run_all("voice");
}

#[test]
fn dupscan_prints_exactly_what_its_cases_say() {
    run_all("dupscan");
}

#[test]
fn secctl_prints_exactly_what_its_cases_say() {
    run_all("secctl");
}

#[test]
fn metricsd_prints_exactly_what_its_cases_say() {
    run_all("metricsd");
}

#[test]
fn every_verb_has_a_case() {
    for (program, binary, least) in PROGRAMS {
        let help = Command::new(binary).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let verbs = help
            .split("Verbs:\n")
            .nth(1)
            .unwrap()
            .split("\n\n")
            .next()
            .unwrap();
        let verbs: Vec<&str> = verbs
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(verbs.len() >= least, "{program}: {verbs:?}");
        let family = FAMILIES.iter().find(|names| names.contains(&program));
        let files: Vec<PathBuf> = family
            .unwrap()
            .iter()
            .flat_map(|name| cases(name))
            .collect();
        for verb in verbs.into_iter().filter(|verb| *verb != "help") {
            let shown = files
                .iter()
                .any(|file| file.file_stem().is_some_and(|stem| stem == verb));
            assert!(shown, "{program} {verb} has no case");
        }
    }
}
