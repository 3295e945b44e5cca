//! What several verbs understand.

use dreamos::cli::{Context, Failure, moment};
use dreamos::desk;
use dreamos::memory::{self, Filter, Letter, Memory};
use dreamos::names::UnknownName;
use dreamos::time::{Now, Timestamp};

use super::desk::open;
use super::sight::{self, Sight};

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
    pub(crate) fn filter(&self, context: &Context) -> Result<Filter, Failure> {
        let agent = self.agent.as_deref();
        let known = agent.map(|name| known_as(context, name)).transpose()?;
        Ok(Filter {
            agent: known,
            or_agent: self.agent.clone(),
            kind: self.kind.clone(),
            since: self.since,
            until: self.until,
            task: self.task.clone(),
            thread: self.thread.clone(),
        })
    }
}

/// The id of an agent as a person writes it. Others speak, too, whom nobody registered: they are called as they are
/// written.
pub(crate) fn known_as(context: &Context, name: &str) -> Result<String, Failure> {
    match open(context)?.resolve(name) {
        Ok(id) => Ok(id.to_string()),
        Err(desk::Error::Name {
            what: UnknownName::Nobody { .. },
            ..
        }) => Ok(name.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// What is remembered, asked; `None`: nothing is yet, which is said, and so is what the answer leaves out.
pub(crate) fn asked<T>(
    context: &Context,
    question: impl Fn(&Memory<'_>) -> Result<T, memory::Error>,
) -> Result<Option<T>, Failure> {
    let home = context.home()?;
    let sight = Sight::of(context);
    let may_see = |letter: Letter<'_>| sight.may_see(letter);
    let question = |memory: &Memory<'_>| Ok((question(memory)?, memory.left_out()));
    let answer = memory::ask(
        &home,
        Now::read().wall,
        &context.warner(),
        &may_see,
        question,
    );
    if let Err(memory::Error::NotYours { mailbox, .. }) = &answer {
        sight.refuse(mailbox)?;
    }
    sight.outcome()?;
    let Some((answer, left_out)) = answer? else {
        context.note("nothing is remembered yet: `dreamscribe ingest` takes up what happened");
        return Ok(None);
    };
    sight::say(context, left_out);
    Ok(Some(answer))
}

/// Where nothing is remembered, that memory is not either.
pub(crate) fn of<T>(
    context: &Context,
    id: &str,
    question: impl Fn(&Memory<'_>) -> Result<T, memory::Error>,
) -> Result<T, Failure> {
    let answer = asked(context, question)?;
    answer.ok_or_else(|| memory::Error::NoMemory { id: id.to_owned() }.into())
}
