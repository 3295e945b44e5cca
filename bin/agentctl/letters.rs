//! `resume`, `verify` and `onboard`: mail that is waited for.

use std::time::{Duration, Instant};

use dreamos::cli::{Context, Exit, Failure, Interrupt, Run};
use dreamos::desk::{self, Desk};
use dreamos::mailbox::{Sent, Status};
use dreamos::names::AgentId;
use dreamos::time::{Now, parse_span};
use serde::Serialize;
use serde_json::json;

use super::desk::open;
use super::wait::{Stage, Wait};
use super::who::Who;

// No doc comment: clap would take it for the description of the verb.
#[derive(clap::Args)]
struct Patience {
    /// Wait until it was announced, read, acked or answered
    #[arg(long, value_enum, value_name = "STAGE", default_value = "ack")]
    wait: Stage,
    /// Wait no longer (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30s")]
    timeout: Duration,
    /// Do not wait at all
    #[arg(long, conflicts_with_all = ["timeout", "wait"])]
    no_wait: bool,
}

/// Tell agents to go on with what they were doing, and wait until they acknowledge it
#[derive(clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    who: Who,
    /// What they need to know for it
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    #[command(flatten)]
    patience: Patience,
}

/// Ask an agent for a sign of life: exit 0 if it acknowledges in time
#[derive(clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    patience: Patience,
}

/// Tell an agent who it is, once in each of its lives; one that does not run is told for its next
#[derive(clap::Args)]
pub(crate) struct Onboard {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    patience: Patience,
}

impl Run for Resume {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = self.context.as_deref();
        send(context, &self.who, &self.patience, |desk, id| {
            desk.resume(id, text, Now::read())
        })
    }
}

impl Run for Verify {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        send(context, &self.who, &self.patience, |desk, id| {
            desk.verify(id, Now::read())
        })
    }
}

impl Run for Onboard {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        send(context, &self.who, &self.patience, |desk, id| {
            desk.onboard(id, Now::read())
        })
    }
}

#[derive(Serialize)]
struct One {
    agent: AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

impl One {
    const fn failed(agent: AgentId) -> Self {
        Self {
            agent,
            name: None,
            status: "failed",
            reply: None,
            error: None,
        }
    }
}

/// Sends to each, and only then waits for each, all within one timeout.
fn send(
    context: &Context,
    who: &Who,
    patience: &Patience,
    post: impl Fn(&Desk, &AgentId) -> Result<Sent, desk::Error>,
) -> Result<Exit, Failure> {
    let desk = open(context)?;
    let ids = who.ids(&desk)?;
    let interrupt = Interrupt::install()?;
    let sent: Vec<_> = ids.into_iter().map(|id| (post(&desk, &id), id)).collect();
    let wait = Wait {
        stage: patience.wait.into(),
        timeout: patience.timeout,
        retries: 0,
    };
    let deadline = Instant::now() + wait.timeout;
    let (mut worst, mut results) = (Exit::DONE, Vec::new());
    for (sent, agent) in sent {
        let mut one = One::failed(agent);
        let exit = sent.map_err(Failure::from).and_then(|sent| {
            one.name = Some(sent.at.to_string());
            one.status = sent.status.map_or("queued", Status::as_str);
            let mut exit = Exit::DONE;
            if !patience.no_wait {
                let waited = wait.until(&desk, &sent.at, deadline, &interrupt)?;
                one.status = waited.status;
                one.reply = waited.reply.map(|reply| reply.content);
                exit = waited.exit;
            }
            tell(context, &one, &sent, exit, &wait);
            Ok(exit)
        });
        worst = worst.max(exit.unwrap_or_else(|failure| {
            context.fail(&failure);
            one.error = Some(failure.document());
            failure.exit()
        }));
        results.push(one);
    }
    if context.format().is_json() {
        context.report(
            "",
            &json!({"schema": "dreamos.letters/1", "results": results}),
        );
    }
    Ok(worst)
}

fn tell(context: &Context, one: &One, sent: &Sent, exit: Exit, wait: &Wait) {
    if context.format().is_json() {
        return;
    }
    let more = match &one.reply {
        Some(reply) => format!(": {}", context.shown(reply)),
        None if exit == Exit::TIMED_OUT => {
            format!(": not {} within {:?}", wait.stage.as_str(), wait.timeout)
        }
        None => String::new(),
    };
    context.report(&format!("{} {}{more}", one.status, sent.at), &());
}
