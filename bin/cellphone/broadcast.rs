use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::desk::{Links, Unknown};
use dreamos::names::Mode;

use super::phone::deliver::{Template, deliver, report_all, worst};
use super::phone::desk::open;
use super::phone::letter::Letter;
use super::phone::open::{everybody_else, recipients, would_change};
use super::phone::sealed::sealer;

/// Send the same to everybody but yourself: one message each, one result line each
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone broadcast \"stand-up in ten minutes\"
  cellphone broadcast \"please review\" --to role:reviewer
  cellphone broadcast \"stop\" --to agent-1,agent-2 --mode PRIORITY")]
pub(crate) struct Broadcast {
    /// The text; - is standard input, and so is a pipe where no text is given
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// role:ROLE, or names divided by commas; else everybody
    #[arg(long, value_name = "TO")]
    to: Option<String>,
    #[command(flatten)]
    letter: Letter,
}

impl Run for Broadcast {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let to = match &self.to {
            Some(to) => recipients(&desk, to, Unknown::Refuse)?,
            None => everybody_else(&desk)?,
        };
        if self.letter.dry_run {
            return would_change(context, &desk, &to);
        }
        let sealer = sealer(context, &desk, &self.letter)?;
        let text = self.text.or_else(|| self.letter.names_of_files());
        let template = Template {
            content: body(context, text.as_deref())?,
            letter: &self.letter,
            usual_mode: Mode::Normal,
            links: Links::default(),
            unknown: Unknown::Refuse,
            sealer,
            note: None,
        };
        let deliveries = deliver(context, &desk, &to, &template, None, &mut |_| {})?;
        report_all(context, &deliveries, None);
        Ok(worst(&deliveries))
    }
}
