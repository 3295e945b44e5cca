//! Exact-output cases, at least one a verb: `tests/cmd/<program>/<verb>.trycmd`, each in a home of its own.
//! `[HOME]` is that home; times and ids differ and are elided as `[..]`.

use std::path::{Path, PathBuf};
use std::process::Command;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const PROGRAMS: [(&str, &str); 2] = [
    ("cellphone", env!("CARGO_BIN_EXE_cellphone")),
    ("captainphone", env!("CARGO_BIN_EXE_captainphone")),
];

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
        .filter(|case| std::panic::catch_unwind(|| run(case)).is_err())
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
    for (name, binary) in PROGRAMS {
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
        .case(case)
        .run();
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
fn every_verb_has_a_case() {
    for (program, binary) in PROGRAMS {
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
        assert!(verbs.len() > 10, "{verbs:?}");
        // What is the same in both is shown by the cases of one.
        let files: Vec<PathBuf> = PROGRAMS.iter().flat_map(|(name, _)| cases(name)).collect();
        for verb in verbs.into_iter().filter(|verb| *verb != "help") {
            let shown = files
                .iter()
                .any(|file| file.file_stem().is_some_and(|stem| stem == verb));
            assert!(shown, "{program} {verb} has no case");
        }
    }
}
