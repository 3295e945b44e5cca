//! What there is of each channel.

use serde::Serialize;

use super::close::segments;
use super::entry::Entry;
use super::error::Error;
use super::filter::Filter;
use super::merge::Merged;
use super::read::{Place, Reader};
use crate::names::Channel;
use crate::root::Home;
use crate::store::Dir;
use crate::time::Timestamp;

/// How closely one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Files,
    /// Every line is read.
    Lines,
}

/// A channel, with all its logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub channel: Channel,
    pub files: u64,
    pub packed: u64,
    /// As they lie on the disk.
    pub bytes: u64,
    /// Of its events.
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Lines that are no events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<u64>,
}

/// In the order of the channels, those without a log too.
pub fn survey(home: &Home, channels: &[Channel], depth: Depth) -> Result<Vec<Survey>, Error> {
    let logs = match Dir::of(home, &home.logs()) {
        Err(error) if error.is_absent() => None,
        other => Some(other?),
    };
    channels
        .iter()
        .map(|channel| one(home, logs.as_ref(), *channel, depth))
        .collect()
}

fn one(home: &Home, logs: Option<&Dir>, channel: Channel, depth: Depth) -> Result<Survey, Error> {
    let mut found = Survey {
        channel,
        files: 0,
        packed: 0,
        bytes: 0,
        oldest: None,
        newest: None,
        lines: None,
        foreign: None,
    };
    let Some(logs) = logs else {
        return Ok(found);
    };
    for segment in segments(logs)?.iter().filter(|it| it.channel == channel) {
        // Removed meanwhile.
        let Some(ident) = logs.ident(&segment.to_string())? else {
            continue;
        };
        found.files += 1;
        found.packed += u64::from(segment.is_packed);
        found.bytes += ident.size;
    }
    let mut last = Merged::last(home, &[channel], Filter::default(), 1)?;
    while let Some(line) = last.next()? {
        found.newest = Some(line.at).filter(|at| *at != Timestamp::default());
    }
    let (mut lines, mut foreign) = (0, 0);
    let mut reader = Reader::new(home, channel, Place::default());
    loop {
        let entry = match reader.next() {
            Ok(None) => break,
            Ok(Some(raw)) => Entry::parse(raw.bytes()).map(|entry| entry.ts()),
            // Whoever reads its lines is told of it.
            Err(Error::Unreadable { .. }) => continue,
            Err(error) => return Err(error),
        };
        lines += 1;
        foreign += u64::from(entry.is_none());
        found.oldest = found.oldest.or(entry);
        if depth == Depth::Files && found.oldest.is_some() {
            return Ok(found);
        }
    }
    if depth == Depth::Lines {
        found.lines = Some(lines);
        found.foreign = Some(foreign);
    }
    Ok(found)
}
