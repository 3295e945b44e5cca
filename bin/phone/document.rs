//! The shapes of `--json`; their schemas lie in `schemas/` beside. A key is never renamed.

use dreamos::cli::{Context, Error, Exit, Failure, Format};
use dreamos::mailbox::{Address, Message};
use dreamos::names::MessageId;
use serde::Serialize;

/// Any body under its marker.
#[derive(Serialize)]
pub(crate) struct Document<T> {
    pub(crate) schema: &'static str,
    #[serde(flatten)]
    pub(crate) body: T,
}

pub(crate) const fn message(body: &Message) -> Document<&Message> {
    Document {
        schema: "dreamos.message/1",
        body,
    }
}

#[derive(Serialize)]
struct Messages<'a> {
    schema: &'static str,
    messages: &'a [Message],
}

/// One document, or one object a line.
pub(crate) fn print_messages(context: &Context, messages: &[Message]) -> Result<(), Error> {
    if context.format() == Format::Jsonl {
        return messages
            .iter()
            .try_for_each(|each| context.print_json(&message(each)));
    }
    context.print_json(&Messages {
        schema: "dreamos.messages/1",
        messages,
    })
}

/// What became of one message.
#[derive(Serialize)]
pub(crate) struct Changed {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<MessageId>,
    /// What was done: `acked`, `nacked`, `discarded`.
    pub(crate) what: &'static str,
    pub(crate) repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Results<'a> {
    schema: &'static str,
    results: &'a [Changed],
}

/// Does the same to each message, says what became of each, and ends as the worst of them.
pub(crate) fn change_each(
    context: &Context,
    what: &'static str,
    names: &[String],
    mut change: impl FnMut(&str) -> Result<dreamos::desk::Closed, Failure>,
) -> Exit {
    let mut worst = Exit::DONE;
    let mut results = Vec::new();
    for name in names {
        match change(name) {
            Ok(closed) => results.push(changed(what, &closed)),
            Err(failure) => {
                worst = worst.max(failure.exit());
                context.fail(&failure);
                let error = Some(failure.document());
                results.push(Changed {
                    name: name.clone(),
                    id: None,
                    what,
                    repeated: false,
                    error,
                });
            }
        }
    }
    report_changes(context, &results);
    worst
}

pub(crate) fn changed(what: &'static str, closed: &dreamos::desk::Closed) -> Changed {
    Changed {
        name: closed.at.to_string(),
        id: Some(closed.id),
        what,
        repeated: closed.repeated,
        error: None,
    }
}

pub(crate) fn report_changes(context: &Context, results: &[Changed]) {
    match context.format() {
        Format::Json => context.report(
            "",
            &Results {
                schema: "dreamos.changes/1",
                results,
            },
        ),
        Format::Jsonl => {
            for body in results {
                context.report(
                    "",
                    &Document {
                        schema: "dreamos.changed/1",
                        body,
                    },
                );
            }
        }
        Format::Table | Format::Plain | Format::Own(_) => {
            for Changed {
                name,
                what,
                repeated,
                ..
            } in results.iter().filter(|result| result.error.is_none())
            {
                let already = if *repeated { "already " } else { "" };
                context.report(&format!("{already}{what} {name}"), &());
            }
        }
    }
}

/// The address of a message, from the message itself.
pub(crate) fn name_of(message: &Message) -> Address {
    Address {
        mailbox: message.to.clone(),
        seq: message.seq,
    }
}
