//! Lines that come faster than they can be said: the newest few wait, the others are counted. Pure.

use std::collections::VecDeque;

/// So many lines wait at most: whoever listens wants to know what is, not what was.
const MOST: usize = 3;

/// What waits to be said.
#[derive(Debug, Default)]
pub struct Backlog {
    lines: VecDeque<String>,
    skipped: u64,
}

impl Backlog {
    pub fn push(&mut self, line: String) {
        if self.lines.len() == MOST {
            self.lines.pop_front();
            self.skipped += 1;
        }
        self.lines.push_back(line);
    }

    /// What is to be said next; before it, how many lines nobody will hear.
    pub fn pop(&mut self) -> Option<String> {
        let line = self.lines.pop_front()?;
        match std::mem::take(&mut self.skipped) {
            0 => Some(line),
            more => Some(format!("{more} more. {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(backlog: &mut Backlog, lines: std::ops::Range<u32>) {
        for n in lines {
            backlog.push(format!("line {n}"));
        }
    }

    fn popped(backlog: &mut Backlog) -> Vec<String> {
        std::iter::from_fn(|| backlog.pop()).collect()
    }

    #[test]
    fn what_comes_slowly_is_said_line_by_line() {
        let mut backlog = Backlog::default();
        pushed(&mut backlog, 0..2);
        assert_eq!(popped(&mut backlog), ["line 0", "line 1"]);
        assert_eq!(popped(&mut backlog), [""; 0]);
    }

    #[test]
    fn of_many_lines_the_newest_are_said_and_the_others_counted_once() {
        let mut backlog = Backlog::default();
        pushed(&mut backlog, 0..1_000_000);
        assert_eq!(
            popped(&mut backlog),
            ["999997 more. line 999997", "line 999998", "line 999999"]
        );
        pushed(&mut backlog, 0..1);
        assert_eq!(popped(&mut backlog), ["line 0"]);
    }
}
