//! Mailboxes under siege: many real processes at once, killed at any system call, with foreign programs between
//! them. After each, everything in `crate::invariants` must hold.

mod attacks;
mod deadlock;
mod foreign;
mod kills;
mod reader;
mod watchers;
mod writers;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::invariants::{self, Truth, Truths};

const CELLPHONE: &str = env!("CARGO_BIN_EXE_cellphone");

/// No verb may take longer, whatever holds the locks: five seconds of patience, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(8);

/// A home of its own, removed with it.
struct House {
    _place: tempfile::TempDir,
    home: PathBuf,
}

/// In memory where the machine has room for that: SIGKILL does not ask whether a flush took long.
fn place() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(place) = tempfile::tempdir_in(memory)
    {
        return place;
    }
    tempfile::tempdir().unwrap()
}

impl House {
    fn new() -> Self {
        Self::at(place())
    }

    /// Where a flush takes as long as it takes.
    fn on_disk() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(place: tempfile::TempDir) -> Self {
        let home = place.path().join("home");
        let made = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/home"))
            .arg(&home)
            .output()
            .unwrap();
        assert!(made.status.success());
        Self {
            _place: place,
            home,
        }
    }

    /// Another with the same files in it.
    fn copy(&self) -> Self {
        let place = place();
        let home = place.path().join("home");
        copy_tree(&self.home, &home);
        Self {
            _place: place,
            home,
        }
    }

    fn mailbox(&self, agent: &str) -> PathBuf {
        self.home.join("runtime/mailbox").join(agent)
    }

    fn face(&self, agent: &str) -> PathBuf {
        self.mailbox(agent).join("inbox.json")
    }

    fn journal(&self, agent: &str) -> PathBuf {
        self.mailbox(agent).join("journal.jsonl")
    }

    /// In this home, and with nothing of the environment in which the tests run.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = Path::new(CELLPHONE).parent().unwrap().display();
        command
            .current_dir(&self.home)
            .env_clear()
            .env("DREAMOS_HOME", &self.home)
            .env("PATH", format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn cellphone(&self, line: &str) -> Command {
        let mut command = self.command(CELLPHONE);
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.cellphone(line).output().unwrap()
    }

    /// A verb that must succeed; what it printed.
    fn must(&self, line: &str) -> String {
        let done = self.run(line);
        assert!(done.status.success(), "cellphone {line}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.must(&format!("{line} --json"))).unwrap()
    }

    /// One flush for all of these lines.
    fn batch(&self, line: &str, lines: &str) -> Output {
        let mut child = self.cellphone(line).stdin(Stdio::piped()).spawn().unwrap();
        let written = child.stdin.take().unwrap().write_all(lines.as_bytes());
        let done = child.wait_with_output().unwrap();
        written.unwrap();
        done
    }

    fn exit(&self, line: &str) -> i32 {
        self.run(line).status.code().unwrap_or(-1)
    }

    fn check(&self) -> Truths {
        invariants::check(&self.home).unwrap_or_else(|why| panic!("{why}"))
    }

    /// After ordinary verbs: nothing left over, and list, face and journal agree.
    fn check_settled(&self) -> Truths {
        self.settled().unwrap_or_else(|why| panic!("{why}"))
    }

    fn settled(&self) -> Result<Truths, String> {
        let truths = invariants::check_swept(&self.home)?;
        for (agent, truth) in &truths {
            let listed = self.json(&format!("inbox {agent}"));
            invariants::agrees(&self.mailbox(agent), truth, &listed["messages"])
                .map_err(|why| format!("{agent}: {why}"))?;
        }
        Ok(truths)
    }

    /// The other opinion: what `doctor` says of the whole home.
    fn must_be_well(&self) {
        let done = self.run("doctor --format plain");
        assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
    }

    fn truth(&self, agent: &str) -> Truth {
        self.check().remove(agent).unwrap()
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A process that dies with the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Gone already, or about to be: either is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Whether this machine has a tool that a test needs; one that lacks it says so in the way `scripts/test` counts.
fn has(tool: &str, arguments: &[&str]) -> bool {
    let works = Command::new(tool)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        // Not `eprintln`: of a test that passes, what that writes is kept back.
        let line = format!("SKIPPED: needs {tool}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    works
}

/// A script that is a program of its own.
fn script(house: &House, name: &str, text: &str) -> PathBuf {
    let path = house.home.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Past the harness's capture, for whoever started this process to read.
fn tell(what: &str) {
    let line = format!("{what}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

fn say(to: &mut impl std::io::Write) {
    to.write_all(b"go\n").unwrap();
    to.flush().unwrap();
}

fn hear(from: &mut impl std::io::BufRead, word: &str) {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), word);
}
