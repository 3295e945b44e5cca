//! The files that a log was rotated away to: `app.log.1`, `app.log.2` as logrotate and others number them, or by a date, as
//! `app.log-20261127`, `app.log.2026-11-27` and `app-2026-11-27.log`. What is packed is not read.

use std::path::{Path, PathBuf};

use crate::memory::error::Error;
use crate::store::{File, files_beside};

/// Of those that are numbered so many are looked at.
const MOST_NUMBERED: usize = 9;
/// Of those with a date.
const MOST_DATED: usize = 100;
/// `261127` is the shortest date.
const SHORTEST_DATE: usize = 6;

/// The file that was read, and what was begun after it and rotated away as well, the oldest first.
pub(super) fn back_to(
    path: &Path,
    is_it: impl Fn(&File) -> Result<bool, Error>,
) -> Result<Option<Vec<File>>, Error> {
    let numbered = (1..=MOST_NUMBERED).map(|n| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    });
    if let Some(found) = first_of(numbered, &is_it)? {
        return Ok(Some(found));
    }
    let dated = files_beside(path).into_iter();
    let dated = dated.filter(|other| is_dated(path, other)).take(MOST_DATED);
    first_of(dated, &is_it)
}

/// From the newest on until it is found.
fn first_of(
    paths: impl Iterator<Item = PathBuf>,
    is_it: &impl Fn(&File) -> Result<bool, Error>,
) -> Result<Option<Vec<File>>, Error> {
    let mut later = Vec::new();
    for path in paths {
        let file = match File::open_foreign(&path) {
            // What came after it is not enough: the log itself is read, and what may be lost is said.
            Err(error) if error.is_absent() || error.is_denied() => return Ok(None),
            other => other?,
        };
        let is_found = is_it(&file)?;
        later.push(file);
        if is_found {
            later.reverse();
            return Ok(Some(later));
        }
    }
    Ok(None)
}

/// Whether the name of `other` is that of `path` with a date behind it, or before its ending.
fn is_dated(path: &Path, other: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned());
    let (Some(name), Some(other)) = (name(path), name(other)) else {
        return false;
    };
    let behind = other.strip_prefix(&name);
    let within = name
        .rfind('.')
        .map(|dot| name.split_at(dot))
        .and_then(|(stem, ending)| other.strip_prefix(stem)?.strip_suffix(ending));
    behind.or(within).is_some_and(|date| {
        let digits = date.bytes().filter(u8::is_ascii_digit).count();
        let rest = |it: char| it.is_ascii_digit() || matches!(it, '-' | '.' | '_' | ':' | 'T');
        date.starts_with(['-', '.', '_']) && digits >= SHORTEST_DATE && date.chars().all(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_stands_behind_a_name_or_before_its_ending() {
        let is = |other: &str| {
            is_dated(
                Path::new("/var/log/app.log"),
                &Path::new("/var/log").join(other),
            )
        };
        for other in [
            "app.log-20261127",
            "app.log-20261127-1795737600",
            "app.log.2026-11-27",
            "app.log.2026-11-27_10",
            "app-2026-11-27.log",
            "app-20261127.log",
            "app.2026-11-27T10:00.log",
        ] {
            assert!(is(other), "{other}");
        }
        for other in [
            "app.log",
            "app.log.1",
            "app.log-20261127.gz",
            "app-worker-20261127.log",
            "apple-20261127.log",
            "app20261127.log",
            "app-.log",
        ] {
            assert!(!is(other), "{other}");
        }
        assert!(is_dated(
            Path::new("messages"),
            Path::new("messages-20261127")
        ));
    }
}
