//! Many messages at once: JSON lines in, one write and one flush.

use dreamos::cli::{Context, Error, Exit, Failure, Format, whole_text};
use dreamos::desk::{self, Desk};
use dreamos::mailbox::{Sent, Status};
use dreamos::names::{AgentId, Mode};
use dreamos::time::Now;

use super::phone::deliver::sent_document;
use super::phone::letter::{Letter, Threading};

/// Above this the lines would not fit into the memory that we promise to stay within.
const LONGEST_BATCH: usize = 256 << 20;

pub(crate) fn send(
    context: &Context,
    desk: &Desk,
    recipients: &[AgentId],
    path: &str,
    letter: &Letter,
    threading: &Threading,
) -> Result<Exit, Failure> {
    let now = Now::read();
    let lines = whole_text(path, LONGEST_BATCH + 1)?;
    if lines.len() > LONGEST_BATCH {
        return Err(Error::usage(format!("a batch is longer than {LONGEST_BATCH} bytes")).into());
    }
    let goes_on_with = threading.links(desk)?;
    let unknown = threading.unknown();
    // All are read before the first is sent: a slip in the last line sends nothing.
    let mut batches = Vec::new();
    for to in recipients {
        let mut model = letter.draft(desk, to, String::new(), Mode::Normal, unknown, now)?;
        goes_on_with.link(&mut model);
        batches.push((to, desk::batch(&model, &lines, now)?));
    }
    for (to, drafts) in batches {
        let sent = desk.send_batch(to, drafts, unknown, letter.breaker(), now);
        let sent = sent.map_err(|error| {
            let on_lines = desk::batch_lines(&lines).map(|(number, _)| number);
            Failure::from(error).on_lines(on_lines)
        })?;
        for sent in sent {
            report(context, to, &sent);
        }
    }
    Ok(Exit::DONE)
}

fn report(context: &Context, to: &AgentId, sent: &Sent) {
    let (at, pending) = (&sent.at, sent.pending);
    let line = match context.format() {
        Format::Json | Format::Jsonl => String::new(),
        _ if sent.repeated => {
            let status = sent.status.map_or("sent", Status::as_str);
            format!("already {status} {at}")
        }
        _ => format!("queued {at} ({pending} unread), not yet read"),
    };
    context.report(&line, &sent_document(to, sent));
}
