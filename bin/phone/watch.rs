use std::time::{Duration, Instant};

use dreamos::cli::{Context, Exit, Failure, Interrupt, Run, first_line};
use dreamos::desk::{Claim, Desk};
use dreamos::mailbox::{Message, Taken};
use dreamos::time::{Now, parse_span};

use super::desk::open;
use super::document::{self, name_of};
use super::handler;
use super::sealed::{self, legible};

/// Print each message as it comes, or hand each to a command
///
/// With `--exec` each message is taken as by `next`, the pending ones first. The command gets it as one JSON
/// object on stdin, and in its environment under the names that `next --format env` prints (a content above
/// 100 KiB, or one that was sealed, on stdin only). Exit 0 acknowledges it, anything else gives it back.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone watch                              # until Ctrl-C
  cellphone --as agent-1 watch --exec './work.sh'
  cellphone watch agent-3 --json | jq -r .content")]
pub(crate) struct Watch {
    /// Whose mailbox, if not your own
    #[arg(value_name = "AGENT", conflicts_with = "exec")]
    agent: Option<String>,
    /// A command of the shell, for each message
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// How long a message belongs to the command
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "120s", requires = "exec")]
    lease: Duration,
    /// Go on where the watch of this name stopped
    #[arg(long, value_name = "NAME", conflicts_with = "exec")]
    cursor: Option<String>,
    /// End after the first message, and those that came together with it
    #[arg(long)]
    once: bool,
    /// End after this time (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    timeout: Option<Duration>,
}

impl Run for Watch {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let interrupt = Interrupt::install()?;
        let desk = open(context)?;
        match &self.exec {
            Some(command) => self.handle(context, &desk, command, &interrupt),
            None => self.print(context, &desk, &interrupt),
        }
    }
}

impl Watch {
    fn deadline(&self) -> Option<Instant> {
        self.timeout.map(|timeout| Instant::now() + timeout)
    }

    fn print(
        &self,
        context: &Context,
        desk: &Desk,
        interrupt: &Interrupt,
    ) -> Result<Exit, Failure> {
        let agent = match &self.agent {
            Some(name) => desk.resolve(name)?,
            None => desk.caller().agent.clone(),
        };
        let deadline = self.deadline();
        let mut watch = desk.watch(&agent, self.cursor.as_deref())?;
        loop {
            let news = watch.wait(left(deadline), &|| interrupt.came())?;
            for message in &news {
                print_one(context, message)?;
            }
            if context.nobody_listens() {
                return Ok(Exit::DONE);
            }
            watch.shown(&news)?;
            if let Some(exit) = interrupt.exit() {
                return Ok(exit);
            }
            if self.once && !news.is_empty() {
                return Ok(Exit::DONE);
            }
            if is_over(deadline) {
                return Ok(Exit::TIMED_OUT);
            }
        }
    }

    fn handle(
        &self,
        context: &Context,
        desk: &Desk,
        command: &str,
        interrupt: &Interrupt,
    ) -> Result<Exit, Failure> {
        let agent = &desk.caller().agent;
        let deadline = self.deadline();
        loop {
            let taken = desk.next_wait(agent, self.lease, left(deadline), &|| interrupt.came())?;
            let handled = taken.is_some();
            if let Some(mut taken) = taken {
                open_or_give_back(context, desk, &mut taken)?;
                hand_over(context, desk, command, &taken)?;
            }
            if let Some(exit) = interrupt.exit() {
                return Ok(exit);
            }
            if self.once && handled {
                return Ok(Exit::DONE);
            }
            if is_over(deadline) {
                return Ok(Exit::TIMED_OUT);
            }
        }
    }
}

fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn print_one(context: &Context, message: &Message) -> Result<(), Failure> {
    if context.format().is_json() {
        return Ok(context.print_json(&document::message(message))?);
    }
    let text = first_line(&legible(message), context.columns());
    let (name, from, mode) = (name_of(message), &message.from, message.mode);
    let closed = match message.status {
        status if status.is_pending() => String::new(),
        status => format!(" ({})", status.as_str()),
    };
    let text = context.shown(&text);
    Ok(context.print(&format!("{name} {mode} from {from}{closed}: {text}\n"))?)
}

/// A command would acknowledge what nobody has read.
fn open_or_give_back(context: &Context, desk: &Desk, taken: &mut Taken) -> Result<(), Failure> {
    let message = std::slice::from_mut(&mut taken.message);
    sealed::try_open(context, desk, message).inspect_err(|_| {
        let claim = Claim {
            token: Some(taken.token.clone()),
            force: false,
        };
        let at = name_of(&taken.message);
        if let Err(error) = desk.nack(&at, &claim, Now::read()) {
            context.warn(&format!("{at} was not given back: {error}"));
        }
    })
}

/// The lease's token goes with the ack, so that a command that took too long does not close another's work.
fn hand_over(context: &Context, desk: &Desk, command: &str, taken: &Taken) -> Result<(), Failure> {
    let at = name_of(&taken.message);
    let status = handler::handle(desk, command, taken)?;
    let claim = Claim {
        token: Some(taken.token.clone()),
        force: false,
    };
    let now = Now::read();
    let done = if status.success() {
        desk.ack(&at, &claim, now)
    } else {
        context.warn(&format!(
            "{at}: the command ended with {status}; given back"
        ));
        desk.nack(&at, &claim, now)
    };
    match done.map_err(Failure::from) {
        Ok(_) => {}
        // The command may have closed it itself, or have taken longer than the lease.
        Err(failure) if failure.exit() == Exit::NO => context.warn(failure.message()),
        Err(failure) => return Err(failure),
    }
    Ok(())
}
