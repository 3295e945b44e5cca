//! The house itself: its layers are guarded, its demonstration works, its scripts do what the README says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cellphone"))
        .parent()
        .expect("a program lies in a directory")
}

/// The programs as they are shipped; `make test` builds them and says where. Else those of the tests.
fn shipped() -> PathBuf {
    std::env::var_os("DREAMOS_SHIPPED").map_or_else(|| programs().to_owned(), PathBuf::from)
}

fn script(name: &str) -> Command {
    Command::new(checkout().join("scripts").join(name))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy_sources(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_sources(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What `scripts/layers` says of the sources after `planted` was appended to `file`.
fn layers_with(file: &str, planted: &str) -> Output {
    let copy = tempfile::tempdir().unwrap();
    for part in ["src", "bin"] {
        copy_sources(&checkout().join(part), &copy.path().join(part));
    }
    let path = copy.path().join(file);
    let mut source = std::fs::read_to_string(&path).unwrap_or_default();
    source.push('\n');
    source.push_str(planted);
    std::fs::create_dir_all(path.parent().expect("it lies in a room")).unwrap();
    std::fs::write(&path, source).unwrap();
    script("layers").arg(copy.path()).output().unwrap()
}

#[test]
fn layers_finds_each_kind_of_violation() {
    for (file, planted, complaint) in [
        (
            "src/store/mod.rs",
            "use crate::{\n    mailbox::Sent,\n    names::Draft,\n};\n",
            "store must not use crate::mailbox::Sent",
        ),
        (
            "src/mailbox/mod.rs",
            "use crate::agents::X;\n",
            "mailbox must not use crate::agents::X",
        ),
        (
            "src/cli/mod.rs",
            "fn f() { crate::desk::g() }\n",
            "cli must not use crate::desk::g",
        ),
        (
            "src/mailbox/mod.rs",
            "use super::agents;\n",
            "write crate::",
        ),
        (
            "bin/cellphone/main.rs",
            "use dreamos::store::Journal;\n",
            "bin must not use dreamos::store::Journal",
        ),
        (
            "src/mailbox/mod.rs",
            "fn f() { Permit::grant(act) }\n",
            "may grant a permit",
        ),
        (
            "src/names/mode.rs",
            "use std::{fmt, fs::File};\n",
            "touches the world: std::fs::File",
        ),
        (
            "src/names/mode.rs",
            "fn f() { SystemTime::now(); }\n",
            "touches the world: SystemTime::now",
        ),
        (
            "src/mailbox/rules.rs",
            "use rustix::fs::open;\n",
            "touches the world: rustix::fs::open",
        ),
        (
            "src/attic/mod.rs",
            "use crate::names::Draft;\n",
            "attic must not use crate::names::Draft",
        ),
    ] {
        let found = layers_with(file, planted);
        assert!(!found.status.success(), "{planted:?} in {file} passed");
        assert!(
            text(&found.stdout).contains(complaint),
            "{planted:?} in {file}: {}",
            text(&found.stdout)
        );
    }
}

#[test]
fn layers_leaves_comments_strings_and_test_modules_alone() {
    let innocent = "// std::fs::read\nconst WORD: &str = \"std::fs::read\";\n\
                    #[cfg(test)]\nmod planted {\n    use std::fs;\n}\n";
    let found = layers_with("src/names/mode.rs", innocent);
    assert!(found.status.success(), "{}", text(&found.stdout));
}

#[test]
fn every_order_of_the_demonstration_is_acknowledged_and_answered_right() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = script("demo")
        .arg(shipped())
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let said = text(&demo.stdout);
    assert!(demo.status.success(), "{said}\n{}", text(&demo.stderr));
    assert!(
        said.contains("kill -9 agent-3, which holds agent-3/"),
        "{said}"
    );
    assert!(
        said.contains("12 orders, 12 acknowledged, 12 answered right"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "colour without a terminal");
    let left: Vec<PathBuf> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn what_is_shipped_is_static_and_small() {
    let Some(shipped) = std::env::var_os("DREAMOS_SHIPPED").map(PathBuf::from) else {
        eprintln!("SKIPPED: needs the programs that are shipped: make test builds them");
        return;
    };
    for (program, most) in [
        ("cellphone", 3_000_000),
        ("captainphone", 3_000_000),
        // Edits YAML and renders templates beside sending mail.
        ("agentctl", 4_000_000),
        // Knows the clocks of every zone.
        ("taskctl", 5_000_000),
        // Searches by regular expressions.
        ("logctl", 4_000_000),
        // Looks into all rooms, and has a server.
        ("metricsd", 5_000_000),
        // Links, mines and indexes.
        ("dreamscribe", 5_000_000),
        // Knows the rules of .gitignore, and three formats of settings.
        ("dupscan", 5_000_000),
        ("secctl", 4_000_000),
        // One of it an agent.
        ("dreamos-superd", 1_500_000),
    ] {
        let bytes = std::fs::read(shipped.join(program)).unwrap();
        assert!(bytes.len() <= most, "{program}: {} bytes", bytes.len());
        // The program header of a loader: `PT_INTERP`.
        let headers = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
        let interpreted = bytes[64..]
            .chunks(56)
            .take(headers)
            .any(|header| header[..4] == 3_u32.to_le_bytes());
        assert!(!interpreted, "{program} wants a loader");
    }
}

/// The start-up of our own (`src/cli/entry.rs`) must leave a whole C library behind: threads, children, arguments,
/// the environment and an orderly end.
#[test]
fn what_is_shipped_waits_in_threads_and_starts_children() {
    let home = tempfile::tempdir().unwrap();
    let made = script("home").arg(home.path()).output().unwrap();
    assert!(made.status.success());
    let cellphone = |args: &[&str]| {
        let mut command = Command::new(shipped().join("cellphone"));
        command.args(args).env("DREAMOS_HOME", home.path());
        command.env("DREAMOS_AGENT", "agent-1");
        command
    };
    // Its own thread watches the files, a child takes the message.
    let watch = cellphone(&["watch", "--once", "--exec", "wc -c >got"])
        .current_dir(home.path())
        .spawn();
    let long = "a".repeat(300_000);
    let mut send = cellphone(&["--as", "captain", "send", "agent-1", "-"]);
    send.stdin(std::process::Stdio::piped());
    send.stdout(std::process::Stdio::null());
    let mut send = send.spawn().unwrap();
    std::io::Write::write_all(&mut send.stdin.take().unwrap(), long.as_bytes()).unwrap();
    assert!(send.wait().unwrap().success());
    assert!(watch.unwrap().wait().unwrap().success());
    let got = std::fs::read_to_string(home.path().join("got")).unwrap();
    assert!(got.trim().parse::<usize>().unwrap() > long.len(), "{got}");
    let edit = cellphone(&["edit", "agent-1"])
        .env("EDITOR", "true")
        .output()
        .unwrap();
    assert!(edit.status.success(), "{}", text(&edit.stderr));
}

#[test]
fn a_home_is_private_and_making_it_twice_changes_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let first = script("home").arg(&home).output().unwrap();
    assert!(first.status.success(), "{}", text(&first.stderr));
    for private in ["runtime", "runtime/mailbox", "runtime/logs"] {
        let mode = std::fs::metadata(home.join(private))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{private}");
    }
    std::fs::write(home.join("config/agents.yaml"), "agents: {}\n").unwrap();
    let second = script("home").arg(&home).output().unwrap();
    assert!(second.status.success());
    assert!(
        !text(&second.stdout).contains("created"),
        "{}",
        text(&second.stdout)
    );
    assert_eq!(
        std::fs::read_to_string(home.join("config/agents.yaml")).unwrap(),
        "agents: {}\n"
    );
}

#[test]
fn the_last_line_of_a_test_run_counts_a_skip_as_a_skip() {
    let run = script("test")
        .args(["sh", "-c", "echo 'SKIPPED: needs a privilege' >&2; echo 'test result: FAILED. 5 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out'; exit 101"])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(101));
    assert_eq!(
        text(&run.stdout).lines().last(),
        Some("4 passed, 1 failed, 3 skipped")
    );
}

#[test]
fn what_install_puts_somewhere_uninstall_takes_away() {
    let place = tempfile::tempdir().unwrap();
    let make = |target: &str| {
        let run = Command::new("make")
            .args([
                "-C",
                checkout().to_str().unwrap(),
                "-o",
                "small",
                "-o",
                "bots",
                target,
                "PREFIX=/usr",
            ])
            .arg(format!("SMALL_DIR={}", shipped().display()))
            .arg(format!("BOTS_DIR={}", programs().display()))
            .arg(format!("DESTDIR={}", place.path().display()))
            .output()
            .unwrap();
        assert!(run.status.success(), "make {target}: {}", text(&run.stderr));
    };
    let installed = || {
        let mut files = Vec::new();
        let mut dirs = vec![place.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    };

    make("install");
    let files = installed();
    let schemas = [
        "bin/phone/schemas",
        "bin/agentctl/schemas",
        "bin/taskctl/schemas",
        "bin/logctl/schemas",
        "bin/dreamscribe/schemas",
        "bin/dupscan/schemas",
        "bin/metricsd/schemas",
        "bin/secctl/schemas",
        "bin/discordbot/schemas",
        "bin/voice/schemas",
    ];
    let schemas = schemas.map(|dir| std::fs::read_dir(checkout().join(dir)).unwrap().count());
    assert_eq!(
        files.len(),
        45 + 1 + schemas.iter().sum::<usize>(),
        "nine programs, each with a man page and three completions, the supervisor, and the schemas: {files:#?}"
    );
    make("install-bots");
    let both = installed();
    assert_eq!(both.len(), files.len() + 10, "two programs more: {both:#?}");
    for file in &both {
        assert!(
            std::fs::metadata(file).unwrap().len() > 0,
            "{} is empty",
            file.display()
        );
    }
    make("uninstall");
    assert_eq!(installed(), Vec::<PathBuf>::new());
}
