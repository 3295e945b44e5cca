//! Mail in the name of the person who asks.

use std::fmt::Write as _;

use super::agents::named;
use crate::desk::{Breaker, Links, Unknown};
use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::outward;
use crate::discord::press::Press;
use crate::discord::reply::{Button, Followed, Reply};
use crate::discord::split::block;
use crate::discord::visit::{TO_CONFIRM, Visit, Waiting};
use crate::mailbox::{Message, Sent, Which};
use crate::names::{AgentId, Caller, Mode};
use crate::time::relative;

/// Of a message in a list.
const SHOWN: usize = 80;

/// A message of his; what is asked for twice is sent once. A person may repeat himself: only programs run in circles.
pub(super) fn sent(visit: &Visit, to: &AgentId, text: String, mode: Mode) -> Result<Sent, Error> {
    let mut draft = visit.desk.draft(to, text);
    draft.mode = mode;
    draft.key = Some(visit.key(to));
    from_here(visit, &mut draft.metadata);
    Ok(visit
        .desk
        .send(draft, Unknown::Refuse, Breaker::Override, visit.now)?)
}

/// Where an answer is to be posted, and who asked.
pub(in crate::discord) fn from_here(
    visit: &Visit,
    metadata: &mut serde_json::Map<String, serde_json::Value>,
) {
    let said = serde_json::json!({
        "channel": visit.place.channel.to_string(),
        "user": visit.guest.user.to_string(),
        "name": visit.name,
    });
    metadata.insert("discord".into(), said);
}

/// Told as far as it has come: only queued.
pub(super) fn followed(title: &str, sent: &Sent, by: &AgentId) -> Reply {
    let mut reply = Reply::text(format!("{title}\n{}", outward::queued(&sent.at)));
    reply.follows = Some(Followed::Mail {
        at: sent.at.clone(),
        by: by.clone(),
    });
    reply
}

fn own<'v>(visit: &'v Visit) -> &'v AgentId {
    &visit.house.own.agent
}

pub(super) fn send(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mode = if call.is_set("priority") {
        Mode::Priority
    } else {
        Mode::Normal
    };
    let to = named(visit, call)?;
    let text = call.get("text").unwrap_or_default().to_owned();
    Ok(followed(
        "Message sent",
        &sent(visit, &to, text, mode)?,
        own(visit),
    ))
}

pub(super) fn prompt(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let to = named(visit, call)?;
    let text = call.get("text").unwrap_or_default().to_owned();
    Ok(followed(
        "Prompt sent",
        &sent(visit, &to, text, Mode::Task)?,
        own(visit),
    ))
}

/// An order: from the captain, on behalf of the person, who must be allowed to send.
pub(super) fn order(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let to = named(visit, call)?;
    let captain = Caller {
        agent: AgentId::captain(),
        ..visit.desk.caller().clone()
    };
    let desk = visit.desk.clone().speaking_as(captain);
    let mut draft = desk.draft(&to, call.get("text").unwrap_or_default().to_owned());
    draft.mode = Mode::Captain;
    draft.key = Some(visit.key(&to));
    from_here(visit, &mut draft.metadata);
    let sent = desk.send(draft, Unknown::Refuse, Breaker::Override, visit.now)?;
    Ok(followed("Order sent", &sent, &AgentId::captain()))
}

/// Shown to whoever wrote it, with how many it would reach.
pub(super) fn preview(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    visit.desk.may_broadcast()?;
    let text = call.get("text").unwrap_or_default().to_owned();
    let many = visit.agents().len();
    let shown = block(&text.chars().take(1500).collect::<String>());
    let waiting = Waiting {
        by: visit.guest.user,
        text,
        until: visit.now.wall.plus(TO_CONFIRM),
    };
    visit.house.keep(visit.id, waiting);
    Ok(Reply::text(format!(
        "To {many} agents, good for {} seconds:\n{shown}",
        TO_CONFIRM.as_secs()
    ))
    .with(Button::grave(
        Press::Broadcast { waiting: visit.id },
        "Send",
    ))
    .with(Button::new(Press::Cancel, "Cancel")))
}

pub(super) fn broadcast(visit: &Visit, id: u64) -> Result<Reply, Error> {
    visit.desk.may_broadcast()?;
    let Some(waiting) = visit.house.take(id, visit.guest.user, visit.now.wall) else {
        return Ok(Reply::text(
            "That was sent already, is too old, or is another's: nothing was done.",
        ));
    };
    let mut text = String::new();
    let mut queued = 0;
    for to in visit.agents() {
        let line = match sent(visit, &to, waiting.text.clone(), Mode::Normal) {
            Ok(sent) => {
                queued += 1;
                format!("{to}: queued {}, not read", sent.at)
            }
            Err(error) => format!("Error: {to}: {error}"),
        };
        writeln!(text, "{line}").expect("a string grows");
    }
    Ok(Reply::listing(
        &format!("Message sent to {queued} agents"),
        "broadcast.txt",
        &text,
    ))
}

fn row(visit: &Visit, it: &Message) -> String {
    let text: String = it.content.chars().take(SHOWN).collect();
    let text = text.replace('\n', " ");
    let age = relative(it.timestamp, visit.now.wall);
    let (to, seq, status) = (&it.to, it.seq, it.status.as_str());
    format!(
        "{to}/{seq:<5} {:<8} {status:<9} {:<10} {age:<8} {text}\n",
        it.mode.as_str(),
        it.from.as_str()
    )
}

pub(super) fn inbox(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    if let Some(name) = call.get("agent") {
        let id = visit.agent(name)?;
        let all = visit.desk.inbox(&id, Which::Pending)?;
        let rows: String = all.iter().map(|it| row(visit, it)).collect();
        return Ok(if rows.is_empty() {
            Reply::text(format!("**Inbox of {id}**\nNothing waits."))
        } else {
            Reply::listing(&format!("Inbox of {id}"), &format!("{id}-inbox.txt"), &rows)
        });
    }
    let mut rows = String::new();
    for id in visit.agents() {
        let line = match visit.desk.counts(&id, visit.now) {
            Ok(counts) => format!(
                "{:<16} {} wait, {} urgent",
                id.as_str(),
                counts.pending,
                counts.urgent
            ),
            Err(error) => format!("{:<16} {error}", id.as_str()),
        };
        writeln!(rows, "{line}").expect("a string grows");
    }
    Ok(Reply::listing("Inboxes", "inboxes.txt", &rows))
}

pub(super) fn thread(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let at = visit.message(call.get("message").unwrap_or_default())?;
    let mut text = String::new();
    for it in visit.desk.thread(&at)? {
        let age = relative(it.timestamp, visit.now.wall);
        writeln!(
            text,
            "{}/{} {} → {} ({age}, {})\n{}\n",
            it.to,
            it.seq,
            it.from,
            it.to,
            it.status.as_str(),
            it.content
        )
        .expect("a string grows");
    }
    Ok(Reply::listing(
        &format!("Thread of {at}"),
        "thread.txt",
        &text,
    ))
}

/// To whoever wrote it.
pub(super) fn reply(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let at = visit.message(call.get("message").unwrap_or_default())?;
    let answered = visit.desk.message(&at)?;
    let mut draft = visit.desk.draft(
        &answered.from,
        call.get("text").unwrap_or_default().to_owned(),
    );
    Links::answering(&answered).link(&mut draft);
    draft.key = Some(visit.key(&answered.from));
    from_here(visit, &mut draft.metadata);
    let sent = visit
        .desk
        .send(draft, Unknown::Refuse, Breaker::Override, visit.now)?;
    Ok(followed("Message sent", &sent, own(visit)))
}
