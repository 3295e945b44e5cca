//! A home for one test, and real processes in it.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) const CELLPHONE: &str = env!("CARGO_BIN_EXE_cellphone");
pub(crate) const METRICSD: &str = env!("CARGO_BIN_EXE_metricsd");
pub(crate) const TASKCTL: &str = env!("CARGO_BIN_EXE_taskctl");
pub(crate) const SECCTL: &str = env!("CARGO_BIN_EXE_secctl");
pub(crate) const LOGCTL: &str = env!("CARGO_BIN_EXE_logctl");
pub(crate) const VOICE: &str = env!("CARGO_BIN_EXE_voice");
/// Whoever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ran {
    /// The one document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Runs it to its end; fails if it hangs or panics.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = input.to_vec();
    // A program that refuses its input before it has read it is none of the writer's business.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let ran = Ran {
        code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap()),
        out: text(out.join().unwrap()),
        err: text(err.join().unwrap()),
        took: began.elapsed(),
    };
    assert!(!ran.err.contains("panicked"), "{command:?}: {ran:?}");
    assert!(
        ran.code < 128 && !matches!(ran.code, 101 | 70),
        "{command:?}: {ran:?}"
    );
    ran
}

pub(crate) struct Home {
    /// Removed with the test, unless somebody else looks after it.
    _place: Option<tempfile::TempDir>,
    pub(crate) dir: PathBuf,
    /// What programs are shown as the id of this boot, where it is not the machine's.
    pub(crate) boot: Option<PathBuf>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::below(tempfile::tempdir().unwrap())
    }

    /// One that goes with `place`.
    pub(crate) fn below(place: tempfile::TempDir) -> Self {
        let home = Self::at(place.path().join("home"));
        Self {
            _place: Some(place),
            ..home
        }
    }

    /// One whose directory somebody else looks after.
    pub(crate) fn at(dir: PathBuf) -> Self {
        make_home(&dir);
        Self {
            _place: None,
            dir,
            boot: None,
        }
    }

    /// With the files of another, closed to others even where they were not.
    pub(crate) fn copy_of(dir: &Path, place: tempfile::TempDir) -> Self {
        let home = place.path().join("home");
        copy_tree(dir, &home);
        Self {
            _place: Some(place),
            dir: home,
            boot: None,
        }
    }

    pub(crate) fn policies(&self) -> PathBuf {
        self.dir.join("config/security/policies.yaml")
    }

    pub(crate) fn obey(&self, policy: &str) {
        let file = self.policies();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, policy).unwrap();
    }

    pub(crate) fn mailboxes(&self) -> PathBuf {
        self.dir.join("runtime/mailbox")
    }

    pub(crate) fn mailbox(&self, agent: &str) -> PathBuf {
        self.mailboxes().join(agent)
    }

    pub(crate) fn journal(&self, agent: &str) -> PathBuf {
        self.mailbox(agent).join("journal.jsonl")
    }

    pub(crate) fn face(&self, agent: &str) -> PathBuf {
        self.mailbox(agent).join("inbox.json")
    }

    /// `program` and what it needs to find this home, and nothing else.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = match &self.boot {
            None => Command::new(program),
            Some(boot) => {
                // A mount that only this program sees.
                let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", script, path(boot), program]);
                command
            }
        };
        let programs = Path::new(CELLPHONE).parent().unwrap().display();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", format!("{programs}:{path}:/usr/sbin:/sbin"))
            .env("DREAMOS_HOME", &self.dir)
            .env("NO_COLOR", "1");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        run(self.command(CELLPHONE).args(args), input)
    }

    /// A verb that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "cellphone {args:?}: {ran:?}");
        ran
    }

    /// The messages of a listing, as `cellphone` tells them.
    pub(crate) fn list(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.ok(&[args, &["--json"]].concat());
        ran.json()["messages"].as_array().unwrap().clone()
    }

    /// The contents of what is pending.
    pub(crate) fn pending(&self, agent: &str) -> Vec<String> {
        contents(&self.list(&["inbox", agent]))
    }

    /// The contents of everything that is known, closed mail included.
    pub(crate) fn all(&self, agent: &str) -> Vec<String> {
        contents(&self.list(&["inbox", agent, "--all"]))
    }

    /// How often a text was delivered.
    pub(crate) fn times(&self, agent: &str, content: &str) -> usize {
        let all = self.all(agent);
        all.iter().filter(|it| *it == content).count()
    }

    /// What the face shows, as any script reads it; it must be whole and valid.
    pub(crate) fn shown(&self, agent: &str) -> Vec<Value> {
        let text = std::fs::read(self.face(agent)).unwrap();
        serde_json::from_slice(&text)
            .unwrap_or_else(|e| panic!("the face is torn: {e}: {}", String::from_utf8_lossy(&text)))
    }

    pub(crate) fn names(&self, agent: &str) -> Vec<String> {
        let listing = std::fs::read_dir(self.mailbox(agent)).unwrap();
        let mut names: Vec<String> = listing
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn assert_well(&self, after: &str) {
        let ran = self.run(&["doctor", "--json"]);
        assert_eq!(ran.code, 0, "after {after}: {ran:?}");
        assert_eq!(
            ran.json()["findings"],
            serde_json::json!([]),
            "after {after}"
        );
    }
}

/// What `scripts/home` makes, without a shell: hundreds are needed.
fn make_home(dir: &Path) {
    for private in [
        "config/agent_comms",
        "runtime/mailbox",
        "runtime/logs",
        "runtime/cache",
    ] {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir.join(private));
        made.unwrap();
    }
    let agents = "config/agents.yaml";
    std::fs::copy(checkout().join(agents), dir.join(agents)).unwrap();
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            let mode = std::fs::metadata(&target).unwrap().permissions().mode();
            std::fs::set_permissions(&target, Permissions::from_mode(mode & 0o700)).unwrap();
        }
    }
}

pub(crate) fn contents(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

/// Whether we may mount and the like. If not, the test that asked has shown nothing, and says so.
pub(crate) fn has_privilege() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n" || skipped("root")
}

pub(crate) fn has_tool(name: &str) -> bool {
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(name).exists())
        || skipped(name)
}

/// `scripts/test` counts it; the test harness would swallow what a macro prints.
pub(crate) fn skipped(what: &str) -> bool {
    let line = format!("SKIPPED: needs {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    false
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
