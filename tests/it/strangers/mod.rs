//! What others put into a home: bad input, and files that are not what they seem. Real processes in homes of their
//! own; nothing is asked of the library.

mod hostile;
mod input;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const CELLPHONE: &str = env!("CARGO_BIN_EXE_cellphone");

/// How one process ended.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A home that goes with the test.
struct Home {
    _place: Option<TempDir>,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let home = Self::at(&place.path().join("home"));
        Self {
            _place: Some(place),
            ..home
        }
    }

    /// One whose directory somebody else looks after.
    fn at(path: &Path) -> Self {
        let made = Command::new(checkout().join("scripts/home"))
            .arg(path)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self {
            _place: None,
            path: path.to_owned(),
        }
    }

    fn mailboxes(&self) -> PathBuf {
        self.path.join("runtime/mailbox")
    }

    fn mailbox(&self, agent: &str) -> PathBuf {
        self.mailboxes().join(agent)
    }

    fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("DREAMOS_HOME", &self.path)
            .env("NO_COLOR", "1");
        command
    }

    /// Runs `cellphone`; one that hangs is killed after 20 s and ends with 137.
    fn run(&self, args: &[&str]) -> Done {
        self.run_with(args, b"")
    }

    fn run_with(&self, args: &[&str], input: &[u8]) -> Done {
        let program = [&["timeout", "-s", "KILL", "20", CELLPHONE], args].concat();
        finish(self.command(&program), input)
    }

    fn ok(&self, args: &[&str]) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, 0, "cellphone {args:?}: {done:?}");
        done
    }

    /// What is kept of a mailbox, closed mail included.
    fn all(&self, agent: &str) -> Vec<Value> {
        let done = self.ok(&["inbox", agent, "--all", "--json"]);
        done.json()["messages"].as_array().unwrap().clone()
    }

    fn contents(&self, agent: &str) -> Vec<String> {
        let all = self.all(agent);
        all.iter()
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How often a text was delivered.
    fn times(&self, agent: &str, content: &str) -> usize {
        let contents = self.contents(agent);
        contents.iter().filter(|it| *it == content).count()
    }

    fn assert_well(&self, after: &str) {
        let done = self.run(&["doctor"]);
        assert_eq!(done.code, 0, "after {after}: {}{}", done.out, done.err);
    }

    /// `inbox.json` as any script reads it.
    fn face(&self, agent: &str) -> Vec<Value> {
        let text = std::fs::read(self.mailbox(agent).join("inbox.json")).unwrap();
        serde_json::from_slice(&text).expect("the face is JSON")
    }
}

fn finish(mut command: Command, input: &[u8]) -> Done {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let done = child.wait_with_output().unwrap();
    let code = done.status.code();
    Done {
        code: code.unwrap_or_else(|| 128 + done.status.signal().unwrap()),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Whether a tool can be run; says which is missing otherwise.
fn has(tool: &str) -> bool {
    let found = Command::new("sh")
        .args([
            "-c",
            &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {tool}"),
        ])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    found || crate::faults::skipped(tool)
}

/// What lies below a directory: names, kinds and bytes, so that any touch is seen.
fn snapshot(dir: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                open.push(path.clone());
            }
            let bytes = kind.is_file().then(|| std::fs::read(&path).unwrap());
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
