//! `output.log` and its older ones, read as one: from a moment, or the last lines, and on as it grows.
//!
//! A rotation gives every file the next number, so that a reader knows where he stands by the file itself. He holds it
//! open: its end is still there when its name is gone, and no other file gets its inode meanwhile.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::error::Error;
use crate::names::AgentId;
use crate::root::Home;
use crate::store::{Dir, DirWatch, File, Open};
use crate::time::Timestamp;

const LOG: &str = "output.log";
/// What is read at once.
const PIECE: usize = 64 << 10;
/// A change that nobody told of is seen after so long.
const LOOK: Duration = Duration::from_secs(1);
/// So many rotations may come while somebody walks along the files.
const MEANWHILE: u32 = 8;

/// What a reader is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Printed {
    /// With the time before it.
    Line(String),
    /// Lines may be missing here: their file was gone before anybody read it.
    Gap,
}

/// Whether a reader goes on as more is printed: then he is handed a line once it has its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Yes,
    No,
}

/// Where a reader stands in the output of an agent.
pub struct Tail {
    dir: Dir,
    file: Option<File>,
    at: u64,
    watch: Option<DirWatch>,
}

impl Tail {
    /// Behind all that was printed, and what of that is wanted: the last `most` lines of those since `since`.
    pub fn open(
        home: &Home,
        agent: &AgentId,
        most: usize,
        since: Option<Timestamp>,
        follow: Follow,
    ) -> Result<(Self, Vec<Printed>), Error> {
        let mut tail = Self::at(Dir::make_path(home.dir(), home.inside(&home.agent(agent)))?);
        let mut kept = VecDeque::new();
        let mut keep = |printed: Printed| {
            let is_wanted = match (&printed, since) {
                (Printed::Line(line), Some(since)) => dated(line).0.is_none_or(|at| at >= since),
                (Printed::Line(_), None) | (Printed::Gap, _) => true,
            };
            if is_wanted && most > 0 {
                if kept.len() == most {
                    kept.pop_front();
                }
                kept.push_back(printed);
            }
        };
        // Not more files than there are now: somebody may print faster than we read.
        let files = row(&tail.dir)?.count();
        for _ in 0..=files {
            if !tail.go_on(&mut keep)? {
                break;
            }
        }
        if follow == Follow::No {
            tail.unfinished(&mut keep)?;
        }
        Ok((tail, kept.into()))
    }

    /// Before the first file.
    fn at(dir: Dir) -> Self {
        Self {
            dir,
            file: None,
            at: 0,
            watch: None,
        }
    }

    /// Whole lines that were printed since into the file where it stands. Then it goes over to the file behind that;
    /// whether there is one, and more to be read.
    pub fn go_on(&mut self, keep: &mut dyn FnMut(Printed)) -> Result<bool, Error> {
        let Some(ours) = &self.file else {
            self.file = oldest_since(i128::MIN, row(&self.dir)?)?;
            return Ok(self.file.is_some());
        };
        // Looked for before ours is read: nobody writes into a file that has another behind it.
        let behind = behind(ours, row(&self.dir)?)?;
        let (at, rest) = read_on(ours, self.at, keep)?;
        self.at = at;
        let (next, is_gone) = match behind {
            Behind::Nothing => (None, false),
            Behind::File(file) => (Some(file), false),
            Behind::Unknown => (oldest_since(ours.ident()?.mtime_ns, row(&self.dir)?)?, true),
        };
        let Some(next) = next else { return Ok(false) };
        // A rotation may cut a line in two.
        if !rest.is_empty() {
            keep(line(&rest));
        }
        if is_gone {
            keep(Printed::Gap);
        }
        (self.file, self.at) = (Some(next), 0);
        Ok(true)
    }

    /// What stands there and has no end yet.
    fn unfinished(&self, keep: &mut dyn FnMut(Printed)) -> Result<(), Error> {
        if let Some(file) = &self.file {
            let (_, rest) = read_on(file, self.at, keep)?;
            if !rest.is_empty() {
                keep(line(&rest));
            }
        }
        Ok(())
    }

    /// Sleeps until there may be more, a second at most, or until somebody unparks this thread. The first time not at
    /// all: something may have been printed before the watch stood.
    pub fn wait(&mut self) {
        match &self.watch {
            Some(watch) => {
                watch.wait(LOOK);
            }
            None => self.watch = Some(DirWatch::new(self.dir.path())),
        }
    }
}

/// The files of an output, the youngest first. One that is rotated meanwhile may be met twice, and none is missed.
fn row(dir: &Dir) -> Result<impl Iterator<Item = Result<File, Error>>, Error> {
    let number = |name: &String| name.strip_prefix("output.log.")?.parse::<u32>().ok();
    let listed: Vec<u32> = dir.names()?.iter().filter_map(number).collect();
    let numbers: BTreeSet<u32> = std::iter::once(0)
        .chain(listed)
        .flat_map(|n| n..=n.saturating_add(MEANWHILE))
        .collect();
    Ok(numbers.into_iter().filter_map(|number| {
        let name = match number {
            0 => LOG.to_owned(),
            n => format!("{LOG}.{n}"),
        };
        let file = dir.file_if_any(&name, Open::Read);
        file.map_err(Error::from).transpose()
    }))
}

/// What comes behind a file.
#[derive(Debug)]
enum Behind {
    /// It is the youngest.
    Nothing,
    File(File),
    /// It is gone, and maybe others that came behind it.
    Unknown,
}

/// Of a row of files, the youngest first, the one that came right behind ours.
fn behind(ours: &File, row: impl Iterator<Item = Result<File, Error>>) -> Result<Behind, Error> {
    let mut younger = None;
    for file in row {
        let file = file?;
        if file.opened().ino == ours.opened().ino {
            return Ok(younger.map_or(Behind::Nothing, Behind::File));
        }
        younger = Some(file);
    }
    Ok(Behind::Unknown)
}

/// The last of a row that was written into since then. What lies behind it is of a time when more of them were kept.
fn oldest_since(
    since_ns: i128,
    row: impl Iterator<Item = Result<File, Error>>,
) -> Result<Option<File>, Error> {
    let mut oldest = None;
    for file in row {
        let file = file?;
        // A clock may have been set back: the youngest is young, whatever it says.
        if file.opened().mtime_ns < since_ns && !file.path().ends_with(LOG) {
            break;
        }
        oldest = Some(file);
    }
    Ok(oldest)
}

/// Hands over the whole lines from `at` on. Returns where the last of them ended, and what stands behind it.
fn read_on(
    file: &File,
    mut at: u64,
    keep: &mut dyn FnMut(Printed),
) -> Result<(u64, Vec<u8>), Error> {
    let mut rest = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let n = file.read_at(at + rest.len() as u64, &mut piece)?;
        if n == 0 {
            return Ok((at, rest));
        }
        rest.extend_from_slice(&piece[..n]);
        let whole = rest
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        for text in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            keep(line(&text[..text.len() - 1]));
        }
        rest.drain(..whole);
        at += whole as u64;
    }
}

fn line(text: &[u8]) -> Printed {
    Printed::Line(String::from_utf8_lossy(text).into_owned())
}

/// When a line was printed, and what. A line that somebody else wrote there may have no time.
pub fn dated(line: &str) -> (Option<Timestamp>, &str) {
    line.split_once(' ')
        .and_then(|(time, text)| Some((Some(Timestamp::parse(time)?), text)))
        .unwrap_or((None, line))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn print(&self, text: &str) {
            let log = std::fs::File::options()
                .append(true)
                .create(true)
                .open(self.path(LOG));
            log.unwrap().write_all(text.as_bytes()).unwrap();
        }

        /// As the supervisor does.
        fn rotate(&self, older: u32) {
            let name = |n| match n {
                0 => self.path(LOG),
                n => self.path(&format!("{LOG}.{n}")),
            };
            for n in (0..older).rev().filter(|n| name(*n).exists()) {
                std::fs::rename(name(n), name(n + 1)).unwrap();
            }
            if older == 0 {
                std::fs::remove_file(name(0)).unwrap();
            }
            self.print("");
        }

        fn tail(&self) -> Tail {
            Tail::at(Dir::open(self.0.path()).unwrap())
        }

        fn file(&self, name: &str) -> Result<File, Error> {
            let dir = Dir::open(self.0.path()).unwrap();
            Ok(dir.file(name, Open::Read)?)
        }

        /// Files with such names, each written into so many seconds after the one before.
        fn files(&self, names: &[&str]) {
            let begin = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
            for (at, name) in (0..).zip(names) {
                std::fs::write(self.path(name), name).unwrap();
                let file = std::fs::File::options().write(true).open(self.path(name));
                let time = begin + Duration::from_secs(at);
                file.unwrap().set_modified(time).unwrap();
            }
        }

        fn row(&self, names: &[&'static str]) -> impl Iterator<Item = Result<File, Error>> {
            names.iter().map(|name| self.file(name))
        }
    }

    /// All that it is handed until nothing more comes; a gap is `-`.
    fn all_of(tail: &mut Tail) -> Vec<String> {
        let mut all = Vec::new();
        let mut keep = |printed| {
            all.push(match printed {
                Printed::Line(line) => line,
                Printed::Gap => "-".into(),
            });
        };
        while tail.go_on(&mut keep).unwrap() {}
        all
    }

    fn name(file: &File) -> &str {
        file.path().file_name().unwrap().to_str().unwrap()
    }

    #[test]
    fn the_file_behind_ours_is_found_whatever_is_rotated_meanwhile() {
        let place = Place::new();
        place.files(&["a", "b", "c", "d"]);
        let behind = |ours: &str, row: &[&'static str]| match behind(
            &place.file(ours).unwrap(),
            place.row(row),
        )
        .unwrap()
        {
            Behind::Nothing => "nothing".to_owned(),
            Behind::File(file) => name(&file).to_owned(),
            Behind::Unknown => "unknown".to_owned(),
        };
        assert_eq!(behind("a", &["d", "c", "b", "a"]), "b");
        assert_eq!(behind("d", &["d", "c", "b", "a"]), "nothing");
        assert_eq!(behind("a", &["d", "c", "b"]), "unknown");
        assert_eq!(behind("a", &[]), "unknown");
        // Each was moved after it was met.
        assert_eq!(behind("b", &["d", "d", "c", "c", "b", "b", "a"]), "c");
        assert_eq!(behind("a", &["c", "b", "c", "b", "a"]), "b");
    }

    #[test]
    fn where_ours_is_gone_the_oldest_that_is_younger_comes_next() {
        let place = Place::new();
        place.files(&["left-over", "ours", "a", "b", LOG]);
        let since = place.file("ours").unwrap().opened().mtime_ns;
        let next = |since, row: &[&'static str]| {
            let oldest = oldest_since(since, place.row(row)).unwrap();
            oldest.as_ref().map(name).map(str::to_owned)
        };
        assert_eq!(next(since, &[LOG, "b", "a"]).as_deref(), Some("a"));
        let longer = [LOG, "b", "a", "left-over"];
        assert_eq!(next(since, &longer).as_deref(), Some("a"));
        assert_eq!(next(i128::MIN, &longer).as_deref(), Some("left-over"));
        assert_eq!(next(i128::MAX, &longer).as_deref(), Some(LOG));
        // The youngest was taken away by somebody.
        assert_eq!(next(since, &["left-over"]), None);
        assert_eq!(next(since, &[]), None);
    }

    #[test]
    fn several_rotations_between_two_looks_hide_nothing() {
        let place = Place::new();
        let mut tail = place.tail();
        assert_eq!(all_of(&mut tail), [""; 0]);
        place.print("1\n2\nhal");
        assert_eq!(all_of(&mut tail), ["1", "2"]);
        place.print("f\n3\ncut o");
        place.rotate(4);
        place.print("ff\n4\n");
        place.rotate(4);
        place.rotate(4);
        place.print("5\n");
        assert_eq!(all_of(&mut tail), ["half", "3", "cut o", "ff", "4", "5"]);
        place.print("6\n");
        assert_eq!(all_of(&mut tail), ["6"]);
        assert_eq!(all_of(&mut tail), [""; 0]);
        let whole = ["1", "2", "half", "3", "cut o", "ff", "4", "5", "6"];
        assert_eq!(all_of(&mut place.tail()), whole);
    }

    #[test]
    fn a_line_without_an_end_is_for_whoever_does_not_wait_for_it() {
        let place = Place::new();
        let home = Home::at(place.0.path());
        let agent = AgentId::parse("agent-1").unwrap();
        std::fs::create_dir_all(home.agent(&agent)).unwrap();
        std::fs::write(home.agent(&agent).join(LOG), "1\n2\nhalf").unwrap();
        let printed = |follow| {
            let (_, printed) = Tail::open(&home, &agent, 2, None, follow).unwrap();
            printed
        };
        let lines = |texts: [&str; 2]| texts.map(|text| Printed::Line(text.into()));
        assert_eq!(printed(Follow::Yes), lines(["1", "2"]));
        assert_eq!(printed(Follow::No), lines(["2", "half"]));
    }

    #[test]
    fn a_line_is_told_apart_from_its_time_and_one_without_is_told_whole() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000);
        assert_eq!(dated(&format!("{now} one two")), (Some(now), "one two"));
        assert_eq!(dated(&format!("{now} ")), (Some(now), ""));
        for foreign in ["one two", "one", ""] {
            assert_eq!(dated(foreign), (None, foreign));
        }
    }

    #[test]
    fn what_was_gone_before_it_was_read_is_said_to_be_missing() {
        for (older, expected) in [(2, vec!["2", "-", "4", "5", "6"]), (0, vec!["2", "-", "6"])] {
            let place = Place::new();
            place.print("1\n");
            let mut tail = place.tail();
            assert_eq!(all_of(&mut tail), ["1"]);
            for text in ["2\n", "3\n", "4\n", "5\n"] {
                place.print(text);
                place.rotate(older);
            }
            place.print("6\n");
            assert_eq!(all_of(&mut tail), expected);
            place.print("7\n");
            assert_eq!(all_of(&mut tail), ["7"]);
        }
    }
}
