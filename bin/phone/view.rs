//! Messages as a person reads them.

use std::fmt::Write as _;

use dreamos::cli::{Context, Format, Table, first_line};
use dreamos::mailbox::Message;
use dreamos::names::{Class, ORIGIN, TAINT};
use dreamos::time::{Timestamp, relative};
use serde_json::Value;

use super::document::name_of;
use super::sealed::legible;

/// What the columns before the text take at most on most lines.
const BESIDE_THE_TEXT: usize = 58;

/// And the column of what signatures are worth.
const PROOF: usize = 10;

/// One line a message. What signatures are worth is told where one has to do with signatures at all.
pub(crate) fn listed(context: &Context, messages: &[Message], now: Timestamp) -> Table {
    let with_proof = messages
        .iter()
        .any(|message| told(message, "proof").is_some());
    let (proof_column, beside): (&[&str], _) = if with_proof {
        (&["PROOF"], BESIDE_THE_TEXT + PROOF)
    } else {
        (&[], BESIDE_THE_TEXT)
    };
    let width = context.columns().saturating_sub(beside).max(20);
    let head = [
        &["ID", "FROM", "MODE", "AGE", "STATUS"],
        proof_column,
        &["TEXT"],
    ]
    .concat();
    let mut table = Table::new(&head);
    for message in messages {
        let age = relative(message.timestamp, now);
        let text = match context.format() {
            Format::Plain => first_line(&legible(message), usize::MAX),
            _ => context
                .shown(&first_line(&legible(message), width))
                .into_owned(),
        };
        let mut row = vec![
            name_of(message).to_string(),
            message.from.to_string(),
            message.mode.to_string(),
            age.trim_end_matches(" ago").to_owned(),
            message.status.as_str().to_owned(),
        ];
        if with_proof {
            row.push(told(message, "proof").unwrap_or("-").to_owned());
        }
        row.push(text);
        table.row(row);
    }
    table
}

/// The whole of it.
pub(crate) fn whole(context: &Context, message: &Message, now: Timestamp) -> String {
    if context.format() == Format::Plain {
        return with_line_break(&legible(message));
    }
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let value = context.shown(value);
        writeln!(text, "{name:<9} {value}").expect("a string grows");
    };
    let mode = match message.mode.class() {
        Class::Urgent => context.urgent(message.mode.as_str()),
        Class::System | Class::Normal | Class::Bulk => message.mode.to_string(),
    };
    line(
        "message",
        &format!(
            "{} {}",
            context.strong(&name_of(message).to_string()),
            message.id
        ),
    );
    line("from", message.from.as_str());
    for name in [ORIGIN, TAINT] {
        if let Some(said) = told(message, name) {
            line(name, said);
        }
    }
    if let Some(proof) = proof(message) {
        line("signature", &proof);
    }
    if message.is_sealed() {
        line("sealed", &format!("to {}", message.to));
    }
    line("mode", &mode);
    line(
        "sent",
        &format!(
            "{} ({})",
            message.timestamp,
            relative(message.timestamp, now)
        ),
    );
    line("status", message.status.as_str());
    let ids = [("reply to", message.reply_to), ("thread", message.thread)];
    for (name, id) in ids {
        if let Some(id) = id.filter(|id| *id != message.id) {
            line(name, &id.to_string());
        }
    }
    if message.hops > 0 {
        line("hops", &message.hops.to_string());
    }
    for (name, at) in [
        ("not before", message.not_before),
        ("expires", message.expires_at),
    ] {
        if let Some(at) = at {
            line(name, &format!("{at} ({})", relative(at, now)));
        }
    }
    for (key, value) in message.metadata.to_map() {
        match value {
            Value::String(value) => line(&key, &value),
            other => line(&key, &other.to_string()),
        }
    }
    text.push('\n');
    text.push_str(&with_line_break(&context.shown(&legible(message))));
    text
}

/// What its signature is worth, where its sender signs.
fn proof(message: &Message) -> Option<String> {
    let proof = told(message, "proof")?;
    let why = told(message, "proof_why");
    Some(why.map_or_else(|| proof.to_owned(), |why| format!("{proof}: {why}")))
}

fn told<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.extra.get(name).and_then(Value::as_str)
}

fn with_line_break(text: &str) -> String {
    if text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}
