//! `runtime/voice_queue/`: files of audio on their way to a voice channel, the oldest first. Programs rename whole files into it;
//! people and scripts may write there as well: what somebody still has open for writing is not complete.

use std::time::Duration;

use super::audio::{Audio, Format};
use super::error::Error;
use crate::root::Home;
use crate::store::{self, Dir, DirWatch, Ident, Open, Target, random_u64, random_u128};
use crate::time::Timestamp;

/// Below it lies what nobody could play.
const FAILED: &str = "failed";
/// Hidden until it is whole.
const ASIDE: &str = ".aside-";
/// About five hours of an MP3, in bytes; larger ones are set aside.
pub const LARGEST: u64 = 256 << 20;
/// Nobody waits longer without a look: events get lost.
const NET: Duration = Duration::from_secs(2);
/// What was hidden for so long has lost its writer.
const STALE: Duration = Duration::from_hours(1);

pub struct Queue {
    dir: Dir,
    watch: DirWatch,
}

/// A complete file that was not played yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub name: String,
    /// `None` of one that nobody can play.
    pub format: Option<Format>,
    pub size: u64,
    ident: Ident,
}

impl Queue {
    pub fn open(home: &Home) -> Result<Self, Error> {
        let dir = Dir::make_path(home.dir(), home.inside(&home.voice_queue()))?;
        Ok(Self::in_dir(dir))
    }

    /// Where there is one; makes none.
    pub fn of(home: &Home) -> Result<Option<Self>, Error> {
        match Dir::of(home, &home.voice_queue()) {
            Ok(dir) => Ok(Some(Self::in_dir(dir))),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn in_dir(dir: Dir) -> Self {
        let watch = DirWatch::new(dir.path());
        Self { dir, watch }
    }

    /// It is there for good once this returns; its name.
    pub fn put(&self, audio: &Audio, now: Timestamp) -> Result<String, Error> {
        self.sweep(now);
        let name = format!("{}.{}", uuid(now, random_u128()), audio.format.extension());
        let aside = format!("{ASIDE}{:016x}", random_u64());
        let file = self.dir.file(&aside, Open::New)?;
        let put = file
            .write_at(0, &audio.bytes)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.dir.rename(&aside, &name, Target::Kept))
            .and_then(|()| self.dir.sync());
        if let Err(error) = put {
            // Left there it does no harm: it is hidden, and swept later.
            let _ = self.dir.remove(&aside);
            return Err(error.into());
        }
        Ok(name)
    }

    /// What can be taken now, the oldest first.
    pub fn waiting(&self) -> Result<Vec<Waiting>, Error> {
        let mut all = Vec::new();
        for name in self.dir.file_names()? {
            if name.starts_with('.') {
                continue;
            }
            // Gone meanwhile, or nothing that we may open: not ours to play.
            let Ok(Some(file)) = self.dir.file_if_any(&name, Open::Read) else {
                continue;
            };
            let ident = file.ident()?;
            // A shell makes a file before it writes to it.
            if ident.size > 0 && !file.has_writer() {
                all.push(Waiting {
                    format: Format::of(&name),
                    size: ident.size,
                    ident,
                    name,
                });
            }
        }
        all.sort_by(|a, b| (a.ident.mtime_ns, &a.name).cmp(&(b.ident.mtime_ns, &b.name)));
        Ok(all)
    }

    /// `None` if nobody can play it, or if it has gone.
    pub fn read(&self, it: &Waiting) -> Result<Option<Audio>, Error> {
        let Some(format) = it.format.filter(|_| it.size <= LARGEST) else {
            return Ok(None);
        };
        let Some(file) = self.dir.file_if_any(&it.name, Open::Read)? else {
            return Ok(None);
        };
        let bytes = file.read_to_end(LARGEST)?;
        Ok(Some(Audio { format, bytes }))
    }

    /// It was heard, or is to be forgotten; what was written under its name meanwhile stays.
    pub fn remove(&self, it: &Waiting) -> Result<(), Error> {
        if self.dir.ident(&it.name)? == Some(it.ident) {
            self.dir.remove(&it.name)?;
        }
        Ok(())
    }

    /// Nobody can play it: it is kept for whoever put it there.
    pub fn set_aside(&self, it: &Waiting) -> Result<(), Error> {
        if self.dir.make_dir(FAILED)? {
            self.dir.sync()?;
        }
        let failed = self.dir.sub(FAILED)?;
        match self.dir.move_to(&it.name, &failed, &it.name) {
            Err(error) if error.is_absent() => Ok(()),
            other => Ok(other?),
        }
    }

    /// Sleeps until something came, for two seconds at most.
    pub fn rest(&self) {
        self.watch.wait(NET);
    }

    /// What killed writers left.
    fn sweep(&self, now: Timestamp) {
        let is_old = |name: &String| {
            let ident: Result<Option<Ident>, store::Error> = self.dir.ident(name);
            let since = now.unix_ms() - i64::try_from(STALE.as_millis()).unwrap_or(i64::MAX);
            ident.is_ok_and(|it| it.is_some_and(|it| it.mtime_ns / 1_000_000 < i128::from(since)))
        };
        let names = self.dir.names_where(&|it| it.starts_with(ASIDE));
        for name in names.unwrap_or_default().iter().filter(|it| is_old(it)) {
            // Left there it does no harm.
            let _ = self.dir.remove(name);
        }
    }
}

/// Version 7 of RFC 9562: sorted by when it was made.
fn uuid(now: Timestamp, random: u128) -> String {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0) & 0xffff_ffff_ffff;
    let part = |from: u32, bits: u32| (random >> from) & ((1 << bits) - 1);
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        ms >> 16,
        ms & 0xffff,
        part(0, 12),
        0x8000 | part(12, 14),
        part(26, 48)
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn queue() -> (tempfile::TempDir, Queue) {
        let place = tempfile::tempdir().unwrap();
        let queue = Queue::open(&Home::at(place.path())).unwrap();
        (place, queue)
    }

    fn names(queue: &Queue) -> Vec<String> {
        let waiting = queue.waiting().unwrap();
        waiting.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn a_name_is_a_uuid_of_its_time() {
        let now = Timestamp::from_unix_ms(0x0192_3456_789a);
        let name = uuid(now, u128::MAX);
        assert_eq!(name, "01923456-789a-7fff-bfff-ffffffffffff");
        assert_eq!(uuid(now, 0), "01923456-789a-7000-8000-000000000000");
    }

    #[test]
    fn what_was_put_is_read_and_removed_once_it_was_heard() {
        let (_place, queue) = queue();
        let audio = Audio {
            format: Format::Mp3,
            bytes: b"sound".to_vec(),
        };
        let name = queue.put(&audio, Timestamp::from_unix_ms(1)).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting[0].name, name);
        assert_eq!(queue.read(&waiting[0]).unwrap(), Some(audio));
        queue.remove(&waiting[0]).unwrap();
        assert_eq!(names(&queue), Vec::<String>::new());
    }

    #[test]
    fn what_somebody_still_writes_waits_until_he_is_done() {
        let (_place, queue) = queue();
        let path = queue.dir.path().join("by-hand.wav");
        let mut file = std::fs::File::create(&path).unwrap();
        assert_eq!(names(&queue), Vec::<String>::new());
        file.write_all(b"half").unwrap();
        assert_eq!(names(&queue), Vec::<String>::new());
        drop(file);
        assert_eq!(names(&queue), ["by-hand.wav"]);
    }

    #[test]
    fn what_was_written_anew_meanwhile_is_not_removed() {
        let (_place, queue) = queue();
        let path = queue.dir.path().join("a.wav");
        std::fs::write(&path, "first").unwrap();
        let waiting = queue.waiting().unwrap();
        std::fs::write(&path, "another one").unwrap();
        queue.remove(&waiting[0]).unwrap();
        assert_eq!(names(&queue), ["a.wav"]);
    }

    #[test]
    fn what_nobody_can_play_is_kept_apart() {
        let (_place, queue) = queue();
        let path = queue.dir.path().join("notes.txt");
        std::fs::write(&path, "not a sound").unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(queue.read(&waiting[0]).unwrap(), None);
        queue.set_aside(&waiting[0]).unwrap();
        assert_eq!(names(&queue), Vec::<String>::new());
        let kept = queue.dir.path().join("failed/notes.txt");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "not a sound");
    }
}
