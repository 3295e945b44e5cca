//! `runtime/devlog/agents/<agent>/devlog.md`: what an agent tells in prose, one heading an entry.

use serde::Serialize;

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

/// One heading, and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<'d> {
    /// `None`: it stands before the first one.
    pub heading: Option<&'d str>,
    /// Where the heading is a time, as ours are.
    pub timestamp: Option<Timestamp>,
    pub text: &'d str,
}

/// What a devlog consists of, beside its title.
pub fn entries(devlog: &str) -> Vec<Entry<'_>> {
    let mut pieces = devlog.split("\n## ");
    let first = pieces.next().unwrap_or_default();
    let first = match first.strip_prefix("## ") {
        Some(piece) => Some(headed(piece)),
        None => before_all_headings(first),
    };
    first.into_iter().chain(pieces.map(headed)).collect()
}

fn headed(piece: &str) -> Entry<'_> {
    let (heading, text) = piece.split_once('\n').unwrap_or((piece, ""));
    let heading = heading.trim();
    Entry {
        heading: Some(heading),
        timestamp: Timestamp::parse(heading),
        text: bare(text),
    }
}

fn before_all_headings(piece: &str) -> Option<Entry<'_>> {
    let text = match piece.strip_prefix("# ") {
        Some(titled) => titled.split_once('\n').map_or("", |(_, text)| text),
        None => piece,
    };
    let entry = Entry {
        heading: None,
        timestamp: None,
        text: bare(text),
    };
    (!entry.text.is_empty()).then_some(entry)
}

/// Without the empty lines around it.
fn bare(text: &str) -> &str {
    text.trim_end().trim_start_matches(['\n', '\r'])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devlog_is_one_entry_a_heading_ours_or_a_persons() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000);
        let devlog = format!(
            "# agent-1 Devlog\n\nLog cleared at noon\n\n## {now}\n\n  one\n\ntwo\n## By hand \n### below\n## bare"
        );
        let time = now.to_string();
        let entry = |heading, timestamp, text| Entry {
            heading,
            timestamp,
            text,
        };
        let expected = [
            entry(None, None, "Log cleared at noon"),
            entry(Some(time.as_str()), Some(now), "  one\n\ntwo"),
            entry(Some("By hand"), None, "### below"),
            entry(Some("bare"), None, ""),
        ];
        assert_eq!(entries(&devlog), expected);
        assert_eq!(entries("## bare"), expected[3..]);
        for empty in ["", "# agent-1 Devlog", "# agent-1 Devlog\n\n"] {
            assert_eq!(entries(empty), []);
        }
    }
}
