//! File systems of one's own, for root: gone with the test, whatever becomes of it.

use super::*;

pub(super) struct Mount {
    /// Where its image lies, if it has one.
    image: Option<PathBuf>,
    pub(super) dir: PathBuf,
    _place: TempDir,
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    Command::new(program)
        .args(args)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Mount {
    /// `None`, said, where the privilege is missing.
    pub(super) fn tmpfs(mib: u64) -> Option<Self> {
        let it = Self::place(None);
        let size = format!("size={mib}m,mode=0700");
        let args = [
            "-t",
            "tmpfs",
            "-o",
            &size,
            "tmpfs",
            it.dir.to_str().unwrap(),
        ];
        let mounted = succeeds("mount", &args);
        it.or_skip(mounted)
    }

    /// A file system in a sparse file.
    pub(super) fn looped(kind: &str, mib: u64) -> Option<Self> {
        if !has(&format!("mkfs.{kind}")) {
            return None;
        }
        let it = Self::place(Some("image"));
        let image = it.image.as_deref().unwrap();
        let file = std::fs::File::create(image).unwrap();
        file.set_len(mib << 20).unwrap();
        let quiet = if kind == "ext4" { "-F" } else { "-f" };
        let made = succeeds(
            &format!("mkfs.{kind}"),
            &["-q", quiet, image.to_str().unwrap()],
        );
        assert!(made, "mkfs.{kind}");
        let mounted = it.mount();
        it.or_skip(mounted)
    }

    fn place(image: Option<&str>) -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("mounted");
        std::fs::create_dir(&dir).unwrap();
        Self {
            image: image.map(|name| place.path().join(name)),
            dir,
            _place: place,
        }
    }

    fn or_skip(self, mounted: bool) -> Option<Self> {
        if !mounted {
            eprintln!("SKIPPED: needs root and the right to mount");
            return None;
        }
        Some(self)
    }

    pub(super) fn mount(&self) -> bool {
        let image = self.image.as_deref().unwrap().to_str().unwrap();
        succeeds("mount", &["-o", "loop", image, self.dir.to_str().unwrap()])
    }

    pub(super) fn unmount(&self) -> bool {
        succeeds("umount", &[self.dir.to_str().unwrap()])
    }

    /// What was not flushed is lost, as when the power goes.
    pub(super) fn cut(&self) -> bool {
        succeeds(
            "xfs_io",
            &["-x", "-c", "shutdown", self.dir.to_str().unwrap()],
        )
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if !self.unmount() {
            // Somebody is still in there: it goes when he does, and the loop device with it.
            succeeds("umount", &["-l", self.dir.to_str().unwrap()]);
        }
    }
}
