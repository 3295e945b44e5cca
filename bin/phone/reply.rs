use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::desk::{Claim, Unknown};
use dreamos::names::Mode;
use dreamos::time::Now;

use super::deliver::sent_document;
use super::desk::open;
use super::letter::Letter;
use super::open::would_change;
use super::sealed::sealer;

/// Answer a message and acknowledge it, in one step
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone reply agent-3/17 \"done\"
  make report | cellphone reply \"$DREAMOS_MESSAGE_ID\" -
  cellphone reply 17 \"see the figure\" --file result.txt
  cellphone reply 17 \"the code is 4711\" --seal    # if you have no key, --key makes saying it again safe")]
pub(crate) struct Reply {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
    /// The text; - is standard input
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    letter: Letter,
    /// What `next` printed: refused if that lease is no longer yours
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl Run for Reply {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let at = desk.find(&self.message)?;
        let question = desk.message(&at)?;
        let asker = question.from;
        if self.letter.dry_run {
            return would_change(context, &desk, &[asker, at.mailbox]);
        }
        let sealer = sealer(context, &desk, &self.letter)?;
        let text = self.text.or_else(|| self.letter.names_of_files());
        let answer = body(context, text.as_deref())?;
        let now = Now::read();
        let mut draft =
            self.letter
                .draft(&desk, &asker, answer, Mode::Normal, Unknown::Refuse, now)?;
        if let Some(sealer) = sealer {
            if draft.key.is_none() {
                draft.key = desk.key_of_sealed_reply(question.id, &draft.content)?;
            }
            sealer.seal(&mut draft)?;
        }
        let claim = Claim {
            token: self.token,
            force: false,
        };
        let sent = desk.reply(&at, draft, &claim, self.letter.breaker(), now)?;
        let already = if sent.repeated { "already " } else { "" };
        context.report(
            &format!("{already}replied to {at} in {}", sent.at),
            &sent_document(&sent.at.mailbox, &sent),
        );
        Ok(Exit::DONE)
    }
}
