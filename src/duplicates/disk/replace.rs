//! A file that is there whole or as it was before.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a symbolic link leads to is replaced, not the link; a device or a pipe is written to.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => fs::write(path, bytes),
        Ok(meta) => aside(&fs::canonicalize(path)?, bytes, Some(meta.permissions())),
        Err(_) => aside(path, bytes, None),
    }
}

fn aside(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let aside = beside(path);
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).open(&aside)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    let done = write();
    if matches!(&done, Err(error) if error.kind() != io::ErrorKind::AlreadyExists) {
        // The first error is the one to tell.
        let _ = fs::remove_file(&aside);
    }
    done
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.aside", std::process::id()));
    path.with_file_name(name)
}
