use dreamos::cli::{Context, Error, Exit, Failure, Run, whole_bytes};
use dreamos::names::AgentId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::desk;

/// As much as a file that goes with a message.
const LONGEST: usize = 64 << 20;

/// Seal standard input to the key of an agent, so that nobody else can read it
#[derive(clap::Args)]
#[command(
    after_help = "What is printed is armored text in the format of age, of which `secctl open` makes what it was.
A message is sealed by `cellphone send --seal`.

EXAMPLES
  secctl seal agent-2 < result.csv > result.csv.age
  cellphone send agent-2 \"the figures\" --file result.csv.age"
)]
pub(crate) struct Seal {
    /// To whom
    #[arg(value_name = "AGENT")]
    agent: String,
}

#[derive(Serialize)]
struct Sealed<'a> {
    schema: &'static str,
    to: &'a AgentId,
    content: &'a str,
}

impl Run for Seal {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        let to = desk.whose_keys(&self.agent)?;
        let bytes = Zeroizing::new(whole_bytes(LONGEST + 1)?);
        if bytes.len() > LONGEST {
            return Err(Error::usage(format!("it is longer than {} MiB", LONGEST >> 20)).into());
        }
        let armored = desk.seal(&to, &bytes)?;
        if context.format().is_json() {
            context.print_json(&Sealed {
                schema: "dreamos.sealed/1",
                to: &to,
                content: &armored,
            })?;
        } else {
            context.print(&format!("{armored}\n"))?;
        }
        Ok(Exit::DONE)
    }
}
