//! Lines that are heard too: by `voice`, a child that reads them. What it is built upon is too much for a program that people
//! start for every look, and not installed everywhere.

use std::io::{ErrorKind, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use dreamos::cli::Context;
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};

const VOICE: &str = "voice";
/// A pipe takes a line of so many bytes at once or not at all (`PIPE_BUF`), so that none is torn.
const LONGEST: usize = 4096;

pub(crate) struct Speech<'c> {
    context: &'c Context,
    child: Child,
    /// Until nobody reads it any more.
    stdin: Option<ChildStdin>,
    /// Lines that found the pipe full.
    skipped: u64,
}

impl<'c> Speech<'c> {
    /// `None` where it cannot be, which is said.
    pub(crate) fn begin(context: &'c Context) -> Option<Self> {
        // Where that cannot be told it is looked for on the PATH, as where none lies beside.
        let own = std::env::current_exe().ok();
        let beside = own.map(|own| own.with_file_name(VOICE));
        let program = beside.filter(|path| path.is_file());
        let mut command = Command::new(program.unwrap_or_else(|| VOICE.into()));
        command.args(["say", "--lines", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                let stdin = child.stdin.take();
                // Nothing that is printed waits for what is said.
                let stdin = stdin.filter(|it| ioctl_fionbio(it, true).is_ok());
                Some(Self {
                    context,
                    child,
                    stdin,
                    skipped: 0,
                })
            }
            Err(error) => {
                let why = match error.kind() {
                    ErrorKind::NotFound => "is neither beside this program nor on the PATH".into(),
                    _ => format!("cannot be started: {error}"),
                };
                context.warn(&format!(
                    "nothing is said: voice {why} (make install-bots installs it)"
                ));
                None
            }
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        let Some(stdin) = &mut self.stdin else {
            return;
        };
        let mut line = match self.skipped {
            0 => text.to_owned(),
            more => format!("{more} more. {text}"),
        };
        line.truncate(line.floor_char_boundary(LONGEST - 1));
        line.push('\n');
        match stdin.write(line.as_bytes()) {
            Ok(_) => self.skipped = 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.skipped += 1,
            Err(_) => self.over(),
        }
    }

    /// What waits is said.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        // It says itself what went wrong.
        let _ = self.child.wait();
    }

    /// It reads no more.
    fn over(&mut self) {
        self.stdin = None;
        let how = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.context.warn(&format!(
            "nothing more is said: voice has ended ({how}); voice test tells why"
        ));
    }
}

impl Drop for Speech<'_> {
    /// Whoever has had enough of the lines has had enough of hearing them.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It ends by itself at this moment.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
    }
}
