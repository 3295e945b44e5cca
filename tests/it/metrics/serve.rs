//! Whom the server answers, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use super::{samples, serving};
use crate::home::{Home, METRICSD, copy_tree, run};

#[test]
fn figures_are_as_they_are_when_they_are_asked_for() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let unread = || {
        let (status, text) = server.ask("/metrics", "");
        assert_eq!(status, 200);
        samples(&text)["dreamos_mailbox_unread{agent=\"agent-1\"}"].clone()
    };
    assert_eq!(unread(), "0");
    home.ok(&["send", "agent-1", "hello", "-q"]);
    assert_eq!(unread(), "1");
    assert_eq!(server.ask("/healthz", ""), (200, "ok\n".into()));
    assert_eq!(server.ask("/", "").0, 404);
    assert_eq!(server.ask("/metrics/x", "").0, 404);
    assert_eq!(server.ask("/metrics?x=1", "").0, 200);
    assert_eq!(server.ask_by("POST", "/metrics", "").0, 405);
    let (status, body) = server.ask_by("HEAD", "/metrics", "");
    assert_eq!((status, &*body), (200, ""));
    server.signal(Signal::TERM);
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn a_page_that_reaches_us_under_a_name_of_its_own_gets_nothing() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    for own in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"] {
        let host = format!("Host: {own}:{port}\r\n");
        assert_eq!(server.ask("/metrics", &host).0, 200, "{own}");
    }
    for other in [
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
    ] {
        let host = format!("Host: {other}:{port}\r\n");
        assert_eq!(server.ask("/metrics", &host).0, 403, "{other}");
    }
    server.signal(Signal::INT);
    assert_eq!(server.exit(), Some(130));
}

#[test]
fn whoever_shows_no_token_or_another_gets_nothing() {
    let home = Home::new();
    let token = home.dir.join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = token.to_str().unwrap();
    let server = serving(&home, &["--listen", "127.0.0.1:0", "--token-file", path]);
    let ask = |header: &str| server.ask("/metrics", header).0;
    assert_eq!(ask(""), 401);
    for wrong in [
        "Authorization: Bearer\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n",
        "Authorization: Bearer 0123456789abcdef\r\n",
        "Authorization: Basic 0123456789abcdef0123456789abcdef\r\n",
    ] {
        assert_eq!(ask(wrong), 401, "{wrong}");
    }
    let right = "authorization: bearer 0123456789abcdef0123456789abcdef\r\n";
    assert_eq!(ask(right), 200);
    assert_eq!(server.ask("/healthz", "").0, 200, "it tells no figures");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let mut second = home.command(METRICSD);
    let ran = run(second.args(["serve", "--listen", &server.address]), b"");
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(
        ran.err.contains(&server.address) && ran.err.contains("--listen"),
        "{ran:?}"
    );
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let mut slow: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(&server.address).unwrap())
        .collect();
    for (n, client) in slow.iter_mut().enumerate() {
        // Some stop in the middle of what they ask, some never take what they asked for.
        let asked = if n % 2 == 0 {
            "GET /metr"
        } else {
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        };
        client.write_all(asked.as_bytes()).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(server.ask("/metrics", "").0, 200);
    }
    // Those who ask on are answered.
    slow[0]
        .write_all(b"ics HTTP/1.0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    slow[0].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_goes_wrong_is_said_once_and_the_server_goes_on() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let metrics = home.dir.join("runtime/metrics");
    std::fs::write(&metrics, "in the way").unwrap();
    for _ in 0..3 {
        assert_eq!(server.ask("/metrics", "").0, 503);
    }
    assert_eq!(server.ask("/healthz", "").0, 503);
    std::fs::remove_file(&metrics).unwrap();
    assert_eq!(server.ask("/metrics", "").0, 200);
    let log = std::fs::read_to_string(home.dir.join("runtime/logs/system.log")).unwrap();
    assert_eq!(log.matches("metrics.warned").count(), 1, "{log}");
}

#[test]
fn who_asks_how_we_do_is_no_work_where_we_do_badly() {
    let home = Home::new();
    let server = serving(&home, &[]);
    let health = || server.ask("/healthz", "").0;
    let metrics = home.dir.join("runtime/metrics");
    std::fs::write(&metrics, "in the way").unwrap();
    assert_eq!(health(), 503);
    std::fs::remove_file(&metrics).unwrap();
    // Nothing is collected for it: it would succeed.
    assert_eq!(health(), 503);
    assert!(!metrics.exists());
    assert_eq!(server.ask("/metrics", "").0, 200);
    assert_eq!(health(), 200);
}

#[test]
fn a_home_of_a_thousand_agents_is_told_whole() {
    use std::fmt::Write as _;
    let home = Home::new();
    let mut agents = String::from("version: 1\nagents:\n");
    for n in 0..1000 {
        writeln!(agents, "  w{n}: {{}}").unwrap();
    }
    std::fs::write(home.dir.join("config/agents.yaml"), agents).unwrap();
    home.ok(&["send", "w0", "hello", "-q"]);
    for n in 1..1000 {
        // A mailbox each, without a thousand flushes.
        copy_tree(&home.mailbox("w0"), &home.mailbox(&format!("w{n}")));
    }
    let server = serving(&home, &[]);
    let (status, text) = server.ask("/metrics", "");
    assert_eq!(status, 200);
    let samples = samples(&text);
    for n in 0..1000 {
        let sample = format!("dreamos_mailbox_unread{{agent=\"w{n}\"}}");
        assert_eq!(samples[&sample], "1", "{sample}");
    }
}
