//! What was counted, as figures. Pure.

use super::family::{Bucket, Family, Histogram, float};
use super::totals::{ACK_BOUNDS, Folded, Spans, WAIT_BOUNDS};
use crate::names::{Channel, Level};

pub(super) fn families(folded: &Folded) -> Vec<Family> {
    let totals = &folded.totals;
    let mut all = of_channels(folded);
    all.push(words(
        "dreamos_messages_delivered_total",
        "How far messages came: the recipient was told, saw it, took it, acknowledged it, answered it. \
         A message that is taken twice counts twice.",
        "stage",
        &[
            ("announced", totals.announced),
            ("read", totals.read),
            ("taken", totals.taken),
            ("acked", totals.acked),
            ("replied", totals.replied),
        ],
    ));
    all.push(words(
        "dreamos_messages_dead_total",
        "Messages that were closed without having been done, by why.",
        "reason",
        &[
            ("expired", totals.expired),
            ("attempts", totals.given_up),
            ("discarded", totals.discarded),
            ("recalled", totals.recalled),
        ],
    ));
    all.push(Family::histogram(
        "dreamos_message_ack_seconds",
        "From the acceptance of a message to its acknowledgement.",
        histogram(&totals.acks, &ACK_BOUNDS),
    ));
    all.push(Family::histogram(
        "dreamos_lock_wait_seconds",
        "Waits for locks of a millisecond and more, of programs that wrote a line afterwards.",
        histogram(&totals.waits, &WAIT_BOUNDS),
    ));
    all.push(words(
        "dreamos_task_runs_total",
        "Work on tasks that ended: well, badly for good, badly and tried again, or because its claim lapsed.",
        "result",
        &[
            ("completed", totals.runs.completed),
            ("failed", totals.runs.failed),
            ("retried", totals.runs.retried),
            ("lapsed", totals.runs.lapsed),
        ],
    ));
    all
}

fn of_channels(folded: &Folded) -> Vec<Family> {
    let mut lines = Family::counter("dreamos_log_lines_total", "Events in the logs.");
    let mut foreign = Family::counter(
        "dreamos_log_foreign_lines_total",
        "Lines in the logs that are no event: torn ones, and those of others.",
    );
    let mut lost = Family::counter(
        "dreamos_log_segments_lost_total",
        "At least so many logs were removed or spoilt before they were counted to their end.",
    );
    let mut sent = Family::counter(
        "dreamos_messages_sent_total",
        "Messages accepted, by the log that tells of them; and verbs that were refused.",
    );
    for (name, own) in &folded.channels {
        for level in Level::ALL {
            let labels = [("level", level.as_str()), ("channel", name)];
            lines.add(&labels, float(own.lines.of(level)));
        }
        foreign.add(&[("channel", name)], float(own.foreign));
        lost.add(&[("channel", name)], float(own.lost));
        // Mail is told of in these; a refusal in the first.
        let is_of_mail = [Channel::System, Channel::Messages, Channel::Captain]
            .iter()
            .any(|channel| channel.as_str() == name);
        if is_of_mail {
            sent.add(&[("channel", name), ("result", "queued")], float(own.sent));
            sent.add(
                &[("channel", name), ("result", "refused")],
                float(own.refused),
            );
        }
    }
    vec![lines, foreign, lost, sent]
}

fn words(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    counts: &[(&str, u64)],
) -> Family {
    let mut family = Family::counter(name, help);
    for (word, count) in counts {
        family.add(&[(label, word)], float(*count));
    }
    family
}

fn histogram<const N: usize>(spans: &Spans<N>, bounds: &[f64; N]) -> Histogram {
    let buckets = spans.cumulative(bounds).into_iter();
    Histogram {
        buckets: buckets.map(|(le, count)| Bucket { le, count }).collect(),
        sum: spans.sum(),
        count: spans.count(),
    }
}
