mod anchor;
mod list;
mod verify;

use clap::Subcommand;
use dreamos::cli::{Context, Exit, Failure, Run, moment};
use dreamos::security::audit::{Filter, Head, Verdict};
use dreamos::time::Timestamp;

use super::desk;

/// The record of what was refused and of what was privileged: see it, check it, fix how far it goes
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl audit list --verdict refused --since 1d
  secctl audit verify                              # 0: nothing was tampered with
  secctl audit anchor                              # prints N:HASH: keep it elsewhere
  secctl audit verify --anchor 17:9f2c…            # that nothing before it was cut off or written anew")]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The newest records
    List {
        /// By this principal
        #[arg(long, value_name = "PRINCIPAL")]
        who: Option<String>,
        /// Of this action
        #[arg(long, value_name = "ACTION")]
        verb: Option<String>,
        /// allowed or refused
        #[arg(long, value_name = "VERDICT", value_parser = verdict)]
        verdict: Option<Verdict>,
        /// Not before: 10m (ago), 18:30, yesterday, 2026-11-22T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// So many at most
        #[arg(short = 'n', value_name = "N", default_value_t = 50)]
        most: usize,
    },
    /// Whether anything was changed, removed, added or moved: in the trail, and in journals and histories since the last
    /// anchor
    Verify {
        /// A head that was published: N:HASH, as `anchor` printed it; may be repeated
        #[arg(long, value_name = "N:HASH")]
        anchor: Vec<Head>,
    },
    /// Fix how far the trail, journals and histories go, and print the head
    Anchor,
}

fn verdict(text: &str) -> Result<Verdict, String> {
    Verdict::parse(text).ok_or_else(|| "write allowed or refused".into())
}

impl Run for Audit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::List {
                who,
                verb,
                verdict,
                since,
                most,
            } => {
                let filter = Filter {
                    who,
                    verb,
                    verdict,
                    since,
                };
                list::list(context, &filter, most)
            }
            What::Verify { anchor } => verify::verify(context, &anchor),
            What::Anchor => anchor::anchor(context),
        }
    }
}
