//! The socket that a supervisor listens on: lines of JSON in and out. Nobody who is slow holds it up.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use super::Error;
use crate::agents::control::{Answer, Request};

pub(super) const SOCKET: &str = "control";
/// At once; more wait in the kernel.
const MOST_CLIENTS: usize = 32;
const LONGEST_REQUEST: usize = 64 << 10;

pub(super) struct Control {
    listener: UnixListener,
    clients: Vec<Client>,
}

pub(super) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    /// What it waits for; its connection stays open until then.
    pub(super) waits: Option<Waits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Start,
    End,
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
        })
    }

    /// To be waited on, the listener first.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listener = (self.clients.len() < MOST_CLIENTS).then(|| self.listener.as_fd());
        let clients = self.clients.iter().map(|client| client.stream.as_fd());
        listener.into_iter().chain(clients)
    }

    /// Takes whoever knocks and reads what they say. Whole requests come back, each with its client's place.
    pub(super) fn requests(&mut self) -> Vec<(usize, Result<Request, String>)> {
        while self.clients.len() < MOST_CLIENTS
            && let Ok((stream, _)) = self.listener.accept()
        {
            if stream.set_nonblocking(true).is_ok() && is_ours(&stream) {
                self.clients.push(Client {
                    stream,
                    received: Vec::new(),
                    waits: None,
                });
            }
        }
        let mut requests = Vec::new();
        let mut gone = Vec::new();
        for (at, client) in self.clients.iter_mut().enumerate() {
            match client.read() {
                Ok(lines) => {
                    requests.extend(lines.into_iter().map(|line| (at, parse(&line))));
                }
                Err(_) => gone.push(at),
            }
        }
        requests.retain(|(at, _)| !gone.contains(at));
        // From the end, so that the places of the others stay; those with requests stand before.
        for at in gone.into_iter().rev() {
            self.clients.remove(at);
            for (other, _) in &mut requests {
                *other -= usize::from(*other > at);
            }
        }
        requests
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
}

/// Root and who runs this; the directory lets nobody else in either.
fn is_ours(stream: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(stream);
    peer.is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::getuid())
}

fn parse(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

impl Client {
    /// The whole lines that came; an error where there is nobody any more, or what he says never ends.
    fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.received.len() > LONGEST_REQUEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let mut lines = Vec::new();
        while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
            let rest = self.received.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.received, rest);
            line.pop();
            lines.push(line);
        }
        Ok(lines)
    }

    /// One line fits into what the kernel keeps; whoever does not read it misses it.
    fn say(&mut self, answer: &Answer) {
        let mut line = serde_json::to_vec(answer).expect("every key of an answer is text");
        line.push(b'\n');
        let _ = self.stream.write_all(&line);
    }
}
