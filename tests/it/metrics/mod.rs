//! Figures: counted once whatever happens, served to whom they are for, and understood by those who read them.

mod bad;
mod once;
mod prometheus;
mod serve;
mod spent;
mod textfile;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Home, METRICSD, Ran, run};

/// Whoever waits longer for something waits in vain.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn export(home: &Home) -> Ran {
    let ran = run(home.command(METRICSD).arg("export"), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

/// The samples of an exposition: `name{labels}` and the value, as it is written.
pub(crate) fn samples(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            (sample.to_owned(), value.to_owned())
        })
        .collect()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that answers, as long as this lives.
pub(crate) struct Serving {
    child: Child,
    /// What it said when it began.
    pub(crate) said: Value,
    pub(crate) address: String,
}

pub(crate) fn serving(home: &Home, args: &[&str]) -> Serving {
    let mut command = home.command(METRICSD);
    command.args(["serve", "--json"]).args(args);
    if !args.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["listen"].as_str().unwrap().to_owned();
    Serving {
        child,
        said,
        address,
    }
}

impl Serving {
    /// Status and body of an answer.
    pub(crate) fn ask(&self, path: &str, headers: &str) -> (u16, String) {
        self.ask_by("GET", path, headers)
    }

    pub(crate) fn ask_by(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nConnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn exit(mut self) -> Option<i32> {
        let mut code = None;
        wait_until("it ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|status| status.code())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
