//! Audio on its way out: a file is there whole or not at all; a device, a pipe and standard output are written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Failure};

pub(crate) fn write(context: &Context, output: &str, bytes: &[u8]) -> Result<(), Failure> {
    if output == "-" {
        return Ok(context.print_bytes(bytes)?);
    }
    let path = PathBuf::from(output);
    context.trace(|| format!("write {}", path.display()));
    Ok(into(&path, bytes).map_err(|source| Error::File { path, source })?)
}

fn into(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            OpenOptions::new().write(true).open(path)?.write_all(bytes)
        }
        // What a link leads to is replaced, not the link.
        Ok(_) => whole(&fs::canonicalize(path)?, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => whole(path, bytes),
        Err(error) => Err(error),
    }
}

fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = name.to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = File::create(&aside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Perhaps it never came to be.
        let _ = fs::remove_file(&aside);
    }
    written
}
