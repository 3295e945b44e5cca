//! What a person may say about a message besides its text.

use std::path::PathBuf;

use dreamos::cli::{Error, Failure};
use dreamos::desk::{self, Breaker, Desk, Links, Unknown};
use dreamos::names::{AgentId, Draft, Explain as _, Mode, Origin};
use dreamos::time::{Now, parse_time};
use serde_json::Value;

// No doc comment on the structs: clap would take it for the description of the verb.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Letter {
    /// NORMAL, PRIORITY, BULK, TASK, …
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Option<Mode>,
    /// A retry with the same key, within 7 days, delivers nothing twice
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Not worth reading after this time (2h, 18:30, 2026-11-22T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Not to be delivered before this time
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A note for programs; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
    /// A file to go with it, up to 64 MiB; may be repeated
    #[arg(long = "file", value_name = "PATH")]
    pub(crate) files: Vec<PathBuf>,
    /// The text is of somebody outside: it, and every answer, is no ground for privileged verbs (discord:8035…)
    #[arg(long, value_name = "KIND:NAME", value_parser = origin)]
    origin: Option<Origin>,
    /// Seal the text to its recipient, who needs a key (secctl keys make): nobody else can read it. Not notes and names
    #[arg(long)]
    pub(crate) seal: bool,
    /// Send it even if the two of you only repeat yourselves
    #[arg(long)]
    force: bool,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Threading {
    /// The message that this one answers; stays unacknowledged, unlike with `reply`
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// Any message of the thread that this one belongs to
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Make a mailbox for an agent that nobody registered
    #[arg(long)]
    create: bool,
}

impl Letter {
    pub(crate) const fn breaker(&self) -> Breaker {
        if self.force {
            Breaker::Override
        } else {
            Breaker::Obey
        }
    }

    /// The draft for `to`, its files copied into that mailbox. `mode` is used where none was given.
    pub(crate) fn draft(
        &self,
        desk: &Desk,
        to: &AgentId,
        content: String,
        usual: Mode,
        unknown: Unknown,
        now: Now,
    ) -> Result<Draft, Failure> {
        let time =
            |text: &String| parse_time(text, now.wall).map_err(|bad| Error::usage(bad.to_string()));
        let mut draft = desk.draft(to, content);
        draft.mode = self.mode.unwrap_or(usual);
        draft.key.clone_from(&self.key);
        draft.expires_at = self.expires.as_ref().map(time).transpose()?;
        draft.not_before = self.at.as_ref().map(time).transpose()?;
        for (key, value) in &self.meta {
            draft
                .metadata
                .insert(key.clone(), Value::String(value.clone()));
        }
        if let Some(origin) = &self.origin {
            draft.comes_from(origin);
        }
        if !self.files.is_empty() {
            let key = self.key.as_deref();
            let files = self.files.iter();
            let attached = files.map(|file| desk.attach(to, file, key, unknown));
            let notes: Result<Vec<Value>, desk::Error> =
                attached.map(|it| Ok(it?.note())).collect();
            draft
                .metadata
                .insert("attachments".into(), Value::Array(notes?));
        }
        Ok(draft)
    }

    /// A file needs no words of its own.
    pub(crate) fn names_of_files(&self) -> Option<String> {
        let names = self.files.iter().map(|file| {
            file.file_name()
                .unwrap_or(file.as_os_str())
                .to_string_lossy()
                .into_owned()
        });
        let names: Vec<String> = names.collect();
        (!names.is_empty()).then(|| format!("file: {}", names.join(", ")))
    }
}

impl Threading {
    pub(crate) const fn unknown(&self) -> Unknown {
        if self.create {
            Unknown::Create
        } else {
            Unknown::Refuse
        }
    }

    /// The message that is answered and the thread that is gone on with.
    pub(crate) fn links(&self, desk: &Desk) -> Result<Links, Failure> {
        Ok(desk.links(self.reply_to.as_deref(), self.thread.as_deref())?)
    }
}

pub(crate) fn mode(text: &str) -> Result<Mode, String> {
    text.parse().map_err(|_| {
        let all: Vec<&str> = Mode::ALL.iter().map(|mode| mode.as_str()).collect();
        format!("use one of {}", all.join(", "))
    })
}

fn origin(text: &str) -> Result<Origin, String> {
    Origin::parse(text).map_err(|bad| bad.hint().unwrap_or_default())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    match key {
        "" => Err("the key is empty".into()),
        "by" | "attachments" | "hops" => Err(format!("{key:?} is written by the program itself")),
        _ => Ok((key.to_owned(), value.to_owned())),
    }
}
