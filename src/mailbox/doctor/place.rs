//! What lies in the directory of a mailbox: kinds, modes and owners of our files, left-overs, sealed generations
//! and attachments. Files that are not ours are none of our business.

use std::collections::HashSet;
use std::io::{BufRead as _, Read as _};

use super::{Findings, word};
use crate::mailbox::archive::{self, ARCHIVE};
use crate::mailbox::attach::{self, FILES, MOST_BYTES};
use crate::mailbox::create::BALLAST_SIZE;
use crate::mailbox::error::Error;
use crate::mailbox::held::{BALLAST, INDEX, KEYS, LOCK};
use crate::mailbox::journal::{DURABLE, JOURNAL, Journal};
use crate::mailbox::open::Mailbox;
use crate::mailbox::record::Opening;
use crate::mailbox::render::{self, DEAD, DISPLACED, FACE};
use crate::mailbox::stamp::{SPARE, STAMP};
use crate::mailbox::{prune, stamp};
use crate::names::AgentId;
use crate::store::{self, Dir, Look, Open, What};

/// Broken lines that were copied aside.
pub(super) const REJECTED_LINES: &str = "journal.rejected-";
const REJECTED: &str = ".rejected-";
pub(super) const DIR_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;

const FILES_OF_OURS: [&str; 12] = [
    JOURNAL,
    FACE,
    DEAD,
    LOCK,
    render::LOCK,
    prune::LOCK,
    INDEX,
    KEYS,
    DURABLE,
    STAMP,
    SPARE,
    BALLAST,
];
const LOCKS: [&str; 3] = [LOCK, render::LOCK, prune::LOCK];

fn is_passing(name: &str) -> bool {
    [render::TEMPORARY, DISPLACED, prune::TEMPORARY]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn is_rejected(name: &str) -> bool {
    [FACE, DEAD, "journal"].iter().any(|of| {
        name.strip_prefix(of)
            .is_some_and(|rest| rest.starts_with(REJECTED))
    })
}

/// What may be renamed out of the way where it is no plain file: the journal is the truth, and no more than a name
/// is lost with any other.
pub(in crate::mailbox) fn may_go_aside(name: &str) -> bool {
    name != JOURNAL && (FILES_OF_OURS.contains(&name) || is_passing(name) || is_rejected(name))
}

/// What is wrong with a thing of ours that should be `wanted`, of `owner`: the word, what to say, and whether a
/// change of mode mends it.
fn wrong(look: &Look, wanted: What, owner: u32) -> Option<(&'static str, String, bool)> {
    let not_plain = |what: &str| Some((word::NOT_PLAIN, what.to_owned(), false));
    match (look.what, wanted) {
        (What::Link, _) => return not_plain("a link"),
        (What::Other, _) => return not_plain("a pipe, socket or device"),
        (What::Directory, What::File) => return not_plain("a directory where a file belongs"),
        (What::File, What::Directory) => return not_plain("a file where a directory belongs"),
        (What::File, _) if look.links > 1 => return not_plain("a file with a second name"),
        _ => {}
    }
    if look.uid != owner {
        let detail = format!("it belongs to uid {}, the mailbox to {owner}", look.uid);
        return Some((word::WRONG_OWNER, detail, false));
    }
    let mode = match wanted {
        What::Directory => DIR_MODE,
        _ => FILE_MODE,
    };
    (look.mode != mode).then(|| {
        let detail = format!("mode {:04o}, {mode:04o} is right", look.mode);
        (word::MODE, detail, true)
    })
}

fn check(
    found: &mut Findings<'_>,
    dir: &Dir,
    name: &str,
    wanted: What,
    owner: u32,
) -> Result<bool, Error> {
    let Some(look) = dir.look(name)? else {
        return Ok(false);
    };
    if let Some((word, detail, fixable)) = wrong(&look, wanted, owner) {
        let fixable =
            fixable || word == word::NOT_PLAIN && wanted == What::File && may_go_aside(name);
        let path = match name {
            "." => dir.path().to_owned(),
            name => dir.path().join(name),
        };
        found.add(word, path, detail, fixable);
        return Ok(word != word::NOT_PLAIN);
    }
    Ok(true)
}

/// Kinds, modes and owners. `false` where a lock cannot be one: then nothing can be changed here.
pub(super) fn look(found: &mut Findings<'_>, dir: &Dir) -> Result<bool, Error> {
    let owner = dir.look(".")?.map_or(0, |look| look.uid);
    check(found, dir, ".", What::Directory, owner)?;
    for name in dir.names()? {
        if FILES_OF_OURS.contains(&&*name) || is_passing(&name) || is_rejected(&name) {
            check(found, dir, &name, What::File, owner)?;
        }
    }
    for below in [ARCHIVE, FILES] {
        if !check(found, dir, below, What::Directory, owner)? {
            continue;
        }
        let sub = dir.sub(below)?;
        for name in sub.names()? {
            let is_ours = match below {
                ARCHIVE => name.ends_with(archive::PLAIN) || name.ends_with(archive::PACKED),
                _ => is_hash(&name),
            };
            if is_ours {
                check(found, &sub, &name, What::File, owner)?;
            }
        }
    }
    for lock in LOCKS {
        if dir.look(lock)?.is_some_and(|look| wrong_kind(&look)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file of ours is none.
pub(super) fn is_trap(dir: &Dir, name: &str) -> Result<bool, Error> {
    Ok(dir.look(name)?.is_some_and(|look| wrong_kind(&look)))
}

fn wrong_kind(look: &Look) -> bool {
    look.what != What::File || look.links > 1
}

fn is_plain(dir: &Dir, name: &str) -> Result<bool, Error> {
    Ok(dir.look(name)?.is_some_and(|look| !wrong_kind(&look)))
}

/// Space that a full disk took is given back as soon as there is some.
pub(super) fn ballast(found: &mut Findings<'_>, dir: &Dir) -> Result<(), Error> {
    match dir.look(BALLAST)? {
        None => found.fixable(word::BALLAST, BALLAST, "it is missing"),
        Some(look) if !wrong_kind(&look) && look.ident.size < BALLAST_SIZE as u64 => {
            let detail = format!("{} bytes, {BALLAST_SIZE} are right", look.ident.size);
            found.fixable(word::BALLAST, BALLAST, detail);
        }
        Some(_) => {}
    }
    Ok(())
}

/// What killed verbs left behind. Under the prune and the render lock: nothing of it is being made.
pub(super) fn left_overs(found: &mut Findings<'_>, dir: &Dir) -> Result<(), Error> {
    let stamps = if is_plain(dir, STAMP)? {
        stamp::Stamps::look(dir)?
    } else {
        stamp::Stamps::none()
    };
    for name in dir.names()? {
        let is_current = stamps
            .stamp
            .as_ref()
            .is_some_and(|it| !it.settled && stamp::temporary_name(it.temporary) == name);
        let may_be_left = is_passing(&name) || name == SPARE && is_current;
        if !may_be_left || !is_plain(dir, &name)? {
            continue;
        }
        let file = dir.file(&name, Open::Read)?;
        if name.starts_with(prune::TEMPORARY) {
            found.fixable(word::LEFT_OVER, &name, "of a prune that was killed");
        } else if file.has_writer() {
            // Merged once its writer is done with it.
        } else if name.starts_with(DISPLACED) {
            found.fixable(word::LEFT_OVER, &name, "an edit that is not merged yet");
        } else {
            let detail = if is_current {
                "of a render that was killed while it swapped"
            } else {
                "of a render that was killed"
            };
            found.fixable(word::LEFT_OVER, &name, detail);
        }
    }
    Ok(())
}

/// The sealed generations: each is whole, and older than the current one.
pub(super) fn archives(
    found: &mut Findings<'_>,
    mailbox: &Mailbox,
    current: &Opening,
) -> Result<(), Error> {
    let dir = &mailbox.dir;
    if dir
        .look(ARCHIVE)?
        .is_none_or(|look| look.what != What::Directory)
    {
        return Ok(());
    }
    let sub = dir.sub(ARCHIVE)?;
    for name in sub.names()? {
        if name.starts_with('.') && is_plain(&sub, &name)? {
            let path = sub.path().join(&name);
            found.add(word::LEFT_OVER, path, "half compressed".into(), true);
        }
    }
    let known = set_aside(dir)?;
    for sealed in archive::list(dir)? {
        if !is_plain(&sub, &sealed.name)? {
            continue;
        }
        let path = sub.path().join(&sealed.name);
        if sealed.generation >= current.generation {
            let detail = format!("the current generation is {}", current.generation);
            found.add(word::ARCHIVE_GENERATION, path, detail, false);
            continue;
        }
        let is_ours = |name: &AgentId| Ok(*name == current.mailbox || mailbox.answers_to(name)?);
        let told = read_sealed(&sub, &sealed, is_ours, &known)?;
        if let Err(why) = told {
            found.add(word::ARCHIVE_BROKEN, path, why, false);
        }
    }
    Ok(())
}

/// What is wrong with a sealed generation. Lines that were copied aside are accounted for.
fn read_sealed(
    archive: &Dir,
    sealed: &archive::Sealed,
    is_ours: impl Fn(&AgentId) -> Result<bool, Error>,
    known: &HashSet<Vec<u8>>,
) -> Result<Result<(), String>, Error> {
    let file = archive.file(&sealed.name, Open::Read)?;
    let reader: Box<dyn std::io::Read + '_> = if sealed.name.ends_with(archive::PACKED) {
        match zstd::stream::Decoder::new(file.reader()) {
            Ok(reader) => Box::new(reader),
            Err(error) => return Ok(Err(error.to_string())),
        }
    } else {
        Box::new(file.reader())
    };
    let mut reader = std::io::BufReader::with_capacity(1 << 20, reader);
    let mut salt = None;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let read = reader
            .by_ref()
            .take(archive::MOST_LINE)
            .read_until(b'\n', &mut bytes);
        match read {
            Ok(0) if salt.is_none() => return Ok(Err("it is empty".into())),
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Ok(Err(format!("line {number}: {error}"))),
        }
        let Some(line) = bytes.strip_suffix(b"\n") else {
            continue;
        };
        let Some(salt) = salt else {
            match Opening::parse(line) {
                Some(it) if !is_ours(&it.mailbox)? => {
                    return Ok(Err(format!("line 1: it is of the mailbox {}", it.mailbox)));
                }
                Some(it) if it.generation != sealed.generation => {
                    return Ok(Err(format!("line 1: it is generation {}", it.generation)));
                }
                Some(it) => salt = Some(it.salt),
                None => return Ok(Err("line 1, column 1: no opening record".into())),
            }
            continue;
        };
        let is_torn = line.ends_with(b"#torn") || line.contains(&0);
        if !is_torn && !store::verify(line, salt) && !known.contains(&bytes) {
            return Ok(Err(format!(
                "line {number}, column 1: its checksum is wrong"
            )));
        }
    }
    Ok(Ok(()))
}

/// The lines that repairs have copied aside.
fn set_aside(dir: &Dir) -> Result<HashSet<Vec<u8>>, Error> {
    let mut known = HashSet::new();
    for name in dir.names()? {
        if name.starts_with(REJECTED_LINES) && is_plain(dir, &name)? {
            let bytes = dir.file(&name, Open::Read)?.read_to_end(1 << 30)?;
            known.extend(bytes.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec));
        }
    }
    Ok(known)
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Every attachment is what its name says.
pub(super) fn attachments(found: &mut Findings<'_>, dir: &Dir) -> Result<(), Error> {
    if dir
        .look(FILES)?
        .is_none_or(|look| look.what != What::Directory)
    {
        return Ok(());
    }
    let files = dir.sub(FILES)?;
    for name in files.names()? {
        if !is_hash(&name) || !is_plain(&files, &name)? {
            continue;
        }
        let content = files.file(&name, Open::Read)?.read_to_end(MOST_BYTES + 1)?;
        if attach::hash(&content) != name {
            let detail = "its content is not what its name says".into();
            found.add(
                word::ATTACHMENT_WRONG,
                files.path().join(&name),
                detail,
                false,
            );
        }
    }
    Ok(())
}

/// Of which generation a left-over of a prune is; `None` where it says nothing.
pub(super) fn generation(dir: &Dir, name: &str) -> Option<Opening> {
    let journal = Journal::open(dir, name, Open::Read).ok().flatten()?;
    Some(journal.opening)
}

/// A journal as creation writes it, or less.
pub(super) fn has_only_an_opening(dir: &Dir, name: &str) -> Result<bool, Error> {
    let file = dir.file(name, Open::Read)?;
    let size = file.size()?;
    Ok(size == 0 || generation(dir, name).is_some_and(|it| it.len == size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Ident;

    fn look(what: What, mode: u32, uid: u32, links: u64) -> Look {
        Look {
            what,
            mode,
            uid,
            links,
            ident: Ident::default(),
        }
    }

    #[test]
    fn only_plain_private_files_of_the_owner_pass() {
        let word = |look: Look, wanted| wrong(&look, wanted, 7).map(|it| (it.0, it.2));
        let file = |mode, uid, links| look(What::File, mode, uid, links);
        assert_eq!(word(file(0o600, 7, 1), What::File), None);
        assert_eq!(
            word(file(0o640, 7, 1), What::File),
            Some((word::MODE, true))
        );
        assert_eq!(
            word(file(0o600, 8, 1), What::File),
            Some((word::WRONG_OWNER, false))
        );
        assert_eq!(
            word(file(0o600, 7, 2), What::File),
            Some((word::NOT_PLAIN, false))
        );
        assert_eq!(
            word(file(0o600, 7, 1), What::Directory),
            Some((word::NOT_PLAIN, false))
        );
        let dir = look(What::Directory, 0o700, 7, 3);
        assert_eq!(word(dir, What::Directory), None);
        assert_eq!(word(dir, What::File), Some((word::NOT_PLAIN, false)));
        for what in [What::Link, What::Other] {
            assert_eq!(
                word(look(what, 0o600, 7, 1), What::File),
                Some((word::NOT_PLAIN, false))
            );
        }
    }
}
