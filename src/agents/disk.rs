//! The one file of this room that touches the world.

use std::path::PathBuf;
use std::time::Duration;

use super::Error;
use super::keys::Unknown;
use super::launch::{self, Agent, Launch, Onboarding};
use super::onboarding;
use super::parse::{self, Dialect};
use super::registry::{self, Registry};
use crate::names::{AgentId, Roster};
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Lock, Open, Target, Version, random_u64};

/// Format of the compiled copy: another number, and every copy is made anew.
const FORMAT: u32 = 2;
const LARGEST_SOURCE: u64 = 4 << 20;
const YAML: &str = "agents.yaml";
/// Below `cache/`.
const COPY: &str = "roster";
/// How long somebody else may edit, and how often the file may change under our hands.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: u64 = 20;

/// One version of a configuration file.
struct Source {
    path: PathBuf,
    dialect: Dialect,
    version: Version,
}

impl Source {
    /// `agents.yaml`, else the original's `agents.json`, else nothing.
    fn find(home: &Home) -> Result<Option<Self>, Error> {
        for (path, dialect) in [
            (home.agents_yaml(), Dialect::Ours),
            (home.agents_json(), Dialect::Original),
        ] {
            match Version::of(&path) {
                Ok(None) => {}
                Ok(Some(version)) => {
                    return Ok(Some(Self {
                        path,
                        dialect,
                        version,
                    }));
                }
                Err(source) => return Err(Error::Unreadable { path, source }),
            }
        }
        Ok(None)
    }

    fn is_still(&self, now: store::Ident) -> bool {
        self.version.is_still(now)
    }
}

/// Who exists. Without a configuration nobody does.
pub fn read(home: &Home) -> Result<Roster, Error> {
    let Some(source) = Source::find(home)? else {
        return Ok(Roster::default());
    };
    match compiled(home, &source) {
        Some(roster) => Ok(roster),
        None => compile(home, &source),
    }
}

fn compiled(home: &Home, source: &Source) -> Option<Roster> {
    let roster = store::compiled(home, &home.roster_cache(), &source.version, FORMAT)?;
    serde_json::from_slice(&roster).ok()
}

fn compile(home: &Home, source: &Source) -> Result<Roster, Error> {
    let (file, bytes) = whole(home, source)?;
    let roster = parse::roster(&bytes, source.dialect, &source.path)?;
    if source.is_still(file.opened()) && source.is_still(file.ident()?) {
        // Without a copy the next program parses again: slower, not wrong.
        let _ = keep(home, source, &roster);
    }
    Ok(roster)
}

fn whole(home: &Home, source: &Source) -> Result<(File, Vec<u8>), Error> {
    let file = File::of(home, &source.path, Open::Read)?;
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
    let (_, bytes) = whole(home, &source)?;
    launch::read(&bytes, source.dialect, &source.path)
}

/// Everything that is configured of each agent, in the order of the file.
pub fn agents(home: &Home) -> Result<Vec<Agent>, Error> {
    launch(home).map(|launch| launch.agents)
}

/// Whether any agent promises heartbeats or has a harness. A cheap look: most homes have neither, and a list need not
/// read the rest.
pub(crate) fn may_tell_how_they_do(home: &Home) -> Result<bool, Error> {
    let Some(source) = Source::find(home)? else {
        return Ok(false);
    };
    let (_, bytes) = whole(home, &source)?;
    let holds = |word: &[u8]| bytes.windows(word.len()).any(|bytes| bytes == word);
    Ok(holds(b"heartbeat") || holds(b"harness"))
}

/// The keys of the configuration that nobody reads.
pub fn unknown_keys(home: &Home) -> Result<Vec<Unknown>, Error> {
    launch(home).map(|launch| launch.unknown)
}

/// The text of an agent's onboarding template.
pub fn template_of(home: &Home, agent: &Agent) -> Result<String, Error> {
    let path = match &agent.onboarding {
        None => return Ok(onboarding::USUAL.to_owned()),
        Some(Onboarding::Text(text)) => return Ok(text.clone()),
        Some(Onboarding::File(path)) => home.dir().join(path),
    };
    // A pipe must not hang us before we have seen that it is one.
    let file = match File::open_foreign(&path) {
        Err(store::Error::Io { source, .. }) => {
            let source = source.into();
            return Err(Error::Unreadable { path, source });
        }
        file => file?,
    };
    let bytes = file.read_to_end(LARGEST_SOURCE)?;
    String::from_utf8(bytes).map_err(|error| Error::Unreadable {
        path,
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })
}

/// Changes `agents.yaml`. Of the original's `agents.json` one is made first, where there is only that; it stays.
///
/// Nothing is lost: programs wait for each other, and what a person saved meanwhile is found before or behind the
/// exchange of the two files; then the change is made anew, so that it may be called more than once.
pub fn edit(home: &Home, change: impl Fn(&mut Registry) -> Result<(), Error>) -> Result<(), Error> {
    let agents = Dir::make_path(home.dir(), home.inside(&home.agents()))?;
    let path = home.agents_yaml();
    let config = Dir::open(home.dir())?.sub(home.inside(&home.config()))?;
    for attempt in 0..TRIES {
        // An editor that saves right now is done soon.
        std::thread::sleep(Duration::from_millis(5 * attempt));
        let _lock = Lock::acquire(&agents, ".edit.lock", Deadline::after(PATIENCE))?;
        let before = there(&config, home)?;
        let mut registry = registry(home, before.as_deref())?;
        change(&mut registry)?;
        let is_same = before.as_deref() == Some(registry.text().as_bytes());
        if is_same || replace(&config, home, before.as_deref(), registry.text())? {
            return Ok(());
        }
    }
    Err(Error::KeepsChanging { path })
}

/// Whether a change would be refused as things stand. Nothing is written.
pub(crate) fn may_edit(
    home: &Home,
    change: impl Fn(&mut Registry) -> Result<(), Error>,
) -> Result<(), Error> {
    let config = Dir::open(home.dir())?.sub(home.inside(&home.config()))?;
    let before = there(&config, home)?;
    change(&mut registry(home, before.as_deref())?)
}

/// What stands in `agents.yaml`, or would after the first edit.
fn registry(home: &Home, before: Option<&[u8]>) -> Result<Registry, Error> {
    let path = home.agents_yaml();
    match before {
        Some(bytes) => Registry::read(parse::text(bytes, &path)?.to_owned(), &path),
        None => converted(home),
    }
}

fn there(config: &Dir, home: &Home) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = config.file_if_any(YAML, Open::Read)? else {
        return Ok(None);
    };
    if file.opened().size > LARGEST_SOURCE {
        return Err(Error::Huge {
            path: home.agents_yaml(),
            limit: LARGEST_SOURCE,
        });
    }
    Ok(Some(file.read_to_end(LARGEST_SOURCE)?))
}

fn converted(home: &Home) -> Result<Registry, Error> {
    let path = home.agents_yaml();
    match Source::find(home)? {
        Some(source) if source.dialect == Dialect::Original => {
            let (_, bytes) = whole(home, &source)?;
            registry::from_original(&bytes, &source.path, &path)
        }
        _ => Registry::read(String::new(), &path),
    }
}

/// Puts the text in the place of what was read; `false` where that is no longer what stands there.
fn replace(config: &Dir, home: &Home, before: Option<&[u8]>, text: &str) -> Result<bool, Error> {
    let aside = format!(".{YAML}-{:016x}", random_u64());
    let replaced = config
        .file(&aside, Open::New)
        .map_err(Error::from)
        .and_then(|file| {
            file.write_at(0, text.as_bytes())?;
            if let Some(there) = config.look(YAML)? {
                config.set_mode(&aside, there.mode & 0o777)?;
            }
            file.sync_data()?;
            exchange(config, home, &aside, before)
        });
    // Ours where it was not put there, theirs as it was read where it was. Anything else was saved by somebody in
    // the moment between two exchanges: it stays, beside the file.
    if let Some(left) = config.file_if_any(&aside, Open::Read)? {
        let left = left.read_to_end(LARGEST_SOURCE)?;
        if text.as_bytes().starts_with(&left) || before == Some(&left[..]) {
            config.remove(&aside)?;
        }
    }
    config.sync()?;
    replaced
}

fn exchange(config: &Dir, home: &Home, aside: &str, before: Option<&[u8]>) -> Result<bool, Error> {
    let Some(before) = before else {
        return match config.rename(aside, YAML, Target::Kept) {
            Err(e) if e.is_taken() => Ok(false),
            other => other.map(|()| true).map_err(Error::from),
        };
    };
    if there(config, home)?.as_deref() != Some(before) {
        return Ok(false);
    }
    match config.rename(aside, YAML, Target::Exchanged) {
        Ok(()) => {}
        Err(e) if e.is_absent() => return Ok(false),
        Err(e) if e.is_unsupported() => {
            config.rename(aside, YAML, Target::Replaced)?;
            return Ok(true);
        }
        Err(e) => return Err(e.into()),
    }
    let displaced = config.file(aside, Open::Read)?;
    if displaced.read_to_end(LARGEST_SOURCE)? == before && !displaced.has_writer() {
        return Ok(true);
    }
    // Saved between our look and the exchange.
    config.rename(aside, YAML, Target::Exchanged)?;
    Ok(false)
}

fn keep(home: &Home, source: &Source, roster: &Roster) -> Result<(), store::Error> {
    let roster = serde_json::to_vec(roster).expect("a roster has only text keys");
    let cache = Dir::make_path(home.dir(), home.inside(&home.cache()))?;
    store::keep_compiled(&cache, COPY, &source.version, FORMAT, &roster)
}

/// Everybody who is registered or has a mailbox, sorted. `user` and `system` are here once they have one.
pub fn everybody(home: &Home, roster: &Roster) -> Result<Vec<AgentId>, Error> {
    let mut all: Vec<AgentId> = Dir::of(home, &home.mailboxes())?
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
    use std::os::unix::fs::MetadataExt as _;
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

    fn register(home: &Home, name: &str) -> Result<(), Error> {
        let id = AgentId::parse(name).unwrap();
        edit(home, |registry| registry.register(&id, &[]))
    }

    fn yaml(home: &Home) -> String {
        fs::read_to_string(home.agents_yaml()).unwrap()
    }

    /// What lies in `config/`.
    fn listing(home: &Home) -> Vec<String> {
        Dir::of(home, &home.config()).unwrap().names().unwrap()
    }

    #[test]
    fn an_edit_is_seen_by_the_next_reader_and_leaves_nothing_behind() {
        let Place { home, .. } = &place(Some("# all\nagents: {one: } # 1\n"));
        assert_eq!(names(home), ["one"]);
        register(home, "two").unwrap();
        assert_eq!(names(home), ["one", "two"]);
        assert_eq!(yaml(home), "# all\nagents: {one: , two: {}} # 1\n");
        assert_eq!(listing(home), ["agents.yaml"]);
        let ids: Vec<_> = agents(home).unwrap().into_iter().map(|a| a.id).collect();
        assert_eq!(
            ids,
            read(home)
                .unwrap()
                .agents
                .into_iter()
                .map(|a| a.id)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_mode_is_kept_and_what_does_not_change_is_not_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let Place { home, .. } = &place(Some("agents: {one: }\n"));
        fs::set_permissions(home.agents_yaml(), fs::Permissions::from_mode(0o640)).unwrap();
        register(home, "two").unwrap();
        let meta = fs::metadata(home.agents_yaml()).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o640);
        edit(home, |registry| {
            registry.unset(&AgentId::parse("one").unwrap(), "cwd")
        })
        .unwrap();
        assert_eq!(fs::metadata(home.agents_yaml()).unwrap().ino(), meta.ino());
    }

    #[test]
    fn the_first_agent_makes_the_file() {
        let Place { home, .. } = &place(None);
        register(home, "one").unwrap();
        assert_eq!(yaml(home), "agents:\n  one: {}\n");
    }

    #[test]
    fn the_original_s_agents_are_taken_along_and_their_list_stays() {
        let Place { home, .. } = &place(None);
        let list = r#"[{"id":"Agent-1","role":"x","config":{}}]"#;
        write(&home.agents_json(), list);
        register(home, "two").unwrap();
        assert_eq!(names(home), ["agent-1", "two"]);
        assert_eq!(fs::read_to_string(home.agents_json()).unwrap(), list);
        assert!(yaml(home).contains("\"config\": {}"));
    }

    #[test]
    fn a_file_that_is_broken_or_behind_a_link_stays_as_it_is() {
        let Place { home, .. } = &place(Some("agents: {one: [}\n"));
        let error = register(home, "two").unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("agents.yaml:1:"), "{error}");
        assert_eq!(yaml(home), "agents: {one: [}\n");
        let elsewhere = home.dir().join("elsewhere");
        write(&elsewhere, "agents: {one: }\n");
        fs::remove_file(home.agents_yaml()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, home.agents_yaml()).unwrap();
        assert_eq!(register(home, "two").unwrap_err().kind(), Kind::Refused);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "agents: {one: }\n");
    }

    #[test]
    fn an_edit_that_is_refused_changes_nothing() {
        let Place { home, .. } = &place(Some("agents: {one: }\n"));
        assert_eq!(
            register(home, "One".to_lowercase().as_str())
                .unwrap_err()
                .kind(),
            Kind::CannotCreate
        );
        assert_eq!(yaml(home), "agents: {one: }\n");
        assert_eq!(listing(home), ["agents.yaml"]);
    }

    #[test]
    fn what_a_person_saves_meanwhile_is_not_lost() {
        let Place { home, .. } = &place(Some("agents: {one: }\n"));
        let times = std::cell::Cell::new(0);
        let two = AgentId::parse("two").unwrap();
        edit(home, |registry| {
            times.set(times.get() + 1);
            if times.get() == 1 {
                write(&home.agents_yaml(), "agents: {one: , saved: }\n");
            }
            registry.register(&two, &[])
        })
        .unwrap();
        assert_eq!(times.get(), 2);
        assert_eq!(names(home), ["one", "saved", "two"]);
    }

    #[test]
    fn a_file_that_somebody_has_open_for_writing_is_not_taken_from_him() {
        let Place { home, .. } = &place(Some("agents: {one: }\n"));
        let editor = fs::File::options()
            .append(true)
            .open(home.agents_yaml())
            .unwrap();
        let error = register(home, "two").unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        assert_eq!(yaml(home), "agents: {one: }\n");
        drop(editor);
        register(home, "two").unwrap();
        assert_eq!(listing(home), ["agents.yaml"]);
    }

    #[test]
    fn many_writers_lose_nothing() {
        let Place { home, .. } = &place(None);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                scope.spawn(move || {
                    for n in 0..5 {
                        register(home, &format!("a{writer}.{n}")).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(home).len(), 40);
        assert_eq!(listing(home), ["agents.yaml"]);
    }
}
