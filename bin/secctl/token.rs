use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::AgentId;
use dreamos::time::{Now, Timestamp, parse_span};
use serde::Serialize;

use super::desk;

/// Give a token to what nobody supervises, or take it back; whoever agentctl starts has one
#[derive(clap::Args)]
#[command(
    after_help = "Asked for where config/security/policies.yaml says `identity: required`.

EXAMPLES
  secctl token issue captain --out ~/.captain-token
  DREAMOS_TOKEN_FILE=~/.captain-token captainphone send agent-1 resume
  secctl token issue nightly --out nightly.token --expires 30d
  secctl token revoke nightly"
)]
pub(crate) struct Token {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Give one, in a new file that only you may read
    Issue {
        /// To whom
        #[arg(value_name = "AGENT")]
        agent: String,
        /// Where; no such file may be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// From now on; else it counts until it is taken back
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires: Option<Duration>,
    },
    /// Take back all that were issued to it
    Revoke {
        /// From whom
        #[arg(value_name = "AGENT")]
        agent: String,
    },
}

#[derive(Serialize)]
struct Issued<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    file: String,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    tokens: usize,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).map_err(|bad| bad.to_string())
}

impl Run for Token {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::Issue {
                agent,
                out,
                expires,
            } => issue(context, &agent, &out, expires),
            What::Revoke { agent } => revoke(context, &agent),
        }
    }
}

fn issue(
    context: &Context,
    agent: &str,
    out: &Path,
    expires: Option<Duration>,
) -> Result<Exit, Failure> {
    let desk = desk::open(context)?;
    let agent = desk.resolve(agent)?;
    let now = Now::read();
    let expires_at = expires.map(|span| now.wall.plus(span));
    desk.issue_token(&agent, expires_at, out, now)?;
    let document = Issued {
        schema: "dreamos.token-issued/1",
        agent: &agent,
        file: out.display().to_string(),
        expires_at,
    };
    let until = expires_at.map_or(String::new(), |at| format!(" until {at}"));
    let line = format!(
        "issued {agent} a token{until}; it speaks with DREAMOS_TOKEN_FILE={}",
        out.display()
    );
    context.report(&line, &document);
    Ok(Exit::DONE)
}

fn revoke(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let desk = desk::open(context)?;
    let agent = desk.resolve(agent)?;
    let tokens = desk.revoke_tokens(&agent, Now::read())?;
    let document = Revoked {
        schema: "dreamos.token-revoked/1",
        agent: &agent,
        tokens,
    };
    context.report(&format!("took back {tokens} of {agent}"), &document);
    Ok(if tokens == 0 { Exit::NO } else { Exit::DONE })
}
