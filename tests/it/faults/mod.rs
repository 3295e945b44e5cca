//! What bad luck and bad will can do to a home, with real processes: calls that fail, full disks, power cuts,
//! files that are not what they seem, locks that are not let go.

mod disk;
mod injected;
mod output;
mod power;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{CELLPHONE, Home, Ran, contents, has_privilege, has_tool, path, run};

/// Whoever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

impl Home {
    fn shown_contents(&self) -> Vec<String> {
        contents(&self.shown("agent-1"))
    }
}

/// A tool of the system, which must succeed.
fn system(line: &[&str]) {
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let ran = Command::new(line[0])
        .args(&line[1..])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{line:?}: {ran:?}");
}

/// A file system of its own in a place of its own, which ends with it.
pub(crate) struct Disk {
    place: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    pub(crate) fn tmpfs(options: &str) -> Self {
        let disk = Self {
            place: tempfile::tempdir().unwrap(),
            mounted: true,
        };
        std::fs::create_dir(disk.root()).unwrap();
        let root = disk.root();
        system(&["mount", "-t", "tmpfs", "-o", options, "tmpfs", path(&root)]);
        disk
    }

    fn image(kind: &str, size: u64) -> Self {
        let mut disk = Self {
            place: tempfile::tempdir().unwrap(),
            mounted: false,
        };
        std::fs::create_dir(disk.root()).unwrap();
        let image = disk.place.path().join("image");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(size)
            .unwrap();
        system(&[&format!("mkfs.{kind}"), "-q", path(&image)]);
        disk.mount(kind);
        disk
    }

    fn mount(&mut self, kind: &str) {
        // ext4 writes nothing back by itself meanwhile: what was not flushed is lost.
        let options = if kind == "ext4" {
            "loop,commit=300"
        } else {
            "loop"
        };
        let (image, root) = (self.place.path().join("image"), self.root());
        system(&["mount", "-o", options, path(&image), path(&root)]);
        self.mounted = true;
    }

    fn unmount(&mut self) {
        system(&["umount", path(&self.root())]);
        self.mounted = false;
        // A program of another test that has mounts of its own may keep ours a little longer: mounted again by
        // then, it would be the same one, power cut and all.
        let image = self.place.path().join("image");
        let began = Instant::now();
        while Self::is_attached(&image) {
            assert!(began.elapsed() < 3 * PATIENCE, "the disk is still in use");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_attached(image: &Path) -> bool {
        std::fs::read_dir("/sys/block").unwrap().any(|entry| {
            let backing = entry.unwrap().path().join("loop/backing_file");
            std::fs::read_to_string(backing).is_ok_and(|text| text.trim_end() == path(image))
        })
    }

    /// From here on nothing reaches the disk, its log neither.
    fn cut_power(&self) {
        system(&["xfs_io", "-x", "-c", "shutdown", path(&self.root())]);
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // What the failed test left running still holds it: lazily.
            let root = self.root();
            let _ = Command::new("umount").arg("-l").arg(root).status();
        }
    }
}
