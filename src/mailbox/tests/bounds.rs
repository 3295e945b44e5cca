//! What a mailbox lets in beside what waits there.

use proptest::prelude::*;

use super::*;
use crate::mailbox::{Bound, Excess};

const NONE: Bound<'static> = Bound {
    rule: "few",
    pending: None,
    of_sender: None,
    spares_urgent: true,
};

fn of_sender(most: u64) -> Bound<'static> {
    Bound {
        of_sender: Some(most),
        ..NONE
    }
}

fn at_most(most: u64) -> Bound<'static> {
    Bound {
        pending: Some(most),
        ..NONE
    }
}

impl Rig {
    /// As many as were accepted, or why none was.
    fn within(&self, bound: Bound<'_>, drafts: Vec<Draft>) -> Result<usize, Excess> {
        let permit = permit(drafts[0].from.as_str(), None);
        let sent = self
            .mailbox
            .send_within(&permit, drafts, &[bound], self.now);
        match sent {
            Ok((sent, _)) => Ok(sent.len()),
            Err(Error::Full { rule, excess, .. }) => {
                assert_eq!(rule, "few");
                Err(excess)
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn journal(&self) -> String {
        self.text("journal.jsonl")
    }
}

#[test]
fn what_does_not_fit_is_refused_whole_and_nothing_is_written() {
    let rig = Rig::new();
    rig.mail("one");
    rig.mail("two");
    let before = rig.journal();
    let three = vec![draft("a"), keyed("b", "k"), draft("c")];
    let full = Excess::Pending {
        waiting: 2,
        most: 4,
    };
    assert_eq!(rig.within(at_most(4), three.clone()), Err(full));
    assert_eq!(rig.journal(), before);
    assert_eq!(rig.within(at_most(5), three), Ok(3));
    assert_eq!(rig.within(at_most(5), vec![draft("d")]), {
        let (waiting, most) = (5, 5);
        Err(Excess::Pending { waiting, most })
    });
    rig.ack(1).unwrap();
    assert_eq!(rig.within(at_most(5), vec![draft("d")]), Ok(1));
}

/// Whoever does not know whether he was heard must be able to ask again.
#[test]
fn a_retry_of_what_is_there_already_adds_nothing() {
    let rig = Rig::new();
    let sent = rig.send(keyed("a", "k"));
    assert_eq!(rig.within(at_most(1), vec![keyed("a", "k")]), Ok(1));
    let by_id = keyed("a", &sent.id.to_string());
    assert_eq!(rig.within(at_most(1), vec![by_id]), Ok(1));
    let twice = vec![keyed("b", "l"), keyed("b", "l")];
    assert!(rig.within(at_most(1), twice.clone()).is_err());
    assert_eq!(rig.within(at_most(2), twice), Ok(2));
    assert_eq!(rig.pending().len(), 2);
}

#[test]
fn urgent_mail_passes_where_it_is_spared_and_is_taken_first() {
    let rig = Rig::new();
    rig.mail("flood");
    assert!(rig.within(at_most(1), vec![draft("more")]).is_err());
    let captain = || vec![urgent("stop", Mode::Priority)];
    let strict = Bound {
        spares_urgent: false,
        ..at_most(1)
    };
    assert!(rig.within(strict, captain()).is_err());
    assert_eq!(rig.within(at_most(1), captain()), Ok(1));
    assert_eq!(rig.next().unwrap().message.content, "stop");
}

const SENDERS: [&str; 3] = ["agent-2", "agent-3", "user"];

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Ack(usize),
    Prune,
    Lose(&'static str),
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..SENDERS.len()).prop_map(Step::Send),
        3 => any::<usize>().prop_map(Step::Ack),
        1 => Just(Step::Prune),
        1 => prop::sample::select(&[".index", ".keys"][..]).prop_map(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever sent it, whatever was taken meanwhile, and whether the mailbox still knows it by its derived files or not.
    #[test]
    fn a_sender_s_own_are_counted_to_the_last_one(steps in prop::collection::vec(some_step(), 1..30)) {
        let rig = Rig::new();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(who) => {
                    let from = agent(SENDERS[who]);
                    rig.send(Draft { from, ..draft(&format!("message {n}")) });
                }
                Step::Ack(nth) => {
                    let pending = rig.pending();
                    if !pending.is_empty() {
                        rig.ack(pending[nth % pending.len()]).unwrap();
                    }
                }
                Step::Prune => drop(rig.prune()),
                Step::Lose(name) => drop(std::fs::remove_file(rig.path(name))),
            }
            let inbox = rig.inbox(Which::Pending);
            for who in SENDERS {
                let waiting = inbox.iter().filter(|it| it.from.as_str() == who).count() as u64;
                let may = |most| {
                    let asks = permit(who, None);
                    rig.mailbox.must_let_in(&asks, None, &[Bound { spares_urgent: false, ..of_sender(most) }], rig.now)
                };
                prop_assert!(may(waiting + 1).is_ok(), "{who} has {waiting}");
                let full = may(waiting);
                let most = waiting;
                prop_assert!(
                    matches!(&full, Err(Error::Full { excess, .. }) if *excess == Excess::OfSender { waiting, most }),
                    "{who} has {waiting}: {full:?}"
                );
            }
        }
    }
}
