//! The desk for verbs that must work though nobody can read the configuration any more.

use dreamos::cli::{Context, Failure};
use dreamos::desk::Desk;

use super::desk::opened;

pub(crate) fn open_anyway(context: &Context) -> Result<Desk, Failure> {
    opened(context, |home, caller| {
        Desk::open_anyway(home, caller, context.warner())
    })
}
