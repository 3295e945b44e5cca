//! Where the feature `voice` is not built in: the bot has no voice, and says so when it is asked to speak.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::grammar::Call;
use super::reply::{Outcome, Reply};
use super::settings::{Settings, Told};
use super::visit::Visit;
use crate::root::Home;

pub(super) struct Mouth;

pub(super) fn answer(_: &Visit, _: &Call) -> Result<Reply, Error> {
    Err(Error::Mute)
}

/// There is one provider of cryptography alone.
pub(super) fn choose_tls() {}

#[expect(clippy::unused_self, reason = "as where there is a voice")]
impl Mouth {
    pub(super) fn new(_: &Home, _: &Settings, _: &[(OsString, OsString)]) -> Self {
        Self
    }

    pub(super) fn attach<T>(&self, client: T) -> T {
        client
    }

    pub(super) fn begin(self: &Arc<Self>, _: Option<(u64, u64)>, _: impl Fn() -> bool) {}

    pub(super) fn ready(&self) {}

    pub(super) fn saw(&self, _: u64, _: u64, _: Option<u64>, _: bool) {}

    pub(super) fn status(&self) -> Result<String, Error> {
        Err(Error::Mute)
    }

    pub(super) fn tell(&self, _: Told, _: &str) {}

    pub(super) fn wait_for(&self, _: &str, _: Instant) -> Option<Outcome> {
        None
    }
}
