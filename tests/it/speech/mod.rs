//! Speech: what is heard, measured; nothing here needs a sound device or the internet.

mod espeak;
mod network;
mod speakers;
mod tail;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::home::{has_tool, path};
use crate::metrics::wait_until;

/// Of espeak-ng and of the dispatcher's file: one channel of 16 bits.
const PER_SECOND: f64 = 22_050.0;

/// Samples as they lie in a file.
struct Sound(Vec<i16>);

impl Sound {
    /// Behind a head of 44 bytes.
    fn of(file: &[u8]) -> Self {
        let samples = file.get(44..).unwrap_or_default().chunks_exact(2);
        Self(
            samples
                .map(|it| i16::from_le_bytes([it[0], it[1]]))
                .collect(),
        )
    }

    fn seconds(&self) -> f64 {
        f64::from(u32::try_from(self.0.len()).unwrap()) / PER_SECOND
    }

    /// How loud it is: 0 is silence.
    fn rms(&self) -> f64 {
        let squares = self.0.iter().map(|it| f64::from(*it).powi(2));
        (squares.sum::<f64>() / f64::from(u32::try_from(self.0.len()).unwrap().max(1))).sqrt()
    }
}

/// A real Speech Dispatcher whose sound goes into a file, as long as this lives.
pub(crate) struct Dispatcher {
    child: Child,
    place: tempfile::TempDir,
}

impl Dispatcher {
    /// `None`: what it takes is not here, which counts as a failure.
    pub(crate) fn start() -> Option<Self> {
        if !has_tool("speech-dispatcher") || !has_tool("espeak-ng") {
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for dir in ["conf", "log"] {
            std::fs::create_dir(at(dir)).unwrap();
        }
        let heard = at("heard.wav");
        let alsa = format!(
            "pcm.!default {{ type file slave.pcm \"null\" file \"{}\" format \"wav\" }}\n",
            heard.display()
        );
        std::fs::write(at(".asoundrc"), alsa).unwrap();
        let conf = format!(
            "LogLevel 1\nLogDir \"{}\"\nAudioOutputMethod \"alsa\"\nAudioALSADevice \"default\"\n\
             AddModule \"espeak-ng\" \"sd_espeak-ng\" \"espeak-ng.conf\"\nDefaultModule espeak-ng\n\
             DefaultLanguage \"en\"\n",
            at("log").display()
        );
        std::fs::write(at("conf/speechd.conf"), conf).unwrap();
        let child = Command::new("speech-dispatcher")
            .args(["-s", "-C", path(&at("conf")), "-P", path(&at("pid"))])
            .env("HOME", place.path())
            .env("XDG_RUNTIME_DIR", place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dispatcher = Self { child, place };
        let socket = dispatcher.at("speech-dispatcher/speechd.sock");
        wait_until("the dispatcher listens", || {
            UnixStream::connect(&socket).is_ok()
        });
        Some(dispatcher)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// As a desktop tells its programs where theirs is.
    pub(crate) fn given_to(&self, command: &mut Command) {
        command.env("XDG_RUNTIME_DIR", self.place.path());
    }

    /// What was played up to now.
    fn heard(&self) -> Sound {
        Sound::of(&std::fs::read(self.at("heard.wav")).unwrap_or_default())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        // It ends its module, too; it may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::CONT);
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        drop(self.child.wait());
    }
}

/// An address at which nobody listens, and where none is started either.
fn without_dispatcher(command: &mut Command) {
    command.env("SPEECHD_ADDRESS", "unix_socket:/nonexistent/speechd.sock");
}
