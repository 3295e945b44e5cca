//! Which channel belongs to whom.

use std::fmt::Write as _;

use super::agents::named;
use crate::discord::channels::{self, Bindings};
use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::reply::Reply;
use crate::discord::visit::Visit;

pub(super) fn list(visit: &Visit) -> Result<Reply, Error> {
    let bindings = Bindings::load(&visit.house.home)?;
    let mut text = String::from("**Channel Assignments**");
    if bindings.channels.is_empty() {
        text.push_str("\nNone: `/channels assign` makes one.");
    }
    for (channel, agent) in &bindings.channels {
        write!(text, "\n<#{channel}> belongs to {agent}").expect("a string grows");
    }
    Ok(Reply::text(text))
}

/// This one, or the one that is named.
fn meant(visit: &Visit, call: &Call) -> u64 {
    let named = call.get("channel").and_then(|it| it.parse().ok());
    named.unwrap_or(visit.place.channel)
}

pub(super) fn assign(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = named(visit, call)?;
    visit.desk.may_bind(&id)?;
    let channel = meant(visit, call);
    let before = channels::assign(&visit.house.home, channel, &id)?;
    let was = before.filter(|it| *it != id);
    let was = was.map_or_else(String::new, |it| format!(", no longer to {it}"));
    Ok(Reply::text(format!(
        "<#{channel}> belongs to {id}{was}: what is said there is mail for it, and its answers are posted there."
    )))
}

pub(super) fn unassign(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let channel = meant(visit, call);
    let Some(agent) = Bindings::load(&visit.house.home)?.agent(channel).cloned() else {
        return Ok(Reply::text(format!("<#{channel}> belongs to nobody.")));
    };
    visit.desk.may_bind(&agent)?;
    channels::unassign(&visit.house.home, channel)?;
    Ok(Reply::text(format!(
        "<#{channel}> belongs to {agent} no longer."
    )))
}
