use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::discord;
use dreamos::security;
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;

/// Let a person on Discord command the bot: the code is what /pair shows there
///
/// The person gets a role in config/security/policies.yaml, where it can be taken away again. discord-viewer looks,
/// discord-operator also sends mail, starts and stops agents and works on tasks, discord-admin also broadcasts, assigns channels
/// and approves. Any other role that the policies speak of will do.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  discordbot pair K7QF-2MXD                           # sees how agents stand
  discordbot pair K7QF-2MXD --role discord-operator
  discordbot pair K7QF-2MXD --role discord-admin --json | jq -r .user")]
pub(crate) struct Pair {
    /// As it is shown there; good for ten minutes, once
    #[arg(value_name = "CODE")]
    code: String,
    /// What the person may do
    #[arg(long, value_name = "ROLE", default_value = "discord-viewer")]
    role: String,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    user: String,
    name: String,
    role: String,
    is_new: bool,
}

impl Run for Pair {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if !security::is_ready_made(&self.role) && !desk.has_rules_for(&self.role)? {
            return Err(Error::advice(
                format!("no rule speaks of the role {}", self.role),
                "discord-viewer, discord-operator and discord-admin bring their own; or write one into config/security/policies.yaml",
            )
            .into());
        }
        let now = Now::read();
        let paired = discord::claim(desk.home(), &self.code, now.wall)?;
        let is_new = desk.enrol(&self.role, paired.user, now)?;
        let line = if is_new {
            format!(
                "{} (discord:{}) has the role {}",
                paired.name, paired.user, self.role
            )
        } else {
            format!(
                "{} (discord:{}) had the role {} already",
                paired.name, paired.user, self.role
            )
        };
        context.report(
            &line,
            &Document {
                schema: "dreamos.discord-pairing/1",
                user: paired.user.to_string(),
                name: paired.name,
                role: self.role,
                is_new,
            },
        );
        Ok(Exit::DONE)
    }
}
