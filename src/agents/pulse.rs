//! `runtime/agents/<agent>/heartbeat` on disk, and what else is seen of an agent's process. Written by the agent.

use super::error::Error;
use super::health::{Activity, Pulse};
use super::state::State;
use crate::names::{AgentId, Permit};
use crate::root::Home;
use crate::store::proc;
use crate::store::{Dir, Open, Target, random_u64};
use crate::time::{Now, Timestamp};

const HEARTBEAT: &str = "heartbeat";
const LARGEST: u64 = 64 << 10;
const LONGEST_TEXT: usize = 1_000;

/// The agent lives. `None` leaves what it said before of that.
pub(crate) fn beat(
    home: &Home,
    permit: &Permit,
    activity: Option<Activity>,
    text: Option<&str>,
) -> Result<(), Error> {
    let caller = &permit.act().caller;
    let dir = Dir::make_path(home.dir(), home.inside(&home.agent(&permit.act().target)))?;
    let before = read(&dir)?.filter(|before| before.incarnation == caller.incarnation);
    let text = text.map(|text| text.chars().take(LONGEST_TEXT).collect());
    let at = Now::read().wall;
    let known = before.as_ref().map(|before| before.activity);
    let activity = activity.or(known).unwrap_or_default();
    let pulse = Pulse {
        at,
        incarnation: caller.incarnation.clone(),
        activity,
        since: before
            .as_ref()
            .filter(|before| before.activity == activity)
            .map_or(at, |before| before.since),
        text: text
            .or_else(|| before.map(|before| before.text))
            .unwrap_or_default(),
    };
    let mut bytes = serde_json::to_vec(&pulse).expect("every key is text");
    bytes.push(b'\n');
    let aside = format!(".heartbeat-{:016x}", random_u64());
    let written = dir
        .file(&aside, Open::New)
        .and_then(|file| file.write_at(0, &bytes))
        .and_then(|()| dir.rename(&aside, HEARTBEAT, Target::Replaced));
    if let Err(error) = written {
        // What was never made need not go.
        let _ = dir.remove(&aside);
        return Err(error.into());
    }
    Ok(())
}

/// What it said last; a file that cannot be read says nothing.
fn read(dir: &Dir) -> Result<Option<Pulse>, Error> {
    let Some(file) = dir.file_if_any(HEARTBEAT, Open::Read)? else {
        return Ok(None);
    };
    let bytes = file.read_to_end(LARGEST)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Signs of life of an agent that has a state.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    pub(crate) pulse: Option<Pulse>,
    pub(crate) printed: Option<Timestamp>,
    pub(crate) has_process: bool,
}

pub(crate) fn signs(home: &Home, agent: &AgentId, state: &State) -> Result<Signs, Error> {
    let dir = Dir::of(home, &home.agent(agent))?;
    let printed = dir.ident("output.log")?.filter(|log| log.size > 0);
    let ms = |ns: i128| i64::try_from(ns / 1_000_000).unwrap_or(0);
    let has_process = state.child.is_some_and(|child| {
        proc::stat(child.pid).is_some_and(|it| it.start_ticks == child.start_ticks && !it.is_zombie)
    });
    Ok(Signs {
        pulse: read(&dir)?,
        printed: printed.map(|log| Timestamp::from_unix_ms(ms(log.mtime_ns))),
        has_process,
    })
}
