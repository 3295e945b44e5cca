mod list;

use std::path::PathBuf;

use clap::Subcommand;
use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::names::AgentId;
use dreamos::security::keys::Fingerprint;
use dreamos::time::Now;
use serde::Serialize;

use super::desk;

/// The keys of agents: whoever has one signs his mail, and mail can be sealed to him
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl keys make agent-1                         # from now on `cellphone send agent-1 TEXT --seal` seals to it
  secctl keys list
  secctl keys rotate agent-1                       # what was signed before counts as it did
  secctl keys revoke agent-1 k7q2…                 # nothing signed with it counts any more
  secctl keys import agent-7.json                  # the public keys of an agent of another home")]
pub(crate) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A first key
    Make {
        /// Whose
        #[arg(value_name = "AGENT")]
        agent: String,
    },
    /// Another in the place of the one that it signs with
    Rotate {
        /// Whose
        #[arg(value_name = "AGENT")]
        agent: String,
    },
    /// Take one back, also of a name that the agent had, or of one who is gone
    Revoke {
        /// Whose
        #[arg(value_name = "AGENT")]
        agent: String,
        /// Which, as `list` shows it
        #[arg(value_name = "KEY", value_parser = fingerprint)]
        key: Fingerprint,
    },
    /// Who has which
    List,
    /// Take over public keys, as they lie in config/security/keys/ of another home
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct Changed<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    /// `made`, `rotated`, `revoked`, `imported`
    what: &'static str,
    /// `null`: of several that were imported.
    key: Option<String>,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "it is no fingerprint: see secctl keys list".into())
}

impl Run for Keys {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        let now = Now::read();
        match self.what {
            What::Make { agent } => {
                let agent = desk.resolve(&agent)?;
                let key = desk.make_key(&agent, now)?;
                tell(context, &agent, "made", Some(key));
            }
            What::Rotate { agent } => {
                let agent = desk.resolve(&agent)?;
                let key = desk.rotate_key(&agent, now)?;
                tell(context, &agent, "rotated", Some(key));
            }
            What::Revoke { agent, key } => {
                let agent = desk.whose_keys(&agent)?;
                desk.revoke_key(&agent, key, now)?;
                tell(context, &agent, "revoked", Some(key));
            }
            What::List => list::list(context, desk.home())?,
            What::Import { file } => {
                let text = std::fs::read(&file).map_err(|source| Error::File {
                    path: file.clone(),
                    source,
                })?;
                let agent = desk.import_keys(&text, now)?;
                tell(context, &agent, "imported", None);
            }
        }
        Ok(Exit::DONE)
    }
}

fn tell(context: &Context, agent: &AgentId, what: &'static str, key: Option<Fingerprint>) {
    let key = key.map(|key| key.to_string());
    let line = match &key {
        Some(key) => format!("{what} {key} of {agent}"),
        None => format!("{what} the public keys of {agent}"),
    };
    let document = Changed {
        schema: "dreamos.key-changed/1",
        agent,
        what,
        key,
    };
    context.report(&line, &document);
}
