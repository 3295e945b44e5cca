//! The figures over HTTP: `/metrics` and `/healthz`, for a scraper on this machine or one with a token. The one file
//! that knows the server's library.
//!
//! Every answer has a thread of its own and a time in which it must be taken, so that a slow client keeps nobody else
//! waiting; collections come one after the other.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use tiny_http::{Header, Method, Request, Response};

use super::collect::collect;
use super::error::Error;
use super::token::Token;
use crate::root::Home;
use crate::time::Now;

/// So many answers are given at once.
const MOST_ANSWERS: usize = 32;
/// In which a client must take a piece of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A collection that is older says nothing of how we do.
const LATELY: Duration = Duration::from_mins(1);
/// No more connections could be accepted: some may end meanwhile.
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
        // What is accepted takes this over.
        set_socket_timeout(&listener, Timeout::Send, Some(PATIENCE))
            .map_err(|errno| failed(errno.into()))?;
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
            answers: AtomicUsize::new(0),
        });
        let ended = Arc::new(AtomicBool::new(false));
        let waiting = thread::current();
        let accepting = {
            let (service, ended, listener) = (service, Arc::clone(&ended), self.listener);
            move || {
                let error = accept(&service, &listener);
                ended.store(true, Ordering::Release);
                waiting.unpark();
                error
            }
        };
        let accepting = thread::Builder::new()
            .spawn(accepting)
            .map_err(|error| Error::Server(error.to_string()))?;
        while !is_over() {
            if ended.load(Ordering::Acquire) {
                let why = accepting.join();
                return Err(why.unwrap_or_else(|_| Error::Server("it panicked".into())));
            }
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

/// Only an error ends it.
fn accept(service: &Arc<Service>, listener: &TcpListener) -> Error {
    loop {
        let server = listener
            .try_clone()
            .map_err(|error| error.to_string())
            .and_then(|listener| {
                tiny_http::Server::from_listener(listener, None).map_err(|error| error.to_string())
            });
        let server = match server {
            Ok(server) => server,
            Err(why) => return Error::Server(why),
        };
        while let Ok(request) = server.recv() {
            if service.answers.fetch_add(1, Ordering::AcqRel) >= MOST_ANSWERS {
                service.answer(request, |_| Answer::words(503, "too many at once\n"));
                continue;
            }
            let own = Arc::clone(service);
            let spawned = thread::Builder::new()
                .spawn(move || own.answer(request, |request| own.page(request)));
            if let Err(error) = spawned {
                service.answers.fetch_sub(1, Ordering::AcqRel);
                log::warn!("an answer was not given: {error}");
            }
        }
        // The library gives up at the first connection that it cannot accept.
        thread::sleep(PAUSE);
    }
}

struct Service {
    home: Home,
    token: Option<Token>,
    last: Mutex<Last>,
    answers: AtomicUsize,
}

#[derive(Default)]
struct Last {
    succeeded: Option<Instant>,
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
}

impl Service {
    fn answer(&self, request: Request, page: impl FnOnce(&Request) -> Answer) {
        let Answer { status, kind, text } = page(&request);
        let mut response = Response::from_string(text)
            .with_status_code(status)
            .with_header(header("Content-Type", kind));
        match status {
            401 => response.add_header(header("WWW-Authenticate", "Bearer")),
            405 => response.add_header(header("Allow", "GET, HEAD")),
            _ => {}
        }
        // Whoever went away, or takes nothing, asks again if he wants it.
        let _ = request.respond(response);
        self.answers.fetch_sub(1, Ordering::AcqRel);
    }

    fn page(&self, request: &Request) -> Answer {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Answer::words(405, "only GET and HEAD\n");
        }
        let path = request.url().split('?').next().unwrap_or_default();
        match path {
            "/healthz" => self.health(),
            "/metrics" if !self.may_read(request) => Answer::words(401, "no token, or another\n"),
            "/metrics" if !self.is_meant(request) => {
                Answer::words(403, "this is known as localhost, or by its address\n")
            }
            "/metrics" => match self.collect() {
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

    fn may_read(&self, request: &Request) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = field(request, "Authorization").and_then(|value| {
            let (scheme, given) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then_some(given)
        });
        given.is_some_and(|given| token.is(given.trim().as_bytes()))
    }

    /// A page in a browser reaches us under a name of its own that leads to this machine; it must not read us.
    fn is_meant(&self, request: &Request) -> bool {
        let Some(host) = field(request, "Host") else {
            return true;
        };
        let is_address = |text: &str| text.parse::<SocketAddr>().is_ok() || is_ip(text);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.token.is_some() || is_address(host) || name.eq_ignore_ascii_case("localhost")
    }

    fn health(&self) -> Answer {
        let succeeded = self.lock().succeeded;
        if succeeded.is_some_and(|at| at.elapsed() < LATELY) {
            return Answer::words(200, "ok\n");
        }
        match self.collect() {
            Ok(_) => Answer::words(200, "ok\n"),
            // What is wrong stands in the log: whoever asks here has shown no token.
            Err(_) => Answer::words(503, "no collection succeeded lately\n"),
        }
    }

    fn collect(&self) -> Result<String, String> {
        let mut last = self.lock();
        let warnings = Mutex::new(Vec::new());
        let note = |text: &str| {
            let mut all = warnings.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(text.to_owned());
        };
        let collected = collect(&self.home, Now::read(), &note);
        let outcome = match collected {
            Ok(collected) => {
                last.succeeded = Some(Instant::now());
                Ok(collected.text())
            }
            Err(error) => {
                note(&error.to_string());
                Err(error.to_string())
            }
        };
        let warnings = warnings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
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

fn field<'r>(request: &'r Request, name: &'static str) -> Option<&'r str> {
    let found = request.headers().iter().find(|it| it.field.equiv(name));
    found.map(|it| it.value.as_str())
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("ours are plain words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Explain as _, Kind};

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
