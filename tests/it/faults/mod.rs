//! What bad luck and bad will can do to a home, with real processes: calls that fail, full disks, power cuts,
//! files that are not what they seem, locks that are not let go.

mod disk;
mod injected;
mod output;
mod power;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CELLPHONE: &str = env!("CARGO_BIN_EXE_cellphone");
/// Whoever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a program ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

impl Ran {
    /// The one document on stdout.
    fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no document: {self:?}"))
    }
}

/// Runs it to its end, or fails if it hangs.
fn run(command: &mut Command, input: &[u8]) -> Ran {
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
        code: status.code(),
        out: text(out.join().unwrap()),
        err: text(err.join().unwrap()),
        took: began.elapsed(),
    };
    assert!(!ran.err.contains("panicked"), "{command:?}: {ran:?}");
    assert!(
        !matches!(ran.code, None | Some(101 | 70)),
        "{command:?}: {ran:?}"
    );
    ran
}

/// A home for one test.
struct Home {
    // Removed with the test, unless it lies on a disk of its own.
    _place: Option<tempfile::TempDir>,
    dir: PathBuf,
    /// What programs are shown as the id of this boot, where it is not the machine's.
    boot: Option<PathBuf>,
}

impl Home {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("home");
        make_home(&dir);
        Self {
            _place: Some(place),
            dir,
            boot: None,
        }
    }

    /// On a disk that somebody else takes away.
    fn on(dir: PathBuf) -> Self {
        make_home(&dir);
        Self {
            _place: None,
            dir,
            boot: None,
        }
    }

    fn mailbox(&self, agent: &str) -> PathBuf {
        self.dir.join("runtime/mailbox").join(agent)
    }

    fn journal(&self) -> PathBuf {
        self.mailbox("agent-1").join("journal.jsonl")
    }

    fn face(&self) -> PathBuf {
        self.mailbox("agent-1").join("inbox.json")
    }

    fn names(&self, agent: &str) -> Vec<String> {
        let listing = std::fs::read_dir(self.mailbox(agent)).unwrap();
        let mut names: Vec<String> = listing
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// `program` and what it needs to find this home, and nothing else.
    fn command(&self, program: &str) -> Command {
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
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DREAMOS_HOME", &self.dir)
            .env("NO_COLOR", "1");
        command
    }

    fn try_cellphone(&self, line: &[&str]) -> Ran {
        run(self.command(CELLPHONE).args(line), b"")
    }

    fn cellphone(&self, line: &[&str]) -> Ran {
        let ran = self.try_cellphone(line);
        assert_eq!(ran.code, Some(0), "cellphone {line:?}: {ran:?}");
        ran
    }

    /// The messages of a listing, as `cellphone` tells them.
    fn list(&self, line: &[&str]) -> Vec<Value> {
        let ran = self.cellphone(&[line, &["--json"]].concat());
        ran.document()["messages"].as_array().unwrap().clone()
    }

    /// The contents of what is pending in agent-1's mailbox.
    fn pending(&self) -> Vec<String> {
        contents(&self.list(&["inbox", "agent-1"]))
    }

    /// The contents of everything that is known in agent-1's mailbox.
    fn all(&self) -> Vec<String> {
        contents(&self.list(&["inbox", "agent-1", "--all"]))
    }

    /// The contents that the face shows; it must be whole and valid.
    fn shown(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.face()).unwrap();
        let entries: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("the face is torn: {e}: {text}"));
        contents(&entries)
    }

    fn doctor_has_nothing_to_say(&self) {
        let ran = self.cellphone(&["doctor", "--json"]);
        assert_eq!(ran.document()["findings"], serde_json::json!([]));
    }
}

/// What `scripts/home` makes, without a shell: hundreds are needed.
fn make_home(dir: &Path) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"));
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
    std::fs::copy(example.join(agents), dir.join(agents)).unwrap();
}

fn contents(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

fn count(contents: &[String], content: &str) -> usize {
    contents.iter().filter(|it| *it == content).count()
}

/// Whether we may mount and the like. If not, the test that asked has shown nothing, and says so.
fn has_privilege() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n" || skipped("root")
}

fn has_tool(name: &str) -> bool {
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

/// A tool of the system, which must succeed.
fn system(line: &[&str]) {
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let ran = Command::new(line[0])
        .args(&line[1..])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{line:?}: {ran:?}");
}

/// A file system of its own in a place of its own, which ends with it.
struct Disk {
    place: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    fn tmpfs(options: &str) -> Self {
        let disk = Self {
            place: tempfile::tempdir().unwrap(),
            mounted: true,
        };
        std::fs::create_dir(disk.root()).unwrap();
        let root = disk.root();
        system(&["mount", "-t", "tmpfs", "-o", options, "tmpfs", path(&root)]);
        disk
    }

    fn image(kind: &str, size: u64) -> Self {
        let mut disk = Self {
            place: tempfile::tempdir().unwrap(),
            mounted: false,
        };
        std::fs::create_dir(disk.root()).unwrap();
        let image = disk.place.path().join("image");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(size)
            .unwrap();
        system(&[&format!("mkfs.{kind}"), "-q", path(&image)]);
        disk.mount(kind);
        disk
    }

    fn mount(&mut self, kind: &str) {
        // ext4 writes nothing back by itself meanwhile: what was not flushed is lost.
        let options = if kind == "ext4" {
            "loop,commit=300"
        } else {
            "loop"
        };
        let (image, root) = (self.place.path().join("image"), self.root());
        system(&["mount", "-o", options, path(&image), path(&root)]);
        self.mounted = true;
    }

    fn unmount(&mut self) {
        system(&["umount", path(&self.root())]);
        self.mounted = false;
        // A program of another test that has mounts of its own may keep ours a little longer: mounted again by
        // then, it would be the same one, power cut and all.
        let image = self.place.path().join("image");
        let began = Instant::now();
        while Self::is_attached(&image) {
            assert!(began.elapsed() < 3 * PATIENCE, "the disk is still in use");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_attached(image: &Path) -> bool {
        std::fs::read_dir("/sys/block").unwrap().any(|entry| {
            let backing = entry.unwrap().path().join("loop/backing_file");
            std::fs::read_to_string(backing).is_ok_and(|text| text.trim_end() == path(image))
        })
    }

    /// From here on nothing reaches the disk, its log neither.
    fn cut_power(&self) {
        system(&["xfs_io", "-x", "-c", "shutdown", path(&self.root())]);
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // What the failed test left running still holds it: lazily.
            let root = self.root();
            let _ = Command::new("umount").arg("-l").arg(root).status();
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
