//! What git says of a tree: what it held at a revision, what has changed since.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::duplicates::Error;

/// Lines that a change has written, by files; both ends are of it.
pub type Change = BTreeMap<String, Vec<(usize, usize)>>;

fn git(at: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(at)
        .args(["-c", "core.quotePath=false"]);
    command
}

fn failed(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Git {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

fn output(mut command: Command, what: &str) -> Result<Vec<u8>, Error> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(what, error))?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(failed(what, said.lines().next().unwrap_or("git failed")))
}

/// A revision is never taken for an option.
fn checked(revision: &str) -> Result<&str, Error> {
    if revision.is_empty() || revision.starts_with('-') {
        return Err(failed(revision, "no revision is called so"));
    }
    Ok(revision)
}

/// The files below a directory as they were, with their bytes; larger ones than `limit` without.
pub fn files_at(at: &Path, revision: &str, limit: u64) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut list = git(at);
    list.args([
        "ls-tree",
        "-r",
        "-z",
        "--long",
        checked(revision)?,
        "--",
        ".",
    ]);
    let listed = output(list, revision)?;
    let mut wanted: Vec<(String, String)> = Vec::new();
    for entry in listed.split(|it| *it == 0).filter(|it| !it.is_empty()) {
        // `<mode> <type> <object> <size>\t<name>`
        let text = String::from_utf8_lossy(entry);
        let Some((about, name)) = text.split_once('\t') else {
            continue;
        };
        let mut about = about.split_ascii_whitespace();
        let (mode, object, size) = (about.next(), about.nth(1), about.next());
        let is_plain = mode.is_some_and(|it| it.starts_with("100"));
        let fits = size
            .and_then(|it| it.parse().ok())
            .is_some_and(|it: u64| it <= limit);
        if let Some(object) = object.filter(|_| is_plain && fits) {
            wanted.push((name.to_owned(), object.to_owned()));
        }
    }
    objects(at, revision, wanted)
}

fn objects(
    at: &Path,
    revision: &str,
    wanted: Vec<(String, String)>,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let fail = |error: std::io::Error| failed(revision, error);
    let mut child = git(at)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut asks = child.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut files = Vec::with_capacity(wanted.len());
    for (name, object) in wanted {
        writeln!(asks, "{object}").map_err(fail)?;
        let mut head = String::new();
        answers.read_line(&mut head).map_err(fail)?;
        let size: usize = head
            .trim()
            .rsplit(' ')
            .next()
            .and_then(|it| it.parse().ok())
            .ok_or_else(|| failed(revision, head.trim()))?;
        let mut bytes = vec![0; size + 1];
        answers.read_exact(&mut bytes).map_err(fail)?;
        bytes.pop();
        files.push((name, bytes));
    }
    drop(asks);
    child.wait().map_err(fail)?;
    Ok(files)
}

/// What was written since a revision, or between two, down to the files that git does not know yet.
pub fn changes(at: &Path, revision: &str) -> Result<Change, Error> {
    let mut diff = git(at);
    diff.args([
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--relative",
        "-U0",
        checked(revision)?,
        "--",
        ".",
    ]);
    let mut change = patch(&String::from_utf8_lossy(&output(diff, revision)?));
    if !revision.contains("..") {
        let mut new = git(at);
        new.args([
            "ls-files",
            "--others",
            "--exclude-standard",
            "-z",
            "--",
            ".",
        ]);
        let new = output(new, revision)?;
        for name in new.split(|it| *it == 0).filter(|it| !it.is_empty()) {
            change.insert(
                String::from_utf8_lossy(name).into_owned(),
                vec![(1, usize::MAX)],
            );
        }
    }
    Ok(change)
}

/// What a unified diff writes: only its heads are read.
pub fn patch(diff: &str) -> Change {
    let mut change = Change::new();
    let mut file = None;
    let mut body = 0_usize;
    for line in diff.lines() {
        // Lines of a hunk may look like heads.
        if body > 0 && line.starts_with(['+', ' ']) {
            body -= 1;
            continue;
        }
        if let Some(name) = line.strip_prefix("+++ ") {
            let name = unquoted(name);
            file = (name != "/dev/null").then(|| match name.strip_prefix("b/") {
                Some(below) => below.to_owned(),
                None => name,
            });
        } else if let Some(rest) = line.strip_prefix("@@ -") {
            let Some(lines) = rest
                .split_ascii_whitespace()
                .find_map(|it| it.strip_prefix('+'))
            else {
                continue;
            };
            let (start, count) = lines.split_once(',').unwrap_or((lines, "1"));
            let (Ok(start), Ok(count)) = (start.parse::<usize>(), count.parse::<usize>()) else {
                continue;
            };
            body = count;
            if let Some(file) = file.as_ref().filter(|_| count > 0) {
                change
                    .entry(file.clone())
                    .or_default()
                    .push((start, start.saturating_add(count - 1)));
            }
        }
    }
    change
}

/// A name with odd characters stands in quotes, as C writes them; after a plain one a tab may stand.
fn unquoted(name: &str) -> String {
    let Some(quoted) = name.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return name.split('\t').next().unwrap_or(name).to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { None };
        bytes.push(match escaped {
            None => byte,
            Some(b'a') => 0x07,
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'v') => 0x0b,
            Some(b'f') => 0x0c,
            Some(b'r') => b'\r',
            Some(digit @ b'0'..=b'7') => {
                let digits = [Some(digit), rest.next(), rest.next()];
                let digits = digits.into_iter().flatten();
                digits.fold(0, |all, it| all << 3 | (it & 7))
            }
            Some(other) => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_which_lines_it_writes() {
        let diff = "diff --git a/x.rs b/x.rs
--- a/x.rs
+++ b/x.rs
@@ -3 +3,2 @@ fn x
-old
+++ b/not.rs
+@@ -1 +1 @@
@@ -9,2 +11,0 @@
-gone
-gone
--- a/gone.rs
+++ /dev/null
@@ -1 +0,0 @@
-x
--- a/two words.rs\t
+++ b/two words.rs\t
@@ -1 +1 @@
-a
+b
--- \"a/\\303\\244\\n\\\"q\\\".rs\"
+++ \"b/\\303\\244\\n\\\"q\\\".rs\"
@@ -0,0 +1,18446744073709551615 @@
";
        let change = patch(diff);
        let told: Vec<_> = change.iter().map(|it| (it.0.as_str(), &it.1[..])).collect();
        let all = (1, usize::MAX);
        assert_eq!(
            told,
            [
                ("two words.rs", &[(1, 1)][..]),
                ("x.rs", &[(3, 4)]),
                ("ä\n\"q\".rs", &[all]),
            ]
        );
    }
}
