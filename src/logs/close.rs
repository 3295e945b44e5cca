//! Closing a log that has become too large or too old, and removing those that nobody keeps any longer.
//!
//! A log is renamed by whoever holds it alone; it never grows after that. Whoever cannot have it alone at once lets
//! it be: the next writer finds it due as well.

use crate::names::Channel;
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Hold, Open, Target, try_hold};
use crate::time::Timestamp;

use super::error::Error;
use super::limits::{self, Grown, Kept, LEAST, Limits};
use super::segment::{Closed, Segment};

/// A writer removes no more than so many at once; the next one goes on.
const MOST_REMOVED: usize = 16;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rotated {
    pub closed: Vec<String>,
    pub packed: Vec<String>,
    pub removed: Vec<String>,
    /// Old enough to be packed, and not packed: there was no time, or somebody holds them.
    pub unpacked: Vec<String>,
    /// Somebody wrote to them all the time.
    pub busy: Vec<Channel>,
}

/// `config/logs.json`, or what holds where there is none.
pub fn limits(home: &Home) -> Result<Limits, Error> {
    let path = home.logs_json();
    let text = match File::of(home, &path, Open::Read) {
        Ok(file) => file.read_to_end(1 << 20)?,
        Err(error) if error.is_absent() => return Ok(Limits::default()),
        Err(error) => return Err(error.into()),
    };
    Limits::read(&text).map_err(|unfit| Error::Limits { path, why: unfit.0 })
}

/// What a writer knows of the log that it has opened: nothing, as long as it is small and of today.
pub(super) struct Due(Option<(Limits, Option<Error>)>);

impl Due {
    pub(super) fn of(home: &Home, file: &File, now: Timestamp) -> Self {
        let grown = grown(file, 0);
        if grown.size < LEAST && !grown.is_of_a_day_before(now) {
            return Self(None);
        }
        Self(Some(match limits(home) {
            Ok(limits) => (limits, None),
            Err(error) => (Limits::default(), Some(error)),
        }))
    }

    /// Those who found it due after their lines did not get it alone. One that has grown on and on is held by somebody
    /// who is stopped: nobody waits for him with each line.
    pub(super) fn is_overdue(&self, file: &File) -> bool {
        self.0.as_ref().is_some_and(|(limits, _)| {
            let most = limits.max_size;
            (most + most / 4..most + most / 2).contains(&file.opened().size)
        })
    }

    /// After lines of `written` bytes: what is due is closed, in a moment or not at all.
    pub(super) fn close_if(
        self,
        home: &Home,
        channel: Channel,
        file: &File,
        written: u64,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some((limits, bad)) = self.0 else {
            return Ok(());
        };
        if limits.is_due(&grown(file, written), now) {
            close_alone(home, &limits, channel, file, now)?;
        }
        bad.map_or(Ok(()), Err)
    }

    /// As `close_if`, before a line, of one that is overdue. `false` where somebody else has it.
    pub(super) fn close(
        &self,
        home: &Home,
        channel: Channel,
        file: &File,
        now: Timestamp,
    ) -> Result<bool, Error> {
        match &self.0 {
            Some((limits, _)) => close_alone(home, limits, channel, file, now),
            None => Ok(false),
        }
    }
}

fn grown(file: &File, written: u64) -> Grown {
    let before = file.opened();
    let ms = i64::try_from(before.mtime_ns / 1_000_000).unwrap_or(i64::MAX);
    Grown {
        size: before.size + written,
        before: (before.size > 0).then(|| Timestamp::from_unix_ms(ms)),
    }
}

/// Closes a log and removes what is kept no longer; `false` where somebody else has it.
fn close_alone(
    home: &Home,
    limits: &Limits,
    channel: Channel,
    file: &File,
    now: Timestamp,
) -> Result<bool, Error> {
    if !try_hold(file, Hold::Alone)? {
        return Ok(false);
    }
    let logs = Dir::of(home, &home.logs())?;
    let is_closed = close(&logs, channel, file, now)
        .map_err(Error::NotClosed)?
        .is_some();
    if is_closed {
        retire(&logs, limits, now, MOST_REMOVED).map_err(Error::NotClosed)?;
    }
    Ok(is_closed)
}

/// The log that is held alone gets the name that it keeps; `None` where another was quicker.
fn close(
    logs: &Dir,
    channel: Channel,
    file: &File,
    now: Timestamp,
) -> Result<Option<Segment>, store::Error> {
    let name = Segment::current(channel).to_string();
    if logs
        .ident(&name)?
        .is_none_or(|it| it.ino != file.opened().ino)
    {
        return Ok(None);
    }
    let last = segments(logs)?
        .into_iter()
        .filter(|it| it.channel == channel)
        .filter_map(|it| it.closed)
        .max();
    let closed = Segment {
        closed: Some(Closed::after(last, now)),
        ..Segment::current(channel)
    };
    logs.rename(&name, &closed.to_string(), Target::Kept)?;
    Ok(Some(closed))
}

/// All logs of a directory; some may be gone again.
pub(super) fn segments(logs: &Dir) -> Result<Vec<Segment>, store::Error> {
    let mut names = logs.file_names()?;
    // While one listing is read, a log may get its packed name in a part that was passed already, and then lose its
    // plain name in a part that was not. The next listing begins after that: it shows what the first one missed.
    names.extend(logs.file_names()?);
    names.sort_unstable();
    names.dedup();
    Ok(names
        .iter()
        .filter_map(|name| Segment::parse(name))
        .collect())
}

fn kept(logs: &Dir) -> Result<Vec<Kept>, store::Error> {
    let mut kept = Vec::new();
    for it in segments(logs)? {
        let Some(closed) = it.closed else { continue };
        // Gone: somebody else removes what is over.
        if let Some(ident) = logs.ident(&it.to_string())? {
            kept.push(Kept {
                channel: it.channel,
                closed,
                size: ident.size,
            });
        }
    }
    Ok(kept)
}

fn retire(
    logs: &Dir,
    limits: &Limits,
    now: Timestamp,
    most: usize,
) -> Result<Vec<String>, store::Error> {
    let kept = kept(logs)?;
    let mut removed = Vec::new();
    // The oldest first, in case that it ends here.
    for it in limits::retired(&kept, limits, now).iter().rev().take(most) {
        for is_packed in [false, true] {
            let name = Segment {
                channel: it.channel,
                closed: Some(it.closed),
                is_packed,
            }
            .to_string();
            if logs.exists(&name)? {
                logs.remove(&name)?;
                removed.push(name);
            }
        }
    }
    Ok(removed)
}

/// Which logs are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that a writer would close.
    Due,
    /// All that hold anything.
    All,
}

/// What `rotate` would do, were it called now and nobody wrote.
pub fn rehearse(
    home: &Home,
    channels: &[Channel],
    which: Which,
    now: Timestamp,
) -> Result<Rotated, Error> {
    let limits = limits(home)?;
    let mut would = Rotated::default();
    let logs = match Dir::of(home, &home.logs()) {
        Err(error) if error.is_absent() => return Ok(would),
        other => other?,
    };
    let mut kept = kept(&logs)?;
    for &channel in channels {
        let name = Segment::current(channel).to_string();
        let Some(file) = logs.file_if_any(&name, Open::Read)? else {
            continue;
        };
        if !is_wanted(&file, which, &limits, now) {
            continue;
        }
        let of_channel = kept.iter().filter(|it| it.channel == channel);
        let last = of_channel.map(|it| it.closed).max();
        let closed = Closed::after(last, now);
        kept.push(Kept {
            channel,
            closed,
            size: file.opened().size,
        });
        would.closed.push(named(channel, closed).to_string());
    }
    let retired = limits::retired(&kept, &limits, now);
    let is_retired = |it: &Segment| retired.iter().any(|old| it.is_of(old.channel, old.closed));
    for it in segments(&logs)? {
        if is_retired(&it) {
            would.removed.push(it.to_string());
        } else if let Some(packed) = super::packed::would_be(&it, &limits, now) {
            would.packed.push(packed.to_string());
        }
    }
    would.removed.sort();
    would.packed.sort();
    Ok(would)
}

const fn named(channel: Channel, closed: Closed) -> Segment {
    Segment {
        channel,
        closed: Some(closed),
        is_packed: false,
    }
}

fn is_wanted(file: &File, which: Which, limits: &Limits, now: Timestamp) -> bool {
    let mut grown = grown(file, 0);
    // Whoever has written today made it look new: its first line has its day.
    grown.before = first_time(file).min(grown.before).or(grown.before);
    grown.size > 0 && (which == Which::All || limits.is_due(&grown, now))
}

/// Closes logs, and removes and packs what is to be. Waits for writers, unlike they do for each other.
pub fn rotate(
    home: &Home,
    channels: &[Channel],
    which: Which,
    patience: std::time::Duration,
    now: Timestamp,
) -> Result<Rotated, Error> {
    let limits = limits(home)?;
    let mut done = Rotated::default();
    let logs = match Dir::of(home, &home.logs()) {
        Err(error) if error.is_absent() => return Ok(done),
        other => other?,
    };
    let deadline = Deadline::after(patience);
    for &channel in channels {
        match close_one(&logs, channel, which, &limits, deadline, now) {
            Ok(Some(closed)) => done.closed.push(closed.to_string()),
            Ok(None) => {}
            Err(store::Error::Busy { .. }) => done.busy.push(channel),
            Err(error) => return Err(error.into()),
        }
    }
    done.removed = retire(&logs, &limits, now, usize::MAX)?;
    let packed = super::packed::pack_old(&logs, &limits, now, deadline)?;
    done.packed = packed.done;
    // Packed or removed by somebody else meanwhile.
    for name in packed.left {
        if logs.exists(&name)? {
            done.unpacked.push(name);
        }
    }
    Ok(done)
}

/// `None` where no line of ours stands there, or it cannot be read now.
fn first_time(file: &File) -> Option<Timestamp> {
    let mut start = [0; 64];
    let n = file.read_at(0, &mut start).ok()?;
    let time = start[..n].strip_prefix(br#"{"v":1,"ts":""#)?.get(..24)?;
    Timestamp::parse(std::str::from_utf8(time).ok()?)
}

fn close_one(
    logs: &Dir,
    channel: Channel,
    which: Which,
    limits: &Limits,
    deadline: Deadline,
    now: Timestamp,
) -> Result<Option<Segment>, store::Error> {
    let name = Segment::current(channel).to_string();
    loop {
        let Some(file) = logs.file_if_any(&name, Open::Append)? else {
            return Ok(None);
        };
        if !is_wanted(&file, which, limits, now) {
            return Ok(None);
        }
        if try_hold(&file, Hold::Alone)? {
            if let Some(closed) = close(logs, channel, &file, now)? {
                return Ok(Some(closed));
            }
        } else if deadline.is_over() {
            return Err(store::busy(&file));
        } else {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
