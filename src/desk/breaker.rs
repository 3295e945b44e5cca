//! The loop breaker: stops two agents that only repeat themselves to each other. Pure.
//!
//! Why: on a real day of the original's successors 193 of 360 messages were at least 90 % like one of the pair's
//! previous five, and one message had 28 replies. Not here: whether a message is a retry under a known key (it
//! is delivered once anyway, so it must not be judged), and `--force`.

use std::time::Duration;

use crate::names::{AgentId, Class, Draft, Explain, Kind, Limits, MessageId, SYSTEM, USER};
use crate::time::Timestamp;

/// As much of a content as is compared, in bytes.
const HEAD: usize = 1024;

/// What a sender sent to a recipient before.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) content: String,
    pub(super) reply_to: Option<MessageId>,
    pub(super) at: Timestamp,
}

/// Why a message is taken for a part of a loop.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Loop {
    #[error(
        "{from} replied to {message} {given} times within {}, the limit is {limit}",
        span(*within)
    )]
    Replies {
        from: AgentId,
        message: MessageId,
        given: usize,
        limit: u32,
        within: Duration,
    },
    #[error("this makes {hops} answers in a row, the limit is {limit}")]
    Hops { hops: u32, limit: u32 },
    #[error(
        "this is {percent} % like what {from} sent {to} at {at}, the limit is {limit} % within {}",
        span(*within)
    )]
    Similar {
        from: AgentId,
        to: AgentId,
        at: Timestamp,
        percent: u32,
        limit: u32,
        within: Duration,
    },
}

impl Explain for Loop {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hint(&self) -> Option<String> {
        let instead = match self {
            Self::Replies { .. } | Self::Similar { .. } => "say something new",
            Self::Hops { .. } => "let a person answer, or begin anew",
        };
        Some(format!("{instead}, or send it all the same with --force"))
    }
}

/// `recent` is what this sender sent to this recipient, newest first: all of the last `limits.within` seconds,
/// or at least `limits.similar_window` and every reply to the same message.
pub(super) fn judge(
    limits: &Limits,
    draft: &Draft,
    recent: &[Recent],
    now: Timestamp,
) -> Result<(), Loop> {
    if !obeys(draft) {
        return Ok(());
    }
    if draft.hops > limits.most_hops {
        return Err(Loop::Hops {
            hops: draft.hops,
            limit: limits.most_hops,
        });
    }
    let within = Duration::from_secs(limits.within);
    let is_fresh = |old: &&Recent| now.since(old.at) <= within;

    if let Some(message) = draft.reply_to {
        let is_reply = |old: &&Recent| old.reply_to == Some(message);
        let given = recent.iter().filter(is_fresh).filter(is_reply).count();
        if given >= limits.replies_per_message as usize {
            return Err(Loop::Replies {
                from: draft.from.clone(),
                message,
                given,
                limit: limits.replies_per_message,
                within,
            });
        }
    }
    // What is sealed is like nothing else, whatever it says: nobody knows but its recipient.
    if draft.is_sealed() {
        return Ok(());
    }
    let window = recent.iter().take(limits.similar_window as usize);
    for old in window.filter(is_fresh) {
        if let Some(likeness) = alike(&draft.content, &old.content, limits.similarity) {
            return Err(Loop::Similar {
                from: draft.from.clone(),
                to: draft.to.clone(),
                at: old.at,
                percent: percent(likeness),
                limit: percent(limits.similarity),
                within,
            });
        }
    }
    Ok(())
}

/// People and the toolkit itself are never held up, nor is what is urgent.
pub(super) fn obeys(draft: &Draft) -> bool {
    let is_free = |id: &AgentId| matches!(id.as_str(), USER | SYSTEM);
    let is_urgent = match draft.mode.class() {
        Class::Urgent => true,
        Class::System | Class::Normal | Class::Bulk => false,
    };
    !is_urgent && !is_free(&draft.from) && !is_free(&draft.to)
}

/// How alike two contents are, if at least `least`: 1 less the edit distance of their first KiB, as a share of
/// the longer one's characters.
fn alike(a: &str, b: &str, least: f64) -> Option<f64> {
    let (a, b) = (head(a), head(b));
    if a == b {
        return Some(1.0);
    }
    let (a_chars, b_chars) = (a.chars().count(), b.chars().count());
    let longest = a_chars.max(b_chars);
    let allowed = edits_allowed(longest, least);
    if a_chars.abs_diff(b_chars) > allowed {
        return None;
    }
    // What both begin and end with does not count; templates shrink to what was filled in.
    let (a, b) = without_common_ends(a, b);
    if edits_at_least(a, b) > allowed {
        return None;
    }
    let edits = strsim::levenshtein(a, b);
    (edits <= allowed).then(|| share_left(edits, longest))
}

/// The first KiB, less a character that would be cut.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(HEAD)]
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 1024, never negative"
)]
fn edits_allowed(longest: usize, least: f64) -> usize {
    // 0.1 of 10 characters is one edit, though 1.0 - 0.9 is a little less than 0.1.
    ((1.0 - least) * longest as f64 + 1e-9) as usize
}

#[expect(clippy::cast_precision_loss, reason = "at most 1024")]
fn share_left(edits: usize, longest: usize) -> f64 {
    1.0 - edits as f64 / longest as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1"
)]
fn percent(share: f64) -> u32 {
    // Rounded down, so that 100 % is said of equals only.
    (share * 100.0 + 1e-9) as u32
}

fn without_common_ends<'t>(a: &'t str, b: &'t str) -> (&'t str, &'t str) {
    let same = |(x, y): &(char, char)| x == y;
    let bytes = |(x, _): (char, char)| x.len_utf8();
    let start: usize = a.chars().zip(b.chars()).take_while(same).map(bytes).sum();
    let (a, b) = (&a[start..], &b[start..]);
    let backwards = a.chars().rev().zip(b.chars().rev());
    let end: usize = backwards.take_while(same).map(bytes).sum();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// A lower bound of the edit distance, in one pass over each: an edit changes at most two pairs of neighbours
/// in either text, so that four pairs that only one text has are at least one edit. Two texts of one language
/// with nothing else in common are told apart without the quadratic comparison.
fn edits_at_least(a: &str, b: &str) -> usize {
    // Pairs that share a counter only hide a difference: the bound stays a bound.
    const COUNTERS: usize = 1024;
    let mut balance = [0i32; COUNTERS];
    let mut count = |text: &str, step: i32| {
        for (one, next) in text.chars().zip(text.chars().skip(1)) {
            let pair = (one as usize).wrapping_mul(31).wrapping_add(next as usize);
            balance[pair % COUNTERS] += step;
        }
    };
    count(a, 1);
    count(b, -1);
    let unmatched: u32 = balance.iter().map(|n| n.unsigned_abs()).sum();
    unmatched.div_ceil(4) as usize
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::Mode;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);
    const MESSAGE: MessageId = MessageId::from_bits(7);

    fn draft(content: &str) -> Draft {
        let id = |name| AgentId::parse(name).unwrap();
        Draft::new(id("agent-1"), id("agent-2"), content)
    }

    fn reply(content: &str) -> Draft {
        Draft {
            reply_to: Some(MESSAGE),
            ..draft(content)
        }
    }

    fn ago(seconds: i64, content: &str) -> Recent {
        Recent {
            content: content.into(),
            reply_to: None,
            at: Timestamp::from_unix_ms(NOW.unix_ms() - seconds * 1000),
        }
    }

    fn replied(seconds: i64, content: &str) -> Recent {
        Recent {
            reply_to: Some(MESSAGE),
            ..ago(seconds, content)
        }
    }

    fn judged(draft: &Draft, recent: &[Recent]) -> Result<(), Loop> {
        judge(&Limits::default(), draft, recent, NOW)
    }

    #[test]
    fn what_is_sealed_is_like_nothing_but_its_answers_are_counted() {
        let armored = "-----BEGIN AGE ENCRYPTED FILE-----";
        let mut sealed = draft(armored);
        assert!(judged(&sealed, &[ago(1, armored)]).is_err());
        sealed.seal(armored.into());
        assert_eq!(judged(&sealed, &[ago(1, armored)]), Ok(()));
        let recent = ["alpha", "bravo", "charlie"].map(|text| replied(60, text));
        sealed.reply_to = Some(MESSAGE);
        assert!(judged(&sealed, &recent).is_err());
    }

    #[test]
    fn the_fourth_reply_to_one_message_is_refused() {
        let recent = ["alpha", "bravo", "charlie"].map(|text| replied(60, text));
        assert_eq!(judged(&reply("delta"), &recent[..2]), Ok(()));
        let refused = judged(&reply("delta"), &recent).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "agent-1 replied to 00000000000000000000000007 3 times within 10 min, the limit is 3"
        );
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(refused.hint().unwrap().contains("--force"));
        let other = Draft {
            reply_to: Some(MessageId::from_bits(8)),
            ..draft("delta")
        };
        assert_eq!(
            judged(&other, &recent),
            Ok(()),
            "a reply to another message"
        );
        assert_eq!(judged(&draft("delta"), &recent), Ok(()), "no reply");
        let old = ["alpha", "bravo", "charlie"].map(|text| replied(601, text));
        assert_eq!(judged(&reply("delta"), &old), Ok(()), "too long ago");
    }

    #[test]
    fn an_answer_too_far_from_what_was_said_first_is_refused() {
        let deep = |hops| Draft {
            hops,
            ..reply("something new")
        };
        assert_eq!(judged(&deep(64), &[]), Ok(()));
        let refused = judged(&deep(65), &[]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this makes 65 answers in a row, the limit is 64"
        );
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(refused.hint().unwrap().contains("--force"));
        let strict = Limits {
            most_hops: 2,
            ..Limits::default()
        };
        assert_eq!(judge(&strict, &deep(2), &[], NOW), Ok(()));
        assert!(judge(&strict, &deep(3), &[], NOW).is_err());
    }

    #[test]
    fn what_is_nine_tenths_like_one_of_the_previous_five_is_refused() {
        let mut recent: Vec<Recent> = ["one", "two", "three", "four"]
            .map(|text| ago(1, text))
            .into();
        recent.push(ago(600, "0123456789"));
        let refused = judged(&draft("012345678X"), &recent).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this is 90 % like what agent-1 sent agent-2 at 2027-01-15T07:50:00.000Z, the limit is 90 % within 10 min"
        );
        assert_eq!(judged(&draft("01234567XX"), &recent), Ok(()), "80 %");
        recent.insert(0, ago(1, "zero"));
        assert_eq!(
            judged(&draft("0123456789"), &recent),
            Ok(()),
            "the sixth is not looked at"
        );
        assert_eq!(
            judged(&draft("0123456789"), &[ago(601, "0123456789")]),
            Ok(()),
            "too long ago"
        );
        let later = [ago(-5, "0123456789")];
        assert!(
            judged(&draft("0123456789"), &later).is_err(),
            "the clock was set back"
        );
    }

    #[test]
    fn urgent_mail_and_the_user_s_and_the_system_s_are_never_held_up() {
        let recent = [1, 2, 3].map(|seconds| replied(seconds, "again"));
        let again = reply("again");
        for mode in Mode::ALL {
            let draft = Draft {
                mode: *mode,
                ..again.clone()
            };
            let free = matches!(mode, Mode::Priority | Mode::Captain);
            assert_eq!(judged(&draft, &recent).is_ok(), free, "{mode}");
        }
        for id in [AgentId::user(), AgentId::system()] {
            let from = Draft {
                from: id.clone(),
                ..again.clone()
            };
            let to = Draft {
                to: id.clone(),
                ..again.clone()
            };
            assert_eq!(judged(&from, &recent), Ok(()), "from {id}");
            assert_eq!(judged(&to, &recent), Ok(()), "to {id}");
        }
        let captain = Draft {
            from: AgentId::captain(),
            ..again
        };
        assert!(
            judged(&captain, &recent).is_err(),
            "the captain's ordinary mail"
        );
    }

    #[test]
    fn only_the_first_kib_is_compared() {
        let same = "é".repeat(600);
        let (a, b) = (
            format!("{same}{}", "a".repeat(9000)),
            format!("{same}{}", "b".repeat(9000)),
        );
        assert_eq!(alike(&a, &b, 1.0), Some(1.0));
        assert_eq!(alike(&format!("x{same}"), &same, 1.0), None);
    }

    #[test]
    fn limits_can_be_turned_off_and_up() {
        let recent = [ago(1, "again")];
        let off = Limits {
            similar_window: 0,
            ..Limits::default()
        };
        assert_eq!(judge(&off, &draft("again"), &recent, NOW), Ok(()));
        let equal_only = Limits {
            similarity: 1.0,
            ..Limits::default()
        };
        assert_eq!(judge(&equal_only, &draft("agaim"), &recent, NOW), Ok(()));
        assert!(judge(&equal_only, &draft("again"), &recent, NOW).is_err());
    }

    /// Two texts of which the second is the first after a few edits, or something else.
    fn two_texts() -> impl Strategy<Value = (String, String)> {
        let text = "[a-cé ]{0,60}";
        let edited = (
            text,
            proptest::collection::vec((any::<prop::sample::Index>(), "[a-cé]{0,2}"), 0..8),
        )
            .prop_map(|(text, edits)| {
                let mut chars: Vec<String> = text.chars().map(String::from).collect();
                for (at, new) in edits {
                    if !chars.is_empty() {
                        let at = at.index(chars.len());
                        chars[at] = new;
                    }
                }
                (text, chars.concat())
            });
        prop_oneof![edited, (text, text)]
    }

    proptest! {
        /// The short cuts never change what the plain definition says.
        #[test]
        fn what_is_refused_is_exactly_what_is_alike_enough((a, b) in two_texts(), least in 0.5f64..=1.0) {
            let plain = strsim::normalized_levenshtein(&a, &b);
            prop_assume!((plain - least).abs() > 1e-6);
            let found = alike(&a, &b, least);
            prop_assert_eq!(found.is_some(), plain > least, "{} alike", plain);
            if let Some(found) = found {
                prop_assert!((found - plain).abs() < 1e-9);
                prop_assert!(found <= 1.0 && found >= least);
            }
            prop_assert_eq!(found, alike(&b, &a, least));
        }

        #[test]
        fn the_bound_is_never_above_the_distance((a, b) in two_texts()) {
            prop_assert!(edits_at_least(&a, &b) <= strsim::levenshtein(&a, &b));
            let (x, y) = without_common_ends(&a, &b);
            prop_assert_eq!(strsim::levenshtein(x, y), strsim::levenshtein(&a, &b));
        }

        #[test]
        fn any_two_texts_can_be_compared(a in ".{0,1500}", b in ".{0,1500}") {
            prop_assert_eq!(alike(&a, &a, 1.0), Some(1.0));
            prop_assert_eq!(alike(&a, &b, 0.9), alike(&b, &a, 0.9));
        }
    }
}
