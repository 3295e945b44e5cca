//! A machine by hand, and any history of one.

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
