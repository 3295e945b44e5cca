//! `resume`, `verify` and `onboard`: mail that is waited for.

use std::time::{Duration, Instant};

use dreamos::cli::{Context, Exit, Failure, Interrupt, Run};
use dreamos::desk::{Breaker, Desk, Unknown};
use dreamos::mailbox::Sent;
use dreamos::names::{AgentId, Mode};
use dreamos::time::Now;
use serde::Serialize;
use serde_json::json;

use super::desk::open;
use super::stop::span;
use super::wait::{Stage, Wait};
use super::who::Who;

// No doc comment: clap would take it for the description of the verb.
#[derive(clap::Args)]
struct Patience {
    /// Wait until it was announced, read, acked or answered
    #[arg(long, value_enum, value_name = "STAGE", default_value = "ack")]
    wait: Stage,
    /// Wait no longer (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "30s")]
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

/// Tell an agent who it is, once in each of its lives
#[derive(clap::Args)]
pub(crate) struct Onboard {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    patience: Patience,
}

impl Run for Resume {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = self.context;
        send(context, &self.who, &self.patience, |_, _| {
            Ok(Letter {
                mode: Mode::Resume,
                content: match &text {
                    Some(text) => format!("resume: {text}"),
                    None => "resume".into(),
                },
                key: None,
            })
        })
    }
}

impl Run for Verify {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        send(context, &self.who, &self.patience, |_, _| {
            Ok(Letter {
                mode: Mode::Verify,
                content: "verify: acknowledge this message".into(),
                key: None,
            })
        })
    }
}

impl Run for Onboard {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        send(context, &self.who, &self.patience, |desk, id| {
            let (text, life) = desk.onboarding(id)?;
            Ok(Letter {
                mode: Mode::System,
                content: text,
                // Said again it is the same message; another life gets another one.
                key: life.map(|life| format!("onboard:{id}:{life}")),
            })
        })
    }
}

struct Letter {
    mode: Mode,
    content: String,
    key: Option<String>,
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

/// Sends to each, and only then waits for each, all within one timeout.
fn send(
    context: &Context,
    who: &Who,
    patience: &Patience,
    letter: impl Fn(&Desk, &AgentId) -> Result<Letter, Failure>,
) -> Result<Exit, Failure> {
    let desk = open(context)?;
    let ids = who.ids(&desk)?;
    let interrupt = Interrupt::install()?;
    let sent: Vec<(AgentId, Result<Sent, Failure>)> = ids
        .into_iter()
        .map(|id| {
            let sent = letter(&desk, &id).and_then(|letter| {
                let mut draft = desk.draft(&id, letter.content);
                draft.mode = letter.mode;
                draft.key = letter.key;
                Ok(desk.send(draft, Unknown::Refuse, Breaker::Override, Now::read())?)
            });
            (id, sent)
        })
        .collect();
    let wait = Wait {
        stage: patience.wait.into(),
        timeout: patience.timeout,
        retries: 0,
    };
    let deadline = Instant::now() + wait.timeout;
    let (mut worst, mut results) = (Exit::DONE, Vec::new());
    for (agent, sent) in sent {
        let came = sent.and_then(|sent| {
            if patience.no_wait {
                return Ok((sent, "queued", Exit::DONE, None));
            }
            let waited = wait.until(&desk, &sent.at, deadline, &interrupt)?;
            Ok((sent, waited.status, waited.exit, waited.reply))
        });
        let one = match came {
            Ok((sent, status, exit, reply)) => {
                worst = worst.max(exit);
                if !context.format().is_json() {
                    let more = match &reply {
                        Some(reply) => format!(": {}", context.shown(&reply.content)),
                        None if exit == Exit::TIMED_OUT => {
                            format!(": not {} within {:?}", wait.stage.as_str(), wait.timeout)
                        }
                        None => String::new(),
                    };
                    context.report(&format!("{status} {}{more}", sent.at), &());
                }
                One {
                    name: Some(sent.at.to_string()),
                    agent,
                    status,
                    reply: reply.map(|reply| reply.content),
                    error: None,
                }
            }
            Err(failure) => {
                worst = worst.max(failure.exit());
                context.fail(&failure);
                One {
                    agent,
                    name: None,
                    status: "failed",
                    reply: None,
                    error: Some(failure.document()),
                }
            }
        };
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
