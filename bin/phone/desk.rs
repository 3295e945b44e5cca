//! The desk, opened for the one who speaks.

use dreamos::cli::{Context, Failure};
use dreamos::desk::{self, Desk};
use dreamos::names::{AgentId, Caller, Explain as _, Kind};
use dreamos::root::Home;

pub(crate) fn open(context: &Context) -> Result<Desk, Failure> {
    opened(context, |home, caller| {
        Desk::open(home, caller, context.warner())
    })
}

pub(crate) fn opened(
    context: &Context,
    how: impl FnOnce(Home, Caller) -> Result<Desk, desk::Error>,
) -> Result<Desk, Failure> {
    let home = context.home()?;
    context.trace(|| format!("home {}", home.dir().display()));
    let speaker = context.speaker();
    let parsed = AgentId::parse(&speaker);
    let first = parsed.clone().unwrap_or_else(|_| AgentId::user());
    let desk = how(home, context.caller(first))?
        .showing(context.token(), context.runs_as())
        .touched_by(context.taint());
    if let Ok(agent) = &parsed
        && (agent.is_reserved() || desk.roster().entry(agent).is_some())
    {
        return Ok(desk);
    }
    match (desk.resolve(&speaker), parsed) {
        (Ok(known), Ok(agent)) if known == agent => Ok(desk),
        // An alias, or another spelling.
        (Ok(known), _) => Ok(desk.speaking_as(context.caller(known))),
        // A cron job may speak without being registered; what has no mailbox cannot take mail anyway.
        (Err(error), Ok(_)) if error.kind() == Kind::Unknown => Ok(desk),
        (Err(error), _) => Err(error.into()),
    }
}

/// For completion, which must never fail.
pub(crate) fn agents(context: &Context) -> Vec<String> {
    let known = || {
        let home = context.home().ok()?;
        let desk = Desk::open(home, context.caller(AgentId::user()), |_| {}).ok()?;
        desk.everybody().ok()
    };
    let ids = known().unwrap_or_default();
    ids.iter().map(ToString::to_string).collect()
}
