//! The face of the model: files beside the journal, the stamp, and the pure rules of merge.

use super::Rule;
use super::journal::{Fold, Origin, Record, Seq, State};

/// An index into `Faces::files`.
pub(super) type Inode = usize;

/// One element of the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    /// Our own form, with its `rev`.
    Ours { seq: Seq, rev: u8 },
    /// Written by somebody else; `named` by an id or a timestamp of its own.
    Raw { content: u8, named: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doc {
    /// Truncated, or zeroed by a power cut.
    Empty,
    /// Cut off in the middle.
    Half,
    Array(Vec<Entry>),
}

impl Doc {
    fn size(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Half => 1,
            Self::Array(entries) => 2 + entries.len(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct File {
    pub(super) doc: Doc,
    /// Its mtime. Ours are random; two foreign writes may share one.
    pub(super) tick: u8,
    pub(super) foreign: bool,
    pub(super) flushed: bool,
    /// The process that has it open for writing.
    pub(super) writer: Option<usize>,
    /// What it was written over: the disk may have that, or some of both.
    pub(super) over: Option<Doc>,
}

impl File {
    pub(super) fn new(doc: Doc) -> Self {
        Self {
            doc,
            tick: 0,
            foreign: false,
            flushed: false,
            writer: None,
            over: None,
        }
    }

    /// What a power cut may make of it.
    pub(super) fn cuts(&self) -> Vec<Doc> {
        let mut docs = vec![self.doc.clone()];
        if !self.flushed {
            docs.push(Doc::Empty);
            docs.extend(self.over.iter().flat_map(|old| [Doc::Half, old.clone()]));
        }
        docs
    }
}

/// What the stamp knows a file by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    inode: Inode,
    tick: u8,
    size: usize,
    bytes: Option<Doc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) rev: u8,
    /// Generation and number of records.
    pub(super) covers: (u8, usize),
    pub(super) temporary: Inode,
    pub(super) prev: Option<Identity>,
    pub(super) next: Identity,
    pub(super) settled: bool,
    /// What `next` shows, and since which rev without a gap.
    pub(super) entries: Vec<(Seq, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Faces {
    pub(super) files: Vec<File>,
    /// What `inbox.json` names.
    pub(super) face: Inode,
    /// What it may name after a power cut.
    pub(super) reverts: Vec<Inode>,
    /// `.face-*`.
    pub(super) temporaries: Vec<Inode>,
    /// `.displaced-*`.
    pub(super) displaced: Vec<Inode>,
    /// `.spare`.
    pub(super) spare: Option<Inode>,
    pub(super) stamp: Option<Stamp>,
    /// The index's "rev first shown" of adopted messages.
    pub(super) shown: Vec<(Seq, u8)>,
    /// The newest rev that any clock gave.
    pub(super) clock: u8,
}

impl Faces {
    pub(super) fn new() -> Self {
        let mut faces = Self {
            files: vec![File::new(Doc::Array(Vec::new()))],
            face: 0,
            reverts: Vec::new(),
            temporaries: Vec::new(),
            displaced: Vec::new(),
            spare: None,
            stamp: None,
            shown: Vec::new(),
            clock: 0,
        };
        faces.stamp = Some(Stamp {
            rev: 0,
            covers: (0, 1),
            temporary: 0,
            prev: None,
            next: faces.identity(0, None),
            settled: true,
            entries: Vec::new(),
        });
        faces
    }

    pub(super) fn create(&mut self, file: File) -> Inode {
        self.files.push(file);
        self.files.len() - 1
    }

    /// The file for a face that shows these: the spare, where it only goes on from what that showed, or a new one.
    pub(super) fn file_for(&mut self, shown: &[Seq], doc: Doc) -> Inode {
        let spare = self
            .spare
            .take()
            .filter(|&spare| self.is_continued(shown) && self.is_prev(spare));
        let Some(spare) = spare else {
            return self.create(File::new(doc));
        };
        let file = &mut self.files[spare];
        file.over = Some(std::mem::replace(&mut file.doc, Doc::Half));
        file.tick += 1;
        spare
    }

    /// Whether the stamp's face begins with all that this one shows.
    pub(super) fn went_on_from(&self, inode: Inode) -> bool {
        let (Some(stamp), Doc::Array(old)) = (&self.stamp, &self.files[inode].doc) else {
            return false;
        };
        let is_same = |(entry, (shown, _)): (&Entry, &(Seq, u8))| matches!(entry, Entry::Ours { seq, .. } if seq == shown);
        !old.is_empty()
            && old.len() <= stamp.entries.len()
            && old.iter().zip(&stamp.entries).all(is_same)
    }

    /// Whether a face that shows these begins with all that the stamp's face shows.
    fn is_continued(&self, shown: &[Seq]) -> bool {
        self.stamp.as_ref().is_some_and(|stamp| {
            self.is(self.face, &stamp.next)
                && stamp.entries.len() <= shown.len()
                && stamp
                    .entries
                    .iter()
                    .zip(shown)
                    .all(|((old, _), new)| old == new)
        })
    }

    fn is_prev(&self, inode: Inode) -> bool {
        let settled = self.stamp.as_ref().filter(|stamp| stamp.settled);
        settled
            .and_then(|stamp| stamp.prev.as_ref())
            .is_some_and(|prev| self.is(inode, prev))
    }

    /// `inbox.json` names `inode` from now on; the disk may not know yet.
    pub(super) fn rename_over(&mut self, inode: Inode) {
        if !self.reverts.contains(&self.face) {
            self.reverts.push(self.face);
        }
        self.face = inode;
    }

    /// Random mtimes of ours tell our own files apart. A file that somebody else wrote needs its
    /// bytes compared: two writes may share a tick.
    pub(super) fn identity(&self, inode: Inode, omit: Option<Rule>) -> Identity {
        let file = &self.files[inode];
        let by_bytes = file.foreign && omit != Some(Rule::ForeignBytesCompared);
        Identity {
            inode,
            tick: file.tick,
            size: file.doc.size(),
            bytes: by_bytes.then(|| file.doc.clone()),
        }
    }

    pub(super) fn is(&self, inode: Inode, known: &Identity) -> bool {
        let file = &self.files[inode];
        known.inode == inode
            && known.tick == file.tick
            && known.size == file.doc.size()
            && known.bytes.as_ref().is_none_or(|bytes| *bytes == file.doc)
    }

    pub(super) fn is_ours(&self, inode: Inode) -> bool {
        self.stamp.as_ref().is_some_and(|stamp| {
            self.is(inode, &stamp.next)
                || stamp.prev.as_ref().is_some_and(|prev| self.is(inode, prev))
        })
    }

    /// Whether the stamp's temporary is still waiting to be swapped in.
    pub(super) fn unswapped(&self, inode: Inode) -> bool {
        self.stamp
            .as_ref()
            .is_some_and(|s| !s.settled && s.temporary == inode)
    }

    /// The index learns that the stamp's face was shown. After a kill before this step the next
    /// renderer does it: the swap has happened when the temporary no longer bears its name.
    pub(super) fn mark_shown(&mut self) {
        let Some(stamp) = self.stamp.as_ref().filter(|s| !s.settled) else {
            return;
        };
        if self.temporaries.contains(&stamp.temporary) {
            return;
        }
        for &(seq, _) in &stamp.entries {
            if let Err(at) = self.shown.binary_search_by_key(&seq, |(known, _)| *known) {
                self.shown.insert(at, (seq, stamp.rev));
            }
        }
    }

    /// Forgets what no name, no descriptor and no revert leads to, so that equal states are equal.
    pub(super) fn tidy(&mut self) {
        for inode in 0..self.files.len() {
            let named = inode == self.face
                || self.reverts.contains(&inode)
                || self.temporaries.contains(&inode)
                || self.displaced.contains(&inode)
                || self.spare == Some(inode);
            let file = &mut self.files[inode];
            if !named && file.writer.is_none() {
                *file = File::new(Doc::Empty);
            }
        }
    }

    /// Stamp and index are of a boot that ended. A rebuilt index takes the newest adoption write
    /// for not yet shown, and all others for shown.
    pub(super) fn reboot(&mut self, fold: &Fold, omit: Option<Rule>) {
        if omit != Some(Rule::StampOfThisBoot) {
            self.stamp = None;
        }
        let newest = fold.newest_adoption();
        self.shown = fold
            .known()
            .filter(|(_, message)| {
                matches!(message.origin, Some(Origin::Adopted { write, .. }) if write < newest)
            })
            .map(|(seq, _)| (seq, 0))
            .collect();
    }
}

/// What a merge of `doc` appends: adoptions and discards, in one write.
pub(super) fn merge(doc: &Doc, faces: &Faces, fold: &Fold, omit: Option<Rule>) -> Vec<Record> {
    let entries = match doc {
        Doc::Array(entries) => entries.as_slice(),
        Doc::Empty if omit == Some(Rule::EmptyIsAbsent) => &[],
        Doc::Empty | Doc::Half => return Vec::new(),
    };
    let stamp = faces.stamp.as_ref();
    let base = stamp.and_then(|stamp| base(entries, stamp.rev));
    let base = match doc {
        Doc::Empty => stamp.map(|stamp| stamp.rev),
        _ => base,
    };
    let mut last = fold.last();
    let write = fold.newest_adoption() + 1;
    let mut adopt = |content, named| {
        last += 1;
        Record::Send {
            seq: last,
            origin: Origin::Adopted {
                content,
                named,
                write,
            },
            high: false,
        }
    };
    let mut records = Vec::new();
    let mut contents: Vec<u8> = Vec::new();
    for entry in entries {
        match *entry {
            Entry::Ours { seq, .. } => {
                let pending = fold.get(seq).is_some_and(|m| m.state == State::Pending);
                if !pending && omit == Some(Rule::GhostsIgnored) {
                    records.push(adopt(100 + seq, true));
                }
            }
            Entry::Raw {
                content,
                named: true,
            } => {
                let known =
                    omit != Some(Rule::ForeignKeysKept) && !fold.adopted(content).is_empty();
                let twice = records.iter().any(|record| {
                    matches!(record, Record::Send { origin: Origin::Adopted { content: c, .. }, .. }
                        if *c == content)
                });
                if !known && !twice {
                    records.push(adopt(content, true));
                }
            }
            Entry::Raw {
                content,
                named: false,
            } => contents.push(content),
        }
    }
    contents.sort_unstable();
    for equal in contents.chunk_by(|a, b| a == b) {
        let old = fold
            .adopted(equal[0])
            .iter()
            .filter(|(seq, _)| {
                let shown = faces.shown.iter().find(|(shown, _)| shown == seq);
                match (shown, base) {
                    (None, _) => omit != Some(Rule::OrdinalsCounted),
                    (Some((_, since)), Some(base)) => *since > base,
                    (Some(_), None) => false,
                }
            })
            .count();
        records.extend(equal.iter().skip(old).map(|&content| adopt(content, false)));
    }
    records.extend(removed(entries, faces, fold, base, omit));
    records
}

/// The newest face of ours that the file was made from.
fn base(entries: &[Entry], newest: u8) -> Option<u8> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Ours { rev, .. } if *rev <= newest => Some(*rev),
            _ => None,
        })
        .max()
}

/// M5: what the writer of the file had before him and took out.
fn removed(
    entries: &[Entry],
    faces: &Faces,
    fold: &Fold,
    base: Option<u8>,
    omit: Option<Rule>,
) -> Vec<Record> {
    let (Some(stamp), Some(base)) = (&faces.stamp, base) else {
        return Vec::new();
    };
    stamp
        .entries
        .iter()
        .filter(|(_, since)| *since <= base || omit == Some(Rule::RemovalNeedsSince))
        .filter(|(seq, _)| {
            let here = |entry: &Entry| matches!(entry, Entry::Ours { seq: s, .. } if s == seq);
            !entries.iter().any(here) && fold.get(*seq).is_some_and(|m| m.state == State::Pending)
        })
        .map(|(seq, _)| Record::Discard { seq: *seq })
        .collect()
}
