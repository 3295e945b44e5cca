//! What happened: logs, figures, memory, devlogs, and the record of who did what.

use std::fmt::Write as _;
use std::time::Duration;

use super::agents::named;
use crate::agents::{Follow, Printed};
use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::incidents;
use crate::discord::lines;
use crate::discord::reply::Reply;
use crate::discord::settings::Told;
use crate::discord::visit::Visit;
use crate::logs::{Filter, Merged};
use crate::memory::tell::{Form, digest};
use crate::memory::{self, Letter};
use crate::names::{AgentId, Channel, Level};
use crate::security::audit;
use crate::time::parse_past;

/// Lines of a log, unless it is said how many.
const LINES: usize = 20;
/// An incident is silent for so long.
const SILENT: Duration = Duration::from_hours(1);
/// What a person approves is to be done within this time.
const APPROVED_FOR: Duration = Duration::from_hours(1);

pub(super) fn logs(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let source = call.get("source").unwrap_or_default();
    let most = call.count("lines").unwrap_or(LINES);
    let level = call.get("level").and_then(Level::parse);
    if let Some(channel) = Channel::ALL.iter().find(|it| it.as_str() == source) {
        visit.desk.may_see_logs()?;
        let filter = Filter {
            level,
            ..Filter::default()
        };
        let mut all = Merged::last(&visit.house.home, &[*channel], filter, most)?;
        let mut text = String::new();
        while let Some(line) = all.next()? {
            text.push_str(&lines::told(&line));
        }
        return Ok(listed(source, &text));
    }
    let id = visit.agent(source)?;
    let (_, printed) = visit.desk.output(&id, most, None, Follow::No)?;
    let mut text = String::new();
    for it in printed {
        let line = match &it {
            Printed::Line(line) => crate::logs::redacted(line).into_owned(),
            Printed::Gap => "… lines are missing here".to_owned(),
        };
        writeln!(text, "{}", line.trim_end()).expect("a string grows");
    }
    Ok(listed(id.as_str(), &text))
}

fn listed(source: &str, text: &str) -> Reply {
    if text.is_empty() {
        return Reply::text(format!("**Logs of {source}**\nNothing yet."));
    }
    Reply::listing(&format!("Logs of {source}"), &format!("{source}.log"), text)
}

/// Of the figures those that a person looks at; the rest is Prometheus' business.
const FIGURES: [&str; 7] = [
    "dreamos_agent_up",
    "dreamos_mailbox_unread",
    "dreamos_mailbox_oldest_unread_seconds",
    "dreamos_messages_sent_total",
    "dreamos_messages_delivered_total",
    "dreamos_tasks",
    "dreamos_task_runs_total",
];

pub(super) fn metrics(visit: &Visit) -> Result<Reply, Error> {
    let warn = |why: &str| log::warn!("{why}");
    let collected = crate::metrics::collect(&visit.house.home, visit.now, &warn);
    let text = collected
        .map_err(|error| Error::Metrics(error.to_string()))?
        .text();
    let is_wanted = |line: &&str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        FIGURES.contains(&name)
    };
    let mut shown = String::new();
    for line in text.lines().filter(is_wanted) {
        let line = line.strip_prefix("dreamos_").unwrap_or(line);
        writeln!(shown, "{line}").expect("a string grows");
    }
    Ok(Reply::listing("Metrics", "metrics.txt", &shown))
}

pub(super) fn summary(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let now = visit.now.wall;
    let since = call.get("since").unwrap_or("24h");
    let Ok(since) = parse_past(since, now) else {
        return Ok(Reply::text(format!(
            "Error: {since:?} is no time\n> as 24h, 7d or yesterday"
        )));
    };
    let warn = |why: &str| log::warn!("{why}");
    let may_see = |letter: Letter<'_>| {
        let Ok(mailbox) = AgentId::parse(letter.mailbox) else {
            return true;
        };
        let from = letter.from.and_then(|it| AgentId::parse(it).ok());
        let may = visit.desk.may_see_mail(&mailbox, from.as_ref());
        may.unwrap_or(false)
    };
    let told = memory::ask(&visit.house.home, now, &warn, &may_see, |memory| {
        memory.digest(since, now, Form::Discord)
    })?;
    let text = told.unwrap_or_else(|| digest(&[], since, now, Form::Discord));
    visit.house.mouth.tell(Told::Digests, &text);
    Ok(Reply::text(text.trim_end()))
}

pub(super) fn devlog(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    visit.desk.may_look_at(&id)?;
    let text = visit.desk.devlog(&id)?;
    if text.trim().is_empty() {
        return Ok(Reply::text(format!("**Devlog of {id}**\nNothing yet.")));
    }
    let title = format!("Devlog of {id}");
    Ok(Reply::listing(
        &title,
        &format!("{id}-devlog.md"),
        &crate::logs::redacted(&text),
    ))
}

pub(super) fn add_to_devlog(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    let text = call.get("text").unwrap_or_default();
    let said = format!("{text}\n\n({}, {})", visit.name, visit.guest.origin());
    visit.desk.add_to_devlog(&id, &said, visit.now)?;
    Ok(Reply::text(format!("Devlog updated: {id}")))
}

pub(super) fn clear_devlog(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    visit.desk.clear_devlog(&id, visit.now)?;
    Ok(Reply::text(format!("Devlog cleared: {id}")))
}

pub(super) fn audit(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let most = call.count("lines").unwrap_or(LINES);
    let records = visit.desk.audit_records(&audit::Filter::default(), most)?;
    let mut text = String::new();
    for it in &records {
        let entry = &it.entry;
        let why = crate::logs::redacted(&entry.why);
        writeln!(
            text,
            "{} {:<8} {} {} {} {why}",
            it.at,
            entry.verdict.as_str(),
            entry.who,
            entry.verb,
            entry.target
        )
        .expect("a string grows");
    }
    Ok(Reply::listing("Audit", "audit.txt", &text))
}

pub(super) fn look_after(visit: &Visit, incident: &str) -> Result<Reply, Error> {
    let by = format!("{} ({})", visit.name, visit.guest.origin());
    incidents::look_after(&visit.house.home, incident, &by)?;
    Ok(Reply::text(format!("{incident} is looked after by {by}")))
}

pub(super) fn silence(visit: &Visit, incident: &str) -> Result<Reply, Error> {
    let until = visit.now.wall.plus(SILENT);
    incidents::silence(&visit.house.home, incident, until)?;
    Ok(Reply::text(format!(
        "{incident} is silent until {until}, by {}",
        visit.name
    )))
}

pub(super) fn approve(visit: &Visit, id: &str) -> Result<Reply, Error> {
    let it = visit.desk.approve(id, APPROVED_FOR, visit.now)?;
    Ok(Reply::text(format!(
        "{} may {} {} once, says {}",
        it.who, it.verb, it.target, visit.name
    )))
}

pub(super) fn decline(visit: &Visit, id: &str) -> Result<Reply, Error> {
    let it = visit.desk.decline(id, visit.now)?;
    Ok(Reply::text(format!(
        "{} may not {} {}, says {}",
        it.who, it.verb, it.target, visit.name
    )))
}
