//! Text that a program types, then Enter, until the screen shows that something came of it. Pure.
//!
//! Interactive agents take an Enter that comes with the text for a line break of it, and lose one now and then.

type Ms = u64;

/// Between the text and Enter, at least.
const PAUSE: Ms = 120;
/// How long the screen may take to change.
const CHANGE: Ms = 1_000;
/// How long a child may take to take what was typed.
const TAKEN: Ms = 10_000;
const MOST_TRIES: u32 = 3;

pub(super) struct Typing {
    stage: Stage,
    since: Ms,
    /// What the screen looked like before.
    before: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Text { enter: bool },
    Enter { tries: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    PressEnter,
    Done { screen_changed: bool },
}

impl Typing {
    /// The text is written now.
    pub(super) const fn text(enter: bool, screen: String, now: Ms) -> Self {
        Self {
            stage: Stage::Text { enter },
            since: now,
            before: screen,
        }
    }

    /// There is no text: Enter is pressed now.
    pub(super) const fn enter(screen: String, now: Ms) -> Self {
        Self {
            stage: Stage::Enter { tries: 1 },
            since: now,
            before: screen,
        }
    }

    /// When to ask again, if the screen does not change before.
    pub(super) fn deadline(&self, now: Ms) -> Ms {
        let all = [PAUSE, CHANGE, TAKEN].map(|span| self.since + span);
        all.into_iter().find(|at| *at > now).unwrap_or(now + CHANGE)
    }

    /// `is_taken`: the child has read whatever was typed up to now.
    pub(super) fn next(&mut self, is_taken: bool, screen: String, now: Ms) -> Next {
        let is_late = |span| now >= self.since + span;
        if !is_taken {
            let screen_changed = false;
            return if is_late(TAKEN) {
                Next::Done { screen_changed }
            } else {
                Next::Wait
            };
        }
        let screen_changed = screen != self.before;
        let is_settled = screen_changed || is_late(CHANGE);
        match self.stage {
            Stage::Text { enter: true } if is_settled && is_late(PAUSE) => {
                self.press(1, screen, now)
            }
            Stage::Enter { tries } if !screen_changed && is_late(CHANGE) && tries < MOST_TRIES => {
                self.press(tries + 1, screen, now)
            }
            Stage::Text { enter: false } | Stage::Enter { .. } if is_settled => {
                Next::Done { screen_changed }
            }
            Stage::Text { .. } | Stage::Enter { .. } => Next::Wait,
        }
    }

    fn press(&mut self, tries: u32, screen: String, now: Ms) -> Next {
        *self = Self {
            stage: Stage::Enter { tries },
            since: now,
            before: screen,
        };
        Next::PressEnter
    }
}

/// Text and nothing that is a key of its own: an escape, a return or a Ctrl-C is not typed by accident.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(typing: &mut Typing, screen: &str, now: Ms) -> Next {
        typing.next(true, screen.into(), now)
    }

    const CHANGED: Next = Next::Done {
        screen_changed: true,
    };
    const UNCHANGED: Next = Next::Done {
        screen_changed: false,
    };

    #[test]
    fn enter_comes_after_the_pause_and_once_the_text_is_seen() {
        let mut typing = Typing::text(true, "$ ".into(), 1_000);
        assert_eq!(next(&mut typing, "$ ls", 1_005), Next::Wait);
        assert_eq!(typing.deadline(1_005), 1_120);
        assert_eq!(next(&mut typing, "$ ls", 1_120), Next::PressEnter);
        assert_eq!(next(&mut typing, "$ ls", 1_130), Next::Wait);
        assert_eq!(next(&mut typing, "a b\n$ ", 1_140), CHANGED);
    }

    #[test]
    fn a_text_that_is_not_shown_holds_enter_up_for_a_while_only() {
        let mut typing = Typing::text(true, "Password:".into(), 0);
        assert_eq!(next(&mut typing, "Password:", PAUSE), Next::Wait);
        assert_eq!(typing.deadline(PAUSE), CHANGE);
        assert_eq!(next(&mut typing, "Password:", CHANGE), Next::PressEnter);
    }

    #[test]
    fn enter_is_tried_three_times() {
        let mut typing = Typing::enter("> ".into(), 0);
        assert_eq!(next(&mut typing, "> ", CHANGE), Next::PressEnter);
        assert_eq!(next(&mut typing, "> ", 2 * CHANGE), Next::PressEnter);
        assert_eq!(next(&mut typing, "> ", 3 * CHANGE - 1), Next::Wait);
        assert_eq!(next(&mut typing, "> ", 3 * CHANGE), UNCHANGED);
    }

    #[test]
    fn without_enter_the_first_change_is_the_answer() {
        let mut typing = Typing::text(false, String::new(), 0);
        assert_eq!(next(&mut typing, "", 10), Next::Wait);
        assert_eq!(next(&mut typing, "x", 20), CHANGED);
        assert_eq!(
            next(&mut Typing::text(false, String::new(), 0), "", CHANGE),
            UNCHANGED
        );
    }

    #[test]
    fn a_child_that_does_not_read_is_given_up() {
        let mut typing = Typing::text(true, String::new(), 0);
        assert_eq!(typing.next(false, String::new(), CHANGE), Next::Wait);
        assert_eq!(typing.deadline(CHANGE), TAKEN);
        assert_eq!(typing.next(false, "x".into(), TAKEN), UNCHANGED);
    }

    #[test]
    fn keys_are_no_text() {
        assert_eq!(plain("a\x1b[31mb\r\n\tc\u{9b}\x03\x7fä"), "a[31mb\n\tcä");
    }
}
