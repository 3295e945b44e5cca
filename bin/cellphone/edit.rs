use dreamos::cli::{Context, Draft, Error, Exit, Failure, Run, confirm};
use dreamos::desk::{Desk, Merged};
use dreamos::names::{AgentId, Kind};
use dreamos::time::Now;
use serde::Serialize;

use super::phone::desk::open;
use super::phone::document::Document;
use super::phone::open::would_change;

/// Edit the waiting mail in your editor: a copy is checked and merged, as crontab -e does
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone edit agent-3             # change, add or remove entries
  EDITOR='code --wait' cellphone edit")]
pub(crate) struct Edit {
    /// Whose, if not your own
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Body {
    agent: AgentId,
    edited: Vec<String>,
    adopted: Vec<String>,
    discarded: Vec<String>,
    known: u64,
}

impl Run for Edit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let own = || Ok(desk.caller().agent.clone());
        let agent = self.agent.map_or_else(own, |name| desk.resolve(&name))?;
        if self.dry_run {
            return would_change(context, &desk, &[agent]);
        }
        if context.options().no_input {
            return Err(Error::advice("edit opens an editor", "leave out --no-input").into());
        }
        let given = desk.edit_begin(&agent, Now::read())?;
        let draft = Draft::new("inbox.json", &given)?;
        let merged = loop {
            let edited = draft.edit()?;
            if edited == given {
                draft.discard();
                context.note("nothing was changed");
                return Ok(Exit::DONE);
            }
            match merge(&desk, &agent, &given, &edited) {
                Ok(merged) => break merged,
                Err(failure) if again(context, &failure)? => {}
                Err(failure) => {
                    context.note(&format!(
                        "what you wrote is kept in {}",
                        draft.path().display()
                    ));
                    return Err(failure);
                }
            }
        };
        draft.discard();
        report(context, agent, &merged);
        Ok(Exit::DONE)
    }
}

fn merge(desk: &Desk, agent: &AgentId, given: &[u8], edited: &[u8]) -> Result<Merged, Failure> {
    let merged = desk.edit_finish(agent, given, edited, Now::read())?;
    Ok(merged)
}

/// What does not parse may be edited on, by a person who is there.
fn again(context: &Context, failure: &Failure) -> Result<bool, Error> {
    // --yes would open the same text for ever.
    if failure.exit() != Exit::of(Kind::Corrupt) || !context.may_ask() || context.options().yes {
        return Ok(false);
    }
    context.fail(failure);
    confirm(context, "Edit it again?")
}

fn report(context: &Context, agent: AgentId, merged: &Merged) {
    let names = |all: &[dreamos::mailbox::Address]| all.iter().map(ToString::to_string).collect();
    let line = format!(
        "merged into {agent}: {} edited, {} added, {} discarded",
        merged.edited.len(),
        merged.adopted.len(),
        merged.discarded.len()
    );
    let body = Body {
        agent,
        edited: names(&merged.edited),
        adopted: names(&merged.adopted),
        discarded: names(&merged.discarded),
        known: merged.known,
    };
    context.report(
        &line,
        &Document {
            schema: "dreamos.merged/1",
            body,
        },
    );
}
