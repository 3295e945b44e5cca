//! Mailboxes under siege: many real processes at once, killed at any system call, with foreign programs between
//! them. After each, everything in `crate::invariants` must hold.

mod attacks;
mod deadlock;
mod foreign;
pub(crate) mod kills;
mod reader;
mod watchers;
mod writers;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::home::{CELLPHONE, Home};
use crate::invariants::{self, Truth, Truths};

/// No verb may take longer, whatever holds the locks: five seconds of patience, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(8);

/// A home of its own, whose verbs are spoken in lines.
pub(crate) struct House {
    home: Home,
}

/// In memory where the machine has room for that: SIGKILL does not ask whether a flush took long.
pub(crate) fn place() -> tempfile::TempDir {
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
        Self {
            home: Home::below(place),
        }
    }

    /// Another with the same files in it.
    fn copy(&self) -> Self {
        Self {
            home: Home::copy_of(&self.home.dir, place()),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home.dir
    }

    fn mailbox(&self, agent: &str) -> PathBuf {
        self.home.mailbox(agent)
    }

    fn face(&self, agent: &str) -> PathBuf {
        self.home.face(agent)
    }

    fn journal(&self, agent: &str) -> PathBuf {
        self.home.journal(agent)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.home.command(program);
        command
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
        invariants::check(self.home()).unwrap_or_else(|why| panic!("{why}"))
    }

    /// After ordinary verbs: nothing left over, and list, face and journal agree.
    fn check_settled(&self) -> Truths {
        self.settled().unwrap_or_else(|why| panic!("{why}"))
    }

    fn settled(&self) -> Result<Truths, String> {
        let truths = invariants::check_swept(self.home())?;
        for (agent, truth) in &truths {
            let listed = self.json(&format!("inbox {agent}"));
            invariants::agrees(&self.mailbox(agent), truth, &listed["messages"])
                .map_err(|why| format!("{agent}: {why}"))?;
        }
        Ok(truths)
    }

    /// The other opinion: what `doctor` says of the whole home.
    fn must_be_well(&self) {
        self.home.assert_well("all that");
    }

    fn truth(&self, agent: &str) -> Truth {
        self.check().remove(agent).unwrap()
    }
}

/// Two generations; in the newer one the second message waits and the third was taken and acknowledged.
pub(crate) fn mailbox_in_use() -> House {
    let house = House::new();
    house.must("send agent-1 first");
    house.must("prune agent-1");
    house.must("send agent-1 second");
    house.must("send agent-1 third --mode PRIORITY --as captain");
    house.must("next --as agent-1");
    house.must("ack agent-1/3 --as agent-1");
    house
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

/// A script, to be given to bash: a child of another test may have it open for writing still, so that it cannot be executed.
fn script(house: &House, name: &str, text: &str) -> PathBuf {
    let path = house.home().join(name);
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
