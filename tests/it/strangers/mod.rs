//! What others put into a home: bad input, and files that are not what they seem. Real processes in homes of their
//! own; nothing is asked of the library.

mod hostile;
mod input;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::home::{CELLPHONE, Home, Ran, has_tool, run, skipped};

/// What lies below a directory: names, kinds and bytes, so that any touch is seen.
fn snapshot(dir: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                open.push(path.clone());
            }
            let bytes = kind.is_file().then(|| std::fs::read(&path).unwrap());
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
