//! The one file of this room that touches the world.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::Error;
use super::launch::{self, Agent, Launch, Unknown};
use super::parse::{self, Dialect};
use crate::names::{AgentId, Roster};
use crate::root::Home;
use crate::store::{self, Dir, File, Open, Target, random_u64};

/// Format of the compiled copy: another number, and every copy is made anew.
const FORMAT: u32 = 1;
const LARGEST_SOURCE: u64 = 4 << 20;
const LARGEST_COPY: u64 = 64 << 20;
const ASIDE: &str = ".roster-";

/// One version of a configuration file.
struct Source {
    path: PathBuf,
    dialect: Dialect,
    dev: u64,
    ino: u64,
    size: u64,
    mtime_ns: i128,
}

impl Source {
    /// `agents.yaml`, else the original's `agents.json`, else nothing.
    fn find(home: &Home) -> Result<Option<Self>, Error> {
        for (path, dialect) in [
            (home.agents_yaml(), Dialect::Ours),
            (home.agents_json(), Dialect::Original),
        ] {
            match std::fs::symlink_metadata(&path) {
                Ok(meta) => {
                    return Ok(Some(Self {
                        path,
                        dialect,
                        dev: meta.dev(),
                        ino: meta.ino(),
                        size: meta.size(),
                        mtime_ns: i128::from(meta.mtime()) * 1_000_000_000
                            + i128::from(meta.mtime_nsec()),
                    }));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Unreadable { path, source }),
            }
        }
        Ok(None)
    }

    /// The first line of a copy that was made from this version.
    fn heading(&self) -> String {
        let Self {
            dev,
            ino,
            size,
            mtime_ns,
            ..
        } = self;
        format!("{{\"format\":{FORMAT},\"source\":[{dev},{ino},{size},{mtime_ns}]}}\n")
    }

    fn is_still(&self, now: store::Ident) -> bool {
        (self.ino, self.size, self.mtime_ns) == (now.ino, now.size, now.mtime_ns)
    }
}

/// Who exists. Without a configuration nobody does.
pub fn read(home: &Home) -> Result<Roster, Error> {
    let Some(source) = Source::find(home)? else {
        return Ok(Roster::default());
    };
    let dir = Dir::open(home.dir())?;
    match compiled(&dir, home, &source) {
        Some(roster) => Ok(roster),
        None => compile(&dir, home, &source),
    }
}

/// The compiled copy, if there is one of this version. One that cannot be read is as good as none.
fn compiled(dir: &Dir, home: &Home, source: &Source) -> Option<Roster> {
    let copy = dir
        .file_below(home.inside(&home.roster_cache()), Open::Read)
        .ok()?;
    let Ok(size) = usize::try_from(copy.opened().size.min(LARGEST_COPY)) else {
        return None;
    };
    // As young as its source: the source may have been edited again within the same tick of the clock.
    if copy.opened().mtime_ns <= source.mtime_ns {
        return None;
    }
    let mut bytes = vec![0; size];
    let read = copy.read_at(0, &mut bytes).ok()?;
    let roster = bytes[..read].strip_prefix(source.heading().as_bytes())?;
    serde_json::from_slice(roster).ok()
}

fn compile(dir: &Dir, home: &Home, source: &Source) -> Result<Roster, Error> {
    let (file, bytes) = whole(dir, home, source)?;
    let roster = parse::roster(&bytes, source.dialect, &source.path)?;
    if source.is_still(file.opened()) && source.is_still(file.ident()?) {
        // Without a copy the next program parses again: slower, not wrong.
        let _ = keep(home, source, &roster);
    }
    Ok(roster)
}

fn whole(dir: &Dir, home: &Home, source: &Source) -> Result<(File, Vec<u8>), Error> {
    let file = dir.file_below(home.inside(&source.path), Open::Read)?;
    if file.opened().size > LARGEST_SOURCE {
        return Err(Error::Huge {
            path: source.path.clone(),
            limit: LARGEST_SOURCE,
        });
    }
    let bytes = file.read_to_end(LARGEST_SOURCE)?;
    Ok((file, bytes))
}

fn launch(home: &Home) -> Result<Launch, Error> {
    let Some(source) = Source::find(home)? else {
        return Ok(Launch::default());
    };
    let (_, bytes) = whole(&Dir::open(home.dir())?, home, &source)?;
    launch::read(&bytes, source.dialect, &source.path)
}

/// Everything that is configured of each agent, in the order of the file.
pub fn agents(home: &Home) -> Result<Vec<Agent>, Error> {
    launch(home).map(|launch| launch.agents)
}

/// The keys of the configuration that nobody reads.
pub fn unknown_keys(home: &Home) -> Result<Vec<Unknown>, Error> {
    launch(home).map(|launch| launch.unknown)
}

fn keep(home: &Home, source: &Source, roster: &Roster) -> Result<(), store::Error> {
    let mut copy = source.heading().into_bytes();
    serde_json::to_writer(&mut copy, roster).expect("a roster has only text keys");
    let cache = Dir::make_path(home.dir(), home.inside(&home.cache()))?;
    // What a killed program left. Of two that compile at once one may lose its copy here; the other's stands.
    for left in cache.names()?.iter().filter(|name| name.starts_with(ASIDE)) {
        cache.remove(left)?;
    }
    let aside = format!("{ASIDE}{:016x}", random_u64());
    let kept = cache
        .file(&aside, Open::New)
        .and_then(|file| file.write_at(0, &copy))
        .and_then(|()| cache.rename(&aside, "roster", Target::Replaced));
    if kept.is_err() {
        cache.remove(&aside)?;
    }
    kept
}

/// Everybody who is registered or has a mailbox, sorted. `user` and `system` are here once they have one.
pub fn everybody(home: &Home, roster: &Roster) -> Result<Vec<AgentId>, Error> {
    let mut all: Vec<AgentId> = Dir::open(&home.mailboxes())?
        .dir_names()?
        .iter()
        .filter_map(|name| AgentId::parse(name).ok())
        .chain(roster.agents.iter().map(|agent| agent.id.clone()))
        .collect();
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::names::{Explain as _, Kind};

    struct Place {
        _dir: tempfile::TempDir,
        home: Home,
    }

    /// A home with that configuration, written a minute ago.
    fn place(yaml: Option<&str>) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        fs::create_dir_all(home.mailboxes()).unwrap();
        fs::create_dir_all(home.config()).unwrap();
        if let Some(yaml) = yaml {
            write(&home.agents_yaml(), yaml);
        }
        Place { _dir: dir, home }
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        age(path, 60);
    }

    fn age(path: &Path, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    fn names(home: &Home) -> Vec<String> {
        let agents = read(home).unwrap().agents;
        agents.iter().map(|agent| agent.id.to_string()).collect()
    }

    /// Changes what the copy says, so that it can be told from its source.
    fn mark_copy(home: &Home) {
        let copy = fs::read_to_string(home.roster_cache()).unwrap();
        assert!(copy.contains("\"one\""), "{copy}");
        fs::write(home.roster_cache(), copy.replace("\"one\"", "\"two\"")).unwrap();
    }

    #[test]
    fn the_second_reader_takes_the_copy_until_the_source_changes() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        assert_eq!(names(home), ["one"]);
        mark_copy(home);
        assert_eq!(names(home), ["two"]);
        write(&home.agents_yaml(), "agents: {six: }");
        assert_eq!(names(home), ["six"], "of the same size");
    }

    #[test]
    fn a_copy_as_young_as_its_source_is_made_anew() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        assert_eq!(names(home), ["one"]);
        mark_copy(home);
        let time = fs::metadata(home.agents_yaml())
            .unwrap()
            .modified()
            .unwrap();
        let copy = fs::File::options()
            .write(true)
            .open(home.roster_cache())
            .unwrap();
        copy.set_modified(time).unwrap();
        assert_eq!(names(home), ["one"]);
    }

    #[test]
    fn a_copy_that_is_damaged_or_gone_costs_nothing_but_time() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        assert_eq!(names(home), ["one"]);
        let whole = fs::read(home.roster_cache()).unwrap();
        for damaged in [&b""[..], b"\0\0\0", &whole[..whole.len() - 3], b"{}\n{}"] {
            fs::write(home.roster_cache(), damaged).unwrap();
            assert_eq!(names(home), ["one"]);
            assert_eq!(fs::read(home.roster_cache()).unwrap(), whole, "made anew");
        }
        fs::remove_dir_all(home.cache()).unwrap();
        assert_eq!(names(home), ["one"]);
        assert_eq!(fs::read(home.roster_cache()).unwrap(), whole);
    }

    #[test]
    fn a_copy_that_cannot_be_written_is_no_error() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        fs::write(home.cache(), "in the way").unwrap();
        assert_eq!(names(home), ["one"]);
        assert_eq!(fs::read(home.cache()).unwrap(), b"in the way");
    }

    #[test]
    fn what_a_killed_program_left_beside_the_copy_goes() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        fs::create_dir_all(home.cache()).unwrap();
        fs::write(home.cache().join(".roster-0123"), "half").unwrap();
        assert_eq!(names(home), ["one"]);
        let left: Vec<_> = fs::read_dir(home.cache())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["roster"]);
    }

    #[test]
    fn without_a_configuration_nobody_exists_and_nothing_is_made() {
        let Place { home, .. } = &place(None);
        assert_eq!(read(home).unwrap(), Roster::default());
        assert!(!home.cache().exists());
    }

    #[test]
    fn the_original_s_list_counts_where_there_is_no_yaml() {
        let Place { home, .. } = &place(None);
        write(&home.agents_json(), r#"[{"id":"Agent-1"}]"#);
        for _ in 0..2 {
            assert_eq!(names(home), ["agent-1"]);
        }
        write(&home.agents_yaml(), "agents: {one: }");
        assert_eq!(names(home), ["one"]);
    }

    #[test]
    fn a_fault_is_told_however_often_one_asks() {
        let Place { home, .. } = &place(Some("agents: {one: }"));
        assert_eq!(names(home), ["one"]);
        write(&home.agents_yaml(), "agents: {one: [}");
        for _ in 0..2 {
            let error = read(home).unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert_eq!(error.path(), Some(home.agents_yaml().as_path()));
        }
    }

    #[test]
    fn a_configuration_behind_a_link_or_beyond_measure_is_refused() {
        let Place { home, .. } = &place(None);
        std::os::unix::fs::symlink("/dev/zero", home.agents_yaml()).unwrap();
        assert_eq!(read(home).unwrap_err().kind(), Kind::Refused);
        fs::remove_file(home.agents_yaml()).unwrap();
        let file = fs::File::create(home.agents_yaml()).unwrap();
        file.set_len(LARGEST_SOURCE + 1).unwrap();
        assert!(matches!(read(home), Err(Error::Huge { .. })));
    }

    #[test]
    fn everybody_is_who_has_a_mailbox_or_is_registered() {
        let Place { home, .. } = &place(Some("agents: {one: , agent-2: }"));
        for name in ["agent-2", "b", "user", ".new-0123", "No", "x y"] {
            fs::create_dir(home.mailboxes().join(name)).unwrap();
        }
        fs::write(home.mailboxes().join("file"), "").unwrap();
        std::os::unix::fs::symlink("b", home.mailboxes().join("link")).unwrap();
        let all = everybody(home, &read(home).unwrap()).unwrap();
        let all: Vec<&str> = all.iter().map(AgentId::as_str).collect();
        assert_eq!(all, ["agent-2", "b", "one", "user"]);
    }
}
