//! The figures over HTTP: `/metrics` and `/healthz`, for a scraper on this machine or one with a token.
//!
//! Every client has a thread of its own, a time in which it must have asked and one in which it must have taken its
//! answer, so that a slow one keeps nobody else waiting; collections come one after the other. One answer a connection.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::collect::collect;
use super::error::Error;
use super::token::Token;
use crate::root::Home;
use crate::time::Now;

/// So many clients are answered at once; whoever comes then is turned away.
const MOST_CLIENTS: usize = 128;
/// In which a client must have asked, and then in which it must have taken its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of what it asks.
const MOST_BYTES: usize = 8 << 10;
const MOST_FIELDS: usize = 64;
/// A collection that is older says nothing of how we do.
const LATELY: Duration = Duration::from_mins(1);
/// A collection that failed is not tried anew for whoever only asks how we do: he may ask as often as he likes.
const AGAIN: Duration = Duration::from_secs(10);
/// No more connections can be accepted: some may end meanwhile.
const PAUSE: Duration = Duration::from_millis(100);
const FIGURES: &str = "text/plain; version=0.0.4; charset=utf-8";
const WORDS: &str = "text/plain; charset=utf-8";

/// It listens, and answers once it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
}

impl Server {
    /// Without a token only what can be reached from this machine alone.
    pub fn bind(listen: &str, token: Option<Token>) -> Result<Self, Error> {
        let address = parse(listen)?;
        if token.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(Error::Unguarded {
                listen: listen.to_owned(),
            });
        }
        let failed = |source| Error::Listen {
            listen: listen.to_owned(),
            source,
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            token,
        })
    }

    /// Where it is to be reached: with its port, also where any would do.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `is_over`, which is asked whenever the calling thread is unparked.
    pub fn run(self, home: &Home, is_over: &dyn Fn() -> bool) -> Result<(), Error> {
        let service = Arc::new(Service {
            home: home.clone(),
            token: self.token,
            last: Mutex::default(),
            clients: AtomicUsize::new(0),
        });
        let listener = self.listener;
        thread::Builder::new()
            .spawn(move || accept(&service, &listener))
            .map_err(Error::Server)?;
        while !is_over() {
            thread::park();
        }
        // What is being answered ends with the process: a scraper asks again.
        Ok(())
    }
}

fn parse(listen: &str) -> Result<SocketAddr, Error> {
    let numeric = match listen.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => listen.to_owned(),
    };
    numeric.parse().map_err(|_| Error::BadAddress {
        listen: listen.to_owned(),
    })
}

fn accept(service: &Arc<Service>, listener: &TcpListener) -> ! {
    let mut is_told = false;
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) => {
                if !is_told {
                    log::warn!("a client could not be accepted: {error}");
                }
                is_told = true;
                thread::sleep(PAUSE);
                continue;
            }
        };
        let Some(seat) = Seat::take(service) else {
            continue;
        };
        // Whoever went away, or was too slow, asks again if he wants it.
        let attend = move || drop(seat.0.attend(&client));
        let spawned = thread::Builder::new().spawn(attend);
        is_told = match spawned {
            Ok(_) => false,
            Err(error) => {
                if !is_told {
                    log::warn!("a client could not be answered: {error}");
                }
                true
            }
        };
    }
}

/// That there is room for one client more, until it is dropped.
struct Seat(Arc<Service>);

impl Seat {
    fn take(service: &Arc<Service>) -> Option<Self> {
        let seat = Self(Arc::clone(service));
        (service.clients.fetch_add(1, Ordering::AcqRel) < MOST_CLIENTS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a client asks for, as far as it matters here.
struct Asked {
    method: String,
    /// Without what follows a question mark.
    path: String,
    host: Option<String>,
    authorization: Option<String>,
}

/// As it has come so far; `None` where there is more to come.
fn asked(bytes: &[u8]) -> Result<Option<Asked>, Answer> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < MOST_BYTES => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Answer::words(431, "too much is asked\n"));
        }
        Err(error) => return Err(Answer::words(400, format!("{error}\n"))),
    }
    let field = |name: &str| {
        let mut found = request.headers.iter();
        let found = found.find(|it| it.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(found.value).into_owned())
    };
    let path = request.path.unwrap_or_default();
    Ok(Some(Asked {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        host: field("Host"),
        authorization: field("Authorization"),
    }))
}

fn receive(mut client: &TcpStream) -> io::Result<Result<Asked, Answer>> {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        client.set_read_timeout(Some(left(until)?))?;
        let n = client.read(&mut piece)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..n]);
        match asked(&bytes) {
            Ok(None) => {}
            Ok(Some(asked)) => return Ok(Ok(asked)),
            Err(answer) => return Ok(Err(answer)),
        }
    }
}

fn send(mut client: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        client.set_write_timeout(Some(left(until)?))?;
        let n = client.write(bytes)?;
        bytes = &bytes[n..];
    }
    client.shutdown(Shutdown::Write)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    // To a socket a wait of nothing is one without end.
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

struct Service {
    home: Home,
    token: Option<Token>,
    last: Mutex<Last>,
    clients: AtomicUsize,
}

#[derive(Default)]
struct Last {
    succeeded: Option<Instant>,
    /// The last one failed, then.
    failed: Option<Instant>,
    /// What was wrong: said once, not with every scrape.
    warnings: Vec<String>,
}

struct Answer {
    status: u16,
    kind: &'static str,
    text: String,
}

impl Answer {
    fn words(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            kind: WORDS,
            text: text.into(),
        }
    }

    fn bytes(&self, with_body: bool) -> Vec<u8> {
        let Self { status, kind, text } = self;
        let (reason, more) = match status {
            200 => ("OK", ""),
            400 => ("Bad Request", ""),
            401 => ("Unauthorized", "WWW-Authenticate: Bearer\r\n"),
            403 => ("Forbidden", ""),
            404 => ("Not Found", ""),
            405 => ("Method Not Allowed", "Allow: GET, HEAD\r\n"),
            431 => ("Request Header Fields Too Large", ""),
            _ => ("Service Unavailable", ""),
        };
        let length = text.len();
        let body = if with_body { text } else { "" };
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl Service {
    fn attend(&self, client: &TcpStream) -> io::Result<()> {
        let (answer, with_body) = match receive(client)? {
            Ok(asked) => (self.page(&asked), asked.method != "HEAD"),
            Err(answer) => (answer, true),
        };
        send(client, &answer.bytes(with_body))
    }

    fn page(&self, asked: &Asked) -> Answer {
        if !matches!(&*asked.method, "GET" | "HEAD") {
            return Answer::words(405, "only GET and HEAD\n");
        }
        match &*asked.path {
            "/healthz" => self.health(),
            "/metrics" if !self.may_read(asked) => Answer::words(401, "no token, or another\n"),
            "/metrics" if !self.is_meant(asked) => {
                Answer::words(403, "this is known as localhost, or by its address\n")
            }
            "/metrics" => match self.collect(&mut self.lock()) {
                Ok(text) => Answer {
                    status: 200,
                    kind: FIGURES,
                    text,
                },
                Err(why) => Answer::words(503, format!("{why}\n")),
            },
            _ => Answer::words(404, "there are /metrics and /healthz\n"),
        }
    }

    fn may_read(&self, asked: &Asked) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = asked.authorization.as_deref().and_then(|value| {
            let (scheme, given) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then_some(given)
        });
        given.is_some_and(|given| token.is(given.trim().as_bytes()))
    }

    /// A page in a browser reaches us under a name of its own that leads to this machine; it must not read us.
    fn is_meant(&self, asked: &Asked) -> bool {
        let Some(host) = asked.host.as_deref() else {
            return true;
        };
        let is_address = |text: &str| text.parse::<SocketAddr>().is_ok() || is_ip(text);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.token.is_some() || is_address(host) || name.eq_ignore_ascii_case("localhost")
    }

    fn health(&self) -> Answer {
        // Held all along: of many who ask at once one collects.
        let mut last = self.lock();
        let is_well = last.succeeded.is_some_and(|at| at.elapsed() < LATELY)
            || (last.failed.is_none_or(|at| at.elapsed() >= AGAIN)
                && self.collect(&mut last).is_ok());
        if is_well {
            Answer::words(200, "ok\n")
        } else {
            // What is wrong stands in the log: whoever asks here has shown no token.
            Answer::words(503, "no collection succeeded lately\n")
        }
    }

    fn collect(&self, last: &mut Last) -> Result<String, String> {
        let warnings = RefCell::new(Vec::new());
        let note = |text: &str| warnings.borrow_mut().push(text.to_owned());
        let collected = collect(&self.home, Now::read(), &note);
        let outcome = match collected {
            Ok(collected) => {
                (last.succeeded, last.failed) = (Some(Instant::now()), None);
                Ok(collected.text())
            }
            Err(error) => {
                last.failed = Some(Instant::now());
                note(&error.to_string());
                Err(error.to_string())
            }
        };
        let warnings = warnings.into_inner();
        for warning in warnings.iter().filter(|it| !last.warnings.contains(it)) {
            log::warn!("{warning}");
        }
        last.warnings = warnings;
        outcome
    }

    /// A collection that panicked left nothing half done here.
    fn lock(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ip(text: &str) -> bool {
    let text = text
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(text);
    text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Explain as _, Kind};

    #[test]
    fn what_is_asked_is_read_piece_by_piece_and_bounded() {
        let whole = b"GET /metrics?a=b HTTP/1.1\r\nhost: localhost\r\n\r\n";
        for end in 0..whole.len() {
            assert!(matches!(asked(&whole[..end]), Ok(None)), "{end}");
        }
        let Ok(Some(request)) = asked(whole) else {
            panic!("it is whole");
        };
        assert_eq!((&*request.method, &*request.path), ("GET", "/metrics"));
        assert_eq!(request.host.as_deref(), Some("localhost"));
        let status = |bytes: &[u8]| asked(bytes).err().map(|it| it.status);
        assert_eq!(status(b"nonsense\r\n\r\n"), Some(400));
        let long = format!("GET / HTTP/1.1\r\na: {}", "x".repeat(MOST_BYTES));
        assert_eq!(status(long.as_bytes()), Some(431));
        let many = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "a: b\r\n".repeat(MOST_FIELDS + 1)
        );
        assert_eq!(status(many.as_bytes()), Some(431));
    }

    #[test]
    fn without_a_token_nobody_outside_is_answered() {
        let bind = |listen: &str| Server::bind(listen, None).map(|it| it.address());
        for own in ["127.0.0.1:0", "localhost:0", "127.9.9.9:0"] {
            assert_ne!(bind(own).unwrap().port(), 0, "{own}");
        }
        for outside in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            assert_eq!(bind(outside).unwrap_err().kind(), Kind::Usage, "{outside}");
        }
        for unfit in ["", "9777", "localhost", "localhost:x", "example.org:80"] {
            assert!(
                matches!(bind(unfit), Err(Error::BadAddress { .. })),
                "{unfit}"
            );
        }
        let taken = bind_twice();
        assert_eq!(taken.kind(), Kind::Unreachable);
        assert!(taken.hint().is_some_and(|it| it.contains("--listen")));
    }

    fn bind_twice() -> Error {
        let first = Server::bind("127.0.0.1:0", None).unwrap();
        let taken = Server::bind(&first.address().to_string(), None);
        taken.map(|_| ()).unwrap_err()
    }
}
