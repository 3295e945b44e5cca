//! `runtime/memories/`: the fragments day by day, and what is derived of them. Whoever changes anything there holds its
//! lock.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::derive;
use super::error::Error;
use super::line;
use crate::memory::Fragment;
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Ident, Line, Lines, Lock, Open, Target, random_u64};
use crate::time::Timestamp;

const LOCK: &str = ".lock";
const FRAGMENTS: &str = "fragments";
const ENDING: &str = ".jsonl";
/// Somebody else may remember for so long.
const PATIENCE: Duration = Duration::from_secs(5);
const MS_A_DAY: i64 = 86_400_000;
/// Of one file that is read line by line.
const PIECE: usize = 64 << 10;
const MOST_OPEN: usize = 64;
/// In the name of what was set aside, before the time of it.
const ASIDE: &str = ".rejected-";
const LARGEST_ASIDE: u64 = 256 << 20;

/// Days since 1970, as the files are called; whatever is before is of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub(super) struct Day(pub(super) u32);

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.unix_ms().div_euclid(MS_A_DAY)).unwrap_or(0))
    }

    fn date(self) -> NaiveDate {
        let start = Timestamp::from_unix_ms(i64::from(self.0) * MS_A_DAY);
        start.to_utc().date_naive()
    }

    pub(super) fn name(self) -> String {
        self.date().to_string()
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let date: NaiveDate = name.parse().ok()?;
        let start = date.and_time(NaiveTime::MIN).and_utc();
        let day = Self::of(Timestamp::from_unix_ms(start.timestamp_millis()));
        (day.name() == name).then_some(day)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.name()
    }
}

impl TryFrom<Cow<'_, str>> for Day {
    type Error = &'static str;

    fn try_from(name: Cow<'_, str>) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or("it is no date")
    }
}

/// How much of a day the index holds, and what its file was like then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Covered {
    ino: u64,
    pub(super) size: u64,
    mtime_ns: i64,
    /// Of all its lines, each with its place: a sum that grows with the file.
    sum: u64,
}

/// What became of a day since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// Lines came behind.
    Grown,
    /// What was there is another now.
    Edited,
}

#[derive(Debug)]
pub(super) struct Shelf {
    home: Home,
    pub(super) dir: Dir,
    fragments: Dir,
}

impl Shelf {
    /// `None` where nothing was ever remembered.
    pub(super) fn open(home: &Home) -> Result<Option<Self>, Error> {
        let dir = match Dir::of(home, &home.memories()) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let fragments = match dir.sub(FRAGMENTS) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        Ok(Some(Self {
            home: home.clone(),
            dir,
            fragments,
        }))
    }

    pub(super) fn make(home: &Home) -> Result<Self, Error> {
        let path = home.memories().join(FRAGMENTS);
        Dir::make_path(home.dir(), home.inside(&path))?;
        let shelf = Self::open(home)?;
        Ok(shelf.expect("its directory was made"))
    }

    pub(super) fn lock(&self) -> Result<Lock, Error> {
        Ok(Lock::acquire(&self.dir, LOCK, Deadline::after(PATIENCE))?)
    }

    /// `None`: somebody else changes it now.
    pub(super) fn try_lock(&self) -> Result<Option<Lock>, Error> {
        Ok(Lock::try_acquire(&self.dir, LOCK)?)
    }

    /// A directory of what is derived.
    pub(super) fn derived(&self, name: &str) -> Result<Dir, Error> {
        self.dir.make_dir(name)?;
        Ok(self.dir.sub(name)?)
    }

    /// All days that have a file, in their order.
    pub(super) fn days(&self) -> Result<Vec<Day>, Error> {
        let names = self.fragments.names()?;
        let days = names
            .iter()
            .filter_map(|name| Day::parse(name.strip_suffix(ENDING)?));
        let mut days: Vec<Day> = days.collect();
        days.sort_unstable();
        Ok(days)
    }

    fn file_name(day: Day) -> String {
        format!("{}{ENDING}", day.name())
    }

    pub(super) fn path(&self, day: Day) -> std::path::PathBuf {
        self.fragments.path().join(Self::file_name(day))
    }

    fn ident(&self, day: Day) -> Result<Option<Ident>, Error> {
        Ok(self.fragments.ident(&Self::file_name(day))?)
    }

    fn file(&self, day: Day, how: Open) -> Result<File, Error> {
        Ok(self.fragments.file(&Self::file_name(day), how)?)
    }

    /// What happened to a day that was covered so. An unchanged file costs one look; of another one all that was covered
    /// is read again.
    pub(super) fn change(&self, day: Day, covered: &Covered) -> Result<Change, Error> {
        let Some(ident) = self.ident(day)? else {
            return Ok(if covered.size == 0 {
                Change::Nothing
            } else {
                Change::Edited
            });
        };
        if covered.is(ident) {
            return Ok(Change::Nothing);
        }
        if ident.size < covered.size {
            return Ok(Change::Edited);
        }
        let file = self.file(day, Open::Read)?;
        let sum = sum_of(&file, covered.size)?;
        Ok(if sum == covered.sum {
            Change::Grown
        } else {
            Change::Edited
        })
    }

    /// Whether a file is as it was, by one look.
    pub(super) fn is_unchanged(&self, day: Day, covered: &Covered) -> Result<bool, Error> {
        Ok(self.ident(day)?.is_some_and(|ident| covered.is(ident)))
    }

    /// Whether nothing stands behind `end`.
    pub(super) fn is_covered(&self, day: Day, end: u64) -> Result<bool, Error> {
        Ok(self.ident(day)?.is_none_or(|ident| ident.size <= end))
    }

    pub(super) fn size(&self, day: Day) -> Result<u64, Error> {
        Ok(self.ident(day)?.map_or(0, |it| it.size))
    }

    /// Another view of the same.
    pub(super) fn again(&self) -> Result<Self, Error> {
        let view = Self::open(&self.home)?;
        Ok(view.expect("it is open"))
    }

    /// Each line of a day behind `from`, with its place, without its line break; empty ones are passed over. Returns where
    /// the last line ended that has an end.
    pub(super) fn scan(
        &self,
        day: Day,
        from: u64,
        mut see: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let file = self.file(day, Open::Read)?;
        let size = file.size()?;
        let mut lines = Lines::new(&file, from, size);
        let mut end = from;
        while let Some((offset, length, line)) = lines.next()? {
            match line {
                Line::Whole(line) if !line.is_empty() => see(offset, line)?,
                Line::Whole(_) => {}
                Line::Torn => {
                    let mut last = [0];
                    if file.read_at(offset + length - 1, &mut last)? == 0 || last != *b"\n" {
                        break;
                    }
                }
            }
            end = offset + length;
        }
        Ok(end)
    }

    /// Ends what a crash or a person left without an end: a fragment gets its line break, anything else is set aside.
    /// Asked under the lock. Returns where that is now.
    pub(super) fn mend_end(
        &self,
        day: Day,
        now: Timestamp,
    ) -> Result<Option<std::path::PathBuf>, Error> {
        let file = self.file(day, Open::Append)?;
        let size = file.size()?;
        let mut last = [0];
        if size == 0 || (file.read_at(size - 1, &mut last)? == 1 && last == *b"\n") {
            return Ok(None);
        }
        let mut start = 0;
        let mut lines = Lines::new(&file, 0, size);
        while let Some((offset, _, _)) = lines.next()? {
            start = offset;
        }
        let mut rest = vec![0; usize::try_from(size - start).unwrap_or(0)];
        let n = file.read_at(start, &mut rest)?;
        rest.truncate(n);
        if line::parse(&rest).is_ok() {
            file.write_at(size, b"\n")?;
            return Ok(None);
        }
        let at = now.to_utc().format("%Y%m%dT%H%M%SZ");
        let name = format!("{}{ASIDE}{at}", Self::file_name(day));
        let aside = self.fragments.file(&name, Open::New)?;
        aside.write_at(0, &rest)?;
        aside.sync_data()?;
        self.fragments.sync()?;
        file.truncate(start)?;
        Ok(Some(self.fragments.path().join(name)))
    }

    /// Makes a day anew without these; how many of them there were. All else stays as it is, byte for byte, whatever a
    /// person or a crash made of it; of a day that somebody writes to meanwhile nothing is taken.
    pub(super) fn without(&self, day: Day, is_meant: &dyn Fn(&str) -> bool) -> Result<u64, Error> {
        let name = Self::file_name(day);
        let file = self.file(day, Open::Read)?;
        let size = file.size()?;
        let mut gone: Vec<(u64, u64)> = Vec::new();
        self.scan(day, 0, |offset, line| {
            if derive::id_of(line).is_some_and(|id| is_meant(&id)) {
                gone.push((offset, offset + line.len() as u64 + 1));
            }
            Ok(())
        })?;
        if gone.is_empty() {
            return Ok(0);
        }
        let aside = format!(".{name}.{:016x}", random_u64());
        let written = self.write_without(&aside, &file, size, &gone);
        let is_whole = written.and_then(|end| Ok((end, file.size()? == size)));
        match is_whole {
            Ok((0, true)) => {
                self.fragments.remove(&name)?;
                self.fragments.remove(&aside)?;
            }
            Ok((_, true)) => self.fragments.rename(&aside, &name, Target::Replaced)?,
            Ok((_, false)) => {
                self.fragments.remove(&aside)?;
                return Err(Error::Changed {
                    path: self.path(day),
                });
            }
            Err(error) => {
                // The disk may be full. If it stays, the next change removes it.
                let _ = self.fragments.remove(&aside);
                return Err(error);
            }
        }
        self.fragments.sync()?;
        Ok(gone.len() as u64)
    }

    /// What was set aside of days that were torn.
    fn asides(&self) -> Result<Vec<String>, Error> {
        let mut names = self.fragments.file_names()?;
        names.retain(|name| name.contains(ASIDE));
        Ok(names)
    }

    fn aside(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(self
            .fragments
            .file(name, Open::Read)?
            .read_to_end(LARGEST_ASIDE)?)
    }

    /// Whether what was set aside tells of a memory.
    pub(super) fn is_aside(&self, id: &str) -> Result<bool, Error> {
        for name in self.asides()? {
            let text = self.aside(&name)?;
            let mut lines = text.split(|byte| *byte == b'\n');
            if lines.any(|line| line::id_within(line).as_deref() == Some(id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes these out of what was set aside as well; how many there were.
    pub(super) fn without_asides(&self, is_meant: &dyn Fn(&str) -> bool) -> Result<u64, Error> {
        let mut gone = 0;
        for name in self.asides()? {
            let text = self.aside(&name)?;
            let mut left = Vec::with_capacity(text.len());
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                if line::id_within(line).is_some_and(|id| is_meant(&id)) {
                    gone += 1;
                } else {
                    left.extend_from_slice(line);
                }
            }
            if left.len() == text.len() {
                continue;
            }
            if left.is_empty() {
                self.fragments.remove(&name)?;
                self.fragments.sync()?;
            } else {
                replace(&self.fragments, &name, &left)?;
            }
        }
        Ok(gone)
    }

    /// Where the copy ends.
    fn write_without(
        &self,
        aside: &str,
        from: &File,
        size: u64,
        gone: &[(u64, u64)],
    ) -> Result<u64, Error> {
        let to = self.fragments.file(aside, Open::New)?;
        let (mut at, mut end) = (0, 0);
        let mut piece = vec![0; PIECE];
        for &(until, next) in gone.iter().chain([&(size, size)]) {
            while at < until {
                let most = usize::try_from(until - at).unwrap_or(PIECE).min(PIECE);
                let n = from.read_at(at, &mut piece[..most])?;
                if n == 0 {
                    return Err(Error::Changed {
                        path: from.path().into(),
                    });
                }
                to.write_at(end, &piece[..n])?;
                at += n as u64;
                end += n as u64;
            }
            at = next;
        }
        to.sync_data()?;
        Ok(end)
    }

    /// Removes what somebody left who was killed. Asked under the lock.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        sweep(&self.dir)?;
        sweep(&self.fragments)
    }
}

/// Whole or not at all, also in a power cut.
pub(super) fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let aside = format!(".{name}.{:016x}", random_u64());
    let file = dir.file(&aside, Open::New)?;
    let written = file
        .write_at(0, bytes)
        .and_then(|()| file.sync_data())
        .and_then(|()| dir.rename(&aside, name, Target::Replaced));
    if let Err(error) = written {
        // Left there it does no harm: the next one removes it.
        let _ = dir.remove(&aside);
        return Err(error.into());
    }
    Ok(dir.sync()?)
}

/// What somebody left who was killed in the middle of `replace`. Asked under the lock.
pub(super) fn sweep(dir: &Dir) -> Result<(), Error> {
    for name in dir.file_names()? {
        if name.starts_with('.') && name != LOCK {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

impl Covered {
    fn is(&self, ident: Ident) -> bool {
        (self.ino, self.size) == (ident.ino, ident.size)
            && i128::from(self.mtime_ns) == ident.mtime_ns
    }
}

/// Of all lines up to `end`.
fn sum_of(file: &File, end: u64) -> Result<u64, Error> {
    let mut sum = 0_u64;
    let mut lines = Lines::new(file, 0, end);
    while let Some((offset, _, line)) = lines.next()? {
        // As a scan, which passes over empty ones.
        if let Line::Whole(line) = line
            && !line.is_empty()
        {
            sum = sum.wrapping_add(xxh3_64_with_seed(line, offset));
        }
    }
    Ok(sum)
}

/// Lines on their way to their days: in memory until `commit`.
#[derive(Default)]
pub(super) struct Append {
    /// How far each day is.
    covered: BTreeMap<Day, Covered>,
    days: BTreeMap<Day, Pending>,
}

struct Pending {
    covered: Covered,
    text: Vec<u8>,
}

/// Where a line lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) day: Day,
    pub(super) offset: u64,
    /// Without its line break.
    pub(super) length: u32,
}

impl Append {
    pub(super) fn behind(covered: BTreeMap<Day, Covered>) -> Self {
        Self {
            covered,
            days: BTreeMap::new(),
        }
    }

    /// Where it will lie.
    pub(super) fn add(&mut self, fragment: &Fragment) -> Place {
        let day = Day::of(fragment.timestamp);
        let pending = self.days.entry(day).or_insert_with(|| Pending {
            covered: self.covered.get(&day).cloned().unwrap_or_default(),
            text: Vec::new(),
        });
        let start = pending.text.len();
        let offset = pending.covered.size + start as u64;
        line::print(fragment, &mut pending.text);
        let line = &pending.text[start..pending.text.len() - 1];
        pending.covered.sum = pending
            .covered
            .sum
            .wrapping_add(xxh3_64_with_seed(line, offset));
        Place {
            day,
            offset,
            length: u32::try_from(line.len()).expect("texts are bounded"),
        }
    }

    /// Writes and flushes them. How far the days are that it wrote to.
    pub(super) fn commit(&mut self, of: &Shelf) -> Result<BTreeMap<Day, Covered>, Error> {
        let mut written = BTreeMap::new();
        for (day, pending) in std::mem::take(&mut self.days) {
            let name = Shelf::file_name(day);
            let file = of.fragments.file(&name, Open::AppendCreate)?;
            let before = pending.covered.size;
            // Somebody wrote there: what he wrote may have no end yet.
            let changed = || Error::Changed { path: of.path(day) };
            if file.size()? != before {
                return Err(changed());
            }
            let outcome = file
                .write_at(before, &pending.text)
                .and_then(|()| file.sync_data());
            if let Err(error) = outcome {
                // What a full disk took of it would be a torn end; its source tells it again.
                let _ = file.truncate(before);
                return Err(error.into());
            }
            let ident = file.ident()?;
            if ident.size != before + pending.text.len() as u64 {
                // Nothing of it is lost: the next one indexes it where it lies.
                return Err(changed());
            }
            written.insert(
                day,
                Covered {
                    ino: ident.ino,
                    size: pending.covered.size + pending.text.len() as u64,
                    mtime_ns: i64::try_from(ident.mtime_ns).unwrap_or(0),
                    sum: pending.covered.sum,
                },
            );
        }
        of.fragments.sync()?;
        self.covered.extend(written.clone());
        Ok(written)
    }
}

impl Covered {
    /// One more line that lies there already.
    pub(super) fn reach(&mut self, offset: u64, line: &[u8]) {
        self.sum = self.sum.wrapping_add(xxh3_64_with_seed(line, offset));
        self.size = offset + line.len() as u64 + 1;
    }

    /// As its file is now.
    pub(super) fn settle(&mut self, of: &Shelf, day: Day) -> Result<(), Error> {
        if let Some(ident) = of.ident(day)? {
            self.ino = ident.ino;
            self.mtime_ns = i64::try_from(ident.mtime_ns).unwrap_or(0);
        }
        Ok(())
    }
}

/// Lines by their places, read near each other at once.
pub(super) struct Texts<'s> {
    shelf: &'s Shelf,
    open: HashMap<Day, Near>,
}

struct Near {
    file: File,
    at: u64,
    bytes: Vec<u8>,
}

impl<'s> Texts<'s> {
    pub(super) fn new(shelf: &'s Shelf) -> Self {
        Self {
            shelf,
            open: HashMap::new(),
        }
    }

    /// The line there; what a person changed meanwhile is whatever it is.
    pub(super) fn line(&mut self, place: Place, ahead: bool) -> Result<&[u8], Error> {
        if self.open.len() >= MOST_OPEN && !self.open.contains_key(&place.day) {
            self.open.clear();
        }
        let near = match self.open.entry(place.day) {
            std::collections::hash_map::Entry::Occupied(near) => near.into_mut(),
            std::collections::hash_map::Entry::Vacant(none) => none.insert(Near {
                file: self.shelf.file(place.day, Open::Read)?,
                at: 0,
                bytes: Vec::new(),
            }),
        };
        let length = place.length as usize;
        let end = near.at + near.bytes.len() as u64;
        if place.offset < near.at || place.offset + length as u64 > end {
            let most = if ahead { length.max(PIECE) } else { length };
            near.bytes.resize(most, 0);
            let n = near.file.read_at(place.offset, &mut near.bytes)?;
            near.bytes.truncate(n);
            near.at = place.offset;
        }
        let start = usize::try_from(place.offset - near.at).unwrap_or(usize::MAX);
        let line = near.bytes.get(start..start.saturating_add(length));
        Ok(line.unwrap_or_default())
    }

    pub(super) fn fragment(
        &mut self,
        place: Place,
        ahead: bool,
    ) -> Result<Option<Fragment>, Error> {
        Ok(line::parse(self.line(place, ahead)?).ok())
    }
}

/// A file of what is derived, if it is whole and of this format.
pub(super) fn derived<T: serde::de::DeserializeOwned>(
    dir: &Dir,
    name: &str,
) -> Result<Option<T>, store::Error> {
    const LARGEST: u64 = 256 << 20;
    let Some(file) = dir.file_if_any(name, Open::Read)? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&file.read_to_end(LARGEST)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_called_by_its_date() {
        let at = Timestamp::parse("2026-11-22T23:59:59.999Z").unwrap();
        assert_eq!(Day::of(at).name(), "2026-11-22");
        assert_eq!(Day::parse("2026-11-22"), Some(Day::of(at)));
        assert_eq!(Day::of(Timestamp::from_unix_ms(-5)).name(), "1970-01-01");
        for bad in ["2026-11-22.x", "2026-1-2", "notes", "2026-13-01"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }
}
