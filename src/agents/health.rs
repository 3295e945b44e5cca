//! How an agent does, derived from three signals that are kept apart: its process, its progress, and what it owes. Pure.
//! Nothing is killed for it: a signal that is old is a reason to look, not a verdict.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::launch::Heartbeat;
use super::state::{Process, State};
use crate::time::Timestamp;

/// What an agent says of itself with `agentctl heartbeat` and `agentctl activity`; `heartbeat` on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    pub at: Timestamp,
    /// Of which life; that of another life says nothing.
    pub incarnation: Option<String>,
    pub activity: Activity,
    /// Since when it says so.
    #[serde(default)]
    pub since: Timestamp,
    /// In its own words.
    pub text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    Working,
    NeedsInput,
    Idle,
    /// Nobody said: never taken for idle.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Activity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::NeedsInput => "needs_input",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }
}

/// What was seen of an agent.
#[derive(Clone, Debug)]
pub struct Signals<'a> {
    pub state: &'a State,
    /// Its child is there and no zombie.
    pub has_process: bool,
    pub pulse: Option<&'a Pulse>,
    /// When it last printed something.
    pub printed: Option<Timestamp>,
    /// Since when it holds a lease or a task, or leaves mail lying.
    pub owes_since: Option<Timestamp>,
    /// What its screen tells, and by which prompt.
    pub screen: Option<(Activity, &'static str)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    pub state: Condition,
    pub activity: Activity,
    /// Since when it does that; unknown where the activity is.
    pub activity_since: Option<Timestamp>,
    /// Of its state, or of its last sign of life.
    pub since: Option<Timestamp>,
    /// By what this is seen.
    pub evidence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Ok,
    /// It owes something and makes no progress.
    Stalled,
    /// Its supervisor says that it runs, and there is no process.
    Zombie,
    /// It promised heartbeats and sends none.
    Silent,
    /// It does not run.
    Down,
}

impl Condition {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stalled => "stalled",
            Self::Zombie => "zombie",
            Self::Silent => "silent",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A screen that did not change for so long shows no work: programs that work draw something all the time.
const SETTLED: Duration = Duration::from_secs(5);

/// Whether its screen is worth a look: it says nothing of itself, and draws nothing.
pub fn may_wait(seen: &Signals<'_>, now: Timestamp) -> bool {
    let drawn = seen.printed.unwrap_or(seen.state.since);
    let says = own_word(seen).map(|pulse| pulse.activity);
    seen.state.state == Process::Running
        && says.is_none_or(|activity| activity == Activity::Unknown)
        && now.since(drawn.max(seen.state.since)) >= SETTLED
}

/// What it says of itself in this life: what an earlier life said is inert.
fn own_word<'a>(seen: &Signals<'a>) -> Option<&'a Pulse> {
    let of_this_life =
        |pulse: &&Pulse| pulse.incarnation.is_some() && pulse.incarnation == seen.state.incarnation;
    seen.pulse.filter(of_this_life)
}

/// Who owes something may go without progress for so long.
const PATIENCE: Duration = Duration::from_mins(5);

/// Whether it showed nothing for so long that it matters what it owes.
pub fn is_quiet(seen: &Signals<'_>, heartbeat: Option<Heartbeat>, now: Timestamp) -> bool {
    let last = [seen.pulse.map(|pulse| pulse.at), seen.printed];
    let last = last
        .into_iter()
        .flatten()
        .fold(seen.state.since, Timestamp::max);
    let timeout = heartbeat.map_or(PATIENCE, |it| Duration::from_millis(it.timeout));
    seen.state.state == Process::Running && now.since(last) >= timeout
}

pub fn judge(seen: &Signals<'_>, heartbeat: Option<Heartbeat>, now: Timestamp) -> Health {
    let state = seen.state;
    let pulse = own_word(seen);
    let said = pulse.filter(|pulse| pulse.activity != Activity::Unknown);
    let printed = seen.printed.filter(|at| *at >= state.since);
    let (activity, activity_since) = match (said, seen.screen) {
        (Some(pulse), _) => (pulse.activity, Some(pulse.since)),
        (None, Some((activity, _))) => (activity, Some(printed.unwrap_or(state.since))),
        (None, None) => (Activity::Unknown, None),
    };
    let told = |condition, since, evidence| Health {
        state: condition,
        activity,
        activity_since,
        since,
        evidence,
    };
    if state.state != Process::Running {
        let evidence = format!("it {}: {}", state.state.in_words(), state.reason);
        return told(Condition::Down, Some(state.since), evidence);
    }
    if !seen.has_process {
        let pid = state.child.map_or(0, |child| child.pid);
        let evidence = format!("its process {pid} is gone, and its supervisor has not noticed");
        return told(Condition::Zombie, Some(state.since), evidence);
    }
    let beat = pulse.map_or(state.since, |pulse| pulse.at);
    let timeout = heartbeat.map(|it| Duration::from_millis(it.timeout));
    let progress = printed.map_or(beat, |printed| printed.max(beat));
    let quiet = now.since(progress);
    if let Some(owes) = seen.owes_since
        && now.since(owes) >= timeout.unwrap_or(PATIENCE)
        && quiet >= timeout.unwrap_or(PATIENCE)
    {
        let evidence = format!("it has had work since {owes} and showed nothing since {progress}");
        return told(Condition::Stalled, Some(progress), evidence);
    }
    if let Some(timeout) = timeout
        && now.since(beat) >= timeout
    {
        let evidence = format!("no heartbeat since {beat}, promised every {timeout:?} at most");
        return told(Condition::Silent, Some(beat), evidence);
    }
    let evidence = match (pulse, printed, seen.screen.filter(|_| said.is_none())) {
        (_, _, Some((_, prompt))) => format!("its screen shows {prompt:?} and does not change"),
        (Some(pulse), ..) if !pulse.text.is_empty() => format!("it says: {}", pulse.text),
        (Some(pulse), ..) => format!("heartbeat at {}", pulse.at),
        (None, Some(at), None) => format!("it printed something at {at}"),
        (None, None, None) => state.evidence.clone(),
    };
    told(Condition::Ok, Some(progress), evidence)
}

#[cfg(test)]
mod tests {
    use super::super::state::{Pid, VERSION, Wanted};
    use super::*;
    use crate::names::AgentId;

    const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn state(process: Process) -> State {
        State {
            v: VERSION,
            agent: AgentId::parse("agent-1").unwrap(),
            state: process,
            wanted: Wanted::Up,
            since: START,
            reason: "because".into(),
            evidence: "pid 7 is our child".into(),
            boot: String::new(),
            supervisor: None,
            child: Some(Pid {
                pid: 7,
                start_ticks: 1,
            }),
            incarnation: Some("life".into()),
            pipe: None,
            restarts: 0,
            exit: None,
            next_start: None,
        }
    }

    fn pulse(at: Timestamp, life: &str) -> Pulse {
        Pulse {
            at,
            incarnation: Some(life.into()),
            activity: Activity::Working,
            since: at,
            text: "epoch 5/100".into(),
        }
    }

    const BEATS: Heartbeat = Heartbeat {
        interval: 30_000,
        timeout: 60_000,
    };

    fn seen(state: &State) -> Signals<'_> {
        Signals {
            state,
            has_process: true,
            pulse: None,
            printed: None,
            owes_since: None,
            screen: None,
        }
    }

    #[test]
    fn its_own_word_goes_before_what_its_screen_shows() {
        let running = state(Process::Running);
        let waiting = Signals {
            printed: Some(after(10)),
            screen: Some((Activity::Idle, "❯")),
            ..seen(&running)
        };
        assert!(!may_wait(&waiting, after(14)) && may_wait(&waiting, after(15)));
        let health = judge(&waiting, None, after(20));
        assert_eq!(
            (health.activity, health.activity_since),
            (Activity::Idle, Some(after(10)))
        );
        assert!(health.evidence.contains("❯"), "{health:?}");
        let pulse = pulse(after(5), "life");
        let working = Signals {
            pulse: Some(&pulse),
            ..waiting
        };
        assert!(!may_wait(&working, after(99)));
        let health = judge(&working, None, after(20));
        assert_eq!(
            (health.activity, health.activity_since),
            (Activity::Working, Some(after(5)))
        );
    }

    #[test]
    fn one_old_signal_alone_is_no_illness() {
        let running = state(Process::Running);
        let quiet = seen(&running);
        assert_eq!(judge(&quiet, None, after(9_999)).state, Condition::Ok);
        let owing = Signals {
            owes_since: Some(START),
            printed: Some(after(9_990)),
            ..seen(&running)
        };
        assert_eq!(judge(&owing, None, after(9_999)).state, Condition::Ok);
    }

    #[test]
    fn who_owes_and_shows_nothing_is_stalled() {
        let running = state(Process::Running);
        let owing = Signals {
            owes_since: Some(after(10)),
            ..seen(&running)
        };
        assert_eq!(judge(&owing, None, after(309)).state, Condition::Ok);
        let health = judge(&owing, None, after(310));
        assert_eq!(health.state, Condition::Stalled);
        assert!(
            health.evidence.starts_with("it has had work since"),
            "{health:?}"
        );
    }

    #[test]
    fn a_promised_heartbeat_that_stays_away_is_silence() {
        let running = state(Process::Running);
        let beating = pulse(after(100), "life");
        let it = Signals {
            pulse: Some(&beating),
            ..seen(&running)
        };
        let fine = judge(&it, Some(BEATS), after(159));
        assert_eq!(
            (fine.state, fine.activity),
            (Condition::Ok, Activity::Working)
        );
        assert_eq!(fine.evidence, "it says: epoch 5/100");
        assert_eq!(judge(&it, Some(BEATS), after(160)).state, Condition::Silent);
    }

    #[test]
    fn what_an_earlier_life_said_is_inert() {
        let running = state(Process::Running);
        let earlier = pulse(after(100), "another");
        let it = Signals {
            pulse: Some(&earlier),
            ..seen(&running)
        };
        let health = judge(&it, Some(BEATS), after(101));
        assert_eq!(
            (health.state, health.activity),
            (Condition::Silent, Activity::Unknown)
        );
    }

    #[test]
    fn a_process_that_is_gone_is_a_zombie_and_one_that_was_stopped_is_down() {
        let running = state(Process::Running);
        let gone = Signals {
            has_process: false,
            ..seen(&running)
        };
        assert_eq!(judge(&gone, None, after(1)).state, Condition::Zombie);
        let stopped = state(Process::Stopped);
        assert_eq!(
            judge(&seen(&stopped), None, after(1)).state,
            Condition::Down
        );
    }
}
