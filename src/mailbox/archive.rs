//! Sealed generations in `archive/`: moved there whole, compressed beside, removed by age and size.

use std::io::Read as _;
use std::time::Duration;

use super::error::Error;
use super::journal::Journal;
use super::prune::TEMPORARY as ASIDE;
use super::record::{Opening, Record, Tag};
use crate::store::{self, Dir, File, Open, Target, random_u64};
use crate::time::Timestamp;

pub(super) const ARCHIVE: &str = "archive";
pub(super) const PLAIN: &str = ".jsonl";
pub(super) const PACKED: &str = ".jsonl.zst";
const LEVEL: i32 = 3;

/// How long sealed journals are kept: whichever is less.
pub(super) const KEPT_FOR: Duration = Duration::from_hours(720);
pub(super) const KEPT_BYTES: u64 = 100 << 20;

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) size: u64,
    pub(super) at: Timestamp,
}

/// Which of them go: the old ones, then the oldest until the rest is small enough.
pub(super) fn retired(sealed: &[Sealed], now: Timestamp, for_room: bool) -> Vec<String> {
    let mut newest_first: Vec<&Sealed> = sealed.iter().collect();
    newest_first.sort_by_key(|it| std::cmp::Reverse(it.generation));
    let mut total = 0;
    let most = if for_room { 0 } else { KEPT_BYTES };
    newest_first
        .into_iter()
        .filter(|it| {
            total += it.size;
            now.since(it.at) > KEPT_FOR || total > most
        })
        .map(|it| it.name.clone())
        .collect()
}

/// What is there, oldest first.
pub(super) fn list(dir: &Dir) -> Result<Vec<Sealed>, Error> {
    let archive = match dir.sub(ARCHIVE) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let mut all = Vec::new();
    for name in archive.names()? {
        let number = name
            .strip_suffix(PACKED)
            .or_else(|| name.strip_suffix(PLAIN));
        let Some(generation) = number.and_then(|n| n.parse().ok()) else {
            continue;
        };
        let Some(ident) = archive.ident(&name)? else {
            continue;
        };
        let ms = i64::try_from(ident.mtime_ns / 1_000_000).unwrap_or(0);
        let at = Timestamp::from_unix_ms(ms);
        all.push(Sealed {
            name,
            generation,
            size: ident.size,
            at,
        });
    }
    all.sort_by(|a, b| (a.generation, &a.name).cmp(&(b.generation, &b.name)));
    // Compressed, and the plain one not yet removed.
    all.dedup_by_key(|it| it.generation);
    Ok(all)
}

/// Everything to be read beside the journal, oldest first: the archive, and what has been exchanged but not come
/// there yet, because its prune is about to do it or was killed.
pub(super) fn readable(dir: &Dir) -> Result<Vec<Sealed>, Error> {
    let aside = dir.names()?;
    let mut all = list(dir)?;
    for name in aside.into_iter().filter(|name| name.starts_with(ASIDE)) {
        // Without a first line it is a generation that never came to be.
        let generation = match Journal::open(dir, &name, Open::Read) {
            Ok(Some(journal)) => journal.opening.generation,
            Ok(None) | Err(Error::Corrupt { .. }) => continue,
            Err(error) => return Err(error),
        };
        if !all.iter().any(|sealed| sealed.generation == generation) {
            all.push(Sealed {
                name,
                generation,
                size: 0,
                at: Timestamp::default(),
            });
        }
    }
    all.sort_by_key(|sealed| sealed.generation);
    Ok(all)
}

/// A sealed journal and whether it is compressed, wherever it has got to meanwhile: it moves only in this order.
fn open(dir: &Dir, sealed: &Sealed) -> Result<Option<(File, bool)>, Error> {
    if sealed.name.starts_with(ASIDE)
        && let Some(file) = dir.file_if_any(&sealed.name, Open::Read)?
    {
        return Ok(Some((file, false)));
    }
    let archive = match dir.sub(ARCHIVE) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    for (suffix, packed) in [(PLAIN, false), (PACKED, true)] {
        let name = format!("{}{suffix}", sealed.generation);
        if let Some(file) = archive.file_if_any(&name, Open::Read)? {
            return Ok(Some((file, packed)));
        }
    }
    Ok(None)
}

/// Moves a journal that has been replaced into the archive, then compresses it.
pub(super) fn seal(dir: &Dir, name: &str, generation: u64) -> Result<(), Error> {
    if dir.make_dir(ARCHIVE)? {
        dir.sync()?;
    }
    let archive = dir.sub(ARCHIVE)?;
    let plain = format!("{generation}{PLAIN}");
    dir.move_to(name, &archive, &plain)?;
    archive.sync()?;
    dir.sync()?;
    pack_one(&archive, generation)
}

/// A copy of a journal that is still in place, flushed.
pub(super) fn copy(dir: &Dir, journal: &Journal) -> Result<(), Error> {
    if dir.make_dir(ARCHIVE)? {
        dir.sync()?;
    }
    let archive = dir.sub(ARCHIVE)?;
    let generation = journal.opening.generation;
    let temporary = format!(".{generation}.{:016x}", random_u64());
    let packed = archive.file(&temporary, Open::New)?;
    compress(&journal.file, &packed)?;
    packed.sync_data()?;
    archive.rename(
        &temporary,
        &format!("{generation}{PACKED}"),
        Target::Replaced,
    )?;
    Ok(archive.sync()?)
}

/// Compresses what an earlier prune moved here and did not come to compress; removes what it left.
pub(super) fn pack(dir: &Dir) -> Result<(), Error> {
    let archive = match dir.sub(ARCHIVE) {
        Err(error) if error.is_absent() => return Ok(()),
        other => other?,
    };
    for name in archive.names()? {
        if name.starts_with('.') {
            archive.remove(&name)?;
        } else if let Some(generation) = name
            .strip_suffix(PLAIN)
            .and_then(|number| number.parse().ok())
        {
            pack_one(&archive, generation)?;
        }
    }
    Ok(())
}

fn pack_one(archive: &Dir, generation: u64) -> Result<(), Error> {
    let plain = format!("{generation}{PLAIN}");
    let Some(file) = archive.file_if_any(&plain, Open::Read)? else {
        return Ok(());
    };
    let temporary = format!(".{generation}.{:016x}", random_u64());
    let packed = archive.file(&temporary, Open::New)?;
    let outcome = compress(&file, &packed).and_then(|()| packed.sync_data());
    if let Err(error) = outcome {
        archive.remove(&temporary)?;
        return Err(error.into());
    }
    archive.rename(
        &temporary,
        &format!("{generation}{PACKED}"),
        Target::Replaced,
    )?;
    archive.sync()?;
    Ok(archive.remove(&plain)?)
}

fn compress(from: &File, to: &File) -> Result<(), store::Error> {
    let system = |error: std::io::Error| store::Error::system(to.path(), "write", &error);
    let mut encoder = zstd::stream::Encoder::new(to.writer(), LEVEL).map_err(system)?;
    std::io::copy(&mut from.reader(), &mut encoder).map_err(system)?;
    encoder.finish().map_err(system)?;
    Ok(())
}

pub(super) fn remove(dir: &Dir, names: &[String]) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let archive = dir.sub(ARCHIVE)?;
    for name in names {
        archive.remove(name)?;
    }
    Ok(archive.sync()?)
}

/// Every verified record of one sealed journal, in its order.
pub(super) fn scan(
    dir: &Dir,
    sealed: &Sealed,
    mut see: impl FnMut(&Record<'_>, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some((file, packed)) = open(dir, sealed)? else {
        return Ok(());
    };
    let system = |error: std::io::Error| store::Error::system(file.path(), "read", &error);
    let reader: Box<dyn std::io::Read + '_> = if packed {
        Box::new(zstd::stream::Decoder::new(file.reader()).map_err(system)?)
    } else {
        Box::new(file.reader())
    };
    let mut reader = std::io::BufReader::with_capacity(1 << 20, reader);
    let mut salt = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let n =
            std::io::BufRead::read_until(&mut reader.by_ref().take(MOST_LINE), b'\n', &mut line)
                .map_err(system)?;
        if n == 0 {
            return Ok(());
        }
        if line.pop() != Some(b'\n') {
            continue;
        }
        if salt.is_none() {
            salt = Opening::parse(&line).map(|opening| opening.salt);
        }
        // What was torn when it was sealed is torn now.
        if salt.is_some_and(|salt| store::verify(&line, salt))
            && let Ok(record) = Record::parse(&line)
            && record.t != Tag::Open
        {
            see(&record, &line)?;
        }
    }
}

pub(super) const MOST_LINE: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(generation: u64, size: u64, days: i64) -> Sealed {
        Sealed {
            name: format!("{generation}{PACKED}"),
            generation,
            size,
            at: Timestamp::from_unix_ms(-days * 24 * 3_600_000),
        }
    }

    #[test]
    fn archives_go_by_age_and_then_the_oldest_by_size() {
        let now = Timestamp::from_unix_ms(0);
        let all = [
            sealed(1, 10, 40),
            sealed(2, 60 << 20, 20),
            sealed(3, 60 << 20, 10),
            sealed(4, 30 << 20, 1),
        ];
        assert_eq!(retired(&all, now, false), ["2.jsonl.zst", "1.jsonl.zst"]);
        assert_eq!(retired(&all[2..], now, false), Vec::<String>::new());
        assert_eq!(retired(&all[2..], now, true).len(), 2);
    }
}
