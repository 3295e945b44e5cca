//! Closed logs under gzip: the only file that names its crate.

use std::io::{self, Read, Write as _};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::close::segments;
use super::error::Error;
use super::limits::Limits;
use super::segment::Segment;
use crate::store::{self, Deadline, Dir, File, Hold, Lock, Open, Target, try_hold};
use crate::time::Timestamp;

/// One packs at a time.
const LOCK: &str = ".pack.lock";
/// What a log is packed into, until it is whole, behind its name.
const ASIDE: &str = ".new";
const PIECE: usize = 256 << 10;

/// What was packed, and what is old enough and was not: there was no time, somebody holds it, or another one packs.
#[derive(Default)]
pub(super) struct Packed {
    pub(super) done: Vec<String>,
    pub(super) left: Vec<String>,
}

/// Packs closed logs of some age, the oldest first, as far as there is time. The plain one goes once the packed one is
/// durable; a reader who finds both reads the plain one.
pub(super) fn pack_old(
    logs: &Dir,
    limits: &Limits,
    now: Timestamp,
    deadline: Deadline,
) -> Result<Packed, Error> {
    let mut plain: Vec<_> = segments(logs)?
        .into_iter()
        .filter(|it| would_be(it, limits, now).is_some())
        .filter_map(|it| Some((it.closed?, it)))
        .collect();
    plain.sort_by_key(|(closed, _)| *closed);
    let mut begun = logs.file_names()?;
    begun.retain(|name| {
        let packed = name.strip_prefix('.').and_then(|it| it.strip_suffix(ASIDE));
        packed.and_then(Segment::parse).is_some()
    });
    let mut packed = Packed::default();
    // One that cannot be packed keeps no other from it.
    let mut failed = None;
    if plain.is_empty() && begun.is_empty() {
        return Ok(packed);
    }
    let Some(_lock) = Lock::try_acquire(logs, LOCK)? else {
        packed.left = plain.iter().map(|(_, it)| it.to_string()).collect();
        return Ok(packed);
    };
    // Of one who was killed: nobody else packs now.
    for name in begun {
        logs.remove(&name)?;
    }
    for (_, segment) in plain {
        if deadline.is_over() {
            packed.left.push(segment.to_string());
            continue;
        }
        match pack(logs, segment) {
            Ok(Some(name)) => packed.done.push(name),
            Ok(None) => packed.left.push(segment.to_string()),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(packed), Err)
}

/// What a log is packed into, where it is old enough.
pub(super) fn would_be(it: &Segment, limits: &Limits, now: Timestamp) -> Option<Segment> {
    let is_old = now.since(it.closed?.time()) > limits.compress_after;
    (!it.is_packed && is_old).then_some(Segment {
        is_packed: true,
        ..*it
    })
}

fn pack(logs: &Dir, segment: Segment) -> Result<Option<String>, Error> {
    let plain = segment.to_string();
    let packed = Segment {
        is_packed: true,
        ..segment
    }
    .to_string();
    let Some(file) = logs.file_if_any(&plain, Open::Read)? else {
        return Ok(None);
    };
    // Whoever opened it under its old name may hold it still.
    if !try_hold(&file, Hold::Alone)? {
        return Ok(None);
    }
    let aside = format!(".{packed}{ASIDE}");
    let new = logs.file(&aside, Open::New)?;
    let packing = squeeze(&file, &new)
        .map_err(|source| Error::NotPacked {
            path: file.path().into(),
            source,
        })
        // Of the same time: by that it is known whether a line in it can be as late as somebody asks for.
        .and_then(|()| Ok(new.set_time(file.opened().mtime_ns)?))
        .and_then(|()| Ok(new.sync_data()?))
        .and_then(|()| Ok(logs.rename(&aside, &packed, Target::Replaced)?));
    if let Err(error) = packing {
        // On a full disk it would take the room of others.
        logs.remove(&aside)?;
        return Err(error);
    }
    logs.sync()?;
    logs.remove(&plain)?;
    Ok(Some(packed))
}

fn squeeze(from: &File, to: &File) -> io::Result<()> {
    let out = io::BufWriter::with_capacity(PIECE, to.writer());
    let mut encoder = GzEncoder::new(out, Compression::default());
    io::copy(
        &mut io::BufReader::with_capacity(PIECE, from.reader()),
        &mut encoder,
    )?;
    encoder.finish()?.flush()
}

/// What was packed, as it was.
pub(super) fn unpack(file: File) -> impl Read {
    struct Owned {
        file: File,
        at: u64,
    }
    impl Read for Owned {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self
                .file
                .read_at(self.at, buffer)
                .map_err(|error| match error {
                    store::Error::Io { source, .. } => source.into(),
                    other => io::Error::other(other),
                })?;
            self.at += n as u64;
            Ok(n)
        }
    }
    MultiGzDecoder::new(io::BufReader::with_capacity(PIECE, Owned { file, at: 0 }))
}
