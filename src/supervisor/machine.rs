//! How an agent stands, and what is to be done when something happens: state × event → state and actions. Pure: time
//! and chance come in.

use std::collections::VecDeque;

use crate::agents::settings::{Restart, Settings};
use crate::agents::state::Exit;
use crate::names::Level;

/// Milliseconds of a clock that only counts up.
pub(super) type Ms = u64;

/// Alive for so long after its start: it runs.
const CONFIRM: Ms = 200;
/// What does not die of a kill is looked for again after so long.
const AGAIN: Ms = 20;
/// Ended by itself, unless its supervisor is told to end within so long.
const PARTING: Ms = 200;
/// A precondition that did not end within so long hangs: it is ended, and has failed.
pub(super) const PATIENCE: Ms = 60_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its preconditions are looked at; each has its time.
    Checking {
        until: Ms,
    },
    Starting {
        since: Ms,
        /// Alive then, it runs; `None`: it says so itself.
        confirm_at: Option<Ms>,
    },
    Running {
        since: Ms,
    },
    /// The child is over, or told to be; the rest of its processes is waited for.
    Ending {
        then: Then,
        kill_at: Ms,
    },
    Backoff {
        until: Ms,
    },
    /// It ended, nothing is left, and by its policy it does not come back. A machine that goes down tells it and us to
    /// end, in whatever order: then it did not end by itself, and is still wanted.
    Parting {
        exit: Exit,
        until: Ms,
    },
    Over(End),
}

/// What follows once no process of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stop,
    Restart,
    /// It ended by itself.
    Judge(Life),
    /// It came to no life this time.
    Retry,
    /// It can come to no life.
    Fatal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) exit: Exit,
    pub(super) lasted: Ms,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Stopped,
    Exited(Exit),
    /// Started anew by its owner only.
    Fatal(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// What the preconditions said; the reason of the one that failed.
    Checked(Result<(), String>),
    /// One of the preconditions holds; the next is looked at.
    Passed,
    /// It could not be started; with `may_pass` it may be the next time.
    NotSpawned {
        why: String,
        may_pass: bool,
    },
    /// It said so itself.
    Ready,
    /// It will not say so: it let go of what it could say it on.
    Mute,
    /// The child, not what it started.
    Exited(Exit),
    /// No process of it is left.
    Empty,
    Stop {
        grace: Option<Ms>,
    },
    Restart,
    /// Time has passed.
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Look at the preconditions, then say `Checked`.
    Check,
    /// End the precondition that hangs, then say `Checked`.
    GiveUp,
    Spawn,
    /// The signal of the settings to the child's group.
    Ask,
    /// A polite end to whatever the child left.
    AskRest,
    KillAll,
    /// Whoever waits for a start is told how it stands.
    Tell,
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    settings: Policy,
    pub(super) state: State,
    /// Why it stands so.
    pub(super) reason: String,
    /// How the last life ended.
    pub(super) exit: Option<Exit>,
    /// How often it was started anew by itself.
    pub(super) restarts: u32,
    recent: VecDeque<Ms>,
    /// Lives in a row that were too short.
    unproductive: u32,
    /// Those, and starts in a row that the preconditions refused.
    failures: u32,
}

/// What of the settings it goes by.
#[derive(Clone, Debug)]
struct Policy {
    restart: Restart,
    backoff: crate::agents::settings::Backoff,
    budget: crate::agents::settings::Budget,
    unproductive_after: Ms,
    grace: Ms,
    says_when_ready: bool,
}

impl Machine {
    /// Nothing comes after the end.
    pub(super) const fn is_stopping(&self) -> bool {
        matches!(
            self.state,
            State::Ending {
                then: Then::Stop,
                ..
            } | State::Over(_)
        )
    }
}

impl State {
    /// How the log calls its beginning; nothing is told of what passes at once.
    pub(super) fn told(&self) -> Option<(Level, &'static str)> {
        Some(match self {
            Self::Checking { .. }
            | Self::Starting { .. }
            | Self::Ending {
                then: Then::Retry | Then::Fatal,
                ..
            }
            | Self::Parting { .. } => return None,
            Self::Running { .. } => (Level::Info, "agent.started"),
            Self::Ending {
                then: Then::Judge(life),
                ..
            } if !life.exit.is_success() => (Level::Warn, "agent.exited"),
            Self::Ending {
                then: Then::Judge(_),
                ..
            } => (Level::Info, "agent.exited"),
            Self::Ending { .. } => (Level::Info, "agent.stopping"),
            Self::Backoff { .. } => (Level::Warn, "agent.backoff"),
            Self::Over(End::Stopped) => (Level::Info, "agent.stopped"),
            Self::Over(End::Exited(_)) => (Level::Info, "agent.over"),
            Self::Over(End::Fatal(_)) => (Level::Error, "agent.fatal"),
        })
    }
}

impl Machine {
    /// It begins with a look at the preconditions.
    pub(super) fn new(settings: &Settings, now: Ms) -> (Self, Vec<Action>) {
        let it = Self {
            settings: Policy {
                restart: settings.restart,
                backoff: settings.backoff,
                budget: settings.budget,
                unproductive_after: settings.unproductive_after,
                grace: settings.stop.grace,
                says_when_ready: settings.ready_fd.is_some(),
            },
            state: checking(now),
            reason: "started by its owner".into(),
            exit: None,
            restarts: 0,
            recent: VecDeque::new(),
            unproductive: 0,
            failures: 0,
        };
        (it, vec![Action::Check])
    }

    /// When `Clock` is due, if nothing happens before.
    pub(super) const fn deadline(&self) -> Option<Ms> {
        match self.state {
            State::Starting { confirm_at, .. } => confirm_at,
            State::Ending { kill_at, .. } => Some(kill_at),
            State::Checking { until } | State::Backoff { until } | State::Parting { until, .. } => {
                Some(until)
            }
            State::Running { .. } | State::Over(_) => None,
        }
    }

    /// `chance` is in 0..1.
    pub(super) fn step(&mut self, event: Event, now: Ms, chance: f64) -> Vec<Action> {
        let (state, actions) = self.next(event, now, chance);
        self.state = state;
        actions
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one table: what happens in which state"
    )]
    fn next(&mut self, event: Event, now: Ms, chance: f64) -> (State, Vec<Action>) {
        use Action::{Ask, AskRest, Check, GiveUp, KillAll, Spawn, Tell};
        let state = self.state.clone();
        match (state, event) {
            (State::Over(end), _) => (State::Over(end), vec![]),

            (State::Checking { .. }, Event::Checked(Ok(()))) => {
                let confirm_at = (!self.settings.says_when_ready).then_some(now + CONFIRM);
                let since = now;
                (State::Starting { since, confirm_at }, vec![Spawn])
            }
            // What they left is ended like the rest of a life.
            (State::Checking { .. }, Event::Checked(Err(why))) => {
                self.reason = why;
                self.failures += 1;
                (self.ending(Then::Retry, None, now), vec![AskRest])
            }
            (State::Checking { .. }, Event::Passed) => (checking(now), vec![]),
            (State::Checking { .. }, Event::Clock) if self.is_due(now) => {
                (checking(now), vec![GiveUp])
            }
            (
                State::Checking { .. } | State::Starting { .. },
                Event::NotSpawned { why, may_pass },
            ) => {
                let (then, reason) = if !may_pass {
                    (Then::Fatal, why)
                } else if self.may_fail_once_more(now) {
                    self.failures += 1;
                    (Then::Retry, why)
                } else {
                    (Then::Fatal, self.one_too_many(&why))
                };
                self.reason = reason;
                (self.ending(then, None, now), vec![AskRest])
            }
            (State::Starting { since, .. }, Event::Ready) => {
                self.reason = "it said that it is ready".into();
                (State::Running { since }, vec![Tell])
            }
            // Whoever ends closes it, too: from now on, not from its start.
            (State::Starting { since, .. }, Event::Mute) => {
                let confirm_at = Some(now + CONFIRM);
                (State::Starting { since, confirm_at }, vec![])
            }
            (State::Starting { since, .. }, Event::Clock) if self.is_due(now) => {
                self.reason = if self.settings.says_when_ready {
                    format!(
                        "alive {CONFIRM} ms after it closed what it could say that it is ready on"
                    )
                } else {
                    format!("alive {CONFIRM} ms after its start")
                };
                (State::Running { since }, vec![Tell])
            }
            (State::Starting { since, .. } | State::Running { since }, Event::Exited(exit)) => {
                self.exit = Some(exit);
                self.reason = format!("ended with {exit}");
                let lasted = now.saturating_sub(since);
                let then = Then::Judge(Life { exit, lasted });
                (self.ending(then, None, now), vec![AskRest])
            }

            (State::Starting { .. } | State::Running { .. }, Event::Stop { grace }) => {
                self.reason = "stopped by its owner".into();
                (self.ending(Then::Stop, grace, now), vec![Ask])
            }
            (State::Starting { .. } | State::Running { .. }, Event::Restart) => {
                self.reason = "restarted by its owner".into();
                (self.ending(Then::Restart, None, now), vec![Ask])
            }
            // No life is lost: what looks at the preconditions needs no grace.
            (State::Checking { .. }, Event::Stop { .. }) => {
                self.reason = "stopped by its owner".into();
                (self.ending(Then::Stop, Some(0), now), vec![KillAll])
            }
            (State::Backoff { .. } | State::Parting { .. }, Event::Stop { .. }) => {
                self.reason = "stopped by its owner".into();
                (State::Over(End::Stopped), vec![Tell])
            }
            (State::Backoff { .. } | State::Parting { .. }, Event::Restart) => {
                self.anew();
                (checking(now), vec![Check])
            }
            (State::Backoff { .. }, Event::Clock) if self.is_due(now) => {
                (checking(now), vec![Check])
            }
            (State::Parting { exit, .. }, Event::Clock) if self.is_due(now) => {
                (State::Over(End::Exited(exit)), vec![Tell])
            }

            (State::Ending { then, kill_at }, Event::Exited(exit)) => {
                self.exit = Some(exit);
                (State::Ending { then, kill_at }, vec![AskRest])
            }
            (State::Ending { then, .. }, Event::Empty) => self.ended(then, now, chance),
            // A stop is final, whatever was to follow.
            (State::Ending { kill_at, .. }, Event::Stop { grace }) => {
                self.reason = "stopped by its owner".into();
                let State::Ending { kill_at: new, .. } = self.ending(Then::Stop, grace, now) else {
                    unreachable!("it was just made")
                };
                let kill_at = kill_at.min(new);
                (
                    State::Ending {
                        then: Then::Stop,
                        kill_at,
                    },
                    vec![],
                )
            }
            (
                State::Ending {
                    then: Then::Judge(_) | Then::Retry | Then::Fatal,
                    kill_at,
                },
                Event::Restart,
            ) => (
                State::Ending {
                    then: Then::Restart,
                    kill_at,
                },
                vec![],
            ),
            (State::Ending { then, .. }, Event::Clock) if self.is_due(now) => {
                let kill_at = now + AGAIN;
                (State::Ending { then, kill_at }, vec![KillAll])
            }

            // What came too late, or says nothing new.
            (
                state @ (State::Checking { .. }
                | State::Starting { .. }
                | State::Running { .. }
                | State::Ending { .. }
                | State::Backoff { .. }
                | State::Parting { .. }),
                Event::Checked(_)
                | Event::Passed
                | Event::NotSpawned { .. }
                | Event::Ready
                | Event::Mute
                | Event::Exited(_)
                | Event::Empty
                | Event::Restart
                | Event::Clock,
            ) => (state, vec![]),
        }
    }

    fn is_due(&self, now: Ms) -> bool {
        self.deadline().is_some_and(|at| now >= at)
    }

    fn ending(&self, then: Then, grace: Option<Ms>, now: Ms) -> State {
        let kill_at = now.saturating_add(grace.unwrap_or(self.settings.grace));
        State::Ending { then, kill_at }
    }

    fn ended(&mut self, then: Then, now: Ms, chance: f64) -> (State, Vec<Action>) {
        match then {
            Then::Stop => (State::Over(End::Stopped), vec![Action::Tell]),
            Then::Restart => {
                self.anew();
                (checking(now), vec![Action::Check])
            }
            Then::Judge(life) => self.judge(life, now, chance),
            Then::Retry => (self.later(now, chance), vec![Action::Tell]),
            Then::Fatal => self.fatal(self.reason.clone()),
        }
    }

    fn judge(&mut self, life: Life, now: Ms, chance: f64) -> (State, Vec<Action>) {
        let exit = life.exit;
        let again = match self.settings.restart {
            Restart::Always => true,
            Restart::OnFailure => !exit.is_success(),
            Restart::Never => false,
        };
        if !again {
            let until = now + PARTING;
            return (State::Parting { exit, until }, vec![]);
        }
        let was_productive = life.lasted >= self.settings.unproductive_after;
        if was_productive {
            self.unproductive = 0;
            self.failures = 0;
        } else {
            self.unproductive += 1;
            self.failures += 1;
        }
        let budget = self.settings.budget;
        let has_failed = !was_productive || !exit.is_success();
        if has_failed && !self.may_fail_once_more(now) {
            let span = std::time::Duration::from_millis(budget.within);
            return self.fatal(format!(
                "crash loop: {} restarts within {span:?}, the last life ended with {exit}",
                budget.restarts
            ));
        }
        // Slower than the budget counts, and yet nothing comes of it.
        if self.unproductive > budget.restarts.max(1) {
            let span = std::time::Duration::from_millis(self.settings.unproductive_after);
            return self.fatal(format!(
                "{} lives in a row were shorter than {span:?}, the last ended with {exit}",
                self.unproductive
            ));
        }
        self.restarts += 1;
        match self.later(now, chance) {
            State::Backoff { until } if until <= now => {
                (checking(now), vec![Action::Tell, Action::Check])
            }
            state => (state, vec![Action::Tell]),
        }
    }

    /// Whether its budget allows for another failure now, which is counted.
    fn may_fail_once_more(&mut self, now: Ms) -> bool {
        let budget = self.settings.budget;
        while let Some(first) = self.recent.front()
            && now.saturating_sub(*first) >= budget.within
        {
            self.recent.pop_front();
        }
        let may = self.recent.len() < budget.restarts as usize;
        if may {
            self.recent.push_back(now);
        }
        may
    }

    /// Why it is given up, which this failure alone would not be a reason for.
    fn one_too_many(&self, last: &str) -> String {
        let span = std::time::Duration::from_millis(self.settings.budget.within);
        match self.recent.len() {
            0 => last.to_owned(),
            before => format!("{} failures within {span:?}, the last: {last}", before + 1),
        }
    }

    /// The pause before the next try.
    fn later(&self, now: Ms, chance: f64) -> State {
        if self.settings.restart == Restart::Never {
            return State::Over(End::Fatal(self.reason.clone()));
        }
        let backoff = self.settings.backoff;
        let failures = self.failures.saturating_sub(1).min(64);
        let exponent = i32::try_from(failures).expect("at most 64");
        #[expect(
            clippy::cast_precision_loss,
            reason = "a pause of 2^53 ms is not waited for"
        )]
        let (initial, max) = (backoff.initial as f64, backoff.max as f64);
        let pause = (initial * backoff.factor.max(1.0).powi(exponent)).min(max);
        let pause = pause * (1.0 + backoff.jitter.clamp(0.0, 1.0) * (2.0 * chance - 1.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and twice the longest pause"
        )]
        let pause = pause as Ms;
        State::Backoff { until: now + pause }
    }

    fn fatal(&mut self, why: String) -> (State, Vec<Action>) {
        self.reason.clone_from(&why);
        (State::Over(End::Fatal(why)), vec![Action::Tell])
    }

    /// Its owner starts it: what went wrong before is forgiven.
    fn anew(&mut self) {
        self.recent.clear();
        self.unproductive = 0;
        self.failures = 0;
        self.restarts = 0;
    }
}

/// The first of the preconditions, or the next.
const fn checking(now: Ms) -> State {
    State::Checking {
        until: now + PATIENCE,
    }
}

#[cfg(test)]
mod tests;
