//! Where a home is, and where everything lies in it. Every path of the toolkit is spelled here.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::names::{AgentId, Channel, Explain, Kind};

const COMMS: &str = "config/agent_comms";
const MAILBOXES: &str = "runtime/mailbox";

/// Who may write here may give orders in anybody's name, so other users must not.
const GUARDED: [&str; 4] = ["", "config", "runtime", MAILBOXES];

/// A directory with `config/` and `runtime/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The home that is named by `--home`, else by `$DREAMOS_HOME`, else the nearest of `cwd` and its parents
    /// that is one.
    ///
    /// A program without a terminal (cron, a service) that was started in `/` or in the user's own directory
    /// (`user_home`) stands there by accident: then no home is looked for.
    pub fn find(
        flag: Option<&Path>,
        env: Option<&OsStr>,
        cwd: &Path,
        interactive: bool,
        user_home: Option<&Path>,
    ) -> Result<Self, Error> {
        let env = env.filter(|dir| !dir.is_empty()).map(Path::new);
        match flag.or(env) {
            Some(named) => Self::named(named, cwd),
            None if !interactive && by_accident(cwd, user_home) => Err(Error::NoHome),
            None => Self::around(cwd),
        }
    }

    fn named(dir: &Path, cwd: &Path) -> Result<Self, Error> {
        // Collecting the components drops what `--home .` would leave in every path that we print.
        let home = Self::at(cwd.join(dir).components().collect::<PathBuf>());
        if is_own_dir(&home.mailboxes())? {
            return Ok(home);
        }
        Err(Error::NotAHome {
            path: home.dir,
            lacks: MAILBOXES,
        })
    }

    fn around(cwd: &Path) -> Result<Self, Error> {
        // A parent that we may not look into is no home of ours.
        let has = |dir: &Path, part| is_dir(&dir.join(part)).unwrap_or(false);
        cwd.ancestors()
            .find(|dir| is_own_dir(&dir.join(MAILBOXES)).unwrap_or(false) && has(dir, COMMS))
            .map(Self::at)
            .ok_or(Error::NoHome)
    }

    /// The home itself, unless other users may write to it. The sticky bit only keeps them from removing; it
    /// does not keep them from adding.
    pub fn closed(self) -> Result<Self, Error> {
        for part in GUARDED {
            let path = self.dir.join(part);
            if look(&path)?.is_some_and(|meta| meta.permissions().mode() & 0o002 != 0) {
                return Err(Error::Open {
                    path: path.components().collect(),
                });
            }
        }
        Ok(self)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path of this home, as seen from the home.
    pub(crate) fn inside<'p>(&self, path: &'p Path) -> &'p str {
        path.strip_prefix(&self.dir)
            .ok()
            .and_then(Path::to_str)
            .expect("spelled here, below the home, in ASCII")
    }

    pub fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    pub fn agents_yaml(&self) -> PathBuf {
        self.config().join("agents.yaml")
    }

    /// The original's list of agents; read where there is no `agents.yaml`.
    pub fn agents_json(&self) -> PathBuf {
        self.config().join("agents.json")
    }

    /// What people write down of the work of each agent.
    pub fn comms(&self) -> PathBuf {
        self.dir.join(COMMS)
    }

    /// The tasks of an agent.
    pub fn tasks(&self, agent: &AgentId) -> PathBuf {
        self.comms().join(format!("{agent}.json"))
    }

    /// What programs keep of tasks: claims, the versions that they wrote last, runs, the archive.
    pub fn task_states(&self) -> PathBuf {
        self.dir.join("runtime/tasks")
    }

    /// Tasks that are over, with their whole history.
    pub fn task_archive(&self) -> PathBuf {
        self.task_states().join("archive")
    }

    /// What the runs of tasks printed.
    pub fn task_runs(&self) -> PathBuf {
        self.task_states().join("runs")
    }

    pub fn mailboxes(&self) -> PathBuf {
        self.dir.join(MAILBOXES)
    }

    pub fn mailbox(&self, agent: &AgentId) -> PathBuf {
        self.mailboxes().join(agent.as_str())
    }

    /// The truth of a mailbox.
    pub fn journal(&self, agent: &AgentId) -> PathBuf {
        self.mailbox(agent).join("journal.jsonl")
    }

    /// Where the journals lie that a mailbox has done with.
    pub fn sealed_journals(&self, agent: &AgentId) -> PathBuf {
        self.mailbox(agent).join("archive")
    }

    /// The face of a mailbox.
    pub fn face(&self, agent: &AgentId) -> PathBuf {
        self.mailbox(agent).join("inbox.json")
    }

    pub fn devlogs(&self) -> PathBuf {
        self.dir.join("runtime/devlog/agents")
    }

    /// What an agent tells in prose.
    pub fn devlog(&self, agent: &AgentId) -> PathBuf {
        self.devlogs().join(agent.as_str())
    }

    pub fn logs(&self) -> PathBuf {
        self.dir.join("runtime/logs")
    }

    pub fn log(&self, channel: Channel) -> PathBuf {
        self.logs().join(format!("{}.log", channel.as_str()))
    }

    /// How large logs may grow, if anybody says so.
    pub fn logs_json(&self) -> PathBuf {
        self.dir.join("config/logs.json")
    }

    /// What was counted so far.
    pub fn metrics(&self) -> PathBuf {
        self.dir.join("runtime/metrics")
    }

    /// What the bot on Discord keeps.
    pub fn discord(&self) -> PathBuf {
        self.dir.join("runtime/discord")
    }

    /// What people decide of it.
    pub fn discord_yaml(&self) -> PathBuf {
        self.dir.join("config/discord.yaml")
    }

    /// Audio on its way to a voice channel.
    pub fn voice_queue(&self) -> PathBuf {
        self.dir.join("runtime/voice_queue")
    }

    /// Which engine and voice speaks where nobody says.
    pub fn voice_yaml(&self) -> PathBuf {
        self.dir.join("config/voice.yaml")
    }

    /// What is remembered.
    pub fn memories(&self) -> PathBuf {
        self.dir.join("runtime/memories")
    }

    pub fn agents(&self) -> PathBuf {
        self.dir.join("runtime/agents")
    }

    /// What the supervisor of an agent keeps.
    pub fn agent(&self, agent: &AgentId) -> PathBuf {
        self.agents().join(agent.as_str())
    }

    /// What was refused, and what was done that needs a right of its own: a chain of records.
    pub fn audit(&self) -> PathBuf {
        self.dir.join("runtime/audit")
    }

    /// How far journals and histories went when somebody wrote that down.
    pub fn anchors(&self) -> PathBuf {
        self.audit().join("anchors")
    }

    /// What an agent proves by that it is that agent.
    pub fn token(&self, agent: &AgentId) -> PathBuf {
        self.agent(agent).join("token")
    }

    /// What agents sign with, and open sealed mail with.
    pub fn private_keys(&self) -> PathBuf {
        self.dir.join("runtime/keys")
    }

    pub fn private_key(&self, agent: &AgentId) -> PathBuf {
        self.private_keys().join(format!("{agent}.json"))
    }

    /// What everybody may know of the keys of agents.
    pub fn public_keys(&self) -> PathBuf {
        self.config().join("security/keys")
    }

    pub fn public_key(&self, agent: &AgentId) -> PathBuf {
        self.public_keys().join(format!("{agent}.json"))
    }

    /// What bots, bridges and posters log in with, encrypted.
    pub fn secret_store(&self) -> PathBuf {
        self.dir.join("runtime/secrets/store.age")
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.join("runtime/cache")
    }

    /// The compiled copy of `agents.yaml`.
    pub fn roster_cache(&self) -> PathBuf {
        self.cache().join("roster")
    }

    /// Who may do what, if anybody says so.
    pub fn policies(&self) -> PathBuf {
        self.config().join("security/policies.yaml")
    }

    /// The compiled copy of that.
    pub fn policy_cache(&self) -> PathBuf {
        self.cache().join("policy")
    }

    /// The tokens that were issued to what nobody supervises.
    pub fn issued_tokens(&self, agent: &AgentId) -> PathBuf {
        self.security().join(format!("tokens/{agent}.json"))
    }

    /// What waits for the word of a person.
    pub fn approvals(&self) -> PathBuf {
        self.security().join("approvals/waiting.json")
    }

    /// What is counted against the limits of the policy.
    pub fn rates(&self) -> PathBuf {
        self.security().join("rates.json")
    }

    fn security(&self) -> PathBuf {
        self.dir.join("runtime/security")
    }
}

/// `None` where there is nothing of that name.
fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    look_at(path, |path| std::fs::metadata(path))
}

fn look_at(
    path: &Path,
    metadata: impl Fn(&Path) -> io::Result<Metadata>,
) -> Result<Option<Metadata>, Error> {
    match metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(Error::Unreadable {
            path: path.into(),
            source,
        }),
    }
}

fn is_dir(path: &Path) -> Result<bool, Error> {
    look(path).map(|meta| meta.is_some_and(|meta| meta.is_dir()))
}

/// The last step to the mail is no link: what lies elsewhere belongs to somebody else.
fn is_own_dir(path: &Path) -> Result<bool, Error> {
    Ok(look_at(path, |path| std::fs::symlink_metadata(path))?.is_some_and(|meta| meta.is_dir()))
}

fn by_accident(cwd: &Path, user_home: Option<&Path>) -> bool {
    let same = |dir: &Path| {
        // By inode: `$HOME` may be spelled through a link. Where we cannot look, the spelling decides.
        let place = |path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
        match (place(dir), place(cwd)) {
            (Ok(a), Ok(b)) => a == b,
            _ => dir == cwd,
        }
    };
    same(Path::new("/")) || user_home.is_some_and(same)
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no dreamos home here")]
    NoHome,
    #[error("{path} is no dreamos home: it lacks {lacks}")]
    NotAHome { path: PathBuf, lacks: &'static str },
    #[error("other users may write to {path}")]
    Open { path: PathBuf },
    #[error("can't look at {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoHome | Self::NotAHome { .. } | Self::Open { .. } => Kind::Config,
            Self::Unreadable { .. } => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome | Self::NotAHome { .. } => {
                "make one with `agentctl init DIR`, or name one with --home DIR or DREAMOS_HOME"
                    .into()
            }
            Self::Open { path } => format!(
                "take the right away: chmod o-w {}; or take the risk: --insecure-home",
                path.display()
            ),
            Self::Unreadable { .. } => return None,
        })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::NoHome => None,
            Self::NotAHome { path, .. } | Self::Open { path } | Self::Unreadable { path, .. } => {
                Some(path)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir_all, set_permissions};

    use super::*;

    /// A home named `name`, and a directory far below it.
    fn home(place: &Path, name: &str) -> (PathBuf, PathBuf) {
        let dir = place.join(name);
        let deep = dir.join("src/deep");
        for part in [COMMS, MAILBOXES] {
            create_dir_all(dir.join(part)).unwrap();
        }
        create_dir_all(&deep).unwrap();
        (dir, deep)
    }

    fn place() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn the_flag_wins_then_the_environment_then_the_nearest_parent() {
        let place = place();
        let (a, b) = (home(place.path(), "a").0, home(place.path(), "b").0);
        let (c, deep) = home(place.path(), "c");
        let find = |flag, env| Home::find(flag, env, &deep, true, None).unwrap();
        assert_eq!(find(Some(&a), Some(b.as_os_str())).dir(), a);
        assert_eq!(find(None, Some(b.as_os_str())).dir(), b);
        assert_eq!(find(None, None).dir(), c);
        assert_eq!(find(None, Some(OsStr::new(""))).dir(), c, "empty is unset");
        assert_eq!(
            find(Some(Path::new("../../../a")), None).dir(),
            deep.join("../../../a")
        );
    }

    #[test]
    fn a_home_named_by_a_dot_is_the_directory_itself() {
        let place = place();
        let (dir, _) = home(place.path(), "a");
        let found = Home::find(Some(Path::new("./")), None, &dir, true, None).unwrap();
        assert_eq!(found.dir().as_os_str(), dir.as_os_str());
    }

    #[test]
    fn the_nearest_home_is_found_and_half_a_home_is_passed_by() {
        let place = place();
        let (outer, _) = home(place.path(), "outer");
        let (inner, deep) = home(&outer, "inner");
        create_dir_all(deep.join(MAILBOXES)).unwrap();
        let found = Home::find(None, None, &deep, true, None).unwrap();
        assert_eq!(found.dir(), inner);
    }

    #[test]
    fn a_named_directory_that_is_no_home_is_said_and_nothing_else_is_taken_instead() {
        let place = place();
        let (_, deep) = home(place.path(), "a");
        for named in [place.path().join("typo"), deep.clone()] {
            let error = Home::find(Some(&named), None, &deep, true, None).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{} is no dreamos home: it lacks runtime/mailbox",
                    named.display()
                )
            );
            assert_eq!(error.kind(), Kind::Config);
        }
    }

    #[test]
    fn without_a_terminal_no_home_is_looked_for_from_where_cron_starts_us() {
        let place = place();
        let (dir, deep) = home(place.path(), "a");
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&deep, &link).unwrap();
        let find = |cwd: &Path, interactive, user_home: &Path| {
            Home::find(None, None, cwd, interactive, Some(user_home)).ok()
        };
        assert_eq!(find(&deep, false, &deep), None);
        assert_eq!(
            find(&deep, false, &link),
            None,
            "the same directory by a link"
        );
        assert_eq!(find(&deep, true, &deep), Some(Home::at(&dir)));
        assert_eq!(find(&deep, false, place.path()), Some(Home::at(&dir)));
        let named = Home::find(Some(&dir), None, &deep, false, Some(&deep)).unwrap();
        assert_eq!(named.dir(), dir);
    }

    #[test]
    fn a_home_that_others_may_write_to_is_refused() {
        let place = place();
        let (dir, deep) = home(place.path(), "a");
        for part in GUARDED {
            let path: PathBuf = dir.join(part).components().collect();
            for mode in [0o757, 0o1777] {
                set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                for flag in [Some(dir.as_path()), None] {
                    let found = Home::find(flag, None, &deep, true, None).unwrap();
                    let error = found.closed().unwrap_err();
                    let hint = format!(
                        "take the right away: chmod o-w {}; or take the risk: --insecure-home",
                        path.display()
                    );
                    assert_eq!(error.hint(), Some(hint));
                }
            }
            set_permissions(&path, Permissions::from_mode(0o775)).unwrap();
            let found = Home::find(None, None, &deep, true, None).unwrap();
            assert!(found.closed().is_ok());
        }
    }
}
