//! The one urgency word of a message, and the order that follows from it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! modes {
    ($($variant:ident $text:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Mode { #[default] $($variant),* }

        impl Mode {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

modes! {
    Normal "NORMAL", Priority "PRIORITY", Captain "CAPTAIN", System "SYSTEM", Bulk "BULK", Task "TASK",
    Sync "SYNC", Verify "VERIFY", Repair "REPAIR", Backup "BACKUP", Restore "RESTORE", Cleanup "CLEANUP",
    Integrate "INTEGRATE", Resume "RESUME",
}

/// Delivery order: the lower class first, first in, first out within each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    Urgent = 0,
    System = 1,
    Normal = 2,
    Bulk = 3,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Urgent, Self::System, Self::Normal, Self::Bulk];
}

impl Mode {
    pub const fn class(self) -> Class {
        match self {
            Self::Priority | Self::Captain => Class::Urgent,
            Self::System => Class::System,
            Self::Bulk => Class::Bulk,
            Self::Normal
            | Self::Task
            | Self::Sync
            | Self::Verify
            | Self::Repair
            | Self::Backup
            | Self::Restore
            | Self::Cleanup
            | Self::Integrate
            | Self::Resume => Class::Normal,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode {0:?}")]
pub struct BadMode(pub String);

impl FromStr for Mode {
    type Err = BadMode;

    fn from_str(text: &str) -> Result<Self, BadMode> {
        Self::ALL
            .iter()
            .copied()
            .find(|mode| mode.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| BadMode(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
