//! `output.log` and its older ones, read as one: from a moment, or the last lines, and on as it grows.

use std::collections::VecDeque;
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
    ) -> Result<(Self, Vec<String>), Error> {
        let dir = Dir::make_path(home.dir(), home.inside(&home.agent(agent)))?;
        // The watch stands first: what is printed from now on is seen.
        let mut tail = Self {
            watch: None,
            file: None,
            at: 0,
            dir,
        };
        let mut lines = VecDeque::new();
        let mut keep = |line: String| {
            let is_wanted = since.is_none_or(|since| time_of(&line).is_none_or(|at| at >= since));
            if is_wanted && most > 0 {
                if lines.len() == most {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        };
        for name in tail.older()? {
            if let Some(file) = tail.dir.file_if_any(&name, Open::Read)? {
                read_on(&file, 0, &mut keep)?;
            }
        }
        tail.go_on(&mut keep)?;
        Ok((tail, lines.into()))
    }

    /// The rotated ones, oldest first.
    fn older(&self) -> Result<Vec<String>, Error> {
        let number = |name: &String| name.strip_prefix("output.log.")?.parse::<u32>().ok();
        let mut names = self.dir.names()?;
        names.retain(|name| number(name).is_some());
        names.sort_by_key(|name| std::cmp::Reverse(number(name)));
        Ok(names)
    }

    /// Whole lines that were printed since. Where the log was rotated meanwhile, the rest of the old one comes first.
    pub fn go_on(&mut self, keep: &mut dyn FnMut(String)) -> Result<(), Error> {
        if let Some(file) = &self.file {
            self.at = read_on(file, self.at, keep)?;
        }
        let there = self.dir.ident(LOG)?;
        let is_same = |file: &File| there.is_some_and(|it| it.ino == file.opened().ino);
        if self.file.as_ref().is_some_and(is_same) {
            return Ok(());
        }
        self.file = self.dir.file_if_any(LOG, Open::Read)?;
        self.at = match &self.file {
            Some(file) => read_on(file, 0, keep)?,
            None => 0,
        };
        Ok(())
    }

    /// Sleeps until there may be more, a second at most, or until somebody unparks this thread.
    pub fn wait(&mut self) {
        let path = self.dir.path();
        self.watch
            .get_or_insert_with(|| DirWatch::new(path))
            .wait(LOOK);
    }
}

/// Hands over the whole lines from `at` on. Returns where the last of them ended.
fn read_on(file: &File, at: u64, keep: &mut dyn FnMut(String)) -> Result<u64, Error> {
    let (mut at, mut rest) = (at, Vec::new());
    let mut piece = vec![0; PIECE];
    let mut next = at;
    loop {
        let n = file.read_at(next, &mut piece)?;
        if n == 0 {
            return Ok(at);
        }
        next += n as u64;
        rest.extend_from_slice(&piece[..n]);
        let whole = rest
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            keep(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned());
        }
        rest.drain(..whole);
        at += whole as u64;
    }
}

/// The time that stands before a line.
fn time_of(line: &str) -> Option<Timestamp> {
    Timestamp::parse(line.split_once(' ')?.0)
}
