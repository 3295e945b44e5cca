//! Whom a name on the command line means.

use dreamos::cli::{Context, Error, Exit, Failure};
use dreamos::desk::{Desk, Unknown};
use dreamos::names::{AgentId, Explain as _, Kind};

/// Those who get what is sent to `AGENT`, `role:ROLE`, or several of them divided by commas. Who speaks is
/// left out of a role.
pub(crate) fn recipients(desk: &Desk, to: &str, unknown: Unknown) -> Result<Vec<AgentId>, Failure> {
    let mut all: Vec<AgentId> = Vec::new();
    for name in to.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let found = match name.strip_prefix("role:") {
            Some(role) => {
                let mut members = desk.resolve_role(role)?;
                members.retain(|member| *member != desk.caller().agent);
                members
            }
            None => vec![recipient(desk, name, unknown)?],
        };
        for id in found {
            if !all.contains(&id) {
                all.push(id);
            }
        }
    }
    if all.is_empty() {
        return Err(Error::usage(format!("{to:?} names nobody but yourself")).into());
    }
    Ok(all)
}

fn recipient(desk: &Desk, name: &str, unknown: Unknown) -> Result<AgentId, Failure> {
    match (desk.resolve(name), unknown) {
        (Err(error), Unknown::Create) if error.kind() == Kind::Unknown => {
            AgentId::parse(name).map_err(|bad| Error::usage(bad.to_string()).into())
        }
        (found, _) => Ok(found?),
    }
}

/// Everybody with a mailbox or an entry in the roster, without who speaks, and without the two who are no
/// workers.
pub(crate) fn everybody_else(desk: &Desk) -> Result<Vec<AgentId>, Failure> {
    let mut all = desk.everybody()?;
    all.retain(|id| *id != desk.caller().agent && !id.is_reserved());
    if all.is_empty() {
        return Err(Error::advice(
            "there is nobody to broadcast to",
            "register agents in config/agents.yaml",
        )
        .into());
    }
    Ok(all)
}

/// `--dry-run`: the files that a change to these mailboxes would touch.
pub(crate) fn would_change(
    context: &Context,
    desk: &Desk,
    mailboxes: &[AgentId],
) -> Result<Exit, Failure> {
    use dreamos::names::Channel;
    use std::fmt::Write as _;

    let home = desk.home();
    let mut text = String::new();
    for agent in mailboxes {
        for path in [home.journal(agent), home.face(agent)] {
            writeln!(text, "would write {}", path.display()).expect("a string grows");
        }
    }
    let log = home.log(Channel::Messages);
    writeln!(text, "would write {}", log.display()).expect("a string grows");
    context.print(&text)?;
    Ok(Exit::DONE)
}
