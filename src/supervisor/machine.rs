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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agents::settings::{self, Backoff, Budget, Output, Stop};
    use crate::names::AgentId;

    fn settings(restart: Restart) -> Settings {
        Settings {
            v: settings::VERSION,
            agent: AgentId::parse("agent-1").unwrap(),
            command: vec!["true".into()],
            cwd: "/".into(),
            env: Vec::new(),
            tty: false,
            restart,
            backoff: Backoff {
                initial: 1_000,
                max: 8_000,
                factor: 2.0,
                jitter: 0.0,
            },
            budget: Budget {
                restarts: 3,
                within: 60_000,
            },
            unproductive_after: 10_000,
            stop: Stop {
                signal: 15,
                grace: 5_000,
            },
            preconditions: Vec::new(),
            ready_fd: None,
            output: Output::default(),
        }
    }

    /// A machine, its clock, and a child that does what it is told.
    struct Rig {
        machine: Machine,
        now: Ms,
    }

    impl Rig {
        /// Started, and it has said nothing for long.
        fn silent() -> Self {
            let mut it = settings(Restart::Never);
            it.ready_fd = Some(3);
            let (machine, _) = Machine::new(&it, 0);
            let mut rig = Self { machine, now: 0 };
            rig.start();
            rig.now += 60_000;
            rig
        }

        fn new(restart: Restart) -> Self {
            let now = 1_000;
            let (machine, actions) = Machine::new(&settings(restart), now);
            assert_eq!(actions, [Action::Check]);
            Self { machine, now }
        }

        fn happen(&mut self, event: Event) -> Vec<Action> {
            self.machine.step(event, self.now, 0.5)
        }

        fn start(&mut self) {
            assert_eq!(self.happen(Event::Checked(Ok(()))), [Action::Spawn]);
        }

        /// A life of so many milliseconds.
        fn live(&mut self, lasted: Ms, exit: Exit) -> Vec<Action> {
            self.start();
            if lasted >= CONFIRM {
                self.now += CONFIRM;
                assert_eq!(self.happen(Event::Clock), [Action::Tell]);
                self.now += lasted - CONFIRM;
            } else {
                self.now += lasted;
            }
            assert_eq!(self.happen(Event::Exited(exit)), [Action::AskRest]);
            self.happen(Event::Empty)
        }

        fn wait(&mut self) -> Ms {
            let at = self.machine.deadline().expect("something is waited for");
            let waited = at - self.now;
            self.now = at;
            assert_eq!(self.happen(Event::Clock), [Action::Check]);
            waited
        }
    }

    #[test]
    fn a_start_is_confirmed_after_a_while_and_not_before() {
        let mut rig = Rig::new(Restart::Never);
        rig.start();
        rig.now += CONFIRM - 1;
        assert_eq!(rig.happen(Event::Clock), []);
        rig.now += 1;
        assert_eq!(rig.happen(Event::Clock), [Action::Tell]);
        assert!(matches!(rig.machine.state, State::Running { .. }));
    }

    #[test]
    fn one_that_says_when_it_is_ready_is_believed_and_nothing_else_is() {
        let mut rig = Rig::silent();
        assert_eq!(rig.happen(Event::Clock), []);
        assert_eq!(rig.happen(Event::Ready), [Action::Tell]);
    }

    #[test]
    fn one_that_will_not_say_when_it_is_ready_runs_if_it_is_alive_after_a_while() {
        let mut rig = Rig::silent();
        assert_eq!(rig.happen(Event::Mute), []);
        assert_eq!(rig.happen(Event::Clock), [], "it may be about to end");
        rig.now += CONFIRM;
        assert_eq!(rig.happen(Event::Clock), [Action::Tell]);
        assert!(matches!(rig.machine.state, State::Running { .. }));
    }

    #[test]
    fn short_lives_wait_longer_each_time_and_a_long_one_forgives_them() {
        let mut rig = Rig::new(Restart::Always);
        rig.live(50, Exit::Code(1));
        assert_eq!(rig.wait(), 1_000);
        rig.live(50, Exit::Code(1));
        assert_eq!(rig.wait(), 2_000);
        rig.now += 120_000;
        rig.live(20_000, Exit::Code(0));
        assert_eq!(rig.wait(), 1_000);
        assert_eq!(rig.machine.restarts, 3);
    }

    #[test]
    fn a_crash_loop_is_fatal_and_says_so() {
        let mut rig = Rig::new(Restart::OnFailure);
        for _ in 0..3 {
            rig.live(50, Exit::Code(7));
            rig.wait();
        }
        assert_eq!(rig.live(50, Exit::Code(7)), [Action::Tell]);
        let State::Over(End::Fatal(why)) = &rig.machine.state else {
            panic!("{:?}", rig.machine.state)
        };
        assert_eq!(
            why,
            "crash loop: 3 restarts within 60s, the last life ended with exit code 7"
        );
        assert_eq!(
            rig.happen(Event::Restart),
            [],
            "its owner starts another one"
        );
    }

    #[test]
    fn lives_too_short_to_do_anything_are_fatal_even_if_they_are_far_between() {
        let mut rig = Rig::new(Restart::Always);
        for _ in 0..3 {
            rig.live(9_000, Exit::Code(0));
            rig.wait();
            rig.now += 100_000;
        }
        rig.live(9_000, Exit::Code(0));
        assert!(
            matches!(&rig.machine.state, State::Over(End::Fatal(why)) if why.starts_with("4 lives in a row")),
            "{:?}",
            rig.machine.state
        );
    }

    #[test]
    fn the_policy_decides_who_comes_back() {
        for (restart, exit, comes_back) in [
            (Restart::Always, Exit::Code(0), true),
            (Restart::OnFailure, Exit::Code(0), false),
            (Restart::OnFailure, Exit::Code(3), true),
            (Restart::OnFailure, Exit::Signal(9), true),
            (Restart::Never, Exit::Code(3), false),
        ] {
            let mut rig = Rig::new(restart);
            rig.live(20_000, exit);
            let came_back = matches!(rig.machine.state, State::Backoff { .. });
            assert_eq!(came_back, comes_back, "{restart:?} {exit}");
        }
    }

    #[test]
    fn who_ended_just_before_a_stop_was_stopped_and_else_by_itself() {
        for (stops, end) in [(false, End::Exited(Exit::Code(0))), (true, End::Stopped)] {
            let mut rig = Rig::new(Restart::OnFailure);
            assert_eq!(rig.live(20_000, Exit::Code(0)), []);
            rig.now += PARTING - 1;
            assert_eq!(rig.happen(Event::Clock), []);
            if stops {
                assert_eq!(rig.happen(Event::Stop { grace: None }), [Action::Tell]);
            }
            rig.now += 1;
            rig.happen(Event::Clock);
            assert_eq!(rig.machine.state, State::Over(end));
        }
    }

    #[test]
    fn what_cannot_be_started_is_not_tried_again() {
        let mut rig = Rig::new(Restart::Always);
        rig.start();
        assert_eq!(
            rig.happen(not_spawned("no such command", false)),
            [Action::AskRest],
            "the preconditions may have left something"
        );
        assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
        assert_eq!(
            rig.machine.state,
            State::Over(End::Fatal("no such command".into()))
        );
    }

    fn not_spawned(why: &str, may_pass: bool) -> Event {
        let why = why.into();
        Event::NotSpawned { why, may_pass }
    }

    #[test]
    fn what_cannot_be_started_just_now_is_tried_again_within_its_budget() {
        let mut rig = Rig::new(Restart::OnFailure);
        for waited in [1_000, 2_000, 4_000] {
            rig.start();
            assert_eq!(rig.happen(not_spawned("busy", true)), [Action::AskRest]);
            assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
            assert_eq!(rig.machine.reason, "busy");
            assert_eq!(rig.wait(), waited);
        }
        rig.start();
        rig.happen(not_spawned("busy", true));
        rig.happen(Event::Empty);
        let why = "4 failures within 60s, the last: busy";
        assert_eq!(rig.machine.state, State::Over(End::Fatal(why.into())));
    }

    #[test]
    fn a_failing_precondition_spawns_nothing_and_is_looked_at_again() {
        let mut rig = Rig::new(Restart::OnFailure);
        let no = || Event::Checked(Err("not logged in".into()));
        assert_eq!(rig.happen(no()), [Action::AskRest]);
        assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
        assert_eq!(rig.machine.reason, "not logged in");
        assert_eq!(rig.wait(), 1_000);
        rig.happen(no());
        rig.happen(Event::Empty);
        assert_eq!(rig.wait(), 2_000);
        rig.start();
    }

    #[test]
    fn what_a_failed_precondition_left_is_killed_before_anything_else_happens() {
        let mut rig = Rig::new(Restart::OnFailure);
        rig.happen(Event::Checked(Err("no".into())));
        rig.now += 5_000;
        assert_eq!(rig.happen(Event::Clock), [Action::KillAll]);
        assert_eq!(rig.happen(Event::Stop { grace: None }), []);
        rig.now += AGAIN;
        assert_eq!(rig.happen(Event::Clock), [Action::KillAll]);
        assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
        assert_eq!(rig.machine.state, State::Over(End::Stopped));
    }

    #[test]
    fn a_precondition_that_hangs_is_given_up_and_each_has_its_time() {
        let mut rig = Rig::new(Restart::OnFailure);
        rig.now += PATIENCE - 1;
        assert_eq!(rig.happen(Event::Clock), []);
        assert_eq!(rig.happen(Event::Passed), [], "the next begins");
        rig.now += PATIENCE - 1;
        assert_eq!(rig.happen(Event::Clock), []);
        rig.now += 1;
        assert_eq!(rig.happen(Event::Clock), [Action::GiveUp]);
        rig.happen(Event::Checked(Err("it hangs".into())));
        assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
        assert!(matches!(rig.machine.state, State::Backoff { .. }));
    }

    #[test]
    fn a_stop_asks_waits_and_then_kills_until_nothing_is_left() {
        let mut rig = Rig::new(Restart::Always);
        rig.start();
        assert_eq!(rig.happen(Event::Stop { grace: None }), [Action::Ask]);
        rig.now += 4_999;
        assert_eq!(rig.happen(Event::Clock), []);
        rig.now += 1;
        assert_eq!(rig.happen(Event::Clock), [Action::KillAll]);
        assert_eq!(
            rig.happen(Event::Exited(Exit::Signal(9))),
            [Action::AskRest]
        );
        rig.now += AGAIN;
        assert_eq!(rig.happen(Event::Clock), [Action::KillAll]);
        assert_eq!(rig.happen(Event::Empty), [Action::Tell]);
        assert_eq!(rig.machine.state, State::Over(End::Stopped));
    }

    /// What can happen at all, once each.
    fn all_events() -> [Event; 14] {
        [
            Event::Checked(Ok(())),
            Event::Checked(Err("no".into())),
            Event::Passed,
            not_spawned("no", false),
            not_spawned("no", true),
            Event::Ready,
            Event::Mute,
            Event::Exited(Exit::Code(0)),
            Event::Exited(Exit::Code(1)),
            Event::Empty,
            Event::Stop { grace: None },
            Event::Stop { grace: Some(0) },
            Event::Restart,
            Event::Clock,
        ]
    }

    /// What is true of the world beside the machine.
    #[expect(
        clippy::struct_excessive_bools,
        reason = "each of them is so or not by itself"
    )]
    #[derive(Clone, Copy, Debug)]
    struct World {
        is_checking: bool,
        /// Something that a precondition started.
        has_litter: bool,
        has_child: bool,
        has_rest: bool,
        is_stopped: bool,
    }

    impl World {
        /// The preconditions are looked at.
        const NEW: Self = Self {
            is_checking: true,
            has_litter: true,
            has_child: false,
            has_rest: false,
            is_stopped: false,
        };

        /// `None`: this cannot happen now.
        fn after(mut self, event: &Event) -> Option<Self> {
            match event {
                Event::Exited(_) if !self.has_child => return None,
                Event::NotSpawned { .. } if !self.has_child && !self.is_checking => return None,
                Event::Checked(_) | Event::Passed if !self.is_checking => return None,
                Event::Empty if self.has_child || self.is_checking => return None,
                Event::Exited(_) => self.has_child = false,
                Event::NotSpawned { .. } => {
                    (self.is_checking, self.has_child, self.has_rest) = (false, false, false);
                }
                Event::Checked(_) => self.is_checking = false,
                Event::Empty => (self.has_litter, self.has_rest) = (false, false),
                Event::Stop { .. } => self.is_stopped = true,
                Event::Passed | Event::Ready | Event::Mute | Event::Restart | Event::Clock => {}
            }
            Some(self)
        }

        /// What the machine wants done, done. The error says what must not be.
        fn doing(mut self, action: Action) -> Result<Self, &'static str> {
            match action {
                Action::Check | Action::Spawn if self.has_child || self.has_rest => {
                    return Err("a second child");
                }
                Action::Check | Action::Spawn if self.is_stopped => {
                    return Err("a stopped one came back");
                }
                Action::Check if self.is_checking || self.has_litter => {
                    return Err("looked at twice");
                }
                Action::Check => (self.is_checking, self.has_litter) = (true, true),
                Action::Spawn => (self.has_child, self.has_rest) = (true, true),
                _ => {}
            }
            Ok(self)
        }

        const fn is_empty(self) -> bool {
            !self.is_checking && !self.has_litter && !self.has_child && !self.has_rest
        }
    }

    /// Every order of so many events, in both speeds of the clock, from this machine on.
    fn explore(machine: &Machine, world: World, now: Ms, depth: u32, seen: &mut usize) {
        if depth == 0 {
            *seen += 1;
            return;
        }
        for event in all_events() {
            let Some(world) = world.after(&event) else {
                continue;
            };
            for later in [1, 60_000] {
                let (mut machine, now) = (machine.clone(), now + later);
                let was_over = matches!(machine.state, State::Over(_));
                let actions = machine.step(event.clone(), now, 0.5);
                assert!(!was_over || actions.is_empty(), "it is over: {event:?}");
                let world = actions.into_iter().try_fold(world, World::doing);
                let world = world.unwrap_or_else(|why| panic!("{why}: {event:?}"));
                match &machine.state {
                    State::Over(_) => assert!(world.is_empty(), "left alone: {event:?}"),
                    State::Checking { .. }
                    | State::Ending { .. }
                    | State::Backoff { .. }
                    | State::Parting { .. } => {
                        assert!(machine.deadline().is_some(), "it waits for ever: {event:?}");
                    }
                    State::Starting { .. } | State::Running { .. } => {}
                }
                explore(&machine, world, now, depth - 1, seen);
            }
        }
    }

    #[test]
    fn in_every_order_of_five_events_there_is_one_child_and_a_stop_is_final() {
        for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
            let (machine, _) = Machine::new(&settings(restart), 0);
            let mut seen = 0;
            explore(&machine, World::NEW, 0, 5, &mut seen);
            assert!(seen > 100_000, "{seen} orders only");
        }
    }

    fn events() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Checked(Ok(()))),
            Just(Event::Checked(Err("no".into()))),
            Just(Event::Passed),
            any::<bool>().prop_map(|may_pass| not_spawned("no", may_pass)),
            Just(Event::Ready),
            Just(Event::Mute),
            (0..3).prop_map(|code| Event::Exited(Exit::Code(code))),
            Just(Event::Empty),
            Just(Event::Stop { grace: None }),
            Just(Event::Stop { grace: Some(0) }),
            Just(Event::Restart),
            Just(Event::Clock),
        ]
    }

    proptest! {
        /// The world is held to what can happen: a child exits once, nothing is left only when it is so.
        #[test]
        fn there_are_never_two_children_and_a_stop_is_final(
            restart in prop_oneof![Just(Restart::Always), Just(Restart::OnFailure), Just(Restart::Never)],
            events in proptest::collection::vec((events(), 0..30_000u64), 1..200),
        ) {
            let (mut machine, _) = Machine::new(&settings(restart), 0);
            let (mut now, mut world) = (0, World::NEW);
            for (event, later) in events {
                now += later;
                let Some(next) = world.after(&event) else {
                    continue;
                };
                world = next;
                let was_over = matches!(machine.state, State::Over(_));
                for action in machine.step(event, now, 0.3) {
                    prop_assert!(!was_over, "it is over");
                    world = world.doing(action).map_err(TestCaseError::fail)?;
                }
                if let State::Over(_) = machine.state {
                    prop_assert!(world.is_empty(), "something of it was left alone");
                } else if !matches!(machine.state, State::Running { .. }) {
                    let waits = matches!(machine.state, State::Starting { .. });
                    prop_assert!(waits || machine.deadline().is_some(), "it waits for nothing");
                }
            }
        }
    }
}
