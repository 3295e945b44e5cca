//! What several verbs understand.

use dreamos::cli::{Context, Failure, moment};
use dreamos::memory::{self, Filter, Memory};
use dreamos::time::{Now, Timestamp};

// No doc comments on these: clap would take them for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// What this agent said or did
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Not before: 10m (ago), 18:30, yesterday, 2026-11-22T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this time, written in the same way
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Of this type: message, task, event, log, devlog, summary or any other
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// About this task
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Of the thread that this memory is in
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
}

impl Wanted {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            agent: self.agent.clone(),
            kind: self.kind.clone(),
            since: self.since,
            until: self.until,
            task: self.task.clone(),
            thread: self.thread.clone(),
        }
    }
}

/// What is remembered, asked; `None`: nothing is yet, which is said.
pub(crate) fn asked<T>(
    context: &Context,
    question: impl Fn(&Memory) -> Result<T, memory::Error>,
) -> Result<Option<T>, Failure> {
    let home = context.home()?;
    let answer = memory::ask(&home, Now::read().wall, &context.warner(), question)?;
    if answer.is_none() {
        context.note("nothing is remembered yet: `dreamscribe ingest` takes up what happened");
    }
    Ok(answer)
}

/// Where nothing is remembered, that memory is not either.
pub(crate) fn of<T>(
    context: &Context,
    id: &str,
    question: impl Fn(&Memory) -> Result<T, memory::Error>,
) -> Result<T, Failure> {
    let answer = asked(context, question)?;
    answer.ok_or_else(|| memory::Error::NoMemory { id: id.to_owned() }.into())
}
