//! Where the feature `speech` is not built in.

use super::engine::{Choice, Engine};
use super::error::Error;

pub(super) fn engine() -> Result<Box<dyn Engine>, Error> {
    Err(Error::Absent(Choice::Speakers))
}
