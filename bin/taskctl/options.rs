//! What several verbs understand.

use dreamos::cli::{Context, Error, Failure, whole_text};
use dreamos::desk::Desk;
use dreamos::names::{AgentId, UNASSIGNED};
use dreamos::tasks::Tell;
use serde_json::Value;

use super::desk::open;

/// What a text on standard input may be long.
const LONGEST_TEXT: usize = 1 << 20;

// No doc comments on these: clap would take them for the description of the verb.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct DryRun {
    /// Say what would be changed, and change nothing
    #[arg(long = "dry-run")]
    pub(crate) is_dry: bool,
}

impl DryRun {
    pub(crate) fn open(self, context: &Context) -> Result<Desk, Failure> {
        let desk = open(context)?;
        Ok(if self.is_dry { desk.rehearsing() } else { desk })
    }
}

#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Mail {
    /// Tell nobody of it
    #[arg(long)]
    no_mail: bool,
}

impl Mail {
    pub(crate) const fn tell(self) -> Tell {
        if self.no_mail {
            Tell::Nobody
        } else {
            Tell::Concerned
        }
    }
}

/// Whose a task is to be; `None` for nobody's.
pub(crate) fn whose(desk: &Desk, name: &str) -> Result<Option<AgentId>, Failure> {
    if matches!(name, "nobody" | "none" | UNASSIGNED) {
        return Ok(None);
    }
    Ok(Some(desk.resolve(name)?))
}

/// JSON where it is that, else the text itself.
pub(crate) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A text; `-` is standard input, without its last line break.
pub(crate) fn said(text: &str) -> Result<String, Error> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let text = whole_text("-", LONGEST_TEXT + 1)?;
    if text.len() > LONGEST_TEXT {
        return Err(Error::TooLong {
            limit: LONGEST_TEXT,
        });
    }
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}
