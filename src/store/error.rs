use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::names::{Explain, Kind};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("can't {doing} {path}: {source}", path = path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: Errno,
    },
    #[error("{path} is {what}, not a plain file of our own", path = path.display())]
    NotPlain { path: PathBuf, what: &'static str },
    #[error("{path} stayed locked{holder}", path = path.display())]
    Busy { path: PathBuf, holder: String },
    /// A derived file: whoever uses it makes it anew from the journal.
    #[error("{path} is not as it was written: {what}", path = path.display())]
    Spoilt { path: PathBuf, what: &'static str },
}

impl Error {
    pub(crate) fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Io { source, .. } if *source == errno)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.is(Errno::NOENT)
    }

    /// Somebody else's, and not to be read.
    pub(crate) fn is_denied(&self) -> bool {
        self.is(Errno::ACCESS) || self.is(Errno::PERM)
    }

    /// Something of that name is there, and was to be kept.
    pub(crate) fn is_taken(&self) -> bool {
        self.is(Errno::EXIST) || self.is(Errno::NOTEMPTY)
    }

    /// The file system does not know such a rename.
    pub(crate) fn is_unsupported(&self) -> bool {
        self.is(Errno::INVAL) || self.is(Errno::NOSYS) || self.is(Errno::OPNOTSUPP)
    }

    /// What `std` says of a system call.
    pub(crate) fn system(path: &Path, doing: &'static str, error: &std::io::Error) -> Self {
        let source = error
            .raw_os_error()
            .map_or(Errno::IO, Errno::from_raw_os_error);
        Self::Io {
            doing,
            path: path.into(),
            source,
        }
    }

    /// A write that the disk did not take whole.
    pub(crate) fn no_space(path: &Path) -> Self {
        Self::Io {
            doing: "write",
            path: path.into(),
            source: Errno::NOSPC,
        }
    }

    /// A derived file contradicts itself and must be made anew.
    pub(crate) const fn is_spoilt(&self) -> bool {
        matches!(self, Self::Spoilt { .. })
    }

    pub(crate) fn is_no_space(&self) -> bool {
        self.is(Errno::NOSPC) || self.is(Errno::DQUOT) || self.is(Errno::FBIG)
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } => Kind::Io,
            Self::NotPlain { .. } => Kind::Refused,
            Self::Busy { .. } => Kind::Busy,
            Self::Spoilt { .. } => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if *source == Errno::NOSPC || *source == Errno::DQUOT => {
                Some("free space on the disk, or run `cellphone prune`".into())
            }
            Self::Io { .. } => None,
            Self::NotPlain { .. } => Some("nothing was followed or changed; move it away".into()),
            Self::Busy { .. } => Some("nothing happened; try again".into()),
            Self::Spoilt { .. } => Some("remove it: it is made anew from the journal".into()),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::NotPlain { path, .. }
            | Self::Busy { path, .. }
            | Self::Spoilt { path, .. } => Some(path),
        }
    }
}
