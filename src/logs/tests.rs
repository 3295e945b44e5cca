//! Writing, closing, packing and reading, together.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::names::{AgentId, Caller, Channel, Event, Explain as _, Kind, Level};
use crate::root::Home;
use crate::time::Timestamp;

/// Long ago, so that no log is of a day before.
const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);
const DAY: Duration = Duration::from_hours(24);

struct Rig {
    home: Home,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("config")).unwrap();
        let home = Home::at(dir.path());
        Self { home, _dir: dir }
    }

    fn limits(&self, text: &str) {
        fs::write(self.home.logs_json(), text).unwrap();
    }

    fn try_write(&self, n: u64, long: usize, now: Timestamp) -> Result<(), Error> {
        let event = Event {
            channel: Channel::Tasks,
            level: Level::Info,
            event: "task.set".into(),
            msg: format!("line {n}"),
            agent: None,
            id: None,
            fields: vec![
                ("n".into(), n.into()),
                ("long".into(), json!("x".repeat(long))),
            ],
        };
        let caller = Caller {
            agent: AgentId::user(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        };
        append(&self.home, &caller, &[event], now)
    }

    fn write(&self, n: u64) {
        self.try_write(n, 0, NOW).unwrap();
    }

    fn rotate(&self, which: Which, now: Timestamp) -> Rotated {
        let done = rotate(
            &self.home,
            &Channel::ALL,
            which,
            Duration::from_secs(5),
            now,
        )
        .unwrap();
        assert_eq!(done.busy, []);
        done
    }

    fn close(&self) {
        assert_eq!(self.rotate(Which::All, NOW).closed.len(), 1);
    }

    fn pack(&self) {
        self.limits(r#"{"compress_after": "1d", "daily": false}"#);
        assert!(!self.rotate(Which::Due, NOW.plus(DAY * 2)).packed.is_empty());
    }

    fn names(&self) -> Vec<String> {
        let dir = fs::read_dir(self.home.logs()).unwrap();
        let mut names: Vec<_> = dir
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    fn reader(&self, place: Place) -> Reader {
        Reader::new(&self.home, Channel::Tasks, place)
    }

    fn all(&self) -> Vec<u64> {
        numbers(&mut self.reader(Place::default()))
    }
}

/// What the next lines say, as far as there are any.
fn numbers(reader: &mut Reader) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(line) = reader.next().unwrap() {
        found.push(fields(line.bytes())["n"].as_u64().unwrap());
    }
    found
}

/// Each reader goes on by itself, and from what is kept of its place.
fn both(rig: &Rig, reader: &mut Reader) -> Vec<u64> {
    let kept = serde_json::to_string(&reader.place()).unwrap();
    let resumed = numbers(&mut rig.reader(serde_json::from_str(&kept).unwrap()));
    let went_on = numbers(reader);
    assert_eq!(went_on, resumed);
    went_on
}

#[test]
fn a_reader_goes_on_through_closing_and_packing() {
    let rig = Rig::new();
    let mut reader = rig.reader(Place::default());
    assert_eq!(both(&rig, &mut reader), [0; 0]);
    rig.write(1);
    assert_eq!(both(&rig, &mut reader), [1]);
    rig.write(2);
    rig.close();
    assert_eq!(both(&rig, &mut reader), [2]);
    rig.write(3);
    rig.write(4);
    assert_eq!(both(&rig, &mut reader), [3, 4]);
    rig.close();
    rig.write(5);
    rig.close();
    rig.write(6);
    rig.pack();
    assert_eq!(both(&rig, &mut reader), [5, 6]);
    // In the middle of a log that is packed.
    rig.write(7);
    reader.next().unwrap();
    rig.write(8);
    rig.close();
    rig.pack();
    assert_eq!(both(&rig, &mut reader), [8]);
    assert_eq!((rig.all(), reader.lost()), ((1..=8).collect(), 0));
}

#[test]
fn what_becomes_of_the_logs_that_follow_is_seen_when_they_are_come_to() {
    let rig = Rig::new();
    for n in 1..=5 {
        rig.write(n);
        rig.close();
    }
    let mut reader = rig.reader(Place::default());
    reader.next().unwrap();
    // Packed, removed, and closed since the reader looked what there is.
    fs::remove_file(rig.home.logs().join(&rig.names()[2])).unwrap();
    rig.pack();
    rig.write(6);
    rig.close();
    rig.write(7);
    assert!(rig.names()[1].contains(".log.gz"), "{:?}", rig.names());
    assert_eq!(numbers(&mut reader), [2, 4, 5, 6, 7]);
    rig.write(8);
    rig.close();
    assert_eq!(numbers(&mut reader), [8]);
}

#[test]
fn what_is_removed_unread_is_counted_and_the_rest_is_read() {
    let rig = Rig::new();
    rig.write(1);
    rig.write(2);
    let mut reader = rig.reader(Place::default());
    reader.next().unwrap();
    let place = reader.place();
    rig.close();
    rig.write(3);
    rig.close();
    rig.write(4);
    fs::remove_file(rig.home.logs().join(&rig.names()[0])).unwrap();
    // Open, it is read to its end; kept as a place, it is gone.
    assert_eq!((numbers(&mut reader), reader.lost()), (vec![2, 3, 4], 0));
    let mut resumed = rig.reader(place);
    assert_eq!((numbers(&mut resumed), resumed.lost()), (vec![3, 4], 1));
}

#[test]
fn of_a_log_that_is_there_plain_and_packed_the_lines_come_once() {
    let rig = Rig::new();
    rig.write(1);
    rig.close();
    let plain = rig.home.logs().join(&rig.names()[0]);
    let text = fs::read(&plain).unwrap();
    rig.pack();
    // Killed between the two.
    fs::write(&plain, text).unwrap();
    assert_eq!(rig.all(), [1]);
    rig.pack();
    assert_eq!((rig.all(), rig.names().len()), (vec![1], 1));
}

#[test]
fn torn_and_foreign_lines_are_lines() {
    let rig = Rig::new();
    rig.write(1);
    let path = rig.home.log(Channel::Tasks);
    let put = |bytes: &[u8]| {
        let mut text = fs::read(&path).unwrap();
        text.extend(bytes);
        fs::write(&path, text).unwrap();
    };
    put(b"panic\xff\n{\"v\":1,\n");
    rig.write(2);
    put(b"{\"v\":1,\"ts\":\"20");
    let mut reader = rig.reader(Place::default());
    let mut lines = Vec::new();
    while let Some(line) = reader.next().unwrap() {
        lines.push(Entry::parse(line.bytes()).is_some());
    }
    // What has no end may still get one.
    assert_eq!(lines, [true, false, false, true]);
    rig.close();
    assert_eq!(
        reader.next().unwrap(),
        Some(Raw::Torn(b"{\"v\":1,\"ts\":\"20"))
    );
    assert_eq!(reader.next().unwrap(), None);
}

#[test]
fn of_what_is_too_long_to_be_a_line_only_the_beginning_is_given_out() {
    let endless = vec![b'x'; 33 << 20];
    let beginning = &endless[..64 << 10];
    let rig = Rig::new();
    rig.limits(r#"{"max_size": "512MiB", "max_total": "64GiB"}"#);
    let path = rig.home.log(Channel::Tasks);
    let put = |parts: &[&[u8]]| {
        let mut text = fs::read(&path).unwrap();
        text.extend(parts.concat());
        fs::write(&path, text).unwrap();
    };
    rig.write(1);
    // With an end, with a line of ours in the place of one, and with none at all.
    put(&[&endless, b"\n"]);
    rig.write(2);
    put(&[&endless]);
    rig.write(3);
    put(&[&endless]);
    let mut reader = rig.reader(Place::default());
    for closed in [false, true] {
        let mut all = if closed {
            rig.reader(Place::default())
        } else {
            reader
        };
        for n in [1, 2, 3] {
            let line = all.next().unwrap();
            let line = line.unwrap_or_else(|| panic!("{n} is missing, closed: {closed}"));
            let text = std::str::from_utf8(line.bytes()).unwrap();
            assert!(
                text.contains(&format!("\"line {n}\"")),
                "{n}: {}",
                &text[..60]
            );
            assert_eq!(all.next().unwrap(), Some(Raw::Torn(beginning)));
        }
        assert_eq!(all.next().unwrap(), None);
        reader = all;
        if !closed {
            rig.close();
            assert_eq!(reader.next().unwrap(), None);
        }
    }
    // Whoever goes on where another one was finds the next line.
    rig.write(4);
    let place = reader.place();
    assert_eq!(both(&rig, &mut rig.reader(place)), [4]);
}

#[test]
fn a_packed_log_that_is_damaged_is_told_once_and_the_next_is_read() {
    let rig = Rig::new();
    rig.write(1);
    rig.close();
    rig.write(2);
    rig.pack();
    let path = rig.home.logs().join(&rig.names()[0]);
    let packed = fs::read(&path).unwrap();
    fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let mut reader = rig.reader(Place::default());
    let mut faults = 0;
    let mut found = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(line)) => found.push(fields(line.bytes())["n"].clone()),
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt);
                faults += 1;
            }
        }
    }
    assert_eq!((faults, found), (1, vec![json!(2)]));
}

#[test]
fn a_writer_closes_what_has_grown_and_all_stays_below_the_budget() {
    let rig = Rig::new();
    rig.limits(r#"{"max_size": "64KiB", "max_total": "1MiB"}"#);
    for n in 0..500 {
        rig.try_write(n, 4000, NOW).unwrap();
        let sizes = rig
            .names()
            .into_iter()
            .map(|name| rig.home.logs().join(name));
        let total: u64 = sizes.map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(total <= 1 << 20, "{total}");
    }
    let kept = rig.all();
    assert_eq!(kept.last(), Some(&499));
    assert!(kept.len() > 100, "{} lines are left", kept.len());
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(rig.names().len() > 4);
}

#[test]
fn what_is_closed_before_a_line_stays_below_the_budget_too() {
    let rig = Rig::new();
    rig.limits(r#"{"max_size": "64KiB", "max_total": "1MiB"}"#);
    for n in 0..20 {
        rig.write(n);
        // As many at once leave it: more than a quarter over what a log may hold.
        let mut text = fs::read(rig.home.log(Channel::Tasks)).unwrap();
        text.resize(88 << 10, b'\n');
        fs::write(rig.home.log(Channel::Tasks), text).unwrap();
    }
    rig.write(20);
    let sizes = rig.names().into_iter();
    let sizes = sizes.map(|name| fs::metadata(rig.home.logs().join(name)).unwrap().len());
    let total: u64 = sizes.sum();
    assert!(total <= 1 << 20, "{total}");
}

#[test]
fn a_log_that_cannot_be_closed_takes_lines_all_the_same() {
    let rig = Rig::new();
    rig.limits(r#"{"max_size": "64KiB"}"#);
    rig.write(1);
    // What it is to be called is taken.
    let taken = Segment {
        closed: Some(Closed::after(None, NOW)),
        ..Segment::current(Channel::Tasks)
    };
    fs::create_dir(rig.home.logs().join(taken.to_string())).unwrap();
    let mut text = fs::read(rig.home.log(Channel::Tasks)).unwrap();
    text.resize(88 << 10, b' ');
    text.push(b'\n');
    fs::write(rig.home.log(Channel::Tasks), text).unwrap();
    let error = rig.try_write(2, 0, NOW).unwrap_err();
    assert!(matches!(error, Error::NotClosed(_)), "{error}");
    let text = fs::read_to_string(rig.home.log(Channel::Tasks)).unwrap();
    assert!(text.ends_with("}\n"), "{text}");
}

#[test]
fn what_a_killed_packing_left_goes_with_the_next_rotation() {
    let rig = Rig::new();
    rig.write(1);
    let left = rig.home.logs().join(".tasks.20200101T000000Z-1.log.gz.new");
    fs::write(&left, "half").unwrap();
    rig.rotate(Which::Due, NOW);
    assert!(!left.exists());
}

#[test]
fn the_first_line_of_a_day_is_the_last_of_its_log() {
    let rig = Rig::new();
    let today = crate::time::Now::read().wall;
    rig.try_write(1, 0, today).unwrap();
    assert_eq!(rig.names(), ["tasks.log"]);
    rig.try_write(2, 0, today.plus(DAY)).unwrap();
    assert_eq!(rig.names().len(), 1);
    assert_ne!(rig.names(), ["tasks.log"]);
    assert_eq!(rig.all(), [1, 2]);
}

#[test]
fn limits_that_cannot_be_read_are_told_and_the_line_is_written() {
    let rig = Rig::new();
    rig.limits(r#"{"max_size": "huge"}"#);
    rig.write(1);
    let error = rig.try_write(2, 4000, NOW);
    assert!(error.is_ok(), "a small log asks for no limits");
    for n in 3..30 {
        // What is told is that of the last.
        let _ = rig.try_write(n, 4000, NOW);
    }
    let error = rig.try_write(30, 0, NOW).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert_eq!(rig.all(), (1..=30).collect::<Vec<_>>());
    let error = rotate(&rig.home, &Channel::ALL, Which::Due, Duration::ZERO, NOW).unwrap_err();
    assert!(error.to_string().contains("logs.json: "), "{error}");
}

#[test]
fn hostile_text_is_one_bounded_line_without_secrets() {
    let rig = Rig::new();
    let event = Event {
        channel: Channel::Tasks,
        level: Level::Info,
        event: "task.set".into(),
        msg: format!("a\nb\u{1b}[31m{}", "é".repeat(5 << 20)),
        agent: None,
        id: None,
        fields: vec![
            ("n".into(), 1.into()),
            ("discord_token".into(), "sesame".into()),
            (
                "deep".into(),
                json!({"password": "sesame", "list": ["c\r\nd"]}),
            ),
            ("huge".into(), json!(vec!["y".repeat(5000); 100])),
        ],
    };
    let caller = Caller {
        agent: AgentId::user(),
        incarnation: None,
        uid: 0,
        login: None,
        guest: None,
    };
    append(&rig.home, &caller, &[event], NOW).unwrap();
    let text = fs::read_to_string(rig.home.log(Channel::Tasks)).unwrap();
    assert_eq!(
        (text.matches('\n').count(), text.matches('\u{1b}').count()),
        (1, 0)
    );
    assert!(text.len() < 64 << 10, "{}", text.len());
    assert!(!text.contains("sesame"));
    let line = fields(text.trim_end().as_bytes());
    assert!(
        line["msg"]
            .as_str()
            .unwrap()
            .ends_with("… (10485768 bytes)")
    );
    assert_eq!((&line["n"], &line["cut"]), (&json!(1), &json!(2)));
}

#[test]
fn a_line_behind_one_that_is_torn_is_read_for_itself() {
    let rig = Rig::new();
    rig.write(1);
    let path = rig.home.log(Channel::Tasks);
    let mut text = fs::read(&path).unwrap();
    text.extend(br#"{"v":1,"ts":"2020-09-"#);
    fs::write(&path, text).unwrap();
    rig.write(2);
    let mut reader = rig.reader(Place::default());
    assert!(matches!(reader.next(), Ok(Some(Raw::Whole(_)))));
    assert_eq!(
        reader.next().unwrap(),
        Some(Raw::Torn(br#"{"v":1,"ts":"2020-09-"#))
    );
    assert_eq!(both(&rig, &mut reader), [2]);
    // An object of that make within a line is no line.
    let mut event =
        br#"{"v":1,"ts":"2020-09-13T12:26:40.000Z","level":"info","event":"a.b","n":3,"of":{"v":1,"ts":"x"}}"#.to_vec();
    event.push(b'\n');
    let mut text = fs::read(&path).unwrap();
    text.extend(event);
    fs::write(&path, text).unwrap();
    assert_eq!(both(&rig, &mut reader), [3]);
}

#[test]
fn a_reader_of_a_log_that_somebody_cuts_off_begins_anew() {
    let rig = Rig::new();
    (1..=3).for_each(|n| rig.write(n));
    let mut reader = rig.reader(Place::default());
    assert_eq!(numbers(&mut reader), [1, 2, 3]);
    fs::write(rig.home.log(Channel::Tasks), "").unwrap();
    rig.write(4);
    assert_eq!((numbers(&mut reader), reader.lost()), (vec![4], 1));
}

#[test]
fn what_was_written_late_into_a_closed_log_is_found_by_its_time() {
    let rig = Rig::new();
    rig.write(1);
    rig.close();
    let since = crate::time::Now::read().wall.minus(DAY);
    let mut reader = Reader::since(&rig.home, Channel::Tasks, since).unwrap();
    assert_eq!(numbers(&mut reader), [1]);
    rig.pack();
    let mut reader = Reader::since(&rig.home, Channel::Tasks, since).unwrap();
    assert_eq!(numbers(&mut reader), [1]);
    let since = since.plus(DAY * 2);
    let mut reader = Reader::since(&rig.home, Channel::Tasks, since).unwrap();
    assert_eq!(numbers(&mut reader), [0; 0]);
}

#[test]
fn a_closed_log_with_a_second_name_is_told_once_and_keeps_no_other_from_being_packed() {
    let rig = Rig::new();
    rig.write(1);
    rig.close();
    rig.write(2);
    rig.close();
    rig.write(3);
    let first = rig.home.logs().join(&rig.names()[0]);
    fs::hard_link(&first, rig.home.dir().join("backup")).unwrap();
    let mut reader = rig.reader(Place::default());
    assert!(matches!(reader.next(), Err(Error::Unreadable { .. })));
    assert_eq!(numbers(&mut reader), [2, 3]);
    rig.limits(r#"{"compress_after": "1d", "daily": false}"#);
    let now = NOW.plus(DAY * 2);
    let patience = Duration::from_secs(5);
    let packed = rotate(&rig.home, &Channel::ALL, Which::Due, patience, now);
    assert_eq!(packed.unwrap_err().kind(), Kind::Refused);
    let is_packed = |name: &String| name.contains(".log.gz");
    assert_eq!(rig.names().iter().filter(|it| is_packed(it)).count(), 1);
}

#[test]
fn a_log_of_yesterday_is_closed_by_a_rotation_though_somebody_wrote_today() {
    let rig = Rig::new();
    let today = crate::time::Now::read().wall;
    rig.try_write(1, 0, today.minus(DAY)).unwrap();
    rig.try_write(2, 0, today).unwrap();
    assert_eq!(rig.names(), ["tasks.log"]);
    assert_eq!(rig.rotate(Which::Due, today).closed.len(), 1);
}
