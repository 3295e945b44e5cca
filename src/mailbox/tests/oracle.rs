//! Random histories against a plain list of messages that follows the life cycle word by word.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::names::{Class, Explain as _, Kind, MessageId};

const AGENTS: [&str; 2] = ["agent-2", "agent-3"];
const RUNS: [Option<&str>; 3] = [None, Some("run-1"), Some("run-2")];
const KEYS_KEPT_MS: i64 = 7 * 24 * 3_600_000;

#[derive(Clone, Debug)]
enum Key {
    None,
    Named(u8),
    /// The id that an earlier send printed.
    IdOf(usize),
}

#[derive(Clone, Debug)]
struct Post {
    from: usize,
    mode: Mode,
    key: Key,
    later: Option<u64>,
    expires: Option<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<Post>),
    Next {
        run: usize,
        lease: u64,
    },
    Ack {
        nth: usize,
        who: usize,
        run: usize,
        force: bool,
        stale: bool,
    },
    Nack {
        nth: usize,
        run: usize,
    },
    Recall {
        nth: usize,
        from: usize,
    },
    Announce {
        nth: usize,
    },
    Read {
        nth: usize,
    },
    Noticed {
        nth: usize,
    },
    /// In `inbox.json`, by hand.
    Edit {
        nth: usize,
    },
    Remove {
        nth: usize,
    },
    Add,
    Pass {
        seconds: u64,
    },
    Jump {
        seconds: i64,
    },
    Reboot,
    Prune,
    Lose {
        file: usize,
    },
    Reopen,
}

const DERIVED: [&str; 6] = [
    ".index",
    ".keys",
    ".durable",
    ".stamp",
    "inbox.json",
    "dead.json",
];

fn posts() -> impl Strategy<Value = Post> {
    let modes = [
        Mode::Normal,
        Mode::Priority,
        Mode::System,
        Mode::Bulk,
        Mode::Task,
    ];
    let key = prop_oneof![
        4 => Just(Key::None),
        2 => (0u8..3).prop_map(Key::Named),
        1 => any::<usize>().prop_map(Key::IdOf),
    ];
    let span = || prop_oneof![4 => Just(None), 1 => (0u64..900).prop_map(Some)];
    (
        0usize..2,
        prop::sample::select(modes.to_vec()),
        key,
        span(),
        span(),
    )
        .prop_map(|(from, mode, key, later, expires)| Post {
            from,
            mode,
            key,
            later,
            expires,
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let nth = any::<usize>;
    let seconds = prop_oneof![4 => 0u64..700, 1 => Just(3 * 24 * 3600)];
    prop_oneof![
        6 => prop::collection::vec(posts(), 1..4).prop_map(Step::Send),
        6 => (0usize..3, 0u64..900).prop_map(|(run, lease)| Step::Next { run, lease }),
        5 => (nth(), 0usize..3, 0usize..3, prop::bool::weighted(0.1), prop::bool::weighted(0.1))
            .prop_map(|(nth, who, run, force, stale)| Step::Ack { nth, who, run, force, stale }),
        4 => (nth(), 0usize..3).prop_map(|(nth, run)| Step::Nack { nth, run }),
        2 => (nth(), 0usize..3).prop_map(|(nth, from)| Step::Recall { nth, from }),
        2 => nth().prop_map(|nth| Step::Announce { nth }),
        2 => nth().prop_map(|nth| Step::Read { nth }),
        1 => nth().prop_map(|nth| Step::Noticed { nth }),
        2 => nth().prop_map(|nth| Step::Edit { nth }),
        1 => nth().prop_map(|nth| Step::Remove { nth }),
        1 => Just(Step::Add),
        5 => seconds.prop_map(|seconds| Step::Pass { seconds }),
        1 => (-900i64..900).prop_map(|seconds| Step::Jump { seconds }),
        1 => Just(Step::Reboot),
        2 => Just(Step::Prune),
        3 => (0..DERIVED.len()).prop_map(|file| Step::Lose { file }),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Lease {
    owner: &'static str,
    run: Option<&'static str>,
    until: u64,
}

#[derive(Clone, Debug)]
struct Letter {
    seq: u64,
    id: MessageId,
    from: &'static str,
    mode: Mode,
    key: Option<String>,
    content: String,
    status: Status,
    attempts: u32,
    lease: Option<Lease>,
    /// As it was sent.
    not_before: Option<i64>,
    /// The same, until it has passed.
    waits_for: Option<i64>,
    expires: Option<i64>,
    closed_at: i64,
    closed_by: Option<(&'static str, Option<&'static str>)>,
    noticed: bool,
    /// Not pruned, and its key not forgotten.
    is_here: bool,
    is_known: bool,
}

impl Letter {
    fn close(&mut self, status: Status, by: Option<(&'static str, Option<&'static str>)>, at: i64) {
        self.status = status;
        self.lease = None;
        self.closed_by = by;
        self.closed_at = at;
    }

    /// Not taken any more; the last attempt ends it.
    fn give_back(&mut self, at: i64) {
        self.status = Status::Queued;
        self.lease = None;
        if self.expires.is_some_and(|end| end <= at) {
            self.close(Status::Expired, None, at);
        } else if self.attempts >= 5 {
            self.close(Status::Dead, None, at);
        }
    }

    fn class(&self) -> Class {
        self.mode.class()
    }
}

/// The mailbox as the table of the life cycle has it.
struct Oracle {
    letters: Vec<Letter>,
    wall: i64,
    boot_ms: u64,
}

impl Oracle {
    fn tick(&mut self) {
        for it in self.letters.iter_mut().filter(|it| it.status.is_pending()) {
            it.waits_for = it.waits_for.filter(|at| *at > self.wall);
            let lapsed = it
                .lease
                .as_ref()
                .is_some_and(|lease| lease.until <= self.boot_ms);
            if it.lease.is_some() && !lapsed {
                continue;
            }
            if it.expires.is_some_and(|at| at <= self.wall) {
                it.close(Status::Expired, None, self.wall);
            } else if lapsed && it.attempts >= 5 {
                it.close(Status::Dead, None, self.wall);
            } else if lapsed {
                it.status = Status::Queued;
                it.lease = None;
            }
        }
    }

    /// A new index knows all that the old one knew, but not what the wall clock said before it was set back.
    fn rebuild(&mut self) {
        for it in &mut self.letters {
            it.waits_for = it.not_before;
        }
    }

    /// Every lease lapsed with its boot.
    fn reboot(&mut self) {
        self.boot_ms = 10;
        for lease in self.letters.iter_mut().filter_map(|it| it.lease.as_mut()) {
            lease.until = 0;
        }
        self.rebuild();
    }

    fn pending(&self) -> Vec<&Letter> {
        let mut pending: Vec<_> = self
            .letters
            .iter()
            .filter(|it| it.status.is_pending())
            .collect();
        pending.sort_by_key(|it| (it.class(), it.seq));
        pending
    }

    fn known(&self, from: &str, key: &str) -> Option<&Letter> {
        let by_name =
            |it: &&Letter| it.is_known && it.from == from && it.key.as_deref() == Some(key);
        let by_id = |it: &&Letter| it.is_known && it.id.to_string() == key;
        self.letters
            .iter()
            .find(by_name)
            .or_else(|| self.letters.iter().find(by_id))
    }

    fn next(&mut self, run: Option<&'static str>, lease_ms: u64) -> Option<u64> {
        self.tick();
        if run.is_some() {
            for it in self.letters.iter_mut().filter(|it| it.status.is_pending()) {
                let holder = it.lease.as_ref().and_then(|lease| lease.run);
                if holder.is_some() && holder != run {
                    it.give_back(self.wall);
                }
            }
        }
        let ready = |it: &&Letter| it.lease.is_none() && it.waits_for.is_none();
        loop {
            let seq = self.pending().into_iter().find(ready)?.seq;
            let (wall, boot_ms) = (self.wall, self.boot_ms);
            let it = self.at(seq);
            if it.attempts >= 5 {
                it.close(Status::Dead, None, wall);
                continue;
            }
            it.attempts += 1;
            it.status = Status::Read;
            let until = boot_ms + lease_ms;
            it.lease = Some(Lease {
                owner: "agent-1",
                run,
                until,
            });
            return Some(seq);
        }
    }

    fn at(&mut self, seq: u64) -> &mut Letter {
        self.letters.iter_mut().find(|it| it.seq == seq).unwrap()
    }

    fn prune(&mut self) {
        self.tick();
        for it in &mut self.letters {
            let age = self.wall - it.closed_at;
            let untold = matches!(it.status, Status::Expired | Status::Dead) && !it.noticed;
            if it.status.is_pending() || (it.is_here && untold && age < KEYS_KEPT_MS) {
                continue;
            }
            it.is_here = false;
            it.is_known &= age < KEYS_KEPT_MS;
        }
        self.rebuild();
    }
}

/// Whether a closing verb had been done before, or what kind of refusal it is.
type Answer = Result<bool, Kind>;

fn answer(outcome: &Result<Vec<Done>, Error>) -> Answer {
    match outcome {
        Ok(done) => Ok(done[0].repeated),
        Err(error) => Err(error.kind()),
    }
}

struct Run {
    rig: Rig,
    oracle: Oracle,
    /// For contents that were never there before.
    count: u64,
}

impl Run {
    fn new() -> Self {
        let rig = Rig::below(std::path::Path::new("/dev/shm"));
        let oracle = Oracle {
            letters: Vec::new(),
            wall: rig.now.wall.unix_ms(),
            boot_ms: rig.now.boot_ms,
        };
        Self {
            rig,
            oracle,
            count: 0,
        }
    }

    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("words, {}", self.count)
    }

    fn pick(&self, nth: usize) -> u64 {
        // One number more than there are: unknown ones are asked for too.
        (nth % (self.oracle.letters.len() + 1) + 1) as u64
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Send(posts) => self.send(posts),
            Step::Next { run, lease } => self.next(RUNS[*run], Duration::from_secs(*lease + 1)),
            Step::Ack {
                nth,
                who,
                run,
                force,
                stale,
            } => {
                let who = ["agent-1", "agent-1", "agent-3"][*who];
                self.ack(self.pick(*nth), who, RUNS[*run], *force, *stale);
            }
            Step::Nack { nth, run } => self.nack(self.pick(*nth), RUNS[*run]),
            Step::Recall { nth, from } => {
                self.recall(self.pick(*nth), ["agent-2", "agent-3", "user"][*from]);
            }
            Step::Announce { nth } => self.announce(self.pick(*nth)),
            Step::Read { nth } => self.read(self.pick(*nth)),
            Step::Noticed { nth } => self.notice(*nth),
            Step::Edit { nth } => self.edit(*nth),
            Step::Remove { nth } => self.remove(*nth),
            Step::Add => self.add(),
            Step::Pass { seconds } => {
                self.rig.pass(Duration::from_secs(*seconds));
                self.oracle.boot_ms = self.rig.now.boot_ms;
                self.oracle.wall = self.rig.now.wall.unix_ms();
            }
            Step::Jump { seconds } => {
                self.oracle.wall += seconds * 1000;
                self.rig.now.wall = Timestamp::from_unix_ms(self.oracle.wall);
            }
            Step::Reboot => {
                self.rig.now.boot_ms = 10;
                self.rig.mailbox.boot += 1;
                self.rig.mailbox.boot_text = format!("{:032x}", self.rig.mailbox.boot);
                // Without it a face of the last boot would still be ours, but no removal from it believed.
                let _ = std::fs::remove_file(self.rig.path(".stamp"));
                self.oracle.reboot();
            }
            Step::Prune => {
                self.rig.prune();
                self.oracle.prune();
            }
            Step::Lose { file } => {
                let name = DERIVED[*file];
                // Some are not there yet.
                let _ = std::fs::remove_file(self.rig.path(name));
                if name == ".index" {
                    self.oracle.rebuild();
                }
            }
            Step::Reopen => {
                let (boot, text) = (self.rig.mailbox.boot, self.rig.mailbox.boot_text.clone());
                self.rig.reopen();
                self.rig.mailbox.boot = boot;
                self.rig.mailbox.boot_text = text;
            }
        }
    }

    fn next(&mut self, run: Option<&'static str>, lease: Duration) {
        let permit = permit("agent-1", run);
        let taken = self.rig.mailbox.next(&permit, lease, self.rig.now);
        let taken = taken.unwrap().value;
        let millis = u64::try_from(lease.as_millis()).unwrap();
        let expected = self.oracle.next(run, millis);
        assert_eq!(taken.as_ref().map(|taken| taken.message.seq), expected);
        if let Some(taken) = taken {
            let it = self.oracle.at(taken.message.seq);
            assert_eq!(taken.token, format!("{}:{}", it.id, it.attempts));
            assert_eq!(taken.message.content, it.content);
        }
    }

    fn announce(&mut self, seq: u64) {
        let outcome = self.rig.mailbox.announce(&me(), &[seq], self.rig.now);
        outcome.unwrap();
        self.oracle.tick();
        let it = self.oracle.letters.iter_mut().find(|it| it.seq == seq);
        if let Some(it) = it.filter(|it| it.status == Status::Queued) {
            it.status = Status::Announced;
        }
    }

    fn read(&mut self, seq: u64) {
        let outcome = self.rig.mailbox.mark_read(&me(), &[seq], self.rig.now);
        outcome.unwrap();
        self.oracle.tick();
        let it = self.oracle.letters.iter_mut().find(|it| it.seq == seq);
        if let Some(it) = it.filter(|it| it.status.is_pending()) {
            it.status = Status::Read;
        }
    }

    fn notice(&mut self, nth: usize) {
        let is_dead =
            |it: &&Letter| matches!(it.status, Status::Expired | Status::Dead) && it.is_here;
        let dead = self.oracle.letters.iter().filter(is_dead);
        let dead: Vec<u64> = dead.map(|it| it.seq).collect();
        if let Some(&seq) = dead.get(nth % dead.len().max(1)) {
            let outcome = self.rig.mailbox.noticed(&me(), &[seq], self.rig.now);
            outcome.unwrap();
            self.oracle.at(seq).noticed = true;
        }
        self.oracle.tick();
    }

    fn send(&mut self, posts: &[Post]) {
        let who = posts[0].from;
        let mut drafts = Vec::new();
        for post in posts {
            let ids: Vec<_> = self.oracle.letters.iter().map(|it| it.id).collect();
            let key = match &post.key {
                Key::None => None,
                Key::Named(n) => Some(format!("key-{n}")),
                Key::IdOf(nth) => ids.get(nth % ids.len().max(1)).map(ToString::to_string),
            };
            let at = |seconds: u64| self.rig.now.wall.plus(Duration::from_secs(seconds));
            let (not_before, expires_at) = (post.later.map(at), post.expires.map(at));
            drafts.push(Draft {
                key,
                mode: post.mode,
                not_before,
                expires_at,
                ..Draft::new(agent(AGENTS[who]), agent("agent-1"), self.fresh())
            });
        }
        let sent = self.rig.try_send(drafts.clone()).unwrap();
        self.oracle.tick();
        for (draft, sent) in drafts.into_iter().zip(sent) {
            let from = AGENTS[who];
            if let Some(known) = draft
                .key
                .as_deref()
                .and_then(|key| self.oracle.known(from, key))
            {
                assert_eq!(
                    (sent.at.seq, sent.id, sent.repeated),
                    (known.seq, known.id, true)
                );
                continue;
            }
            assert_eq!(
                (sent.at.seq, sent.repeated),
                (self.oracle.letters.len() as u64 + 1, false)
            );
            self.arrive(Letter {
                from,
                mode: draft.mode,
                key: draft.key,
                not_before: draft.not_before.map(Timestamp::unix_ms),
                expires: draft.expires_at.map(Timestamp::unix_ms),
                ..plain(sent.at.seq, sent.id, draft.content)
            });
        }
    }

    fn arrive(&mut self, mut letter: Letter) {
        letter.waits_for = letter.not_before;
        if let Some(last) = self.oracle.letters.last() {
            assert!(last.id < letter.id, "ids rise with numbers");
        }
        self.oracle.letters.push(letter);
    }

    /// What holds for every closing verb of a message that is over.
    fn closed(it: &Letter, wanted: Option<Status>, who: &str, run: Option<&str>) -> Answer {
        let the_same = it.closed_by.is_some_and(|(by, its_run)| {
            // A sealed record is asked only for the agent.
            by == who && (!it.is_here || run.is_none() || its_run.is_none() || run == its_run)
        });
        if the_same && wanted == Some(it.status) {
            return Ok(true);
        }
        Err(Kind::No)
    }

    fn his(lease: &Lease, who: &str, run: Option<&str>) -> bool {
        lease.owner == who && (run.is_none() || run == lease.run)
    }

    fn ack(
        &mut self,
        seq: u64,
        who: &'static str,
        run: Option<&'static str>,
        force: bool,
        stale: bool,
    ) {
        self.oracle.tick();
        let wall = self.oracle.wall;
        let it = self.oracle.letters.iter_mut().find(|it| it.seq == seq);
        let (token, expected) = match it {
            None => (None, Err(Kind::Unknown)),
            Some(it) => {
                let token = stale.then(|| format!("{}:{}", it.id, it.attempts + 1));
                let expected = match &it.lease {
                    _ if !it.status.is_pending() => Self::closed(it, Some(Status::Acked), who, run),
                    _ if force => Ok(false),
                    _ if stale => Err(Kind::No),
                    Some(lease) if !Self::his(lease, who, run) => Err(Kind::No),
                    _ => Ok(false),
                };
                if expected == Ok(false) {
                    it.close(Status::Acked, Some((who, run)), wall);
                }
                (token, expected)
            }
        };
        let claim = Claim { token, force };
        let outcome = self
            .rig
            .mailbox
            .ack(&permit(who, run), &[seq], &claim, self.rig.now);
        assert_eq!(answer(&outcome.map(|it| it.value)), expected);
    }

    fn nack(&mut self, seq: u64, run: Option<&'static str>) {
        self.oracle.tick();
        let wall = self.oracle.wall;
        let it = self.oracle.letters.iter_mut().find(|it| it.seq == seq);
        let expected = match it {
            None => Err(Kind::Unknown),
            Some(it) => match &it.lease {
                Some(lease) if it.status.is_pending() && Self::his(lease, "agent-1", run) => {
                    it.status = Status::Queued;
                    it.lease = None;
                    if it.attempts >= 5 {
                        it.close(Status::Dead, None, wall);
                    }
                    Ok(false)
                }
                _ => Err(Kind::No),
            },
        };
        let claim = Claim::default();
        let outcome = self
            .rig
            .mailbox
            .nack(&permit("agent-1", run), seq, &claim, self.rig.now);
        assert_eq!(answer(&outcome.map(|it| it.value)), expected);
    }

    fn recall(&mut self, seq: u64, who: &'static str) {
        self.oracle.tick();
        let wall = self.oracle.wall;
        let it = self.oracle.letters.iter_mut().find(|it| it.seq == seq);
        let expected = match it {
            None => Err(Kind::Unknown),
            Some(it) if !it.status.is_pending() => {
                Self::closed(it, Some(Status::Discarded), who, None)
            }
            Some(it) if it.lease.is_some() => Err(Kind::No),
            Some(it) if it.from != who && who != "user" => Err(Kind::Refused),
            Some(it) => {
                it.close(Status::Discarded, Some((who, None)), wall);
                Ok(false)
            }
        };
        assert_eq!(answer(&self.rig.recall(who, seq)), expected);
    }

    fn edit(&mut self, nth: usize) {
        self.list();
        let mut face = self.rig.face();
        if face.is_empty() {
            return;
        }
        let nth = nth % face.len();
        let content = self.fresh();
        face[nth]["content"] = json!(content);
        self.rig.dump(&face);
        let it = self.oracle.at(face[nth]["seq"].as_u64().unwrap());
        if it.lease.is_none() {
            it.content = content;
            it.waits_for = it.not_before;
        }
        let kept = self.rig.rejected().len();
        self.list();
        let was_refused = self.rig.rejected().len() > kept;
        let it = self.oracle.at(face[nth]["seq"].as_u64().unwrap());
        assert_eq!(was_refused, it.lease.is_some());
    }

    fn remove(&mut self, nth: usize) {
        self.list();
        let mut face = self.rig.face();
        // Of one that is empty then, the time decides.
        if face.len() < 2 {
            return;
        }
        let gone = face.remove(nth % face.len());
        self.rig.dump(&face);
        self.list_as_agent();
        let wall = self.oracle.wall;
        let it = self.oracle.at(gone["seq"].as_u64().unwrap());
        it.close(Status::Discarded, Some(("agent-1", None)), wall);
    }

    fn add(&mut self) {
        self.list();
        let mut face = self.rig.face();
        let content = self.fresh();
        face.push(json!({"from": "agent-2", "content": content}));
        self.rig.dump(&face);
        self.list_as_agent();
        let seq = self.oracle.letters.len() as u64 + 1;
        let id = self.rig.message(seq).id;
        self.arrive(plain(seq, id, content));
    }

    fn list_as_agent(&self) -> Vec<Message> {
        let outcome = self
            .rig
            .mailbox
            .inbox(&me(), Which::Pending, self.rig.now)
            .unwrap();
        outcome.value
    }

    /// Any verb: the clock does its work.
    fn list(&mut self) {
        self.oracle.tick();
        self.list_as_agent();
    }

    fn check(&mut self) {
        self.oracle.tick();
        let listed = self.list_as_agent();
        let expected = self.oracle.pending();
        let of = |m: &Message| (m.seq, m.status, m.attempts, m.content.clone());
        let wanted = |it: &&Letter| (it.seq, it.status, it.attempts, it.content.clone());
        assert_eq!(
            listed.iter().map(of).collect::<Vec<_>>(),
            expected.iter().map(wanted).collect::<Vec<_>>()
        );
        let leased = expected.iter().filter(|it| it.lease.is_some()).count();
        let urgent = expected
            .iter()
            .filter(|it| it.class() == Class::Urgent)
            .count();
        let counts = Counts {
            pending: expected.len() as u64,
            urgent: urgent as u64,
            leased: leased as u64,
        };
        assert_eq!(self.rig.counts(), counts);

        let face = self.rig.face();
        assert_eq!(face.len(), expected.len());
        for (entry, it) in face.iter().zip(&expected) {
            assert_eq!(entry["seq"], it.seq);
            assert_eq!(entry["id"], it.id.to_string());
            assert_eq!(entry["content"], it.content);
            assert_eq!(entry["mode"], it.mode.as_str());
            assert_eq!(entry["attempts"], it.attempts);
            // That a lease lapsed is painted with the next change.
            let painted = &entry["status"];
            let is_behind = painted == "read" && it.lease.is_none() && it.attempts > 0;
            assert!(painted == it.status.as_str() || is_behind, "{entry}");
        }
    }

    /// Every message that ever was, archives included.
    fn check_all(&mut self) {
        self.oracle.tick();
        let all = self.rig.inbox(Which::All);
        let of = |m: &Message| (m.seq, m.id, m.status, m.attempts, m.content.clone());
        let wanted = |it: &Letter| (it.seq, it.id, it.status, it.attempts, it.content.clone());
        assert_eq!(
            all.iter().map(of).collect::<Vec<_>>(),
            self.oracle.letters.iter().map(wanted).collect::<Vec<_>>()
        );
        for it in &self.oracle.letters {
            let message = self.rig.message(it.seq);
            assert_eq!(of(&message), wanted(it));
        }
    }
}

fn plain(seq: u64, id: MessageId, content: String) -> Letter {
    Letter {
        seq,
        id,
        from: "agent-2",
        mode: Mode::Normal,
        key: None,
        content,
        status: Status::Queued,
        attempts: 0,
        lease: None,
        not_before: None,
        waits_for: None,
        expires: None,
        closed_at: 0,
        closed_by: None,
        noticed: false,
        is_here: true,
        is_known: true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_as_the_life_cycle_has_it(steps in prop::collection::vec(steps(), 1..50)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.check_all();
    }
}
