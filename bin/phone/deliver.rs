//! One message to one or several recipients, and what is said about it.

use std::time::Instant;

use dreamos::cli::{Context, Exit, Failure, Format, Interrupt, first_line};
use dreamos::desk::{Desk, Links, Unknown};
use dreamos::mailbox::{Message, Sent, Status};
use dreamos::names::{AgentId, MessageId, Mode};
use dreamos::time::Now;
use serde::Serialize;

use super::document::{Document, name_of};
use super::letter::Letter;
use super::sealed::{self, Secctl};
use super::wait::{Wait, Waited};

/// The message as it is before it has a recipient.
pub(crate) struct Template<'a> {
    pub(crate) letter: &'a Letter,
    pub(crate) content: String,
    pub(crate) usual_mode: Mode,
    pub(crate) links: Links,
    pub(crate) unknown: Unknown,
    /// By which the text is sealed to each recipient.
    pub(crate) sealer: Option<Secctl>,
    /// Put into the metadata beside what the person wrote.
    pub(crate) note: Option<(&'static str, String)>,
}

/// What became of the message to one recipient.
pub(crate) struct Delivery {
    pub(crate) to: AgentId,
    pub(crate) sent: Result<Sent, Failure>,
    pub(crate) waited: Option<Waited>,
    /// It was accepted, but could not be followed.
    pub(crate) lost_sight: Option<Failure>,
}

impl Delivery {
    pub(crate) fn exit(&self) -> Exit {
        let failure = self.sent.as_ref().err().or(self.lost_sight.as_ref());
        match (failure, &self.waited) {
            (Some(failure), _) => failure.exit(),
            (None, Some(waited)) => waited.exit,
            (None, None) => Exit::DONE,
        }
    }
}

/// Sends to each, and only then waits for each, all within one timeout. `queued` is called before the wait.
pub(crate) fn deliver(
    context: &Context,
    desk: &Desk,
    recipients: &[AgentId],
    template: &Template<'_>,
    wait: Option<&Wait>,
    queued: &mut dyn FnMut(&Sent),
) -> Result<Vec<Delivery>, Failure> {
    // Before anything is sent: from then on Ctrl-C must find us listening.
    let interrupt = wait.map(|_| Interrupt::install()).transpose()?;
    let mut deliveries: Vec<Delivery> = recipients
        .iter()
        .map(|to| Delivery {
            to: to.clone(),
            sent: send(desk, to, template),
            waited: None,
            lost_sight: None,
        })
        .collect();
    for sent in deliveries
        .iter()
        .filter_map(|delivery| delivery.sent.as_ref().ok())
    {
        queued(sent);
    }
    let (Some(wait), Some(interrupt)) = (wait, interrupt) else {
        return Ok(deliveries);
    };
    let deadline = Instant::now() + wait.timeout;
    for delivery in &mut deliveries {
        if let Ok(sent) = &delivery.sent {
            match wait.until(desk, &sent.at, deadline, &interrupt) {
                Ok(mut waited) => {
                    sealed::open(context, desk, waited.reply.as_mut_slice());
                    delivery.waited = Some(waited);
                }
                Err(failure) => delivery.lost_sight = Some(failure),
            }
        }
    }
    Ok(deliveries)
}

fn send(desk: &Desk, to: &AgentId, template: &Template<'_>) -> Result<Sent, Failure> {
    let now = Now::read();
    let Template {
        letter,
        content,
        usual_mode,
        unknown,
        ..
    } = template;
    let mut draft = letter.draft(desk, to, content.clone(), *usual_mode, *unknown, now)?;
    template.links.link(&mut draft);
    if let Some((key, value)) = &template.note {
        draft
            .metadata
            .insert((*key).to_owned(), value.clone().into());
    }
    if let Some(sealer) = &template.sealer {
        sealer.seal(&mut draft)?;
    }
    Ok(desk.send(draft, *unknown, letter.breaker(), now)?)
}

#[derive(Serialize)]
struct Told<'a> {
    to: &'a AgentId,
    #[serde(flatten)]
    sent: Option<ToldSent<'a>>,
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct ToldSent<'a> {
    name: String,
    id: MessageId,
    key: &'a str,
    repeated: bool,
    pending: u64,
}

fn told_sent(sent: &Sent) -> ToldSent<'_> {
    ToldSent {
        name: sent.at.to_string(),
        id: sent.id,
        key: &sent.key,
        repeated: sent.repeated,
        pending: sent.pending,
    }
}

fn told(delivery: &Delivery) -> Told<'_> {
    let waited = delivery.waited.as_ref();
    let came = delivery.sent.as_ref().ok().and_then(|sent| sent.status);
    Told {
        to: &delivery.to,
        sent: delivery.sent.as_ref().ok().map(told_sent),
        status: waited
            .map(|waited| waited.status)
            .or(came.map(Status::as_str)),
        reply: waited.and_then(|waited| waited.reply.as_ref()),
        error: delivery.sent.as_ref().err().map(Failure::document),
    }
}

/// `queued agent-3/1 (1 unread), …`
pub(crate) fn queued_line(context: &Context, sent: &Sent) -> String {
    let at = &sent.at;
    let program = context.program();
    if sent.repeated {
        let status = sent.status.map_or("sent", Status::as_str);
        return format!("already {status} as {at}; follow with: {program} status {at}");
    }
    let pending = sent.pending;
    format!("queued {at} ({pending} unread), not yet read; follow with: {program} status {at}")
}

/// What `deliver` calls when a message lies in its mailbox, before it waits: people want to know at once.
pub(crate) fn announce_queued(context: &Context) -> impl FnMut(&Sent) {
    |sent| {
        if !context.format().is_json() {
            context.report(&queued_line(context, sent), &());
        }
    }
}

/// How far it came while we waited.
pub(crate) fn waited_line(context: &Context, sent: &Sent, waited: &Waited, wait: &Wait) -> String {
    let (at, status, stage) = (&sent.at, waited.status, wait.stage.as_str());
    if let Some(reply) = &waited.reply {
        let text = context.shown(&sealed::legible(reply)).into_owned();
        return format!("replied to {at} in {}: {text}", name_of(reply));
    }
    match waited.exit {
        Exit::DONE => format!("{status} {at}"),
        Exit::NO => format!("{status} {at}: it will not be {stage}"),
        Exit::TIMED_OUT => format!("{status} {at}: not {stage} within {:?}", wait.timeout),
        _ => format!(
            "interrupted: {at} stays {status}; follow with: {} status {at}",
            context.program()
        ),
    }
}

/// Of a single message: what was printed before the wait is gone on with.
pub(crate) fn report_one(context: &Context, delivery: &Delivery, wait: Option<&Wait>) -> Exit {
    let sent = match &delivery.sent {
        Ok(sent) => sent,
        Err(failure) => {
            context.fail(failure);
            return failure.exit();
        }
    };
    warn(context, delivery);
    if context.format().is_json() {
        context.report(
            "",
            &Document {
                schema: "dreamos.sent/1",
                body: told(delivery),
            },
        );
    } else if let (Some(waited), Some(wait)) = (&delivery.waited, wait) {
        context.report(&waited_line(context, sent, waited, wait), &());
    }
    delivery.exit()
}

fn warn(context: &Context, delivery: &Delivery) {
    if let Ok(sent) = &delivery.sent
        && let Some(failure) = &delivery.lost_sight
    {
        context.warn(&format!(
            "{} is queued, but: {}",
            sent.at,
            failure.message()
        ));
    }
}

#[derive(Serialize)]
struct Results<'a> {
    schema: &'static str,
    results: Vec<Told<'a>>,
}

/// Of several: one result line each.
pub(crate) fn report_all(context: &Context, deliveries: &[Delivery], wait: Option<&Wait>) {
    for delivery in deliveries {
        warn(context, delivery);
    }
    match context.format() {
        Format::Json => {
            let results = deliveries.iter().map(told).collect();
            context.report(
                "",
                &Results {
                    schema: "dreamos.broadcast/1",
                    results,
                },
            );
        }
        Format::Jsonl => {
            for delivery in deliveries {
                context.report(
                    "",
                    &Document {
                        schema: "dreamos.sent/1",
                        body: told(delivery),
                    },
                );
            }
        }
        Format::Table | Format::Plain | Format::Own(_) => {
            for delivery in deliveries {
                let line = match (&delivery.sent, &delivery.waited, wait) {
                    (Ok(sent), Some(waited), Some(wait)) => {
                        waited_line(context, sent, waited, wait)
                    }
                    (Ok(sent), ..) => queued_line(context, sent),
                    (Err(failure), ..) => {
                        let why = first_line(failure.message(), 200);
                        format!("failed {}: {why}", delivery.to)
                    }
                };
                context.report(&line, &());
            }
        }
    }
}

pub(crate) fn worst(deliveries: &[Delivery]) -> Exit {
    deliveries
        .iter()
        .map(Delivery::exit)
        .max()
        .unwrap_or(Exit::DONE)
}

/// The document of a message that was sent by other means than `deliver`.
pub(crate) fn sent_document(to: &AgentId, sent: &Sent) -> impl Serialize {
    #[derive(Serialize)]
    struct One {
        to: AgentId,
        name: String,
        id: MessageId,
        key: String,
        repeated: bool,
        pending: u64,
        status: Option<&'static str>,
    }
    let body = One {
        to: to.clone(),
        name: sent.at.to_string(),
        id: sent.id,
        key: sent.key.clone(),
        repeated: sent.repeated,
        pending: sent.pending,
        status: sent.status.map(Status::as_str),
    };
    Document {
        schema: "dreamos.sent/1",
        body,
    }
}
