//! What a task is, as the rules see it: the fields that they ask for, read from the text of a document without
//! copying. What else a task has stays where it stands; whoever changes a task has all of it (`record.rs`).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::time::Timestamp;

/// Text that is borrowed where it stands in the document as it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Visitor)
    }
}

/// One of a few words; a number stands for the word in its place, as the original wrote them.
pub(super) trait Word: Copy + 'static {
    const WHAT: &'static str;
    const ALL: &'static [Self];

    fn as_str(self) -> &'static str;

    /// Another word for one of them.
    fn alias(_word: &str) -> Option<Self> {
        None
    }

    fn parse(word: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied();
        let mut named = known.filter(|it| it.as_str().eq_ignore_ascii_case(word));
        named
            .next()
            .or_else(|| Self::alias(&word.to_ascii_lowercase()))
    }

    fn one_of() -> String {
        let words: Vec<_> = Self::ALL.iter().map(|it| it.as_str()).collect();
        words.join(", ")
    }
}

fn word<'de, D: Deserializer<'de>, W: Word>(from: D) -> Result<W, D::Error> {
    use serde::de::Error as _;
    let raw = <&RawValue>::deserialize(from)?.get();
    let read = if raw.starts_with('"') {
        let word: Cow<'_, str> = match raw.trim_matches('"') {
            plain if !plain.contains('\\') => plain.into(),
            _ => serde_json::from_str::<String>(raw)
                .map_err(D::Error::custom)?
                .into(),
        };
        W::parse(&word)
    } else {
        raw.parse()
            .ok()
            .and_then(|at: usize| W::ALL.get(at).copied())
    };
    read.ok_or_else(|| {
        D::Error::custom(format!(
            "{raw} is no {}: it may be {}",
            W::WHAT,
            W::one_of()
        ))
    })
}

macro_rules! words {
    ($name:ident, $what:literal, { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// In letters of either case.
            pub fn parse(word: &str) -> Option<Self> {
                <Self as Word>::parse(word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                word(from)
            }
        }
    };
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Category {
    Agent,
    Bridge,
    #[default]
    System,
    Social,
    Validation,
}

words!(Category, "category", {
    Agent = "agent", Bridge = "bridge", System = "system", Social = "social", Validation = "validation",
});

impl Word for Category {
    const WHAT: &'static str = "category";
    const ALL: &'static [Self] = Self::ALL;

    fn as_str(self) -> &'static str {
        self.as_str()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

words!(Priority, "priority", {
    Low = "low", Medium = "medium", High = "high", Critical = "critical",
});

impl Word for Priority {
    const WHAT: &'static str = "priority";
    const ALL: &'static [Self] = Self::ALL;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    /// The words of the original's other list.
    fn alias(word: &str) -> Option<Self> {
        match word {
            "normal" | "regular" => Some(Self::Medium),
            "urgent" => Some(Self::High),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    #[default]
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

words!(Status, "status", {
    Pending = "pending", Running = "running", Completed = "completed", Failed = "failed",
    Cancelled = "cancelled",
});

impl Word for Status {
    const WHAT: &'static str = "status";
    const ALL: &'static [Self] = Self::ALL;

    fn as_str(self) -> &'static str {
        self.as_str()
    }

    /// What people write for it, and what the original had besides: "blocked" is derived here.
    fn alias(word: &str) -> Option<Self> {
        match word {
            "todo" | "open" | "blocked" => Some(Self::Pending),
            "in_progress" | "in-progress" => Some(Self::Running),
            "done" => Some(Self::Completed),
            "timeout" => Some(Self::Failed),
            "canceled" => Some(Self::Cancelled),
            _ => None,
        }
    }
}

impl Status {
    /// Nothing more will happen, unless it is reopened.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    /// The moves that exist; a scheduled task also goes back from running to pending after each run, and so does
    /// one whose claim lapsed or whose run is tried again.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Pending, Self::Running | Self::Cancelled)
            | (Self::Running, Self::Completed | Self::Failed | Self::Cancelled | Self::Pending)
            | (Self::Failed | Self::Cancelled, Self::Pending) => true,
            (Self::Pending | Self::Completed | Self::Failed | Self::Cancelled, _)
            | (Self::Running, Self::Running) => false,
        }
    }
}

/// One task of a document. Times are text here: they are read where a rule asks for them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Task<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub category: Category,
    #[serde(default, deserialize_with = "or_default")]
    pub priority: Priority,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub dependencies: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub assigned_to: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub capabilities: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub deadline: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub created_at: Option<Text<'a>>,
    /// As it is written.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub schedule: Option<Text<'a>>,
    /// As it is written.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub run: Option<Text<'a>>,
    /// Mail that is to be sent in its wake, as it is written.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub outbox: Option<Text<'a>>,
    #[serde(default)]
    pub rev: Option<u64>,
}

/// People write `null` for what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// What is read later, if at all.
fn raw<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text<'de>>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(from)?;
    Ok(raw.map(|raw| Text(Cow::Borrowed(raw.get()))))
}

impl Text<'_> {
    fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl Task<'_> {
    /// Of a text that will not be there for long.
    pub(super) fn into_owned(self) -> Task<'static> {
        let all = |texts: Vec<Text<'_>>| texts.into_iter().map(Text::into_owned).collect();
        Task {
            id: self.id.into_owned(),
            name: self.name.into_owned(),
            category: self.category,
            priority: self.priority,
            status: self.status,
            dependencies: all(self.dependencies),
            assigned_to: self.assigned_to.map(Text::into_owned),
            capabilities: all(self.capabilities),
            deadline: self.deadline.map(Text::into_owned),
            created_at: self.created_at.map(Text::into_owned),
            schedule: self.schedule.map(Text::into_owned),
            run: self.run.map(Text::into_owned),
            outbox: self.outbox.map(Text::into_owned),
            rev: self.rev,
        }
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline.as_deref().and_then(Timestamp::parse)
    }

    pub fn created(&self) -> Option<Timestamp> {
        self.created_at.as_deref().and_then(Timestamp::parse)
    }

    pub fn is_overdue(&self, now: Timestamp) -> bool {
        !self.status.is_over() && self.deadline().is_some_and(|deadline| deadline < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_in_the_original_s_words_and_numbers() {
        let task: Task<'_> = serde_json::from_str(
            r#"{"id":"a","name":null,"category":"SYSTEM","priority":3,"status":"in_progress","dependencies":null,
                "history":[{"anything":1}],"data":{"x":[1]},"rev":4}"#,
        )
        .unwrap();
        assert_eq!(task.category, Category::System);
        assert_eq!(task.priority, Priority::Critical);
        assert_eq!(task.status, Status::Running);
        assert_eq!((task.name.0.as_ref(), task.rev), ("", Some(4)));
        assert!(matches!(task.id.0, Cow::Borrowed(_)), "nothing is copied");
    }

    #[test]
    fn an_unknown_word_is_an_error_with_its_place() {
        let read = |text| serde_json::from_str::<Task<'_>>(text).unwrap_err();
        let error = read("{\"id\":\"a\",\n \"priority\": \"hgih\"}");
        assert_eq!(error.line(), 2);
        assert!(
            error
                .to_string()
                .starts_with("\"hgih\" is no priority: it may be low, medium, high, critical")
        );
        assert!(
            read("{\"id\":\"a\",\"status\":7}")
                .to_string()
                .contains("7 is no status")
        );
    }

    #[test]
    fn every_word_reads_as_it_is_written() {
        for it in Status::ALL {
            assert_eq!(Status::parse(&it.as_str().to_uppercase()), Some(*it));
        }
        for it in Category::ALL {
            assert_eq!(Category::parse(it.as_str()), Some(*it));
        }
        for it in Priority::ALL {
            assert_eq!(Priority::parse(it.as_str()), Some(*it));
        }
    }

    #[test]
    fn only_the_legal_moves_exist() {
        use Status::{Cancelled, Completed, Failed, Pending, Running};
        let legal = [
            (Pending, Running),
            (Pending, Cancelled),
            (Running, Completed),
            (Running, Failed),
            (Running, Cancelled),
            (Running, Pending),
            (Failed, Pending),
            (Cancelled, Pending),
        ];
        for &from in Status::ALL {
            for &to in Status::ALL {
                assert_eq!(
                    from.may_become(to),
                    legal.contains(&(from, to)),
                    "{from} to {to}"
                );
            }
        }
    }
}
