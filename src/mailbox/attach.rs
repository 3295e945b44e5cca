//! Attachments: `files/<sha256>`, copied in before the message that names them and removed after it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::journal::{JOURNAL, Journal};
use super::json::Fields;
use super::open::Mailbox;
use crate::store::{Dir, File, Open, Target, random_u64};
use crate::time::Timestamp;

pub(super) const FILES: &str = "files";
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// A file whose message is still on its way is not removed.
const GRACE: Duration = Duration::from_hours(1);

/// A file that lies in a mailbox and waits for the message that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub sha256: String,
    pub name: String,
    pub bytes: u64,
    pub path: PathBuf,
}

impl Attachment {
    /// What the message that it goes with says of it, one of its `metadata.attachments`.
    pub fn note(&self) -> Value {
        json!({
            "sha256": self.sha256, "name": self.name, "bytes": self.bytes,
            "path": self.path.to_string_lossy(),
        })
    }
}

pub(super) fn path(sha256: &str) -> String {
    format!("{FILES}/{sha256}")
}

impl Mailbox {
    /// Copies a file in, durable before this returns.
    pub fn attach(&self, from: &Path) -> Result<Attachment, Error> {
        let source = File::open_foreign(from)?;
        let bytes = source.opened().size;
        if bytes > MOST_BYTES {
            return Err(Error::FileTooLong {
                path: from.into(),
                bytes,
            });
        }
        if let Some(journal) = Journal::open(&self.dir, JOURNAL, Open::Read)? {
            // The message would be refused as well.
            journal.must_know_format()?;
        }
        let content = source.read_to_end(MOST_BYTES + 1)?;
        let sha256 = hash(&content);
        if self.dir.make_dir(FILES)? {
            self.dir.sync()?;
        }
        let files = self.dir.sub(FILES)?;
        if !files.exists(&sha256)? {
            let temporary = format!(".{:016x}", random_u64());
            let file = files.file(&temporary, Open::New)?;
            let written = file.write_at(0, &content).and_then(|()| file.sync_data());
            if let Err(error) = written {
                files.remove(&temporary)?;
                return Err(error.into());
            }
            files.rename(&temporary, &sha256, Target::Replaced)?;
        }
        files.sync()?;
        let name = from
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Ok(Attachment {
            path: files.path().join(&sha256),
            sha256,
            name: name.unwrap_or_default(),
            bytes: content.len() as u64,
        })
    }
}

/// The notes of a message, with the paths that its attachments have in this mailbox: it may have had another name when
/// they came. `None` where there is nothing to change.
pub(super) fn relocated(metadata: &str, mailbox: &Path) -> Option<Box<RawValue>> {
    let mut notes = Fields::parse(metadata).ok()?;
    let files = notes.get("attachments")?;
    let mut files: Vec<Fields<'_>> = serde_json::from_str(files.get()).ok()?;
    let paths: Vec<_> = files.iter().map(|file| its_path(file, mailbox)).collect();
    if paths.iter().all(Option::is_none) {
        return None;
    }
    for (file, path) in files.iter_mut().zip(&paths) {
        if let Some(path) = path {
            file.replace("path", path);
        }
    }
    let files = to_raw_value(&files).ok()?;
    notes.replace("attachments", &files);
    to_raw_value(&notes).ok()
}

/// Of an attachment that lay in a mailbox of another name beside this one.
fn its_path(file: &Fields<'_>, mailbox: &Path) -> Option<Box<RawValue>> {
    let (sha256, path) = (file.str("sha256")?, file.str("path")?);
    let below = self::path(&sha256);
    let its = Path::new(&*path).strip_prefix(mailbox.parent()?).ok()?;
    let is_beside = its.components().count() == 3 && its.ends_with(&below);
    (is_beside && !its.starts_with(mailbox.file_name()?))
        .then(|| to_raw_value(&mailbox.join(below).to_string_lossy()).ok())?
}

pub(super) fn hash(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        write!(hex, "{byte:02x}").expect("a string grows");
    }
    hex
}

/// Removes what no kept message names. Called under the journal lock.
pub(super) fn sweep(
    dir: &Dir,
    named: &HashSet<String>,
    now: Timestamp,
) -> Result<Vec<PathBuf>, Error> {
    let files = match dir.sub(FILES) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let mut removed = Vec::new();
    for name in files
        .names()?
        .into_iter()
        .filter(|name| !named.contains(name))
    {
        let Some(ident) = files.ident(&name)? else {
            continue;
        };
        let at = Timestamp::from_unix_ms(i64::try_from(ident.mtime_ns / 1_000_000).unwrap_or(0));
        if now.since(at) > GRACE {
            files.remove(&name)?;
            removed.push(files.path().join(&name));
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_where_its_mailbox_is_and_all_else_stays_as_it_was_written() {
        let note = |place: &str| {
            format!(
                r#"{{"n":1e400,"attachments":[{{"sha256":"ab","path":"{place}/files/ab","x":1}},{{"path":7}}],"z":""}}"#
            )
        };
        let now = |text: &str| {
            let moved = relocated(text, Path::new("/h/mailbox/b"));
            moved.map(|moved| moved.get().to_owned())
        };
        assert_eq!(now(&note("/h/mailbox/a")), Some(note("/h/mailbox/b")));
        for other in [
            "/h/mailbox/b",
            "/elsewhere/a",
            "/h/mailbox",
            "/h/mailbox/a/c",
        ] {
            assert_eq!(now(&note(other)), None, "{other}");
        }
        for none in ["{}", r#"{"attachments":7}"#, r#"{"attachments":[7]}"#, "7"] {
            assert_eq!(now(none), None, "{none}");
        }
    }
}
