//! Speech from text, and what waits to be heard on Discord.
//!
//! Four engines behind one trait: `espeak-ng` (a child, offline, the default), Microsoft's and Google's voices over the network
//! (off unless somebody asks for them by name), and the speakers of this machine, which are heard at once and give no file.
//!
//! Files: `config/voice.yaml`, which engine, voice and pace is meant where nobody says; `runtime/voice_queue/`, audio on its way to a
//! voice channel. A file is played when it is complete, and deleted when it was played; `failed/` there holds what nobody can play.
//!
//! Not here: a connection to Discord, which plays the queue; who may speak, which is asked of `desk`.

mod audio;
mod backlog;
mod edge;
mod engine;
mod error;
mod espeak;
mod gtts;
mod queue;
mod settings;
#[cfg(feature = "speech")]
mod speakers;
#[cfg(not(feature = "speech"))]
#[path = "no_speakers.rs"]
mod speakers;
mod text;
mod tls;

pub use audio::{Audio, Format};
pub use backlog::Backlog;
pub use engine::{Choice, Engine, Manner, Rate, Said, Voice};
pub use error::Error;
pub use queue::{LARGEST, Queue, Waiting};
pub use settings::Settings;
pub use text::spoken;
pub use tls::choose_tls;
