//! What the library does inside one process: batches a second, how soon a watcher has what was committed, and how fast
//! events are counted and audit records verified. Prints `name<TAB>figure` lines, one a sample, for `scripts/bench`:
//! seconds, except `batch` (messages a second), `fold` (events a second), `mine` (lines a second) and `audit` (records a second). A word after `--`
//! measures that alone.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dreamos::desk::{Breaker, Desk, Unknown};
use dreamos::memory::templates::Miner;
use dreamos::names::{
    AgentId, Caller, Channel, Draft, Event, Level, MessageId, Mode, Roster, Verb,
};
use dreamos::root::Home;
use dreamos::security::audit::{self, Entry, Verdict};
use dreamos::security::keys::{self, Content, Proof};
use dreamos::security::{Policy, Principal, Question, Target};
use dreamos::time::{Now, Timestamp};
use dreamos::{logs, metrics};
use rustix::fs::inotify;

const BATCH: u32 = 100_000;
const BATCHES: usize = 7;
const LINES: u32 = 5_000;
const WAKE_UPS: u32 = 500;
const EVENTS: u32 = 1_000_000;
const FOLDS: usize = 5;
const MINED: u32 = 500_000;
const RECORDS: usize = 1_000_000;
const VERIFICATIONS: usize = 5;
const RULES: usize = 1_000;
const VERDICTS: u32 = 20_000;
/// Long enough for every thread to be asleep again.
const PAUSE: Duration = Duration::from_millis(3);

/// All is measured.
static IS_OVER: AtomicBool = AtomicBool::new(false);

fn main() -> Result<()> {
    let place = tempfile::tempdir()?;
    let home = place.path().join("home");
    let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/home"))
        .arg(&home)
        .output()?;
    ensure!(
        made.status.success(),
        "scripts/home: {}",
        String::from_utf8_lossy(&made.stderr)
    );

    if std::env::args().any(|word| word == "mine") {
        return mines();
    }
    if std::env::args().any(|word| word == "audit") {
        return audits(place.path());
    }
    mines()?;
    folds(place.path())?;
    audits(place.path())?;
    verdicts()?;
    signatures(&place.path().join("signed"))?;
    batches(&home)?;
    events(&home)?;
    bare_wake_ups(place.path())?;
    let outcome = watcher_wake_ups(&home);
    IS_OVER.store(true, Ordering::Relaxed);
    outcome
}

fn report(name: &str, figure: f64) -> Result<()> {
    Ok(writeln!(io::stdout(), "{name}\t{figure}")?)
}

fn desk(home: &Path, as_agent: &str) -> Result<Desk> {
    let caller = Caller {
        agent: AgentId::parse(as_agent)?,
        incarnation: None,
        uid: rustix::process::getuid().as_raw(),
        login: None,
        guest: None,
    };
    // A figure that was measured beside a warning is none.
    Ok(Desk::open(Home::at(home), caller, |warning| {
        // But for the watcher, whose home goes when all is measured.
        assert!(IS_OVER.load(Ordering::Relaxed), "{warning}");
    })?)
}

/// Lines of three hundred templates, with numbers, addresses, paths and ids in them.
fn mines() -> Result<()> {
    const WORDS: [&str; 20] = [
        "worker", "queue", "block", "cache", "session", "packet", "commit", "deploy", "lease",
        "token", "socket", "index", "segment", "replica", "shard", "volume", "kernel", "thread",
        "buffer", "channel",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |most: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    let known: Vec<Vec<u64>> = (0..300)
        .map(|_| (0..3 + draw(5)).map(|_| draw(34)).collect())
        .collect();
    let mut lines = Vec::new();
    for _ in 0..MINED {
        let mut line = String::new();
        for part in &known[usize::try_from(draw(300))?] {
            match (WORDS.get(usize::try_from(*part)?), part % 4) {
                (Some(word), _) => line.push_str(word),
                (None, 0) => write!(line, "{}", draw(100_000))?,
                (None, 1) => write!(line, "10.{}.{}.{}", draw(256), draw(256), draw(256))?,
                (None, 2) => write!(line, "blk_{}", draw(1 << 40))?,
                (None, _) => write!(line, "/var/lib/{}", draw(1000))?,
            }
            line.push(' ');
        }
        line.push_str("done");
        lines.push(line);
    }
    for _ in 0..FOLDS {
        let mut miner = Miner::default();
        let start = Instant::now();
        for line in &lines {
            miner.learn(line, Timestamp::default());
        }
        report("mine", f64::from(MINED) / start.elapsed().as_secs_f64())?;
        let patterns = miner.patterns().count();
        ensure!((2..=1000).contains(&patterns), "{patterns} templates");
    }
    Ok(())
}

/// A collection that finds a million lines that nobody has counted, as messages leave them: sent, taken, acknowledged.
fn folds(place: &Path) -> Result<()> {
    for n in 0..FOLDS {
        let home = Home::at(place.join(format!("counted-{n}")));
        std::fs::create_dir_all(home.mailboxes())?;
        std::fs::create_dir_all(home.logs())?;
        let mut log = BufWriter::new(File::create(home.log(Channel::Messages))?);
        for n in 0..EVENTS {
            let event = ["mail.sent", "mail.taken", "mail.acked"][n as usize % 3];
            let id = MessageId::next(None, 1_800_000_000_000 - u64::from(n % 3600), || n.into());
            writeln!(
                log,
                "{{\"v\":1,\"ts\":\"2027-01-15T08:00:00.{:03}Z\",\"level\":\"info\",\"channel\":\"messages\",\
                 \"event\":\"{event}\",\"msg\":\"user and agent-1/{n}\",\"who\":\"user\",\"agent\":\"agent-1\",\
                 \"id\":\"{id}\",\"pid\":4711,\"from\":\"user\",\"seq\":{n}}}",
                n % 1000
            )?;
        }
        log.flush()?;
        let start = Instant::now();
        let collected = metrics::collect(&home, Now::read(), &|warning| panic!("{warning}"))?;
        report("fold", f64::from(EVENTS) / start.elapsed().as_secs_f64())?;
        let counted = collected.text();
        let all = format!("lines_total{{level=\"info\",channel=\"messages\"}} {EVENTS}\n");
        ensure!(counted.contains(&all), "lines were lost");
        std::fs::remove_dir_all(home.dir())?;
    }
    Ok(())
}

/// A million records of refusals, in the files that they came to be in, and one record more beside them all.
fn audits(place: &Path) -> Result<()> {
    let home = Home::at(place.join("audited"));
    std::fs::create_dir_all(home.mailboxes())?;
    let caller = Caller {
        agent: AgentId::parse("agent-1")?,
        incarnation: Some("01jd8x3v9q6z4w2m0c5b7n8k1r".into()),
        uid: 1000,
        login: Some("user".into()),
        guest: None,
    };
    let mut entry = Entry::new("agent.stop", &caller, "agent-2", Verdict::Refused);
    entry.rule = "agents-stop-only-themselves".into();
    entry.policy = Some(format!("{:064x}", 4711));
    entry.why = "nobody said that agent-1 may stop agent-2".into();
    let many = vec![entry.clone(); 10_000];
    for _ in 0..RECORDS / many.len() {
        audit::append(&home, &many, Now::read().wall)?;
    }
    for _ in 0..LINES / 10 {
        let start = Instant::now();
        audit::append(&home, std::slice::from_ref(&entry), Now::read().wall)?;
        report("audit append", start.elapsed().as_secs_f64())?;
    }
    for _ in 0..VERIFICATIONS {
        let start = Instant::now();
        let found = audit::verify(&home, &[], &mut |_| {})?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let records = found.records as f64;
        report("audit", records / start.elapsed().as_secs_f64())?;
        ensure!(
            found.findings.is_empty(),
            "the chain is broken: {:?}",
            found.findings
        );
    }
    Ok(std::fs::remove_dir_all(home.dir())?)
}

/// Of a policy with a thousand rules, asked what none of them decides before the last.
fn verdicts() -> Result<()> {
    let mut text = String::from("builtin: false\nallow:\n");
    for n in 0..RULES {
        let rule = match n % 4 {
            0 => format!("principals: 'agent:agent-{n}', actions: mail.send"),
            1 => format!("principals: 'agent:agent-*', actions: 'task.*', targets: 'agent:a{n}*'"),
            2 => format!("principals: 'discord:{n}', actions: '*'"),
            _ => format!("principals: '*', actions: mail.send, targets: 'agent:other-{n}'"),
        };
        writeln!(text, "  - {{rule: r{n}, {rule}}}")?;
    }
    let policy = Policy::parse(text.as_bytes(), Path::new("policies.yaml"))?;
    let principal = Principal::parse("agent:agent-1")?;
    let target = Target::Agent(AgentId::parse("agent-2")?);
    let roster = Roster::default();
    let question = Question {
        principal: &principal,
        verb: Verb::MailSend,
        target: &target,
    };
    for _ in 0..VERIFICATIONS {
        let start = Instant::now();
        for _ in 0..VERDICTS {
            let verdict = std::hint::black_box(&policy).decide(&question, &roster);
            ensure!(!verdict.allowed, "no rule says so");
        }
        report(
            "verdict",
            start.elapsed().as_secs_f64() / f64::from(VERDICTS),
        )?;
    }
    Ok(())
}

/// What a signature adds to a message of a kilobyte: to make it, and to check it.
fn signatures(place: &Path) -> Result<()> {
    std::fs::create_dir_all(place)?;
    let home = Home::at(place);
    let (from, to) = (AgentId::parse("agent-1")?, AgentId::parse("agent-2")?);
    let now = Now::read().wall;
    keys::make(&home, &from, None, now)?;
    let key = keys::signing_key(&home, &from)?.context("it was made")?;
    let public = keys::public_keys(&home, &from)?;
    let text = "the quick brown fox ".repeat(51);
    let content = Content {
        from: &from,
        to: &to,
        mode: Mode::Normal,
        content: &text,
        reply_to: None,
        thread: None,
        hops: 0,
        origin: None,
        taint: None,
        sealed: None,
        not_before: None,
        expires_at: None,
        attachments: &[],
    };
    for _ in 0..LINES / 10 {
        let start = Instant::now();
        let signature = keys::sign(&key, &content, now).to_json();
        let proof = keys::verify(public.as_ref(), &content, Some(&signature), now);
        report("signature", start.elapsed().as_secs_f64())?;
        ensure!(proof == Proof::Verified, "{proof:?}");
    }
    Ok(())
}

fn batches(home: &Path) -> Result<()> {
    let desk = desk(home, "user")?;
    let to = AgentId::parse("agent-1")?;
    for _ in 0..BATCHES {
        let drafts: Vec<Draft> = (0..BATCH)
            .map(|n| {
                Draft::new(
                    desk.caller().agent.clone(),
                    to.clone(),
                    format!("message {n}"),
                )
            })
            .collect();
        let drafted = drafts.len();
        let start = Instant::now();
        let sent = desk.send_batch(&to, drafts, Unknown::Refuse, Breaker::Obey, Now::read())?;
        let elapsed = start.elapsed().as_secs_f64();
        ensure!(sent.len() == drafted, "a batch lost messages");
        report("batch", f64::from(BATCH) / elapsed)?;
    }
    Ok(())
}

/// A line of the log, beside the same bytes by a bare open, append and close.
fn events(home: &Path) -> Result<()> {
    let home = Home::at(home);
    let caller = Caller {
        agent: AgentId::user(),
        incarnation: None,
        uid: rustix::process::getuid().as_raw(),
        login: None,
        guest: None,
    };
    let event = Event {
        channel: Channel::Devlog,
        level: Level::Info,
        event: "agent.devlog".into(),
        msg: "agent-1 told something".into(),
        agent: Some(AgentId::parse("agent-1")?),
        id: None,
        fields: vec![("words".into(), 17.into())],
    };
    let log = home.log(Channel::Devlog);
    logs::append(
        &home,
        &caller,
        std::slice::from_ref(&event),
        Now::read().wall,
    )?;
    let line = std::fs::read(&log)?;
    let bare = home.logs().join("bare");
    for _ in 0..LINES {
        let start = Instant::now();
        logs::append(
            &home,
            &caller,
            std::slice::from_ref(&event),
            Now::read().wall,
        )?;
        report("event", start.elapsed().as_secs_f64())?;
        let start = Instant::now();
        let mut file = OpenOptions::new().create(true).append(true).open(&bare)?;
        file.write_all(&line)?;
        drop(file);
        report("bare event", start.elapsed().as_secs_f64())?;
    }
    Ok(())
}

/// The instants at which a program that does nothing but `read` on inotify learns that `file` was written.
fn observe(dir: &Path, file: &'static str) -> Result<Receiver<Instant>> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, dir, inotify::WatchFlags::MODIFY)?;
    let (seen, instants) = channel();
    thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(watch, &mut buffer);
        while let Ok(event) = events.next() {
            let at = Instant::now();
            let ours = event
                .file_name()
                .is_some_and(|name| OsStr::from_bytes(name.to_bytes()) == file);
            if ours && seen.send(at).is_err() {
                return;
            }
        }
    });
    Ok(instants)
}

fn bare_wake_ups(dir: &Path) -> Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(dir.join("written"))?;
    let instants = observe(dir, "written")?;
    for _ in 0..WAKE_UPS {
        thread::sleep(PAUSE);
        let start = Instant::now();
        file.write_at(b"x", 0)?;
        report("bare", instants.recv()?.duration_since(start).as_secs_f64())?;
    }
    Ok(())
}

/// How much later than such a bare program the watcher has the message. The first write to `.durable` is the
/// moment of the commit.
fn watcher_wake_ups(home: &Path) -> Result<()> {
    let to = AgentId::parse("agent-2")?;
    let sender = desk(home, "user")?;
    let commit_one = |text: &str| {
        let draft = Draft::new(sender.caller().agent.clone(), to.clone(), text);
        sender.send(draft, Unknown::Refuse, Breaker::Obey, Now::read())
    };
    commit_one("makes the mailbox")?;

    let instants = observe(&sender.home().mailbox(&to), ".durable")?;
    let mut watch = desk(home, "agent-2")?.watch(&to, None)?;
    let (seen, had) = channel();
    thread::spawn(move || -> Result<()> {
        loop {
            let news = watch.wait(None, &|| false)?;
            let at = Instant::now();
            for message in news {
                seen.send((message.seq, at))?;
            }
        }
    });
    for n in 0..WAKE_UPS {
        thread::sleep(PAUSE);
        while instants.try_recv().is_ok() {}
        let sent = commit_one(&format!("message {n}"))?;
        let committed = instants.recv()?;
        let (seq, at) = had.recv().context("the watcher ended")?;
        ensure!(
            seq == sent.at.seq,
            "the watcher has {seq}, sent was {}",
            sent.at.seq
        );
        let lag = if at > committed {
            at.duration_since(committed).as_secs_f64()
        } else {
            -committed.duration_since(at).as_secs_f64()
        };
        report("lag", lag)?;
    }
    Ok(())
}
