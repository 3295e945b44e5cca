//! The control interface on Discord: people list, command and hear their agents from a channel.
//!
//! What can be asked stands in one table (`grammar.rs`), what is answered in `answer/`; both know nothing of the wire.
//! `wire.rs` alone names the library that speaks to Discord, `bot.rs` joins them. The bot is an agent with a mailbox:
//! what is said in a channel becomes mail (`inward.rs`), what waits in its mailbox is posted (`outward.rs`).
//!
//! Not here: who may what. That is asked of `desk` for the person who asks, by the number that Discord gives.

mod answer;
mod bang;
mod bot;
mod budget;
mod channels;
mod check;
mod complete;
mod error;
mod grammar;
mod hook;
mod incidents;
mod inward;
mod kept;
mod lines;
mod outward;
mod pairing;
mod press;
mod reply;
mod settings;
mod split;
mod visit;
#[cfg(feature = "voice")]
mod voice;
#[cfg(not(feature = "voice"))]
#[path = "mute.rs"]
mod voice;
mod wire;

pub use bot::{Keeper, Register, Start, run};
pub use check::{Finding, check};
pub use error::Error;
pub use hook::{Webhook, post};
pub use pairing::{Paired, claim};
pub use settings::Settings;

/// As which agent the bot speaks, unless it is started as another.
pub const NAME: &str = "discord";
