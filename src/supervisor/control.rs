//! The socket that a supervisor listens on: lines of JSON in and out. Nobody who is slow holds it up.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;
use super::terminal::Keyboard;
use crate::agents::control::{Answer, Input, Request};

pub(super) const SOCKET: &str = "control";
/// At once; more wait in the kernel.
const MOST_CLIENTS: usize = 32;
/// The others are for those who want to stop it.
const MOST_VIEWERS: usize = 16;
const LONGEST_REQUEST: usize = 64 << 10;
/// Whoever has joined the terminal and is so far behind skips to the present screen.
const MOST_UNSENT: usize = 256 << 10;
/// Whoever is that far behind and took nothing for so many milliseconds is dropped.
const STUCK: u64 = 10_000;

pub(super) struct Control {
    listener: UnixListener,
    clients: Vec<Client>,
    /// Nobody who has joined the terminal is listened to.
    holds_keys: bool,
}

fn has_hung_up(stream: &UnixStream) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut fds, Some(&now)), Ok(1..))
}

struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// What it waits for; its connection stays open until then.
    waits: Option<Waits>,
    view: Option<View>,
    /// Forgotten at the next look, so that the places of the others stay.
    is_gone: bool,
}

/// One who has joined the terminal.
struct View {
    read_only: bool,
    /// When it last took something.
    took_at: u64,
    /// The child is no more: it goes once it has all.
    is_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Start,
    End,
    Typed,
}

/// What a client says.
pub(super) enum Heard {
    Request(Request),
    /// Of one who has joined the terminal, and not only to look.
    Input(Input),
    Unclear(String),
}

impl Control {
    /// In the working directory, which is the agent's own. Under its lock: what lies there is a dead supervisor's.
    pub(super) fn bind() -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        match std::fs::remove_file(SOCKET) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(system("remove the old control socket")(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(SOCKET).map_err(system("make the control socket"))?;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(SOCKET, private)
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(system("use the control socket"))?;
        Ok(Self {
            listener,
            clients: Vec::new(),
            holds_keys: false,
        })
    }

    /// What is waited for, the listener first.
    pub(super) fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let has_room = self.clients.len() < MOST_CLIENTS;
        let listener = has_room.then(|| PollFd::new(&self.listener, PollFlags::IN));
        let clients = self.clients.iter().filter_map(|client| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, !self.is_held(client));
            // Of one who must wait with his keys it is still seen that he went away.
            flags.set(PollFlags::RDHUP, self.is_held(client) && !client.is_gone);
            flags.set(PollFlags::OUT, !client.unsent.is_empty());
            // One that hung up would wake us all the time, were it asked for nothing.
            (!flags.is_empty()).then(|| PollFd::new(&client.stream, flags))
        });
        listener.into_iter().chain(clients)
    }

    const fn is_held(&self, client: &Client) -> bool {
        self.holds_keys && client.view.is_some()
    }

    pub(super) const fn hold_keys(&mut self, hold: bool) {
        self.holds_keys = hold;
    }

    /// Takes whoever knocks, sends what is left to be sent, and reads what they say, each with its client's place.
    pub(super) fn hear(&mut self, now: u64) -> Vec<(usize, Heard)> {
        self.clients.retain(|client| !client.is_gone);
        while self.clients.len() < MOST_CLIENTS
            && let Ok((stream, _)) = self.listener.accept()
        {
            if stream.set_nonblocking(true).is_ok() && is_ours(&stream) {
                self.clients.push(Client::new(stream));
            }
        }
        let mut heard = Vec::new();
        let holds_keys = self.holds_keys;
        for (at, client) in self.clients.iter_mut().enumerate() {
            client.flush(now);
            if holds_keys && client.view.is_some() {
                client.is_gone |= has_hung_up(&client.stream);
                continue;
            }
            let lines = client.read();
            heard.extend(
                lines
                    .iter()
                    .filter_map(|line| Some((at, client.hears(line)?))),
            );
        }
        heard
    }

    pub(super) fn answer(&mut self, at: usize, answer: &Answer) {
        self.clients[at].say(answer);
    }

    pub(super) fn wait_for(&mut self, at: usize, what: Waits) {
        self.clients[at].waits = Some(what);
    }

    /// To all who wait for this; they wait no longer.
    pub(super) fn tell(&mut self, what: Waits, answer: &Answer) {
        for client in &mut self.clients {
            if client.waits == Some(what) {
                client.say(answer);
                client.waits = None;
            }
        }
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.clients.iter().any(|client| client.waits.is_some())
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.viewers().count() >= MOST_VIEWERS
    }

    fn viewers(&self) -> impl Iterator<Item = &Client> {
        let is_there = |client: &&Client| client.view.is_some() && !client.is_gone;
        self.clients.iter().filter(is_there)
    }

    pub(super) fn keyboard(&self) -> Keyboard {
        let has_hands = |client: &Client| client.view.as_ref().is_some_and(|view| !view.read_only);
        if self.viewers().any(has_hands) {
            Keyboard::Attended
        } else {
            Keyboard::Unattended
        }
    }

    /// From now on it sees what the child prints; first what it has drawn so far.
    pub(super) fn join(&mut self, at: usize, read_only: bool, screen: &[u8], now: u64) {
        let client = &mut self.clients[at];
        client.view = Some(View {
            read_only,
            took_at: now,
            is_over: false,
        });
        client.unsent.extend_from_slice(screen);
        client.flush(now);
    }

    /// In place of all that it has not seen yet.
    pub(super) fn redraw(&mut self, at: usize, screen: Vec<u8>, now: u64) {
        let client = &mut self.clients[at];
        client.unsent = screen;
        client.flush(now);
    }

    /// What the child printed, to all who have joined; the present screen has it already.
    pub(super) fn show(&mut self, bytes: &[u8], now: u64, screen: impl Fn() -> Vec<u8>) {
        for client in &mut self.clients {
            if client.view.is_none() {
                continue;
            }
            client.unsent.extend_from_slice(bytes);
            client.flush(now);
            if client.unsent.len() <= MOST_UNSENT {
                continue;
            }
            let took_at = client.view.as_ref().map_or(now, |view| view.took_at);
            if now.saturating_sub(took_at) > STUCK {
                client.hang_up();
            } else {
                client.unsent = screen();
            }
        }
    }

    /// There is nothing to be seen any more.
    pub(super) fn end_views(&mut self, now: u64) {
        for client in &mut self.clients {
            if let Some(view) = &mut client.view {
                view.is_over = true;
                client.flush(now);
            }
        }
    }
}

/// Root and who runs this; the directory lets nobody else in either.
fn is_ours(stream: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(stream);
    peer.is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::getuid())
}

impl Client {
    const fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
            unsent: Vec::new(),
            waits: None,
            view: None,
            is_gone: false,
        }
    }

    /// The whole lines that came. It is gone where nobody is there any more, or what he says never ends.
    fn read(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 4096];
        while !self.is_gone && self.received.len() <= LONGEST_REQUEST {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.is_gone = true,
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_gone = true,
            }
        }
        let mut lines = Vec::new();
        while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
            let rest = self.received.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.received, rest);
            line.pop();
            lines.push(line);
        }
        if self.received.len() > LONGEST_REQUEST {
            self.hang_up();
        }
        lines
    }

    /// `None`: what it says is nothing to us.
    fn hears(&mut self, line: &[u8]) -> Option<Heard> {
        let Some(view) = &self.view else {
            let request = serde_json::from_slice(line);
            return Some(
                request.map_or_else(|error| Heard::Unclear(error.to_string()), Heard::Request),
            );
        };
        match serde_json::from_slice(line) {
            Ok(input @ Input::Redraw) => Some(Heard::Input(input)),
            Ok(input) => (!view.read_only).then_some(Heard::Input(input)),
            // An answer would be taken for what the child printed.
            Err(_) => {
                self.hang_up();
                None
            }
        }
    }

    fn say(&mut self, answer: &Answer) {
        serde_json::to_writer(&mut self.unsent, answer).expect("every key of an answer is text");
        self.unsent.push(b'\n');
        self.send();
    }

    fn flush(&mut self, now: u64) {
        let before = self.unsent.len();
        self.send();
        let has_all = self.unsent.is_empty();
        if let Some(view) = &mut self.view {
            if has_all || self.unsent.len() < before {
                view.took_at = now;
            }
            if has_all && view.is_over {
                self.hang_up();
            }
        }
    }

    /// What the kernel takes; the rest waits for the next time.
    fn send(&mut self) {
        while !self.unsent.is_empty() && !self.is_gone {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // He has hung up. What he said before is still heard, and reading tells when that was all.
                Err(_) => self.unsent.clear(),
            }
        }
        if self.unsent.is_empty() {
            // Room for a screen is not kept for somebody who asked once.
            self.unsent = Vec::new();
        }
    }

    fn hang_up(&mut self) {
        self.is_gone = true;
        // It may have hung up itself.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_falls_behind_skips_to_the_present_screen_and_is_dropped_when_he_takes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let listener = UnixListener::bind(place.path().join(SOCKET)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut control = Control {
            listener,
            clients: vec![Client::new(ours)],
            holds_keys: false,
        };
        control.join(0, false, b"", 0);
        assert_eq!(control.keyboard(), Keyboard::Attended);
        let piece = vec![b'x'; 8 << 10];
        let screen = || b"screen".to_vec();
        let show_until = |control: &mut Control, now, end: &dyn Fn(&Client) -> bool| {
            for _ in 0..10_000 {
                control.show(&piece, now, screen);
                if end(&control.clients[0]) {
                    return;
                }
            }
            panic!("it is kept for him for ever");
        };
        show_until(&mut control, 0, &|client| client.unsent == b"screen");
        // He reads on, later: he sees what is there now, and is forgiven.
        theirs.set_nonblocking(true).unwrap();
        while theirs.read(&mut [0; 4 << 10]).is_ok() {}
        control.hear(STUCK + 1);
        let mut rest = [0; 64];
        let n = theirs.read(&mut rest).unwrap();
        assert_eq!(&rest[..n], b"screen");
        show_until(&mut control, STUCK + 2, &|client| {
            client.unsent == b"screen"
        });
        assert!(!control.clients[0].is_gone);
        show_until(&mut control, 3 * STUCK, &|client| client.is_gone);
        assert!(control.hear(3 * STUCK).is_empty() && control.clients.is_empty());
        assert_eq!(control.keyboard(), Keyboard::Unattended);
    }
}
