//! Completion in a real bash: what `gen bash` prints is sourced, and the function that it registers is asked.

use std::path::Path;
use std::process::Command;

use crate::home::TASKCTL;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What bash offers after `line`, whose last word is the one being typed.
fn offered(home: &Path, line: &[&str]) -> Vec<String> {
    let programs = Path::new(env!("CARGO_BIN_EXE_cellphone")).parent().unwrap();
    let words: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
    let program = line[0];
    let typed = line.last().unwrap();
    let previous = line[line.len() - 2];
    let script = format!(
        r#"
        set -eu
        source <({program} gen bash)
        COMP_WORDS=({words})
        COMP_CWORD={at}
        COMP_TYPE=9
        registered=$(complete -p {program})
        function=${{registered#*-F }}
        ${{function%% *}} {program} '{typed}' '{previous}'
        [ "${{#COMPREPLY[@]}}" = 0 ] || printf '%s\n' "${{COMPREPLY[@]}}"
        "#,
        words = words.join(" "),
        at = line.len() - 1,
    );
    let bash = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env_clear()
        .env(
            "PATH",
            format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()),
        )
        .env("DREAMOS_HOME", home)
        .output()
        .unwrap();
    // `compopt` is only there while a person presses the key.
    assert!(
        bash.status.success(),
        "{line:?}: {}",
        String::from_utf8_lossy(&bash.stderr)
    );
    let text = String::from_utf8(bash.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn home(place: &Path) -> std::path::PathBuf {
    let home = place.join("home");
    let made = Command::new(checkout().join("scripts/home"))
        .arg(&home)
        .output()
        .unwrap();
    assert!(made.status.success());
    home
}

#[test]
fn bash_completes_verbs_options_and_agents() {
    let place = tempfile::tempdir().unwrap();
    let home = home(place.path());
    assert_eq!(offered(&home, &["cellphone", "bro"]), ["broadcast"]);
    assert_eq!(offered(&home, &["cellphone", "next", "--le"]), ["--lease"]);
    let agents = ["agent-1", "agent-2", "agent-3", "agent-4"];
    assert_eq!(offered(&home, &["cellphone", "send", "agent"]), agents);
    assert_eq!(offered(&home, &["cellphone", "inbox", "cap"]), ["captain"]);
    assert_eq!(
        offered(&home, &["cellphone", "inbox", "--as", "agent-3"]),
        ["agent-3"]
    );
    assert_eq!(offered(&home, &["captainphone", "send", "agent"]), agents);
    assert!(
        !offered(&home, &["cellphone", ""]).contains(&"gen".to_owned()),
        "gen is hidden"
    );
}

#[test]
fn bash_completes_tasks() {
    let place = tempfile::tempdir().unwrap();
    let home = home(place.path());
    for id in ["deploy-web", "deploy-api", "backup"] {
        let made = Command::new(TASKCTL)
            .args(["create", id, "--id", id, "-q"])
            .env("DREAMOS_HOME", &home)
            .status();
        assert!(made.unwrap().success());
    }
    let both = ["deploy-api", "deploy-web"];
    let mut tasks = offered(&home, &["taskctl", "show", "dep"]);
    tasks.sort_unstable();
    assert_eq!(tasks, both);
    assert_eq!(
        offered(&home, &["taskctl", "dep", "add", "backup", "deploy-w"]),
        ["deploy-web"]
    );
    assert_eq!(
        offered(&home, &["taskctl", "assign", "backup", "agent-4"]),
        ["agent-4"]
    );
}

#[test]
fn bash_completes_channels() {
    let place = tempfile::tempdir().unwrap();
    let home = home(place.path());
    assert_eq!(
        offered(&home, &["logctl", "tail", "s"]),
        ["system", "security"]
    );
    assert_eq!(
        offered(&home, &["logctl", "query", "--level", "e"]),
        ["error"]
    );
}

#[test]
fn bash_completes_speech() {
    let place = tempfile::tempdir().unwrap();
    let home = home(place.path());
    assert_eq!(offered(&home, &["voice", "gen"]), ["generate"]);
    assert_eq!(offered(&home, &["voice", "say", "--li"]), ["--lines"]);
}

#[test]
fn without_a_home_a_completion_offers_nobody_and_does_not_fail() {
    let place = tempfile::tempdir().unwrap();
    let nobody: [&str; 0] = [];
    assert_eq!(
        offered(place.path(), &["cellphone", "send", "agent"]),
        nobody
    );
}

#[test]
fn the_home_that_is_being_typed_is_the_one_that_is_asked() {
    let place = tempfile::tempdir().unwrap();
    let home = home(place.path());
    let line = [
        "cellphone",
        "--home",
        home.to_str().unwrap(),
        "send",
        "agent-4",
    ];
    assert_eq!(offered(place.path(), &line), ["agent-4"]);
}

#[test]
fn a_man_page_names_every_verb_and_every_exit_code() {
    let mail = ["SEND", "NEXT", "STATUS", "WATCH"];
    let tasks = ["CREATE", "CLAIM", "DEP", "LINT"];
    let logs = ["TAIL", "QUERY", "ROTATE", "WRITE"];
    let rights = ["CHECK", "TOKEN", "SECRET", "AUDIT"];
    let memory = ["INGEST", "QUERY", "STORY", "FORGET"];
    let copies = ["CODE", "CONFIG", "NAMES", "DIFF"];
    let figures = ["EXPORT", "TEXTFILE", "SERVE", "EXPORT"];
    let speech = ["SAY", "GENERATE", "ENQUEUE", "TEST"];
    for (program, verbs) in [
        ("cellphone", mail),
        ("captainphone", mail),
        ("taskctl", tasks),
        ("logctl", logs),
        ("dreamscribe", memory),
        ("dupscan", copies),
        ("metricsd", figures),
        ("secctl", rights),
        ("voice", speech),
    ] {
        let binary = Path::new(env!("CARGO_BIN_EXE_cellphone")).with_file_name(program);
        let page = Command::new(&binary).args(["gen", "man"]).output().unwrap();
        assert!(page.status.success());
        let page = String::from_utf8(page.stdout).unwrap();
        for verb in verbs {
            assert!(
                page.contains(&format!(".SH \"{verb}\"")),
                "{program}: {verb}"
            );
        }
        let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
        let codes = readme
            .split("## Exit codes")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        let rows = codes.lines().filter_map(|line| line.strip_prefix("| "));
        for code in rows.filter_map(|row| row.split(" |").next()).skip(2) {
            assert!(
                page.contains(&format!("\\fB{code}\\fR")),
                "{program}: exit code {code}"
            );
        }
    }
}
