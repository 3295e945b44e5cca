//! What `cellphone` and `captainphone` have in common: one file a verb, and what several verbs need.

mod ack;
mod check;
pub(crate) mod deliver;
pub(crate) mod desk;
pub(crate) mod document;
mod handler;
mod inbox;
pub(crate) mod letter;
mod nack;
mod next;
pub(crate) mod open;
mod recall;
mod reply;
mod restore;
pub(crate) mod sealed;
mod search;
mod show;
mod status;
mod thread;
mod view;
pub(crate) mod wait;
mod watch;

use dreamos::cli::{Own, Verb};

/// The verbs that are the same in both.
pub(crate) static VERBS: &[Verb] = &[
    Verb::of::<inbox::Inbox>("inbox"),
    Verb::of::<show::Show>("show"),
    Verb::of::<next::Next>("next").with_formats(&[Own::Env]),
    Verb::of::<ack::Ack>("ack"),
    Verb::of::<nack::Nack>("nack"),
    Verb::of::<reply::Reply>("reply"),
    Verb::of::<recall::Recall>("recall"),
    Verb::of::<restore::Restore>("restore"),
    Verb::of::<status::Status>("status"),
    Verb::of::<thread::Thread>("thread"),
    Verb::of::<search::Search>("search"),
    Verb::of::<watch::Watch>("watch"),
    Verb::of::<check::Check>("check"),
];
