//! The bot in a voice channel: it comes when it is called, says what it is asked to, tells what is wrong, and plays what waits in
//! `runtime/voice_queue/`, one after the other. A file is deleted once it was heard to its end, and kept otherwise.
//!
//! `call.rs` alone names the library that speaks there, `place.rs` decides where it ought to be, `mouth.rs` joins them.

mod answer;
mod call;
mod mouth;
mod place;

pub(super) use answer::answer;
pub(super) use mouth::Mouth;

pub(super) use crate::speech::choose_tls;

use super::error::Error;
use crate::speech;

impl From<speech::Error> for Error {
    fn from(error: speech::Error) -> Self {
        Self::Voice(Box::new(error))
    }
}
