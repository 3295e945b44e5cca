use dreamos::agents::Attached;
use dreamos::cli::{Context, Exit, Failure, RawTerminal, Run};
use dreamos::desk::{Desk, Hands};
use dreamos::names::AgentId;

use super::anyway::open_anyway;
use super::join::{End, size, stay};

/// Join the terminal of an agent; Ctrl-] detaches, and the agent goes on
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl attach agent-3
  agentctl attach agent-3 --read-only      # look on; the window stays as large as it is")]
pub(crate) struct Attach {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Look on: no key but Ctrl-] does anything
    #[arg(long)]
    read_only: bool,
}

impl Run for Attach {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        RawTerminal::demand()?;
        let desk = open_anyway(context)?;
        let agent = desk.resolve_started(&self.agent)?;
        let hands = if self.read_only {
            Hands::Off
        } else {
            Hands::AtTheKeyboard
        };
        let mut line = desk.join_terminal(&agent, size(), hands)?;
        let terminal = RawTerminal::enter()?;
        let end = stay(&terminal, &agent, &mut line, hands);
        // Given back before anything is said.
        drop(terminal);
        let detached = format!("detached from {agent}");
        let (last, exit) = match end? {
            End::Detached => (detached, Exit::DONE),
            End::Signal(exit) => (detached, exit),
            End::Over => (farewell(&desk, &agent, &line)?, Exit::DONE),
        };
        context.note(&last);
        Ok(exit)
    }
}

/// Why there is nothing to be seen any more.
fn farewell(desk: &Desk, agent: &AgentId, line: &Attached) -> Result<String, Failure> {
    let standing = desk.standing(std::slice::from_ref(agent)).pop();
    let standing = standing.expect("one for each")?;
    Ok(match standing.state {
        _ if standing.lost.is_some() => format!("{agent} ended: its supervisor was lost"),
        Some(state) if state.incarnation == line.state.incarnation && state.child.is_some() => {
            format!("detached from {agent}: this terminal was too slow for it")
        }
        Some(state) => match state.exit {
            Some(exit) => format!("{agent} ended: {exit}"),
            None => format!("{agent} ended: {}", state.reason),
        },
        None => format!("{agent} ended"),
    })
}
