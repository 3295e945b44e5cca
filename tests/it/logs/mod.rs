//! Logs: read, followed and searched while others write, rotate, pack and remove.

mod follow;
mod strangers;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use dreamos::logs::{Which, rotate};
use dreamos::names::Channel;
use dreamos::root;
use dreamos::time::Now;
use serde_json::Value;

use crate::home::{Home, LOGCTL, Ran, run};

/// Whoever says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

impl Home {
    fn logctl(&self, args: &[&str]) -> Ran {
        run(self.command(LOGCTL).args(args), b"")
    }

    fn logged(&self, args: &[&str]) -> Ran {
        let ran = self.logctl(args);
        assert_eq!(ran.code, 0, "logctl {args:?}: {ran:?}");
        ran
    }

    fn log(&self, channel: &str) -> std::path::PathBuf {
        self.dir.join(format!("runtime/logs/{channel}.log"))
    }

    fn rotate(&self) {
        let home = root::Home::at(&self.dir);
        rotate(&home, &Channel::ALL, Which::All, PATIENCE, Now::read().wall).unwrap();
    }

    /// As old as that, closed logs are packed: at once.
    fn pack_at_once(&self) {
        let limits = r#"{"compress_after": "0s"}"#;
        std::fs::write(self.dir.join("config/logs.json"), limits).unwrap();
    }
}

/// One who follows; ended with the test.
struct Tail {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<ChildStderr>,
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn lines_of(out: ChildStdout) -> Receiver<String> {
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            // Nobody listens any more.
            if said.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    heard
}

impl Tail {
    fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            lines: lines_of(child.stdout.take().unwrap()),
            stderr: child.stderr.take(),
            child,
        }
    }

    fn follow(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command(LOGCTL);
        command.args(["tail", "-f", "--json"]).args(args);
        Self::spawn(command)
    }

    /// The next line, which must come.
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn says_nothing_for(&self, span: Duration) -> bool {
        self.lines.recv_timeout(span) == Err(RecvTimeoutError::Timeout)
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}
