//! `runtime/devlog/agents/<agent>/devlog.md`: what an agent tells in prose, one heading an entry.

use super::error::Error;
use crate::names::AgentId;
use crate::root::Home;
use crate::store::{Dir, Open, Target};
use crate::time::Timestamp;

const DEVLOG: &str = "devlog.md";
const BACKUP: &str = "devlog.md.backup";
const LARGEST: u64 = 64 << 20;

fn dir(home: &Home, agent: &AgentId) -> Result<Dir, Error> {
    Ok(Dir::make_path(
        home.dir(),
        home.inside(&home.devlog(agent)),
    )?)
}

pub(crate) fn read(home: &Home, agent: &AgentId) -> Result<String, Error> {
    let Some(file) = dir(home, agent)?.file_if_any(DEVLOG, Open::Read)? else {
        return Ok(String::new());
    };
    Ok(String::from_utf8_lossy(&file.read_to_end(LARGEST)?).into_owned())
}

/// One write, so that entries of several never mix.
pub(crate) fn add(home: &Home, agent: &AgentId, text: &str, now: Timestamp) -> Result<(), Error> {
    let file = dir(home, agent)?.file(DEVLOG, Open::AppendCreate)?;
    let head = match file.size()? {
        0 => format!("# {agent} Devlog\n"),
        _ => String::new(),
    };
    let entry = format!("{head}\n## {now}\n\n{}\n", text.trim_end());
    file.append_once(entry.as_bytes())?;
    Ok(())
}

/// Begins anew; what was there is the backup.
pub(crate) fn clear(home: &Home, agent: &AgentId, now: Timestamp) -> Result<(), Error> {
    let dir = dir(home, agent)?;
    match dir.rename(DEVLOG, BACKUP, Target::Replaced) {
        Err(error) if error.is_absent() => {}
        other => other?,
    }
    let file = dir.file(DEVLOG, Open::AppendCreate)?;
    file.append_once(format!("# {agent} Devlog\n\nLog cleared at {now}\n").as_bytes())?;
    Ok(())
}
