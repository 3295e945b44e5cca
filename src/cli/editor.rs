//! `$VISUAL` or `$EDITOR` on a private copy.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::context::{Context, variable};
use super::failure::Error;

/// A copy that a person edits, in a directory of mode 0700. It stays where it is until it is discarded: what
/// somebody wrote is not lost because of what comes after.
#[derive(Debug)]
pub struct Draft {
    dir: PathBuf,
    path: PathBuf,
}

impl Draft {
    pub fn new(name: &str, content: &[u8]) -> Result<Self, Error> {
        let dir = private_directory()?;
        let path = dir.join(name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        Ok(Self { dir, path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs the editor and returns what it left. Call it again to edit on.
    pub fn edit(&self) -> Result<Vec<u8>, Error> {
        let editor = variable("VISUAL")
            .or_else(|| variable("EDITOR"))
            .unwrap_or_else(|| OsStr::new("vi").to_owned());
        let command = editor.to_string_lossy().into_owned();
        let failed = |how: String| Error::Editor {
            command: command.clone(),
            how,
            kept: Some(self.path.clone()),
        };
        // Through a shell, since the variable may hold arguments; the path comes as an argument, so that
        // nothing in it is read by the shell.
        let mut script = editor;
        script.push(" \"$1\"");
        let status = Command::new("sh")
            .arg("-c")
            .arg(script)
            .args([OsStr::new("sh"), self.path.as_os_str()])
            .status()
            .map_err(|source| Error::Command {
                command: "sh".into(),
                source,
            })?;
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        fs::read(&self.path).map_err(|error| failed(format!("left nothing to read: {error}")))
    }

    /// What was written has arrived elsewhere.
    pub fn discard(self) {
        // A left-over copy in a private directory harms nobody.
        let _: io::Result<()> = fs::remove_dir_all(&self.dir);
    }
}

fn private_directory() -> Result<PathBuf, Error> {
    let base = std::env::temp_dir();
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(
        |error| Error::File {
            path: base.clone(),
            source: error.into(),
        },
    )?;
    let dir = base.join(format!("dreamos-{:016x}", u64::from_ne_bytes(random)));
    // Creating fails where the name exists, so that nobody has prepared it.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&dir)
        .map_err(|source| Error::File {
            path: dir.clone(),
            source,
        })?;
    Ok(dir)
}

/// A yes-or-no question. `--yes` answers it; where nobody can, it is refused by naming the flag.
pub fn confirm(context: &Context, question: &str) -> Result<bool, Error> {
    if context.options().yes {
        return Ok(true);
    }
    if !context.may_ask() {
        return Err(Error::advice(
            format!("{question} Nobody is here to answer"),
            "say yes beforehand with --yes",
        ));
    }
    let mut answer = String::new();
    io::stderr()
        .write_all(format!("{question} [y/N] ").as_bytes())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(Error::Input)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
