//! Who exists and how each stands; start, stop, and what agents are asked for.

use std::fmt::Write as _;

use super::mail;
use crate::agents::Follow;
use crate::agents::Printed;
use crate::agents::health::{Activity, Condition};
use crate::desk::{Standing, Started};
use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::press::Press;
use crate::discord::reply::{Button, Reply};
use crate::discord::split::block;
use crate::discord::visit::{TO_CONFIRM, Visit};
use crate::mailbox::Sent;
use crate::names::{AgentId, Mode};
use crate::time::{Timestamp, relative};

/// Of what it printed.
const LAST_LINES: usize = 10;

type Stood = (AgentId, Result<Standing, String>);

pub(super) fn named(visit: &Visit, call: &Call) -> Result<AgentId, Error> {
    visit.agent(call.get("agent").unwrap_or_default())
}

fn standing(visit: &Visit, who: &[AgentId]) -> Result<Vec<Stood>, Error> {
    let all = visit.desk.doing(who, &visit.house.launching())?.into_iter();
    Ok(all
        .map(|(id, it)| (id, it.map_err(|error| error.to_string())))
        .collect())
}

/// Whether somebody should look after it.
fn is_ill(it: &Stood) -> bool {
    match &it.1 {
        Err(_) => true,
        Ok(standing) => standing.health.as_ref().is_some_and(|health| {
            let was_wanted = standing
                .state
                .as_ref()
                .is_some_and(|it| it.wanted == crate::agents::state::Wanted::Up);
            let needs = health.activity == Activity::NeedsInput;
            match health.state {
                Condition::Ok => needs,
                Condition::Down => was_wanted,
                Condition::Stalled | Condition::Zombie | Condition::Silent => true,
            }
        }),
    }
}

pub(super) fn list(visit: &Visit, only_ill: bool) -> Result<Reply, Error> {
    let mut all = standing(visit, &visit.agents())?;
    let of = all.len();
    all.retain(|it| !only_ill || is_ill(it));
    let rows: String = all.iter().map(|it| row(visit, it)).collect();
    let title = if only_ill {
        "Problems"
    } else {
        "Available Agents"
    };
    let reply = if of == 0 {
        Reply::text("**Available Agents**\nNobody is configured yet: agentctl register")
    } else if all.is_empty() {
        Reply::text(format!("**{title}**\nNone: {of} agents are well."))
    } else {
        Reply::listing(title, "agents.txt", &rows)
    };
    Ok(reply
        .with(Button::new(Press::Agents, "Refresh"))
        .with(Button::new(Press::Problems, "Problems")))
}

fn row(visit: &Visit, (id, it): &Stood) -> String {
    let standing = match it {
        Ok(standing) => standing,
        Err(why) => return format!("{id:<16} ?        {why}\n"),
    };
    let health = standing.health.as_ref();
    let state = standing.state.as_ref();
    let since = state.map_or_else(String::new, |it| relative(it.since, visit.now.wall));
    format!(
        "{:<16} {:<8} {:<9} {:<12} {since}\n",
        id.as_str(),
        health.map_or("-", |it| it.state.as_str()),
        state.map_or("-", |it| it.state.as_str()),
        health.map_or("-", |it| it.activity.as_str()),
    )
}

pub(super) fn show(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    let mut text = String::new();
    for it in standing(visit, std::slice::from_ref(&id))? {
        text.push_str(&row(visit, &it));
        let evidence = it.1.ok().and_then(|it| it.health).map(|it| it.evidence);
        if let Some(evidence) = evidence {
            writeln!(text, "{evidence}").expect("a string grows");
        }
    }
    let counts = visit.desk.counts(&id, visit.now);
    if let Ok(counts) = counts {
        writeln!(
            text,
            "{} messages wait, {} of them urgent",
            counts.pending, counts.urgent
        )
        .expect("a string grows");
    }
    let printed = visit.desk.output(&id, LAST_LINES, None, Follow::No);
    for line in printed.map(|it| it.1).unwrap_or_default() {
        if let Printed::Line(line) = line {
            let line = crate::logs::redacted(&line);
            writeln!(text, "  {}", line.trim_end()).expect("a string grows");
        }
    }
    let stop = Press::AskStop { agent: id.clone() };
    let reply = Reply::listing(id.as_str(), &format!("{id}.txt"), &text);
    Ok(reply.with(Button::grave(stop, "Stop")))
}

pub(super) fn start(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    Ok(Reply::text(started(visit, &id)?))
}

fn started(visit: &Visit, id: &AgentId) -> Result<String, Error> {
    let came = visit
        .desk
        .start(std::slice::from_ref(id), &visit.house.launching())?;
    Ok(told(came))
}

fn told(came: Vec<(AgentId, Result<Started, crate::desk::Error>)>) -> String {
    let lines = came.into_iter().map(|(id, it)| match it {
        Ok(Started::Running(_)) => format!("{id} runs"),
        Ok(Started::Already(_)) => format!("{id} runs already"),
        Ok(Started::Failed { why, output, .. }) if output.trim().is_empty() => {
            format!("Error: {id} does not run: {why}")
        }
        Ok(Started::Failed { why, output, .. }) => {
            let output = crate::logs::redacted(&output);
            format!("Error: {id} does not run: {why}\n{}", block(&output))
        }
        Err(error) => format!("Error: {id}: {error}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn restart(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    let came = visit
        .desk
        .restart(std::slice::from_ref(&id), &visit.house.launching())?;
    Ok(Reply::text(told(came)))
}

/// Only shown: nothing is stopped by one press.
pub(super) fn ask_to_stop(visit: &Visit, id: &AgentId) -> Reply {
    let text = format!("Stop **{id}**? Good for {} seconds.", TO_CONFIRM.as_secs());
    let stop = Press::Stop {
        agent: id.clone(),
        until: visit.now.wall.plus(TO_CONFIRM),
    };
    Reply::text(text)
        .with(Button::grave(stop, "Stop"))
        .with(Button::new(Press::Cancel, "Cancel"))
}

pub(super) fn stop(visit: &Visit, id: &AgentId, until: Timestamp) -> Result<Reply, Error> {
    if visit.now.wall > until {
        return Ok(Reply::text(format!(
            "That button is too old: nothing was done. `/agent stop agent:{id}` makes a new one."
        )));
    }
    Ok(Reply::text(stopped(visit, id)?))
}

fn stopped(visit: &Visit, id: &AgentId) -> Result<String, Error> {
    let came = visit.desk.stop(std::slice::from_ref(id), None);
    let mut text = String::new();
    for (id, it) in came {
        let it = it?;
        text = if it.was_over {
            format!("{id} did not run")
        } else {
            format!("{id} is stopped")
        };
    }
    Ok(text)
}

/// Mail that is waited for.
pub(super) fn tell(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    let what = call
        .get("what")
        .unwrap_or(call.path.rsplit(' ').next().unwrap_or_default());
    let sent = asked(visit, what, &id, call.get("text"))?;
    Ok(mail::followed(&said(what), &sent, &visit.house.own.agent))
}

fn said(what: &str) -> String {
    match what {
        "resume" => "Successfully resumed".into(),
        "verify" => "Verification request sent".into(),
        "onboard" => "Onboarding sent".into(),
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|it| it.to_ascii_uppercase());
            format!(
                "{}{} request sent",
                first.map_or_else(String::new, String::from),
                letters.as_str()
            )
        }
    }
}

fn asked(visit: &Visit, what: &str, id: &AgentId, text: Option<&str>) -> Result<Sent, Error> {
    let desk = &visit.desk;
    Ok(match what {
        "resume" => desk.resume(id, text, visit.now)?,
        "verify" => desk.verify(id, visit.now)?,
        "onboard" => desk.onboard(id, visit.now)?,
        other => {
            let mode = match other {
                "repair" => Mode::Repair,
                "backup" => Mode::Backup,
                "restore" => Mode::Restore,
                "sync" => Mode::Sync,
                "cleanup" => Mode::Cleanup,
                _ => Mode::Integrate,
            };
            mail::sent(visit, id, format!("{other}, please"), mode)?
        }
    })
}

pub(super) fn multi(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let what = call.get("what").unwrap_or_default();
    let all = visit.several(call.get("agents").unwrap_or_default())?;
    let title = match what {
        "resume" => "Resuming Multiple Agents".to_owned(),
        other => format!("{other}: {} agents", all.len()),
    };
    Ok(Reply::text(format!(
        "**{title}**\n{}",
        each(visit, what, &all)
    )))
}

fn each(visit: &Visit, what: &str, all: &[AgentId]) -> String {
    let lines = all.iter().map(|id| {
        let came = match what {
            "start" => started(visit, id),
            "stop" => stopped(visit, id),
            "restart" => visit
                .desk
                .restart(std::slice::from_ref(id), &visit.house.launching())
                .map(told)
                .map_err(Error::from),
            other => asked(visit, other, id, None).map(|sent| format!("{id}: queued {}", sent.at)),
        };
        came.unwrap_or_else(|error| format!("Error: {id}: {error}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn request_of_all(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let what = call.get("what").unwrap_or_default();
    visit.desk.may_broadcast()?;
    let all = visit.agents();
    Ok(Reply::text(format!(
        "**System Operation**: {what}\n{}",
        each(visit, what, &all)
    )))
}

pub(super) fn system(visit: &Visit) -> Result<Reply, Error> {
    let all = standing(visit, &visit.agents())?;
    let ill = all.iter().filter(|it| is_ill(it)).count();
    let runs = all.iter().filter(|it| {
        let health = it.1.as_ref().ok().and_then(|it| it.health.as_ref());
        health.is_some_and(|it| it.state == Condition::Ok)
    });
    let mut text = format!(
        "{} agents, {} run, {ill} with problems\n",
        all.len(),
        runs.count()
    );
    let mut waiting = 0;
    for (id, _) in &all {
        waiting += visit.desk.counts(id, visit.now).map_or(0, |it| it.pending);
    }
    writeln!(text, "{waiting} messages wait").expect("a string grows");
    let sheets = visit.desk.sheets(visit.now)?;
    let board = sheets.board()?;
    let tasks: Vec<_> = board.tasks().map(|it| it.status).collect();
    let open = tasks.iter().filter(|it| !it.is_over()).count();
    writeln!(text, "{} tasks, {open} open", tasks.len()).expect("a string grows");
    let voice = visit.house.mouth.status();
    let voice = voice.unwrap_or_else(|error| error.to_string());
    writeln!(text, "voice: {voice}").expect("a string grows");
    Ok(
        Reply::listing("System Operation: status", "system.txt", &text)
            .with(Button::new(Press::Agents, "Agents"))
            .with(Button::new(Press::Problems, "Problems")),
    )
}
