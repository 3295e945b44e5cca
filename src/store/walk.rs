//! The files of somebody else's tree, for reading only.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Error;

/// Deeper trees are a mistake or a trap.
const MOST_LEVELS: usize = 32;

/// Every plain file below `root`, in the order of their paths; `root` itself where it is a file. Links are not
/// followed, except `root`.
pub(crate) fn files_below(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let system = |path: &Path, error: &std::io::Error| Error::system(path, "look at", error);
    let about = fs::metadata(root).map_err(|error| system(root, &error))?;
    if !about.is_dir() {
        return Ok(vec![root.to_owned()]);
    }
    let mut files = Vec::new();
    let mut dirs = vec![(root.to_owned(), 0)];
    while let Some((dir, level)) = dirs.pop() {
        if level > MOST_LEVELS {
            return Err(Error::Io {
                doing: "go into",
                path: dir,
                source: Errno::LOOP,
            });
        }
        for entry in fs::read_dir(&dir).map_err(|error| system(&dir, &error))? {
            let entry = entry.map_err(|error| system(&dir, &error))?;
            let kind = entry.file_type().map_err(|error| system(&dir, &error))?;
            if kind.is_dir() {
                dirs.push((entry.path(), level + 1));
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The plain files in the directory of a file, the one that was written to last first. What cannot be looked at is left out.
pub(crate) fn files_beside(file: &Path) -> Vec<PathBuf> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if let Ok(about) = entry.metadata()
            && about.is_file()
            && let Ok(written) = about.modified()
        {
            files.push((written, entry.path()));
        }
    }
    files.sort_unstable_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_found_and_links_are_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        for name in ["b/c/2.json", "a.json", "b/1.json"] {
            fs::write(root.join(name), "[]").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("b/up")).unwrap();
        let found = files_below(root).unwrap();
        assert_eq!(
            found,
            ["a.json", "b/1.json", "b/c/2.json"].map(|name| root.join(name))
        );
        assert_eq!(files_below(&root.join("a.json")).unwrap().len(), 1);
        assert!(files_below(&root.join("none")).is_err());
    }
}
