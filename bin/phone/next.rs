use std::time::Duration;

use dreamos::cli::{Context, Error, Exit, Failure, Format, Interrupt, Own, Run};
use dreamos::desk::Desk;
use dreamos::mailbox::Taken;
use dreamos::time::{Now, parse_span};

use super::desk::open;
use super::document::name_of;
use super::open::would_change;
use super::{handler, sealed, view};

/// Take the first message, under a lease: acknowledge it before the lease lapses, or it comes back
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone next                               # exit 1 where there is none
  cellphone next --wait --timeout 10m
  eval \"$(cellphone next --format env)\"        # DREAMOS_MESSAGE_ID, DREAMOS_CONTENT, DREAMOS_FROM, …
  cellphone next --json | jq -r .token")]
pub(crate) struct Next {
    /// Wait until there is one
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "wait")]
    timeout: Option<Duration>,
    /// How long it is yours
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "120s")]
    lease: Duration,
    /// Say which files would be written, and take nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for Next {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let agent = &desk.caller().agent;
        if self.dry_run {
            return would_change(context, &desk, std::slice::from_ref(agent));
        }
        let (taken, none) = if self.wait {
            self.await_one(&desk)?
        } else {
            (desk.next(agent, self.lease, Now::read())?, Exit::NO)
        };
        let Some(mut taken) = taken else {
            // A script asks by the exit code.
            if context.format() != Format::Own(Own::Env) && none == Exit::NO {
                context.note(&format!("no mail for {agent}"));
            }
            return Ok(none);
        };
        sealed::open(context, &desk, std::slice::from_mut(&mut taken.message));
        match print(context, &taken) {
            Ok(()) => Ok(Exit::DONE),
            Err(Error::Output(source)) => Err(untold(source, &taken).into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Next {
    /// With what to say of it where none came.
    fn await_one(&self, desk: &Desk) -> Result<(Option<Taken>, Exit), Failure> {
        let interrupt = Interrupt::install()?;
        let agent = &desk.caller().agent;
        let taken = desk.next_wait(agent, self.lease, self.timeout, &|| interrupt.came())?;
        Ok((taken, interrupt.exit().unwrap_or(Exit::TIMED_OUT)))
    }
}

fn print(context: &Context, taken: &Taken) -> Result<(), Error> {
    let text = match context.format() {
        Format::Own(_) => handler::assignments(taken),
        Format::Json | Format::Jsonl => return context.print_json(&handler::document(taken)),
        Format::Plain => view::whole(context, &taken.message, Now::read().wall),
        Format::Table => {
            let whole = view::whole(context, &taken.message, Now::read().wall);
            format!(
                "lease     until {}, token {}\n{whole}",
                taken.lapses_at, taken.token
            )
        }
    };
    context.print(&text)
}

/// Not given back for whoever saw nothing: that would spend the attempt all the same, and five tries in a row
/// would make a dead letter of it. A part may have been seen, the token too.
fn untold(source: std::io::Error, taken: &Taken) -> Error {
    let at = name_of(&taken.message);
    let (to, until) = (&taken.message.to, taken.lapses_at);
    Error::Untold {
        source,
        done: format!("{at} is leased to {to} until {until} all the same"),
        hint: format!(
            "read it: cellphone show {at}; give it back: cellphone nack {at} --token {}",
            taken.token
        ),
    }
}
