//! A directory by descriptor, and plain files below it.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, MemfdFlags, Mode, OFlags, RawDir, RenameFlags,
    ResolveFlags, Stat, Timespec, Timestamps,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::Error;
use crate::root::Home;

/// What is read whole has so many bytes of room behind it.
const ROOM: usize = 1 << 10;
/// So much of a listing is read at once.
const LISTING: usize = 4 << 10;
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const DIR_MODE: Mode = Mode::from_raw_mode(0o700);
/// Deeper trees are a mistake or a trap.
const MOST_LEVELS: usize = 32;
/// So often a directory is emptied that does not stay empty.
const MOST_SWEEPS: usize = 64;

/// An open directory. Every name below it is one path component.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// An open plain file: regular, one name, close-on-exec.
#[derive(Debug)]
pub(crate) struct File {
    fd: OwnedFd,
    path: PathBuf,
    opened: Ident,
}

/// Tells one version of a file from another: two writes within one clock tick differ because ours carry random
/// nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ident {
    pub(crate) ino: u64,
    pub(crate) size: u64,
    pub(crate) mtime_ns: i128,
}

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    File,
    Directory,
    Link,
    /// A pipe, socket or device.
    Other,
}

/// A name as `stat` sees it: nothing is opened or followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) what: What,
    /// The permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) links: u64,
    pub(crate) ident: Ident,
}

/// In nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Read,
    /// Read and write at offsets.
    Write,
    /// Every write goes to the end.
    Append,
    /// As `Append`, made if absent.
    AppendCreate,
    /// As `Write`, made if absent.
    Create,
    /// As `Write`; it must not exist yet.
    New,
}

/// Whether the target of a rename may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Replaced,
    Kept,
    Exchanged,
}

impl Open {
    fn flags(self) -> OFlags {
        let how = match self {
            Self::Read => OFlags::RDONLY,
            Self::Write => OFlags::RDWR,
            Self::Append => OFlags::RDWR | OFlags::APPEND,
            Self::AppendCreate => OFlags::RDWR | OFlags::APPEND | OFlags::CREATE,
            Self::Create => OFlags::RDWR | OFlags::CREATE,
            Self::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // Non-blocking: a FIFO must not hang us before we have seen that it is one.
        how | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
    }

    /// For `openat2`, which refuses a mode where nothing can be made.
    fn mode(self) -> Mode {
        match self {
            Self::Read | Self::Write | Self::Append => Mode::empty(),
            Self::AppendCreate | Self::Create | Self::New => FILE_MODE,
        }
    }
}

pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes)
}

pub(crate) fn random_u128() -> u128 {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    u128::from_le_bytes(bytes)
}

fn fill_random(bytes: &mut [u8]) {
    while getrandom(&mut *bytes, GetRandomFlags::empty()) != Ok(bytes.len()) {
        // Interrupted before the pool was ready: up to 256 bytes come whole once it is.
    }
}

fn ident(stat: &Stat) -> Ident {
    Ident {
        ino: stat.st_ino,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
    }
}

fn look(stat: &Stat) -> Look {
    Look {
        what: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => What::File,
            FileType::Directory => What::Directory,
            FileType::Symlink => What::Link,
            _ => What::Other,
        },
        mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode(),
        uid: stat.st_uid,
        #[expect(
            clippy::useless_conversion,
            reason = "the width of st_nlink differs between targets"
        )]
        links: u64::from(stat.st_nlink),
        ident: ident(stat),
    }
}

impl Dir {
    /// Opens a directory as named; links in the way to it are the user's.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let fd = rustix::fs::open(
            path,
            OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY,
            Mode::empty(),
        )
        .map_err(|source| Error::Io {
            doing: "open",
            path: path.into(),
            source,
        })?;
        Ok(Self {
            fd,
            path: path.into(),
        })
    }

    /// Opens a directory in a home: links in the way to the home are the user's, behind it none is followed.
    pub(crate) fn of(home: &Home, path: &Path) -> Result<Self, Error> {
        Self::beneath(path, home.inside(path).split('/').count())
    }

    /// As `of`, where the home is so many levels above. One call, unless there is a link on the whole way: then, and
    /// where something on it is no directory, it is gone step by step.
    pub(crate) fn beneath(path: &Path, levels: usize) -> Result<Self, Error> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let all = ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), all) {
            Ok(fd) => Ok(Self {
                fd,
                path: path.into(),
            }),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let home = path.ancestors().nth(levels).unwrap_or(path);
                let below = path.strip_prefix(home).ok().and_then(Path::to_str);
                Self::open(home)?.sub(below.filter(|it| !it.is_empty()).unwrap_or("."))
            }
            Err(source) => Err(Error::Io {
                doing: "open",
                path: path.into(),
                source,
            }),
        }
    }

    /// Opens a directory below this one: no link is followed, nothing outside is reached.
    pub(crate) fn sub(&self, name: &str) -> Result<Self, Error> {
        let path = self.path.join(name);
        let fd = rustix::fs::openat2(
            &self.fd,
            name,
            OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )
        .map_err(|source| match source {
            Errno::LOOP | Errno::XDEV => Error::NotPlain {
                path: path.clone(),
                what: "a link",
            },
            Errno::NOTDIR => Error::NotPlain {
                path: path.clone(),
                what: "no directory",
            },
            source => Error::Io {
                doing: "open",
                path: path.clone(),
                source,
            },
        })?;
        Ok(Self { fd, path })
    }

    /// A short name of this directory, whatever its path is, for as long as it is open.
    pub(crate) fn short_path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd()).into()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn fail(&self, doing: &'static str, name: &str) -> impl FnOnce(Errno) -> Error {
        let path = self.path.join(name);
        move |source| Error::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn file(&self, name: &str, how: Open) -> Result<File, Error> {
        let fd = rustix::fs::openat(&self.fd, name, how.flags(), FILE_MODE);
        File::plain(self.path.join(name), fd)
    }

    /// Opens a file any number of levels below: one call, no link is followed, nothing outside is reached.
    pub(crate) fn file_below(&self, path: &str, how: Open) -> Result<File, Error> {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = rustix::fs::openat2(&self.fd, path, how.flags(), how.mode(), beneath);
        File::plain(self.path.join(path), fd)
    }

    /// `None` where there is no such file.
    pub(crate) fn file_if_any(&self, name: &str, how: Open) -> Result<Option<File>, Error> {
        match self.file(name, how) {
            Err(e) if e.is(Errno::NOENT) => Ok(None),
            other => other.map(Some),
        }
    }

    pub(crate) fn ident(&self, name: &str) -> Result<Option<Ident>, Error> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(ident(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.fail("look at", name)(e)),
        }
    }

    /// What lies under a name, `.` being the directory itself; `None` where nothing does.
    pub(crate) fn look(&self, name: &str) -> Result<Option<Look>, Error> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(look(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.fail("look at", name)(e)),
        }
    }

    /// As `look`, at a whole path.
    pub(crate) fn look_at(path: &Path) -> Result<Option<Look>, Error> {
        match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(look(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(Error::Io {
                doing: "look at",
                path: path.into(),
                source,
            }),
        }
    }

    /// Sets the permission bits of a plain file with one name, or of a directory. No permission on it is needed,
    /// and no link is followed.
    pub(crate) fn set_mode(&self, name: &str, mode: u32) -> Result<(), Error> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())
            .map_err(self.fail("open", name))?;
        let stat = rustix::fs::fstat(&fd).map_err(self.fail("look at", name))?;
        let found = look(&stat);
        if !matches!(found.what, What::File | What::Directory)
            || (found.what == What::File && found.links > 1)
        {
            return Err(Error::NotPlain {
                path: self.path.join(name),
                what: "a link, pipe, socket or device",
            });
        }
        // The kernel changes no mode through such a descriptor itself.
        let through = format!("/proc/self/fd/{}", fd.as_raw_fd());
        rustix::fs::chmodat(CWD, &*through, Mode::from_raw_mode(mode), AtFlags::empty())
            .map_err(self.fail("change the mode of", name))
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool, Error> {
        self.ident(name).map(|found| found.is_some())
    }

    pub(crate) fn rename(&self, from: &str, to: &str, target: Target) -> Result<(), Error> {
        let flags = match target {
            Target::Replaced => RenameFlags::empty(),
            Target::Kept => RenameFlags::NOREPLACE,
            Target::Exchanged => RenameFlags::EXCHANGE,
        };
        rustix::fs::renameat_with(&self.fd, from, &self.fd, to, flags)
            .map_err(self.fail("rename to", to))
    }

    /// Moves a file into a directory below; a file of that name there is replaced.
    pub(crate) fn move_to(&self, name: &str, dir: &Self, to: &str) -> Result<(), Error> {
        rustix::fs::renameat(&self.fd, name, &dir.fd, to).map_err(dir.fail("rename to", to))
    }

    /// Removes a file; one that is not there is removed already.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => Err(Error::NotPlain {
                path: self.path.join(name),
                what: "a directory",
            }),
            Err(e) => Err(self.fail("remove", name)(e)),
        }
    }

    pub(crate) fn remove_dir(&self, name: &str) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.fail("remove", name)(e)),
        }
    }

    /// Removes a directory with all that is in it; of its files `last` goes at the end. Links are removed, never
    /// followed. Whoever has it open may make something in it until it is gone: that goes too.
    pub(crate) fn remove_tree(&self, name: &str, last: &str) -> Result<(), Error> {
        for _ in 0..MOST_SWEEPS {
            match self.sub(name) {
                Err(error) if error.is_absent() => return Ok(()),
                dir => dir?.empty(last, 0)?,
            }
            match self.remove_dir(name) {
                Err(error) if error.is_taken() => {}
                done => return done,
            }
        }
        Err(self.fail("remove", name)(Errno::NOTEMPTY))
    }

    fn empty(&self, last: &str, level: usize) -> Result<(), Error> {
        if level > MOST_LEVELS {
            return Err(self.fail("go into", ".")(Errno::LOOP));
        }
        // Those too that are no UTF-8.
        let listing = rustix::fs::Dir::read_from(&self.fd).map_err(self.fail("list", "."))?;
        let mut names: Vec<CString> = Vec::new();
        for entry in listing {
            let entry = entry.map_err(self.fail("list", "."))?;
            if ![c".", c".."].contains(&entry.file_name()) {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable_by_key(|name| name.as_bytes() == last.as_bytes());
        for name in names {
            let shown = name.to_string_lossy();
            match rustix::fs::unlinkat(&self.fd, &*name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR) => {
                    self.sub(&shown)?.empty("", level + 1)?;
                    match self.remove_dir(&shown) {
                        // Looked at again by whoever finds this one not empty.
                        Err(error) if error.is_taken() => {}
                        done => done?,
                    }
                }
                Err(errno) => return Err(self.fail("remove", &shown)(errno)),
            }
        }
        Ok(())
    }

    /// Makes a directory; `false` where it existed.
    pub(crate) fn make_dir(&self, name: &str) -> Result<bool, Error> {
        match rustix::fs::mkdirat(&self.fd, name, DIR_MODE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(e) => Err(self.fail("make", name)(e)),
        }
    }

    /// Flushes the names of this directory.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.fd).map_err(self.fail("flush", "."))
    }

    /// Flushes the names of the directory above this one.
    pub(crate) fn sync_parent(&self) -> Result<(), Error> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let parent = rustix::fs::openat(&self.fd, "..", flags, Mode::empty())
            .map_err(self.fail("open", ".."))?;
        rustix::fs::fsync(parent).map_err(self.fail("flush", ".."))
    }

    /// All names but `.` and `..`, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        self.names_where(&|_| true)
    }

    /// Those of them that are asked for, without memory for the others.
    pub(crate) fn names_where(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        // Of its own: the place in a listing is that of the descriptor.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty())
            .map_err(self.fail("list", "."))?;
        let mut room = [const { MaybeUninit::uninit() }; LISTING];
        let mut listing = RawDir::new(fd, &mut room);
        let mut names = Vec::new();
        while let Some(entry) = listing.next() {
            let entry = entry.map_err(self.fail("list", "."))?;
            // A name that is no UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
                && wanted(name)
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The names of the directories below, sorted; links to directories are none.
    pub(crate) fn dir_names(&self) -> Result<Vec<String>, Error> {
        self.names_of(What::Directory)
    }

    /// The names of the plain files below, sorted.
    pub(crate) fn file_names(&self) -> Result<Vec<String>, Error> {
        self.names_of(What::File)
    }

    fn names_of(&self, wanted: What) -> Result<Vec<String>, Error> {
        let listing = rustix::fs::Dir::read_from(&self.fd).map_err(self.fail("list", "."))?;
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(self.fail("list", "."))?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            let what = match entry.file_type() {
                FileType::RegularFile => Some(What::File),
                FileType::Directory => Some(What::Directory),
                // Some file systems do not tell in the listing.
                FileType::Unknown => self.look(name)?.map(|look| look.what),
                _ => None,
            };
            if what == Some(wanted) && name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// How much of the disk this user may still write.
    pub(crate) fn free_bytes(&self) -> Result<u64, Error> {
        let disk = rustix::fs::fstatvfs(&self.fd).map_err(self.fail("look at the disk of", "."))?;
        // What is kept back for root is there for root.
        let blocks = if rustix::process::geteuid().is_root() {
            disk.f_bfree
        } else {
            disk.f_bavail
        };
        Ok(blocks.saturating_mul(disk.f_frsize))
    }

    /// Network file systems lock locally at best and announce no changes.
    pub(crate) fn is_remote(&self) -> bool {
        const NFS: i64 = 0x6969;
        const SMB2: i64 = 0xfe53_4d42;
        const CIFS: i64 = 0xff53_4d42;
        const FUSE: i64 = 0x6573_5546;
        rustix::fs::fstatfs(&self.fd).is_ok_and(|fs| {
            #[expect(
                clippy::useless_conversion,
                reason = "the width of f_type differs between targets"
            )]
            let kind = i64::from(fs.f_type);
            [NFS, SMB2, CIFS, FUSE].contains(&kind)
        })
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl File {
    /// Opens a file in a home: links in the way to the home are the user's, behind it none is followed. One call, unless
    /// something is wrong with it: then it is gone step by step.
    pub(crate) fn of(home: &Home, path: &Path, how: Open) -> Result<Self, Error> {
        let all = ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(CWD, path, how.flags(), how.mode(), all) {
            Ok(fd) => Self::plain(path.into(), Ok(fd)),
            Err(_) => Dir::open(home.dir())?.file_below(home.inside(path), how),
        }
    }

    /// What was opened, if it is a plain file of our own.
    fn plain(path: PathBuf, fd: Result<OwnedFd, Errno>) -> Result<Self, Error> {
        let fd = fd.map_err(|source| match source {
            Errno::LOOP | Errno::XDEV => Error::NotPlain {
                path: path.clone(),
                what: "a link",
            },
            Errno::ISDIR => Error::NotPlain {
                path: path.clone(),
                what: "a directory",
            },
            Errno::NXIO => Error::NotPlain {
                path: path.clone(),
                what: "a pipe or device",
            },
            source => Error::Io {
                doing: "open",
                path: path.clone(),
                source,
            },
        })?;
        let stat = rustix::fs::fstat(&fd).map_err(|source| Error::Io {
            doing: "look at",
            path: path.clone(),
            source,
        })?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::NotPlain {
                path,
                what: "a pipe, socket, device or directory",
            });
        }
        if stat.st_nlink > 1 {
            return Err(Error::NotPlain {
                path,
                what: "a file with a second name (hard link)",
            });
        }
        Ok(Self {
            fd,
            path,
            opened: ident(&stat),
        })
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As it was when it was opened.
    pub(crate) const fn opened(&self) -> Ident {
        self.opened
    }

    fn fail(&self, doing: &'static str) -> impl FnOnce(Errno) -> Error {
        let path = self.path.clone();
        move |source| Error::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn ident(&self) -> Result<Ident, Error> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| ident(&stat))
            .map_err(self.fail("look at"))
    }

    /// As it is now, whatever lies under its name.
    pub(crate) fn look(&self) -> Result<Look, Error> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| look(&stat))
            .map_err(self.fail("look at"))
    }

    pub(crate) fn size(&self) -> Result<u64, Error> {
        self.ident().map(|ident| ident.size)
    }

    /// Fills `buffer` from `offset` as far as the file goes.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while done < buffer.len() {
            match rustix::io::pread(&self.fd, &mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.fail("read")(e)),
            }
        }
        Ok(done)
    }

    /// The vector has room for a little more: what was read is often written again with something added.
    pub(crate) fn read_to_end(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let size = usize::try_from(self.size()?.min(limit)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(size.saturating_add(ROOM));
        while bytes.len() < size {
            let at = bytes.len() as u64;
            match rustix::io::pread(&self.fd, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(self.fail("read")(e)),
            }
        }
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut done = 0;
        while done < bytes.len() {
            match rustix::io::pwrite(&self.fd, &bytes[done..], offset + done as u64) {
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.fail("write")(e)),
            }
        }
        Ok(())
    }

    /// One `write` at the end. How much was taken is told; only an interruption before the first byte is
    /// tried again.
    pub(crate) fn append_once(&self, bytes: &[u8]) -> Result<usize, Error> {
        loop {
            match rustix::io::write(&self.fd, bytes) {
                Err(Errno::INTR) => {}
                other => return other.map_err(self.fail("write")),
            }
        }
    }

    pub(crate) fn sync_data(&self) -> Result<(), Error> {
        rustix::fs::fdatasync(&self.fd).map_err(self.fail("flush"))
    }

    pub(crate) fn truncate(&self, size: u64) -> Result<(), Error> {
        rustix::fs::ftruncate(&self.fd, size).map_err(self.fail("shorten"))
    }

    /// Allocates blocks up to `end` beyond the size, which stays.
    pub(crate) fn reserve(&self, from: u64, end: u64) -> Result<(), Error> {
        loop {
            let room = rustix::fs::fallocate(
                &self.fd,
                FallocateFlags::KEEP_SIZE,
                from,
                end.saturating_sub(from),
            );
            match room {
                Err(Errno::INTR) => {}
                // A file system without the call cannot promise room; it still stores.
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
                Err(e) => return Err(self.fail("reserve room in")(e)),
            }
        }
    }

    /// Gives the file a modification time that no other version has: the second of the clock, nanoseconds of a random
    /// number.
    pub(crate) fn mark_time(&self, seconds: i64, random: u64) -> Result<(), Error> {
        self.set_time(i128::from(seconds) * SECOND + i128::from(random) % SECOND)
    }

    /// Gives the file this modification time, in nanoseconds since 1970.
    pub(crate) fn set_time(&self, ns: i128) -> Result<(), Error> {
        let part = |ns: i128| i64::try_from(ns).unwrap_or(0);
        let time = Timespec {
            tv_sec: part(ns.div_euclid(SECOND)),
            tv_nsec: part(ns.rem_euclid(SECOND)),
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        rustix::fs::futimens(&self.fd, &times).map_err(self.fail("mark"))
    }

    /// A file that lies in no directory and vanishes when it is closed.
    pub(crate) fn in_memory(name: &str) -> Result<Self, Error> {
        let path = PathBuf::from(name);
        let fail = |source| Error::Io {
            doing: "make in memory",
            path: path.clone(),
            source,
        };
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC).map_err(fail)?;
        let stat = rustix::fs::fstat(&fd).map_err(fail)?;
        Ok(Self {
            opened: ident(&stat),
            fd,
            path,
        })
    }

    /// Opens what a user names, wherever it lies; only the file that is meant must be a plain one.
    pub(crate) fn open_foreign(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::Io {
            doing: "open",
            path: path.into(),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(fail)?;
        let stat = rustix::fs::fstat(&fd).map_err(fail)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::NotPlain {
                path: path.into(),
                what: "a directory, pipe, socket or device",
            });
        }
        Ok(Self {
            fd,
            path: path.into(),
            opened: ident(&stat),
        })
    }

    /// Reads from the beginning, without moving anybody's position.
    pub(crate) fn reader(&self) -> impl std::io::Read + '_ {
        Reading { file: self, at: 0 }
    }

    /// Writes from the beginning.
    pub(crate) fn writer(&self) -> impl std::io::Write + '_ {
        Writing { file: self, at: 0 }
    }

    /// Whether somebody has the file open for writing. Where the file system cannot tell, nobody has.
    pub(crate) fn has_writer(&self) -> bool {
        super::sys::has_writer(&self.fd)
    }

    /// Alone with the file until that goes: whoever opens it meanwhile waits. `None` while somebody else has it open or
    /// mapped, or where the file system cannot tell.
    pub(crate) fn alone(&self) -> Option<impl Drop> {
        super::sys::write_lease(&self.fd)
    }
}

struct Reading<'f> {
    file: &'f File,
    at: u64,
}

impl std::io::Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = rustix::io::pread(&self.file.fd, buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

struct Writing<'f> {
    file: &'f File,
    at: u64,
}

impl std::io::Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = rustix::io::pwrite(&self.file.fd, bytes, self.at)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A directory and every missing level above it below `root`, each made 0700 and its name flushed.
impl Dir {
    pub(crate) fn make_path(root: &Path, below: &str) -> Result<Self, Error> {
        let mut dir = Self::open(root)?;
        for level in below.split('/') {
            if dir.make_dir(level)? {
                dir.sync()?;
            }
            dir = dir.sub(level)?;
        }
        Ok(dir)
    }

    /// Looks for a directory without opening it.
    pub(crate) fn is_dir(path: &Path) -> bool {
        rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_set_on_what_is_ours_and_never_through_a_link() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let dir = Dir::open(home.path()).unwrap();
        std::fs::write(home.path().join("file"), "x").unwrap();
        std::fs::write(home.path().join("aim"), "x").unwrap();
        std::fs::create_dir(home.path().join("dir")).unwrap();
        std::os::unix::fs::symlink("aim", home.path().join("link")).unwrap();
        std::fs::write(home.path().join("first"), "x").unwrap();
        std::fs::hard_link(home.path().join("first"), home.path().join("second")).unwrap();
        let unreadable = std::fs::Permissions::from_mode(0o0);
        std::fs::set_permissions(home.path().join("file"), unreadable).unwrap();

        dir.set_mode("file", 0o600).unwrap();
        dir.set_mode("dir", 0o700).unwrap();
        let seen = |name| dir.look(name).unwrap().unwrap();
        assert_eq!((seen("file").what, seen("file").mode), (What::File, 0o600));
        assert_eq!(
            (seen("dir").what, seen("dir").mode),
            (What::Directory, 0o700)
        );
        let before = (seen("aim").mode, seen("first").mode);
        assert!(dir.set_mode("link", 0o777).is_err());
        assert!(dir.set_mode("first", 0o777).is_err());
        assert_eq!((seen("aim").mode, seen("first").mode), before);
        assert_eq!((seen("link").what, seen("first").links), (What::Link, 2));
        assert_eq!(dir.look("absent").unwrap(), None);
    }

    #[test]
    fn a_tree_is_removed_whole_and_what_its_links_lead_to_stays() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        for file in ["tree/lock", "tree/a/file", "tree/a/b/file", "stays"] {
            std::fs::write(home.path().join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(home.path(), tree.join("a/link")).unwrap();
        let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
        std::fs::write(tree.join(odd), "x").unwrap();
        let dir = Dir::open(home.path()).unwrap();
        dir.remove_tree("tree", "lock").unwrap();
        dir.remove_tree("tree", "lock").unwrap();
        assert_eq!(dir.names().unwrap(), ["stays"]);
    }

    #[test]
    fn a_file_in_memory_is_read_back_and_lies_nowhere() {
        let file = File::in_memory("scratch").unwrap();
        file.write_at(5, b"hello").unwrap();
        assert_eq!(file.read_to_end(100).unwrap(), b"\0\0\0\0\0hello");
        assert!(!Path::new("scratch").exists());
    }
}
