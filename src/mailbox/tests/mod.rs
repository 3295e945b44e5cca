//! The mailbox end to end, on real directories and a clock that the tests turn.

mod bounds;
mod edits;
mod moves;
mod oracle;
mod spare;
mod verbs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::names::{Act, AgentId, Caller, Draft, Effect, Mode, Permit, Verb};
use crate::time::{Now, Timestamp};

const LEASE: Duration = Duration::from_mins(10);

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

/// One mailbox, `agent-1`'s, and a clock.
struct Rig {
    home: TempDir,
    mailbox: Mailbox,
    now: Now,
}

impl Rig {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(dir: &Path) -> Self {
        let home = TempDir::new_in(dir).unwrap();
        let now = Now {
            // Files carry the machine's time, and some are kept for so many days.
            wall: Timestamp::from_unix_ms(Now::read().wall.unix_ms() / 1000 * 1000),
            boot_ms: 1_000_000,
        };
        let mailbox = Mailbox::open_or_create(home.path(), &agent("agent-1"), now).unwrap();
        Self { home, mailbox, now }
    }

    fn reopen(&mut self) {
        self.mailbox = Mailbox::open(self.home.path(), &agent("agent-1")).unwrap();
    }

    fn pass(&mut self, span: Duration) {
        self.now.wall = self.now.wall.plus(span);
        self.now.boot_ms += u64::try_from(span.as_millis()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("agent-1").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn face(&self) -> Vec<Value> {
        serde_json::from_str(&self.text("inbox.json")).unwrap()
    }

    fn seqs_shown(&self) -> Vec<u64> {
        self.face()
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect()
    }

    /// As a script does it: the whole document, written over the old one.
    fn dump(&self, entries: &[Value]) {
        let text = serde_json::to_vec_pretty(entries).unwrap();
        std::fs::write(self.path("inbox.json"), text).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let dir = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> = dir
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn rejected(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| name.starts_with("inbox.json.rejected-"));
        names
    }

    fn send(&self, draft: Draft) -> Sent {
        self.try_send(vec![draft]).unwrap().remove(0)
    }

    fn try_send(&self, drafts: Vec<Draft>) -> Result<Vec<Sent>, Error> {
        let permit = permit(drafts[0].from.as_str(), None);
        let (sent, _) = self.mailbox.send(&permit, drafts, self.now)?;
        let warnings: Vec<_> = sent.iter().flat_map(|sent| &sent.warnings).collect();
        assert_eq!(warnings, Vec::<&String>::new());
        Ok(sent)
    }

    /// A plain message of agent-2; its number.
    fn mail(&self, content: &str) -> u64 {
        self.send(draft(content)).at.seq
    }

    fn next(&self) -> Option<Taken> {
        let outcome = self.mailbox.next(&me(), LEASE, self.now);
        outcome.unwrap().value
    }

    fn ack(&self, seq: u64) -> Result<Vec<Done>, Error> {
        let outcome = self.mailbox.ack(&me(), &[seq], &Claim::default(), self.now);
        outcome.map(|it| it.value)
    }

    fn nack(&self, seq: u64) -> Result<Vec<Done>, Error> {
        let outcome = self.mailbox.nack(&me(), seq, &Claim::default(), self.now);
        outcome.map(|it| it.value)
    }

    fn recall(&self, from: &str, seq: u64) -> Result<Vec<Done>, Error> {
        let outcome = self.mailbox.recall(&permit(from, None), seq, self.now);
        outcome.map(|it| it.value)
    }

    fn inbox(&self, which: Which) -> Vec<Message> {
        self.mailbox.inbox(&me(), which, self.now).unwrap().value
    }

    fn pending(&self) -> Vec<u64> {
        let pending = self.inbox(Which::Pending);
        pending.iter().map(|message| message.seq).collect()
    }

    fn message(&self, seq: u64) -> Message {
        self.mailbox.message(&me(), seq, self.now).unwrap().value
    }

    fn status(&self, seq: u64) -> Status {
        self.message(seq).status
    }

    fn steps(&self, seq: u64) -> Vec<&'static str> {
        let history = self.mailbox.history(&me(), seq, self.now).unwrap().value;
        history.steps.iter().map(|step| step.what).collect()
    }

    fn counts(&self) -> Counts {
        self.mailbox.counts(&me(), self.now).unwrap().value
    }

    fn prune(&self) -> Pruned {
        let outcome = self.mailbox.prune(&me(), self.now).unwrap();
        assert_eq!(outcome.warnings, Vec::<String>::new());
        outcome.value
    }
}

fn permit(who: &str, incarnation: Option<&str>) -> Permit {
    Permit::grant(Act {
        verb: Verb::MailSend,
        caller: Caller {
            agent: agent(who),
            incarnation: incarnation.map(str::to_owned),
            uid: 1000,
            login: None,
            guest: None,
        },
        target: agent("agent-1"),
    })
}

/// agent-1, by hand.
fn me() -> Permit {
    permit("agent-1", None)
}

fn draft(content: &str) -> Draft {
    Draft::new(agent("agent-2"), agent("agent-1"), content)
}

fn keyed(content: &str, key: &str) -> Draft {
    Draft {
        key: Some(key.into()),
        ..draft(content)
    }
}

fn urgent(content: &str, mode: Mode) -> Draft {
    Draft {
        mode,
        ..draft(content)
    }
}

fn notices(effects: &[Effect]) -> Vec<&Draft> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Mail(draft) => Some(&**draft),
            Effect::Event(_) => None,
        })
        .collect()
}
