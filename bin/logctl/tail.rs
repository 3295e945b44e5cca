use dreamos::cli::{Audience, Context, Exit, Failure, Interrupt, Run};
use dreamos::logs::{Merged, Waker};

use super::options::{Channels, Most, Wanted};
use super::output::Output;
use super::speak::Speech;

/// The last lines of all channels, or of some, by time; with -f also those that come
///
/// Closed and packed logs are read as well; a log that is closed meanwhile loses no line and repeats none. What is no
/// event is shown as what it is.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  logctl tail
  logctl tail -f tasks agents            # until Ctrl-C
  logctl tail -n 100 --level warn --since 2h
  logctl tail -f --speak --level warn    # heard on the speakers too
  logctl tail -f --json | jq -r 'select(.event == \"task.failed\") | .task'")]
pub(crate) struct Tail {
    #[command(flatten)]
    channels: Channels,
    /// Go on as more comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// So many lines at most; all
    #[arg(short = 'n', long = "lines", value_name = "N", default_value = "10")]
    most: Most,
    /// Say each line as well, by `voice`; when they come too fast, the newest
    #[arg(long)]
    speak: bool,
    #[command(flatten)]
    wanted: Wanted,
}

impl Run for Tail {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        // Before the first look: what comes after that look wakes us.
        let waker = self.follow.then(|| Waker::new(&home));
        // Nothing is lost by whoever ends that look.
        let interrupt = self.follow.then(Interrupt::at_once).transpose()?;
        let (channels, filter) = (self.channels.named(), self.wanted.filter(context)?);
        let lines = match self.most {
            Most::All => Merged::all(&home, &channels, filter),
            Most::Last(n) => Merged::last(&home, &channels, filter, n),
        };
        let mut lines = lines.map_err(dreamos::desk::Error::from)?;
        let speech = if self.speak {
            Speech::begin(context)
        } else {
            None
        };
        let mut output = Output::new(context).spoken_by(speech);
        output.drain(&mut lines, || false)?;
        if let (Some(mut waker), Some(interrupt)) = (waker, &interrupt) {
            interrupt.in_order();
            let audience = Audience::watch()?;
            while !interrupt.came() && !audience.is_gone() && !context.nobody_listens() {
                waker.rest();
                output.drain(&mut lines, || interrupt.came())?;
            }
        } else {
            output.end();
        }
        Ok(interrupt.and_then(|it| it.exit()).unwrap_or(Exit::DONE))
    }
}
