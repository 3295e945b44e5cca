//! What became of starts and stops, one line each.

use dreamos::agents::state::State;
use dreamos::cli::{Context, Exit, Failure};
use dreamos::desk::{self, Started, Stopped};
use dreamos::names::AgentId;
use serde::Serialize;

#[derive(Serialize)]
struct Results<T> {
    schema: &'static str,
    results: Vec<T>,
}

#[derive(Serialize)]
struct Start<'a> {
    agent: &'a AgentId,
    /// `running`, `already`, `failed`
    result: &'static str,
    /// `null`: nobody could say.
    state: Option<&'a State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

type Done<T> = Result<T, desk::Error>;

/// Says how each start went; the exit code is that of the worst.
pub(crate) fn starts(context: &Context, starts: Vec<(AgentId, Done<Started>)>) -> Exit {
    let mut worst = Exit::DONE;
    let starts: Vec<(AgentId, Result<Started, Failure>)> = starts
        .into_iter()
        .map(|(id, started)| (id, started.map_err(Failure::from)))
        .collect();
    for (id, started) in &starts {
        match started {
            Ok(Started::Running(state)) => line(context, &format!("running {id}{}", pid(state))),
            Ok(Started::Already(state)) => {
                let state_word = state.state.as_str();
                line(context, &format!("already {state_word} {id}{}", pid(state)));
            }
            Ok(Started::Failed { .. }) => worst = worst.max(Exit::NO),
            Err(failure) => worst = worst.max(failure.exit()),
        }
    }
    if context.format().is_json() {
        let results = starts.iter().map(|(id, started)| document(id, started));
        context.report(
            "",
            &Results {
                schema: "dreamos.starts/1",
                results: results.collect(),
            },
        );
    }
    for (id, started) in &starts {
        match started {
            Ok(Started::Failed {
                state, why, output, ..
            }) => context.complain(&not_started(id, state, why, output)),
            Err(failure) => context.fail(failure),
            Ok(Started::Running(_) | Started::Already(_)) => {}
        }
    }
    worst
}

fn line(context: &Context, text: &str) {
    if !context.format().is_json() {
        context.report(text, &());
    }
}

fn pid(state: &State) -> String {
    let child = state.child.map(|child| format!(" (pid {})", child.pid));
    child.unwrap_or_default()
}

fn not_started(id: &AgentId, state: &State, why: &str, output: &str) -> String {
    let next = match state.next_start {
        Some(at) => format!(" at {at}"),
        None => String::new(),
    };
    let mut text = format!(
        "error: {id} does not run: {why}; it {}{next}",
        state.state.in_words()
    );
    let lines: Vec<&str> = output.lines().collect();
    for line in &lines[lines.len().saturating_sub(10)..] {
        text.push_str("\n  | ");
        text.push_str(line);
    }
    text
}

fn document<'a>(agent: &'a AgentId, started: &'a Result<Started, Failure>) -> Start<'a> {
    let (result, state, output, error) = match started {
        Ok(Started::Running(state)) => ("running", Some(&**state), None, None),
        Ok(Started::Already(state)) => ("already", Some(&**state), None, None),
        Ok(Started::Failed { state, output, .. }) => {
            ("failed", Some(&**state), Some(output.as_str()), None)
        }
        Err(failure) => ("failed", None, None, Some(failure.document())),
    };
    Start {
        agent,
        result,
        state,
        output,
        error,
    }
}

#[derive(Serialize)]
struct Stop<'a> {
    agent: &'a AgentId,
    /// `stopped`, `already`, `never`, `failed`
    result: &'static str,
    /// `null`: nobody could say.
    killed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// Says how each stop went; the exit code is that of the worst.
pub(crate) fn stops(context: &Context, stops: Vec<(AgentId, Done<Stopped>)>) -> Exit {
    let mut worst = Exit::DONE;
    let mut results = Vec::new();
    let stops: Vec<(AgentId, Result<Stopped, Failure>)> = stops
        .into_iter()
        .map(|(id, stopped)| (id, stopped.map_err(Failure::from)))
        .collect();
    for (agent, stopped) in &stops {
        let (result, killed, error) = match stopped {
            Ok(Stopped { state: None, .. }) => ("never", Some(0), None),
            Ok(stopped) if stopped.was_over => ("already", Some(stopped.killed), None),
            Ok(stopped) => ("stopped", Some(stopped.killed), None),
            Err(failure) => {
                worst = worst.max(failure.exit());
                context.fail(failure);
                ("failed", None, Some(failure.document()))
            }
        };
        let forced = match killed {
            None | Some(0) => String::new(),
            Some(n) => format!(" (processes that had to be killed: {n})"),
        };
        match result {
            "never" => line(context, &format!("never started {agent}")),
            "already" => line(context, &format!("already stopped {agent}")),
            "stopped" => line(context, &format!("stopped {agent}{forced}")),
            _ => {}
        }
        results.push(Stop {
            agent,
            result,
            killed,
            error,
        });
    }
    if context.format().is_json() {
        context.report(
            "",
            &Results {
                schema: "dreamos.stops/1",
                results,
            },
        );
    }
    worst
}
