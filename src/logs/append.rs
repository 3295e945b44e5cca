//! The one file of this room that touches the world.
//!
//! A writer holds the log's lock shared from before its first `write` until it closes the file. A rotator holds it
//! alone while it renames the file. So a writer never writes into a renamed log, and it waits no longer than a moment: a
//! log that stays locked is an error, which must not fail what it tells of.

use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

use super::close::Due;
use super::error::Error;
use super::line::Line;
use crate::names::{Caller, Channel, Event};
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Hold, Open, busy, try_hold};
use crate::time::Timestamp;

/// For whoever holds a log alone: he renames it, and may have to wait for a processor.
const PATIENCE: Duration = Duration::from_secs(1);
/// For somebody to close a log that has grown far beyond its size.
const COURTESY: Duration = Duration::from_millis(50);
/// So much is written at once, and whole lines only: many lines need no room of their own in memory.
const PIECE: usize = 256 << 10;

/// Of a line that was not taken whole nothing is left, unless another writer was quicker. Where one log fails, the
/// others are written all the same; the first error is told.
pub fn append(home: &Home, caller: &Caller, events: &[Event], now: Timestamp) -> Result<(), Error> {
    let mut channels: Vec<Channel> = Vec::new();
    for event in events {
        if !channels.contains(&event.channel) {
            channels.push(event.channel);
        }
    }
    if channels.is_empty() {
        return Ok(());
    }
    let pid = std::process::id();
    let mut outcome = Ok(());
    // What was waited for counts once.
    let mut waited_ms = u64::try_from(store::take_waited().as_millis()).unwrap_or(u64::MAX);
    for channel in channels {
        let of_channel = events.iter().filter(|event| event.channel == channel);
        let lines = of_channel
            .map(|event| Line::new(event, caller, now, pid, std::mem::take(&mut waited_ms)));
        outcome = outcome.and(write(home, channel, lines, now));
    }
    outcome
}

fn write<'e>(
    home: &Home,
    channel: Channel,
    mut lines: impl Iterator<Item = Line<'e>>,
    now: Timestamp,
) -> Result<(), Error> {
    let path = home.log(channel);
    // Before the log is held: a rotator waits for no spelling.
    let mut piece = spelled(&mut lines);
    let (file, due) = open_shared(home, &path, channel, now)?;
    let mut written = 0;
    while !piece.is_empty() {
        put(&file, &piece)?;
        written += piece.len() as u64;
        piece = spelled(&mut lines);
    }
    due.close_if(home, channel, &file, written, now)
        .map_err(Error::behind_the_line)
}

/// The next lines, at least `PIECE` bytes of them if there are so many.
fn spelled<'e>(lines: &mut impl Iterator<Item = Line<'e>>) -> Vec<u8> {
    let mut piece = Vec::new();
    for line in lines {
        line.spell(&mut piece);
        if piece.len() >= PIECE {
            break;
        }
    }
    piece
}

fn put(file: &File, lines: &[u8]) -> Result<(), store::Error> {
    let taken = file.append_once(lines)?;
    if taken == lines.len() {
        return Ok(());
    }
    take_back(file, &lines[..taken])?;
    Err(store::Error::Io {
        doing: "write",
        path: file.path().into(),
        // The usual reason why a plain file takes only a part.
        source: Errno::NOSPC,
    })
}

/// The log under its own name, held shared. A rotator is at it for the time that it takes to rename it. One that has
/// grown far beyond its size takes nobody new for a moment, so that somebody gets it alone.
fn open_shared(
    home: &Home,
    path: &Path,
    channel: Channel,
    now: Timestamp,
) -> Result<(File, Due), Error> {
    let mut pause = Duration::from_micros(20);
    let mut waiting: Option<[Deadline; 2]> = None;
    loop {
        let file = open(home, path)?;
        let due = Due::of(home, &file, now);
        let is_over = |nth: usize| waiting.is_some_and(|it| it[nth].is_over());
        if !is_over(0) && due.is_overdue(&file) {
            match due.close(home, channel, &file, now) {
                Ok(true) => continue,
                Ok(false) => {}
                // It is told after the line, which it does not stop.
                Err(_) => waiting = Some([Duration::ZERO, PATIENCE].map(Deadline::after)),
            }
        } else if try_hold(&file, Hold::Shared)? && is_named(path, &file)? {
            return Ok((file, due));
        } else if is_over(1) {
            return Err(busy(&file).into());
        }
        waiting.get_or_insert_with(|| [COURTESY, PATIENCE].map(Deadline::after));
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
}

/// Renamed between our opening and our locking: what we wrote would be in a log that is closed.
fn is_named(path: &Path, file: &File) -> Result<bool, store::Error> {
    let now = Dir::look_at(path)?;
    Ok(now.is_some_and(|now| now.ident.ino == file.opened().ino))
}

fn open(home: &Home, path: &Path) -> Result<File, store::Error> {
    match File::of(home, path, Open::AppendCreate) {
        Err(e) if e.is(Errno::NOENT) => {
            Dir::make_path(home.dir(), home.inside(&home.logs()))?;
            File::of(home, path, Open::AppendCreate)
        }
        other => other,
    }
}

/// Removes the beginning of a line that found no room, if nothing came after it; else ends it, so that the
/// next line begins on its own. Whole lines before it stay: somebody may have read them.
fn take_back(file: &File, taken: &[u8]) -> Result<(), store::Error> {
    let whole = memchr::memrchr(b'\n', taken).map_or(0, |end| end + 1);
    let fragment = &taken[whole..];
    if fragment.is_empty() {
        return Ok(());
    }
    if try_hold(file, Hold::Alone)? {
        let size = file.size()?;
        let start = size.saturating_sub(fragment.len() as u64);
        let mut end = vec![0; fragment.len()];
        let read = file.read_at(start, &mut end)?;
        if end[..read] == *fragment {
            return file.truncate(start);
        }
    }
    file.append_once(b"\n").map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    use serde_json::{Map, Value, json};

    use std::sync::Arc;

    use super::*;
    use crate::logs::{Place, Reader};
    use crate::names::{AgentId, Explain as _, Kind, Level, MessageId};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

    fn caller() -> Caller {
        Caller {
            agent: AgentId::captain(),
            incarnation: None,
            uid: 1000,
            login: None,
            guest: None,
        }
    }

    fn named(fields: &Value) -> Vec<(std::borrow::Cow<'static, str>, Value)> {
        let fields = fields.as_object().unwrap().iter();
        fields
            .map(|(name, value)| (name.clone().into(), value.clone()))
            .collect()
    }

    fn event(channel: Channel, fields: &Value) -> Event {
        Event {
            channel,
            level: Level::Info,
            event: "mail.sent".into(),
            msg: "queued".into(),
            agent: None,
            id: None,
            fields: named(fields),
        }
    }

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        fs::create_dir_all(home.mailboxes()).unwrap();
        (dir, home)
    }

    fn log(home: &Home) -> PathBuf {
        home.log(Channel::Messages)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_line_says_what_the_contract_says() {
        let (_dir, home) = home();
        let event = Event {
            agent: Some(AgentId::parse("agent-1").unwrap()),
            id: Some(MessageId::from_bits(7)),
            msg: "two\nlines".into(),
            ..event(
                Channel::Messages,
                &json!({"seq": 1, "msg": "forged", "task": "t1"}),
            )
        };
        append(&home, &caller(), std::slice::from_ref(&event), NOW).unwrap();
        let run = Caller {
            incarnation: Some("01h".into()),
            ..caller()
        };
        append(
            &home,
            &run,
            &[self::event(Channel::Messages, &json!({}))],
            NOW,
        )
        .unwrap();
        let pid = std::process::id();
        let head = r#"{"v":1,"ts":"2020-09-13T12:26:40.000Z","level":"info","channel":"messages","event":"mail.sent""#;
        assert_eq!(
            fs::read_to_string(log(&home)).unwrap(),
            format!(
                "{head},\"msg\":\"two\\nlines\",\"who\":\"captain\",\"agent\":\"agent-1\",\
                 \"id\":\"00000000000000000000000007\",\"pid\":{pid},\"seq\":1,\"task\":\"t1\"}}\n\
                 {head},\"msg\":\"queued\",\"who\":\"captain\",\"agent\":null,\"id\":null,\"run\":\"01h\",\
                 \"pid\":{pid}}}\n"
            )
        );
        assert_eq!((mode(&home.logs()), mode(&log(&home))), (0o700, 0o600));
    }

    #[test]
    fn many_events_go_to_their_channels_in_order() {
        let (_dir, home) = home();
        let events = [
            event(Channel::Messages, &json!({"n": 1})),
            event(Channel::Captain, &json!({"n": 2})),
            event(Channel::Messages, &json!({"n": 3})),
        ];
        append(&home, &caller(), &events, NOW).unwrap();
        assert_eq!(numbers(&log(&home)), [1, 3]);
        assert_eq!(numbers(&home.log(Channel::Captain)), [2]);
        append(&home, &caller(), &[], NOW).unwrap();
    }

    fn records(log: &Path) -> Vec<Map<String, Value>> {
        let text = fs::read_to_string(log).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a whole line"))
            .collect()
    }

    fn numbers(log: &Path) -> Vec<u64> {
        records(log)
            .iter()
            .map(|r| r["n"].as_u64().unwrap())
            .collect()
    }

    #[test]
    fn a_log_that_stays_locked_is_an_error_and_no_line() {
        let (_dir, home) = home();
        append(
            &home,
            &caller(),
            &[event(Channel::Messages, &json!({"n": 1}))],
            NOW,
        )
        .unwrap();
        // A child of another test holds a copy of our descriptors until it runs its own program.
        let rotator = loop {
            if let Some(rotator) = rotator(&home) {
                break rotator;
            }
            std::thread::yield_now();
        };
        let error = append(
            &home,
            &caller(),
            &[event(Channel::Messages, &json!({"n": 2}))],
            NOW,
        )
        .unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        let both = [
            event(Channel::Messages, &json!({"n": 3})),
            event(Channel::System, &json!({"n": 4})),
        ];
        assert!(append(&home, &caller(), &both, NOW).is_err());
        drop(rotator);
        append_when_free(&home, &event(Channel::Messages, &json!({"n": 5})));
        assert_eq!(numbers(&log(&home)), [1, 5]);
        assert_eq!(
            numbers(&home.log(Channel::System)),
            [4],
            "the other log was free"
        );
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (dir, home) = home();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, home.logs()).unwrap();
        let event = event(Channel::Messages, &json!({}));
        let error = append(&home, &caller(), std::slice::from_ref(&event), NOW).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        fs::remove_file(home.logs()).unwrap();
        fs::create_dir(home.logs()).unwrap();
        std::os::unix::fs::symlink(outside.join("log"), log(&home)).unwrap();
        let error = append(&home, &caller(), std::slice::from_ref(&event), NOW).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    /// The log, held alone, as a rotator holds it; `None` while anybody writes.
    fn rotator(home: &Home) -> Option<File> {
        let dir = Dir::open(&home.logs()).unwrap();
        let file = dir.file_if_any("messages.log", Open::Append).unwrap()?;
        try_hold(&file, Hold::Alone).unwrap().then_some(file)
    }

    const CHILD: &str = "DREAMOS_TEST_LOG_CHILD";
    const LINES: u64 = 10_000;

    /// Runs the test `name` of this program again, as a process of its own that finds the home in `CHILD`.
    fn spawn(name: &str, home: &Home) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("logs::append::tests::{name}")])
            .env(CHILD, home.dir())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn as_child() -> Option<Home> {
        std::env::var_os(CHILD).map(Home::at)
    }

    fn append_when_free(home: &Home, event: &Event) {
        while let Err(error) = append(home, &caller(), std::slice::from_ref(event), NOW) {
            assert_eq!(error.kind(), Kind::Busy, "{error}");
            std::thread::yield_now();
        }
    }

    /// Sixteen at once, each line once, whole and in its order, in whatever log it came to be.
    #[test]
    fn what_many_processes_write_through_rotation_is_all_there() {
        if let Some(home) = as_child() {
            for n in 0..LINES {
                let long = "x".repeat(usize::try_from(n * n % 251).unwrap());
                let event = event(Channel::Messages, &json!({"n": n, "long": long}));
                append(&home, &caller(), std::slice::from_ref(&event), NOW).unwrap();
            }
            return;
        }
        let (_dir, home) = home();
        fs::create_dir(home.config()).unwrap();
        fs::write(
            home.logs_json(),
            r#"{"max_size": "100kB", "max_files": 10000}"#,
        )
        .unwrap();
        let name = "what_many_processes_write_through_rotation_is_all_there";
        let mut children: Vec<Child> = (0..16).map(|_| spawn(name, &home)).collect();
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        let mut reader = Reader::new(&home, Channel::Messages, Place::default());
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        while let Some(line) = reader.next().unwrap() {
            let record: Map<String, Value> =
                serde_json::from_slice(line.bytes()).expect("a whole line");
            let pid = u32::try_from(record["pid"].as_u64().unwrap()).unwrap();
            let next = next.entry(pid).or_default();
            assert_eq!(record["n"], *next, "of {pid}");
            *next += 1;
        }
        let written: BTreeMap<u32, u64> = children.iter().map(|it| (it.id(), LINES)).collect();
        assert_eq!((next, reader.lost()), (written, 0));
        let logs = fs::read_dir(home.logs()).unwrap();
        let sizes: Vec<u64> = logs
            .map(|it| it.unwrap().metadata().unwrap().len())
            .collect();
        assert!(sizes.len() > 200, "{} logs", sizes.len());
        // Each is closed by one of the first who can.
        assert!(sizes.iter().all(|size| *size < 1_000_000), "{sizes:?}");
    }

    #[test]
    fn a_line_that_finds_no_room_leaves_nothing_behind() {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if let Some(home) = as_child() {
            // The kernel takes what fits below the limit and says so.
            signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()).unwrap();
            let limit = Rlimit {
                current: Some(fs::metadata(log(&home)).unwrap().len() + 50),
                maximum: None,
            };
            setrlimit(Resource::Fsize, limit).unwrap();
            let event = event(Channel::Messages, &json!({"n": 2}));
            let error = append(&home, &caller(), std::slice::from_ref(&event), NOW).unwrap_err();
            assert_eq!(error.kind(), Kind::Io);
            return;
        }
        let (_dir, home) = home();
        append(
            &home,
            &caller(),
            &[event(Channel::Messages, &json!({"n": 1}))],
            NOW,
        )
        .unwrap();
        let name = "a_line_that_finds_no_room_leaves_nothing_behind";
        assert!(spawn(name, &home).wait().unwrap().success());
        append(
            &home,
            &caller(),
            &[event(Channel::Messages, &json!({"n": 3}))],
            NOW,
        )
        .unwrap();
        assert_eq!(numbers(&log(&home)), [1, 3]);
    }
}
