//! What waits in the bot's own mailbox, on its way into a channel. Pure.

use super::channels::Bindings;
use super::reply::Reply;
use super::settings::Settings;
use super::split::{LONGEST, split};
use crate::mailbox::{Address, Message, Status};

/// Of a message that went to an agent, in the answer to whoever sent it.
pub(super) fn queued(at: &Address) -> String {
    format!("queued {at}, not read")
}

/// How far it has come, in the same place.
pub(super) fn come(at: &Address, status: Status) -> String {
    match status {
        Status::Queued => queued(at),
        Status::Announced => format!("announced {at}, not read"),
        Status::Read => format!("read {at}, not acknowledged"),
        Status::Acked => format!("acknowledged {at}"),
        other => format!("{} {at}", other.as_str()),
    }
}

/// Where a message is posted: where its thread was begun, else where its writer belongs, else where all else goes.
pub(super) fn channel(
    message: &Message,
    begun_in: Option<u64>,
    bindings: &Bindings,
    settings: &Settings,
) -> Option<u64> {
    named(message)
        .or(begun_in)
        .or_else(|| bindings.channel(&message.from))
        .or_else(|| settings.channels.announcements.map(|it| it.0))
}

/// As `cellphone send discord TEXT --meta channel=2001` names it.
fn named(message: &Message) -> Option<u64> {
    number(message.metadata.get("channel")?.as_str()?)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|it| *it > 0)
}

/// The channel where somebody said what this message is the mail of.
pub(super) fn said_in(message: &Message) -> Option<u64> {
    let discord = message.metadata.get("discord")?;
    number(discord.get("channel")?.as_str()?)
}

/// As messages of Discord's, in their order.
pub(super) fn posts(message: &Message) -> Vec<Reply> {
    let head = format!("**{}**: ", message.from);
    let text = crate::logs::redacted(&message.content);
    let pieces = split(&format!("{head}{text}"), LONGEST);
    pieces.into_iter().map(Reply::text).collect()
}

/// The same piece of the same message is posted once: Discord compares these for some minutes.
pub(super) fn nonce(message: &Message, piece: usize) -> String {
    let id = message.id.to_string();
    let end = id.len().saturating_sub(20);
    format!("{}-{piece}", &id[end..])
}
