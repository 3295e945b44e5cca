//! What all orders have in common: how long they wait, and what is said about several.

use std::time::Duration;

use dreamos::cli::{Context, Failure, Table, first_line};
use dreamos::time::parse_span;

use super::phone::deliver::Delivery;
use super::phone::sealed::legible;
use super::phone::wait::{Stage, Wait};

// No doc comment: clap would take it for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct Patience {
    /// Wait until it was announced, read, acked or answered
    #[arg(
        long,
        value_enum,
        value_name = "announced|read|ack|reply",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "ack")]
    wait: Option<Stage>,
    /// Do not wait for the acknowledgement
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Wait no longer than this (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30s")]
    #[arg(conflicts_with = "no_wait")]
    timeout: Duration,
    /// Tell the recipient again so many times while waiting
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        conflicts_with = "no_wait"
    )]
    retries: u32,
}

impl Patience {
    pub(crate) fn wait(&self) -> Option<Wait> {
        (!self.no_wait).then(|| Wait {
            stage: self.wait.unwrap_or(Stage::Ack).into(),
            timeout: self.timeout,
            retries: self.retries,
        })
    }
}

/// Who has done what with it.
pub(crate) fn print_results(context: &Context, deliveries: &[Delivery]) -> Result<(), Failure> {
    let mut table = Table::new(&["AGENT", "ORDER", "STATUS", ""]);
    for delivery in deliveries {
        let agent = delivery.to.to_string();
        let row = match (&delivery.sent, &delivery.waited) {
            (Err(failure), _) => {
                vec![
                    agent,
                    "-".into(),
                    "failed".into(),
                    first_line(failure.message(), 200),
                ]
            }
            (Ok(sent), Some(waited)) => {
                let reply = waited
                    .reply
                    .as_ref()
                    .map(|reply| first_line(&legible(reply), 60));
                let reply = context.shown(&reply.unwrap_or_default()).into_owned();
                vec![agent, sent.at.to_string(), waited.status.to_owned(), reply]
            }
            (Ok(sent), None) => {
                vec![agent, sent.at.to_string(), "queued".into(), String::new()]
            }
        };
        table.row(row);
    }
    Ok(context.print_table(&table)?)
}
