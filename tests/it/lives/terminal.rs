//! Agents with terminals, and people at theirs: `agentctl attach` runs on a terminal that the test holds the other
//! end of.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{AGENTCTL, Swarm, lives, signal, until, with_argument};
use crate::home::{Ran, run};

/// A shell as a person meets it.
const SHELL: &str = "agent-1:\n  command: [bash, --norc, --noprofile]\n  tty: true\n  \
                     env: {PS1: 'ready> ', TERM: xterm}\n  stop: {grace: 100ms}";
const DETACH: &[u8] = b"\x1d";

fn shell() -> Swarm {
    let swarm = Swarm::new(SHELL);
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows("ready>");
    swarm
}

impl Swarm {
    fn peek(&self) -> String {
        self.ok(&["peek", "agent-1"]).out
    }

    fn until_shows(&self, text: &str) {
        until(&format!("{text:?} on its terminal"), || {
            self.peek().contains(text)
        });
    }

    fn attach(&self, args: &[&str], rows: u16, columns: u16) -> Window {
        Window::open(
            self,
            &[&["attach", "agent-1"], args].concat(),
            rows,
            columns,
        )
    }

    /// What was written of events of this kind, as it stands there.
    fn lines_of(&self, event: &str) -> Vec<String> {
        let log = self.home.dir.join("runtime/logs/agents.log");
        let text = std::fs::read_to_string(log).unwrap();
        let lines = text.lines().filter(|line| line.contains(event));
        lines.map(str::to_owned).collect()
    }
}

/// A person's terminal, with `agentctl` in it.
struct Window {
    ours: OwnedFd,
    /// Kept open, so that its settings can be looked at when the program has ended.
    its: OwnedFd,
    settings: String,
    screen: vt100::Parser,
    child: Child,
}

impl Window {
    fn open(swarm: &Swarm, args: &[&str], rows: u16, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let its = ioctl_tiocgptpeer(&ours, flags).unwrap();
        rustix::io::ioctl_fionbio(&ours, true).unwrap();
        tcsetwinsize(&ours, window(rows, columns)).unwrap();
        // It makes the terminal its own, so that the kernel tells it of a new size.
        let mut command = swarm.home.command("setsid");
        command.args(["--ctty", AGENTCTL]).args(args);
        let twin = || Stdio::from(its.try_clone().unwrap());
        command.stdin(twin()).stdout(twin()).stderr(twin());
        Self {
            settings: settings(&its),
            child: command.spawn().unwrap(),
            screen: vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0),
            ours,
            its,
        }
    }

    fn press(&self, keys: &[u8]) {
        assert_eq!(rustix::io::write(&self.ours, keys).unwrap(), keys.len());
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        let (new_rows, new_columns) = (rows.try_into().unwrap(), columns.try_into().unwrap());
        self.screen.screen_mut().set_size(new_rows, new_columns);
        tcsetwinsize(&self.ours, window(rows, columns)).unwrap();
    }

    fn shown(&mut self) -> String {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = rustix::io::read(&self.ours, &mut buffer) {
            self.screen.process(&buffer[..n]);
        }
        self.screen.screen().contents()
    }

    fn until_shows(&mut self, text: &str) {
        let began = Instant::now();
        while !self.shown().contains(text) {
            let shown = self.screen.screen().contents();
            let is_late = began.elapsed() > Duration::from_secs(20);
            assert!(!is_late, "no {text:?} in the window:\n{shown}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How the program in it ended; whatever was changed of the terminal is as it was.
    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the program", || {
            self.shown();
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.shown();
        assert_eq!(settings(&self.its), self.settings);
        assert!(!self.screen.screen().hide_cursor() && !self.screen.screen().bracketed_paste());
        status.unwrap()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // It has ended where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const fn window(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Every mode and key of a terminal, in words.
fn settings(terminal: &OwnedFd) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

#[test]
fn a_session_from_attach_to_detach() {
    let swarm = shell();
    let child = swarm.pid("agent-1");
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("attached to agent-1; Ctrl-] detaches");
    assert_ne!(
        settings(&window.its),
        window.settings,
        "keys come one by one"
    );
    window.press(b"stty size; echo all-$((40+2))\r");
    window.until_shows("24 80\nall-42");
    assert!(
        !window.shown().contains("Ctrl-] detaches"),
        "the notice goes with the first key"
    );
    window.resize(30, 100);
    until("the size of the window", || {
        swarm.ok(&["peek", "agent-1", "--json"]).json()["rows"] == 30
    });
    window.press(b"stty size\r");
    window.until_shows("30 100");
    // Ctrl-C is the shell's, not ours.
    let seconds = format!("1000.{child}");
    window.press(format!("sleep {seconds}\r").as_bytes());
    // What is typed is shown before it runs; before that the key would be for nobody.
    until("the sleep in the shell", || {
        !with_argument(&seconds).is_empty()
    });
    window.press(b"\x03");
    window.until_shows("^C");
    window.press(b"echo still-$((1+1))\r");
    window.until_shows("still-2");
    window.press(DETACH);
    assert_eq!(window.ended().code(), Some(0));
    window.until_shows("detached from agent-1");
    assert!(lives(child) && swarm.pid("agent-1") == child);
    assert_eq!(swarm.lines_of("agent.attached").len(), 1);
}

#[test]
fn keys_that_are_pressed_just_before_detaching_arrive() {
    let swarm = shell();
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("ready>");
    window.press(b"echo last-$((1+2))\r\x1d");
    assert_eq!(window.ended().code(), Some(0));
    swarm.until_shows("last-3");
}

#[test]
fn two_see_the_same_and_one_who_looks_on_changes_nothing() {
    let swarm = shell();
    let mut typing = swarm.attach(&[], 24, 80);
    typing.until_shows("attached to agent-1; Ctrl-]");
    let mut looking = swarm.attach(&["--read-only", "--as", "captain"], 50, 150);
    looking.until_shows("attached to agent-1, read-only; Ctrl-] detaches");
    let stranger = swarm.run(&["peek", "agent-1", "--as", "agent-9"]);
    assert_eq!(stranger.code, 77, "{stranger:?}");
    looking.press(b"echo nothing\r");
    typing.press(b"echo yes-$((2+2))\r");
    typing.until_shows("yes-4");
    looking.until_shows("yes-4");
    looking.resize(20, 60);
    looking.press(DETACH);
    assert_eq!(looking.ended().code(), Some(0));
    typing.press(b"stty size\r");
    typing.until_shows("24 80");
    assert!(!swarm.peek().contains("nothing"), "{}", swarm.peek());
    typing.press(DETACH);
    assert_eq!(typing.ended().code(), Some(0));
}

#[test]
fn a_client_of_another_make_that_only_looks_on_cannot_type_either() {
    let swarm = shell();
    let mut line = UnixStream::connect(swarm.file("agent-1", "control")).unwrap();
    let attach = r#"{"do":"attach","size":{"rows":9,"columns":90},"read_only":true}"#;
    writeln!(line, "{attach}").unwrap();
    let mut seen = String::new();
    let mut until_seen = |line: &mut UnixStream, text: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(text) {
            let n = line.read(&mut buffer).unwrap();
            assert_ne!(n, 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    until_seen(&mut line, "ready>");
    writeln!(line, r#"{{"keys":[120,121,122]}}"#).unwrap();
    writeln!(line, r#"{{"size":{{"rows":9,"columns":90}}}}"#).unwrap();
    writeln!(line, r#""redraw""#).unwrap();
    // Whatever was said before the redraw was heard before it.
    until_seen(&mut line, "\x18");
    swarm.ok(&["type", "agent-1", "stty size", "--enter"]);
    swarm.until_shows("ready> stty size\n40 120");
    // What is no JSON is no key: it is shown the door.
    writeln!(line, "ls").unwrap();
    while line.read(&mut [0; 4096]).unwrap() > 0 {}
}

/// Asks to join, and what is answered.
fn join(swarm: &Swarm, read_only: bool) -> (UnixStream, String) {
    let mut line = UnixStream::connect(swarm.file("agent-1", "control")).unwrap();
    let size = r#"{"rows":9,"columns":90}"#;
    writeln!(
        line,
        r#"{{"do":"attach","size":{size},"read_only":{read_only}}}"#
    )
    .unwrap();
    let mut answer = Vec::new();
    while answer.last() != Some(&b'\n') {
        let mut byte = [0];
        line.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    (line, String::from_utf8(answer).unwrap())
}

/// Whether it waits for something to happen.
fn sleeps(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('S')
}

#[test]
fn whoever_hangs_up_while_keys_are_held_back_is_gone_at_once_and_wakes_nobody_again() {
    let swarm =
        Swarm::new("agent-1: {command: 'stty raw -echo; echo on; exec sleep 1000', tty: true}");
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows("on");
    let supervisor = swarm.supervisor("agent-1");
    let descriptors = || {
        let all = std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap();
        all.count()
    };
    let before = descriptors();
    let mut lookers = Vec::new();
    for read_only in [false].into_iter().chain([true; 15]) {
        let (line, answer) = join(&swarm, read_only);
        assert!(answer.contains(r#""is":"attached""#), "{answer}");
        lookers.push(line);
    }
    let mut typist = lookers.remove(0);
    typist.set_nonblocking(true).unwrap();
    let keys = format!("{{\"keys\":[{}7]}}\n", "7,".repeat(9_999));
    let mut unsaid = Vec::new();
    until("it hears no more keys", || {
        if unsaid.is_empty() {
            unsaid.extend_from_slice(keys.as_bytes());
        }
        match typist.write(&unsaid) {
            Ok(n) => {
                unsaid.drain(..n);
                false
            }
            // There is something to be heard, and it does not listen.
            Err(_) => sleeps(supervisor),
        }
    });
    let (_, answer) = join(&swarm, true);
    assert!(answer.contains("crowded"), "{answer}");
    drop(lookers.pop());
    let (line, answer) = join(&swarm, true);
    assert!(answer.contains(r#""is":"attached""#), "{answer}");
    lookers.push(line);
    // One of them says something, and none says anything any more.
    writeln!(lookers[0], r#""redraw""#).unwrap();
    lookers.clear();
    until("it sleeps again", || sleeps(supervisor));
    until("nothing of them is kept", || {
        swarm.peek();
        descriptors() == before + 1
    });
    drop(typist);
    until("nor of him", || {
        swarm.peek();
        descriptors() == before
    });
}

#[test]
fn peek_shows_what_is_on_the_screen() {
    let line = r"printf 'one\ntwo\033[1;3H\033[31mEE\033[5;9Hfive\033[2;4H'; sleep 1000";
    let swarm = Swarm::new(&format!(
        "agent-1:\n  command: [sh, -c, \"{}\"]\n  tty: true",
        line.replace('\\', r"\\")
    ));
    swarm.ok(&["start", "agent-1"]);
    until("the screen", || {
        swarm.peek() == "onEE\ntwo\n\n\n        five\n"
    });
    assert_eq!(
        swarm.ok(&["peek", "agent-1", "-n", "1"]).out,
        "        five\n"
    );
    let screen = swarm.ok(&["peek", "agent-1", "--json"]).json();
    assert_eq!(screen["schema"], "dreamos.screen/1");
    assert_eq!(
        (&screen["rows"], &screen["columns"]),
        (&40.into(), &120.into())
    );
    assert_eq!(screen["cursor"], serde_json::json!({"row": 2, "column": 4}));
}

#[test]
fn what_is_typed_with_enter_is_run() {
    let swarm = shell();
    let ran = swarm.ok(&["type", "agent-1", "echo typed-$((3+4))", "--enter"]);
    assert_eq!(ran.out, "typed, unconfirmed: the screen changed\n");
    swarm.until_shows("typed-7");
    swarm.ok(&["type", "agent-1", "echo half"]);
    swarm.until_shows("ready> echo half");
    let ran = swarm
        .ok(&["type", "agent-1", "", "--enter", "--json"])
        .json();
    assert_eq!(ran["screen_changed"], true);
    swarm.until_shows("ready> echo half\nhalf");
    let events = swarm.lines_of("agent.typed");
    assert_eq!(events.len(), 3);
    assert!(!events.concat().contains("echo"), "{events:?}");
}

#[test]
fn a_paste_is_bracketed_where_it_is_asked_for_and_enter_comes_apart() {
    let swarm = Swarm::new(
        "agent-1:\n  command: \"stty raw -echo; printf '\\\\033[?2004h'; echo on; exec cat -v\"\n  tty: true",
    );
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows("on");
    swarm.ok(&["type", "agent-1", "a\u{1b}[31mb\rc\u{3}", "--enter"]);
    swarm.until_shows("^[[200~a[31mbc^[[201~^M");
}

#[test]
fn one_types_at_a_time_and_a_deaf_screen_is_said_to_be() {
    let swarm =
        Swarm::new("agent-1: {command: 'stty raw -echo; echo on; exec sleep 1000', tty: true}");
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows("on");
    let both: Vec<Ran> = std::thread::scope(|scope| {
        let type_it = || run(swarm.command().args(["type", "agent-1", "x"]), b"");
        let both = [scope.spawn(type_it), scope.spawn(type_it)];
        both.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let mut codes: Vec<i32> = both.iter().map(|ran| ran.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 75], "{both:?}");
    let typed = both.iter().find(|ran| ran.code == 0).unwrap();
    assert_eq!(typed.out, "typed, unconfirmed: the screen did not change\n");
}

#[test]
fn who_cannot_be_typed_to_is_said_with_the_reason() {
    let swarm = Swarm::new(
        "agent-1: {command: [sleep, '1000']}\n\
         agent-2: {command: [sleep, '1000'], tty: true}",
    );
    swarm.ok(&["start", "agent-1"]);
    for (args, code, said) in [
        (&["type", "agent-1", "x"][..], 78, "agent-1 has no terminal"),
        (&["peek", "agent-1"], 78, "agent-1 has no terminal"),
        (&["type", "agent-2", "x"], 69, "agent-2 does not run"),
        (&["peek", "agent-2"], 69, "agent-2 does not run"),
        (&["peek", "agent-99"], 66, "agent-99"),
        (
            &["type", "agent-2", "x", "--as", "agent-1"],
            77,
            "agent-1 may not type on the terminal of agent-2",
        ),
        (&["attach", "agent-1"], 2, "needs a terminal"),
    ] {
        let ran = swarm.run(args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.contains(said), "{args:?}: {ran:?}");
    }
    let mut window = Window::open(&swarm, &["attach", "agent-1"], 24, 80);
    assert_eq!(window.ended().code(), Some(78));
    let mut window = Window::open(&swarm, &["attach", "agent-2", "--as", "agent-1"], 24, 80);
    assert_eq!(window.ended().code(), Some(77));
}

#[test]
fn a_client_that_is_killed_leaves_the_child_alone_and_one_that_is_told_to_end_cleans_up() {
    let swarm = shell();
    let child = swarm.pid("agent-1");
    let mut killed = swarm.attach(&[], 24, 80);
    killed.until_shows("ready>");
    signal(killed.pid(), "KILL");
    killed.child.wait().unwrap();
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut window = swarm.attach(&[], 24, 80);
        window.until_shows("ready>");
        signal(window.pid(), name);
        assert_eq!(window.ended().code(), Some(code));
        window.until_shows("detached from agent-1");
    }
    swarm.ok(&["type", "agent-1", "echo here-$((4+4))", "--enter"]);
    swarm.until_shows("here-8");
    assert!(lives(child) && swarm.pid("agent-1") == child);
}

#[test]
fn the_end_of_an_agent_and_of_its_supervisor_are_told() {
    let swarm = shell();
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("ready>");
    window.press(b"exit 3\r");
    assert_eq!(window.ended().code(), Some(0));
    window.until_shows("agent-1 ended: exit code 3");
    swarm.ok(&["restart", "agent-1"]);
    swarm.until_shows("ready>");
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("ready>");
    signal(swarm.supervisor("agent-1"), "KILL");
    assert_eq!(window.ended().code(), Some(0));
    window.until_shows("agent-1 ended: its supervisor was lost");
}

#[test]
fn a_client_that_does_not_read_holds_nobody_up_and_sees_the_present_screen_when_it_does() {
    let swarm = shell();
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("ready>");
    signal(window.pid(), "STOP");
    swarm.ok(&[
        "type",
        "agent-1",
        "seq 300000; clear; echo end-$((5+5))",
        "--enter",
    ]);
    swarm.until_shows("end-10");
    signal(window.pid(), "CONT");
    window.until_shows("end-10");
    until("both the same", || {
        window.shown().trim_end() == swarm.peek().trim_end()
    });
    window.press(DETACH);
    assert_eq!(window.ended().code(), Some(0));
}

#[test]
fn a_program_that_has_the_whole_screen_is_drawn_for_whoever_comes_later() {
    let program = "import sys, time\nw = sys.stdout.write\nw('before\\x1b[?1049h\\x1b[2J\\x1b[3;5Hmenu\\x1b[?25l')\n\
                   sys.stdout.flush()\nfor key in iter(lambda: sys.stdin.read(1), ''):\n    \
                   w('\\x1b[4;5Hkey ' + key.upper())\n    sys.stdout.flush()\n";
    let swarm = Swarm::new(
        "agent-1: {command: [sh, -c, 'stty raw -echo; exec python3 program.py'], cwd: ., tty: true}",
    );
    std::fs::write(swarm.home.dir.join("program.py"), program).unwrap();
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows("menu");
    let mut window = swarm.attach(&[], 24, 80);
    window.until_shows("    menu");
    window.until_shows("attached to agent-1; Ctrl-] detaches");
    assert!(window.screen.screen().alternate_screen());
    assert!(!window.shown().contains("before"));
    window.press(b"q");
    window.until_shows("    key Q");
    window.press(b"\x1b[93;5u");
    assert_eq!(window.ended().code(), Some(0));
    assert_eq!(swarm.peek(), "\n\n    menu\n    key Q\n");
}

#[test]
fn a_program_that_asks_its_terminal_is_answered_with_nobody_there() {
    let program = "stty raw -echo\nprintf 'ab\\033[6n'\nread -r -d R answer\nprintf 'cursor %q' \"$answer\"\nsleep 1000\n";
    let swarm = Swarm::new("agent-1: {command: [bash, program.sh], cwd: ., tty: true}");
    std::fs::write(swarm.home.dir.join("program.sh"), program).unwrap();
    swarm.ok(&["start", "agent-1"]);
    swarm.until_shows(r"cursor $'\E[1;3'");
}
